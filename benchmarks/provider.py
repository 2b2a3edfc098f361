"""A provider that answers at once, in a process of its own: ``python -m benchmarks.provider CORE``."""

from __future__ import annotations

import asyncio
import itertools
import re
import sys

import uvloop

from benchmarks import machine

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_numbers = itertools.count()


class _Provider(asyncio.Protocol):
    """Answers every request as the Cloud API does when it takes a message."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (whole := _whole(self._data)) and len(self._data) >= whole:
            self._data = self._data[whole:]
            body = b'{"messaging_product":"whatsapp","messages":[{"id":"wamid.TEST%d"}]}' % next(_numbers)
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            self._transport.write(head % len(body) + body)


def _whole(data: bytes) -> int:
    """Say how long the first request is; 0 if that cannot be told yet."""
    head, end, _ = data.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    return len(head) + len(end) + int(length[1]) if end and length else len(head) + len(end) if end else 0


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Provider, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    machine.pin(int(sys.argv[1]))
    uvloop.run(_serve())
