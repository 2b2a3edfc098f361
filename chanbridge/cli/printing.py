"""Printing events as they come: each once, and only while somebody reads them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chanbridge.cli.output import NoOutput, print_json, print_line

if TYPE_CHECKING:
    from chanbridge.bridge import Bridge
    from chanbridge.model.events import Event

_REMEMBERED = 10_000


class Printer:
    """Prints events as a handler; ``over`` is set when nobody can read them any more."""

    def __init__(self, *, as_json: bool, over: asyncio.Event | None = None) -> None:
        self.over = over or asyncio.Event()
        self._as_json = as_json
        self._printed: dict[str, None] = {}  # another handler may fail, and have an event shown again
        self._failure: NoOutput | BrokenPipeError | None = None

    async def show(self, event: Event) -> None:
        """Print an event that was not printed yet; wait for the end if that cannot be."""
        if self._failure is None and event.id not in self._printed:
            self._print(event)
        if self._failure is not None:
            await asyncio.Event().wait()  # neither done nor failed: it stays pending
        self._printed[event.id] = None
        if len(self._printed) > _REMEMBERED:
            del self._printed[next(iter(self._printed))]

    def _print(self, event: Event) -> None:
        from chanbridge.cli.events import shown
        from chanbridge.model.codec import encode

        try:
            if self._as_json:
                print_json(encode(event))
            else:
                print_line(shown(event))
        except (BrokenPipeError, NoOutput) as error:
            self._failure = error
            self.over.set()

    async def end(self, bridge: Bridge) -> None:
        """Raise why events could not be printed, if so, leaving these pending in the bridge."""
        if self._failure is None:
            return
        for dispatcher in bridge.runtime.consumers.dispatchers:
            await dispatcher.stop(0)
        raise self._failure
