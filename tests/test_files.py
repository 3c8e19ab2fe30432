"""Files that appear whole or not at all."""

from __future__ import annotations

import csv
import errno
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vision.files import new_folder, replacing, replacing_group, replacing_path, write_bytes, write_csv, write_text


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fail(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_new_file_has_the_mode_of_a_plain_one(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_bytes(tmp_path / "a", b"1", memoryview(b"2"))
    write_text(tmp_path / "b", "ü\r\n")
    write_csv(tmp_path / "new" / "c.csv", ["x", "y"], [[1, "a,b"]])
    assert (tmp_path / "a").read_bytes() == b"12" and (tmp_path / "b").read_bytes() == b"\xc3\xbc\r\n"
    assert (tmp_path / "new" / "c.csv").read_bytes() == b'x,y\n1,"a,b"\n'
    for name in ("a", "b", "new/c.csv"):
        assert mode_of(tmp_path / name) == mode_of(tmp_path / "plain") == 0o640


def test_cells_of_strangers_are_no_formulas_and_are_utf_8(tmp_path: Path) -> None:
    words = ["=1", "+1", "-1", "@a", "\t=1", "\uff1d1", "a=1", "", "\udcff", "\ud800"]
    write_csv(tmp_path / "a.csv", ["word"], [*([word] for word in words), [-1.5], [None]])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        cells = [row[0] if row else "" for row in csv.reader(file)]
    assert cells[1:] == [
        *("'=1", "'+1", "'-1", "'@a", "'\t=1", "'\uff1d1", "a=1", "", "\\xff", "\\ud800", "-1.5", ""),
    ]


def test_an_error_of_the_block_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as error, replacing(tmp_path / "a"):
        fail()
    assert error.value.filename == str(tmp_path / "a") and names(tmp_path) == []


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.touch(mode=0o700)
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new" and mode_of(path) == 0o700


def test_the_mode_is_right_where_a_writer_makes_its_own_file(tmp_path: Path) -> None:
    with replacing_path(tmp_path / "a") as temporary:
        temporary.unlink()
        temporary.touch(mode=0o600)
    assert mode_of(tmp_path / "a") == 0o640


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real/file")
    for text in ("first", "second"):  # the link leads nowhere at first
        write_text(tmp_path / "link", text)
        assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "file").read_text() == text
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="loop"):
        write_text(tmp_path / "loop", "")
    assert names(tmp_path) == ["link", "loop", "real"] and names(tmp_path / "real") == ["file"]


def test_two_at_once_do_not_meet(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as a, replacing(tmp_path / "a") as same, replacing(tmp_path / "b") as b:
        a.write(b"a")
        same.write(b"same")
        b.write(b"b")
    assert (tmp_path / "a").read_bytes() == b"a" and (tmp_path / "b").read_bytes() == b"b"

    def write(number: int) -> None:
        for _ in range(20):
            write_bytes(tmp_path / "shared", bytes([number]) * 5000)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    content = (tmp_path / "shared").read_bytes()
    assert len(content) == 5000 and len(set(content)) == 1 and names(tmp_path) == ["a", "b", "shared"]


@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt])
def test_a_failure_leaves_nothing_and_the_old_file(tmp_path: Path, kind: type[BaseException]) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(kind), replacing(tmp_path / "a") as file:
        file.write(b"half")
        raise kind
    with pytest.raises(kind), replacing_path(tmp_path / "b", ".png") as temporary:
        assert temporary.suffix == ".png" and temporary.parent == tmp_path
        raise kind
    with pytest.raises(kind), new_folder(tmp_path / "c") as folder:
        (folder / "x").touch()
        raise kind
    assert names(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "old"


def test_a_rename_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vision.files.os.replace", fail)
    with pytest.raises(OSError, match="No space"):
        write_bytes(tmp_path / "a", b"1")
    assert names(tmp_path) == []


def test_the_longest_name(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_bytes(path, b"1")
    assert path.read_bytes() == b"1"


def test_errors_name_the_file_that_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path, kind in (
        (tmp_path / "none" / "a", FileNotFoundError),
        (tmp_path / "folder", IsADirectoryError),
        (Path(os.devnull), OSError),
    ):
        with pytest.raises(kind) as caught:
            write_bytes(path, b"1")
        assert caught.value.filename == str(path)
    assert names(tmp_path) == ["folder"] and not Path(os.devnull).is_file()


def test_a_disk_that_is_read_only_is_told_by_the_name_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: object, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(name))

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)  # of what was never there, too
    with pytest.raises(OSError, match="Read-only") as caught:
        write_bytes(tmp_path / "a", b"1")
    assert caught.value.filename == str(tmp_path / "a")


def write_group(path: Path, text: str) -> None:
    with replacing_group(path) as temporary:
        assert temporary.name == path.name
        temporary.write_text(text)
        temporary.with_name(f"{path.name}.data").write_text(text)


def test_an_error_in_a_group_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space") as caught, replacing_group(tmp_path / "a.onnx"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(tmp_path / "a.onnx") and names(tmp_path) == []


def test_a_group_is_there_together(tmp_path: Path) -> None:
    for text in ("1", "2"):
        write_group(tmp_path / "m.onnx", text)
        assert names(tmp_path) == ["m.onnx", "m.onnx.data"]
        assert {path.read_text() for path in tmp_path.iterdir()} == {text}
    assert mode_of(tmp_path / "m.onnx") == mode_of(tmp_path / "m.onnx.data") == 0o640


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("fails_at", [0, 1])
def test_a_group_that_cannot_be_moved_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: bool, fails_at: int
) -> None:
    if existing:
        write_group(tmp_path / "m.onnx", "old")
    before = names(tmp_path)
    real, name = os.replace, ("m.onnx.data", "m.onnx")[fails_at]

    def replace(source: Path, target: Path) -> None:
        if Path(target) == tmp_path / name and Path(source).parent.name != "old":
            fail()
        real(source, target)

    monkeypatch.setattr("vision.files.os.replace", replace)
    with pytest.raises(OSError, match="No space"):
        write_group(tmp_path / "m.onnx", "new")
    assert names(tmp_path) == before and all(path.read_text() == "old" for path in tmp_path.iterdir())


def test_a_folder_is_there_when_it_is_full(tmp_path: Path) -> None:
    with new_folder(tmp_path / "data") as folder:
        (folder / "x").touch()
        assert not (tmp_path / "data").exists()
    assert names(tmp_path) == ["data"] and names(tmp_path / "data") == ["x"] and mode_of(tmp_path / "data") == 0o750
    with pytest.raises(OSError), new_folder(tmp_path / "data"):
        pass
    assert names(tmp_path) == ["data"]
