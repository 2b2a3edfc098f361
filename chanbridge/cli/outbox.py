"""``chanbridge outbox``: what goes out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chanbridge.cli.common import Failed, config_options, new_registry, settings_of
from chanbridge.cli.output import json_option, note, plain, print_json, wants_json
from chanbridge.cli.storing import with_store

if TYPE_CHECKING:
    from chanbridge.store.base import Store

_STATES = ("queued", "sent", "failed", "canceled", "expired", "unknown", "blocked")


@click.group()
def command() -> None:
    """Look at what goes out, and settle what hangs.

    A step whose outcome nobody knows (its request left, and no answer came) is
    'unknown': settle it by what the provider or the customer says.

    \b
    Examples:
      chanbridge outbox list --state unknown
      chanbridge outbox settle 0199f0c2-... 0 again
      chanbridge outbox release support
    """


@command.command("list")
@click.option("--state", type=click.Choice(_STATES), help="Only what is in this state.")
@click.option(
    "-n", "--limit", metavar="N", type=click.IntRange(min=1), default=100, help="Print at most N; else 100."
)
@config_options
@json_option
def show(
    state: str | None, limit: int, config: Path | None, allow_literal_secrets: bool, as_json: bool
) -> int:
    """Print the steps and gestures in the outbox, the oldest first.

    Accounts whose sending is held (a dead token, an unpaid bill) are named on
    standard error.

    \b
    Examples:
      chanbridge outbox list
      chanbridge outbox list --state failed --json
    """

    async def work(store: Store) -> int:
        for item in await store.outbox.list(state or "", limit):
            _print(item, wants_json(as_json))
        for account, (_, failure) in (await store.outbox.holds()).items():
            note(f"{account} is held: {failure.code}: mend it, then: chanbridge outbox release {account}")
        return 0

    return with_store(config, allow_literal_secrets, work)


@command.command()
@click.argument("message")
@config_options
@json_option
def drop(message: str, config: Path | None, allow_literal_secrets: bool, as_json: bool) -> int:
    """Cancel what has not left yet of a MESSAGE.

    Exits 1 if nothing of it is waiting.

    \b
    Example:
      chanbridge outbox drop 0199f0c2-7b1e-7cc0-8000-5f0c3a9d1e42
    """

    async def work(store: Store) -> int:
        dropped = await store.outbox.drop(message, dt.datetime.now(dt.UTC))
        if not dropped:
            raise Failed(f"MESSAGE: nothing of {message} is waiting")
        _say(as_json, {"message": message, "dropped": dropped}, f"{dropped} step(s) canceled")
        return 0

    return with_store(config, allow_literal_secrets, work)


@command.command()
@click.argument("message")
@click.argument("step", type=int)
@click.argument("outcome", type=click.Choice(["sent", "again", "drop"]))
@config_options
@json_option
def settle(
    message: str, step: int, outcome: Any, config: Path | None, allow_literal_secrets: bool, as_json: bool
) -> int:
    """Settle a STEP (from 0) of a MESSAGE whose outcome nobody knows.

    OUTCOME is sent (it did go out), again (send it once more: it may arrive
    twice) or drop. Exits 1 if there is no such step of unknown outcome.

    \b
    Example:
      chanbridge outbox settle 0199f0c2-7b1e-7cc0-8000-5f0c3a9d1e42 0 sent
    """

    async def work(store: Store) -> int:
        now = dt.datetime.now(dt.UTC)
        if not await store.outbox.resolve_unknown(message, step, outcome, now):
            raise Failed(f"no step {step} of {message} is of unknown outcome")
        _say(as_json, {"message": message, "step": step, "outcome": outcome}, f"settled: {outcome}")
        return 0

    return with_store(config, allow_literal_secrets, work)


@command.command()
@click.argument("account")
@config_options
@json_option
def release(account: str, config: Path | None, allow_literal_secrets: bool, as_json: bool) -> int:
    """Let a held ACCOUNT send again, once its token or bill is mended.

    \b
    Example:
      chanbridge outbox release support
    """

    settings = settings_of(config, allow_literal_secrets, new_registry())
    if account not in settings.accounts:
        known = ", ".join(settings.accounts) or "none"
        raise click.UsageError(f"ACCOUNT: no account '{account}' in {settings.path.name} (there is: {known})")

    async def work(store: Store) -> int:
        await store.outbox.release(account, dt.datetime.now(dt.UTC))
        _say(as_json, {"account": account, "released": True}, f"{account} sends again")
        return 0

    return with_store(config, allow_literal_secrets, work)


def _print(item: dict[str, Any], as_json: bool) -> None:
    from chanbridge.cli.parked import readable

    if as_json:
        print_json(readable(item))
    else:
        where = f"{item['message']} {item['step']}"
        click.echo(plain(f"{item['state']:<9} {item['kind']:<7} {where}  {item['conversation']}"))


def _say(as_json: bool, document: dict[str, Any], words: str) -> None:
    if wants_json(as_json):
        print_json(document)
    else:
        click.echo(words)
