"""What one person says in one request, as it lies in the journal: what the messages share is written once.

A JSON list of the conversation, the sender and the events, without what the row and these two say.
Where msgspec would write it wrongly (`wire.is_plain`), the events are written as any others are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from chanbridge.model import reading, wire
from chanbridge.model.address import Contact, Conversation
from chanbridge.model.errors import ValidationError
from chanbridge.model.events import Event, MessageReceived
from chanbridge.store.base import sequence
from chanbridge.store.recall import Place
from chanbridge.store.written import unreadable

OPENING = b"["
Shared = tuple[Conversation | None, Contact | None]
"""What the messages of a row have in common: where they belong, and who said them."""


def pack(shared: Shared, events: Sequence[MessageReceived]) -> bytes:
    """Write placed plain messages (see `familiar`) that share these; nothing where they need more care."""
    written = wire.dump([*shared, [_bare(event) for event in events]])
    return written if wire.is_plain(written) else b""


def _bare(event: MessageReceived) -> MessageReceived:
    said = replace(event.message, id="", account="", channel="", conversation="", sender=None)
    return replace(event, account="", conversation=None, recorded_at=None, sequence="", message=said)


def unpack(data: bytes, last: int, at: float, account: str, after: int) -> Iterator[tuple[int, Event]]:
    """Read the events, numbered up to the last, of a row that was written at a time; those after a number."""
    where, who, events = msgspec.json.decode(data)
    recorded = dt.datetime.fromtimestamp(at, dt.UTC)
    first = last - len(events) + 1
    for number in range(max(first, after + 1), last + 1):
        yield number, _read(events[number - first], where, who, recorded, number, account)


def _read(event: Any, where: Any, who: Any, recorded: dt.datetime, number: int, account: str) -> Event:
    try:
        return _whole(event, where, who, recorded, number)
    except Exception as error:
        line = msgspec.json.encode([where, who, [event]])
        return unreadable(line, error, account, str(event["id"]), sequence(number))


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
