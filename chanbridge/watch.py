"""Watches what runs: says so when something runs long, and ends it where there is a limit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

_log = logging.getLogger(__name__)


class Run:
    """One that has begun."""

    __slots__ = ("event", "name", "since")

    def __init__(self, since: float, name: str, event: str) -> None:
        self.since = since
        self.name = name
        self.event = event


class Watch:
    """Knows which runs of one consumer are slow. One timer serves them all: nearly all end at once."""

    def __init__(self, slow_s: float, timeout_s: float = 0.0) -> None:
        self._slow_s = slow_s
        self._timeout_s = timeout_s
        self._runs: dict[Run, None] = {}  # the oldest first
        self._slow: set[Run] = set()
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

    def begin(self, name: str, event: str) -> Run:
        """Begin to watch a run; give what `end` is to be told."""
        loop = asyncio.get_running_loop()
        run = Run(loop.time(), name, event)
        self._runs[run] = None
        if self._timer is None:
            self._timer = loop.call_later(self._slow_s, self._look, loop)
        return run

    def end(self, run: Run) -> None:
        """Say that a run has ended."""
        if run in self._runs:
            del self._runs[run]
        else:
            self._slow.discard(run)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell of those that run long; come back when the next one would."""
        self._timer = None
        while self._runs:
            run = next(iter(self._runs))
            if run.since + self._slow_s > loop.time():
                self._timer = loop.call_at(run.since + self._slow_s, self._look, loop)
                return
            del self._runs[run]
            self._slow.add(run)
            about = {"handler": run.name, "event_id": run.event, "seconds": self._slow_s}
            _log.warning("handler.slow", extra=about)
