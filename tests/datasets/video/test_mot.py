"""Sequences in the folders of MOTChallenge."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vision.datasets.video.mot import MOTFolders
from vision.datasets.video.mot_folders import MOTRules, read_mot_sequence
from vision.datasets.video.records import Problems, Record
from vision.errors import UsageError

INFO = "[Sequence]\nname=x\nimDir=img1\nframeRate=30\nseqLength={}\nimWidth=1920\nimHeight=1080\nimExt=.png\n"


@pytest.fixture
def write_sequence(tmp_path: Path, write_frame: Callable[[Path, int], str]) -> Callable[..., Path]:
    """A function that writes a sequence with some boxes and frames."""

    def write(
        lines: str | None,
        name: str = "MOT17-02",
        frames: list[str] | None = None,
        gt: str = "gt/gt.txt",
        info: str | None = INFO.format(3),
    ) -> Path:
        folder = tmp_path / "sets" / name
        for place, frame in enumerate(frames or ["000001", "000002", "000003"]):
            write_frame(folder / "img1" / f"{frame}.png", place)
        if info is not None:
            (folder / "seqinfo.ini").write_text(info, encoding="utf-8")
        if lines is not None:
            (folder / gt).parent.mkdir(exist_ok=True)
            (folder / gt).write_text(lines, encoding="utf-8")
        (folder / "det").mkdir()
        (folder / "det" / "det.txt").write_text("1,-1,5,5,9,9,0.9\n", encoding="utf-8")
        return folder

    return write


def boxes(video: Record) -> list[list[tuple[float, ...]]]:
    """(x1, y1, x2, y2, label, track, ignored) of the boxes of each frame."""
    return [
        [(*one["bbox"], one["bbox_label"], one["instance_id"], one["ignore_flag"]) for one in frame["instances"]]
        for frame in video["images"]
    ]


def test_columns_of_class_and_consideration(write_sequence: Callable[..., Path]) -> None:
    lines = [
        "3,5,11,7,8,9,1,1,0.8",  # a pedestrian
        "1,5,1,1,8,9,1,1,0.05",  # hardly seen
        "1,6,21,11,8,9,0,1,1",  # not to be considered
        "1,7,31,11,8,9,1,7,1",  # a static person
        "2,8,31,11,8,9,1,3,1",  # a car
        "2,9,31,11,8,9,1,11,1",  # what hides others
    ]
    folder = write_sequence("\n".join(lines) + "\n\n")
    video = read_mot_sequence(folder, 4)
    # The file's first pixel is (1, 1); boxes of seqinfo's size, but frames are 64 x 48.
    assert boxes(video) == [
        [(0, 0, 8, 9, 0, 5, 0), (20, 10, 28, 19, 0, 6, 1), (30, 10, 38, 19, 0, 7, 1)],
        [],
        [(10, 6, 18, 15, 0, 5, 0)],
    ]
    assert {(frame["height"], frame["width"]) for frame in video["images"]} == {(48, 64)}
    assert video["video_name"] == "MOT17-02" and video["video_id"] == 4
    assert [frame["frame_number"] for frame in video["images"]] == [1, 2, 3]
    strict = read_mot_sequence(folder, rules=MOTRules(min_visibility=0.1, origin=0))
    assert boxes(strict)[0][0] == (1, 1, 9, 10, 0, 5, 1)
    cars = read_mot_sequence(folder, rules=MOTRules({"person": (1, 7), "car": (3,)}))
    assert [[(one[4], one[6]) for one in frame] for frame in boxes(cars)] == [
        [(0, 0), (0, 1), (0, 0)],
        [(1, 0)],
        [(0, 0)],
    ]
    only_cars = read_mot_sequence(folder, rules=MOTRules({"car": (3,)}))
    assert boxes(only_cars) == [[], [(30, 10, 38, 19, 0, 8, 0)], []]


@pytest.mark.parametrize("gt", ["gt/gt.txt", "gt.txt"])
def test_places_in_the_world_are_no_classes(gt: str, write_sequence: Callable[..., Path]) -> None:
    folder = write_sequence("1,1,8,9,6.5,21.25,1,4.4852,5.5016,0\n2,0,8,9,6,21,0,12.621,10.628,0\n", gt=gt)
    assert boxes(read_mot_sequence(folder)) == [[(7, 8, 13.5, 29.25, 0, 1, 0)], [(7, 8, 13, 29, 0, 0, 1)], []]


def test_fewer_columns_are_enough(write_sequence: Callable[..., Path]) -> None:
    folder = write_sequence("1,1,8,9,6,21\n2,1,8,9,6,21,1\n3,1,8,9,6,21,1,1\n")
    assert boxes(read_mot_sequence(folder)) == [[(7, 8, 13, 29, 0, 1, 0)]] * 3


@pytest.mark.parametrize(
    ("frames", "line", "expected"),
    [
        (["f9", "f10", "f11"], 10, [9, 10, 11]),
        (["0", "1", "2"], 2, [1, 2, 3]),
        (["a", "b", "c"], 2, [1, 2, 3]),
    ],
)
def test_frames_are_numbered_by_their_names(
    frames: list[str], line: int, expected: list[int], write_sequence: Callable[..., Path]
) -> None:
    folder = write_sequence(f"{line},1,8,9,6,21,1,1,1\n", frames=frames)
    video = read_mot_sequence(folder)
    assert [frame["frame_number"] for frame in video["images"]] == expected
    assert [len(frame["instances"]) for frame in video["images"]] == [0, 1, 0]
    assert [Path(frame["img_path"]).stem for frame in video["images"]] == frames


def test_frames_counted_from_zero_where_boxes_are_too(write_sequence: Callable[..., Path]) -> None:
    folder = write_sequence("0,1,8,9,6,21,1,1,1\n", frames=["0", "1", "2"])
    assert [len(frame["instances"]) for frame in read_mot_sequence(folder)["images"]] == [1, 0, 0]


def test_what_is_odd_is_told(write_sequence: Callable[..., Path]) -> None:
    folder = write_sequence("1,1,8,9,6,21,1,1,1\n9,1,8,9,6,21,1,1,1\n1,1,30,9,6,21,1,1,1\n", info=INFO.format(1050))
    problems = Problems()
    read_mot_sequence(folder, problems=problems)
    assert problems.lines() == [
        "1047 frames that seqinfo.ini counts are not there, such as 1047 of MOT17-02",
        "1 boxes belong to frames that are not there, such as frame 9 of MOT17-02",
        "1 boxes share a track with another of their frame, such as track 1 in frame 1 of MOT17-02",
    ]


def test_sequences_of_a_folder(write_sequence: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    lines = "1,1,8,9,6,21,1,1,1\n2,1,8,9,6,21,1,1,1\n3,1,8,9,6,21,1,1,1\n"
    for name in ("MOT17-10-DPM", "MOT17-10-SDP", "MOT17-9-SDP"):
        folder = write_sequence(lines, name)
    write_sequence(None, "unlabeled", info=None)
    root = str(folder.parent)
    with caplog.at_level(logging.WARNING, "vision.datasets"):
        data = MOTFolders(root)
    assert [data.get_data_info(i)["video_name"] for i in range(len(data))] == ["MOT17-9-SDP", "MOT17-10-DPM"]
    assert "1 sequences are there again for another detector and are left out, such as MOT17-10-SDP" in caplog.text
    assert "1 sequences have no gt/gt.txt and so no boxes, such as unlabeled" in caplog.text
    assert data.metainfo["classes"] == ("pedestrian",)
    chosen = MOTFolders(root, sequences=["MOT17-10-SDP", "unlabeled"], test_mode=True)
    assert [chosen.get_data_info(i)["video_name"] for i in range(2)] == ["MOT17-10-SDP", "unlabeled"]
    assert len(MOTFolders(str(folder))) == 1


def test_halves_of_a_sequence(write_sequence: Callable[..., Path]) -> None:
    frames = [str(i) for i in range(1, 8)]
    root = str(write_sequence("".join(f"{i},1,8,9,6,21,1,1,1\n" for i in frames), frames=frames).parent)
    halves = [MOTFolders(root, part=part).get_data_info(0) for part in ((0, 0.5), (0.5, 1))]
    numbers = [[frame["frame_number"] for frame in half["images"]] for half in halves]
    assert numbers == [[1, 2, 3, 4], [5, 6, 7]]
    assert [frame["frame_id"] for frame in halves[1]["images"]] == [0, 1, 2]


@pytest.mark.parametrize(
    ("line", "info", "message"),
    [
        ("1,1,8,9,6\n", INFO, r"gt\.txt, line 1: '1,1,8,9,6' is no box"),
        ("1,1,8,9,6,5\n1,x,8,9,6,5\n", INFO, "line 2: '1,x,8,9,6,5' is no box"),
        ("1,1,8,9,6,nan\n", INFO, "is no box"),
        ("1.5,1,8,9,6,5\n", INFO, "is no box"),
        ("1,1,8,9,6,5,1,1.5,1\n", INFO, "is no box"),
        ("1,1,8,9,6,5\n", "imDir=img1\n", r"seqinfo\.ini cannot be read"),
        ("1,1,8,9,6,5\n", "[Sequence]\nimDir=frames\n", "no frames in frames; expected images"),
        ("1,1,8,9,6,5\n", "[Sequence]\nimDir=../MOT17-02/img1\n", "leads out of the sequence; expected a folder in it"),
        ("1,1,8,9,6,5\n", "[Sequence]\nimDir=/srv/img1\n", "imDir of seqinfo.ini, '/srv/img1', leads out"),
    ],
)
def test_damaged_files_are_named(line: str, info: str, message: str, write_sequence: Callable[..., Path]) -> None:
    folder = write_sequence(line, info=info)
    with pytest.raises(UsageError, match=message):
        read_mot_sequence(folder)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequences": ["a", "MOT17-02"]}, "no sequence is called a; it has MOT17-02"),
        ({"part": (0.5, 0.5)}, "part is"),
        (
            {"metainfo": {"classes": ("dog",)}},
            "the classes dog have no numbers; class_numbers has, in order, pedestrian",
        ),
    ],
)
def test_what_is_not_there_is_named(
    arguments: dict[str, Any], message: str, write_sequence: Callable[..., Path]
) -> None:
    root = str(write_sequence("1,1,8,9,6,21\n").parent)
    with pytest.raises(UsageError, match=message):
        MOTFolders(root, **arguments)


def test_no_sequence(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "none"):
        with pytest.raises(UsageError, match="no sequence found"):
            MOTFolders(str(root))


def test_a_first_frame_that_is_no_image(write_sequence: Callable[..., Path]) -> None:
    folder = write_sequence("1,1,8,9,6,21\n")
    (folder / "img1" / "000001.png").write_bytes(b"no image")
    with pytest.raises(UsageError, match=r"000001\.png is no image"):
        read_mot_sequence(folder)
