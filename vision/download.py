"""One file from the network: over HTTPS alone, checked, and there whole or not at all."""

from __future__ import annotations

import hashlib
import http.client
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import IO, Any

from vision.errors import CheckpointError, printable
from vision.files import replacing_path

# Without an answer for so long, a connection is given up.
TIMEOUT = 30.0
# A connection that breaks goes on where it ended, after one second, then two.
_ATTEMPTS = 3
_PAUSE = 1.0
_BLOCK = 1 << 20
# No weights are larger, and a server may go on without end.
_MOST_BYTES = 16 << 30
_LOCAL = ("localhost", "127.0.0.1", "::1")
# What a server may recover from; other errors stay.
_PASSING = (408, 429, 500, 502, 503, 504)


class Download:
    """A transfer of one file, in as many requests as it takes.

    Args:
        url: https, or http of this machine.
        size: exact bytes; None for whatever the server says.
        sha256: first digits of the digest, lower case; "" for whatever the server says, if it says it.
    """

    def __init__(self, url: str, size: int | None = None, sha256: str = "") -> None:
        _check_address(url, url)
        self.url = url
        self.size = size
        self.sha256 = sha256
        self._done = 0
        self._digest = hashlib.sha256()
        self._version = ""  # of the file at the server

    def to(self, path: Path, check: Callable[[Path], object] | None = None) -> None:
        """Write the file; it takes its name when all of it has come and was checked.

        Args:
            path: its name. The folder is made if missing.
            check: called with the temporary name of the whole file; its CheckpointError ends the download.

        Raises:
            CheckpointError: of code "download-failed": no connection, an answer that is none, other bytes than
                expected. Nothing is left behind.
            OSError: the file cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing_path(path) as temporary:
            with open(temporary, "wb") as file, _bar(path.name) as advance:
                self._fill(file, advance)
            self._check()
            if check is not None:
                self._ask(check, temporary)

    def _fill(self, file: IO[bytes], advance: Callable[[int, int | None], None]) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._opened() as answer:
                    if not self._goes_on(answer):
                        file.seek(0)
                        file.truncate()
                    for block in self._blocks(answer):
                        file.write(block)
                        advance(self._done, self.size)
                if self.size is None or self._done >= self.size:
                    return
                reason = f"the connection ended after {self._done:,} of {self.size:,} bytes"
            except _Passing as error:
                reason = str(error)
            if attempt == _ATTEMPTS:
                raise self._failure(reason)
            time.sleep(_PAUSE * attempt)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        headers = {"User-Agent": "neighborhood-vision", "Accept-Encoding": "identity"}
        if self._done and self._version:
            headers |= {"Range": f"bytes={self._done}-", "If-Range": self._version}
        opener = urllib.request.build_opener(_Redirects(self))
        with self._network():
            answer = opener.open(urllib.request.Request(self.url, headers=headers), timeout=TIMEOUT)
        with answer:
            yield answer

    def _goes_on(self, answer: Any) -> bool:
        """Whether the answer is the rest of what came before; else all begins anew."""
        goes_on = answer.status == 206 and self._done > 0
        if not goes_on:
            self._done, self._digest = 0, hashlib.sha256()
        # A weak tag may stand for other bytes.
        tag = answer.headers.get("ETag", "")
        self._version = "" if tag.startswith("W/") else tag or answer.headers.get("Last-Modified", "")
        length = answer.headers.get("Content-Length", "")
        if length.isdecimal():
            self._expect_size(self._done + int(length))
        return goes_on

    def _blocks(self, answer: Any) -> Iterator[bytes]:
        while True:
            with self._network():
                block = answer.read(_BLOCK)
            if not block:
                return
            self._done += len(block)
            self._digest.update(block)
            if self._done > (self.size or _MOST_BYTES):
                raise self._failure(f"the server sends more than {self.size or _MOST_BYTES:,} bytes")
            yield block

    @contextmanager
    def _network(self) -> Iterator[None]:
        """What goes wrong between here and the server, apart from what goes wrong with the disk."""
        try:
            yield
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"the server answers {error.code} {error.reason}"
            raise (_Passing(reason) if error.code in _PASSING else self._failure(reason)) from None
        except http.client.IncompleteRead as error:
            raise _Passing("the connection ended early") from error
        except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise self._failure(f"the server's certificate is not trusted: {cause.verify_message}") from None
            raise _Passing(str(cause) or type(cause).__name__) from None

    def _expect_size(self, size: int) -> None:
        if self.size is not None and size != self.size:
            raise self._failure(f"the server has {size:,} bytes, expected {self.size:,}")
        self.size = size

    def _check(self) -> None:
        if not self._done:
            raise self._failure("the server sends an empty file")
        found = self._digest.hexdigest()
        if not found.startswith(self.sha256):
            raise self._failure(f"what came has the SHA-256 {found}, expected {self.sha256}")

    def _ask(self, check: Callable[[Path], object], temporary: Path) -> None:
        try:
            check(temporary)
        except CheckpointError as error:
            # That speaks of a name which is gone when it is read.
            reason = str(error).replace(f"checkpoint {temporary}", "it")
            raise self._failure(f"what came is no checkpoint ({reason})") from error

    def _learn(self, headers: Message) -> None:
        """The Hugging Face hub names size and digest before it leads on to where the file is."""
        size, tag = headers.get("X-Linked-Size", ""), headers.get("X-Linked-ETag", "").strip('"')
        if size.isdecimal():
            self._expect_size(int(size))
        if re.fullmatch(r"[0-9a-f]{64}", tag) and not self.sha256:
            self.sha256 = tag

    def _failure(self, reason: str) -> CheckpointError:
        message = f"cannot download {self.url}: {printable(reason)}; nothing was kept"
        return CheckpointError(message, code="download-failed", value=self.url)


class _Passing(Exception):
    """Another attempt may succeed."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Never to another scheme: not from https to http, nor to a file of this machine."""

    def __init__(self, download: Download) -> None:
        self.download = download

    def redirect_request(self, request: Any, answer: Any, code: int, message: str, headers: Any, url: str) -> Any:
        _check_address(url, self.download.url)
        self.download._learn(headers)
        return super().redirect_request(request, answer, code, message, headers, url)


def _check_address(url: str, origin: str) -> None:
    parts, first = urllib.parse.urlsplit(url), urllib.parse.urlsplit(origin)
    is_local = parts.scheme == first.scheme == "http" and parts.hostname in _LOCAL and first.hostname in _LOCAL
    if parts.hostname and (parts.scheme == "https" or is_local):
        return
    led = "" if url == origin else f": the server leads to {printable(url[:200])}"
    message = f"cannot download {printable(origin[:200])}{led}; expected an address that begins with https://"
    raise CheckpointError(message, code="download-failed", value=origin)


@contextmanager
def _bar(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """A function of the bytes that came and of all, which draws a bar where a terminal shows it."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=None)

        def advance(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        yield advance
