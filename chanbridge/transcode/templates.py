"""Templates: as they are, or as what a person would read (D19, D20)."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from chanbridge.model.base import JSON
from chanbridge.model.errors import Unsupported
from chanbridge.model.parts import Entity, Part, Template, Text

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>~|#])")
_PLACES = ("body.{}", "{}", "header.{}", "footer.{}", "button.{}")


def preview(part: Template, path: str) -> tuple[Part, ...]:
    """Give a template's preview with its variables filled in; raise `Unsupported` if one has no value."""
    return tuple(
        _filled(shown, part.parameters, f"{path}/preview/{n}") for n, shown in enumerate(part.preview)
    )


def _filled(value: Any, parameters: Mapping[str, JSON], path: str, name: str = "") -> Any:
    """Fill in every string of a structure but ids and payloads."""
    if isinstance(value, Text):
        return _text(value, parameters, path)
    if isinstance(value, str):
        fill = name not in ("id", "payload", "format", "kind", "role", "type")
        return _VARIABLE.sub(lambda found: _value(found.group(1), parameters, path), value) if fill else value
    if isinstance(value, tuple):
        return tuple(_filled(item, parameters, f"{path}/{index}") for index, item in enumerate(value))
    if isinstance(value, msgspec.Struct):
        changes = {
            field: _filled(getattr(value, field), parameters, f"{path}/{field}", field)
            for field in value.__struct_fields__
            if field != "extra"
        }
        return msgspec.structs.replace(value, **changes)
    return value


def _text(part: Text, parameters: Mapping[str, JSON], path: str) -> Text:
    """Fill in a text: values are words, whatever its format, and entities keep to their words."""
    out: list[str] = []
    shifts: list[tuple[int, int]] = []  # from this offset on, words stand so much further
    at = 0
    for found in _VARIABLE.finditer(part.text):
        value = _escaped(_value(found.group(1), parameters, f"{path}/text"), part)
        out += [part.text[at : found.start()], value]
        at = found.end()
        shifts.append((at, len(value) - (found.end() - found.start())))
    out.append(part.text[at:])
    entities = tuple(_moved(entity, shifts) for entity in part.entities)
    actions = _filled(part.actions, parameters, f"{path}/actions")
    return part.replace(text="".join(out), entities=entities, actions=actions)


def _moved(entity: Entity, shifts: list[tuple[int, int]]) -> Entity:
    def move(offset: int) -> int:
        return offset + sum(by for at, by in shifts if at <= offset)

    return entity.replace(start=move(entity.start), end=move(entity.end))


def _escaped(value: str, part: Text) -> str:
    if part.entities or part.format == "plain":
        return value
    return html.escape(value) if part.format == "html" else _MARKDOWN.sub(r"\\\1", value)


def _value(name: str, parameters: Mapping[str, JSON], path: str) -> str:
    for place in _PLACES:
        value = parameters.get(place.format(name))
        if value is not None:
            return _words(value)
    raise Unsupported(
        f"{path}: {{{{{name}}}}} has no value: give parameters['body.{name}']", code="template_invalid"
    )


def _words(value: JSON) -> str:
    """Read a parameter: a string, or an object with its words somewhere in it."""
    if not isinstance(value, dict):
        return str(value)
    for key in ("text", "fallback_value", "value", "link", "url"):
        if isinstance(value.get(key), str | int | float):
            return str(value[key])
    inner = value.get(str(value.get("type", "")))
    return _words(inner) if isinstance(inner, dict) else ""
