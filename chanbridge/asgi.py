"""The bare ASGI application: webhooks, links to our own files, health, readiness. It mounts anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
from typing import Any, Protocol
from urllib.parse import parse_qsl

from chanbridge.accounts import Accounts
from chanbridge.asgi_wire import (
    Disconnected,
    Receive,
    Scope,
    Send,
    TooLarge,
    discard,
    file_headers,
    path_below,
    problem,
    read_body,
    respond,
    start,
    url_of,
)
from chanbridge.blobs import MediaStore
from chanbridge.gate import LATER, Refused
from chanbridge.http import Headers, HttpRequest, HttpResponse
from chanbridge.inbound import Receiver
from chanbridge.intake import place_of
from chanbridge.media import MediaLinks
from chanbridge.model.errors import SendError
from chanbridge.patience import Patience

_log = logging.getLogger(__name__)

BODY_S = 30.0
READY_S = 5.0
CLOSE = {"connection": "close"}


class Running(Protocol):
    """The parts of a started bridge that are served."""

    receiver: Receiver
    blobs: MediaStore
    links: MediaLinks

    async def readiness(self) -> dict[str, Any]:
        """Tell how it works, as JSON; raise if it cannot take anything in."""
        ...


class Served(Protocol):
    """A bridge, started or not."""

    @property
    def accounts(self) -> Accounts: ...

    @property
    def started(self) -> bool: ...

    @property
    def runtime(self) -> Running: ...

    async def start(self, work: Any) -> None: ...

    async def stop(self) -> None: ...


def app(bridge: Served, *, work: str = "all", body_s: float = BODY_S) -> App:
    """Make the application of a bridge. A body must be here within ``body_s`` seconds.

    ``work``: what it starts the bridge for (see `chanbridge.runtime.Work`).
    """
    return App(bridge, work, body_s)


class App:
    """Served by itself, it starts and stops the bridge; mounted, it answers 503 until somebody does."""

    def __init__(self, bridge: Served, work: str = "all", body_s: float = BODY_S) -> None:
        self._bridge = bridge
        self._work = work
        self._patience = Patience(body_s)
        self._base = bridge.accounts.public_url
        self._told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise ValueError(f"chanbridge serves http, not {scope['type']}")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = path_below(scope)
        try:
            if path.startswith("/in/") and self._bridge.started:
                response: HttpResponse | None = await self._webhook(scope, receive, send, path[4:])
            else:
                response = await self._answer(path, scope, send)
        except Disconnected:
            return
        except Exception as error:
            _log.error("asgi.failed", extra={"error": type(error).__name__, "at": place_of(error)})
            response = problem(500, "internal")
        if response is not None:
            await respond(send, response, head=scope["method"] == "HEAD")

    async def _answer(self, path: str, scope: Scope, send: Send) -> HttpResponse | None:
        if path == "/health":
            return HttpResponse.of_json({"status": "ok"})
        if not self._bridge.started:
            return self._not_started()
        if path.startswith("/media/"):
            return await self._file(scope, send, path[7:])
        if path == "/ready":
            return await self._ready()
        return problem(404, "no_such_path")

    def _not_started(self) -> HttpResponse:
        if not self._told:
            self._told = True
            _log.error(
                "bridge.not_started",
                extra={"mend": "start it where the application starts: async with bridge"},
            )
        return problem(503, "not_started", LATER)

    async def _webhook(self, scope: Scope, receive: Receive, send: Send, rest: str) -> HttpResponse | None:
        receiver = self._bridge.runtime.receiver
        name, _, below = rest.partition("/")
        headers = Headers.of_raw(scope["headers"])
        client = scope.get("client")
        peer = client[0] if client else ""
        try:
            body = await self._body(receive, headers, receiver.max_body)
        except Refused as refused:
            response = receiver.refuse(refused, name, peer)
            if not _is_coming(refused, headers):
                return response
            # Closing with a body on its way resets the connection: many clients would not see the answer.
            rest_of_body = self._discard(receive, 2 * receiver.max_body)
            await respond(send, response, before_end=rest_of_body)
            return None
        url = url_of(scope, headers, self._base)
        request = HttpRequest(method=scope["method"], url=url, headers=headers, body=body, peer=peer)
        return await receiver.receive(name, request, below)

    async def _discard(self, receive: Receive, limit: int) -> None:
        with contextlib.suppress(TimeoutError):
            await self._patience.limit(discard(receive, limit))

    async def _body(self, receive: Receive, headers: Headers, limit: int) -> bytes:
        declared = headers.get("content-length", "")
        try:
            if declared.isdecimal() and (len(declared) > 18 or int(declared) > limit):
                raise TooLarge(more=True)
            return await self._patience.limit(read_body(receive, limit))
        except TooLarge as error:
            raise Refused(413, "too_large", CLOSE) from error
        except TimeoutError as error:
            raise Refused(408, "slow_body", CLOSE) from error

    async def _file(self, scope: Scope, send: Send, blob: str) -> HttpResponse | None:
        runtime = self._bridge.runtime
        if scope["method"] not in {"GET", "HEAD"}:
            return problem(405, "method", {"allow": "GET, HEAD"})
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        now = dt.datetime.now(dt.UTC)
        if not runtime.links.holds(blob, query.get("e", ""), query.get("s", ""), now):
            return problem(403, "link")
        try:
            media = await runtime.blobs.stat(blob)
        except SendError:
            return problem(404, "no_such_file")
        await send(start(200, file_headers(media.mime, media.size or 0, media.filename).items()))
        if scope["method"] == "GET":
            await _stream(runtime.blobs, blob, send)
        await send({"type": "http.response.body", "body": b""})
        return None

    async def _ready(self) -> HttpResponse:
        try:
            async with asyncio.timeout(READY_S):
                told = await self._bridge.runtime.readiness()
        except Exception as error:
            _log.error("bridge.not_ready", extra={"error": type(error).__name__, "at": place_of(error)})
            return problem(503, "not_ready", LATER)
        if told.get("saturated"):  # it takes in, and handles nothing: another instance should be asked
            return HttpResponse.of_json({"status": "saturated", **told}, status=503)
        return HttpResponse.of_json({"status": "ready", **told})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        ours = not self._bridge.started
        try:
            if ours:
                await self._bridge.start(self._work)
        except Exception as error:
            _log.error("bridge.start_failed", extra={"error": type(error).__name__, "at": place_of(error)})
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if ours:
            await self._bridge.stop()
        await send({"type": "lifespan.shutdown.complete"})


def _is_coming(refused: Refused, headers: Headers) -> bool:
    """Say whether the rest of a refused body is on its way."""
    cause = refused.__cause__
    return isinstance(cause, TooLarge) and cause.more and "expect" not in headers


async def _stream(blobs: MediaStore, blob: str, send: Send) -> None:
    try:
        async for block in blobs.read(blob):
            await send({"type": "http.response.body", "body": block, "more_body": True})
    except SendError as error:  # too late for another answer: the server cuts it off
        _log.error("media.read_failed", extra={"blob": blob, "error": error.code})
        raise Disconnected from error
