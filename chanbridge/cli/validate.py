"""``chanbridge validate``: is this document what it should be?"""

from __future__ import annotations

from typing import IO, Any

import click
import msgspec

from chanbridge.cli.output import json_option, plain, print_json, wants_json
from chanbridge.cli.reading import json_problem


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--schema", "name", metavar="NAME", help="Check against this schema, as 'chanbridge schema' names it."
)
@json_option
def command(file: IO[bytes], name: str | None, as_json: bool) -> int:
    """Check the JSON documents in FILE against their schema; - is standard input.

    FILE holds one document, or one a line. Without --schema each says itself
    what it is: an event is a CloudEvent, a capability record names its schema,
    anything else is a message. Prints every problem with its path. Exits 1 if
    there is any.

    \b
    Examples:
      chanbridge validate message.json
      chanbridge validate events.jsonl --schema event
      chanbridge listen | chanbridge validate -
    """
    from chanbridge.model.schemas import names

    if name and name not in names():
        raise click.UsageError(f"--schema: no schema '{name}': there are {', '.join(names())}")
    failed = False
    for place, document in documents(file):
        found = [document] if isinstance(document, str) else _problems(document.value, name)
        failed = failed or bool(found)
        kind = "" if isinstance(document, str) else name or kind_of(document.value)
        _print(place, kind, found, wants_json(as_json))
    return 1 if failed else 0


class Document(msgspec.Struct):
    """One decoded document."""

    value: Any


def documents(file: IO[bytes]) -> list[tuple[str, Document | str]]:
    """Read one document, or one a line; what is no JSON is told in words. Each with its place."""
    content = file.read()
    whole = _decoded(content)
    lines = [line for line in content.splitlines() if line.strip()]
    if isinstance(whole, Document) or len(lines) < 2:
        return [(file.name, whole)]
    numbered = [(number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    if not any(isinstance(_decoded(line), Document) for _, line in numbered):
        return [(file.name, whole)]
    return [(f"{file.name}:{number}", _decoded(line)) for number, line in numbered]


def _decoded(content: bytes) -> Document | str:
    return json_problem(content) or Document(msgspec.json.decode(content))


def _problems(document: Any, name: str | None) -> list[str]:
    from chanbridge.model.validate import validate

    return validate(document, name or kind_of(document))


def kind_of(document: Any) -> str:
    """Say which schema a document is meant for."""
    if isinstance(document, dict) and "specversion" in document:
        return "event"
    if isinstance(document, dict) and str(document.get("schema", "")).startswith("chanbridge/capabilities"):
        return "capabilities"
    return "message"


def _print(place: str, kind: str, problems: list[str], as_json: bool) -> None:
    if as_json:
        print_json({"file": place, "schema": kind, "valid": not problems, "problems": problems})
        return
    if not problems:
        click.echo(f"{place}: {click.style('valid', fg='green')} ({kind})")
    for problem in problems:
        click.echo(plain(f"{place}: {problem}"))
