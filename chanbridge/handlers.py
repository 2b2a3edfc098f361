"""Handlers: what an integrator wants done when something happens."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from chanbridge.blame import name_culprit
from chanbridge.model.errors import ValidationError
from chanbridge.model.events import Event
from chanbridge.talk import Desk, Talk
from chanbridge.threads import Threads
from chanbridge.watch import Watch

_log = logging.getLogger(__name__)
_POSITIONAL = {
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
}
_FORMS = "write a function that takes (event) or (event, conversation)"


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

        Its name is part of the keys of its replies: it stays the same over restarts. Raise `ValidationError`
        if it is no such function.
        """
        base = f"{getattr(call, '__module__', '')}.{getattr(call, '__qualname__', type(call).__name__)}"
        twins = sum(handler.name.partition("~")[0] == base for handler in self._handlers)
        name = f"{base}~{twins}" if twins else base
        wants_conversation = _takes_two(call, base)
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
                except BaseException as error:
                    name_culprit(error, handler.name)
                    raise
                finally:
                    watch.end(run)


def check_types(types: tuple[object, ...]) -> None:
    """Raise `ValidationError` if one is no class of events: nothing would ever be of it."""
    for wanted in types:
        if not (isinstance(wanted, type) and issubclass(wanted, Event)):
            told = getattr(wanted, "__qualname__", None) or repr(wanted)
            mend = "write @bridge.on(MessageReceived), or @bridge.on() for every event"
            raise ValidationError("types", f"{told} is no event class: {mend}")


def _takes_two(call: Callable[..., Any], name: str) -> bool:
    """Say whether a function takes a conversation, too; raise `ValidationError` if it cannot be a handler."""
    if inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call):
        raise ValidationError("handler", f"{name} yields, so that its body would not run: write it without")
    signature = _signature(call, name)
    positional = [p for p in signature.parameters.values() if p.kind in _POSITIONAL]
    two = len(positional) > 1 or any(p.kind is p.VAR_POSITIONAL for p in positional)
    try:
        signature.bind(*(("event", "conversation") if two else ("event",)))
    except TypeError as error:
        raise ValidationError("handler", f"{name} takes {_bare(signature)}: {_FORMS}") from error
    return two


def _bare(signature: inspect.Signature) -> inspect.Signature:
    """Leave only the names of the arguments: a default may be a secret."""
    empty = inspect.Parameter.empty
    bare = [p.replace(annotation=empty, default=empty) for p in signature.parameters.values()]
    return signature.replace(parameters=bare, return_annotation=empty)


def _signature(call: Callable[..., Any], name: str) -> inspect.Signature:
    try:
        return inspect.signature(call)
    except (TypeError, ValueError) as error:
        told = name if callable(call) else repr(call)
        raise ValidationError(
            "handler", f"{told} is no function whose arguments are known: {_FORMS}"
        ) from error


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
