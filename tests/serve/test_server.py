"""A real process: uvicorn, signals, slow and vanishing clients."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serve.conftest import png

# A server whose model, answers and bounds are as the environment says.
_STUB = r"""
import asyncio, os, sys, time
from starlette.responses import StreamingResponse
import vision.serve.http.protocol as protocol
import vision.cli.serve.server as server
from vision.serve.settings import Settings
from vision.structures.forgery import ForgeryResult

protocol.HEADER_SECONDS = float(os.environ["HEADER_SECONDS"])
protocol.READ_SECONDS = float(os.environ["READ_SECONDS"])
protocol.MAX_CONNECTIONS = int(os.environ["MAX_CONNECTIONS"])

class Stub(server.Services):
    judged = False
    def warm(self):
        self.is_ready = True
    def forgery(self, images):
        print("begun", flush=True)
        time.sleep(float(os.environ["MODEL_SECONDS"]))
        self.judged = True
        return [ForgeryResult(path, notes=["n" * int(os.environ["ANSWER_BYTES"])]) for path in images]

server.Services = Stub

def mount_page(app, settings, services):
    async def events(request):
        async def endless():
            while True:
                yield f"data: {services.judged}\n\n"
                await asyncio.sleep(0.05)
        return StreamingResponse(endless(), media_type="text/event-stream")
    app.add_route("/events", events)

server._mount_page = mount_page
from vision.cli.process import run_guarded
settings = Settings(port=0, only=("forgery",), queue=2, timeout=float(os.environ["TIMEOUT"]))
sys.exit(run_guarded(lambda: server.serve(settings), lambda: "vision serve"))
"""


class Server:
    """A process that listens.

    Attributes:
        lines: what it wrote on stderr so far.
    """

    def __init__(self, command: list[str], temporary: Path, **environment: str) -> None:
        env = {**os.environ, "TMPDIR": str(temporary), **environment}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.lines: list[str] = []
        self.port = 0
        self._listens = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        assert self._listens.wait(60) and self.port, self.lines

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            found = re.search(r" at http://127\.0\.0\.1:(\d+)/", line)
            if found:
                self.port = int(found[1])
                self._listens.set()
        self._listens.set()  # it ended

    def connect(self) -> socket.socket:
        """A new connection, as soon as there is one."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()

    def post(self, data: bytes) -> socket.socket:
        """Send an image to be judged, and do not wait."""
        body = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + data + b"\r\n--B--\r\n"
        head = (
            f"POST /v1/forgery HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
            "Content-Type: multipart/form-data; boundary=B\r\nConnection: close\r\n\r\n"
        )
        connection = self.connect()
        connection.sendall(head.encode() + body)
        return connection

    def statuses(self) -> list[int]:
        """Of the requests so far."""
        return [json.loads(line)["status"] for line in self.lines if line.startswith("{")]

    def wait_for_model(self) -> None:
        """Until the stub has begun."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "begun\n"


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """All that comes until the connection ends."""
    data = b""
    while part := connection.recv(65536):
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, body


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def start(
        model: float = 0,
        headers: float = 20,
        timeout: float = 60,
        reading: float = 60,
        connections: int = 256,
        answer_bytes: int = 0,
    ) -> Server:
        bounds = {"HEADER_SECONDS": headers, "READ_SECONDS": reading, "MAX_CONNECTIONS": connections}
        work = {"MODEL_SECONDS": model, "TIMEOUT": timeout, "ANSWER_BYTES": answer_bytes}
        environment = {name: str(value) for name, value in (bounds | work).items()}
        server = Server([sys.executable, "-c", _STUB], tmp_path, **environment)
        started.append(server)
        return server

    yield start
    for server in started:
        server.process.kill()
        server.process.wait()


def test_sigterm_answers_what_was_accepted_and_leaves_no_file(stub: Callable[..., Server], tmp_path: Path) -> None:
    server = stub(model=1.0)
    first = server.post(png())
    server.wait_for_model()
    second = server.post(png())
    time.sleep(0.3)
    assert list(tmp_path.glob("vision-serve-*"))
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert [answer(connection)[0] for connection in (first, second)] == [200, 200]
    assert server.process.wait(30) == 143
    assert time.monotonic() - began < 30
    assert not list(tmp_path.glob("vision-serve-*"))
    with pytest.raises(ConnectionError):
        server.connect()


def test_sigterm_ends_streams_when_all_else_is_answered(stub: Callable[..., Server]) -> None:
    server = stub(model=1.5)
    judged = server.post(png())
    server.wait_for_model()
    with server.connect() as stream:
        stream.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert stream.recv(10) == b"HTTP/1.1 2"
        server.process.send_signal(signal.SIGTERM)
        assert answer(judged)[0] == 200
        rest = b""
        while part := stream.recv(65536):
            rest += part
    assert b"data: False" in rest and b"data: True" in rest
    # What never ends is cut after 23 s otherwise.
    assert server.process.wait(15) == 143


def test_a_client_that_goes_away_frees_its_place(stub: Callable[..., Server]) -> None:
    server = stub(model=1.5)
    first = server.post(png())
    server.wait_for_model()
    gone = [server.post(png()) for _ in range(2)]
    time.sleep(0.4)
    full = server.post(png())
    assert answer(full)[0] == 429
    for connection in gone:
        connection.close()
    time.sleep(0.6)
    new = server.post(png())
    assert answer(new)[0] == 200
    assert answer(first)[0] == 200
    # A line is written when the answer is out already.
    deadline = time.monotonic() + 20
    while len(statuses := server.statuses()) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(statuses) == [200, 200, 429, 499, 499]


def test_a_client_that_sends_its_headers_forever_is_cut_off(stub: Callable[..., Server]) -> None:
    server = stub(headers=1.0)
    silent, slow = server.connect(), server.connect()
    slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
    for connection in (silent, slow):
        with connection, contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""
    assert server.get("/healthz")[0] == 200


LARGE = 40_000_000  # bytes of an answer: far more than sockets hold


def test_who_reads_slowly_gets_all_and_who_never_reads_is_cut_off_and_frees_its_place(
    stub: Callable[..., Server],
) -> None:
    server = stub(reading=0.5, connections=1, answer_bytes=LARGE)
    with server.post(png()) as slow:
        received, began = 0, time.monotonic()
        while part := slow.recv(65536):
            received += len(part)
            # No faster than that it takes four times as long as the server waits for one that reads nothing.
            time.sleep(max(0.0, began + 2.0 * received / LARGE - time.monotonic()))
    assert received > LARGE
    server.wait_for_model()
    with server.post(png()) as silent:
        server.wait_for_model()
        refused = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        refused.request("GET", "/healthz")
        response = refused.getresponse()
        assert response.headers["content-type"] == "application/problem+json"
        assert (response.status, response.headers["retry-after"], response.headers["connection"]) == (503, "5", "close")
        assert "1 connections" in json.loads(response.read())["detail"]
        refused.close()
        deadline = time.monotonic() + 20
        while (status := server.get("/healthz")[0]) == 503 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert status == 200
        with contextlib.suppress(ConnectionResetError):
            assert len(answer(silent)[1]) < LARGE


def test_two_gigabytes_are_refused_before_they_are_sent(stub: Callable[..., Server]) -> None:
    server = stub()
    with server.connect() as connection:
        connection.sendall(
            b"POST /v1/forgery HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2147483648\r\n"
            b"Content-Type: multipart/form-data; boundary=B\r\n\r\n--B\r\n"
        )
        status, body = answer(connection)
    assert (status, json.loads(body)["status"]) == (413, 413)


def test_a_body_that_does_not_come_is_given_up(stub: Callable[..., Server]) -> None:
    server = stub(timeout=1)
    with server.connect() as connection:
        connection.sendall(
            b"POST /v1/forgery HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
            b"Content-Type: multipart/form-data; boundary=B\r\n\r\n--B\r\n"
        )
        status, body = answer(connection)
    assert (status, json.loads(body)["title"]) == (408, "Request Timeout")
    assert server.get("/healthz")[0] == 200


def test_damaged_requests_do_not_end_the_server(stub: Callable[..., Server]) -> None:
    server = stub()
    for data in (
        b"\0" * 100,
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"x" * 100_000,
        b"POST / HTTP/9\r\n\r\n",
    ):
        with server.connect() as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                status, body = answer(connection)
                assert status == 400
                assert json.loads(body)["detail"] == "the request is no HTTP/1.1 that can be read"
    cut = server.post(png()[:-20])
    cut.close()
    assert server.get("/healthz") == (200, b'{"status": "alive"}')


def test_the_command_judges_an_image_with_the_real_model(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vision", "serve", "--port", "0", "--only", "forgery"]
    server = Server(command, tmp_path, PYTHONPATH=str(Path(__file__).resolve().parents[2]))
    try:
        status, body = answer(server.post(png(128, (256, 256))))
        record = json.loads(body)
        assert status == 200, record
        assert (record["path"], record["verdict"], record["width"]) == ("a.png", "inconclusive", 256)
        assert server.get("/readyz")[0] == 200
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 130
    finally:
        server.process.kill()
        server.process.wait()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--port", "99999"], "expected a port"), (["--only", "nothing"], "--only"), (["--timeout", "0"], "--timeout")],
)
def test_arguments_that_do_not_fit(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    from vision.cli.main import main

    with pytest.raises(SystemExit) as ended:
        main(["serve", *arguments])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_a_port_that_is_taken_and_a_token_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from vision.cli.main import main

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "--port", port]) == 2
        assert f"port {port}" in capsys.readouterr().err
    assert main(["serve", "--token-file", str(tmp_path / "missing")]) == 2
    assert "--token-file" in capsys.readouterr().err
    (tmp_path / "token").write_text("short\n")
    assert main(["serve", "--token-file", str(tmp_path / "token")]) == 2
    assert "at least 16" in capsys.readouterr().err


def test_the_arguments_become_settings(tmp_path: Path) -> None:
    from vision.cli.main import build_parser
    from vision.cli.serve.command import settings_of
    from vision.serve.settings import Settings

    (tmp_path / "token").write_text("a-token-of-some-length\n")
    arguments = ["--only", "video", "--only", "forgery", "--token-file", str(tmp_path / "token"), "--max-upload", "10"]
    assert settings_of(build_parser().parse_args(["serve", *arguments])) == Settings(
        only=("forgery", "video"), token="a-token-of-some-length", max_upload=10
    )
    assert settings_of(build_parser().parse_args(["serve"])) == Settings()
