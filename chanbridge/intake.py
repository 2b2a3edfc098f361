"""What a plugin makes of a request, and how sound it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from chanbridge.accounts import AnyChannel
from chanbridge.channel import Found, told
from chanbridge.http import HttpRequest
from chanbridge.model.codec import encode_event
from chanbridge.model.errors import PayloadError
from chanbridge.model.events import Event, ProviderEvent, Wake
from chanbridge.store.base import RequestState
from chanbridge.store.engine import StoreError

_FOUND = (Event, Wake)
MOST = 5
"""Most problems of one request that its reason tells."""


class Parsed(NamedTuple):
    """What was found in a request, and what went wrong meanwhile (empty: nothing)."""

    found: list[Found]
    problem: str = ""


def parse(channel: AnyChannel, request: HttpRequest) -> Parsed:
    """Parse a request; where that fails, what was found before it stays."""
    found: list[Found] = []
    try:
        items: Iterable[object] = channel.parse(request)
        for item in items:
            if not isinstance(item, _FOUND):
                return Parsed(found, f"parse gave a {type(item).__name__}, which is no event")
            found.append(item)
    except Exception as error:
        return Parsed(found, _problem(error))
    return Parsed(found)


def judge(events: Iterable[Event], strays: int, problem: str) -> tuple[RequestState, str]:
    """Say how a request is to be kept, and why."""
    errors = [event.error for event in events if type(event) is ProviderEvent and event.error]
    if problem or errors:
        return "quarantined", _list(list(dict.fromkeys([problem, *errors] if problem else errors)))
    if strays:
        return "unowned", f"{strays} of an account that is not configured, or does not accept the request"
    return "ok", ""


def _list(problems: list[str]) -> str:
    more = len(problems) - MOST
    return "; ".join([*problems[:MOST], f"and {more} more"] if more > 0 else problems)


def mended(event: Event) -> Event:
    """Give an event; if it cannot be written, a `ProviderEvent` that says so, with its raw if that can be."""
    try:
        encode_event(event)
    except Exception as error:
        raw = event.raw if event.raw and _is_text(event.raw.body) else None
        return ProviderEvent(
            account=event.account,
            account_id=event.account_id,
            provider_type="malformed",
            error=f"cannot be written: {type(error).__name__}",
            raw=raw,
        )
    return event


def _is_text(words: str) -> bool:
    try:
        words.encode()
    except UnicodeEncodeError:
        return False
    return True


def place_of(error: BaseException) -> str:
    """Say where in the code an error was raised. Its words are left out: they may quote a message."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""


def described(error: BaseException) -> str:
    """Say what went wrong inside: a store's own words, of anything else only what and where."""
    return str(error) if isinstance(error, StoreError) else f"{type(error).__name__} at {place_of(error)}"


def _problem(error: Exception) -> str:
    known = isinstance(error, PayloadError | msgspec.DecodeError)
    return told(error) if known else f"{type(error).__name__} at {place_of(error)}"
