"""``chanbridge sandbox``: simulated providers, and a bridge wired to them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Any

import click

from chanbridge.cli.common import Failed, new_registry
from chanbridge.cli.output import json_option, note, print_json, wants_json
from chanbridge.cli.sandbox_folder import sole, write_config

if TYPE_CHECKING:
    from chanbridge.registry import Registry
    from chanbridge.sandbox import Sandbox

_RETRY_S = 0.3
_PATIENCE_S = 5.0


@click.command()
@click.argument("names", metavar="[SIMULATOR]...", nargs=-1)
@click.option(
    "--dir",
    "folder",
    metavar="PATH",
    type=click.Path(path_type=Path, file_okay=False),
    default="chanbridge-sandbox",
    help="Folder of its configuration and store; else chanbridge-sandbox.",
)
@click.option(
    "--host", metavar="ADDRESS", default="127.0.0.1", help="Address the bridge listens on; else 127.0.0.1."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, help="Port of the bridge; else 8080.")
@click.option(
    "--no-bridge", is_flag=True, help="Start the simulators only: run 'chanbridge listen' yourself."
)
@click.option("--echo", is_flag=True, help="Answer every message with what it says.")
@json_option
def command(
    names: tuple[str, ...],
    folder: Path,
    host: str,
    port: int,
    no_bridge: bool,
    echo: bool,
    as_json: bool,
) -> int:
    """Start simulated providers, and a bridge wired to them.

    No account, no network: everything stays on this machine. Writes a
    configuration that other commands use with --config. Prints what runs where
    (in a pipe the first line, of type 'sandbox', is that and no event), then
    events as they come. Without SIMULATOR, all that are installed. A folder
    belongs to one sandbox at a time.

    \b
    Examples:
      chanbridge sandbox
      chanbridge sandbox --echo
      chanbridge send -c chanbridge-sandbox/chanbridge.toml sms:+12025550123 Hi
    """
    from chanbridge.cli.running import run

    if no_bridge and not port:
        raise click.UsageError("--port: with --no-bridge, name the port on which your bridge will listen")
    registry = new_registry()
    simulators = _chosen(registry, names)
    with sole(folder):
        return run(_run(registry, simulators, folder, host, port, no_bridge, echo, wants_json(as_json)))


def _chosen(registry: Registry, names: tuple[str, ...]) -> list[Any]:
    installed = {simulator.name: simulator for simulator in registry.simulators()}
    if not installed:
        raise Failed("no simulator is installed: pip install chanbridge-whatsapp, chanbridge-sms, ...")
    for name in names:
        if name not in installed:
            raise click.UsageError(f"SIMULATOR: no '{name}': there are {', '.join(sorted(installed))}")
    return [installed[name] for name in names or installed]


async def _run(
    registry: Registry,
    simulators: list[Any],
    folder: Path,
    host: str,
    port: int,
    no_bridge: bool,
    echo: bool,
    as_json: bool,
) -> int:
    from chanbridge.cli.running import bind, stop_signal, url_of
    from chanbridge.sandbox import Sandbox

    stop = stop_signal()
    listening = None if no_bridge else bind(host, port)
    url = url_of(listening) if listening else f"http://{host}:{port}"
    async with Sandbox(simulators) as sandbox, contextlib.AsyncExitStack() as stack:
        path = write_config(folder, url, sandbox.account_settings())
        if listening:
            await stack.enter_async_context(_bridge(registry, path, listening, echo, as_json, stop))
        _tell(sandbox, path, url, as_json)
        connecting = asyncio.create_task(_connect(sandbox, url))
        stack.callback(connecting.cancel)
        await stop.wait()
    return 0


@contextlib.asynccontextmanager
async def _bridge(
    registry: Registry, path: Path, listening: socket, echo: bool, as_json: bool, stop: asyncio.Event
) -> AsyncIterator[None]:
    """Run a bridge on the written configuration that prints its events while somebody reads them."""
    from chanbridge.bridge import Bridge
    from chanbridge.cli.listen import answer, print_events
    from chanbridge.cli.running import served

    bridge = Bridge.from_file(path, registry=registry)
    printer = print_events(bridge, None, as_json, stop)
    if echo:
        answer(bridge, None)
    async with served(bridge, bridge.asgi(), listening):
        yield
        await printer.end(bridge)


async def _connect(sandbox: Sandbox, url: str) -> None:
    """Point the providers' webhooks at the bridge; say so when it is there and answers their handshakes."""
    said = ""
    while missing := await _missing(sandbox, url):
        if said != (said := missing):
            note(f"waiting for a bridge at {url}: {missing}")
        await asyncio.sleep(_RETRY_S)
    note("the webhooks are connected")


async def _missing(sandbox: Sandbox, url: str) -> str:
    """Point the webhooks at a bridge, be it there or not; say what is missing. Empty: nothing."""
    there = await _answers(url)
    try:
        await sandbox.connect(url)
    except (OSError, ValueError, LookupError) as error:
        return f"what answers there passes no handshake ({type(error).__name__})"
    return "" if there else "nobody answers there yet"


async def _answers(url: str) -> bool:
    """Say whether an HTTP server is there, whatever it says."""
    from chanbridge.http import HttpRequest
    from chanbridge.sandbox.wire import fetch

    try:
        await fetch(HttpRequest.get(f"{url}/health"), within=_PATIENCE_S)
    except (OSError, ValueError):
        return False
    return True


def _tell(sandbox: Sandbox, path: Path, url: str, as_json: bool) -> None:
    places = {name: simulator.base_url for name, simulator in sandbox.simulators.items()}
    if as_json:
        print_json({"type": "sandbox", "config": str(path), "bridge": url,
                    "control": f"{sandbox.url}/_sandbox", "simulators": places})  # fmt: skip
        return
    for name, place in places.items():
        note(f"{name:<10} {place}")
    note(f"configuration: {path}; bridge: {url}; phones: {sandbox.url}/_sandbox")
