"""Types as JSON Schema 2020-12.

Documents are described openly: unknown fields, kinds of parts and members of enumerations (which stand
in ``x-enum``) are allowed. A plugin's configuration is described closed: an unknown key is a typing error.
"""

from __future__ import annotations

import datetime as dt
import inspect
import types
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from chanbridge.model import links
from chanbridge.model.media import Media
from chanbridge.model.parts import (
    PARTS,
    Action,
    Form,
    Link,
    Location,
    OtherPart,
    Part,
    Payment,
    Product,
    UnsupportedPart,
    kind_of,
)
from chanbridge.secret import Secret

Schema: TypeAlias = dict[str, Any]

_MOMENT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$"
_DAY = r"^\d{4}-\d{2}-\d{2}$"
_SCALARS: dict[Any, Schema] = {
    Any: {},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bytes: {"type": "string", "contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/]*={0,2}$"},
    dt.datetime: {
        "type": "string", "format": "date-time", "pattern": _MOMENT, "examples": ["2026-11-01T12:00:00Z"],
    },
    dt.date: {"type": "string", "format": "date", "pattern": _DAY, "examples": ["2026-11-01"]},
    Secret: {"type": "string", "x-secret": True},
}  # fmt: skip


def _filled(field: str) -> Schema:
    return {"required": [field], "properties": {field: {"minLength": 1}}}


# What takes more than one field to say.
_RULES: dict[type, Schema] = {
    Media: {
        "oneOf": [_filled(source) for source in ("url", "provider_id", "blob", "data")],
        "x-rule": "must have exactly one of url, provider_id, blob and data",
    },
    OtherPart: _filled("fallback_text"),
    UnsupportedPart: {"required": ["raw"]},
}


# What the URL of each is, where it is to be sent.
_URLS: dict[type, tuple[str, Schema]] = {
    **dict.fromkeys((Action, Form, Link, Location, Payment, Product), ("OpenedUrl", links.OPENED_URL)),
    Media: ("FileUrl", links.FILE_URL),
}


class Describer:
    """Describes types; what they refer to gathers in ``definitions``.

    ``links``: say what links may begin with. Of what came in nothing is said: we do not choose it.
    """

    def __init__(self, *, open: bool = True, links: bool = False) -> None:
        self.definitions: dict[str, Schema] = {}
        self._open = open
        self._links = links

    def of(self, hint: Any) -> Schema:
        """Describe a type, as an annotation names it."""
        if hint in _SCALARS:
            return dict(_SCALARS[hint])
        origin, args = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self.of(args[0]) | _limits(args[1], args[0])
        if origin is Literal:
            return {"type": "string", "x-enum": list(args)} if self._open else {"enum": list(args)}
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.of(arg) for arg in args]}
        if origin in (tuple, list):
            return {"type": "array", "items": self.of(args[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(args[1])}
        if hint is types.NoneType:
            return {"type": "null"}
        if not (isinstance(hint, type) and issubclass(hint, msgspec.Struct)):
            raise TypeError(f"no schema for {hint}")
        return self._part(hint) if issubclass(hint, Part) else self._reference(hint)

    def struct(self, cls: type[Any], *, leave_out: frozenset[str] = frozenset()) -> Schema:
        """Describe a struct's fields."""
        infos = [
            info for info in msgspec.structs.fields(cls) if info.encode_name not in leave_out | {"extra"}
        ]
        schema: Schema = {
            "type": "object",
            "description": inspect.cleandoc(cls.__doc__ or cls.__name__),
            "properties": {info.encode_name: self._field(info) for info in infos},
        }
        if self._links and cls in _URLS:
            schema["properties"]["url"] |= self.define(*_URLS[cls])
        if required := [info.encode_name for info in infos if info.required]:
            schema["required"] = required
        if not self._open:
            schema["additionalProperties"] = False
        return _and(schema, _RULES.get(cls, {}))

    def define(self, name: str, schema: Schema) -> Schema:
        """Keep a definition; give a reference to it."""
        self.definitions[name] = schema
        return {"$ref": f"#/$defs/{name}"}

    def _reference(self, cls: Any) -> Schema:
        if cls.__name__ not in self.definitions:
            self.definitions[cls.__name__] = {}  # it may refer to itself
            self.define(cls.__name__, self.struct(cls))
        return {"$ref": f"#/$defs/{cls.__name__}"}

    def _field(self, info: msgspec.structs.FieldInfo) -> Schema:
        schema = self.of(info.type)
        if isinstance(info.default, str | int | float | bool) and info.default != "":
            schema["default"] = info.default
        elif info.default and isinstance(info.default, tuple):
            schema["default"] = list(info.default)
        return schema

    def _part(self, cls: type[Part]) -> Schema:
        if "Part" not in self.definitions:
            self.definitions["Part"] = {}
            self.define("Part", self._parts())
        any_part = {"$ref": "#/$defs/Part"}
        return any_part if cls is Part else any_part | {"properties": {"kind": {"const": kind_of(cls)}}}

    def _parts(self) -> Schema:
        """Describe a part of any kind: what all have, and by its kind what it has besides."""
        base = self.struct(Part)
        base["properties"] = {"kind": {"type": "string", "minLength": 1, "x-enum": list(PARTS)}} | base[
            "properties"
        ]
        shared = frozenset(Part.__struct_fields__)
        cases = []
        for kind, cls in PARTS.items():
            then = self.define(cls.__name__, self.struct(cls, leave_out=shared))
            cases.append(when("kind", {"const": kind}, then))
        unknown = {"required": ["fallback_text"], "properties": {"fallback_text": {"minLength": 1}}}
        cases.append(when("kind", {"not": {"enum": list(PARTS)}}, unknown))
        return base | {"required": ["kind"], "allOf": cases}


def when(field: str, holds: Schema, then: Schema) -> Schema:
    """Give a schema that demands ``then`` where a field is as described."""
    return {"if": {"properties": {field: holds}, "required": [field]}, "then": then}


def _and(schema: Schema, more: Schema) -> Schema:
    required = [*schema.get("required", []), *more.get("required", [])]
    return schema | more | ({"required": required} if required else {})


def _limits(meta: Meta, type: Any) -> Schema:
    array = get_origin(type) in (tuple, list)
    # Base64 writes four characters for three bytes.
    longest = (
        None
        if meta.max_length is None
        else -(-meta.max_length // 3) * 4
        if type is bytes
        else meta.max_length
    )
    limits = {
        "description": meta.description,
        "minItems" if array else "minLength": meta.min_length,
        "maxItems" if array else "maxLength": longest,
        "minimum": meta.ge,
        "exclusiveMinimum": meta.gt,
        "maximum": meta.le,
        "exclusiveMaximum": meta.lt,
        "pattern": meta.pattern,
        "examples": meta.examples,
    }
    return {name: limit for name, limit in limits.items() if limit is not None}
