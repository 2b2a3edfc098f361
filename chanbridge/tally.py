"""Counts what is refused or odd, in memory first: a bad request must not cost a write to disk."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from chanbridge.store.engine import StoreError

_log = logging.getLogger(__name__)

Keep = Callable[[str, int], Awaitable[None]]
FLUSH_S = 5.0


class Tally:
    """Counters by name, written down every few seconds while there is something to count."""

    def __init__(self, keep: Keep, *, every_s: float = FLUSH_S) -> None:
        self._keep = keep
        self._every_s = every_s
        self._counts: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Task[None] | None = None

    def add(self, name: str, by: int = 1) -> None:
        """Count; it is on disk a few seconds later."""
        self._counts[name] += by
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self._begin)

    async def flush(self) -> None:
        """Write down what was counted; what cannot be written is counted on."""
        counts, self._counts = self._counts, Counter()
        kept = await asyncio.gather(*(self._keep(*item) for item in counts.items()), return_exceptions=True)
        for (name, by), failure in zip(counts.items(), kept, strict=True):
            if isinstance(failure, StoreError):
                self.add(name, by)
            elif isinstance(failure, BaseException):
                _log.error("tally.failed", extra={"counter": name, "error": type(failure).__name__})

    async def close(self) -> None:
        """Write down the rest."""
        if self._flushing:
            await self._flushing
        await self.flush()
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        self._timer = None
        self._flushing = asyncio.ensure_future(self.flush())
