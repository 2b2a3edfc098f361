"""Makes the requests: the only file that imports httpx, and the only one that imports aiohttp.

httpx's own connection pool slows down as requests pile up, so aiohttp's is used where it is
installed (extra ``serve``), through the httpx transport of ``httpx-aiohttp``. No httpx type
crosses this boundary, in or out.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from email.message import Message as MimeHeaders
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import httpx
import msgspec

from chanbridge.blobs import MAX_FILE, MediaStore
from chanbridge.guard import Target, check_target
from chanbridge.http import Headers, HttpRequest, HttpResponse
from chanbridge.model.errors import SendError
from chanbridge.transport.body import Prepared, prepare
from chanbridge.transport.inflate import TooLarge, inflated

try:
    import aiohttp
    from httpx_aiohttp import AiohttpTransport
except ImportError:  # the extra `serve` is not installed
    aiohttp = None  # type: ignore[assignment]

Library = Literal["auto", "aiohttp", "httpx"]
MAX_ANSWER = 8 * 1024 * 1024
_PLAIN = {"user-agent": f"chanbridge/{version('chanbridge')}", "accept": "*/*", "accept-encoding": "gzip"}
_NO_COMPRESSION = {"accept-encoding": "identity"}
_url = lru_cache(maxsize=1024)(httpx.URL)


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. ``total`` bounds a whole exchange, ``download`` one whose answer is a file."""

    connect: float = 10
    read: float = 30
    write: float = 30
    pool: float = 60
    total: float = 120
    download: float = 600


class HttpTransport:
    """Answers each request a flow yields, over one pool of connections.

    It follows no redirect, keeps no cookie and reads no proxy from the environment. A request that
    is ``foreign`` (its URL came from outside) goes only to public addresses, checked before it leaves.
    """

    def __init__(
        self,
        store: MediaStore | None = None,
        *,
        timeouts: Timeouts | None = None,
        max_answer: int = MAX_ANSWER,
        max_download: int = MAX_FILE,
        connections: int = 100,
        allow_private: bool = False,
        library: Library = "auto",
    ) -> None:
        self._store = store
        self._timeouts = timeouts = timeouts or Timeouts()
        self._max_answer = max_answer
        self._max_download = max_download
        self._allow_private = allow_private
        self._pool = _Pool(library, connections)
        self._extensions = {
            "timeout": {
                "connect": timeouts.connect,
                "read": timeouts.read,
                "write": timeouts.write,
                "pool": timeouts.pool,
            }
        }

    async def __call__(self, request: HttpRequest, *, foreign: bool = False) -> HttpResponse:
        """Make a request; raise `SendError` when there is no whole answer to it."""
        body = await prepare(request.body, self._store)
        built = self._build(request, body)
        limit = self._timeouts.download if request.stream else self._timeouts.total
        try:
            async with asyncio.timeout(limit):
                if foreign:
                    return await self._foreign(request, built)
                return await self._exchange(request, built, self._pool.ours)
        except TooLarge as error:
            raise _too_large(request, error) from error
        except _LOST as error:
            raise _lost(request, error) from error

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    async def __aenter__(self) -> HttpTransport:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _build(self, request: HttpRequest, body: Prepared) -> httpx.Request:
        headers = {**_PLAIN, **(_NO_COMPRESSION if request.stream else {}), **request.headers}
        if body.content_type:
            headers.setdefault("content-type", body.content_type)
        try:
            if body.chunks is None:
                return httpx.Request(
                    request.method,
                    _url(request.url),
                    headers=_checked(headers),
                    content=body.content,
                    extensions=self._extensions,
                )
            headers["content-length"] = str(body.length)
            return httpx.Request(
                request.method,
                _url(request.url),
                headers=_checked(headers),
                stream=_Stream(body),
                extensions=self._extensions,
            )
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise SendError(
                "invalid_request", detail="the request has an impossible URL or header"
            ) from error

    async def _foreign(self, request: HttpRequest, built: httpx.Request) -> HttpResponse:
        """Connect to the addresses that were checked, in turn, until one takes the connection."""
        target = await check_target(str(built.url), allow_private=self._allow_private)
        for address in target.addresses[:-1]:
            try:
                return await self._exchange(request, _pinned(built, target, address), self._pool.guarded)
            except httpx.TransportError as error:
                if not _nothing_left(error):
                    raise
        last = _pinned(built, target, target.addresses[-1])
        return await self._exchange(request, last, self._pool.guarded)

    async def _exchange(
        self, request: HttpRequest, built: httpx.Request, transport: httpx.AsyncBaseTransport
    ) -> HttpResponse:
        reply = await transport.handle_async_request(built)
        stream: Any = reply.stream
        try:
            return await self._answer(request, reply, stream)
        finally:
            await stream.aclose()

    async def _answer(
        self, request: HttpRequest, reply: httpx.Response, stream: AsyncIterator[bytes]
    ) -> HttpResponse:
        headers = Headers(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in reply.headers.raw
        )
        chunks = inflated(stream, headers.get("content-encoding", ""))
        if request.stream and 200 <= reply.status_code < 300 and self._store is not None:
            blob = await self._store.put(
                chunks,
                mime=headers.get("content-type", ""),
                filename=filename_of(headers, request.url),
                max_bytes=self._max_download,
            )
            return HttpResponse(status=reply.status_code, headers=headers, blob=blob)
        body = await _bounded(chunks, self._max_answer)
        return HttpResponse(status=reply.status_code, headers=headers, body=body)


class _Stream(httpx.AsyncByteStream):
    """A body that is read from the media store while it is sent."""

    def __init__(self, body: Prepared) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._body.chunks is not None:
            async for chunk in self._body.chunks():
                yield chunk


class _Pool:
    """Two pools, built on first use: connections to our providers, and single ones to anywhere else."""

    def __init__(self, library: Library, connections: int) -> None:
        if library == "aiohttp" and aiohttp is None:
            raise SendError("internal", detail="httpx-aiohttp is missing: install chanbridge[serve]")
        self._aiohttp = aiohttp is not None and library != "httpx"
        self._connections = connections
        self._built: dict[str, httpx.AsyncBaseTransport] = {}
        self._tls: ssl.SSLContext | None = None

    @property
    def ours(self) -> httpx.AsyncBaseTransport:
        return self._built.get("ours") or self._make("ours")

    @property
    def guarded(self) -> httpx.AsyncBaseTransport:
        return self._built.get("guarded") or self._make("guarded")

    async def aclose(self) -> None:
        while self._built:
            await self._built.popitem()[1].aclose()

    def _make(self, which: str) -> httpx.AsyncBaseTransport:
        self._tls = self._tls or httpx.create_ssl_context(trust_env=False)
        tls, connections = self._tls, self._connections
        if self._aiohttp:
            made: httpx.AsyncBaseTransport = AiohttpTransport(
                verify=tls, trust_env=False, client=lambda: _session(tls, connections)
            )
        else:
            limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
            made = httpx.AsyncHTTPTransport(verify=tls, trust_env=False, limits=limits)
        self._built[which] = made
        return made


def _session(tls: ssl.SSLContext, connections: int) -> aiohttp.ClientSession:
    """A session that adds nothing of its own: no cookies, no headers, no environment."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, limit=connections),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
        trust_env=False,
    )


def _pinned(built: httpx.Request, target: Target, address: str) -> httpx.Request:
    """Aim a request at a checked address, keeping its Host and the name its certificate must have."""
    host = f"[{address}]" if ":" in address else address
    headers = httpx.Headers(built.headers)
    sni = {"sni_hostname": target.host.rstrip(".")} if built.url.scheme == "https" else {}
    headers["connection"] = "close"  # never pooled: a connection belongs to one name, not to an address
    return httpx.Request(
        built.method,
        built.url.copy_with(host=host),
        headers=headers,
        stream=built.stream,
        extensions={**built.extensions, **sni},
    )


def _checked(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not (name.isascii() and value.isascii() and (name + value).isprintable()):
            raise ValueError(name)
    return headers


async def _bounded(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    held: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise TooLarge(limit)
        held.append(chunk)
    return held[0] if len(held) == 1 else b"".join(held)


_LOST: tuple[type[Exception], ...] = (httpx.HTTPError, OSError)  # a TimeoutError is an OSError
if aiohttp is not None:
    _LOST = (*_LOST, aiohttp.ClientError)


def _lost(request: HttpRequest, error: Exception) -> SendError:
    """Say what a missing answer means: nothing left, it may be repeated, or nobody knows."""
    where = f"{request.method} {request.host}: {_kind(error)}"
    if request.repeatable or _nothing_left(error):
        return SendError("channel_unavailable", detail=where)
    return SendError("outcome_unknown", detail=where)


def _nothing_left(error: Exception) -> bool:
    # httpx-aiohttp calls a connection that broke half-way a ConnectTimeout: its cause knows better.
    cause = (
        error.__cause__ if aiohttp is not None and isinstance(error.__cause__, aiohttp.ClientError) else None
    )
    if cause is not None:
        return isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


def _kind(error: Exception) -> str:
    """Name what happened without quoting it: the words of an error may hold the URL."""
    return type(error.__cause__ if isinstance(error, httpx.HTTPError) and error.__cause__ else error).__name__


def _too_large(request: HttpRequest, error: TooLarge) -> SendError:
    where = f"{request.method} {request.host}: {error}"
    return SendError("too_large" if request.repeatable else "outcome_unknown", detail=where)


def filename_of(headers: Headers, url: str) -> str:
    """Find what a downloaded file is called: by its headers, else by the end of its URL."""
    said = MimeHeaders()
    said["content-disposition"] = headers.get("content-disposition", "")
    name = said.get_filename() or ""
    with contextlib.suppress(UnicodeError):
        name = name.encode("latin-1").decode()  # many servers send UTF-8 as it is
    last = unquote(urlsplit(url).path.rpartition("/")[2])
    return name or (last if "." in last else "")
