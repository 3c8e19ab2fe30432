"""Requests that are wrong in some way, as bytes: the same ones for the same seed and number."""

from __future__ import annotations

import functools
import io
import random
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

HOST = b"Host: 127.0.0.1\r\n"
FORM = b"Content-Type: multipart/form-data; boundary=B\r\n"
UPLOADS = ("/v1/forgery", "/v1/stereo", "/v1/video")
PAGE_UPLOAD = "/gradio_api/upload"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND", "A" * 300)
STATE = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/v1/models", "/v1/jobs/1")
PAGE = (
    *("/", "/config", "/theme.css", "/robots.txt", "/manifest.json", "/login", "/logout", "/token", "/static/x"),
    *("/assets/../../../etc/passwd", "/gradio_api/info", "/gradio_api/upload", "/gradio_api/file=/etc/passwd"),
    *("/gradio_api/file=../../etc/passwd", "/gradio_api/file=http://127.0.0.1/", "/gradio_api/queue/join"),
    *("/gradio_api/queue/status", "/gradio_api/proxy=http://127.0.0.1/", "/gradio_api/component_server"),
    *("/gradio_api/reset", "/gradio_api/cancel", "/gradio_api/run/predict", "/gradio_api/call/x", "/gradio_api/x"),
    *("/gradio_api/api/x", "/gradio_api/upload_progress", "/gradio_api/startup-events", "/custom_component/a/b/c/d"),
)
NAMES = (
    *("<script>alert(1)</script>.png", "../../../etc/passwd", "..\\..\\boot.ini", "a\0b.png", "\u202egnp.exe", "."),
    *("a" * 5000 + ".png", "%0d%0aSet-Cookie: a=b", 'a"; filename="b.png', "CON", "/dev/zero", "~", "\ud83d\ude00.png"),
    *(
        "{{7*7}}.png",
        "$(reboot).png",
        "a\r\n\r\nb.png",
        "a\r\nX-Injected: 1",
        "http://127.0.0.1/x.png",
        "rtsp://a/b.mp4",
    ),
)
CHARSETS = ("utf-16", "idna", "punycode", "undefined", "zlib", "base64", "a\0b", "utf-7", "unicode_escape", "x" * 999)
WORDS = (
    b"\0",
    b"\r\n",
    b"\r",
    b"\n",
    b" ",
    b"\t",
    b"%",
    b"%00",
    b"%ff",
    b"\xff\xfe",
    b"A" * 5000,
    b"..",
    b"//",
    b"[",
    b"]",
)


@dataclass(frozen=True)
class Damaged:
    """A request.

    Attributes:
        kind: what is wrong with it.
        data: all of its bytes.
        method: by which its answer has to be read.
        is_whole: whether it is HTTP that a server has to answer, not merely to end.
        name: of the file that its answer has to bring back if it is judged.
    """

    kind: str
    data: bytes
    method: str = "GET"
    is_whole: bool = False
    name: str = ""


def damaged(seed: int, number: int) -> Damaged:
    """The request of that number."""
    rng = random.Random(f"{seed}/{number}")
    return rng.choices(list(_MAKERS), list(_MAKERS.values()))[0](rng, number)


def good_image() -> bytes:
    """A file that can be judged."""
    return _files()["png"]


def _line(rng: random.Random, number: int) -> Damaged:
    line = f"{rng.choice(METHODS)} {rng.choice(STATE)} HTTP/{rng.choice(('1.1', '1.0', '0.9', '2.0', '1.1 ', 'x'))}"
    data = _mutated(rng, line.encode())
    method = "HEAD" if data.split(b" ")[0].strip() == b"HEAD" else "GET"
    return Damaged("request line", data + b"\r\n" + HOST + b"\r\n", method)


def _headers(rng: random.Random, number: int) -> Damaged:
    hostile = (
        *(
            HOST,
            b"Host: [\r\n",
            b"Host: evil.example\r\n",
            b"Host: \xff\r\n",
            b"Host:\r\n",
            b"Transfer-Encoding: gzip\r\n",
        ),
        *(b"Origin: http://[\r\n", b"Origin: null\r\n", b"Origin: \xff\r\n", b"Sec-Fetch-Site: cross-site\r\n"),
        *(
            b"Authorization: Basic ====\r\n",
            b"Authorization: Bearer \xff\r\n",
            b"Authorization: " + b"x" * 9000 + b"\r\n",
        ),
        *(b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"Upgrade: h2c\r\nConnection: Upgrade\r\n"),
        *(
            b"Accept: \xff;q=x\r\n",
            b"Accept: " + b"*/*," * 2000 + b"\r\n",
            b"Range: bytes=0-,5-1\r\n",
            b"Cookie: a\r\n",
        ),
        *(b"If-Modified-Since: x\r\n", b"Expect: 100-continue\r\n", b"Expect: x\r\n", b"X: a\r\n b\r\n", b"X : a\r\n"),
        *(b": a\r\n", b"a\r\n", b"X: \0\r\n", b"X-Big: " + b"x" * 100_000 + b"\r\n", b"X: 1\r\n" * 500),
        *(b"Accept-Language: xx-" + b"y" * 500 + b"\r\n", b"Accept-Encoding: gzip;q=9\r\n", b"Content-Type: \xff\r\n"),
        *(
            b"X-Forwarded-Host: [\r\n",
            b"X-Forwarded-Proto: \xff\r\n",
            b"X-Gradio-User: \xff\r\n",
            b"Content-Length: -1\r\n",
        ),
    )
    method, path = rng.choice(("GET", "POST", "DELETE", "HEAD")), rng.choice((*STATE, *UPLOADS, *PAGE))
    lines = [HOST, *rng.choices(hostile, k=rng.randint(1, 3))]
    rng.shuffle(lines)
    return Damaged("headers", f"{method} {path} HTTP/1.1\r\n".encode() + b"".join(lines) + b"\r\n", method)


def _chunks(rng: random.Random, number: int) -> Damaged:
    body = _form(rng, {"file": ("a.png", good_image())})
    data = b""
    while body:
        size = rng.randint(1, 4000)
        part, body = body[:size], body[size:]
        data += f"{len(part):x}\r\n".encode() + part + b"\r\n"
    data += b"0\r\n\r\n"
    sizes = (b"-1", b"ffffffffffffffffffff", b"0x10", b"1_0", b" 5", b"zz", b"", b"5;" + b"x" * 30_000, b"7fffffff")
    choice = rng.randrange(3)
    if choice == 0:
        data = rng.choice(sizes) + b"\r\n" + data
    elif choice == 1:
        data = data[: rng.randrange(len(data))]
    else:
        data = _mutated(rng, data)
    return Damaged("chunks", _head("POST", "/v1/forgery", FORM + b"Transfer-Encoding: chunked\r\n") + data, "POST")


def _length(rng: random.Random, number: int) -> Damaged:
    body = _form(rng, {"file": ("a.png", good_image())})
    lengths = (
        *(b"%d" % (len(body) + rng.randint(1, 500)), b"%d" % rng.randrange(len(body)), b"0", b"-5", b"+5", b"1e3"),
        *(b"5, 5", b"5, 6", b"9" * 30, b"99999999999", b"\xb2", b"5_0", b"", b"5\r\nContent-Length: 6", b"0x5"),
    )
    return Damaged(
        "length", _head("POST", "/v1/forgery", FORM + b"Content-Length: %s\r\n" % rng.choice(lengths)) + body
    )


def _smuggled(rng: random.Random, number: int) -> Damaged:
    second = _head("GET", "/metrics")
    codings = (
        b"chunked",
        b" chunked",
        b"xchunked",
        b"chunked, chunked",
        b"identity",
        b"chunked\r\nTransfer-Encoding: x",
    )
    names = (b"Transfer-Encoding", b"Transfer-Encoding ", b"transfer_encoding", b"X: a\nTransfer-Encoding")
    both = b"%s: %s\r\nContent-Length: %d\r\n" % (rng.choice(names), rng.choice(codings), rng.choice((3, 5, 500)))
    path = rng.choice((*STATE, *UPLOADS, "/"))
    return Damaged("smuggled", _head("POST", path, FORM + both) + b"0\r\n\r\n" + second, "POST")


def _forms(rng: random.Random, number: int) -> Damaged:
    path = rng.choice((*UPLOADS, PAGE_UPLOAD))
    names = ["left", "right"] if path == "/v1/stereo" else ["file"]
    names += rng.choices(["calibration", "file", "a" * 300, "", "<b>"], k=rng.randint(0, 2))
    name = f"{number}-{rng.choice(NAMES)}"
    body = _form(rng, {part: (name, rng.choice((good_image(), b"", b"x", b"--B--\r\n"))) for part in names})
    choice = rng.randrange(6)
    if choice == 0:
        body = body[: rng.randrange(len(body))]
    elif choice == 1:
        inner = b"--C\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--C--\r\n"
        body = b"--B\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n" + inner + body
    elif choice == 2:
        body = _mutated(rng, body)
    elif choice == 3:
        return _posted(
            "form",
            path,
            body,
            b"Content-Type: multipart/form-data; boundary=B; charset=%s\r\n" % rng.choice(CHARSETS).encode(),
        )
    elif choice == 4:
        kinds = (b"B" * 300, b'"B', b"", b"B; boundary=C", b"\xff", b"B\0", b"B; boundary*%s=x" % (b"9" * 5000))
        return _posted("form", path, body, b"Content-Type: multipart/form-data; boundary=%s\r\n" % rng.choice(kinds))
    return _posted("form", path, body, FORM)


def _file(rng: random.Random, number: int) -> Damaged:
    suffix, data = rng.choice(sorted(_files().items()))
    if rng.random() < 0.9:
        data = _mutated(rng, data, rng.randint(1, 8)) if rng.random() < 0.8 else data[: rng.randrange(len(data))]
    path = rng.choices(UPLOADS, (6, 3, 1))[0]
    name = f"{number}.{suffix}"
    files = {"left": (name, data), "right": (name, good_image())} if path == "/v1/stereo" else {"file": (name, data)}
    return _posted("file", path, _form(rng, files), FORM, name if path != "/v1/video" else "")


def _routes(rng: random.Random, number: int) -> Damaged:
    path = rng.choice((*STATE, *UPLOADS, *PAGE))
    if rng.random() < 0.4:
        path += rng.choice(
            ("?", "/", "/..", "?session_hash=%00", "?a=" + "b" * 3000, "%2e%2e/", ";a", "?path=/etc/passwd")
        )
    method = rng.choice(METHODS[:8])
    body = rng.choice(
        (b"", b"{}", b"[]", b"null", b'{"data": [1], "fn_index": -1, "session_hash": "x"}', b"[" * 9000, b"\xff")
    )
    kind = rng.choice((b"application/json", b"text/plain", b"application/x-www-form-urlencoded"))
    head = b"Content-Type: %s\r\nContent-Length: %d\r\n" % (kind, len(body))
    return Damaged("route", _head(method, path, head) + body, method, True)


def _jobs(rng: random.Random, number: int) -> Damaged:
    ids = ("..", "%2e%2e%2f", "%00", "x" * 4000, "null", "-1", "{id}", "%ff", "'%20or%201=1", "<script>", "a/b", "")
    method = rng.choice(("GET", "DELETE", "HEAD", "PUT"))
    return Damaged("job", _head(method, f"/v1/jobs/{rng.choice(ids)}"), method, True)


_MAKERS: dict[Callable[[random.Random, int], Damaged], int] = {
    _line: 10,
    _headers: 15,
    _chunks: 8,
    _length: 7,
    _smuggled: 7,
    _forms: 15,
    _file: 20,
    _routes: 13,
    _jobs: 5,
}


def _head(method: str, path: str, headers: bytes = b"") -> bytes:
    return f"{method} {path} HTTP/1.1\r\n".encode() + HOST + headers + b"\r\n"


def _posted(kind: str, path: str, body: bytes, content_type: bytes, name: str = "") -> Damaged:
    head = _head("POST", path, content_type + b"Content-Length: %d\r\n" % len(body))
    return Damaged(kind, head + body, "POST", b"\0" not in content_type, name)


def _form(rng: random.Random, files: dict[str, tuple[str, bytes]]) -> bytes:
    body = b""
    for part, (name, data) in files.items():
        head = f'--B\r\nContent-Disposition: form-data; name="{part}"; filename="{name}"\r\n\r\n'
        body += head.encode(errors="surrogatepass") + data + b"\r\n"
    return body + b"--B--\r\n"


def _mutated(rng: random.Random, data: bytes, times: int | None = None) -> bytes:
    """The same with bytes flipped, put in, taken out or doubled."""
    changed = bytearray(data)
    for _ in range(times or rng.randint(1, 4)):
        place = rng.randrange(len(changed) + 1)
        choice = rng.randrange(4)
        if choice == 0 and place < len(changed):
            changed[place] = rng.randrange(256)
        elif choice == 1:
            changed[place:place] = rng.choice(WORDS)
        elif choice == 2:
            del changed[place : place + rng.randint(1, 40)]
        else:
            changed[place:place] = changed[place : place + 40]
    return bytes(changed)


@functools.cache
def _files() -> dict[str, bytes]:
    """Small files of each format, whole; and two whose pixels are more than they look."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    files = {}
    for suffix in ("png", "jpg", "tiff", "webp", "gif", "bmp"):
        file = io.BytesIO()
        image.save(file, {"jpg": "JPEG", "tiff": "TIFF"}.get(suffix, suffix.upper()))
        files[suffix] = file.getvalue()
    moving = io.BytesIO()
    image.save(moving, "GIF", save_all=True, append_images=[image.rotate(90)])
    bomb = io.BytesIO()
    Image.new("L", (4000, 4000)).save(bomb, "PNG")
    liar = bytearray(files["png"])
    liar[16:24] = b"\0\1\0\0\0\1\0\0"  # 65,536 x 65,536 in the header
    liar[29:33] = zlib.crc32(liar[12:29]).to_bytes(4, "big")
    return {
        **files,
        "moving.gif": moving.getvalue(),
        "bomb.png": bomb.getvalue(),
        "liar.png": bytes(liar),
        "mp4": _clip(),
    }


def _clip() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 64))
        for gray in range(0, 200, 100):
            writer.write(np.full((64, 64, 3), gray, np.uint8))
        writer.release()
        return path.read_bytes()
