"""JSON in and out: typed models <-> documents, and events <-> CloudEvents.

Whatever a document holds that this version does not know (fields, kinds of parts, types of events,
members of enumerations) is kept and written again. What does not fit raises a `ValidationError`
that names the path and the rule.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

import msgspec

from chanbridge.model import cloudevents, reading, wire
from chanbridge.model.errors import ValidationError
from chanbridge.model.events import Event
from chanbridge.model.message import Message
from chanbridge.model.parts import Part

S = TypeVar("S", bound=msgspec.Struct)


def to_wire(value: msgspec.Struct) -> dict[str, Any]:
    """Give a model as JSON values; an event as a CloudEvent."""
    document: dict[str, Any] = msgspec.json.decode(encode(value))
    return document


def from_wire(type: type[S], data: object) -> S:
    """Read a model from JSON values; for `Part` a part of any kind, for `Event` a CloudEvent."""
    try:
        return _read(type, data)
    except RecursionError:
        raise ValidationError("", "is nested too deeply") from None


def _read(type: type[S], data: object) -> S:
    if issubclass(type, Event):
        return cast(S, _of_class(type, cloudevents.decode(data)))
    if type is Part:
        return cast(S, reading.read_part(data))
    return reading.build(type, data)


def _of_class(type: type[Event], event: Event) -> Event:
    if not isinstance(event, type):
        raise ValidationError("type", f"'{event.type}' is no {type.__name__}")
    return event


def encode(value: msgspec.Struct) -> bytes:
    """Write a model as JSON; an event as a CloudEvent."""
    return cloudevents.encode(value) if isinstance(value, Event) else wire.encode(value)


def decode(type: type[S], document: bytes | str) -> S:
    """Read a model from JSON."""
    try:
        data = msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValidationError("", "must be JSON in UTF-8") from error
    except RecursionError:
        raise ValidationError("", "is nested too deeply") from None
    return from_wire(type, data)


def encode_message(message: Message) -> bytes:
    """Write a message as JSON."""
    return wire.encode(message)


def decode_message(document: bytes | str) -> Message:
    """Read a message from JSON."""
    return decode(Message, document)


def encode_event(event: Event) -> bytes:
    """Write an event as a CloudEvent 1.0 in structured JSON."""
    return cloudevents.encode(event)


def decode_event(document: bytes | str) -> Event:
    """Read a CloudEvent; one of a type that is not known becomes an `OtherEvent`."""
    return decode(Event, document)
