"""A `vision serve` of ours for a benchmark: started on a free port, ended by SIGTERM, and asked for its figures."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """A server that is ready.

    Attributes:
        port: on 127.0.0.1.
        process: for as long as the block of `serving` lasts.
        log: file of what it writes on stderr.
    """

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def request(self, method: str, path: str, body: bytes | None = None, timeout: float = 150.0) -> tuple[int, bytes]:
        """Status and body of an answer; a body is a form with the boundary B."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, {"Content-Type": "multipart/form-data; boundary=B"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def judge(self, name: str, image: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to an image of this name."""
        head = f'--B\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        return self.request("POST", "/v1/forgery", head + image + b"\r\n--B--\r\n")

    def figure(self, name: str) -> float:
        """One of the server's figures."""
        text = self.request("GET", "/metrics")[1].decode()
        found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
        assert found, f"{name} is not among the figures"
        return float(found[1])

    def memory(self) -> float:
        """Resident bytes."""
        return self.figure("vision_resident_memory_bytes")


@contextmanager
def serving(*arguments: str, temporary: Path | None = None) -> Iterator[Server]:
    """A server that has its models.

    Args:
        arguments: of `vision serve`.
        temporary: its folder for temporary files; the system's otherwise.
    """
    command = [sys.executable, "-m", "vision", "serve", "--port", "0", *arguments]
    environment = os.environ if temporary is None else {**os.environ, "TMPDIR": str(temporary)}
    with tempfile.NamedTemporaryFile("w+", suffix=".log") as log:
        process = subprocess.Popen(command, stderr=log, env=environment)
        try:
            yield _ready(process, Path(log.name))
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 128 + signal.SIGTERM, "the server did not end as it should"
        finally:
            process.kill()
            process.wait()


def _ready(process: subprocess.Popen[bytes], log: Path) -> Server:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        found = re.search(r" at http://127\.0\.0\.1:(\d+)/", log.read_text(errors="replace"))
        if found:
            server = Server(int(found[1]), process, log)
            try:
                if server.request("GET", "/readyz")[0] == 200:
                    return server
            except OSError:
                pass
        assert process.poll() is None, "the server ended"
        time.sleep(0.1)
    raise TimeoutError(f"the server is not ready after {START_SECONDS:g} s")
