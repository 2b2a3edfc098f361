"""Models as JSON values and back, whatever a document holds that this version does not know.

Fields that a model does not know are its ``extra``; on the wire they stand beside the known ones.
Every part says its ``kind`` there. Enumerations are open: any string is taken.

The way out is msgspec's encoder, in C. Only where it would write wrongly (an ``extra`` is to be
hoisted, or a time is not UTC) a value is walked in Python. The way in is a walk by a
precomputed plan of each class, since msgspec refuses unknown members and drops unknown fields.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import types
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec

from chanbridge.model.base import JSON
from chanbridge.model.errors import ValidationError
from chanbridge.model.parts import PARTS, OtherPart, Part

S = TypeVar("S", bound=msgspec.Struct)
Read = Callable[[Any], Any]

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
        if not _same(item, field.default):
            known[name] = hoisted(item)
    extra: dict[str, JSON] = getattr(value, "extra", {}) if plan.open else {}
    return known | {name: hoisted(item) for name, item in extra.items() if not plan.knows(name)}


def _same(item: object, default: object) -> bool:
    return item is default or (type(item) is type(default) and item == default)


def utc(time: dt.datetime) -> dt.datetime:
    """Give a time in UTC; raise `ValidationError` if it has no zone."""
    if time.tzinfo is None:
        raise ValidationError("", f"the time {time.isoformat()} needs a zone: give it tzinfo=dt.UTC")
    return time.astimezone(dt.UTC)


class Field(NamedTuple):
    """How one field is read: its name in the class, its default, and a reader unless any value will do."""

    attribute: str
    default: Any
    read: Read | None


class Plan(NamedTuple):
    """How a class is read: its fields by their name on the wire."""

    cls: type[Any]
    fields: dict[str, Field]
    required: frozenset[str]
    kind: str | None  # of a part
    open: bool

    def knows(self, name: str) -> bool:
        """Say whether a name on the wire is one of its own."""
        return name in self.fields or (name == "kind" and self.kind is not None)


@functools.cache
def plan_of(cls: type[Any]) -> Plan:
    """Give the plan of a struct class."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(cls)}
    is_open = fields.pop("extra", None) is not None
    return Plan(
        cls=cls,
        fields={
            name: Field(field.name, _default(field), reader(field.type)) for name, field in fields.items()
        },
        required=frozenset(field.name for field in fields.values() if field.required),
        kind=cls.KIND if issubclass(cls, Part) and cls.KIND else None,
        open=is_open,
    )


def _default(info: msgspec.structs.FieldInfo) -> Any:
    return info.default if info.default_factory is msgspec.NODEFAULT else info.default_factory()


def build(cls: type[S], data: object) -> S:
    """Read a struct; raise `ValidationError` with the path of what is wrong."""
    return read_struct(plan_of(cls), data)  # type: ignore[no-any-return]


def read_struct(plan: Plan, data: object) -> Any:
    """Read a struct by its plan."""
    return plan.cls(**read_fields(plan, data))


def read_fields(plan: Plan, data: object) -> dict[str, Any]:
    """Read what a class is constructed of."""
    if type(data) is not dict:
        raise ValidationError("", "must be an object")
    values: dict[str, Any] = {}
    extra: dict[str, JSON] = {}
    fields = plan.fields
    for name, item in data.items():
        field = fields.get(name)
        if field is None:
            extra[name] = item
        elif field.read is None:
            values[field.attribute] = item
        else:
            try:
                values[field.attribute] = field.read(item)
            except ValidationError as error:
                raise under(name, error) from None
    if extra:
        _keep(plan, extra, values)
    if not plan.required <= values.keys():
        raise ValidationError(_missing(plan, values), "is required")
    return values


def _keep(plan: Plan, extra: dict[str, JSON], values: dict[str, Any]) -> None:
    if plan.kind is not None and extra.pop("kind", plan.kind) != plan.kind:
        raise ValidationError("kind", f"must be '{plan.kind}' here")
    if extra and plan.open:
        values["extra"] = extra


def _missing(plan: Plan, values: dict[str, Any]) -> str:
    return next(
        name
        for name, field in plan.fields.items()
        if field.attribute in plan.required and field.attribute not in values
    )


def read_part(data: object) -> Part:
    """Read a part of any kind; one that is not known becomes an `OtherPart`."""
    if type(data) is not dict:
        raise ValidationError("", "must be an object")
    kind = data.get("kind")
    if type(kind) is not str or not kind:
        raise ValidationError("kind", "is required: it says what part this is")
    part: Part = read_struct(plan_of(PARTS.get(kind, OtherPart)), data)
    return part


def under(step: str | int, error: ValidationError) -> ValidationError:
    """Give an error as seen from one level up."""
    head = f"[{step}]" if isinstance(step, int) else step
    joint = "." if error.path and not error.path.startswith("[") else ""
    return ValidationError(f"{head}{joint}{error.path}", error.rule)


# Readers, one for each sort of type.


def reader(type: Any) -> Read | None:
    """Give the reader of a type; None if any value will do."""
    if type in _SCALARS:
        return _SCALARS[type]
    origin, args = get_origin(type), get_args(type)
    if origin is Annotated:
        return reader(args[0])
    if origin is Literal:
        return _open_enum(args)
    if origin in (Union, types.UnionType):
        return _optional(args)
    if origin is tuple or origin is list:
        return _array(args[0], origin)
    if origin is dict:
        return _mapping(args[1])
    if isinstance(type, builtin_type) and issubclass(type, msgspec.Struct):
        return read_part if type is Part else lambda data: read_struct(plan_of(type), data)
    raise TypeError(f"no reader for {type!r}")


builtin_type = type


def _string(value: object) -> str:
    if type(value) is str:
        return value
    raise ValidationError("", "must be a string")


def _boolean(value: object) -> bool:
    if type(value) is bool:
        return value
    raise ValidationError("", "must be true or false")


def _integer(value: object) -> int:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise ValidationError("", "must be a whole number")


def _number(value: object) -> float:
    if type(value) is float or type(value) is int:
        return float(value)
    raise ValidationError("", "must be a number")


def _time(value: object) -> dt.datetime:
    try:
        time = msgspec.convert(value, dt.datetime)
    except msgspec.ValidationError as error:
        raise ValidationError("", "must be a time as in 2026-11-01T12:00:00Z") from error
    return time if time.tzinfo is dt.UTC else utc(time)


def _date(value: object) -> dt.date:
    try:
        return msgspec.convert(value, dt.date)
    except msgspec.ValidationError as error:
        raise ValidationError("", "must be a date as in 2026-11-01") from error


def _bytes(value: object) -> bytes:
    try:
        return msgspec.convert(value, bytes)
    except msgspec.ValidationError as error:
        raise ValidationError("", "must be bytes in base64") from error


_SCALARS: dict[Any, Read | None] = {
    Any: None,
    str: _string,
    bool: _boolean,
    int: _integer,
    float: _number,
    bytes: _bytes,
    dt.datetime: _time,
    dt.date: _date,
}


def _open_enum(members: tuple[str, ...]) -> Read:
    # The members themselves, so that a default is seen to be one and is omitted again.
    own = {member: member for member in members}

    def read(value: object) -> str:
        text = _string(value)
        return own.get(text, text)

    return read


def _optional(args: tuple[Any, ...]) -> Read | None:
    [some] = (arg for arg in args if arg is not type(None))
    read = reader(some)
    return read and (lambda value: None if value is None else read(value))


def _array(item: Any, make: Callable[[list[Any]], Any]) -> Read:
    read = reader(item)

    def read_array(value: object) -> Any:
        if type(value) is not list:
            raise ValidationError("", "must be a list")
        if read is None:
            return make(value)
        items = []
        for item in value:
            try:
                items.append(read(item))
            except ValidationError as error:
                raise under(len(items), error) from None
        return make(items)

    return read_array


def _mapping(item: Any) -> Read:
    read = reader(item)

    def read_mapping(value: object) -> Any:
        if type(value) is not dict:
            raise ValidationError("", "must be an object")
        if read is None:
            return value
        items = {}
        for key, item in value.items():
            try:
                items[key] = read(item)
            except ValidationError as error:
                raise under(key, error) from None
        return items

    return read_mapping
