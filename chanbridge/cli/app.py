"""The click application: commands that load when they are named, and errors that fit in a line."""

from __future__ import annotations

import difflib
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import click

from chanbridge.cli import COMMANDS, overview
from chanbridge.cli.common import DONE, FAILED, INTERRUPTED, LATER, USAGE
from chanbridge.cli.output import NoOutput, discard_output, end_line, is_of_output
from chanbridge.model.errors import (
    ChanbridgeError,
    ConfigError,
    PluginError,
    SendError,
    Unsupported,
    ValidationError,
)

_log = logging.getLogger(__name__)
# click 8.1 has none: it prints the help by itself
_ASKS_FOR_HELP: type[click.UsageError] | tuple[()] = getattr(click.exceptions, "NoArgsIsHelpError", ())


class _ReaderGone(Exception):
    """Nobody reads standard output any more; click would make exit code 1 of a `BrokenPipeError`."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"chanbridge.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            mend = f"did you mean '{near[0]}'?" if near else "see 'chanbridge --help'"
            raise click.UsageError(f"no command '{args[0]}': {mend}", ctx)
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)
        except BrokenPipeError as error:
            raise _ReaderGone from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGone from error

    def get_help(self, ctx: click.Context) -> str:
        return overview()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80, "terminal_width": 80},
)
@click.version_option(metadata.version("chanbridge"), "--version", message="%(version)s")
def root() -> None:
    """Every messaging app a plugin, every message one shape, nothing lost."""


def run(args: Sequence[str]) -> int:
    """Run a command line and give its exit code; errors are a line each on standard error."""
    known: dict[str, str] = {}
    try:
        code = root.main(list(args), prog_name="chanbridge", standalone_mode=False, obj=known)
        return code if isinstance(code, int) else DONE
    except click.ClickException as error:
        if isinstance(error, _ASKS_FOR_HELP):
            click.echo(error.format_message(), err=True)
            return error.exit_code
        if isinstance(error, NoOutput):
            discard_output()
        _say(error, getattr(error, "ctx", None))
        return error.exit_code
    except click.Abort:
        end_line()
        click.echo("chanbridge: stopped", err=True)
        return INTERRUPTED
    except ChanbridgeError as error:
        _say_ours(error)
        return exit_code(error)
    except _ReaderGone:  # the reader has seen enough
        discard_output()
        return DONE
    except Exception as error:
        if _is_of_store(error):
            return _of_store(error, known)
        if isinstance(error, OSError) and is_of_output(error):
            discard_output()
            _say(NoOutput(error.strerror), None)
            return NoOutput.exit_code
        if os.environ.get("CHANBRIDGE_DEBUG"):
            raise
        from chanbridge.intake import place_of

        where = f"{type(error).__name__} at {place_of(error)}"
        _tell(f"chanbridge: internal error: {where}; CHANBRIDGE_DEBUG=1 shows more")
        return FAILED


def exit_code(error: ChanbridgeError) -> int:
    """Say how a failed command ends."""
    match error:
        case ConfigError() | PluginError() | ValidationError():
            return USAGE
        case Unsupported():
            return FAILED
        case SendError(retryable=True):
            return LATER
        case _:
            return FAILED


def _is_of_store(error: Exception) -> bool:
    engine = sys.modules.get("chanbridge.store.engine")  # only who has loaded it can have met its errors
    return engine is not None and isinstance(error, engine.StoreError)


def _of_store(error: Exception, known: dict[str, str]) -> int:
    """Say that the store failed; that may pass, unless it is damaged."""
    from chanbridge.store.opening import refuse_damaged

    try:
        if "store" in known:
            refuse_damaged(known["store"], error)
    except ConfigError as damaged:
        _say_ours(damaged)
        return USAGE
    _tell(f"chanbridge: the store: {error}{_why(known, error)}")
    return LATER


def _why(known: dict[str, str], error: Exception) -> str:
    """Say what is full or read-only, where that is why the store fails and where it can be seen."""
    from chanbridge.store.opening import full, read_only

    said, what = str(error), ""
    if "store" in known and ("disk I/O error" in said or "is full" in said):
        what = full(known["store"])
    elif "store" in known and ("readonly" in said or "unable to open" in said):
        denied = read_only(known["store"])
        what = f"{denied}: let it write there" if denied else ""
    return f" ({what})" if what else ""


def _say(error: click.ClickException, ctx: click.Context | None) -> None:
    where = ctx.command_path if ctx else "chanbridge"
    _tell(f"{where}: {' '.join(error.format_message().split())}")


def _say_ours(error: ChanbridgeError) -> None:
    lines = error.problems if isinstance(error, ConfigError) else (" ".join(str(error).split()),)
    for line in lines:
        _tell(f"chanbridge: {line}")


def _tell(problem: str) -> None:
    """Say why the command ends: a line, in JSON where standard error holds JSON lines."""
    logs = sys.modules.get("chanbridge.cli.logs")
    if logs is not None and logs.in_json_lines():
        _log.error("command.failed", extra={"problem": problem})
    else:
        click.echo(problem, err=True)
