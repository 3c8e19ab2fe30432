"""What workers do, without a cluster: rows are what --json of the task's own command says of the same inputs."""

from __future__ import annotations

import argparse
import json
import pickle
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ray")
import fsspec

from vision.batch.job import Job, Record
from vision.batch.table import rows_table
from vision.cli.batch.run import job_of, options_of
from vision.cli.main import build_parser, main
from vision.errors import UsageError

Capture = pytest.CaptureFixture[str]


def command_of(*arguments: object) -> argparse.Namespace:
    """The arguments of `vision batch`, parsed."""
    return build_parser().parse_args(["batch", *map(str, arguments), "--out", "out"])


def rows_of(job: Job) -> list[Record]:
    """Rows as the table has them: of a job that travelled, and in its schema."""
    there: Job = pickle.loads(pickle.dumps(job))
    rows = list(there.load()(list(there.items())))
    return rows_table(rows, there.schema).to_pylist()


def without(record: Record, *names: str) -> Record:
    """A record without what differs from run to run, or that the other has not."""
    return {name: value for name, value in record.items() if name not in ("error_code", "seconds", *names)}


@pytest.fixture
def store() -> Iterator[str]:
    """An empty folder in memory."""
    files = fsspec.filesystem("memory")
    files.mkdir("/batch-jobs")
    yield "memory://batch-jobs"
    files.rm("/batch-jobs", recursive=True)


def put(folder: Path, store: str) -> None:
    """Copy a folder into memory."""
    for path in folder.rglob("*"):
        if path.is_file():
            fsspec.filesystem("memory").pipe(f"{store}/{path.relative_to(folder)}".removeprefix("memory:/"),
                                             path.read_bytes())  # fmt: skip


def test_images_are_judged_as_by_the_command(
    photos: Path, bad_files: dict[str, Path], checkpoint: Path, forgery: Callable[..., int], capsys: Capture
) -> None:
    shutil.copy(bad_files["truncated"], photos / "c.png")
    rows = rows_of(job_of(command_of("forgery", photos, "--checkpoint", checkpoint)))
    assert forgery(photos, "--json") == 1
    expected: list[Record] = json.loads(capsys.readouterr().out)
    assert [without(row) for row in rows] == expected
    assert [row["error_code"] for row in rows] == [None, None, "damaged-image", None]
    assert list(without(rows[0])) == list(expected[0])


def test_images_at_an_address_are_judged_as_files_are(photos: Path, checkpoint: Path, store: str) -> None:
    put(photos, store)
    job = job_of(command_of("forgery", store, "--checkpoint", checkpoint))
    assert job.is_of_this_process
    there = rows_of(job)
    here = rows_of(job_of(command_of("forgery", photos, "--checkpoint", checkpoint)))
    assert [row["path"] for row in there] == [f"{store}/{name}" for name in ("a.png", "b.jpg", "sub/a.webp")]
    assert [without(row, "path") for row in there] == [without(row, "path") for row in here]


def test_what_is_gone_has_a_row_that_names_its_address_alone(photos: Path, checkpoint: Path, store: str) -> None:
    names = tmp_list(photos, [f"{store}/gone.png", f"{store}/no.png", "sub/a.webp"])
    fsspec.filesystem("memory").pipe("/batch-jobs/no.png", b"nothing")
    rows = rows_of(job_of(command_of("forgery", names, "--checkpoint", checkpoint)))
    assert [row["error_code"] for row in rows] == ["unreadable-file", "not-an-image", None]
    assert [row["path"] for row in rows[:2]] == [f"{store}/gone.png", f"{store}/no.png"]
    assert "/tmp" not in rows[0]["error"] + rows[1]["error"]
    assert rows[0]["declared"] == "none"


def test_what_cannot_be_listed_does_not_keep_the_rest_of_a_list_from_being_done(
    photos: Path, checkpoint: Path, store: str
) -> None:
    lines = ["foo://x/folder", f"{store}/gone", "foo://x/a.png", f"file://{photos}/nowhere/../a.png", "b.jpg"]
    rows = rows_of(job_of(command_of("forgery", tmp_list(photos, lines), "--checkpoint", checkpoint)))
    assert [row["path"] for row in rows] == [*lines[:3], f"file://{photos}/a.png", str(photos / "b.jpg")]
    assert [row["error_code"] for row in rows] == ["bad-address", "unreadable-file", "bad-address", None, None]


def tmp_list(folder: Path, lines: Sequence[str]) -> Path:
    """A list in a folder."""
    path = folder / "list.txt"
    path.write_text("\n".join(lines))
    return path


def test_paths_are_absolute_so_that_they_mean_the_same_everywhere(
    photos: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    job = job_of(command_of("forgery", "a.png", "sub", "--checkpoint", checkpoint))
    monkeypatch.chdir("/")
    assert [item.key for item in job.items()] == [(str(photos / "a.png"),), (str(photos / "sub" / "a.webp"),)]


def test_lists_and_pairs_start_where_the_user_is_also_when_listed_elsewhere(
    photos: Path, pairs: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pairs / "lists").mkdir()
    (pairs / "lists" / "all.txt").write_text("a.png\nfile://sub\n")
    monkeypatch.chdir(photos)
    job = job_of(command_of("forgery", pairs / "lists" / "all.txt", "--checkpoint", checkpoint))
    monkeypatch.chdir(pairs)
    matching = job_of(command_of("stereo", "left", "right"))
    monkeypatch.chdir("/")
    assert [item.key[0] for item in job.items()] == [f"{photos}/a.png", f"file://{photos}/sub/a.webp"]
    assert [item.key[0] for item in matching.items()] == [f"{pairs}/left/{number}.png" for number in range(2)]


def test_a_list_on_standard_input_travels_with_the_job(
    photos: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{photos}/b.jpg\n{photos}/sub\n".encode()
    monkeypatch.setattr("sys.stdin", argparse.Namespace(buffer=argparse.Namespace(read=lambda size: text)))
    job = pickle.loads(pickle.dumps(job_of(command_of("forgery", "-", "--checkpoint", checkpoint))))
    assert [item.key[0] for item in job.items()] == [f"{photos}/b.jpg", f"{photos}/sub/a.webp"]


def test_remarks_tell_of_images_that_were_left_out(photos: Path, checkpoint: Path) -> None:
    (photos / "raw.cr2").write_bytes(b"II*\0")
    job = job_of(command_of("forgery", photos, "--checkpoint", checkpoint))
    list(job.items())
    [remark] = job.remarks
    assert "raw.cr2" in remark


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Two folders with two pairs, of which one has a view that is no image."""
    rng = np.random.default_rng(0)
    for number in range(2):
        image = rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)
        for side, shift in (("left", 0), ("right", -3)):
            path = tmp_path / "pairs" / side / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.roll(image, shift, 1)).save(path)
    (tmp_path / "pairs" / "right" / "1.png").write_text("no image")
    return tmp_path / "pairs"


def test_pairs_are_matched_as_by_the_command(pairs: Path, tmp_path: Path, store: str, capsys: Capture) -> None:
    left, right = pairs / "left", pairs / "right"
    rows = rows_of(job_of(command_of("stereo", left, right, "--scale", 1, "--no-checks")))
    assert (
        main(["stereo", str(left), str(right), "--scale", "1", "--no-checks", "-o", str(tmp_path / "o"), "--json"]) == 1
    )
    expected: list[Record] = [without(record) | {"files": []} for record in json.loads(capsys.readouterr().out)]
    assert [without(row, "path") for row in rows] == expected
    assert [row["path"] for row in rows] == [str(left / "0.png"), str(left / "1.png")]
    assert [row["error_code"] for row in rows] == [None, "not-an-image"]
    put(pairs, store)
    there = rows_of(job_of(command_of("stereo", f"{store}/left", f"{store}/right", "--scale", 1, "--no-checks")))
    assert [(row["path"], row["right"]) for row in there] == [
        (f"{store}/left/{number}.png", f"{store}/right/{number}.png") for number in range(2)
    ]
    assert there[0]["disparity_median"] == rows[0]["disparity_median"]
    assert there[1]["error"].startswith(f"{store}/right/1.png: not an image")


@pytest.mark.parametrize("is_there", [True, False])
def test_a_list_of_pairs_is_one_of_both_places(pairs: Path, store: str, is_there: bool) -> None:
    lines = "left,right\nleft/0.png,right/0.png\nleft/0.png,right/1.png\n,right/1.png\n"
    (pairs / "list.csv").write_text(lines)
    put(pairs, store)
    start = store if is_there else str(pairs)
    job = job_of(command_of("stereo", f"{start}/list.csv"))
    assert job.key == ("path", "right")
    keys = [item.key for item in job.items()]
    assert keys[:2] == [(f"{start}/left/0.png", f"{start}/right/{number}.png") for number in range(2)]
    assert keys[2] == ("", f"{start}/right/1.png")
    assert [item.content.error is None for item in job.items()] == [True, True, False]


def test_a_list_of_pairs_at_an_address_is_named_by_it(store: str) -> None:
    fsspec.filesystem("memory").pipe("/batch-jobs/none.csv", b"left,right\n")
    with pytest.raises(UsageError, match=r"^memory://batch-jobs/none\.csv: lists no pair"):
        job_of(command_of("stereo", f"{store}/none.csv"))


def test_a_clip_is_one_row_with_the_lines_of_its_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    clips = tmp_path / "clips"
    rng = np.random.default_rng(0)
    for name in ("0.png", "1.png", "2.png"):
        (clips / "frames").mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)).save(clips / "frames" / name)
    (clips / "frames" / "1.png").write_text("no image")
    (clips / "other.mp4").write_text("no video")
    rows = rows_of(job_of(command_of("video", clips, "--no-track")))
    assert [(row["path"], row["frames"], row["seen"], row["failed"]) for row in rows] == [
        (str(clips / "other.mp4"), 0, 0, 0),
        (str(clips / "frames"), 3, 2, 1),
    ]
    assert [row["error_code"] for row in rows] == ["unreadable-video", None]
    assert main(["video", str(clips / "frames"), "--no-track", "--jsonl"]) == 1
    expected = [without(json.loads(line)) for line in capsys.readouterr().out.splitlines()]
    assert [without(frame) for frame in rows[1]["results"]] == expected
    short = rows_of(job_of(command_of("video", clips / "frames", "--no-track", "--no-frames")))
    assert short == [rows[1] | {"results": None}]


def test_the_options_that_matter_are_those_of_the_rows(checkpoint: Path, photos: Path) -> None:
    def found(*arguments: object) -> Any:
        return options_of(command_of("forgery", photos, "--checkpoint", checkpoint, *arguments))

    assert found("--actors", 2, "--ray", "auto", "--chunk", 5, "--workers", 7, "--retry-errors") == found()
    assert found("--fpr", 0.1) != found()
    before = found()
    checkpoint_copy = photos / "copy.safetensors"
    checkpoint_copy.write_bytes(checkpoint.read_bytes() + b"\0")
    assert found("--checkpoint", checkpoint_copy)["files"] != before["files"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["forgery", "memory://gone/"], "'memory://gone/' is not there"),
        (["forgery", "ftp://host/a.png"], "has the scheme 'ftp'"),
        (["forgery", "gone.txt"], "list '.*gone.txt' is no file"),
        (["stereo", "gone.png"], "expected LEFT RIGHT"),
        (["video", "a.mp4", "--config", "detector.py"], "--checkpoint"),
    ],
)
def test_inputs_that_cannot_be_used_are_told_before_anything_begins(arguments: list[str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        job_of(command_of(*arguments))


def test_the_table_is_written_on_this_machine(photos: Path, capsys: Capture) -> None:
    assert main(["batch", "forgery", str(photos), "--out", "s3://bucket/out"]) == 2
    assert "'s3://bucket/out' is an address; expected a folder" in capsys.readouterr().err


def test_a_missing_package_is_told_with_its_extra(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("vision.batch.packages.find_spec", lambda name: None)
    assert main(["batch", "forgery", str(photos), "--out", "out"]) == 2
    assert "pip install 'neighborhood-vision[ray]'" in capsys.readouterr().err
