"""The published schemas: made from the types, open where documents are, closed where configuration is."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from jsonschema import Draft202012Validator
from msgspec import Meta

import chanbridge as cb
from chanbridge.model import schemas
from chanbridge.model.capabilities import Level
from chanbridge.model.cloudevents import DATA_SCHEMA
from chanbridge.model.parts import PARTS

PUBLISHED = Path(__file__).parents[2] / "schemas"
HELP = "run: python -m chanbridge.model.schemas"


class Hours(msgspec.Struct, frozen=True):
    """When somebody is there."""

    start: int = 9


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What one Pigeon account needs."""

    number: Annotated[str, Meta(description="Sender, E.164", pattern=r"^\+[1-9]\d{6,14}$")]
    api_key: Annotated[cb.Secret, Meta(description="Key from Settings > API")]
    old_key: cb.Secret | None = None
    other_key: cb.Secret = cb.Secret("hunter2")
    mode: Literal["fast", "slow"] = "fast"
    rate: Annotated[int | None, Meta(ge=1)] = None
    regions: tuple[str, ...] = ("eu",)
    hours: Hours = Hours()


def problems(document: object, schema: dict[str, Any]) -> list[str]:
    return [error.message for error in Draft202012Validator(schema).iter_errors(document)]


@pytest.mark.parametrize("name", schemas.names())
def test_what_is_published_is_what_the_types_say(name):
    published = (PUBLISHED / f"{name}.json").read_text(encoding="utf-8")

    assert published == schemas.text(schemas.schema(name)), HELP


@pytest.mark.parametrize("name", schemas.names())
def test_every_schema_is_one(name):
    Draft202012Validator.check_schema(schemas.schema(name))


def test_events_name_the_schema_that_is_published():
    assert schemas.schema("event")["$id"] == DATA_SCHEMA


def test_the_command_writes_every_schema(tmp_path, capsys):
    schemas.main(str(tmp_path))

    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")}
    assert written == {f"{name}.json" for name in schemas.names()}
    assert json.loads((tmp_path / "message.json").read_text())["title"] == "message"
    assert len(capsys.readouterr().out.splitlines()) == len(written)


def test_a_schema_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(
        cb.ValidationError, match="no schema 'massage': there are message, event, capabilities"
    ):
        schemas.schema("massage")


@pytest.mark.parametrize("name", schemas.NAMES)
def test_published_enumerations_are_open(name):
    def enumerations(schema: Any) -> list[Any]:
        found = []
        if isinstance(schema, dict):
            found = ["enum"] if "enum" in schema else []
            inner = [value for key, value in schema.items() if key != "if"]  # a condition closes nothing
        else:
            inner = schema if isinstance(schema, list) else []
        return found + [each for value in inner for each in enumerations(value)]

    assert enumerations(schemas.schema(name)) == []


def test_the_members_that_are_known_are_listed():
    text = schemas.schema("capabilities")["$defs"]["TextLimits"]["properties"]

    assert text["formatting"]["additionalProperties"]["x-enum"] == list(Level.__args__)


@pytest.mark.parametrize("kind", PARTS)
def test_a_part_of_a_known_kind_without_its_fields_does_not_fit(kind):
    required = schemas.schema("message")["$defs"][PARTS[kind].__name__].get("required", [])

    fits = not problems({"parts": [{"kind": kind}]}, schemas.schema("message"))

    assert fits == (not required)


@pytest.mark.parametrize(
    ("part", "fits"),
    [
        ({"kind": "hologram", "fallback_text": "A hologram", "beams": 2}, True),
        ({"kind": "hologram"}, False),
        ({"kind": "hologram", "fallback_text": ""}, False),
        ({"text": "Hi"}, False),
        ({"kind": "text", "text": "Hi", "format": "runes"}, True),
        ({"kind": "text", "text": 5}, False),
        ({"kind": "media", "role": "image", "media": {"url": "https://example.com/x"}}, True),
        ({"kind": "media", "role": "image", "media": {"url": "https://example.com/x", "blob": ""}}, True),
        ({"kind": "media", "role": "image", "media": {"url": "https://example.com/x", "blob": "b"}}, False),
        ({"kind": "media", "role": "image", "media": {}}, False),
        ({"kind": "carousel", "cards": [{"kind": "card"}]}, True),
        ({"kind": "carousel", "cards": [{"kind": "text", "text": "x"}]}, False),
        ({"kind": "template", "name": "x", "preview": [{"kind": "text"}]}, False),
        ({"kind": "text", "text": "x", "actions": [{"label": "a", "payload": "x" * 2049}]}, False),
        ({"kind": "unsupported", "provider_type": "x"}, False),
    ],
)
def test_parts_fit_by_their_kind(part, fits):
    assert (not problems({"parts": [part]}, schemas.schema("message"))) == fits


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"type": "chanbridge.seance.begun", "data": {"medium": 1}}, True),
        ({"type": "com.example.sneeze"}, False),
        ({"data": {"on": "yes"}}, False),
        ({"data": {"conversation": {}}}, False),
        ({"type": "chanbridge.seance.begun", "data": {"conversation": {}}}, False),
        ({"id": ""}, False),
        ({"specversion": "0.3"}, False),
        ({"time": "2026-11-01T12:00:00+02:00"}, False),
        ({"traceparent": "00-TEST-01"}, True),
    ],
)
def test_events_fit_by_their_type(change, fits):
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/accounts/a",
        "type": "chanbridge.typing.changed",
        "data": {},
    }

    assert (not problems(event | change, schemas.schema("event"))) == fits


def test_the_change_in_a_type_need_not_be_said_again():
    document = {
        "specversion": "1.0",
        "id": "1",
        "source": "/accounts/a",
        "type": "chanbridge.call.ended",
        "data": {},
    }

    assert problems(document, schemas.schema("event")) == []


def test_a_configuration_is_described_with_its_secrets_marked():
    schema = schemas.config_schema(Config)

    assert schema["properties"]["api_key"] == {
        "type": "string",
        "x-secret": True,
        "description": "Key from Settings > API",
    }
    assert schema["properties"]["mode"] == {"enum": ["fast", "slow"], "default": "fast"}
    assert schema["properties"]["regions"]["default"] == ["eu"]
    assert schema["required"] == ["number", "api_key"]
    assert "hunter2" not in schemas.text(schema)


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"colour": "blue"}, False),
        ({"hours": {"end": 5}}, False),
        ({"hours": {"start": 5}}, True),
        ({"mode": "odd"}, False),
        ({"number": "202 555"}, False),
        ({"rate": 0}, False),
        ({"rate": None}, True),
    ],
)
def test_a_configuration_is_closed(change, fits):
    good = {"number": "+12025550100", "api_key": "k"}

    assert (not problems(good | change, schemas.config_schema(Config))) == fits


def test_a_type_that_cannot_be_described_is_named():
    class Odd(msgspec.Struct):
        day: dt.timedelta

    with pytest.raises(TypeError, match="timedelta"):
        schemas.config_schema(Odd)
