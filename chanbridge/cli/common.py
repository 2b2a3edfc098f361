"""What several commands share: options, the registry, the settings."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from chanbridge.config import AccountSettings, Settings
    from chanbridge.registry import Registry

F = TypeVar("F", bound=Callable[..., Any])
DONE, FAILED, USAGE, LATER, INTERRUPTED = 0, 1, 2, 75, 130
"""Exit codes."""


class Failed(click.ClickException):
    """The command cannot do what it was asked for; the exit code is 1."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.ctx = click.get_current_context(silent=True)


class NotNow(Failed):
    """The command may do it later."""

    exit_code = LATER


class Misused(Failed):
    """The command cannot ever do it."""

    exit_code = USAGE


def config_options(function: F) -> F:
    """Add ``--config`` and ``--allow-literal-secrets``."""
    literal = click.option(
        "--allow-literal-secrets", is_flag=True, help="Accept secrets that stand in the configuration itself."
    )
    config = click.option(
        "-c",
        "--config",
        metavar="PATH",
        type=click.Path(path_type=Path),
        help="Configuration; else $CHANBRIDGE_CONFIG, else chanbridge.toml here.",
    )
    return config(literal(function))


def account_option(text: str) -> Callable[[F], F]:
    """Add ``--account``."""
    return click.option("-a", "--account", metavar="NAME", help=text)


def new_registry(*, server: bool = False) -> Registry:
    """The registry of a command. What the library logs goes to the terminal, unless it is a server's."""
    from chanbridge.cli.logs import to_terminal
    from chanbridge.registry import Registry

    if not server:
        to_terminal()
    return Registry()


def settings_of(config: Path | None, allow_literal_secrets: bool, registry: Registry) -> Settings:
    """Read the configuration."""
    from chanbridge.config import load_settings

    settings = load_settings(config, registry=registry, allow_literal_secrets=allow_literal_secrets)
    known = click.get_current_context().obj
    if isinstance(known, dict):
        known["store"] = settings.store  # for what an error tells of it
    return settings


def named_account(settings: Settings, name: str) -> AccountSettings:
    """Give an account by its name."""
    if name not in settings.accounts:
        known = ", ".join(settings.accounts) or "none"
        raise click.UsageError(f"--account: no account '{name}' in {settings.path.name} (there is: {known})")
    return settings.accounts[name]


def account_for(settings: Settings, channel: str, name: str | None) -> AccountSettings:
    """Choose the account to send from: the named one, or the only one of its channel."""
    if name:
        account = named_account(settings, name)
        if account.channel != channel:
            raise click.UsageError(f"--account: '{name}' is on {account.channel}, the address on {channel}")
        return account
    fitting = [account for account in settings.accounts.values() if account.channel == channel]
    if not fitting:
        raise click.UsageError(
            f"no account on channel '{channel}' in {settings.path.name}: add one, as 'chanbridge init' does"
        )
    if len(fitting) > 1:
        names = ", ".join(account.name for account in fitting)
        raise click.UsageError(f"--account: several fit {channel}, name one of: {names}")
    return fitting[0]


class Seconds(click.FloatRange):
    """A number of seconds that a clock can count: finite, and not negative."""

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it, or fail with the option's name."""
        seconds = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is no number of seconds.", param, ctx)
        return seconds


class PrivateFile(click.File):
    """A file that is for its owner alone if it is made here: it holds customers' words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Open it; one that is there keeps its mode."""
        if isinstance(value, str) and value != "-":
            with contextlib.suppress(OSError):  # opening it tells what is wrong
                os.close(os.open(value, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return super().convert(value, param, ctx)


def pairs(settings: Iterable[str], option: str) -> dict[str, str]:
    """Read ``key=value`` options; raise `click.UsageError` for one that is none, or whose key came before."""
    read: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not (key and equals):
            raise click.UsageError(f"{option}: write KEY=VALUE")
        if key in read:
            raise click.UsageError(f"{option}: '{key}' is given twice: give it once")
        read[key] = value
    return read
