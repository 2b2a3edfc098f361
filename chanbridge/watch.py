"""Watches what runs: says so when something runs long, and ends it where there is a limit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import NamedTuple

_log = logging.getLogger(__name__)


class _Run(NamedTuple):
    since: float
    name: str
    event: str


class Watch:
    """Knows which runs of one consumer are slow. One timer serves them all: nearly all end at once."""

    def __init__(self, slow_s: float, timeout_s: float = 0.0) -> None:
        self._slow_s = slow_s
        self._timeout_s = timeout_s
        self._runs: dict[object, _Run] = {}  # the oldest first
        self._slow: set[object] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def slow(self) -> int:
        """How many have run for longer than they should, and still do."""
        return len(self._slow)

    async def over(self, name: str, event: str, work: Awaitable[object]) -> None:
        """Watch one run; raise `TimeoutError` when it takes longer than the limit, if there is one."""
        run = self.begin(name, event)
        try:
            await self.limited(work)
        finally:
            self.end(run)

    def limited(self, work: Awaitable[object]) -> Awaitable[object]:
        """Put the limit on a run, if there is one."""
        return self._within_limit(work) if self._timeout_s else work

    async def _within_limit(self, work: Awaitable[object]) -> None:
        async with asyncio.timeout(self._timeout_s):
            await work

    def begin(self, name: str, event: str) -> object:
        """Begin to watch a run; give what `end` is to be told."""
        loop = asyncio.get_running_loop()
        run = object()
        self._runs[run] = _Run(loop.time(), name, event)
        if self._timer is None:
            self._timer = loop.call_later(self._slow_s, self._look, loop)
        return run

    def end(self, run: object) -> None:
        """Say that a run has ended."""
        if self._runs.pop(run, None) is None:
            self._slow.discard(run)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell of those that run long; come back when the next one would."""
        self._timer = None
        while self._runs:
            run, (since, name, event) = next(iter(self._runs.items()))
            if since + self._slow_s > loop.time():
                self._timer = loop.call_at(since + self._slow_s, self._look, loop)
                return
            del self._runs[run]
            self._slow.add(run)
            _log.warning("handler.slow", extra={"handler": name, "event_id": event, "seconds": self._slow_s})
