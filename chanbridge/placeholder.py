"""Values that stand in for a provider's answer in a dry run."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeVar

from msgspec import inspect

T = TypeVar("T")


def placeholder(type: type[T] | Any = Any) -> T:
    """Make a value of a type: text reads ``<name>``, numbers are 0, defaults stay."""
    value: T = _make(inspect.type_info(type), "value") if type is not Any else {}
    return value


def _make(kind: inspect.Type, name: str) -> Any:
    match kind:
        case inspect.Metadata(type=described):
            return _make(described, name)
        case inspect.StructType(cls=cls, fields=fields):
            required = {f.name: _make(f.type, f.encode_name) for f in fields if f.required}
            return cls(**required)
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            items = [_make(item, name)]
            return tuple(items) if isinstance(kind, inspect.VarTupleType) else items
        case inspect.DictType():
            return {}
        case inspect.UnionType(types=types):
            return None if any(isinstance(t, inspect.NoneType) for t in types) else _make(types[0], name)
        case inspect.LiteralType(values=values):
            return values[0]
        case _:
            return _scalar(kind, name)


def _scalar(kind: inspect.Type, name: str) -> Any:
    match kind:
        case inspect.StrType():
            return f"<{name}>"
        case inspect.IntType():
            return 0
        case inspect.FloatType():
            return 0.0
        case inspect.BoolType():
            return False
        case inspect.BytesType():
            return b""
        case inspect.DateTimeType():
            return dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        case _:
            return {} if isinstance(kind, inspect.AnyType) else None
