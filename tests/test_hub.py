"""Published weights: looked for in three places, fetched only if the user says so, checked before use."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants

from vision import hub
from vision.checkpoint import CheckpointError, read_checkpoint, read_training_checkpoint, source_of, write_safetensors
from vision.errors import UsageError
from vision.published import PUBLISHED, Published, find_published

Serve = Callable[[Callable[[BaseHTTPRequestHandler, int], None]], str]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty machine: no folder named, nothing allowed, both caches below tmp_path."""
    for name in (hub.FOLDER, hub.ALLOW, hub.OFFLINE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    return tmp_path / "torch" / "checkpoints"


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    """A file as PyTorch writes it."""
    path = tmp_path / "content.pth"
    torch.save({"weight": torch.arange(6.0)}, path)
    return path.read_bytes()


@pytest.fixture
def row(serve: Serve, content: bytes, monkeypatch: pytest.MonkeyPatch) -> Published:
    """Weights that a server of this machine publishes, in the table under "small"."""

    def answer(handler: BaseHTTPRequestHandler, count: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    digest = hashlib.sha256(content).hexdigest()
    url = serve(answer)
    new = Published("small", "stereo", url, "w.pth", "MIT", 2.5, copy=("me/small", "w.bin"), sha256=digest)
    monkeypatch.setattr("vision.published.PUBLISHED", {**PUBLISHED, "small": new})
    return new


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def hub_cached(folder: Path, home: str, file: str, content: bytes) -> Path:
    root = folder / f"models--{home.replace('/', '--')}"
    put(root / "refs" / "main", b"0" * 40)
    return put(root / "snapshots" / ("0" * 40) / file, content)


def test_places_are_searched_in_their_order(
    row: Published, content: bytes, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hub.ALLOW, "1")
    other = hub_cached(tmp_path / "hf", "me/small", "w.bin", content)
    assert hub.published_file(row) == other
    kept = put(cache / "w.pth", content)
    assert hub.published_file(row) == kept
    monkeypatch.setenv(hub.FOLDER, str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir()
    assert hub.published_file(row) == kept
    mine = put(tmp_path / "mine" / "small.pth", content)
    assert hub.published_file(row) == mine
    first = put(tmp_path / "mine" / "w.pth", content)
    assert hub.published_file(row) == first
    assert hub.published_file(row, tmp_path / "elsewhere") == first


def test_without_permission_one_line_says_what_to_do(row: Published, cache: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint("small")
    assert caught.value.code == "no-published-weights" and caught.value.value == "small"
    assert str(caught.value) == (
        "the weights of small are not on this machine, and downloads are not allowed: set NBV_ALLOW_DOWNLOAD=1, "
        f"or put w.pth ({row.url}, about 10 MB) into a folder that NBV_WEIGHTS names or {cache}"
    )
    assert not cache.exists()


@pytest.mark.parametrize("said", ["1", "true", " Yes ", "ON"])
def test_with_permission_they_come_once_and_stay(
    said: str, row: Published, content: bytes, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hub.ALLOW, said)
    state, _ = read_checkpoint("small")
    assert torch.equal(state["weight"], torch.arange(6.0))
    assert [path.name for path in cache.iterdir()] == ["w.pth"] and (cache / "w.pth").read_bytes() == content
    assert source_of("small") == cache / "w.pth"
    monkeypatch.delenv(hub.ALLOW)
    assert torch.equal(read_checkpoint("small")[0]["weight"], torch.arange(6.0))


@pytest.mark.parametrize(("said", "offline"), [("0", ""), ("", ""), ("no", ""), ("off", ""), ("1", "1"), ("1", "YES")])
def test_no_is_no_and_offline_forbids_all(
    said: str, offline: str, row: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hub.ALLOW, said)
    monkeypatch.setenv(hub.OFFLINE, offline)
    words = "HF_HUB_OFFLINE forbids downloads: take it away" if offline else "downloads are not allowed"
    with pytest.raises(CheckpointError, match=words):
        read_checkpoint("small")


def test_what_is_neither_yes_nor_no_is_told(row: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(hub.ALLOW, "maybe")
    with pytest.raises(UsageError, match="NBV_ALLOW_DOWNLOAD is 'maybe'; expected one of 1, true, yes, on or 0, false"):
        read_checkpoint("small")


def test_a_folder_that_is_not_there_is_told(row: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(hub.FOLDER, str(tmp_path / "none"))
    with pytest.raises(UsageError, match=r"NBV_WEIGHTS is '.*none', which is no folder"):
        read_checkpoint("small")


def test_allow_downloads_reaches_processes_that_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(hub.ALLOW, "0")
    hub.allow_downloads()
    import os

    assert hub.downloads_allowed() and os.environ["NBV_ALLOW_DOWNLOAD"] == "1"


@pytest.mark.parametrize("allowed", ["0", "1"])
def test_a_damaged_file_is_named_and_stays(
    allowed: str, row: Published, content: bytes, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hub.ALLOW, allowed)
    path = put(cache / "w.pth", content[:-100])
    found, wanted = (hashlib.sha256(data).hexdigest() for data in (content[:-100], content))
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint("small")
    assert str(caught.value) == (
        f"checkpoint {path} is not what {row.url} is: its SHA-256 is {found}, expected {wanted}; "
        "remove it or put a whole one in its place"
    )
    assert path.read_bytes() == content[:-100]


@pytest.mark.parametrize("damage", [b"", b"<html>moved</html>", b"PK\x03\x04", None])
def test_without_a_digest_a_damaged_file_is_found_by_reading_it(
    damage: bytes | None, row: Published, content: bytes, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vision.published.PUBLISHED", {"small": row._replace(sha256="")})
    wrong = content[: len(content) // 2] if damage is None else damage
    path = put(cache / "w.pth", wrong)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint("small")
    assert str(caught.value).startswith(f"checkpoint {path} cannot be read (")
    assert str(caught.value).endswith(f"it should be that of {row.url}: remove it or put a whole one in its place")
    assert path.read_bytes() == wrong


def test_one_changed_byte_is_told_by_the_checksums_inside(content: bytes, tmp_path: Path) -> None:
    place = content.index(torch.arange(6.0).numpy().tobytes())
    changed = put(tmp_path / "a.pth", content[: place + 9] + b"\x01" + content[place + 10 :])
    for read in (read_checkpoint, read_training_checkpoint):
        with pytest.raises(CheckpointError, match=r"cannot be read \(its archive is damaged or cut off\)"):
            read(changed)


def test_the_hugging_face_cache_names_the_digest(row: Published, content: bytes, tmp_path: Path) -> None:
    blob = put(tmp_path / "hf" / "models--me--small" / "blobs" / hashlib.sha256(content).hexdigest(), content)
    path = hub_cached(tmp_path / "hf", "me/small", "w.bin", b"")
    path.unlink()
    path.symlink_to(blob)
    assert hub.published_file(row) == path
    blob.write_bytes(content[:-1] + b"!")
    with pytest.raises(
        CheckpointError, match=rf"w\.bin is damaged: its SHA-256 is .*, expected {blob.name}; remove it"
    ):
        hub.published_file(row)


def test_another_size_than_published_is_told(
    row: Published, content: bytes, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(cache / "w.pth", content)
    with pytest.raises(CheckpointError, match=rf"it has {len(content):,} bytes, expected 5;"):
        hub.published_file(row._replace(bytes=5))
    assert path.read_bytes() == content


def test_digits_in_a_name_are_those_of_the_digest(content: bytes, cache: Path) -> None:
    digest = hashlib.sha256(content).hexdigest()
    put(cache / f"w-{digest[:8]}.pth", content)
    put(cache / "w-01234567.pth", content)
    right = hub.published_at(f"https://example.com/a/w-{digest[:8]}.pth?x=1", "some")
    assert hub.published_file(right) == cache / f"w-{digest[:8]}.pth"
    with pytest.raises(CheckpointError, match="expected 01234567"):
        hub.published_file(hub.published_at("https://example.com/w-01234567.pth", "some"))


@pytest.mark.parametrize("url", ["https://example.com/", "https://example.com/..%5Cw", "https://example.com/.hidden"])
def test_addresses_must_name_a_file(url: str) -> None:
    with pytest.raises(CheckpointError, match="names no file of weights"):
        hub.published_at(url, "some")


def test_what_is_fetched_but_no_checkpoint_is_not_kept(
    serve: Serve, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = b"<html>log in</html>"

    def answer(handler: BaseHTTPRequestHandler, count: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(page)))
        handler.end_headers()
        handler.wfile.write(page)

    new = Published("page", "stereo", serve(answer), "w.pth", "MIT", 1)
    monkeypatch.setattr("vision.published.PUBLISHED", {"page": new})
    monkeypatch.setenv(hub.ALLOW, "1")
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint("page")
    assert caught.value.code == "download-failed" and str(caught.value).startswith(
        f"cannot download {new.url}: what came is no checkpoint ("
    )
    assert list(cache.iterdir()) == []


def test_two_at_once_both_get_a_whole_file(
    row: Published, content: bytes, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hub.ALLOW, "1")
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(hub.published_file(row).read_bytes())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [content] * 4 and [path.name for path in cache.iterdir()] == ["w.pth"]


def test_a_file_or_folder_comes_before_a_name(row: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_safetensors("small", {"mine": torch.zeros(1)}, {})
    assert list(read_checkpoint("small")[0]) == ["mine"]


def test_names_are_found_with_and_without_the_file() -> None:
    for name in ("dinat_tiny", "dinat_tiny_in1k_224", "dinat_tiny_in1k_224.pth"):
        assert find_published(name) is PUBLISHED["dinat_tiny"]
    assert find_published("matchstereo_tiny_fsd") is PUBLISHED["match_stereo_tiny"]
    assert find_published("dinat") is None and find_published("") is None


def test_the_table_has_what_every_file_needs() -> None:
    assert len(PUBLISHED) == 66
    files = [row.file for row in PUBLISHED.values()]
    assert len(set(files)) == len(files) and not set(files) & set(PUBLISHED)
    for name, row in PUBLISHED.items():
        assert row.name == name and row.url.startswith("https://") and row.license and row.about_bytes > 1e7
        assert row.file.endswith(".pth") and "/" not in row.file


def test_the_cache_is_torchs_before_torch_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    expected = Path(torch.hub.get_dir(), "checkpoints")
    monkeypatch.setattr("vision.hub.sys.modules", {})
    assert hub.cache_folder() == expected
    monkeypatch.setenv("TORCH_HOME", "~/elsewhere")
    assert hub.cache_folder() == Path("~/elsewhere/hub/checkpoints").expanduser()
