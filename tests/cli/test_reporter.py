"""What commands share in reporting, with results of a made-up kind."""

from __future__ import annotations

import argparse
import errno
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import vision
from vision.cli.output import to_json, write_problem
from vision.cli.reporter import Reporter, Subject
from vision.cli.table import run_of

Capture = pytest.CaptureFixture[str]
SUBJECT = Subject(
    noun="rack",
    done="counted",
    source="path",
    fields=["path", "books", "error", "warnings"],
    columns=["state", "books", "path", "notes"],
    row=lambda record: ["counted", str(record["books"]), record["path"], ""],
    counts=lambda outcomes: f"{outcomes['counted']} counted",
    outcome=lambda record: "counted",
)
GOOD = {"path": "a", "books": 3, "error": None, "warnings": ["dusty", "steep"]}
BAD = {"path": "b\x1b", "books": None, "error": "gone", "warnings": []}


def command(**options: Any) -> argparse.Namespace:
    defaults = {"name": "library", "csv": None, "json": False, "jsonl": False, "overwrite": False, "resume": False}
    return argparse.Namespace(**{**defaults, **options})


def report(*records: dict[str, Any], **options: Any) -> Reporter:
    with Reporter(command(**options), SUBJECT) as reporter:
        for record in records:
            reporter.add(record)
    reporter.finish()
    return reporter


def test_the_table(capsys: Capture) -> None:
    assert report(GOOD, BAD).exit_code == 1
    out, err = capsys.readouterr()
    assert [line.split() for line in out.splitlines()] == [
        ["state", "books", "path", "notes"],
        ["counted", "3", "a"],
        ["error", "-", "b\\x1b", "gone"],
    ]
    assert err.splitlines() == [
        "vision library: a: warning: dusty",
        "vision library: a: warning: steep",
        "2 racks: 1 counted; 1 could not be counted",
    ]
    assert report(GOOD).exit_code == 0
    assert capsys.readouterr().err.splitlines()[-1] == "1 rack: 1 counted"


def test_json_and_csv(tmp_path: Path, capsys: Capture) -> None:
    report(GOOD, BAD, json=True, csv=str(tmp_path / "a.csv"))
    run = run_of({"name": "library", "files": [None], "version": vision.__version__}, []).encode()
    out, err = capsys.readouterr()
    assert json.loads(out) == [GOOD, BAD]
    assert err.splitlines()[-1] == "vision library: b\\x1b: gone"
    assert (tmp_path / "a.csv").read_bytes() == (
        b"path,books,error,warnings,run\r\na,3,,dusty; steep,%s\r\nb\x1b,,gone,,%s\r\n" % (run, run)
    )


def test_lines_of_json_come_at_once(capsys: Capture) -> None:
    with Reporter(command(jsonl=True), SUBJECT) as reporter:
        reporter.add(GOOD)
        assert json.loads(capsys.readouterr().out) == GOOD
        reporter.add(BAD)
        assert json.loads(capsys.readouterr().out) == BAD
    reporter.finish()
    assert capsys.readouterr() == ("", "") and reporter.exit_code == 1


def test_a_row_is_in_the_file_at_once_and_an_error_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(KeyboardInterrupt), Reporter(command(csv=str(path)), SUBJECT) as reporter:
        assert list(tmp_path.iterdir()) == []
        reporter.tally(GOOD)
        assert len(path.read_text().splitlines()) == 2
        raise KeyboardInterrupt
    assert len(path.read_text().splitlines()) == 2 and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("total", "is_slow", "watched", "shown"),
    [
        (3, False, True, True),
        (1, False, True, False),
        (1, True, True, True),
        (None, False, True, True),
        (3, True, False, False),
    ],
)
def test_a_bar_for_who_watches(
    monkeypatch: pytest.MonkeyPatch, total: int | None, is_slow: bool, watched: bool, shown: bool
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: watched)
    reporter = Reporter(command(), SUBJECT)
    with reporter.progress(total, "shelves", "books", is_slow, has_rate=True) as progress:
        assert (progress.on_part is not None) == shown
        if progress.on_part is not None:
            progress.on_part(1, 2)
        progress.advance()


def test_a_problem_of_one_file_is_a_line_and_one_of_the_disk_ends_the_run() -> None:
    assert write_problem(OSError(36, "File name too long", "a.png")) == "cannot write 'a.png' (File name too long)"
    assert write_problem(OSError("encoder error -2")) == "cannot write: encoder error -2"
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS):
        with pytest.raises(OSError, match="of the disk"):
            write_problem(OSError(number, "of the disk", "a.png"))


@pytest.mark.parametrize(("text", "shown"), [("a\udcffb", "a\\xffb"), ("\ud800", "\\ud800"), ("ü", "ü")])
def test_json_has_no_half_of_a_pair(text: str, shown: str) -> None:
    assert json.loads(to_json({"path": text, "files": [text]})) == {"path": shown, "files": [shown]}
