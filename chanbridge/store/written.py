"""Events as the store keeps them: a CloudEvent a line. What was written is read, whatever is wrong."""

from __future__ import annotations

import msgspec

from chanbridge.model.base import Raw
from chanbridge.model.codec import decode_event, encode_event
from chanbridge.model.events import Event, ProviderEvent


class _Known(msgspec.Struct):
    id: str = ""
    sequence: str = ""


def pack(event: Event) -> bytes:
    """Write an event as one line."""
    line = encode_event(event)
    return msgspec.json.format(line, indent=-1) if b"\n" in line else line


def unpack(line: bytes, account: str) -> Event:
    """Read an event; one that cannot be read is a `ProviderEvent` that says so and holds what was written.

    A model checks nothing as it is made, so a plugin may give what no reader takes.
    """
    try:
        return decode_event(line)
    except Exception as error:
        known = _known(line)
        return unreadable(line, error, account, known.id, known.sequence)


def unreadable(line: bytes, error: Exception, account: str, id: str, sequence: str) -> ProviderEvent:
    """Make the event that stands for one that cannot be read."""
    return ProviderEvent(
        id=id,
        account=account,
        sequence=sequence,
        provider_type="unreadable",
        error=f"cannot be read: {error}",
        raw=Raw.of(line),
    )


def _known(line: bytes) -> _Known:
    try:
        return msgspec.json.decode(line, type=_Known)
    except msgspec.DecodeError:
        return _Known()
