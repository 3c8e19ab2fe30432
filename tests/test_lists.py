"""Lists of files come in any encoding of a shell or an editor; what is none is refused at once."""

from __future__ import annotations

import io
import os
import types
from pathlib import Path

import pytest

from vision.errors import UsageError
from vision.lists import as_utf8, read_list, read_paths_from_stdin

NAMES = ["/photos/a b.jpg", "фото/1.png", "一/一.png"]


def listed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> list[str]:
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=io.BytesIO(data)))
    return read_paths_from_stdin()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_in_any_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str, end: str) -> None:
    text = "".join(f"{name}{end}" for name in NAMES)
    assert listed(monkeypatch, text.encode(encoding)) == NAMES
    assert listed(monkeypatch, f"{end}{text}{end}".encode(encoding)) == NAMES
    assert listed(monkeypatch, text.removesuffix(end).encode(encoding)) == NAMES


def test_zeros_between_names(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["./a\nb.png", "./c.png", "d"]
    for text in ("\0".join(names), "".join(f"{name}\0" for name in names), "\ufeff" + "\0".join(names)):
        assert listed(monkeypatch, text.encode()) == names


def test_names_of_one_letter_that_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert listed(monkeypatch, b"a\0b\0") == ["ab"]  # in UTF-16
    for name in ("a", "b"):
        Path(name).touch()
    assert listed(monkeypatch, b"a\0b\0") == ["a", "b"]


def test_other_bytes_and_marks_within(monkeypatch: pytest.MonkeyPatch) -> None:
    assert listed(monkeypatch, b"caf\xe9.png\n") == [os.fsdecode(b"caf\xe9.png")]
    assert listed(monkeypatch, b"\xef\xbb\xbfa.png\n\xef\xbb\xbfb.png\n") == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no paths on standard input"),
        (b"\xef\xbb\xbf", "no paths on standard input"),
        (b"\xff\xfe", "no paths on standard input"),
        (b"\0\0", "no paths on standard input"),
        (b"\r\n\n", "no paths on standard input"),
        (b"\xff\xfea\0b", "standard input: is no text: damaged UTF-16"),
        (b"\xff\xfe\0\xd8a\0", "standard input: is no text: damaged UTF-16"),
    ],
)
def test_what_names_nothing(monkeypatch: pytest.MonkeyPatch, data: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        listed(monkeypatch, data)
    assert (caught.value.code, caught.value.value) == ("bad-list", "standard input")


def test_a_list_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vision.lists.MAX_BYTES", 5)
    assert listed(monkeypatch, b"a.png") == ["a.png"]
    with pytest.raises(UsageError, match="has more than 5 bytes"):
        listed(monkeypatch, b"ab.png")


def test_standard_input_that_is_closed_or_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    class Folder:
        def read(self, size: int) -> bytes:
            raise IsADirectoryError(21, "Is a directory")

    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=Folder()))
    with pytest.raises(UsageError, match=r"cannot be read \(Is a directory\)"):
        read_paths_from_stdin()
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UsageError, match="standard input: is closed"):
        read_paths_from_stdin()


def test_a_file_and_what_is_none(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("left,right\r\nä,b\r\n".encode("utf-16"))
    assert read_list(path) == "left,right\r\nä,b\r\n".encode()
    os.mkfifo(tmp_path / "pipe")
    for place, message in (
        (tmp_path, "is a folder; expected pairs"),
        (tmp_path / "pipe", "is a pipe or a device; expected pairs"),
        (Path(os.devnull), "is a pipe or a device; expected pairs"),
        (tmp_path / "none", r"cannot be read \(No such file or directory\); expected pairs"),
        (Path("a\0b"), r"cannot be read \(.*\); expected pairs"),
    ):
        with pytest.raises(UsageError, match=message) as caught:
            read_list(place, "pairs")
        assert (caught.value.code, caught.value.value) == ("bad-list", str(place))


def test_text_without_a_mark_stays() -> None:
    assert as_utf8(b"a\xff\n", "list") == b"a\xff\n"
    assert as_utf8("ä\n".encode("utf-16-be"), "list") == "ä\n".encode()
