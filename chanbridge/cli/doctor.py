"""``chanbridge doctor``: is the configuration right, and do the providers agree?"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from chanbridge.cli.common import account_option, config_options, named_account, new_registry, settings_of
from chanbridge.cli.output import json_option, note, plain, print_json, wants_json
from chanbridge.model.errors import ChanbridgeError, ConfigError, SendError

if TYPE_CHECKING:
    from chanbridge.channel import Channel
    from chanbridge.config import AccountSettings, Settings
    from chanbridge.registry import Registry
    from chanbridge.transport.drive import Driver

_MARKS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "error": ("error", "red")}
_WITHIN_S = 30.0


class Result(NamedTuple):
    """One finding, and whose."""

    account: str
    level: str
    what: str
    mend: str = ""


@click.command()
@account_option("Check this account only.")
@click.option("--offline", is_flag=True, help="Check the configuration only; ask no provider.")
@config_options
@json_option
def command(
    account: str | None, offline: bool, config: Path | None, allow_literal_secrets: bool, as_json: bool
) -> int:
    """Check the configuration, and every account against its provider.

    Prints a finding a line: ok, warning or error, and the mend. Exits 1 if
    there is an error, 2 if the configuration is wrong: then every problem is
    named with its file, line and key.

    \b
    Examples:
      chanbridge doctor
      chanbridge doctor --account support --json
    """
    registry = new_registry()
    settings = settings_of(config, allow_literal_secrets, registry)
    _check_store(settings)
    chosen = [named_account(settings, account)] if account else list(settings.accounts.values())
    return asyncio.run(_examine(settings, registry, chosen, offline, wants_json(as_json)))


def _check_store(settings: Settings) -> None:
    """Raise `ConfigError`, with its place, for a store that can never be opened."""
    from chanbridge.config_source import Source
    from chanbridge.store.opening import check

    try:
        check(settings.store)
    except ConfigError as error:
        line = Source.read(settings.path).line(("store",))
        place = f"{settings.path.name}:{line}" if line else settings.path.name
        place = "CHANBRIDGE_STORE" if os.environ.get("CHANBRIDGE_STORE") else place
        raise ConfigError(*(f"{place}: {problem}" for problem in error.problems)) from error


async def _examine(
    settings: Settings, registry: Registry, accounts: list[AccountSettings], offline: bool, as_json: bool
) -> int:
    failed = False
    async for result in _results(settings, registry, accounts, offline):
        failed = failed or result.level == "error"
        _print(result, as_json)
    return 1 if failed else 0


async def _results(
    settings: Settings, registry: Registry, accounts: list[AccountSettings], offline: bool
) -> AsyncIterator[Result]:
    from chanbridge.store.opening import read_only

    yield Result("", "ok", f"{settings.path.name}: {len(settings.accounts)} account(s), every key is right")
    if denied := read_only(settings.store):
        yield Result("", "error", f"store: {denied}", "let it write there")
    for name, why in settings.broken.items():
        yield Result(name, "error", why, "mend or update the plugin: the other accounts work")
    if not settings.accounts and not settings.broken:
        yield Result("", "warning", "there is no account", "add one: chanbridge init")
    if not settings.public_url:
        mend = "set public_url to where the providers reach this server"
        yield Result(
            "", "warning", "without public_url no webhook can be checked, and no link to media made", mend
        )
    for result in _twins(settings, registry, {account.name for account in accounts}):
        yield result
    registry.load_hooks()
    for problem in registry.problems.values():
        yield Result("", "error", str(problem), "update or uninstall the plugin")
    if offline or not accounts:
        return
    async for result in _asked(settings, registry, accounts):
        yield result


def _twins(settings: Settings, registry: Registry, chosen: set[str]) -> Iterator[Result]:
    from chanbridge.cli.twins import twins

    channels = {name: _channel(settings, registry, account) for name, account in settings.accounts.items()}
    for one, other, id in twins(channels):
        if chosen & {one, other}:
            what = f"it is the same account as '{one}' at the provider: both own {id}"
            yield Result(other, "warning", what, "remove one of them, or correct its id")


def _channel(settings: Settings, registry: Registry, account: AccountSettings) -> Channel[Any]:
    from chanbridge.accounts import webhook_url
    from chanbridge.channel import Account

    url = webhook_url(settings.public_url, account.name, account.path_token)
    return registry.build(account.channel, Account(account.name, account.config, webhook_url=url))


async def _asked(
    settings: Settings, registry: Registry, accounts: list[AccountSettings]
) -> AsyncIterator[Result]:
    from chanbridge.transport.client import HttpTransport, Timeouts
    from chanbridge.transport.drive import Driver
    from chanbridge.transport.grants import GrantKeeper
    from chanbridge.vault import FileVault

    async with HttpTransport(timeouts=Timeouts(total=_WITHIN_S)) as transport:
        grants = GrantKeeper(FileVault(settings.vault))
        driver = Driver(transport, grants=grants)
        for account in accounts:
            note(f"asking the provider of {account.name} ...")
            for result in await _check(settings, registry, account, driver):
                yield result


async def _check(
    settings: Settings, registry: Registry, account: AccountSettings, driver: Driver
) -> list[Result]:
    channel = _channel(settings, registry, account)
    if not channel.can("check"):
        return [Result(account.name, "warning", f"{account.channel} has no check")]
    try:
        findings = await driver.run(channel.check(), channel)
    except SendError as error:
        mend = {"reauth": "renew the credential", "wait": "try again later"}.get(error.fix or "", "")
        return [Result(account.name, "error", str(error), mend)]
    except ChanbridgeError as error:
        return [Result(account.name, "error", str(error))]
    except Exception as error:
        return [
            Result(account.name, "error", f"the check of {account.channel} failed: {type(error).__name__}")
        ]
    return [Result(account.name, found.level, found.what, found.mend) for found in findings]


def _print(result: Result, as_json: bool) -> None:
    if as_json:
        print_json({name: value for name, value in result._asdict().items() if value})
        return
    mark, color = _MARKS[result.level]
    where = f"{result.account}: " if result.account else ""
    mend = f" ({result.mend})" if result.mend else ""
    click.echo(f"{click.style(f'{mark:<8}', fg=color)}{plain(f'{where}{result.what}{mend}')}")
