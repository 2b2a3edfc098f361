"""Classes and functions as a reader sees them: signatures, attributes, members, made of the code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from docs.describing import fields_table, summary, table

WIDTH = 100
_ATTRIBUTE = re.compile(r"^    (\w+): ([^=\n]+?)(?: = (.+?))?(?:  # (?!type:|noqa)(.+))?$", re.M)


class _Bare(str):
    """Text that shows itself without quotes in a signature."""

    def __repr__(self) -> str:
        return str(self)


def function(name: str, thing: Any, level: int = 2, *, of: str = "") -> list[str]:
    """Describe a function or a method: its signature, and what its docstring says."""
    return [f"{'#' * level} {name}\n", signature(of + name, thing), summary(thing), ""]


def signature(name: str, thing: Any) -> str:
    """Write a signature as in the code, a parameter a line where it is long."""
    found = inspect.signature(thing)
    kept = [_bare(one) for one in found.parameters.values() if one.name not in {"self", "cls"}]
    prefix = "async def" if inspect.iscoroutinefunction(thing) else "def"
    returns = _type(found.return_annotation)
    line = f"{prefix} {name}{found.replace(parameters=kept, return_annotation=returns)}"
    if len(line) > WIDTH:
        pieces = str(found.replace(parameters=kept, return_annotation=inspect.Signature.empty))[1:-1]
        ends = "" if returns is inspect.Signature.empty else f" -> {returns}"
        line = f"{prefix} {name}(\n    {_one_a_line(pieces)},\n){ends}"
    return f"```python\n{line}\n```\n"


def attributes(cls: type) -> str:
    """Write the attributes that a class declares: name, type, default, what the comment says."""
    rows = [
        [f"`{name}`", f"`{kind}`", f"`{default}`" if default else "", said]
        for name, kind, default, said in _ATTRIBUTE.findall(inspect.getsource(cls).partition("    def ")[0])
        if not name.startswith("_")
    ]
    return table(["attribute", "type", "default", "meaning"], rows)


def described(cls: type) -> list[str]:
    """Describe a class: what it is, how it is made, its fields, and each public member."""
    lines = [f"## {cls.__name__}\n"]
    if issubclass(cls, Struct):
        lines += [summary(cls), "", fields_table(cls), ""]
    else:
        made = cls if issubclass(cls, tuple) else vars(cls).get("__init__")
        lines += [_construction(cls.__name__, made)] if made else []
        lines += [summary(cls), ""]
    return lines + [line for name, member in _members(cls) for line in _member(name, member, cls)]


def _construction(name: str, made: Any) -> str:
    return re.sub(r"\) -> \w+\n```", ")\n```", signature(name, made).replace("def ", "", 1))


def _member(name: str, member: Any, cls: type) -> list[str]:
    title = f"### {cls.__name__}.{name}\n"
    if isinstance(member, property):
        kind = _type(inspect.signature(member.fget).return_annotation) if member.fget else ""
        return [title, f"A property: `{kind}`. {summary(member)}".rstrip(), ""]
    if isinstance(member, classmethod | staticmethod):
        return [title, signature(f"{cls.__name__}.{name}", member.__func__), summary(member.__func__), ""]
    return [title, signature(name, member), inspect.getdoc(getattr(cls, name)) or "", ""]


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    for name, member in vars(cls).items():
        listed = inspect.isfunction(member) or isinstance(member, property | classmethod | staticmethod)
        if listed and not name.startswith("_"):
            yield name, member


def _bare(parameter: inspect.Parameter) -> inspect.Parameter:
    default = parameter.default
    if callable(default) and default is not inspect.Parameter.empty:  # a function shows its address
        default = _Bare(default.__name__ if isinstance(default, type) else "...")
    return parameter.replace(annotation=_type(parameter.annotation), default=default)


def _type(annotation: Any) -> Any:
    named = getattr(annotation, "__forward_arg__", annotation)
    return _Bare(named.strip("'\"")) if isinstance(named, str) else named


def _one_a_line(pieces: str) -> str:
    return re.sub(r", (?=(?:[*\w]+(?::|$|,| =|=)|\*))(?![^\[(]*[\])])", ",\n    ", pieces)
