"""HTTP/1.1 on loopback sockets: a server that can also misbehave, and a client for one request.

Plain ``asyncio`` with ``h11``: a simulator must be able to drop a connection, answer late, or answer
after the webhook it caused, and an ASGI server keeps those from an application.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

import h11

from chanbridge.http import Headers, HttpRequest, HttpResponse

HOST = "127.0.0.1"
MAX_BODY = 110 * 1024 * 1024  # the largest file a simulated provider takes, and its form around it
CHUNK = 65_536


class Reply(NamedTuple):
    """What to answer (None: close the connection without a word), and what to do once it has left."""

    response: HttpResponse | None
    after: Callable[[], None]


Handle = Callable[[HttpRequest], Awaitable[Reply]]


class Server:
    """An HTTP server on an ephemeral loopback port."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def start(self, port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        self._server = await asyncio.start_server(self._connected, HOST, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the socket and every connection."""
        if self._server is None:
            return
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")[0]
        try:
            with suppress(ConnectionError, h11.RemoteProtocolError):
                line = h11.Connection(h11.SERVER)
                while await self._exchange(line, reader, writer, peer):
                    line.start_next_cycle()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _exchange(
        self, line: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str
    ) -> bool:
        """Serve one request; say whether the connection goes on."""
        head = await _next(line, reader, writer)
        if not isinstance(head, h11.Request):
            return False
        body = await _body(line, reader, writer)
        response, after = await self._handle(_request(head, body, peer))
        if response is None:
            after()
            return False
        _write(line, writer, response)
        try:
            await writer.drain()
        finally:
            after()  # the provider has accepted it, whether or not the caller is still there
        return line.our_state is h11.DONE and line.their_state is h11.DONE


def _request(head: h11.Request, body: bytes, peer: str) -> HttpRequest:
    headers = Headers(
        (name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in head.headers
    )
    target = head.target.decode("latin-1")
    return HttpRequest(
        method=head.method.decode("ascii"),
        url=f"http://{headers.get('host', HOST)}{target}",
        headers=headers,
        body=body,
        peer=peer,
    )


async def _next(
    line: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> h11.Event | type[h11.PAUSED]:
    while True:
        event = line.next_event()
        if not isinstance(event, type) or event is h11.PAUSED:
            return event
        if line.our_role is h11.SERVER and line.they_are_waiting_for_100_continue:
            writer.write(line.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        line.receive_data(await reader.read(CHUNK))


async def _body(line: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    body = bytearray()
    while isinstance(event := await _next(line, reader, writer), h11.Data):
        body += event.data
        if len(body) > MAX_BODY:
            raise ConnectionAbortedError("the body is larger than any provider takes")
    return bytes(body)


def _write(line: h11.Connection, writer: asyncio.StreamWriter, response: HttpResponse) -> None:
    body = b"" if response.status in {204, 304} else response.body
    fields = {**response.headers, "content-length": str(len(body))}
    headers = [(name.encode(), value.encode()) for name, value in fields.items()]
    writer.write(line.send(h11.Response(status_code=response.status, headers=headers)) or b"")
    if body:  # h11 keeps it back where a HEAD was asked
        writer.write(line.send(h11.Data(data=body)) or b"")
    writer.write(line.send(h11.EndOfMessage()) or b"")


async def fetch(request: HttpRequest, *, within: float) -> HttpResponse:
    """Make one request on a connection of its own; raise `OSError` if it fails, or takes too long."""
    parts = urlsplit(request.url)
    secure = parts.scheme == "https"
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port or (443 if secure else 80), ssl=secure or None
        )
        try:
            return await _ask(h11.Connection(h11.CLIENT), reader, writer, request)
        except h11.RemoteProtocolError as error:
            raise ConnectionResetError(f"{request.method} {request.host}: no answer") from error
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def _ask(
    line: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: HttpRequest
) -> HttpResponse:
    parts = urlsplit(request.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    fields = {
        "host": parts.netloc.rpartition("@")[2],
        "connection": "close",
        **request.headers,
        "content-length": str(len(request.content)),
    }
    writer.write(
        line.send(h11.Request(method=request.method, target=target, headers=list(fields.items()))) or b""
    )
    writer.write(line.send(h11.Data(data=request.content)) or b"")
    writer.write(line.send(h11.EndOfMessage()) or b"")
    await writer.drain()
    head = await _next(line, reader, writer)
    if not isinstance(head, h11.Response):
        raise ConnectionResetError(f"{request.method} {request.host}: no answer")
    headers = Headers(
        (name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in head.headers
    )
    return HttpResponse(status=head.status_code, headers=headers, body=await _body(line, reader, writer))
