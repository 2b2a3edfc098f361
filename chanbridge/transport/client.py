"""Makes the requests: the only file that imports httpx, and the only one that imports aiohttp.

httpx's own connection pool slows down as requests pile up, so aiohttp's stands under it where it
is installed (extra ``serve``). Requests go straight to the httpx transport: the client around it
costs more than all the rest, and what it adds (cookies, redirects, environment) is not wanted
here. No httpx type crosses this boundary, in or out.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Literal

import httpx
import msgspec

from chanbridge.blobs import MAX_FILE, MediaStore
from chanbridge.guard import Target, check_target
from chanbridge.http import Headers, HttpRequest, HttpResponse
from chanbridge.mime import sent_name
from chanbridge.model.errors import SendError
from chanbridge.redact import is_secret_header
from chanbridge.transport.body import Prepared, prepare
from chanbridge.transport.inflate import TooLarge, inflated

try:
    import aiohttp
    import yarl
except ImportError:  # the extra `serve` is not installed
    aiohttp = None  # type: ignore[assignment]

Library = Literal["auto", "aiohttp", "httpx"]
MAX_ANSWER = 8 * 1024 * 1024
_PLAIN = {"user-agent": f"chanbridge/{version('chanbridge')}", "accept": "*/*", "accept-encoding": "gzip"}
_NO_COMPRESSION = {"accept-encoding": "identity"}
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


@lru_cache(maxsize=1024)
def _place(url: str) -> tuple[httpx.URL, str]:
    """Parse a URL, once for many requests, and give its Host header too."""
    parsed = httpx.URL(url)
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise httpx.InvalidURL("not an http URL")
    return parsed, parsed.netloc.decode("ascii")


@lru_cache(maxsize=1024)
def _exact(url: str) -> yarl.URL:
    return yarl.URL(url, encoded=True)


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
        self._pool = _Pool(library, connections, timeouts)
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
        built = self._build(request, body, foreign=foreign)
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

    def _build(self, request: HttpRequest, body: Prepared, *, foreign: bool) -> httpx.Request:
        try:
            url, host = _place(request.url)
            headers = {
                "host": host,
                **_PLAIN,
                **(_NO_COMPRESSION if request.stream else {}),
                **request.headers,
            }
            if body.content_type:
                headers.setdefault("content-type", body.content_type)
            if body.length or request.method not in _BODILESS:
                headers["content-length"] = str(body.length)
            return httpx.Request(
                request.method,
                url,
                headers=_encoded(headers),
                stream=_Body(body),
                extensions=self._extensions,
            )
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise _impossible(request, foreign=foreign) from error

    async def _foreign(self, request: HttpRequest, built: httpx.Request) -> HttpResponse:
        """Connect to the addresses that were checked, in turn, until one takes the connection."""
        target = await check_target(str(built.url), allow_private=self._allow_private)
        for address in target.addresses[:-1]:
            try:
                return await self._exchange(request, _pinned(built, target, address), self._pool.guarded)
            except _NOTHING_LEFT:
                continue
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
                filename=sent_name(headers.get("content-disposition", ""), request.url),
                max_bytes=self._max_download,
            )
            return HttpResponse(status=reply.status_code, headers=headers, blob=blob)
        body = await _bounded(chunks, self._max_answer)
        return HttpResponse(status=reply.status_code, headers=headers, body=body)


class _Body(httpx.AsyncByteStream):
    """The body of a request: bytes, or read from the media store while it is sent."""

    def __init__(self, body: Prepared) -> None:
        self.content = body.content
        self.chunks = body.chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.chunks is None:
            yield self.content
            return
        async for chunk in self.chunks():
            yield chunk


class _Aiohttp(httpx.AsyncBaseTransport):
    """An httpx transport over aiohttp, which sends a URL as it is and raises aiohttp's own errors.

    (``httpx-aiohttp`` rewrites the escapes of a URL, which breaks signed links, and calls a connection
    that broke after the request had left a ``ConnectTimeout``, which would send it twice.)
    """

    def __init__(self, session: aiohttp.ClientSession, timeouts: Timeouts) -> None:
        self._session = session
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=timeouts.pool, sock_connect=timeouts.connect, sock_read=timeouts.read
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body: Any = request.stream
        reply = await self._session.request(
            request.method,
            _exact(str(request.url)),
            headers=[(name.decode(), value.decode()) for name, value in request.headers.raw],
            data=body.content or None if body.chunks is None else body,
            allow_redirects=False,
            auto_decompress=False,
            timeout=self._timeout,
            server_hostname=request.extensions.get("sni_hostname"),
        )
        return httpx.Response(reply.status, headers=reply.raw_headers, stream=_Reply(reply))

    async def aclose(self) -> None:
        await self._session.close()


class _Reply(httpx.AsyncByteStream):
    """The body of an aiohttp response."""

    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        self._reply = reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._reply.content.iter_any():
            yield chunk

    async def aclose(self) -> None:
        await self._reply.__aexit__(None, None, None)


class _Pool:
    """Two pools, built on first use: connections to our providers, and single ones to anywhere else."""

    def __init__(self, library: Library, connections: int, timeouts: Timeouts) -> None:
        if library == "aiohttp" and aiohttp is None:
            raise SendError("internal", detail="aiohttp is missing: install chanbridge[serve]")
        self._aiohttp = aiohttp is not None and library != "httpx"
        self._connections = connections
        self._timeouts = timeouts
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
            made: httpx.AsyncBaseTransport = _Aiohttp(
                _session(tls, connections, pooled=which == "ours"), self._timeouts
            )
        else:
            limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
            made = httpx.AsyncHTTPTransport(verify=tls, trust_env=False, limits=limits)
        self._built[which] = made
        return made


def _session(tls: ssl.SSLContext, connections: int, *, pooled: bool) -> aiohttp.ClientSession:
    """A session that adds nothing of its own: no cookies, no headers, no environment."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, limit=connections, force_close=not pooled),
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


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Write headers as bytes; raise `ValueError` for what would end a header, or is no ASCII."""
    if not "".join(headers.values()).isprintable() or next(_unfit_credentials(headers), ""):
        raise ValueError("a header value")
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]


def _unfit_credentials(headers: Mapping[str, str]) -> Iterator[str]:
    """Name the headers whose credential no header can carry, or only without the white space around it."""
    for name, value in headers.items():
        carried = value.isascii() and value.isprintable() and value == value.strip()
        if not carried and is_secret_header(name):
            yield name


def _impossible(request: HttpRequest, *, foreign: bool) -> SendError:
    """Say why a request cannot be written; an unfit credential is the account's, and no message's failure."""
    unfit = "" if foreign else next(_unfit_credentials(request.headers), "")
    if not unfit:
        return SendError("invalid_request", detail="the request has an impossible URL or header")
    what = f"the header {unfit} holds what no header can carry"
    return SendError("auth_failed", detail=f"{what}: compare the setting of its credential")


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
_NOTHING_LEFT: tuple[type[Exception], ...] = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
if aiohttp is not None:
    _LOST = (*_LOST, aiohttp.ClientError)
    _NOTHING_LEFT = (*_NOTHING_LEFT, aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


def _lost(request: HttpRequest, error: Exception) -> SendError:
    """Say what a missing answer means: nothing left, it may be repeated, or nobody knows.

    It names the error and does not quote it: its words may hold the URL.
    """
    where = f"{request.method} {request.host}: {type(error).__name__}"
    if request.repeatable or isinstance(error, _NOTHING_LEFT):
        return SendError("channel_unavailable", detail=where)
    return SendError("outcome_unknown", detail=where)


def _too_large(request: HttpRequest, error: TooLarge) -> SendError:
    where = f"{request.method} {request.host}: {error}"
    return SendError("too_large" if request.repeatable else "outcome_unknown", detail=where)
