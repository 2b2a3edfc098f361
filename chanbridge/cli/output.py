"""What commands print: JSON lines in a pipe, something to read on a terminal."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click
import msgspec

F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """Add ``--json``."""
    text = "Print JSON, one object a line, on a terminal too."
    return click.option("--json", "as_json", is_flag=True, help=text)(function)


def wants_json(as_json: bool) -> bool:
    """Say whether results are to be JSON: asked for, or written to a pipe."""
    return as_json or not sys.stdout.isatty()


def print_json(document: Any) -> None:
    """Print one JSON value on a line, at once."""
    encoded = document if isinstance(document, bytes) else msgspec.json.encode(document)
    click.echo(encoded.decode())
    sys.stdout.flush()


def note(text: str) -> None:
    """Say something that is no result."""
    click.echo(plain(text), err=True)


def plain(text: str) -> str:
    """Make text of anybody's safe for a terminal: control characters become visible."""
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char in "\n\t":
        return char
    # Cc: control, Cf: formatting such as bidirectional overrides; the emoji joiner is harmless.
    hidden = unicodedata.category(char) in {"Cc", "Cf", "Cs"} and char not in "\u200d\u200c"
    return char.encode("unicode_escape").decode() if hidden else char


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay rows out in columns."""
    lines = [list(head), *([plain(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([click.style(shown[0], bold=True), *shown[1:]])
