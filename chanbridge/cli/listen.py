"""``chanbridge listen``: events as they come."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import shutil
from pathlib import Path
from socket import socket
from typing import IO, TYPE_CHECKING, Any

import click

from chanbridge.cli.common import (
    PrivateFile,
    account_option,
    config_options,
    named_account,
    new_registry,
    settings_of,
)
from chanbridge.cli.output import json_option, note, wants_json
from chanbridge.cli.serve import listen_options

if TYPE_CHECKING:
    from chanbridge.bridge import Bridge
    from chanbridge.cli.printing import Printer
    from chanbridge.model.events import Event
    from chanbridge.store.base import Arrival
    from chanbridge.talk import Talk

_IDLE_S = 0.05


@click.command()
@listen_options
@account_option("Print the events of this account only.")
@click.option(
    "--record",
    metavar="FILE",
    type=PrivateFile("ab"),
    help="Append every request that comes in, one JSON a line.",
)
@click.option(
    "--replay",
    metavar="FILE",
    type=click.File("rb"),
    help="Take in recorded requests, print their events, and stop.",
)
@click.option(
    "--exec", "program", metavar="CMD", help="Run CMD for each event, with its JSON on standard input."
)
@click.option(
    "--watch", is_flag=True, help="See every event while others handle them; else share the events with them."
)
@click.option("--echo", is_flag=True, help="Answer every message with what it says.")
@config_options
@json_option
def command(
    host: str | None,
    port: int | None,
    account: str | None,
    record: IO[bytes] | None,
    replay: IO[bytes] | None,
    program: str | None,
    watch: bool,
    echo: bool,
    config: Path | None,
    allow_literal_secrets: bool,
    as_json: bool,
) -> int:
    """Run webhooks and pollers, and print events as they come.

    Prints one event a line: as JSON in a pipe, readable on a terminal. An event
    for which CMD fails is tried again with backoff, then parked. Recorded
    requests are replayed without their signatures, which are not recorded; what
    is known already gives no event. Needs 'chanbridge[serve]' to be installed.

    It stands in for your handlers: beside a process that has some, on the same
    store, either would see a part of the events. --watch takes none from it.

    \b
    Examples:
      chanbridge listen --echo
      chanbridge listen --json --record requests.jsonl > events.jsonl
      chanbridge listen --replay requests.jsonl
      chanbridge listen --exec ./handle-event
    """
    from chanbridge.bridge import Bridge
    from chanbridge.cli.running import bind, run
    from chanbridge.consumers import HANDLERS

    registry = new_registry()
    settings = settings_of(config, allow_literal_secrets, registry)
    if account:
        named_account(settings, account)
    bridge = Bridge.from_settings(settings, registry, consumer="watch" if watch else HANDLERS)
    printer = print_events(bridge, account, wants_json(as_json))
    if program:
        _run_program(bridge, account, _words(program))
    if echo:
        answer(bridge, account)
    if replay:
        return run(_replay(bridge, replay, printer))
    where = (host or settings.listen.host, settings.listen.port if port is None else port)
    return run(_listen(bridge, bind(*where), record, printer))


async def _listen(bridge: Bridge, listening: socket, record: IO[bytes] | None, printer: Printer) -> int:
    from chanbridge.cli.running import served, stop_signal, url_of

    stop = stop_signal(printer.over)
    async with served(bridge, bridge.asgi(), listening):
        url = url_of(listening)
        if record:
            bridge.runtime.receiver.observers.append(lambda arrival, _: _record(record, arrival))
        note(f"listening on {url}; webhooks: {', '.join(f'{url}/in/{name}' for name in bridge.accounts)}")
        await stop.wait()
        await printer.end(bridge)
    return 0


def print_events(
    bridge: Bridge, account: str | None, as_json: bool, over: asyncio.Event | None = None
) -> Printer:
    """Have a bridge print every event; ``over`` is set when nobody can read them."""
    from chanbridge.cli.printing import Printer

    printer = Printer(as_json=as_json, over=over)
    bridge.on(account=account, passive=True)(printer.show)
    return printer


def _words(program: str) -> list[str]:
    """Split a command line; raise `click.UsageError` if it names no program."""
    try:
        words = shlex.split(program)
    except ValueError as error:
        raise click.UsageError(f"--exec: {error}") from error
    if not words or not shutil.which(words[0]):
        raise click.UsageError(f"--exec: there is no program '{words[0] if words else ''}' that can be run")
    return words


class ProgramFailed(Exception):
    """The program of --exec failed."""


def _run_program(bridge: Bridge, account: str | None, words: list[str]) -> None:
    from chanbridge.model.codec import encode

    @bridge.on(account=account, passive=True)
    async def execute(event: Event) -> None:
        try:
            process = await asyncio.create_subprocess_exec(*words, stdin=asyncio.subprocess.PIPE, stdout=2)
        except OSError as error:
            note(_why(words[0], f"cannot be run: {error.strerror}", event))
            raise
        with contextlib.suppress(RuntimeError):  # of uvloop: it has ended, and read nothing
            await process.communicate(encode(event) + b"\n")
        if code := await process.wait():
            how = f"exited with {code}" if code > 0 else f"was ended by signal {-code}"
            note(_why(words[0], how, event))
            raise ProgramFailed(how)


def _why(program: str, how: str, event: Event) -> str:
    """Tell why an event was not handled, and the mend."""
    mend = "mend it: the event is tried again with backoff, then parked (chanbridge parked list)"
    return f"chanbridge listen: --exec: {program} {how}, for event {event.id}; {mend}"


def answer(bridge: Bridge, account: str | None) -> None:
    """Have a bridge answer every message with its own words."""
    from chanbridge.cli.events import summary
    from chanbridge.model.events import InteractionReceived, MessageReceived

    @bridge.on(MessageReceived, InteractionReceived, account=account)
    async def echo(event: MessageReceived | InteractionReceived, conversation: Talk) -> None:
        said = event.label if isinstance(event, InteractionReceived) else summary(event.message)
        await conversation.reply(said or "(nothing in words)")


def _record(file: IO[bytes], arrival: Arrival) -> None:
    """Append a request without its credentials and signatures (which the journal keeps)."""
    import msgspec

    from chanbridge.cli.inbox import recorded
    from chanbridge.redact import is_secret_header

    if arrival.request is not None and not (arrival.replay or arrival.unplaced):
        line = {"account": arrival.account, "at": arrival.at, **recorded(arrival.request)}
        line["headers"] = {
            name: value for name, value in line["headers"].items() if not is_secret_header(name)
        }
        file.write(msgspec.json.encode(line) + b"\n")
        file.flush()


async def _replay(bridge: Bridge, file: IO[bytes], printer: Printer) -> int:
    """Take recorded requests in, and stop when every event of theirs was shown."""
    async with bridge:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            name, request = _recorded(line, number, file.name, list(bridge.accounts))
            stored = await bridge.runtime.receiver.take(name, request)
            if stored.duplicates:
                note(f"{file.name}:{number}: {stored.duplicates} known already")
        pending = bridge.runtime.store.dispatch.pending
        while await pending() and not printer.over.is_set():  # noqa: ASYNC110 - the store has no bell for it
            await asyncio.sleep(_IDLE_S)
        await printer.end(bridge)
    return 0


def _recorded(line: bytes, number: int, name: str, accounts: list[str]) -> tuple[str, Any]:
    import msgspec

    from chanbridge.cli.webhook import read_request

    try:
        document = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise click.UsageError(f"--replay: {name}:{number}: is no recorded request: {error}") from error
    account = document.pop("account", accounts[0] if len(accounts) == 1 else "")
    document.pop("at", None)
    if account not in accounts:
        raise click.UsageError(f"--replay: {name}:{number}: no account '{account}' is configured")
    return account, read_request(msgspec.json.encode(document), f"https://localhost/in/{account}")
