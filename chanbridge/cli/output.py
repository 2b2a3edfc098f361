"""What commands print: JSON lines in a pipe, something to read on a terminal."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from traceback import walk_tb
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
    return as_json or not on_terminal()


def on_terminal() -> bool:
    """Say whether results are read by a person; a closed standard output is None in Python."""
    return sys.stdout is not None and sys.stdout.isatty()


class NoOutput(click.ClickException):
    """Results cannot be written; the exit code is 1."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(f"standard output cannot be written: {reason}")


def is_of_output(error: Exception) -> bool:
    """Say whether an error is that click could not print: its help, or a line for a terminal."""
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    echoing = [frame for frame in frames if frame.f_code is click.echo.__code__]
    return isinstance(error, OSError) and any(frame.f_locals["file"] is not sys.stderr for frame in echoing)


def discard_output() -> None:
    """Let what is still to be printed go nowhere, so that the end of the process does not stumble on it."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(document: Any) -> None:
    """Print one JSON value on a line, at once."""
    encoded = document if isinstance(document, bytes) else msgspec.json.encode(document)
    print_line(encoded.decode())


def print_line(text: str) -> None:
    """Print a result, at once; raise `NoOutput` or `BrokenPipeError` if that cannot be."""
    if sys.stdout is None:
        raise NoOutput("it is closed")
    try:
        click.echo(text)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        raise
    except OSError as error:
        raise NoOutput(error.strerror) from error


def note(text: str) -> None:
    """Say something that is no result."""
    click.echo(plain(text), err=True)


def end_line() -> None:
    """End the line on which a terminal has written ^C."""
    if sys.stderr is not None and sys.stderr.isatty():
        click.echo(err=True)


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
