"""``chanbridge serve``: the server for production."""

from __future__ import annotations

import gc
import logging
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Any

import click

from chanbridge.cli.common import config_options, new_registry, settings_of
from chanbridge.cli.output import json_option, note, print_json, wants_json

if TYPE_CHECKING:
    from chanbridge.bridge import Bridge


def listen_options(function: Any) -> Any:
    """Add ``--host`` and ``--port``."""
    kind = click.IntRange(0, 65535)
    port = click.option("--port", type=kind, help="Port; else that of the configuration; 0: any.")
    host = click.option("--host", metavar="ADDRESS", help="Address to listen on; else as configured.")
    return host(port(function))


@click.command()
@listen_options
@config_options
@json_option
def command(
    host: str | None, port: int | None, config: Path | None, allow_literal_secrets: bool, as_json: bool
) -> int:
    """Run the server: webhooks, links to media, health and readiness.

    Prints the URL it listens on, then logs to standard error, one JSON object
    per line. Stops in order when it is interrupted or terminated: it takes
    nothing in any more, finishes what is under way, and keeps the rest.

    \b
    Examples:
      chanbridge serve
      chanbridge serve --host 0.0.0.0 --port 8080
    """
    from chanbridge.bridge import Bridge
    from chanbridge.cli.running import bind, run

    registry = new_registry(server=True)
    settings = settings_of(config, allow_literal_secrets, registry)
    bridge = Bridge.from_settings(settings, registry)
    logging.basicConfig(level=logging.INFO, handlers=[_handler()])
    where = (host or settings.listen.host, settings.listen.port if port is None else port)
    return run(_serve(bridge, bind(*where), wants_json(as_json)))


async def _serve(bridge: Bridge, listening: socket, as_json: bool) -> int:
    from chanbridge.cli.running import served, stop_signal, url_of

    stop = stop_signal()
    async with served(bridge, bridge.asgi(), listening):
        url = url_of(listening)
        if as_json:
            print_json({"url": url, "webhooks": {name: f"{url}/in/{name}" for name in bridge.accounts}})
        else:
            click.echo(f"listening on {url}")
        gc.freeze()  # what is there by now stays: the collector need not look at it again and again
        await stop.wait()
        note("stopping ...")
    return 0


def _handler() -> logging.Handler:
    from chanbridge.cli.logs import JsonLines

    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    return handler
