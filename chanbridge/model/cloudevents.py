"""Events as CloudEvents 1.0 in structured JSON (schema, section 1).

Attributes hold who, where and when; everything else of an event is its ``data``. Attributes that are
not ours are kept in `Event.attributes`. What `parse` leaves to the core (``id``, ``account``,
``sequence``) is empty until the core has filled it in.
"""

from __future__ import annotations

import datetime as dt
import functools
from typing import Annotated, Any
from urllib.parse import quote, unquote

import msgspec
from msgspec import Meta

from chanbridge.model import reading, wire
from chanbridge.model.base import JSON, Filled
from chanbridge.model.errors import ValidationError
from chanbridge.model.events import EVENTS, Event, OtherEvent

SCHEMA_BASE = "https://schemas.chanbridge.example"
MAJOR = 1
DATA_SCHEMA = f"{SCHEMA_BASE}/v{MAJOR}/event.json"
PREFIX = "chanbridge."

_SOURCE = "/accounts/"
# Our fields that stand in attributes, as they are in an event's data: absent.
_ABSENT: dict[str, Any] = {
    "id": "", "account": "", "time": None, "recorded_at": None, "provider_id": "", "sequence": "",
    "attributes": {},
}  # fmt: skip


class _Envelope(msgspec.Struct, omit_defaults=True, gc=False):
    """A CloudEvent, in the order in which it is written."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    partitionkey: str
    datacontenttype: str
    dataschema: str
    data: Any
    time: dt.datetime | None = None
    recordedtime: dt.datetime | None = None
    sequence: str = ""
    providerid: str = ""


ELSEWHERE = frozenset(_ABSENT)
"""Fields of an event that are not in its ``data``."""
_OURS = frozenset(_Envelope.__struct_fields__)


def encode(event: Event) -> bytes:
    """Write an event as a CloudEvent."""
    if not event.attributes and not isinstance(event, OtherEvent):
        encoded = wire.dump(_envelope(event, msgspec.structs.replace(event, **_ABSENT)))
        if wire.is_plain(encoded):
            return encoded
    return wire.dump(_hoisted(event))


def _hoisted(event: Event) -> dict[str, Any]:
    data = wire.fields_of(event, _payload(type(event)))
    envelope = wire.fields_of(_envelope(event, data), reading.plan_of(_Envelope))
    return envelope | {name: value for name, value in event.attributes.items() if name not in _OURS}


def _envelope(event: Event, data: object) -> _Envelope:
    key = event.key
    return _Envelope(
        specversion="1.0",
        id=event.id,
        source=_source(event.account),
        type=PREFIX + event.type,
        subject=key,
        partitionkey=key,
        datacontenttype="application/json",
        dataschema=DATA_SCHEMA,
        data=data,
        time=event.time,
        recordedtime=event.recorded_at,
        sequence=event.sequence,
        providerid=event.provider_id,
    )


@functools.lru_cache(maxsize=256)
def _source(account: str) -> str:
    return _SOURCE + quote(account, safe="")


def decode(document: object) -> Event:
    """Read a CloudEvent; one of a type that is not known becomes an `OtherEvent`."""
    envelope = reading.read_fields(reading.plan_of(Attributes), document)
    name = _name(envelope.pop("type"))
    cls = EVENTS.get(name, OtherEvent)
    data = envelope.pop("data")
    if not cls.TYPE and cls is not OtherEvent and type(data) is dict:
        data = data | {"change": name.rpartition(".")[2]}  # its type says what changed
    try:
        fields = reading.read_fields(_payload(cls), data)
    except ValidationError as error:
        raise reading.under("data", error) from None
    if cls is OtherEvent:
        fields["name"] = name
    return cls(**fields, **_attributes(envelope))


class Attributes(msgspec.Struct):
    """An event as a CloudEvent 1.0 in structured JSON."""

    specversion: Annotated[str, Meta(pattern=r"^1\.0$", examples=["1.0"])]
    id: Filled
    source: Annotated[str, Meta(pattern="^/accounts/", examples=["/accounts/support"])]
    type: Annotated[str, Meta(pattern=r"^chanbridge\..", examples=["chanbridge.message.received"])]
    data: Any
    subject: str = ""
    partitionkey: str = ""
    datacontenttype: str = ""
    dataschema: str = ""
    time: dt.datetime | None = None
    recordedtime: dt.datetime | None = None
    sequence: str = ""
    providerid: str = ""
    extra: dict[str, JSON] = {}


def _name(type: str) -> str:
    if not type.startswith(PREFIX) or type == PREFIX:
        raise ValidationError("type", f"must begin with '{PREFIX}'")
    return type.removeprefix(PREFIX)


def _attributes(envelope: dict[str, Any]) -> dict[str, Any]:
    if envelope["specversion"] != "1.0":
        raise ValidationError("specversion", "must be '1.0'")
    schema = envelope.get("dataschema", DATA_SCHEMA)
    if schema.startswith(SCHEMA_BASE) and not schema.startswith(f"{SCHEMA_BASE}/v{MAJOR}/"):
        raise ValidationError("dataschema", f"must be of major version {MAJOR}, all that this can read")
    if not envelope["source"].startswith(_SOURCE):
        raise ValidationError("source", f"must be '{_SOURCE}' and the account")
    return {
        "id": envelope["id"],
        "account": unquote(envelope["source"].removeprefix(_SOURCE)),
        "time": envelope.get("time"),
        "recorded_at": envelope.get("recordedtime"),
        "sequence": envelope.get("sequence", ""),
        "provider_id": envelope.get("providerid", ""),
        "attributes": envelope.get("extra", {}),
    }


@functools.cache
def _payload(cls: type[Event]) -> reading.Plan:
    """The plan of what stands in ``data``."""
    plan = reading.plan_of(cls)
    elsewhere = ELSEWHERE | {"name"} if cls is OtherEvent else ELSEWHERE
    fields = {name: field for name, field in plan.fields.items() if name not in elsewhere}
    return plan._replace(fields=fields, required=plan.required & fields.keys())
