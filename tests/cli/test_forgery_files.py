"""Files that `vision forgery` writes: rows as they come, never over an input, beside those of earlier runs."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vision.checkpoint import read_checkpoint, write_safetensors

Forgery = Callable[..., int]
Capture = pytest.CaptureFixture[str]


def records_of(capsys: Capture) -> list[dict]:
    return json.loads(capsys.readouterr().out)


def test_a_run_that_is_interrupted_keeps_its_rows_and_goes_on(
    forgery: Forgery, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    target, whole = tmp_path / "out.csv", tmp_path / "whole.csv"
    assert forgery(photos, "--csv", whole, "--threshold", "0") == 0

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("vision.cli.reporter.Reporter._print_now", interrupt)
        assert forgery(photos, "--csv", target, "--threshold", "0") == 130
    assert capsys.readouterr().err.endswith("interrupted\n")
    assert target.read_bytes().splitlines() == whole.read_bytes().splitlines()[:2]
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"out.csv", "whole.csv"}
    with target.open("ab") as file:
        file.write(b'half,of a "row')
    assert forgery(photos, "--csv", target, "--threshold", "0", "--resume", "--jsonl", "--fail-on-fake") == 3
    out, err = capsys.readouterr()
    assert [json.loads(line)["path"] for line in out.splitlines()] == [
        str(photos / "b.jpg"),
        str(photos / "sub/a.webp"),
    ]
    assert f"{target} has 1 of 3 already" in err and target.read_bytes() == whole.read_bytes()
    # Nothing is left to do, and what the first run found still counts.
    assert forgery(photos, "--csv", target, "--threshold", "0", "--resume", "--fail-on-fake") == 3
    assert target.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--threshold", "0.5"], "is of another list or other options"),
        (["PHOTO"], "is of another list or other options"),
        (["--max-pixels", "9000"], "is of another list or other options"),
        (["--heatmap", "maps"], "has other columns"),
        (["--checkpoint", "OTHER"], "is of another list or other options"),
    ],
)
def test_resume_proves_the_list_and_the_options(
    forgery: Forgery,
    photos: Path,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    change: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    state, metadata = read_checkpoint(checkpoint)
    write_safetensors(tmp_path / "other", {name: value * 2 for name, value in state.items()}, metadata)
    names = {"PHOTO": str(photos / "b.jpg"), "OTHER": "other"}
    assert forgery(photos, "--csv", "a.csv", "--resume", "--batch-size", "1") == 0
    before = Path("a.csv").read_bytes()
    assert forgery(photos, "--csv", "a.csv", "--resume", "--batch-size", "8", "--json") == 0  # changes no row
    capsys.readouterr()
    assert forgery(photos, *[names.get(word, word) for word in change], "--csv", "a.csv", "--resume") == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and message in err and "--overwrite" in err
    assert Path("a.csv").read_bytes() == before


@pytest.mark.parametrize("kept", [[0, 2], [0, 2, 3], [0, 1, 2, 3, 3], [0, 2, 1, 3]])
def test_resume_refuses_rows_that_were_deleted_repeated_or_moved(
    forgery: Forgery, photos: Path, tmp_path: Path, capsys: Capture, kept: list[int]
) -> None:
    target = tmp_path / "a.csv"
    assert forgery(photos, "--csv", target) == 0
    lines = target.read_bytes().splitlines(keepends=True)
    target.write_bytes(b"".join(lines[number] for number in kept) + b"half")
    before = target.read_bytes()
    assert forgery(photos, "--csv", target, "--resume") == 2
    assert "has other rows than its run wrote" in capsys.readouterr().err and target.read_bytes() == before


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0", b"text", b'a,"b" c\r\nd\r\n', b"path,verdict\r\n"])
def test_resume_leaves_files_of_others_alone(
    forgery: Forgery, photos: Path, tmp_path: Path, content: bytes, capsys: Capture
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    assert forgery(photos, "--csv", tmp_path / "a.csv", "--resume") == 2
    assert "--resume: " in capsys.readouterr().err and (tmp_path / "a.csv").read_bytes() == content


def test_an_input_is_never_written_to(
    forgery: Forgery, photos: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (tmp_path / "link").symlink_to(photos / "a.png")
    (tmp_path / "hard").hardlink_to(photos / "a.png")
    listed = tmp_path / "list.txt"
    listed.write_text(f"{photos / 'a.png'}\n")
    before = {path: path.read_bytes() for path in (photos / "a.png", checkpoint, listed)}
    for target in (photos / "a.png", tmp_path / "link", tmp_path / "hard", checkpoint, listed):
        for option in ([], ["--overwrite"], ["--resume"]):
            with listed.open() as stdin:
                monkeypatch.setattr("sys.stdin", stdin)
                assert forgery(photos, "-", "--csv", target, *option) == 2
            assert "is an input of this run, which is never written to" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in before}


def test_a_csv_that_is_there_needs_to_be_given_up(
    forgery: Forgery, photos: Path, tmp_path: Path, capsys: Capture
) -> None:
    target = tmp_path / "out.csv"
    target.write_text("from before")
    assert forgery(photos, "--csv", target) == 2
    err = capsys.readouterr().err
    assert "is there already" in err and "--overwrite" in err and target.read_text() == "from before"
    assert forgery(photos, "--csv", target, "--overwrite", "--checkpoint", "missing") == 2
    assert target.read_text() == "from before"  # nothing has taken its place
    assert forgery(photos, "--csv", target, "--overwrite") == 0
    assert len(target.read_text().splitlines()) == 4
    (tmp_path / "broken").symlink_to("nowhere")
    assert forgery(photos, "--csv", tmp_path / "broken") == 2
    assert not (tmp_path / "nowhere").exists()


def test_a_run_that_fails_before_its_first_row_leaves_no_csv(forgery: Forgery, photos: Path, tmp_path: Path) -> None:
    assert forgery(photos, "--csv", tmp_path / "a.csv", "--checkpoint", "missing") == 2
    assert not (tmp_path / "a.csv").exists()


def test_heat_maps_of_an_earlier_run_stay(forgery: Forgery, photos: Path, tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    assert forgery(photos / "a.png", "--heatmap", maps) == 0
    before = (maps / "a_heatmap.png").read_bytes()
    assert forgery(photos / "sub/a.webp", "--heatmap", maps) == 0
    assert {path.name for path in maps.iterdir()} == {"a_heatmap.png", "a_heatmap-2.png"}
    assert (maps / "a_heatmap.png").read_bytes() == before != (maps / "a_heatmap-2.png").read_bytes()


@pytest.mark.parametrize("folder", [".", "maps"])
def test_heat_maps_of_an_earlier_run_are_not_judged(
    forgery: Forgery, photos: Path, folder: str, capsys: Capture
) -> None:
    shutil.copy(photos / "a.png", photos / "mine_heatmap.png")  # a name is no proof
    for run in (1, 2):
        assert forgery(photos, "--heatmap", photos / folder, "--json") == 0
        out, err = capsys.readouterr()
        names = [str(Path(record["path"]).relative_to(photos)) for record in json.loads(out)]
        assert names == ["a.png", "b.jpg", "mine_heatmap.png", "sub/a.webp"]
        assert ("4 outputs of earlier runs left out, such as " in err) == (run == 2)
    drawn = photos / folder / "b_heatmap.png"
    assert forgery(drawn, "--json") == 0 and [r["path"] for r in records_of(capsys)] == [str(drawn)]


def test_a_heat_map_that_cannot_be_written_is_told_and_the_rest_goes_on(
    forgery: Forgery, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    from vision.visualization import forgery as drawing

    save = drawing.save_heatmap

    def refuse(result: Any, path: str, title: str = "") -> None:
        if path.endswith("b_heatmap.png"):
            raise OSError(36, "File name too long", path)
        save(result, path, title)

    monkeypatch.setattr(drawing, "save_heatmap", refuse)
    assert forgery(photos, "--heatmap", tmp_path / "maps", "--csv", tmp_path / "a.csv", "--json") == 1
    records = records_of(capsys)
    assert [record["heatmap"] is None for record in records] == [False, True, False]
    assert records[1]["error"] == f"cannot write '{tmp_path / 'maps/b_heatmap.png'}' (File name too long)"
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 4


def test_cells_are_text_in_utf_8_that_spreadsheets_do_not_run(
    forgery: Forgery, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(photos)
    odd = os.fsdecode(b"caf\xc3\xa9 \xff.png")
    for name in ("=1+1.png", "+1.png", "@a.png", odd):
        shutil.copy("a.png", name)
    target = tmp_path / "a.csv"
    assert forgery("=1+1.png", "+1.png", "@a.png", odd, "--csv", target, "--json") == 0
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == ["'=1+1.png", "'+1.png", "'@a.png", "caf\u00e9 \\xff.png"]
    records = records_of(capsys)
    assert [record["path"] for record in records] == ["=1+1.png", "+1.png", "@a.png", "caf\u00e9 \\xff.png"]
    assert [float(row["logit"]) for row in rows] == [record["logit"] for record in records]


def test_a_dash_is_no_file(forgery: Forgery, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert forgery(photos, "--csv", "-") == 2
    assert not Path("-").exists()
