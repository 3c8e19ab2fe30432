"""Where an input lies: a file of this machine, or one of a store that fsspec knows, by its address."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vision.errors import UsageError

# What names files and nothing else: no chains (`zip::`), caches or references, which would open files of this machine.
SCHEMES = (
    *("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "hdfs", "webhdfs", "http", "https", "sftp"),
    *("file", "memory"),
)
_OF_THIS_PROCESS = "memory"
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
_PACKAGES |= {"abfss": "adlfs", "adl": "adlfs", "http": "aiohttp", "https": "aiohttp", "sftp": "paramiko"}
# Of errors of stores, whose packages need not be there: names of their classes, or what they say.
_DENIED = ("credential", "permission", "accessdenied", "access denied", "forbidden", "unauthorized", "401", "403")
_PIECE = 4 << 20
_TRIES = 3


class FetchError(Exception):
    """A file of a store that cannot be read; `code` is of `vision.errors.CODES`."""

    def __init__(self, reason: str, code: str = "unreadable-file") -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Place:
    """One file.

    Attributes:
        name: its path, absolute, or its address.
        data: its content, if it is in the memory of the process that found it.
    """

    name: str
    data: bytes | None = None

    @property
    def is_remote(self) -> bool:
        """Whether it has to be fetched."""
        return is_address(self.name) and not self.name.startswith("file://")

    @property
    def path(self) -> str:
        """Of a file of this machine."""
        return self.name.removeprefix("file://") if self.name.startswith("file://") else self.name


def is_address(text: str) -> bool:
    """Whether it names something by a scheme. What is there by that very name is a file."""
    return "://" in text and not os.path.lexists(text)


def absolute(name: str, folder: str = "") -> str:
    """A path, or the address of a file of this machine, that means the same in every process; other addresses stay.

    Args:
        name: path or address.
        folder: where relative ones start; the current folder if empty.
    """
    if not is_address(name):
        return os.path.abspath(os.path.join(folder, name))
    if not name.startswith("file://"):
        return name
    return f"file://{os.path.abspath(os.path.join(folder, name.removeprefix('file://')))}"


def is_of_this_process(text: str) -> bool:
    """Whether an address names what is in this process's memory alone."""
    return text.startswith(f"{_OF_THIS_PROCESS}://")


def scheme_of(address: str) -> str:
    """The scheme of an address.

    Raises:
        UsageError: it is none of those that name plain files.
    """
    scheme = address.partition("://")[0]
    if scheme not in SCHEMES:
        raise UsageError(
            f"{address!r} has the scheme {scheme!r}; expected one of {', '.join(SCHEMES)}",
            code="bad-address",
            value=address,
        )
    return scheme


def store_of(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it.

    Raises:
        UsageError: the scheme, or its package, or the credentials cannot be used.
    """
    scheme = scheme_of(address)
    try:
        import fsspec

        options = {} if scheme in ("file", _OF_THIS_PROCESS) else {"use_listings_cache": False}
        return fsspec.core.url_to_fs(address, **options)
    except ImportError as error:
        package = _PACKAGES.get(scheme, "fsspec")
        raise UsageError(
            f"{scheme}:// needs the package {package} ({error}); pip install {package}",
            code="missing-package",
            value=package,
        ) from None
    except Exception as error:  # each store has errors of its own
        raise store_error(address, error) from None


def store_error(address: str, error: Exception) -> UsageError:
    """What a store's error means, in one line."""
    detail = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".rstrip(": ")
    if isinstance(error, FileNotFoundError):
        return UsageError(f"{address!r} is not there; check the address", code="unreadable-address", value=address)
    if any(word in detail.lower() for word in _DENIED):
        return UsageError(
            f"{address!r} may not be read ({detail}); check the credentials, in the place where the store's own tools "
            "look for them, on every machine of the cluster",
            code="no-credentials",
            value=address,
        )
    return UsageError(
        f"{address!r} cannot be read ({detail}); check the address, the network and the credentials",
        code="unreadable-address",
        value=address,
    )


@contextmanager
def fetched(place: Place, max_bytes: int) -> Iterator[str]:
    """A file of this machine with the content of a place; one that was fetched is gone at the end.

    Raises:
        FetchError: it cannot be fetched, or has more than `max_bytes`.
    """
    if place.data is None and not place.is_remote:
        yield place.path
        return
    # Decoders look at the ending of some names.
    suffix = Path(place.name).suffix[:16]
    with tempfile.NamedTemporaryFile(prefix="vision-batch-", suffix=suffix if suffix.isprintable() else "") as file:
        try:
            _fill(file, place, max_bytes)
            file.flush()
        except OSError as error:  # of this machine's disk
            raise FetchError(f"cannot be kept while it is read ({error.strerror})") from None
        yield file.name


def _fill(file: Any, place: Place, max_bytes: int) -> None:
    if place.data is not None:
        if len(place.data) > max_bytes:
            raise _too_long(max_bytes)
        file.write(place.data)
        return
    for attempt in range(1, _TRIES + 1):
        file.seek(0)
        file.truncate()
        try:
            store, path = store_of(place.name)
            with store.open(path, "rb", cache_type="readahead", block_size=_PIECE) as source:
                taken = 0
                while piece := source.read(_PIECE):
                    taken += len(piece)
                    if taken > max_bytes:
                        raise _too_long(max_bytes)
                    file.write(piece)
            return
        except FetchError:
            raise
        except UsageError as error:
            raise FetchError(str(error), error.code) from None
        except Exception as error:
            problem = store_error(place.name, error)
            if attempt == _TRIES or isinstance(error, (FileNotFoundError, IsADirectoryError, PermissionError)):
                code = "no-credentials" if problem.code == "no-credentials" else "unreadable-file"
                raise FetchError(str(problem), code) from None
        time.sleep(attempt)


def _too_long(max_bytes: int) -> FetchError:
    return FetchError(f"has more than {max_bytes:,} bytes; refused")
