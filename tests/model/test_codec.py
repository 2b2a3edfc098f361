"""Documents <-> models: whatever a document holds survives."""

from __future__ import annotations

import datetime as dt
import json
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge.model import codec
from chanbridge.model.events import EVENTS
from chanbridge.model.parts import PARTS

TEXT = st.text(max_size=8)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)
ZONES = st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=2)), dt.timezone(-dt.timedelta(minutes=210))])
TIMES = st.datetimes(dt.datetime(1980, 1, 1), dt.datetime(2100, 1, 1), timezones=ZONES)  # noqa: DTZ001
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    Any: JSON_VALUES,
    str: TEXT,
    bool: st.booleans(),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bytes: st.binary(max_size=8),
    dt.datetime: TIMES,
    dt.date: st.dates(),
}
PROPERTY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def values(type: Any) -> st.SearchStrategy[Any]:
    """Values of an annotated type; enumerations with members that nobody knows yet."""
    origin, args = get_origin(type), get_args(type)
    if origin is Annotated:
        return values(args[0])
    if origin is Literal:
        return st.sampled_from(args) | TEXT
    if origin in (Union, types.UnionType):
        return st.none() | values(next(arg for arg in args if arg is not types.NoneType))
    if origin is tuple:
        return st.lists(values(args[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(TEXT, values(args[1]), max_size=2)
    if type is cb.Part:
        return PARTS_OF_ANY_KIND
    return SCALARS[type] if type in SCALARS else structs(type)


def structs(cls: type[Any], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Structs of a class, some of their optional fields given."""
    fields = msgspec.structs.fields(cls)
    known = {field.encode_name for field in fields} | {"kind"}
    strange = st.text().filter(lambda name: name not in known)
    extra = st.dictionaries(strange, JSON_VALUES, max_size=2)

    def choose(draw: Any) -> Any:
        optional = [field for field in fields if not field.required and field.name not in fixed]
        chosen = draw(st.lists(st.sampled_from(optional), max_size=3, unique_by=lambda field: field.name))
        given = [field for field in fields if field.required and field.name not in fixed] + chosen
        drawn = {field.name: draw(extra if field.name == "extra" else values(field.type)) for field in given}
        return cls(**drawn, **{name: draw(strategy) for name, strategy in fixed.items()})

    return st.composite(choose)()


UNKNOWN_KINDS = TEXT.filter(lambda kind: kind and kind not in PARTS)
PARTS_OF_ANY_KIND = st.deferred(
    lambda: st.one_of(structs(cb.OtherPart, type=UNKNOWN_KINDS), *(structs(part) for part in PARTS.values()))
)
NAMES = st.from_regex("[a-z0-9]{1,8}", fullmatch=True)
ENVELOPE = st.dictionaries(NAMES.map("trace".__add__), TEXT, max_size=2)
UNKNOWN_TYPES = TEXT.filter(lambda name: name and name not in EVENTS)


def events(cls: type[cb.Event]) -> st.SearchStrategy[Any]:
    """Events of a class; where a field makes part of the type, with a member that is known."""
    fixed: dict[str, st.SearchStrategy[Any]] = {"attributes": ENVELOPE}
    if cls is cb.OtherEvent:
        fixed["name"] = UNKNOWN_TYPES
    elif not cls.TYPE:
        field = next(field for field in msgspec.structs.fields(cls) if field.name == "change")
        fixed["change"] = st.sampled_from(get_args(field.type))
    return structs(cls, **fixed)


# Whatever is written is read again.


@PROPERTY
@given(structs(cb.Message))
def test_a_message_survives_its_document(message):
    assert codec.decode_message(codec.encode_message(message)) == message


@pytest.mark.parametrize("kind", [*PARTS, "other"])
def test_every_kind_of_part_survives_its_document(kind):
    @settings(PROPERTY, max_examples=15)
    @given(structs(PARTS[kind]) if kind in PARTS else structs(cb.OtherPart, type=UNKNOWN_KINDS))
    def survives(part):
        assert codec.from_wire(cb.Part, codec.to_wire(part)) == part

    survives()


@pytest.mark.parametrize(
    "cls", [*dict.fromkeys(EVENTS.values()), cb.OtherEvent], ids=lambda cls: cls.__name__
)
def test_every_event_survives_its_cloudevent(cls):
    @settings(PROPERTY, max_examples=15)
    @given(events(cls))
    def survives(event):
        assert codec.decode_event(codec.encode_event(event)) == event

    survives()


@PROPERTY
@given(structs(cb.Capabilities))
def test_capabilities_survive_their_document(capabilities):
    assert codec.from_wire(cb.Capabilities, codec.to_wire(capabilities)) == capabilities


KEPT = [
    cb.Step,
    cb.Plan,
    cb.ReplyMap,
    cb.Loss,
    cb.Gesture,
    cb.Sent,
    cb.Delivery,
    cb.Wake,
    cb.Failure,
    cb.Grant,
]


@pytest.mark.parametrize("cls", KEPT, ids=lambda cls: cls.__name__)
def test_whatever_a_store_keeps_survives_its_document(cls):
    @settings(PROPERTY, max_examples=10)
    @given(structs(cls))
    def survives(value):
        assert codec.decode(cls, codec.encode(value)) == value

    survives()


@PROPERTY
@given(structs(cb.Message))
def test_what_is_written_holds_no_time_but_utc(message):
    document = codec.to_wire(
        message.replace(expires_at=dt.datetime(2026, 11, 1, 14, tzinfo=dt.timezone(dt.timedelta(hours=2))))
    )

    assert document["expires_at"] == "2026-11-01T12:00:00Z"


# Documents of a later version.

LATER = {
    "parts": [
        {"kind": "text", "text": "Hi", "format": "runes", "mood": {"is": "good"}},
        {"kind": "text", "text": "Hi", "actions": [{"label": "Go", "glow": 1}]},
        {"kind": "hologram", "id": "h1", "fallback_text": "A hologram", "type": "blue", "beams": [1, 2]},
        {"kind": "carousel", "cards": [{"kind": "card", "title": "Mug", "shine": True}]},
        {"kind": "template", "name": "hello", "preview": [{"kind": "scent", "fallback_text": "Roses"}]},
    ],
    "origin": "oracle",
    "x-crm": {"case": 7},
    "extra": {"a field": "by this name"},
    "relation": {"thread": "t", "echoes": []},
}  # fmt: skip


def test_what_is_not_known_is_kept_at_every_depth():
    message = codec.from_wire(cb.Message, LATER)

    assert codec.to_wire(message) == LATER
    assert message.parts[0].extra == {"mood": {"is": "good"}}
    assert message.parts[0].format == "runes"
    assert message.parts[2] == cb.OtherPart(
        type="hologram", id="h1", fallback_text="A hologram", extra={"type": "blue", "beams": [1, 2]}
    )
    assert message.parts[4].preview[0].kind == "scent"


def test_an_unknown_event_is_kept_and_keeps_its_type():
    document = {
        "specversion": "1.0",
        "id": "0197a3c5-6b1e-7000-8000-000000000001",
        "source": "/accounts/support%20wa",
        "type": "chanbridge.seance.begun",
        "subject": "support%20wa/",
        "partitionkey": "support%20wa/",
        "datacontenttype": "application/json",
        "dataschema": "https://schemas.chanbridge.example/v1/event.json",
        "data": {"name": "Ann", "id": 7, "time": "midnight", "passive": "backfill"},
        "traceparent": "00-TEST-01",
    }

    event = codec.from_wire(cb.Event, document)

    assert codec.to_wire(event) == document
    assert (event.type, event.account, event.passive) == ("seance.begun", "support wa", "backfill")
    assert event.extra == {"name": "Ann", "id": 7, "time": "midnight"}
    assert event.attributes == {"traceparent": "00-TEST-01"}


# The shape on the wire.


def test_an_event_is_a_cloudevent_with_all_else_in_its_data():
    event = cb.MessageReceived.text(
        "Hi",
        sender=cb.Contact(address="whatsapp:+12025550123"),
        provider_id="wamid.TEST",
        id="0197a3c5-6b1e-7000-8000-000000000001",
        account="support-wa",
        conversation=cb.Conversation(address="whatsapp:+12025550123", account="support-wa"),
        time=dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC),
        recorded_at=dt.datetime(2026, 11, 1, 12, 0, 1, tzinfo=dt.UTC),
        sequence="0001",
    )

    assert json.loads(codec.encode_event(event)) == {
        "specversion": "1.0",
        "id": "0197a3c5-6b1e-7000-8000-000000000001",
        "source": "/accounts/support-wa",
        "type": "chanbridge.message.received",
        "subject": "support-wa/+12025550123",
        "partitionkey": "support-wa/+12025550123",
        "datacontenttype": "application/json",
        "dataschema": "https://schemas.chanbridge.example/v1/event.json",
        "time": "2026-11-01T12:00:00Z",
        "recordedtime": "2026-11-01T12:00:01Z",
        "sequence": "0001",
        "providerid": "wamid.TEST",
        "data": {
            "conversation": {"address": "whatsapp:+12025550123", "account": "support-wa"},
            "message": {
                "parts": [{"kind": "text", "text": "Hi"}],
                "external": [{"id": "wamid.TEST"}],
                "direction": "in",
                "origin": "contact",
                "sender": {"address": "whatsapp:+12025550123"},
            },
        },
    }


def test_the_type_of_an_event_decides_what_changed():
    document = codec.to_wire(cb.IdentityChanged(change="linked"))
    del document["data"]["change"]

    assert codec.from_wire(cb.Event, document) == cb.IdentityChanged(change="linked")


def test_defaults_are_not_written():
    read = codec.from_wire(
        cb.Text, {"kind": "text", "text": "Hi", "format": "plain", "actions": [], "preview": None}
    )

    assert codec.to_wire(read) == {"kind": "text", "text": "Hi"}


def test_a_field_that_is_known_is_not_overwritten_by_an_extra():
    text = cb.Text(text="Hi", extra={"format": "html", "kind": "link", "x-note": 1})

    assert codec.to_wire(text) == {"kind": "text", "text": "Hi", "x-note": 1}


def test_bytes_are_base64():
    assert codec.to_wire(cb.Media(data=b"\xff\xfe")) == {"data": "//4="}


def test_words_that_look_like_a_time_are_left_alone():
    message = cb.Message.text('at "2026-11-01T12:00:00+02:00" and "extra":')

    assert codec.decode_message(codec.encode_message(message)) == message


# What does not fit.


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({}, "parts: is required"),
        ([], "must be an object"),
        ({"parts": {}}, "parts: must be a list"),
        ({"parts": ["Hi"]}, "parts[0]: must be an object"),
        ({"parts": [{"text": "Hi"}]}, "parts[0].kind: is required: it says what part this is"),
        ({"parts": [{"kind": "text"}]}, "parts[0].text: is required"),
        ({"parts": [{"kind": "text", "text": ""}, {"kind": "media", "role": "image", "media": {"mime": 7}}]},
         "parts[1].media.mime: must be a string"),
        ({"parts": [{"kind": "location", "lat": "1", "lon": 2}]}, "parts[0].lat: must be a number"),
        ({"parts": [{"kind": "poll", "question": "?", "options": [{"label": "a", "votes": 1.5}]}]},
         "parts[0].options[0].votes: must be a whole number"),
        ({"parts": [{"kind": "carousel", "cards": [{"kind": "text", "text": "x"}]}]},
         "parts[0].cards[0].kind: must be 'card' here"),
        ({"parts": [], "metadata": {"case": 7}}, "metadata.case: must be a string"),
        ({"parts": [], "expires_at": "tomorrow"}, "expires_at: must be a time as in 2026-11-01T12:00:00Z"),
        ({"parts": [], "expires_at": 1762000000}, "expires_at: must be a time as in 2026-11-01T12:00:00Z"),
        ({"parts": [], "expires_at": "2026-11-01T12:00:00"},
         "expires_at: the time 2026-11-01T12:00:00 needs a zone: give it tzinfo=dt.UTC"),
        ({"parts": [{"kind": "media", "role": "image", "media": {"data": "%%%"}}]},
         "parts[0].media.data: must be bytes in base64"),
        ({"parts": [{"kind": "text", "text": "x", "preview": 1}]}, "parts[0].preview: must be true or false"),
        ({"parts": [{"kind": "location", "lat": 10**400, "lon": 2}]}, "parts[0].lat: is too large a number"),
        ({"parts": [], "expires_at": "0001-01-01T00:00:00+01:00"},
         "expires_at: must be within the years 1 to 9999 in UTC"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_path_and_rule(document, problem):
    with pytest.raises(cb.ValidationError) as raised:
        codec.from_wire(cb.Message, document)

    assert str(raised.value) == problem


EVENT = codec.to_wire(cb.TypingChanged(id="1", account="a"))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"specversion": "0.3"}, "specversion: must be '1.0'"),
        ({"type": "com.example.sneeze"}, "type: must begin with 'chanbridge.'"),
        ({"source": "/mars"}, "source: must be '/accounts/' and the account"),
        ({"data": None}, "data: must be an object"),
        ({"data": {"on": "yes"}}, "data.on: must be true or false"),
        (
            {"dataschema": "https://schemas.chanbridge.example/v2/event.json"},
            "dataschema: must be of major version 1, all that this can read",
        ),
    ],
)
def test_what_is_no_event_of_ours_is_refused(change, problem):
    with pytest.raises(cb.ValidationError) as raised:
        codec.from_wire(cb.Event, EVENT | change)

    assert str(raised.value) == problem


@pytest.mark.parametrize("document", [b"", b"{", b"\xff", b'"\\ud83d"', b"[" * 100_000, b'{"parts": NaN}'])
def test_what_is_no_json_is_refused(document):
    with pytest.raises(cb.ValidationError):
        codec.decode_message(document)


def test_a_document_nested_too_deeply_is_refused():
    media: dict[str, Any] = {"url": "https://example.com/x"}
    for _ in range(3000):
        media = {"url": "https://example.com/x", "thumbnail": media}

    with pytest.raises(cb.ValidationError, match="nested too deeply"):
        codec.from_wire(cb.Media, media)


def test_an_event_of_another_class_is_refused():
    with pytest.raises(cb.ValidationError, match=r"'typing\.changed' is no MessageReceived"):
        codec.from_wire(cb.MessageReceived, EVENT)


@pytest.mark.parametrize("broken", [cb.Text(text="\ud83d"), cb.Text(text="x", extra={"x-a": "\ud83d"})])
def test_half_a_surrogate_pair_is_refused_on_the_way_out(broken):
    with pytest.raises(cb.ValidationError, match="surrogate"):
        codec.to_wire(broken)


def test_a_time_without_a_zone_is_refused_on_the_way_out():
    naive = dt.datetime(2026, 11, 1)  # noqa: DTZ001

    with pytest.raises(cb.ValidationError, match="needs a zone"):
        codec.encode_event(cb.TypingChanged(time=naive))
