"""``chanbridge parked``: what was given up and waits for a person."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from chanbridge.cli.common import config_options
from chanbridge.cli.output import json_option, plain, print_json, wants_json
from chanbridge.cli.storing import with_store

if TYPE_CHECKING:
    from chanbridge.store.base import Store


@click.group()
def command() -> None:
    """Look at what was given up; retry or drop it.

    An event is parked when its handler or sink failed too often, a step when
    nobody knows its outcome ('chanbridge outbox settle').

    \b
    Examples:
      chanbridge parked list
      chanbridge parked retry 3
    """


@command.command("list")
@click.option(
    "-n", "--limit", metavar="N", type=click.IntRange(min=1), default=100, help="Print at most N; else 100."
)
@config_options
@json_option
def show(limit: int, config: Path | None, allow_literal_secrets: bool, as_json: bool) -> int:
    """Print what is parked, the oldest first.

    \b
    Example:
      chanbridge parked list --json
    """

    async def work(store: Store) -> int:
        for item in await store.parked.list(limit):
            if wants_json(as_json):
                print_json(readable(item))
            else:
                line = f"{item['id']:>6}  {item['kind']}  {item['conversation']}  {item['consumer']}"
                click.echo(plain(f"{line}  {item['error']}"))
        return 0

    return with_store(config, allow_literal_secrets, work)


@command.command()
@click.argument("ids", metavar="ID...", type=int, nargs=-1, required=True)
@config_options
@json_option
def retry(ids: tuple[int, ...], config: Path | None, allow_literal_secrets: bool, as_json: bool) -> int:
    """Show parked events to their handlers once more, as soon as a bridge runs.

    Exits 1 if an ID names no parked event.

    \b
    Example:
      chanbridge parked retry 3 4
    """
    return _each(ids, "retried", config, allow_literal_secrets, as_json)


@command.command()
@click.argument("ids", metavar="ID...", type=int, nargs=-1, required=True)
@config_options
@json_option
def drop(ids: tuple[int, ...], config: Path | None, allow_literal_secrets: bool, as_json: bool) -> int:
    """Forget parked items; a conversation that waited for one goes on.

    The event stays in the inbox. Exits 1 if an ID names nothing that is parked.

    \b
    Example:
      chanbridge parked drop 3
    """
    return _each(ids, "dropped", config, allow_literal_secrets, as_json)


def _each(
    ids: tuple[int, ...], done: str, config: Path | None, allow_literal_secrets: bool, as_json: bool
) -> int:
    async def work(store: Store) -> int:
        act = store.parked.retry if done == "retried" else store.parked.drop
        code = 0
        for id in ids:
            if not await act(id):
                click.echo(f"chanbridge parked: ID: nothing to be {done} is parked as {id}", err=True)
                code = 1
            elif wants_json(as_json):
                print_json({"id": id, done: True})
            else:
                click.echo(f"{id} {done}")
        return code

    return with_store(config, allow_literal_secrets, work)


def readable(row: dict[str, Any]) -> dict[str, Any]:
    """Write a row of the store as JSON: errors decoded, times in words, nothing that is empty."""
    shown: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, bytes):
            shown[name] = msgspec.Raw(value)
        elif name == "at":
            shown[name] = dt.datetime.fromtimestamp(value, dt.UTC)
        elif value not in (None, ""):
            shown[name] = value
    return shown
