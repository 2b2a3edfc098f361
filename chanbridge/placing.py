"""Places what another process has taken in: parsed again, and brought where it belongs, the oldest first."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from chanbridge.inbound import Receiver
from chanbridge.intake import described
from chanbridge.store.base import Journal

_log = logging.getLogger(__name__)
LOOK_S = 0.02
"""How soon it is seen that there is something."""
STAND_BY_S = 0.25
"""How soon it is looked again where another process has just placed what was there: one is enough."""
REST_S = 1.0
"""How long it rests after something went wrong."""
MOST = 32
"""How many requests are placed at once: meanwhile nobody can take anything in."""


class Placer:
    """Looks for requests that wait to be placed; of several, one at a time places."""

    def __init__(self, receiver: Receiver, journal: Journal) -> None:
        self._receiver = receiver
        self._journal = journal
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop; what is not placed waits on disk."""
        if self._loop is not None:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop
            self._loop = None

    async def _run(self) -> None:
        while True:
            try:
                wait_s = await self._place()
            except Exception as error:  # this loop must not end
                _log.error("placing.failed", extra={"error": described(error)})
                wait_s = REST_S
            if wait_s:
                await asyncio.sleep(wait_s)

    async def _place(self) -> float:
        """Place some; say how long to wait before there may be more for this process."""
        kept = await self._journal.unplaced(MOST)
        if not kept:
            return LOOK_S
        return 0.0 if await self._receiver.place(kept) else STAND_BY_S
