"""Files at addresses and in lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fsspec")
import fsspec

from vision.batch.listing import check_address, files_at, listed
from vision.batch.places import FetchError, Place, fetched, is_address, store_of
from vision.errors import UsageError


@pytest.fixture
def store() -> Iterator[str]:
    """A folder in memory: two images in two folders, a text, and a hidden file."""
    files = fsspec.filesystem("memory")
    for name in ("b.png", "deep/a.JPG", "note.txt", ".hidden.png"):
        files.pipe(f"/batch-test/{name}", name.encode())
    yield "memory://batch-test"
    files.rm("/batch-test", recursive=True)


def test_images_below_an_address_come_in_order_with_their_content(store: str) -> None:
    found = list(files_at(store, [".png", ".jpg"]))
    assert [(place.name, place.data) for place in found] == [
        (f"{store}/b.png", b"b.png"),
        (f"{store}/deep/a.JPG", b"deep/a.JPG"),
    ]


def test_a_file_and_a_pattern_at_an_address(store: str) -> None:
    assert [place.name for place in files_at(f"{store}/note.txt", [".png"])] == [f"{store}/note.txt"]
    assert [place.name for place in files_at(f"{store}/*.png", [])] == [f"{store}/.hidden.png", f"{store}/b.png"]


def test_an_address_of_a_local_folder_is_read_in_place(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"content")
    [place] = files_at(f"file://{tmp_path}", [".png"])
    assert place.name == f"file://{tmp_path}/a.png"
    with fetched(place, 100) as path:
        assert path == str(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("memory://batch-test/gone", "unreadable-address"),
        ("file:///gone/away", "unreadable-address"),
        ("memory://batch-test/*.tif", "unreadable-address"),
        ("ftp://host/a.png", "bad-address"),
        ("simplecache::file:///etc/passwd", "bad-address"),
        ("zip://a.png::file:///etc/x.zip", "bad-address"),
    ],
)
def test_addresses_that_cannot_be_used(address: str, code: str, store: str) -> None:
    with pytest.raises(UsageError) as error:
        check_address(address)
    assert error.value.code == code
    assert repr(address) in str(error.value)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(address: str, **options: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(UsageError, match=r"s3:// needs the package s3fs .*pip install s3fs") as error:
        store_of("s3://bucket/a.png")
    assert error.value.code == "missing-package"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (type("NoCredentialsError", (Exception,), {})("Unable to locate credentials"), "no-credentials"),
        (PermissionError("Access Denied"), "no-credentials"),
        (FileNotFoundError("bucket"), "unreadable-address"),
        (ConnectionError("no route"), "unreadable-address"),
    ],
)
def test_what_stores_say_becomes_one_line(
    error: Exception, code: str, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    files = fsspec.filesystem("memory")
    monkeypatch.setattr(type(files), "walk", fail)
    with pytest.raises(UsageError) as found:
        list(files_at(store, [".png"]))
    assert found.value.code == code
    assert "\n" not in str(found.value)


def test_what_is_fetched_is_gone_afterwards_and_has_bounds() -> None:
    place = Place("memory://x/a.png", b"12345")
    with fetched(place, 5) as path:
        assert Path(path).read_bytes() == b"12345"
        assert path.endswith(".png")
    assert not Path(path).exists()
    with pytest.raises(FetchError, match="more than 4 bytes"), fetched(place, 4):
        pass


def test_a_store_that_sends_without_end_is_left(store: str) -> None:
    with fetched(Place(f"{store}/b.png"), 5) as path:
        assert Path(path).read_bytes() == b"b.png"
    with pytest.raises(FetchError, match="more than 4 bytes"), fetched(Place(f"{store}/b.png"), 4):
        pass


def test_a_file_that_is_not_there_is_an_error_of_that_file(store: str) -> None:
    with pytest.raises(FetchError, match="is not there") as error, fetched(Place(f"{store}/gone.png"), 100):
        pass
    assert error.value.code == "unreadable-file"


def test_lines_start_at_the_lists_folder_or_at_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "beside.png").touch()
    (tmp_path / "here.png").touch()
    monkeypatch.chdir(tmp_path)
    text = "beside.png\r\n\nhere.png\ns3://bucket/a.png\n"
    (tmp_path / "lists" / "all.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())
    expected = [str(tmp_path / "lists" / "beside.png"), str(tmp_path / "here.png"), "s3://bucket/a.png"]
    assert list(listed("lists/all.txt", str(tmp_path))) == expected
    (tmp_path / "lists" / "beside.png").unlink()  # what is gone keeps its name, and with it its row
    assert list(listed("lists/all.txt", str(tmp_path))) == expected
    (tmp_path / "lists" / "zeros.txt").write_bytes(b"beside.png\0here.png\0")
    assert list(listed("lists/zeros.txt", str(tmp_path))) == expected[:2]
    (tmp_path / "lists" / "wide.txt").write_bytes(text.encode("utf-16"))
    assert list(listed("lists/wide.txt", str(tmp_path))) == expected


def test_a_list_at_an_address(store: str) -> None:
    fsspec.filesystem("memory").pipe("/batch-test/list.txt", b"b.png\nmemory://other/c.png\n")
    assert list(listed(f"{store}/list.txt", "/")) == [f"{store}/b.png", "memory://other/c.png"]


def test_an_empty_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.txt").touch()
    with pytest.raises(UsageError, match="is empty") as error:
        list(listed(str(tmp_path / "none.txt"), "/"))
    assert error.value.code == "bad-list"


def test_what_is_there_by_that_name_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_address("s3://bucket")
    Path("s3:").mkdir()
    Path("s3:/bucket").touch()
    assert not is_address("s3://bucket")
