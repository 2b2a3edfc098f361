"""``chanbridge worker``: what a server leaves to others."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chanbridge.cli.common import config_options, new_registry, settings_of
from chanbridge.cli.output import json_option, print_json, wants_json

if TYPE_CHECKING:
    from chanbridge.bridge import Bridge


@click.command()
@click.option("--attached", is_flag=True, hidden=True, help="Stop when standard input ends.")
@config_options
@json_option
def command(attached: bool, config: Path | None, allow_literal_secrets: bool, as_json: bool) -> int:
    """Handle, send, poll and fetch, without a server.

    Works on the store of the configuration, beside 'chanbridge serve' and as many
    other workers as you like; 'chanbridge serve --workers N' starts them by itself.
    Prints for which accounts, then logs to standard error, one JSON object per
    line. Stops in order when it is interrupted or terminated.

    \b
    Examples:
      chanbridge worker
      chanbridge worker -c production.toml
    """
    from chanbridge.bridge import Bridge
    from chanbridge.cli.logs import to_json_lines
    from chanbridge.cli.running import run

    registry = new_registry(server=True)
    if attached:  # its standard error is the server's
        to_json_lines(logging.INFO)
    settings = settings_of(config, allow_literal_secrets, registry)
    if not attached:
        to_json_lines(logging.INFO)
    return run(_work(Bridge.from_settings(settings, registry), attached, wants_json(as_json)))


async def _work(bridge: Bridge, attached: bool, as_json: bool) -> int:
    from chanbridge.cli.running import spare_collector, stop_signal

    stop = stop_signal()
    if attached:
        stop_at_end_of_input(stop)
    async with bridge:
        if not attached:
            _say(bridge, as_json)
        spare_collector()
        await stop.wait()
    return 0


def _say(bridge: Bridge, as_json: bool) -> None:
    if as_json:
        print_json({"accounts": list(bridge.accounts)})
    else:
        click.echo(f"at work for {', '.join(bridge.accounts)}")


def stop_at_end_of_input(stop: asyncio.Event) -> None:
    """Have an event set when nobody holds the other end of standard input any more."""
    loop, source = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        if not os.read(source, 4096):
            loop.remove_reader(source)
            stop.set()

    loop.add_reader(source, read)
