"""Between ASGI's messages and our requests and responses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import quote

from chanbridge.http import Headers, HttpResponse
from chanbridge.mime import bare, safe_name

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_SAFE_PATH = "/:@!$&'()*+,;=~-._%"
_SHOWN = ("image/", "audio/", "video/")
_INLINE = frozenset({"application/pdf", "text/plain"})


class Disconnected(Exception):
    """The client has gone before its request was whole."""


class TooLarge(Exception):
    """A body is larger than is taken. ``more``: the rest of it has not been read."""

    def __init__(self, *, more: bool) -> None:
        super().__init__()
        self.more = more


def path_below(scope: Scope) -> str:
    """Give the decoded path below the mount."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in {"/", ""}:
        return path[len(root) :]
    return path  # no mount, or a framework that has cut it off already


def url_of(scope: Scope, headers: Headers, public_url: str) -> str:
    """Give the URL that the provider called: below ``public_url``, or as the server saw it.

    Path and query stay exactly as they were encoded, since providers sign them. Forwarded headers are
    not believed: anybody can send them.
    """
    raw = scope.get("raw_path")
    path = raw.partition(b"?")[0].decode("latin-1") if raw else quote(scope["path"], safe=_SAFE_PATH)
    query = scope["query_string"]
    if public_url:
        base, path = public_url, _unmounted(path, scope.get("root_path", ""))
    else:
        base = f"{scope.get('scheme', 'http')}://{headers.get('host') or _server(scope)}"
    return f"{base}{path}?{query.decode('latin-1')}" if query else base + path


def _unmounted(raw_path: str, root: str) -> str:
    root = root.rstrip("/")
    for written in (root, quote(root, safe=_SAFE_PATH)) if root else ():
        if raw_path.startswith(f"{written}/"):
            return raw_path[len(written) :]
    return raw_path


def _server(scope: Scope) -> str:
    host, port = scope.get("server") or ("localhost", None)
    return f"{host}:{port}" if port else str(host)


async def read_body(receive: Receive, limit: int) -> bytes:
    """Read a whole body; raise `TooLarge` as soon as it is, `Disconnected` if it never gets whole."""
    message = await receive()
    body: bytes = message.get("body", b"")
    pieces, size = [body], len(body)
    while message["type"] == "http.request" and message.get("more_body") and size <= limit:
        message = await receive()
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
    if message["type"] != "http.request":
        raise Disconnected
    if size > limit:
        raise TooLarge(more=bool(message.get("more_body")))
    return body if len(pieces) == 1 else b"".join(pieces)


async def discard(receive: Receive, limit: int) -> None:
    """Read the rest of a body and forget it: to its end, or a little over ``limit`` bytes."""
    size = 0
    while size <= limit:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return
        size += len(message.get("body", b""))


_EMPTY_START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
_EMPTY_BODY = {"type": "http.response.body", "body": b""}


async def respond(
    send: Send, response: HttpResponse, *, head: bool = False, before_end: Awaitable[None] | None = None
) -> None:
    """Send a response; of one to HEAD, no body. ``before_end`` is awaited when all of it has been sent."""
    if not response.body and response.status == 200 and not response.headers:
        await send(dict(_EMPTY_START))
        await send(dict(_EMPTY_BODY))
        return
    fields = {**response.headers, "content-length": str(len(response.body))}
    await send(start(response.status, fields.items()))
    body = b"" if head else response.body
    if before_end is not None:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await before_end
        body = b""
    await send({"type": "http.response.body", "body": body})


def start(status: int, fields: Iterable[tuple[str, str]]) -> MutableMapping[str, Any]:
    """Make the message that begins a response."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    return {"type": "http.response.start", "status": status, "headers": headers}


def problem(status: int, reason: str, headers: Mapping[str, str] = {}) -> HttpResponse:
    """Make the answer of what went wrong, in a word."""
    answer = HttpResponse.of_json({"error": reason}, status=status)
    return HttpResponse(status=status, headers=Headers({**answer.headers, **headers}), body=answer.body)


def file_headers(mime: str, size: int, filename: str) -> dict[str, str]:
    """Describe a file that somebody sent us: shown where that is harmless, and never run as a page."""
    kind = bare(mime)
    harmless = kind in _INLINE or (kind.startswith(_SHOWN) and kind != "image/svg+xml")
    name = quote(safe_name(filename), safe="")
    shown = "inline" if harmless else "attachment"
    return {
        "content-type": mime.encode("ascii", "ignore").decode() or "application/octet-stream",
        "content-length": str(size),
        "content-disposition": f"{shown}; filename*=UTF-8''{name}" if name else shown,
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
        "cache-control": "private, max-age=3600",
    }
