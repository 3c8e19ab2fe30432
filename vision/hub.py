"""Where published weights are on this machine, and how they come here if the user allows it.

In this order: the folder that `NBV_WEIGHTS` names, torch's hub cache, the Hugging Face cache; then the network, where
`NBV_ALLOW_DOWNLOAD=1` allows it and `HF_HUB_OFFLINE` does not forbid it.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from vision.errors import CheckpointError, UsageError
from vision.published import Published

FOLDER = "NBV_WEIGHTS"
ALLOW = "NBV_ALLOW_DOWNLOAD"
OFFLINE = "HF_HUB_OFFLINE"
_YES = ("1", "true", "yes", "on")
_NO = ("", "0", "false", "no", "off")
# As torch and timm name files, by the first digits of their digest.
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.\w+$")
# As the Hugging Face cache does, which has a link of the file's own name for each.
_BLOB = re.compile(r"[0-9a-f]{64}")
_ENDINGS = (".safetensors", ".pth")


def published_file(
    row: Published, cache: str | Path | None = None, check: Callable[[Path], object] | None = None
) -> Path:
    """The file of published weights, fetched if it is not here and may be. Of what is here nothing is ever changed.

    Args:
        row: from `vision.published.find_published`, or `published_at`.
        cache: folder instead of torch's hub cache, also for what is fetched.
        check: called with the name of a fetched file before it takes its own; what it raises ends the download.

    Raises:
        CheckpointError: "no-published-weights": they are not here and must not be fetched; "download-failed";
            "bad-checkpoint": a file has another size or digest than was published.
        UsageError: `NBV_WEIGHTS` names no folder, or `NBV_ALLOW_DOWNLOAD` says neither yes nor no.
    """
    found = find_file(row, cache)
    if found is not None:
        _check_file(found, row)
        return found
    if not downloads_allowed():
        raise CheckpointError(_absence(row, cache), code="no-published-weights", value=row.name)
    from vision.download import Download  # with ssl and http, which listings need not wait for

    path = (Path(cache) if cache else cache_folder()) / row.file
    Download(row.url, row.bytes, _digest_of(row)).to(path, check)
    return path


def find_file(row: Published, cache: str | Path | None = None) -> Path | None:
    """Where this machine has published weights, unchecked; None where it has not.

    Raises:
        UsageError: `NBV_WEIGHTS` names no folder.
    """
    return next((path for path in _places(row, cache) if path.is_file()), None)


def published_at(url: str, name: str) -> Published:
    """A row for weights at an address that no table has."""
    file = urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2]
    if not file or "\\" in file or file.startswith("."):
        message = f"{url} names no file of weights; expected an address that ends with its name"
        raise CheckpointError(message, code="download-failed", value=url)
    return Published(name, "", url, file, "", 0.0)


def downloads_allowed() -> bool:
    """Whether the network may be asked: only if the user said so.

    Raises:
        UsageError: `NBV_ALLOW_DOWNLOAD` says neither yes nor no.
    """
    return is_permitted() and os.environ.get(OFFLINE, "").strip().lower() in _NO


def is_permitted() -> bool:
    """Whether the user allowed downloads, which `HF_HUB_OFFLINE` may forbid all the same.

    Raises:
        UsageError: `NBV_ALLOW_DOWNLOAD` says neither yes nor no.
    """
    return _says_yes(ALLOW)


def allow_downloads() -> None:
    """Let this process and those that it starts fetch what they need, as `NBV_ALLOW_DOWNLOAD=1` does."""
    os.environ[ALLOW] = "1"


def cache_folder() -> Path:
    """Where torch's hub keeps files of weights."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "hub"):
        return Path(torch.hub.get_dir(), "checkpoints")
    # What torch does, for listings that need not wait until it is imported.
    home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(home, "torch"))), "hub", "checkpoints")


def permission() -> str:
    """What forbids downloads, in words for a message that goes on to say what to do."""
    if is_permitted():
        return f"{OFFLINE} forbids downloads: take it away"
    return f"downloads are not allowed: set {ALLOW}=1"


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, as `sha256sum` prints it."""
    with Path(path).open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _places(row: Published, cache: str | Path | None) -> Iterator[Path]:
    folder = _folder()
    if folder is not None:
        # Also as `tools/convert_checkpoint.py` and `save_file` may have named it.
        yield folder / row.file
        yield from (folder / f"{stem}{end}" for stem in (Path(row.file).stem, row.name) for end in _ENDINGS)
    yield (Path(cache) if cache else cache_folder()) / row.file
    if row.copy is not None:
        from huggingface_hub import try_to_load_from_cache

        home, file = row.copy
        names = dict.fromkeys(("model.safetensors", file)) if "/" not in file else (file,)
        found = (try_to_load_from_cache(home, name) for name in names)
        yield from (Path(path) for path in found if isinstance(path, str))


def _folder() -> Path | None:
    named = os.environ.get(FOLDER, "")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise UsageError(f"{FOLDER} is {named!r}, which is no folder; expected one with files of weights", value=named)
    return folder


def check_blob(path: Path) -> None:
    """A large file of the Hugging Face cache must have the SHA-256 by which the cache calls it; others pass.

    Raises:
        CheckpointError: it is damaged.
    """
    named = path.resolve().name
    if _BLOB.fullmatch(named) and (found := file_sha256(path)) != named:
        message = f"checkpoint {path} is damaged: its SHA-256 is {found}, expected {named}; {REMEDY}"
        raise CheckpointError(message, value=str(path))


def _check_file(path: Path, row: Published) -> None:
    check_blob(path)
    # What was converted has other bytes than what was published.
    if path.name != row.file:
        return
    size, digest = path.stat().st_size, _digest_of(row)
    if row.bytes is not None and size != row.bytes:
        raise CheckpointError(_wrong(path, row, f"it has {size:,} bytes, expected {row.bytes:,}"), value=str(path))
    if digest and not (found := file_sha256(path)).startswith(digest):
        raise CheckpointError(_wrong(path, row, f"its SHA-256 is {found}, expected {digest}"), value=str(path))


def _digest_of(row: Published) -> str:
    named = _HASH_IN_NAME.search(row.file)
    return row.sha256 or (named[1] if named else "")


def _wrong(path: Path, row: Published, reason: str) -> str:
    return f"checkpoint {path} is not what {row.url} is: {reason}; {REMEDY}"


# What can be done about a file that is damaged or another one; it is the user's, and stays.
REMEDY = "remove it or put a whole one in its place"


def _absence(row: Published, cache: str | Path | None) -> str:
    size = f", about {row.about_bytes / 1e6:,.0f} MB" if row.about_bytes else ""
    folder = os.environ.get(FOLDER) or f"a folder that {FOLDER} names"
    kept = Path(cache) if cache else cache_folder()
    return (
        f"the weights of {row.name} are not on this machine, and {permission()}, or put {row.file} ({row.url}{size}) "
        f"into {folder} or {kept}"
    )


def _says_yes(name: str, environment: Mapping[str, str] = os.environ) -> bool:
    said = environment.get(name, "").strip().lower()
    if said in (*_YES, *_NO):
        return said in _YES
    expected = f"expected one of {', '.join(_YES)} or {', '.join(_NO[1:])}"
    raise UsageError(f"{name} is {environment[name]!r}; {expected}", value=environment[name])
