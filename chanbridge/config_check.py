"""Checking configuration against its types' JSON Schemas, with every problem in words."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from chanbridge.config_source import KeyPath, masked

if TYPE_CHECKING:
    from jsonschema import ValidationError as Breach


def problems(table: Any, schema: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Say what breaks a schema in a resolved table: the path, and the problem with its mend."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    for path in _not_finite(table):
        yield path, "must be a finite number"
    for error in Draft202012Validator(schema).iter_errors(masked(table)):
        if error.validator == "required":
            yield from _missing(error)
        elif error.validator == "additionalProperties":
            yield from _unexpected(error)
        else:
            worst = best_match([error])
            yield tuple(worst.absolute_path), _worded(worst) + _about(worst.schema)


def _not_finite(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Find the numbers that TOML can write and a schema lets pass: ``nan`` and ``inf``."""
    if isinstance(value, float) and not math.isfinite(value):
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _not_finite(item, (*path, key))


def _missing(error: Breach) -> Iterator[tuple[KeyPath, str]]:
    name = error.message.split("'")[1]
    yield tuple(error.absolute_path), f"'{name}' is a required property{_about(_properties(error).get(name))}"


def _unexpected(error: Breach) -> Iterator[tuple[KeyPath, str]]:
    known = list(_properties(error))
    for name in error.instance if isinstance(error.instance, dict) else ():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            mend = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(sorted(known))}"
            what = f"Additional properties are not allowed ('{name}' was unexpected): {mend}"
            yield (*error.absolute_path, name), what


def _properties(error: Breach) -> dict[str, Any]:
    schema: Any = error.schema
    found: dict[str, Any] = schema.get("properties", {})
    return found


def _worded(error: Breach) -> str:
    if error.validator == "type" and isinstance(error.instance, dict | list):
        return f"is not of type '{error.validator_value}'"
    return str(error.message)


def _about(schema: Any) -> str:
    description = schema.get("description", "") if isinstance(schema, dict) else ""
    return f" ({description})" if description else ""
