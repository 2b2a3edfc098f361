"""Models read from JSON values, with whatever a document holds that this version does not know.

Fields that a model does not know become its ``extra``, a part of an unknown kind an `OtherPart`,
and of an enumeration any string is taken. That is why this walks, by a plan of each class that is
made once: msgspec alone refuses unknown members and drops unknown fields.
"""

from __future__ import annotations

import datetime as dt
import functools
import types
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec

from chanbridge.model.base import JSON
from chanbridge.model.errors import ValidationError
from chanbridge.model.parts import PARTS, OtherPart, Part, kind_of

S = TypeVar("S", bound=msgspec.Struct)
Read = Callable[[Any], Any]


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
    always: frozenset[str]  # written though they are defaults, as msgspec does with those that are made

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
        kind=kind_of(cls) or None if issubclass(cls, Part) else None,
        open=is_open,
        always=frozenset(name for name, field in fields.items() if _is_made(field)),
    )


def _is_made(info: msgspec.structs.FieldInfo) -> bool:
    return info.default_factory is not msgspec.NODEFAULT and bool(_default(info))


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


def reader(hint: Any) -> Read | None:
    """Give the reader of a type; None if any value will do."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    origin, args = get_origin(hint), get_args(hint)
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
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return read_part if hint is Part else lambda data: read_struct(plan_of(hint), data)
    raise TypeError(f"no reader for {hint!r}")


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
        try:
            return float(value)
        except OverflowError as error:
            raise ValidationError("", "is too large a number") from error
    raise ValidationError("", "must be a number")


def _time(value: object) -> dt.datetime:
    try:
        time = msgspec.convert(value, dt.datetime)
    except msgspec.ValidationError as error:
        raise ValidationError("", "must be a time as in 2026-11-01T12:00:00Z") from error
    return time if time.tzinfo is dt.UTC else utc(time)


def utc(time: dt.datetime) -> dt.datetime:
    """Give a time in UTC; raise `ValidationError` if it has no zone."""
    if time.tzinfo is None:
        raise ValidationError("", f"the time {time.isoformat()} needs a zone: give it tzinfo=dt.UTC")
    try:
        return time.astimezone(dt.UTC)
    except OverflowError as error:
        raise ValidationError("", "must be within the years 1 to 9999 in UTC") from error


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
