"""CSV files of stereo pairs, as the command line and as datasets read them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vision.errors import UsageError
from vision.stereo_io.pair_list import read_pair_list

OPTIONAL = ("mask",)


def listing(folder: Path, content: bytes) -> Path:
    (folder / "pairs.csv").write_bytes(content)
    return folder / "pairs.csv"


@pytest.mark.parametrize("optional", [None, OPTIONAL])
def test_lines_and_cells(tmp_path: Path, optional: tuple[str, ...] | None) -> None:
    path = listing(
        tmp_path, b'\xef\xbb\xbfmask, right,left\r\n\r\n, "r",l 1 \r\nm,"a,b",c\r\n'.replace(b' "r"', b'"r"')
    )
    assert read_pair_list(path, optional) == [
        (3, {"mask": "", "right": "r", "left": "l 1"}),
        (4, {"mask": "m", "right": "a,b", "left": "c"}),
    ]


def test_what_else_a_list_holds(tmp_path: Path) -> None:
    path = listing(tmp_path, b"left,right,note\na\xff,b,c,d\n")
    assert read_pair_list(path) == [(2, {"left": os.fsdecode(b"a\xff"), "right": "b", "note": "c"})]
    path = listing(tmp_path, b"left,right,note\na,b,c\n")
    with pytest.raises(UsageError, match="line 1: the columns are left, right, note; expected left, right and"):
        read_pair_list(path, OPTIONAL)
    path = listing(tmp_path, b"left,right\na\xff,b\n")
    with pytest.raises(UsageError, match="not a CSV file in UTF-8"):
        read_pair_list(path, OPTIONAL)
    path = listing(tmp_path, b"left,right\na,b,c\n")
    with pytest.raises(UsageError, match="line 2: more cells than the header has"):
        read_pair_list(path, OPTIONAL)


@pytest.mark.parametrize("optional", [None, OPTIONAL])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: the columns are missing; expected left"),
        (b"left\na\n", "line 1: the columns are left; expected left"),
        (b"left,right\n", "lists no pair"),
        (b"left,right\na,b\nc\n", "line 3: no right image"),
        (b"left,right\n ,b\n", "line 2: no left image"),
    ],
)
def test_mistakes(tmp_path: Path, optional: tuple[str, ...] | None, content: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_pair_list(listing(tmp_path, content), optional)


@pytest.mark.parametrize("optional", [None, OPTIONAL])
def test_no_file(tmp_path: Path, optional: tuple[str, ...] | None) -> None:
    with pytest.raises(UsageError, match=r"none.csv: cannot be read .*; expected a CSV file of pairs"):
        read_pair_list(tmp_path / "none.csv", optional)


def test_a_header_reaches_no_terminal_as_it_is(tmp_path: Path) -> None:
    path = listing(tmp_path, b"\x1b]0;T\x07\x1b[2J\xc2\x9b,right\na,b\n")
    with pytest.raises(UsageError) as caught:
        read_pair_list(path)
    assert r"the columns are \x1b]0;T\x07\x1b[2J\x9b, right" in str(caught.value)
    assert str(caught.value).isprintable()
