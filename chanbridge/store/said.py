"""What one person says in one request, as it lies in the journal: what the messages share is written once.

A JSON list of the conversation, the sender and the events, without what the row and these two say; a raw
payload that stands in the request's body is only a place in that.
Where msgspec would write it wrongly (`wire.is_plain`), the events are written as any others are.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from chanbridge.model import reading, wire
from chanbridge.model.address import Contact, Conversation
from chanbridge.model.base import Raw
from chanbridge.model.errors import ValidationError
from chanbridge.model.events import Event, MessageReceived
from chanbridge.store.base import sequence
from chanbridge.store.recall import Place
from chanbridge.store.written import unreadable

S = TypeVar("S", bound=msgspec.Struct)
OPENING = b"["
_MISSES = 3
"""So many payloads that are not in the body, and no more are looked for there."""
_POINTER = "request:"
_PLACE = re.compile(rf"{_POINTER}(\d+)-(\d+)")
Piece = Callable[[int, int], bytes | None]
"""Reads the bytes of the request's body from a place to another; None if it is gone."""
Shared = tuple[Conversation | None, Contact | None]
"""What the messages of a row have in common: where they belong, and who said them."""


class Body:
    """The body of a request, in which payloads are looked for: in their order, and while they are there."""

    __slots__ = ("_content", "_end", "_misses")

    def __init__(self, content: bytes = b"") -> None:
        self._content = content
        self._end = 0
        self._misses = 0

    def find(self, payload: bytes) -> tuple[int, int] | None:
        """Say where a payload stands behind the last one that was found; None: not there."""
        if self._misses >= _MISSES:  # each would look through all of it
            return None
        first = self._content.find(payload, self._end)
        if first < 0:
            self._misses += 1
            return None
        self._end = first + len(payload)
        return first, self._end


def pack(shared: Shared, events: Sequence[MessageReceived], body: Body) -> bytes:
    """Write placed plain messages (see `familiar`) that share these, and that a body brought.

    Nothing where they need more care; raise `ValueError` if one of them cannot be written so.
    """
    written = wire.dump([*shared, [_bare(event, body) for event in events]])
    return written if wire.is_plain(written) else b""


def _bare(event: MessageReceived, body: Body) -> MessageReceived:
    said = replace(event.message, id="", account="", channel="", conversation="", sender=None)
    if event.attributes is None:
        raise ValueError("attributes must be an object")
    raw = _pointer(event.raw, body)
    return replace(event, account="", conversation=None, raw=raw, recorded_at=None, sequence="", message=said)


def _pointer(raw: Raw | None, body: Body) -> Raw | None:
    """Point to where a payload stands in a body, if it does."""
    if raw is None:
        return None
    if raw.ref:
        raise ValueError("a ref of a plugin could look like ours")
    if not raw.body:
        return raw
    found = body.find(raw.body.encode())
    return replace(raw, body="", ref=f"{_POINTER}{found[0]}-{found[1]}") if found else raw


def unpack(
    data: bytes, last: int, at: float, account: str, after: int, body: Piece
) -> Iterator[tuple[int, Event]]:
    """Read the events, numbered up to the last, of a row that was written at a time; those after a number."""
    try:
        where, who, events = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        yield last, unreadable(data, error, account, "", sequence(last))
        return
    recorded = dt.datetime.fromtimestamp(at, dt.UTC)
    first = last - len(events) + 1
    for number in range(max(first, after + 1), last + 1):
        event = _read(events[number - first], where, who, recorded, number, account)
        yield number, replace(event, raw=_followed(event.raw, body)) if event.raw else event


def _read(event: Any, where: Any, who: Any, recorded: dt.datetime, number: int, account: str) -> Event:
    try:
        return _whole(event, where, who, recorded, number)
    except Exception as error:
        line = msgspec.json.encode([where, who, [event]])
        return unreadable(line, error, account, str(event["id"]), sequence(number))


def _followed(raw: Raw, body: Piece) -> Raw:
    """Give a payload that was pointed to; the pointer if the request is gone."""
    pointer = _PLACE.fullmatch(raw.ref) if raw.ref else None
    payload = body(*map(int, pointer.groups())) if pointer else None
    return raw if payload is None else replace(raw, body=payload.decode(errors="replace"), ref="")


def _whole(document: Any, where: Any, who: Any, recorded: dt.datetime, number: int) -> MessageReceived:
    try:
        event = reading.build(MessageReceived, document)
        place = Place(_part("conversation", Conversation, where), ())
        sender = _part("message.sender", Contact, who)
    except ValidationError as error:
        raise reading.under("data", error) from None
    said = replace(event.message, sender=sender)
    return placed(
        replace(event, account=place.conversation.account, message=said), place, event.id, recorded, number
    )


def _part(name: str, type: type[S], document: Any) -> S:
    try:
        return reading.build(type, document)
    except ValidationError as error:
        raise reading.under(name, error) from None


def placed(event: MessageReceived, place: Place, id: str, at: dt.datetime, seq: int) -> MessageReceived:
    """Put an event into its conversation and into the journal, under the id that is its message's, too."""
    where = place.conversation
    said = replace(event.message, id=id, account=where.account, channel=place.channel, conversation=place.key)
    return replace(event, conversation=where, message=said, id=id, recorded_at=at, sequence=sequence(seq))
