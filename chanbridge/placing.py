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
                busy = await self._place()
            except Exception as error:  # this loop must not end
                _log.error("placing.failed", extra={"error": described(error)})
                await asyncio.sleep(REST_S)
            else:
                if not busy:
                    await asyncio.sleep(LOOK_S)

    async def _place(self) -> bool:
        """Place some; say whether there were any."""
        kept = await self._journal.unplaced(MOST)
        await self._receiver.place(kept)
        return bool(kept)
