"""The published JSON Schemas, made from the types: ``python -m chanbridge.model.schemas [DIRECTORY]``.

``message.json``, ``event.json`` and ``capabilities.json``, and ``config/NAME.json`` for every channel
that is installed. They are written, committed and compared; nothing reads them at run time.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from chanbridge.model import cloudevents
from chanbridge.model.capabilities import Capabilities
from chanbridge.model.describe import Describer, Schema, when
from chanbridge.model.errors import ValidationError
from chanbridge.model.events import EVENTS, Event
from chanbridge.model.message import Message

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAMES = ("message", "event", "capabilities")


def schema(name: str) -> Schema:
    """Give a schema by its name: one of `NAMES`, or ``config/CHANNEL``."""
    if name not in _MAKERS and not name.startswith("config/"):
        known = ", ".join(_MAKERS)
        raise ValidationError("", f"no schema '{name}': there are {known} and config/CHANNEL")
    if name.startswith("config/"):
        return config_schema(_registry().channel(name.removeprefix("config/")).Config, name)
    return _MAKERS[name]()


@functools.cache
def message_schema() -> Schema:
    """The schema of a message."""
    describer = Describer(links=True)
    return _document("message", describer.of(Message), describer)


@functools.cache
def capabilities_schema() -> Schema:
    """The schema of a capability record."""
    describer = Describer()
    return _document("capabilities", describer.of(Capabilities), describer)


@functools.cache
def event_schema() -> Schema:
    """The schema of an event, as a CloudEvent."""
    describer = Describer()
    envelope = describer.struct(cloudevents.Attributes)
    shared = cloudevents.ELSEWHERE
    envelope["properties"]["data"] = describer.define("Event", describer.struct(Event, leave_out=shared))
    envelope["allOf"] = list(_event_cases(describer))
    return _document("event", envelope, describer)


def _event_cases(describer: Describer) -> Iterator[Schema]:
    """By its type, what the data of an event has besides."""
    shared = frozenset(Event.__struct_fields__)
    for cls in dict.fromkeys(EVENTS.values()):
        kinds = [cloudevents.PREFIX + name for name, known in EVENTS.items() if known is cls]
        described = describer.struct(cls, leave_out=shared)
        if not cls.TYPE and "change" in described.get("required", []):  # the type says it
            described["required"].remove("change")
        data = describer.define(cls.__name__, described)
        yield when("type", {"enum": kinds}, {"properties": {"data": data}})


def config_schema(config: type[msgspec.Struct], name: str = "") -> Schema:
    """The schema of a plugin's configuration: closed, with secrets as strings marked ``x-secret``."""
    describer = Describer(open=False)
    return _document(name, describer.struct(config), describer)


def _document(name: str, root: Schema, describer: Describer) -> Schema:
    head: Schema = {"$schema": DIALECT}
    if name:
        head |= {"$id": f"{cloudevents.SCHEMA_BASE}/v{cloudevents.MAJOR}/{name}.json", "title": name}
    definitions = dict(sorted(describer.definitions.items()))
    return head | root | ({"$defs": definitions} if definitions else {})


_MAKERS = {"message": message_schema, "event": event_schema, "capabilities": capabilities_schema}


def names() -> list[str]:
    """The names of all schemas, those of the installed channels' configuration among them."""
    return [*NAMES, *(f"config/{channel}" for channel in _registry().names())]


def _registry() -> Any:
    # By name, since the model depends on nothing above it: only this command looks at plugins.
    return importlib.import_module("chanbridge.registry").Registry()


def generated() -> dict[str, str]:
    """Every schema as it is published: path -> text."""
    return {f"{name}.json": text(schema(name)) for name in names()}


def text(schema: Any) -> str:
    """Write a schema for people to read and for machines to compare."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(directory: str = "schemas") -> None:
    """Write every schema below a directory."""
    for path, content in generated().items():
        target = Path(directory, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
        print(target)


if __name__ == "__main__":
    main(*sys.argv[1:2])
