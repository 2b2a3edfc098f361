"""``chanbridge channels``: what the installed channels can carry, side by side."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import click

from chanbridge.cli.common import new_registry
from chanbridge.cli.output import json_option, note, print_json, table, wants_json

if TYPE_CHECKING:
    from chanbridge.model.capabilities import Capabilities

_KINDS = (
    "text", "media", "location", "contacts", "list", "card", "carousel", "template", "form", "product",
    "order", "payment", "poll",
)  # fmt: skip
_GESTURES: dict[str, Callable[[Capabilities], str]] = {
    "reply to": lambda record: record.relation.reply,
    "edit": lambda record: record.relation.edit.level,
    "delete": lambda record: record.relation.delete.level,
    "reaction": lambda record: record.relation.reaction.level,
    "typing": lambda record: record.presence.typing_out,
    "mark read": lambda record: record.presence.read_out,
}


@click.command()
@click.argument("names", metavar="[CHANNEL]...", nargs=-1)
@json_option
def command(names: tuple[str, ...], as_json: bool) -> int:
    """Compare what the installed channels can carry, with their limits.

    Prints every installed channel, or those that are named. With --json each
    line is a capability record (see 'chanbridge schema capabilities'). A plugin
    that cannot be loaded is named on standard error, and the exit code is 2.

    \b
    Examples:
      chanbridge channels
      chanbridge channels whatsapp sms --json
    """
    registry = new_registry()
    classes = {name: registry.channel(name) for name in names} if names else registry.channels()
    records = [record for cls in classes.values() for record in records_of(cls.capabilities)]
    if wants_json(as_json):
        from chanbridge.model.codec import to_wire

        for record in records:
            print_json(to_wire(record))
    elif records:
        click.echo(fitting(records, shutil.get_terminal_size().columns))
    for problem in registry.problems.values():
        note(f"chanbridge channels: {problem}")
    if not records and not registry.problems:
        note("no channel is installed: pip install chanbridge-whatsapp, chanbridge-sms, ...")
    return 2 if registry.problems else 0


def records_of(capabilities: Capabilities | Mapping[str, Capabilities]) -> list[Capabilities]:
    """The records of a channel: one, or one a variant."""
    return list(capabilities.values()) if isinstance(capabilities, Mapping) else [capabilities]


def fitting(records: list[Capabilities], width: int) -> str:
    """Lay records out in as few tables as fit a width, one below the other."""
    pages: list[list[Capabilities]] = []
    for record in records:
        if pages and _width([*pages[-1], record]) <= width:
            pages[-1].append(record)
        else:
            pages.append([record])
    return "\n\n".join(side_by_side(page) for page in pages)


def _width(records: list[Capabilities]) -> int:
    return max(len(click.unstyle(line)) for line in side_by_side(records).splitlines())


def side_by_side(records: list[Capabilities]) -> str:
    """Lay records out as a table, one column each."""
    heads = [f"{r.channel}/{r.variant}" if r.variant else r.channel for r in records]
    return table(["", *heads], _rows(records))


def _rows(records: list[Capabilities]) -> Iterator[list[str]]:
    for kind in _KINDS:
        yield [kind, *(_kind(record, kind) for record in records)]
    for surface in sorted({name for record in records for name in record.actions}):
        yield [f"as {surface}".replace("_", " "), *(_surface(record, surface) for record in records)]
    for gesture, level in _GESTURES.items():
        yield [gesture, *(_shown(level(record)) for record in records)]
    for fact in ("delivered", "read"):
        yield [fact, *(_shown(getattr(record.receipts, fact)) for record in records)]
    yield ["window", *(_window(record) for record in records)]


def _kind(record: Capabilities, kind: str) -> str:
    level = record.level(kind)
    if level == "native" and kind == "text" and record.text and record.text.max:
        return f"{record.text.max} {record.text.unit}"
    if level == "native" and kind == "media":
        return " ".join(record.media)
    if level == "native" and kind == "list" and record.list:
        return f"{record.list.items_max} items"
    return "yes" if level == "native" else _shown(level)


def _surface(record: Capabilities, surface: str) -> str:
    limits = record.actions.get(surface)
    if limits is None:
        return "-"
    return f"{limits.max}" + (f" of {limits.label_max} {limits.label_unit}" if limits.label_max else "")


def _window(record: Capabilities) -> str:
    window = record.window
    return "-" if window.kind == "none" else f"{(window.seconds or 0) // 3600} h, then {window.outside}"


def _shown(level: str) -> str:
    return {"native": "yes", "reject": "-", "none": "-"}.get(level, level)
