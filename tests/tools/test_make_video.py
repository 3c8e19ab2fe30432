"""tools/make_video.py: what it writes is read back as it was made."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from vision.datasets.video.coco_vid_file import read_coco_vid
from vision.datasets.video.mot_folders import MOTRules, read_mot_sequence
from vision.datasets.video.records import Problems
from vision.datasets.video.synthetic import SHAPES, Clip, clip_maker
from vision.images import read_image
from vision.metrics.video.sequences import mot_sequences

TOOL = Path(__file__).resolve().parents[2] / "tools/make_video.py"
SMALL = ["--frames", "5", "--size", "64", "96", "--seed", "3", "--objects", "4", "6", "--degraded", "0.4"]
Capture = pytest.CaptureFixture[str]


def run(*arguments: object) -> int:
    try:
        return int(runpy.run_path(str(TOOL))["main"](list(map(str, arguments))))
    except SystemExit as stop:
        assert isinstance(stop.code, int)
        return stop.code


def made(classes: str) -> Clip:
    """The clip of `SMALL`."""
    return clip_maker((64, 96), classes, 0.4, objects=(4, 6), seed=3).make((3,), 5)


def instances(clip: Clip, number: int) -> list[tuple[object, ...]]:
    objects = clip.objects(number)
    columns = (objects.boxes.tolist(), objects.labels.tolist(), (objects.visibility < 0.15).tolist())
    return list(zip(*columns, strict=True))


def read(frame: dict) -> list[tuple[object, ...]]:
    return [(one["bbox"], one["bbox_label"], bool(one["ignore_flag"])) for one in frame["instances"]]


@pytest.mark.parametrize(
    ("classes", "numbers"),
    [("people", {"person": (1,)}), ("shapes", {name: (n,) for n, name in enumerate(SHAPES[:4], 1)})],
)
def test_a_folder_is_read_back_as_it_was_made(
    classes: str, numbers: dict[str, tuple[int, ...]], tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "new/clip"
    assert run(out, "--classes", classes, *SMALL) == 0
    clip = made(classes)
    problems = Problems()
    [coco], names = read_coco_vid(out / "annotations.json", out, problems=problems)
    mot = read_mot_sequence(out, rules=MOTRules(numbers, ()), problems=problems)
    assert names == clip.classes == tuple(numbers) and not problems.lines()
    assert coco["video_name"] == mot["video_name"] == "clip" and mot["video_length"] == 5
    tracks: dict[int, set[int]] = {}
    for number, (of_coco, of_mot) in enumerate(zip(coco["images"], mot["images"], strict=True)):
        assert read(of_coco) == read(of_mot) == instances(clip, number)
        assert [one["instance_id"] - 1 for one in of_mot["instances"]] == clip.objects(number).track_ids.tolist()
        for ours, theirs in zip(of_mot["instances"], of_coco["instances"], strict=True):
            tracks.setdefault(ours["instance_id"], set()).add(theirs["instance_id"])
        assert of_coco["degraded"] == bool(clip.fault(number))
        np.testing.assert_array_equal(read_image(of_coco["img_path"]), clip.frame(number))
        assert of_mot["img_path"] == of_coco["img_path"]
    # One track there for each one here.
    assert all(len(found) == 1 for found in tracks.values()) and len(set.union(*tracks.values())) == len(tracks) > 1
    count = sum(len(clip.objects(number).boxes) for number in range(5))
    assert capsys.readouterr().out == f"wrote {out}: 5 frames, {count} boxes\n"
    assert sum(frame["degraded"] for frame in coco["images"]) == 2


def test_a_video_with_its_boxes(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    video, boxes = tmp_path / "clip.mp4", tmp_path / "gt.txt"
    assert run(video, "--gt", boxes, "--classes", "people", "--fps", 10, *SMALL) == 0
    clip = made("people")
    with av.open(str(video)) as container:
        [stream] = container.streams
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert stream.codec_context.name == "h264" and stream.average_rate == 10
    assert len(frames) == 5
    for number, frame in enumerate(frames):
        assert np.abs(frame.astype(int) - clip.frame(number)).mean() < 12
    [sequence] = mot_sequences(tmp_path)
    assert sequence.source == video
    for number, truth in sequence.truth.items():
        assert truth.boxes.tolist() == clip.objects(number).boxes.tolist()


def test_what_is_there_stays(tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("av")
    folder, video, boxes = tmp_path / "folder", tmp_path / "a.mp4", tmp_path / "gt.txt"
    folder.mkdir()
    for path in (folder / "mine.txt", video, boxes):
        path.write_text("mine")
    for arguments, message in (
        ([folder], "is there already: remove it, or name another folder"),
        ([folder, "--overwrite"], "is there already: remove it, or name another folder"),
        ([folder / "mine.txt"], "is there already"),
        ([video], "see --overwrite"),
        ([tmp_path / "b.mp4", "--gt", boxes], "see --overwrite"),
        ([tmp_path / "b.mp4", "--gt", tmp_path / "b.mp4"], "is OUT; expected another file"),
        ([tmp_path / "new", "--gt", boxes], "is for a video"),
    ):
        assert run(*arguments, *SMALL) == 2
        assert message in capsys.readouterr().err.splitlines()[-1]
    assert {path.read_text() for path in (folder / "mine.txt", video, boxes)} == {"mine"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "folder", "gt.txt"]
    assert run(video, "--gt", boxes, "--overwrite", *SMALL) == 0
    assert video.read_bytes() != b"mine" and boxes.read_text().startswith("1,1,")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--classes", "cars"], "classes is ['cars']; expected 'shapes', 'people'"),
        (["--size", "8", "8"], "size is (8, 8); expected height and width of at least 32"),
        (["--objects", "5", "2"], "objects is (5, 2)"),
        (["--objects", "0", "0"], "images without a box"),
        (["--frames", "0"], "argument --frames: expected a whole number from 1 on"),
        (["--backgrounds", "missing"], "no photographs there"),
    ],
)
def test_mistakes_are_one_line(options: list[str], message: str, tmp_path: Path, capsys: Capture) -> None:
    assert run(tmp_path / "new", *SMALL, *options) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())
