"""What every request passes first: whose it is, how large and how slow it may be, and what is written down of it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import ipaddress
import logging
import time
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vision.serve.http.problems import Problem, response_of
from vision.serve.http.record import Recorder
from vision.serve.http.routes import RouteTable
from vision.serve.settings import Settings

SLACK = 64 << 10  # bytes of a body around its files: boundaries and headers of its parts
CHUNK_SECONDS = 30.0  # that a client may be silent amid its body
STREAM = "vision.stream"  # in the state of a request whose answer is a stream of events
OPEN_PATHS = ("/healthz", "/readyz")  # who watches a server has no token
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
_SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
)
_log = logging.getLogger("vision.serve")


class Guard:
    """An ASGI middleware around everything that the server answers, the page included.

    Args:
        app: what it guards.
        settings: of the server.
        routes: of the API.
        recorder: is told of every request.
    """

    def __init__(self, app: ASGIApp, settings: Settings, routes: RouteTable, recorder: Recorder) -> None:
        self.app, self.settings, self.routes, self.recorder = app, settings, routes, recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no part of the server speaks WebSocket
            await send({"type": "websocket.close", "code": 1000})
            return
        exchange = _Exchange(scope, receive, send, self.settings)
        route = self.routes.name_of(scope["method"], scope["path"])
        try:
            self._check(scope)
            await self.app(scope, exchange.receive, exchange.send)
        except Problem as problem:
            await exchange.fail(problem)
        except Exception:
            _log.exception("%s failed", route)
            await exchange.fail(Problem(500, "the server failed at this request; its log says why"))
        finally:
            self.recorder.add(
                scope["method"], route, exchange.status, time.perf_counter() - exchange.began, exchange.sent
            )

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        method, path = scope["method"], scope["path"]
        check_host(headers.get("host", ""), self.settings.host)
        if method not in _SAFE_METHODS:
            check_origin(headers)
        if self.settings.token is not None and path not in OPEN_PATHS:
            check_token(headers.get("authorization", ""), self.settings.token, is_page=not path.startswith("/v1/"))
        self.routes.check(method, path)
        kind = check_body(headers)
        length = headers.get("content-length")
        limit = self.settings.max_upload + SLACK
        if length is not None and (not length.isdecimal() or int(length) > limit):
            raise too_large(self.settings.max_upload)
        if self.routes.takes_files(method, path):
            if length is None and headers.get("transfer-encoding", "").lower() != "chunked":
                raise Problem(411, "the request has neither Content-Length nor a chunked body; expected one of them")
            if kind != "multipart/form-data":
                raise Problem(415, f"Content-Type is {kind[:60]!r}; expected multipart/form-data")


class _Exchange:
    """One request and its response: counted, timed, and cut off where it goes beyond its limits."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, settings: Settings) -> None:
        self._scope, self._receive, self._send, self._settings = scope, receive, send, settings
        self.began = time.perf_counter()
        self.status, self.sent = 0, 0
        self._received, self._is_read = 0, False

    async def receive(self) -> Message:
        if self._is_read:
            return await self._receive()
        left = self._settings.timeout - (time.perf_counter() - self.began)
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, min(left, CHUNK_SECONDS)))
        except asyncio.TimeoutError:
            raise Problem(
                408, "the body of the request did not arrive in time", headers={"connection": "close"}
            ) from None
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            self._is_read = not message.get("more_body", False)
            if self._received > self._settings.max_upload + SLACK:  # whatever Content-Length said, or did not
                raise too_large(self._settings.max_upload)
        return message

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = Headers(raw=list(message.get("headers", ())))
            if headers.get("content-type", "").startswith("text/event-stream"):
                self._scope.setdefault("state", {})[STREAM] = True
            extra = [(name, value) for name, value in _SECURITY if name.decode() not in headers]
            if self._scope["path"].startswith("/v1/"):
                extra.append((b"cache-control", b"no-store"))
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        else:
            self.sent += len(message.get("body", b""))
        await self._send(message)

    async def fail(self, problem: Problem) -> None:
        if self.status:  # half of another answer is on its way: nothing can be added
            raise problem
        await response_of(problem)(self._scope, self._receive, self.send)


def too_large(limit: int) -> Problem:
    """What a request gets whose files exceed the limit."""
    return Problem(
        413, f"the request is larger than {limit:,} bytes, the limit of this server", headers={"connection": "close"}
    )


def check_host(host: str, bound: str) -> None:
    """Refuse another name for this machine, which a page elsewhere may have made point here (DNS rebinding).

    Raises:
        Problem: 400.
    """
    if not _is_loopback(bound):
        return  # names of a machine that others reach are not known here
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        name = ""
    if name not in ("localhost", "127.0.0.1", "::1", bound.lower()):
        raise Problem(400, "Host is not the name that this server is bound to; expected localhost or 127.0.0.1")


def check_origin(headers: Mapping[str, str]) -> None:
    """Refuse what a page of another origin sends.

    Raises:
        Problem: 403.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    is_other = site is not None and site not in ("same-origin", "none")
    if origin is not None:
        try:
            is_other = is_other or urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
        except ValueError:  # it is no address
            is_other = True
    if is_other:
        raise Problem(403, "the request comes from a page of another origin; expected one of this server, or no page")


def check_body(headers: Mapping[str, str]) -> str:
    """Refuse what parsers of bodies read each in its own way; what Content-Type says is left, without parameters.

    Raises:
        Problem: 400 with two lengths of a body, which a proxy may read otherwise; 415 for a charset but
            UTF-8: names of codecs that are none for text make parsers fail.
    """
    if "content-length" in headers and "transfer-encoding" in headers:
        raise Problem(
            400,
            "the request has both Content-Length and Transfer-Encoding; expected one of them",
            headers={"connection": "close"},
        )
    kind, parameters = parse_options_header(headers.get("content-type", ""))
    charset = parameters.get(b"charset", b"utf-8").decode("latin-1").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise Problem(415, f"the charset of Content-Type is {charset[:60]!r}; expected utf-8")
    return kind.decode("latin-1").strip().lower()


def check_token(authorization: str, token: str, is_page: bool) -> None:
    """Compare what a request brings with the token, in constant time: as Bearer, or as a password of browsers.

    Raises:
        Problem: 401.
    """
    scheme, _, given = authorization.partition(" ")
    given = given.strip()
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            given = ""
    is_known = scheme.lower() in ("bearer", "basic")
    if not (hmac.compare_digest(given.encode(), token.encode()) and is_known):
        challenge = 'Basic realm="vision", charset="UTF-8"' if is_page else 'Bearer realm="vision"'
        raise Problem(
            401, "the request does not bring the token of this server", headers={"www-authenticate": challenge}
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
