"""Models written as JSON: every part with its ``kind``, every ``extra`` beside the known fields.

msgspec's encoder does it, in C. Only where it would write wrongly (an ``extra`` is to be hoisted, or a
time is not UTC) a value is walked in Python.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import msgspec

from chanbridge.model.base import JSON
from chanbridge.model.errors import ValidationError
from chanbridge.model.reading import Plan, plan_of, utc

_LEAVES = frozenset({str, int, float, bool, bytes, type(None), msgspec.Raw})
# A key named "extra" (within a string its quotes would be escaped), or a time without a Z.
_EXTRA = b'"extra":'
_OTHER_ZONE = re.compile(rb'T\d\d:\d\d:\d\d(?:\.\d{1,6})?[-+"]')


def encode(value: object) -> bytes:
    """Write a model, or anything that holds models, as JSON."""
    encoded = dump(value)
    return encoded if is_plain(encoded) else dump(hoisted(value))


def dump(value: object) -> bytes:
    """Write what msgspec writes right."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError as error:
        raise ValidationError("", "must be valid Unicode: it holds half of a surrogate pair") from error


def is_plain(encoded: bytes) -> bool:
    """Say whether msgspec wrote it right: nothing to hoist, every time in UTC."""
    return _EXTRA not in encoded and not _OTHER_ZONE.search(encoded)


def hoisted(value: object) -> Any:
    """Give a value that msgspec writes right; what it does anyway is written already."""
    if type(value) in _LEAVES:
        return value
    encoded = dump(value)
    if is_plain(encoded):
        return msgspec.Raw(encoded)
    match value:
        case msgspec.Struct():
            return fields_of(value, plan_of(type(value)))
        case dict():
            return {key: hoisted(item) for key, item in value.items()}
        case list() | tuple():
            return [hoisted(item) for item in value]
        case dt.datetime():
            return utc(value)
        case _:
            return value


def fields_of(value: msgspec.Struct, plan: Plan) -> dict[str, Any]:
    """Give the fields of a struct that its plan names, and beside them its extras."""
    known = {} if plan.kind is None else {"kind": plan.kind}
    for name, field in plan.fields.items():
        item = getattr(value, field.attribute)
        if name in plan.always or not _same(item, field.default):
            known[name] = hoisted(item)
    extra: dict[str, JSON] = getattr(value, "extra", {}) if plan.open else {}
    return known | {name: hoisted(item) for name, item in extra.items() if not plan.knows(name)}


def _same(item: object, default: object) -> bool:
    return item is default or (type(item) is type(default) and item == default)
