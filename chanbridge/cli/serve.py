"""``chanbridge serve``: the server for production."""

from __future__ import annotations

import logging
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Any

import click

from chanbridge.cli.common import config_options, new_registry, settings_of
from chanbridge.cli.output import json_option, print_json, wants_json

if TYPE_CHECKING:
    from chanbridge.bridge import Bridge
    from chanbridge.cli.workers import Workers

_log = logging.getLogger(__name__)


def listen_options(function: Any) -> Any:
    """Add ``--host`` and ``--port``."""
    kind = click.IntRange(0, 65535)
    port = click.option("--port", type=kind, help="Port; else that of the configuration; 0: any.")
    host = click.option("--host", metavar="ADDRESS", help="Address to listen on; else as configured.")
    return host(port(function))


@click.command()
@listen_options
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(0, 64),
    default=0,
    help="Only take in here: handle and send in N processes beside it.",
)
@config_options
@json_option
def command(
    host: str | None,
    port: int | None,
    workers: int,
    config: Path | None,
    allow_literal_secrets: bool,
    as_json: bool,
) -> int:
    """Run the server: webhooks, links to media, health and readiness.

    Prints the URL it listens on, then logs to standard error, one JSON object
    per line. Stops in order when it is interrupted or terminated: it takes
    nothing in any more, finishes what is under way, and keeps the rest.

    With --workers, webhooks are acknowledged quickly however slow handlers are,
    and more of the machine's cores are used.

    \b
    Examples:
      chanbridge serve
      chanbridge serve --host 0.0.0.0 --port 8080 --workers 2
    """
    from chanbridge.bridge import Bridge
    from chanbridge.cli.logs import to_json_lines
    from chanbridge.cli.running import bind, run
    from chanbridge.cli.workers import Workers, words

    registry = new_registry(server=True)
    settings = settings_of(config, allow_literal_secrets, registry)
    bridge = Bridge.from_settings(settings, registry)
    where = (host or settings.listen.host, settings.listen.port if port is None else port)
    listening = bind(*where)
    to_json_lines(logging.INFO)
    beside = Workers(words(settings.path, allow_literal_secrets=allow_literal_secrets), workers)
    return run(_serve(bridge, listening, beside, wants_json(as_json)))


async def _serve(bridge: Bridge, listening: socket, workers: Workers, as_json: bool) -> int:
    from chanbridge.cli.running import served, spare_collector, stop_signal, url_of

    stop = stop_signal()
    async with workers, served(bridge, bridge.asgi(), listening, "receive" if workers.count else "all"):
        url = url_of(listening)
        if as_json:
            print_json({"url": url, "webhooks": {name: f"{url}/in/{name}" for name in bridge.accounts}})
        else:
            click.echo(f"listening on {url}")
        spare_collector()
        await stop.wait()
        _log.info("server.stopping")
    return 0
