"""The golden documents: what other languages can test themselves against."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import chanbridge as cb
from chanbridge.model import codec
from chanbridge.model.check import check
from chanbridge.model.events import EVENTS
from chanbridge.model.parts import PARTS
from chanbridge.model.validate import validate

VECTORS = Path(__file__).parents[2] / "schemas" / "vectors"
TYPES: dict[str, type[Any]] = {"message": cb.Message, "event": cb.Event, "capabilities": cb.Capabilities}
NAMES = sorted(path.stem for path in VECTORS.glob("*.json"))
MESSAGES = [name for name in NAMES if name.startswith("message")]


def vector(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def schema_of(name: str) -> str:
    return name.partition(".")[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_vector_is_read_and_written_again_unchanged(name):
    document = vector(name)

    assert codec.to_wire(codec.from_wire(TYPES[schema_of(name)], document)) == document


@pytest.mark.parametrize("name", NAMES)
def test_a_vector_fits_its_schema(name):
    assert validate(vector(name), schema_of(name)) == []


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_of_the_vectors_passes_the_check(name):
    check(codec.from_wire(cb.Message, vector(name)))


def test_there_is_a_vector_of_every_kind_of_part_and_one_that_is_not_known():
    kinds = {part["kind"] for name in MESSAGES for part in vector(name)["parts"]}

    assert kinds == {*PARTS, "hologram"}


def test_there_is_a_vector_of_every_type_of_event_and_one_that_is_not_known():
    types = {vector(name)["type"] for name in NAMES if schema_of(name) == "event"}

    assert types == {f"chanbridge.{type}" for type in [*EVENTS, "seance.begun"]}


def with_something_new(document: Any) -> Iterator[Any]:
    """The document with a field that nobody knows, in each of its objects in turn."""

    def objects(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            yield value
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from objects(inner)

    for index in range(len(list(objects(document)))):
        changed = copy.deepcopy(document)
        list(objects(changed))[index]["tomorrow"] = "new"
        yield changed


@pytest.mark.parametrize("name", [name for name in NAMES if name != "capabilities"])  # it holds maps
def test_a_field_of_tomorrow_is_kept_and_allowed_wherever_it_stands(name):
    for document in with_something_new(vector(name)):
        assert codec.to_wire(codec.from_wire(TYPES[schema_of(name)], document)) == document
        assert [problem for problem in validate(document, schema_of(name)) if "tomorrow" not in problem] == []


PLUGINS = sorted((Path(__file__).parents[2] / "plugins").glob("*/tests/vectors/**/*.json"))


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: f"{path.parts[-4]}-{path.stem}")
def test_what_the_plugins_make_of_real_requests_fits_the_schema(path):
    envelope = {"specversion": "1.0", "id": "1", "source": "/accounts/test"}
    found = json.loads(path.read_text(encoding="utf-8"))
    events = [event for event in (found if isinstance(found, list) else [found]) if "type" in event]

    for event in events:
        assert validate(envelope | event, "event") == []
