"""What one person says in one request, as it lies in the journal: what the messages share is written once.

A JSON list of the conversation, the sender and the events, without what the row and these two say; a raw
payload that stands in the request's body is only a place in that.
Where msgspec would write it wrongly (`wire.is_plain`), the events are written as any others are.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

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

OPENING = b"["
_POINTER = "request:"
_PLACE = re.compile(rf"{_POINTER}(\d+)-(\d+)")
Piece = Callable[[int, int], bytes | None]
"""Reads the bytes of the request's body from a place to another; None if it is gone."""
Shared = tuple[Conversation | None, Contact | None]
"""What the messages of a row have in common: where they belong, and who said them."""


def pack(shared: Shared, events: Sequence[MessageReceived], body: bytes) -> bytes:
    """Write placed plain messages (see `familiar`) that share these, and that a body brought.

    Nothing where they need more care.
    """
    end = 0
    bare = []
    for event in events:
        raw, end = _pointer(event.raw, body, end)
        bare.append(_bare(event, raw))
    written = wire.dump([*shared, bare])
    return written if wire.is_plain(written) else b""


def _bare(event: MessageReceived, raw: Raw | None) -> MessageReceived:
    said = replace(event.message, id="", account="", channel="", conversation="", sender=None)
    return replace(event, account="", conversation=None, raw=raw, recorded_at=None, sequence="", message=said)


def _pointer(raw: Raw | None, body: bytes, start: int) -> tuple[Raw | None, int]:
    """Point to where a payload stands in a body from a place on, if it does; say where it ends."""
    if raw is None or not raw.body:
        return raw, start
    payload = raw.body.encode()
    first = body.find(payload, start)
    if first < 0:
        return raw, start
    end = first + len(payload)
    return replace(raw, body="", ref=f"{_POINTER}{first}-{end}"), end


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
        place, sender = Place(reading.build(Conversation, where), ()), reading.build(Contact, who)
    except ValidationError as error:
        raise reading.under("data", error) from None
    said = replace(event.message, sender=sender)
    return placed(
        replace(event, account=place.conversation.account, message=said), place, event.id, recorded, number
    )


def placed(event: MessageReceived, place: Place, id: str, at: dt.datetime, seq: int) -> MessageReceived:
    """Put an event into its conversation and into the journal, under the id that is its message's, too."""
    where = place.conversation
    said = replace(event.message, id=id, account=where.account, channel=place.channel, conversation=place.key)
    return replace(event, conversation=where, message=said, id=id, recorded_at=at, sequence=sequence(seq))
