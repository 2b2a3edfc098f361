"""Types as a reader sees them: tables of fields, made of the code."""

from __future__ import annotations

import datetime as dt
import inspect
import re
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from chanbridge.secret import Secret

_NAMES: dict[Any, str] = {
    Any: "any", str: "text", int: "integer", float: "number", bool: "true/false", bytes: "bytes",
    dt.datetime: "time", dt.date: "date", Secret: "secret", type(None): "none",
}  # fmt: skip
_COMMENT = re.compile(r"^    (\w+):.*?  # (?!fmt:|noqa|type:)(.+)$", re.M)
_UNSET: Any = msgspec.NODEFAULT


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def summary(thing: Any) -> str:
    """Give a docstring as paragraphs."""
    return inspect.getdoc(thing) or ""


def first_line(thing: Any) -> str:
    """Give the first sentence of a docstring."""
    return summary(thing).split("\n\n")[0].replace("\n", " ")


def fields_table(cls: type[Struct], *, own: bool = False) -> str:
    """Write the fields of a struct: name, type, default, what it means. ``own``: none that are inherited."""
    rows = list(_fields(cls, own))
    return table(["field", "type", "default", "meaning"], rows) if rows else "No fields of its own."


def _fields(cls: type[Struct], own: bool) -> Iterator[list[str]]:
    bases = [one for one in cls.__mro__ if one.__module__.startswith("chanbridge")]
    comments = {
        name: said for one in reversed(bases) for name, said in _COMMENT.findall(inspect.getsource(one))
    }
    mine = inspect.get_annotations(cls)
    for field in msgspec.structs.fields(cls):
        if field.name == "extra" or (own and field.name not in mine):
            continue
        kind, notes = describe(field.type)
        meaning = "; ".join(note for note in (comments.get(field.name, ""), *notes) if note)
        yield [f"`{field.encode_name}`", kind, _default(field), meaning]


def _default(field: Any) -> str:
    if field.required:
        return "**required**"
    value = field.default_factory() if field.default is _UNSET else field.default
    if isinstance(value, Struct):
        return "as below"
    if value is None or value == "" or value == b"" or value == () or value == {}:
        return ""
    return f"`{msgspec.json.encode(value, enc_hook=str).decode()}`"


def describe(kind: Any) -> tuple[str, list[str]]:
    """Name a type for readers; and what else must hold of it."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        name, notes = describe(args[0])
        return name, [*notes, *(note for meta in args[1:] if isinstance(meta, Meta) for note in _notes(meta))]
    if origin is Literal:
        return " ".join(f"`{value}`" for value in args), []
    if origin in (Union, types.UnionType):
        names = [describe(arg)[0] for arg in args if arg is not type(None)]
        return " or ".join(dict.fromkeys(names)), []
    if origin in (tuple, list):
        return f"list of {describe(args[0])[0]}", []
    if origin is dict:
        return f"map of {describe(args[1])[0]}", []
    return _NAMES.get(kind, "") or str(getattr(kind, "__name__", kind)), []


def _notes(meta: Meta) -> Iterator[str]:
    yield meta.description or ""
    if meta.max_length is not None:
        yield f"at most {meta.max_length}"
    if meta.ge is not None and meta.le is not None:
        yield f"{meta.ge} to {meta.le}"
    elif meta.ge is not None:
        yield f"at least {meta.ge}"
    if meta.pattern:
        yield f"fits `{meta.pattern}`"


def flattened(document: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Give the leaves of a JSON value with their dotted paths."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from flattened(value, f"{path}.{name}" if path else name)
    elif isinstance(document, list):
        yield path, "; ".join(_leaf(value) for value in document)
    else:
        yield path, _leaf(document)


def _leaf(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {_leaf(item)}" for name, item in value.items())
    if isinstance(value, list):
        return " ".join(map(_leaf, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
