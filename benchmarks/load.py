"""A load generator that costs little: requests written beforehand, one in flight on each connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

CONNECTIONS = 32
OK = b"HTTP/1.1 200"
END = b"\r\n\r\n"


class Took(NamedTuple):
    """How long a round took, and how much of that the generator itself worked."""

    seconds: float
    busy: float


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last one is whole (the answers have no body)."""

    def __init__(self, requests: Iterator[bytes], done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._done = done
        self._answer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.next()

    def next(self) -> None:
        request = next(self._requests, None)
        if request is not None:
            self._transport.write(request)
            return
        self._transport.close()
        if not self._done.done():
            self._done.set_result(None)

    def data_received(self, data: bytes) -> None:
        answer = self._answer + data if self._answer else data
        if not answer.endswith(END):
            self._answer = answer
            return
        self._answer = b""
        if not answer.startswith(OK):
            self._fail(f"the server answered {answer[:200]!r}")
        else:
            self.next()

    def connection_lost(self, error: Exception | None) -> None:
        self._fail("the server closed the connection")

    def _fail(self, words: str) -> None:
        if not self._done.done():
            self._done.set_exception(RuntimeError(words))
        self._transport.close()


async def _run(port: int, requests: list[bytes], connections: int) -> Took:
    loop = asyncio.get_running_loop()
    left = iter(requests)
    done = [loop.create_future() for _ in range(connections)]
    began, worked = time.perf_counter(), time.process_time()
    for each in done:
        await loop.create_connection(lambda each=each: _Connection(left, each), "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*done)
    seconds = time.perf_counter() - began
    return Took(seconds, (time.process_time() - worked) / seconds)


def run(port: int, requests: list[bytes], connections: int = CONNECTIONS) -> Took:
    """Send all requests, each once; raise `RuntimeError` at the first answer that is not 200."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(port, requests, connections))
