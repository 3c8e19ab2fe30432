"""One file from a server that does everything wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

import vision.download as module
from vision.download import Download
from vision.errors import CheckpointError

CONTENT = bytes(range(256)) * 8192  # 2 MiB: three blocks
DIGEST = hashlib.sha256(CONTENT).hexdigest()

Answer = Callable[[BaseHTTPRequestHandler, int], None]
Serve = Callable[[Answer], str]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    monkeypatch.setattr(module, "TIMEOUT", 0.3)


def send(
    handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, length: int | None = None, **headers: str
) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    if length != -1:
        handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def refused(url: str, path: Path, words: str, **expected: object) -> CheckpointError:
    """A download that fails leaves nothing behind, and says why."""
    with pytest.raises(CheckpointError, match=words) as caught:
        Download(url, **expected).to(path)  # type: ignore[arg-type]
    assert caught.value.code == "download-failed" and caught.value.value == url
    assert not path.parent.exists() or list(path.parent.iterdir()) == []
    return caught.value


def test_a_whole_file_comes_with_the_size_and_digest_that_were_expected(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "new" / "weights.pth"
    Download(serve(lambda handler, _: send(handler, CONTENT)), len(CONTENT), DIGEST[:8]).to(path)
    assert path.read_bytes() == CONTENT and list(path.parent.iterdir()) == [path]


def test_a_file_of_unknown_length_comes_whole(serve: Serve, tmp_path: Path) -> None:
    Download(serve(lambda handler, _: send(handler, CONTENT, length=-1))).to(tmp_path / "weights.pth")
    assert (tmp_path / "weights.pth").read_bytes() == CONTENT


def test_a_broken_connection_goes_on_where_it_ended(serve: Serve, tmp_path: Path) -> None:
    ranges = []

    def answer(handler: BaseHTTPRequestHandler, request: int) -> None:
        ranges.append((handler.headers["Range"], handler.headers["If-Range"]))
        if request == 0:
            send(handler, CONTENT[:1500000], length=len(CONTENT), ETag='"one"')
        else:
            start = int(handler.headers["Range"][6:-1])
            send(handler, CONTENT[start:], 206, ETag='"one"')

    Download(serve(answer), sha256=DIGEST).to(tmp_path / "weights.pth")
    assert (tmp_path / "weights.pth").read_bytes() == CONTENT
    assert ranges == [(None, None), ("bytes=1500000-", '"one"')]


def test_a_file_that_changed_meanwhile_begins_anew(serve: Serve, tmp_path: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler, request: int) -> None:
        if request == 0:
            send(handler, b"x" * 1500000, length=len(CONTENT), ETag='"one"')
        else:
            send(handler, CONTENT, ETag='"two"')

    Download(serve(answer)).to(tmp_path / "weights.pth")
    assert (tmp_path / "weights.pth").read_bytes() == CONTENT


def test_a_file_that_ends_early_every_time_is_not_kept(serve: Serve, tmp_path: Path) -> None:
    url = serve(lambda handler, _: send(handler, CONTENT[:1000], length=len(CONTENT)))
    refused(url, tmp_path / "w.pth", "the connection ended")


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ({"sha256": "0" * 8}, f"what came has the SHA-256 {DIGEST}, expected 00000000"),
        ({"size": 5}, "the server has 2,097,152 bytes, expected 5"),
    ],
)
def test_other_bytes_than_expected_are_not_kept(
    expected: dict[str, object], words: str, serve: Serve, tmp_path: Path
) -> None:
    refused(serve(lambda handler, _: send(handler, CONTENT)), tmp_path / "w.pth", words, **expected)


def test_more_bytes_than_expected_are_not_kept(serve: Serve, tmp_path: Path) -> None:
    url = serve(lambda handler, _: send(handler, CONTENT, length=-1))
    refused(url, tmp_path / "w.pth", "the server sends more than 5 bytes", size=5)


@pytest.mark.parametrize(
    ("status", "requests", "words"),
    [(404, 1, "answers 404"), (403, 1, "answers 403"), (503, 3, "answers 503")],
)
def test_an_answer_that_is_none_is_told_and_asked_for_again_if_it_may_pass(
    status: int, requests: int, words: str, serve: Serve, tmp_path: Path
) -> None:
    seen = []
    url = serve(lambda handler, request: seen.append(request) or send(handler, b"", status))  # type: ignore[func-returns-value]
    refused(url, tmp_path / "w.pth", words)
    assert len(seen) == requests


def test_an_empty_file_is_not_kept(serve: Serve, tmp_path: Path) -> None:
    refused(serve(lambda handler, _: send(handler, b"")), tmp_path / "w.pth", "the server sends an empty file")


def test_a_server_that_stalls_is_given_up(serve: Serve, tmp_path: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler, request: int) -> None:
        send(handler, CONTENT[:100], length=len(CONTENT))
        handler.wfile.flush()
        handler.server.stop.wait(5)  # type: ignore[attr-defined]

    refused(serve(answer), tmp_path / "w.pth", "timed out")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("file:///etc/hostname", "Redirection to url 'file:///etc/hostname' is not allowed"),
        ("ftp://127.0.0.1/w.pth", "leads to ftp://127.0.0.1/w.pth; expected an address that begins with https://"),
        ("http://example.com/w.pth", "leads to http://example.com/w.pth; expected an address that begins"),
    ],
)
def test_a_redirect_never_leads_to_another_scheme(target: str, words: str, serve: Serve, tmp_path: Path) -> None:
    url = serve(lambda handler, _: send(handler, b"", 302, Location=target))
    refused(url, tmp_path / "w.pth", words)


def test_a_redirect_on_this_machine_is_followed_and_its_digest_holds(serve: Serve, tmp_path: Path) -> None:
    """As the Hugging Face hub does: the first answer names size and digest of what the second one sends."""

    def leading(digest: str) -> Answer:
        def answer(handler: BaseHTTPRequestHandler, request: int) -> None:
            if handler.path.endswith("w.pth"):
                size = str(len(CONTENT))
                send(handler, b"", 302, Location="/elsewhere", X_Linked_ETag=f'"{digest}"', X_Linked_Size=size)
            else:
                send(handler, CONTENT)

        return answer

    Download(serve(leading(DIGEST))).to(tmp_path / "kept" / "w.pth")
    assert (tmp_path / "kept" / "w.pth").read_bytes() == CONTENT
    refused(serve(leading("0" * 64)), tmp_path / "refused" / "w.pth", f"expected {'0' * 64}")


@pytest.mark.parametrize("url", ["http://example.com/w.pth", "file:///etc/hostname", "https:///w.pth", "w.pth", ""])
def test_addresses_that_are_not_https_are_refused(url: str, tmp_path: Path) -> None:
    refused(url, tmp_path / "w.pth", "expected an address that begins with https://")


def test_https_never_leads_to_http_not_even_of_this_machine() -> None:
    with pytest.raises(CheckpointError, match=r"leads to http://127\.0\.0\.1/w"):
        module._check_address("http://127.0.0.1/w", "https://example.com/w")


def test_no_server_is_told(tmp_path: Path, serve: Serve) -> None:
    refused("http://127.0.0.1:9/w.pth", tmp_path / "w.pth", "refused")


def test_what_a_check_refuses_is_not_kept_and_what_was_there_stays(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(b"old")

    def check(temporary: Path) -> None:
        assert temporary.read_bytes() == CONTENT and path.read_bytes() == b"old"
        raise CheckpointError(f"checkpoint {temporary} has no weights")

    with pytest.raises(CheckpointError, match=r"what came is no checkpoint \(it has no weights\)"):
        Download(serve(lambda handler, _: send(handler, CONTENT))).to(path, check)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_disk_that_cannot_be_written_is_no_failure_of_the_server(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "w.pth").mkdir()
    with pytest.raises(IsADirectoryError):
        Download(serve(lambda handler, _: send(handler, CONTENT))).to(tmp_path / "w.pth")
