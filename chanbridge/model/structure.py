"""Whether values are of the types, and within the limits, that their classes declare.

A struct does not check its arguments. This walks a value by its annotations: types, the limits in
their ``Meta``, times with a zone, JSON that is JSON. What takes more is in `chanbridge.model.rules`.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import re
import types
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from chanbridge.model import reading
from chanbridge.model.rules import RULES


class Problem(NamedTuple):
    """A rule that does not hold at a place within the value."""

    path: str
    rule: str


Check = Callable[[Any, str], Iterator[Problem]]


def problems(value: msgspec.Struct, path: str = "") -> Iterator[Problem]:
    """Give everything that is wrong with a struct and what it holds."""
    wrong = False
    for name, default, check in _checks(type(value)):
        item = getattr(value, name)
        if item is not default:
            for problem in check(item, f"{path}.{name}" if path else name):
                wrong = True
                yield problem
    if not wrong:  # a rule may rely on the types
        for rule in RULES.get(type(value), ()):
            for at, text in rule(value):
                yield Problem(".".join(step for step in (path, at) if step), text)


@functools.cache
def _checks(cls: type[msgspec.Struct]) -> list[tuple[str, Any, Check]]:
    checks = []
    for info in msgspec.structs.fields(cls):
        check = _extra(cls) if info.name == "extra" else checker(info.type)
        checks.append((info.name, info.default, check))
    return checks


def _extra(cls: type[msgspec.Struct]) -> Check:
    known = reading.plan_of(cls)

    def check(value: Any, path: str) -> Iterator[Problem]:
        yield from _json(value, path)
        for name in value if isinstance(value, dict) else ():
            if known.knows(name):
                yield Problem(f"{path}.{name}", f"is a field of {cls.__name__}: set it there")

    return check


def checker(type: Any) -> Check:
    """Give the check of a type."""
    origin, args = get_origin(type), get_args(type)
    if origin is Annotated:
        return _limited(checker(args[0]), args[1])
    if origin is Literal:
        return _SCALARS[str]  # enumerations are open
    if origin in (Union, types.UnionType):
        [some] = (arg for arg in args if arg is not types.NoneType)
        return _optional(checker(some))
    if origin in (tuple, list):
        return _array(checker(args[0]))
    if origin is dict:
        return _mapping(checker(args[1]))
    return _SCALARS.get(type) or _struct(type)


def _scalar(rule: str, *allowed: type) -> Check:
    def check(value: Any, path: str) -> Iterator[Problem]:
        if type(value) not in allowed:
            yield Problem(path, f"must be {rule}, not {type(value).__name__}")

    return check


def _string(value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield Problem(path, f"must be a string, not {type(value).__name__}")
    elif not value.isascii() and _SURROGATE.search(value):
        yield Problem(path, "must be valid Unicode: it holds half of a surrogate pair")
    elif "\0" in value:  # no provider takes it, and C programs end there
        yield Problem(path, "must hold no NUL character")


def _number(value: Any, path: str) -> Iterator[Problem]:
    if type(value) not in (int, float):
        yield Problem(path, f"must be a number, not {type(value).__name__}")
    elif not math.isfinite(value):
        yield Problem(path, "must be finite")


def _time(value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, dt.datetime):
        yield Problem(path, f"must be a datetime, not {type(value).__name__}")
    elif value.tzinfo is None:
        yield Problem(path, "must have a zone: give it tzinfo=dt.UTC")


def _json(value: Any, path: str) -> Iterator[Problem]:
    match value:
        case None | bool() | int():
            return
        case str():
            yield from _string(value, path)
        case float():
            yield from _number(value, path)
        case list() | tuple():
            for index, item in enumerate(value):
                yield from _json(item, f"{path}[{index}]")
        case dict():
            yield from _mapping(_json)(value, path)
        case _:
            yield Problem(path, f"must be a JSON value, not {type(value).__name__}")


_SURROGATE = re.compile("[\ud800-\udfff]")
_SCALARS: dict[Any, Check] = {
    Any: _json,
    str: _string,
    bool: _scalar("true or false", bool),
    int: _scalar("a whole number", int),
    float: _number,
    bytes: _scalar("bytes", bytes),
    dt.datetime: _time,
    dt.date: _scalar("a date", dt.date),
}


def _struct(cls: type[msgspec.Struct]) -> Check:
    def check(value: Any, path: str) -> Iterator[Problem]:
        if isinstance(value, cls):
            yield from problems(value, path)
        else:
            yield Problem(path, f"must be a {cls.__name__}, not {type(value).__name__}")

    return check


def _optional(check: Check) -> Check:
    return lambda value, path: iter(()) if value is None else check(value, path)


def _array(check: Check) -> Check:
    def check_array(value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, tuple | list):
            yield Problem(path, f"must be a tuple, not {type(value).__name__}")
            return
        for index, item in enumerate(value):
            yield from check(item, f"{path}[{index}]")

    return check_array


def _mapping(check: Check) -> Check:
    def check_mapping(value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(path, f"must be a dict, not {type(value).__name__}")
            return
        for key, item in value.items():
            if isinstance(key, str):
                yield from check(item, f"{path}.{key}")
            else:
                yield Problem(path, f"must have strings as keys, not {type(key).__name__}")

    return check_mapping


def _limited(check: Check, meta: Meta) -> Check:
    limits = list(_limits(meta))

    def check_limited(value: Any, path: str) -> Iterator[Problem]:
        wrong = False
        for problem in check(value, path):
            wrong = True
            yield problem
        for holds, rule in () if wrong or value is None else limits:
            if not holds(value):
                yield Problem(path, rule)

    return check_limited


def _at_least(length: int) -> str:
    return "must not be empty" if length == 1 else f"must be {length} long or longer"


def _limits(meta: Meta) -> Iterator[tuple[Callable[[Any], bool], str]]:
    if (least := meta.min_length) is not None:
        yield (
            lambda value: len(value) >= least,
            "must not be empty" if least == 1 else f"must hold {least} or more",
        )
    if (most := meta.max_length) is not None:
        yield lambda value: len(value) <= most, f"must be at most {most} long"
    if (low := meta.ge) is not None:
        yield lambda value: value >= low, f"must be {low} or more"
    if (high := meta.le) is not None:
        yield lambda value: value <= high, f"must be {high} or less"
    if meta.pattern is not None:
        pattern = re.compile(meta.pattern)
        example = f", as in {meta.examples[0]}" if meta.examples else ""
        yield lambda value: bool(pattern.search(value)), f"must match {meta.pattern}{example}"
