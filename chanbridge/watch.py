"""Watches what runs: says so when something runs long, and ends it where there is a limit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

_log = logging.getLogger(__name__)


class Watch:
    """Knows which runs of one consumer are slow."""

    def __init__(self, slow_s: float, timeout_s: float = 0.0) -> None:
        self._slow_s = slow_s
        self._timeout_s = timeout_s
        self._slow: set[object] = set()

    @property
    def slow(self) -> int:
        """How many have run for longer than they should, and still do."""
        return len(self._slow)

    @contextlib.asynccontextmanager
    async def over(self, name: str, event: str) -> AsyncIterator[None]:
        """Watch one run; raise `TimeoutError` when it takes longer than the limit, if there is one."""
        run = object()
        bell = asyncio.get_running_loop().call_later(self._slow_s, self._tell, run, name, event)
        try:
            async with asyncio.timeout(self._timeout_s or None):
                yield
        finally:
            bell.cancel()
            self._slow.discard(run)

    def _tell(self, run: object, name: str, event: str) -> None:
        self._slow.add(run)
        _log.warning("handler.slow", extra={"handler": name, "event": event, "seconds": self._slow_s})
