"""Handlers: what an integrator wants done when something happens."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from chanbridge.model.events import Event
from chanbridge.talk import Desk, Talk
from chanbridge.threads import Threads
from chanbridge.watch import Watch

_log = logging.getLogger(__name__)


class Handler(NamedTuple):
    """One handler: ``types`` match exactly (`Event` matches all), ``passive`` ones see passive events too."""

    name: str
    call: Callable[..., Any]
    types: tuple[type[Event], ...]
    account: str | None
    passive: bool
    wants_conversation: bool
    is_async: bool

    def wants(self, event: Event) -> bool:
        """Say whether an event is for this handler."""
        return (
            (type(event) in self.types or Event in self.types)
            and (self.account is None or self.account == event.account)
            and (self.passive or not event.passive)
        )


class Handlers:
    """The handlers of a bridge, in the order in which they were added."""

    def __init__(self) -> None:
        self._handlers: list[Handler] = []

    def __len__(self) -> int:
        return len(self._handlers)

    def add(
        self, call: Callable[..., Any], types: tuple[type[Event], ...], account: str | None, passive: bool
    ) -> None:
        """Add a function of (event) or (event, conversation), ``def`` or ``async def``.

        Its name is part of the keys of its replies: it stays the same over restarts.
        """
        base = f"{getattr(call, '__module__', '')}.{getattr(call, '__qualname__', type(call).__name__)}"
        twins = sum(handler.name.partition("~")[0] == base for handler in self._handlers)
        name = f"{base}~{twins}" if twins else base
        positional = [
            p for p in inspect.signature(call).parameters.values()
            if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL}
        ]  # fmt: skip
        wants_conversation = len(positional) > 1 or any(p.kind is p.VAR_POSITIONAL for p in positional)
        self._handlers.append(
            Handler(name, call, types, account, passive, wants_conversation, is_async(call))
        )

    async def run(self, event: Event, desk: Desk, threads: Threads, watch: Watch) -> None:
        """Run every handler that wants an event, ``def`` ones in a thread; raise what one raises."""
        for handler in self._handlers:
            if handler.wants(event):
                run = watch.begin(handler.name, event.id)
                try:
                    await watch.limited(_run(handler, event, desk, threads))
                finally:
                    watch.end(run)


def is_async(call: Callable[..., Any]) -> bool:
    """Say whether a function, or an object that is called like one, is ``async``."""
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)


def _run(handler: Handler, event: Event, desk: Desk, threads: Threads) -> Awaitable[object]:
    """Run a handler; it is done when all that it began is on disk."""
    if handler.wants_conversation:
        return _run_with_talk(handler, event, desk, threads)
    return _call(handler, threads, event)


async def _run_with_talk(handler: Handler, event: Event, desk: Desk, threads: Threads) -> None:
    talk = Talk(desk, event, handler.name) if event.conversation else None
    try:
        await _call(handler, threads, event, talk)
    finally:
        for sending in talk.begun if talk else ():
            await sending.settled()


def _call(handler: Handler, threads: Threads, *args: object) -> Awaitable[object]:
    if handler.is_async:
        called: Awaitable[object] = handler.call(*args)
        return called
    return _call_in_thread(handler, threads, *args)


async def _call_in_thread(handler: Handler, threads: Threads, *args: object) -> None:
    outcome = await threads.run(handler.call, *args)
    if inspect.isawaitable(outcome):
        await outcome
