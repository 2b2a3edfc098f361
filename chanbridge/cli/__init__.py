"""The command line. Nothing is imported before it is known which command runs, so that help is quick."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

COMMANDS = {
    "sandbox": ("sandbox", "Start simulated providers and a bridge wired to them."),
    "send": ("send", "Send a message, or show what sending it would do."),
    "listen": ("listen", "Receive webhooks and print events as they come."),
    "serve": ("serve", "Run the server for production."),
    "worker": ("worker", "Handle and send beside a server."),
    "init": ("init", "Write a configuration by asking."),
    "doctor": ("doctor", "Check the configuration against the providers."),
    "channels": ("channels", "Compare what the installed channels can carry."),
    "parse": ("parse", "Show what a webhook would become."),
    "schema": ("schema", "Print a JSON Schema."),
    "validate": ("validate", "Check a document against its schema."),
    "inbox": ("inbox", "Look at what came in."),
    "outbox": ("outbox", "Look at what goes out, and settle what hangs."),
    "parked": ("parked", "Look at what was given up; retry or drop it."),
    "replay": ("replay", "Run requests again that were not understood."),
    "media": ("media", "Fetch a received file."),
}
"""Each command: the module of this package that has it as ``command``, and its help in a line."""

_INTRODUCTION = """\
Usage: chanbridge [OPTIONS] COMMAND [ARGS]...

  Every messaging app a plugin, every message one shape, nothing lost.

  Results are written to standard output, one JSON object per line in a pipe;
  everything else to standard error. Exits 0 when done, 1 if the provider or
  the message failed, 2 for wrong usage or configuration, 75 if trying again
  later may succeed.

  Examples:
    chanbridge sandbox
    chanbridge send sms:+12025550123 "Your mug has shipped" --plan
    chanbridge listen --echo

Options:
  --version   Print the version.
  -h, --help  Print this help, or that of a command.

Commands:
"""


def overview() -> str:
    """The help of the program itself."""
    width = max(map(len, COMMANDS))
    return _INTRODUCTION + "\n".join(f"  {name:<{width}}  {brief}" for name, (_, brief) in COMMANDS.items())


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    given = list(sys.argv[1:] if args is None else args)
    if given in ([], ["-h"], ["--help"]) and "_CHANBRIDGE_COMPLETE" not in os.environ:
        if _printed(overview()):
            sys.exit(0)
        given = ["--help"]  # tried again where it can be told what is wrong
    from chanbridge.cli.app import run

    sys.exit(run(given))


def _printed(text: str) -> bool:
    try:
        print(text, flush=True)
    except OSError:
        return False
    return True
