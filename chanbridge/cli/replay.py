"""``chanbridge replay``: run kept requests again, after the plugin is mended."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chanbridge.cli.common import Failed, config_options
from chanbridge.cli.output import json_option, note, plain, print_json, wants_json
from chanbridge.cli.storing import idle_bridge

if TYPE_CHECKING:
    from chanbridge.bridge import Bridge
    from chanbridge.store.base import KeptRequest

_MOST = 10_000


@click.command()
@click.argument("ids", metavar="[ID]...", type=int, nargs=-1)
@click.option(
    "--state", type=click.Choice(["quarantined", "unowned"]), help="Only requests in this state; else both."
)
@config_options
@json_option
def command(
    ids: tuple[int, ...], state: str | None, config: Path | None, allow_literal_secrets: bool, as_json: bool
) -> int:
    """Run requests again that were not understood, or belonged to nobody.

    Without ID: all of them. What is new in them reaches the handlers as soon
    as a bridge runs; what was known already stays as it is. Exits 1 if a
    request is still not understood.

    \b
    Examples:
      chanbridge replay
      chanbridge replay 7 --json
    """
    return asyncio.run(_replay(ids, state, config, allow_literal_secrets, wants_json(as_json)))


async def _replay(
    ids: tuple[int, ...], state: str | None, config: Path | None, allow_literal_secrets: bool, as_json: bool
) -> int:
    async with idle_bridge(config, allow_literal_secrets) as bridge:
        kept = await _wanted(bridge, ids, [state] if state else ["quarantined", "unowned"])
        good = [await _again(bridge, request, as_json) for request in kept]
    if not kept:
        note("nothing to replay")
    return 0 if all(good) else 1


async def _wanted(bridge: Bridge, ids: tuple[int, ...], states: list[str]) -> list[KeptRequest]:
    journal = bridge.runtime.store.journal
    if not ids:
        return [kept for state in states for kept in await journal.requests(state, _MOST)]
    found = []
    for id in ids:
        kept = await journal.request(id)
        if kept is None:
            raise Failed(f"ID: there is no request {id}: see 'chanbridge inbox --requests all'")
        found.append(kept)
    return found


async def _again(bridge: Bridge, kept: KeptRequest, as_json: bool) -> bool:
    """Replay one request; say whether it is understood now."""
    if kept.account not in bridge.accounts:
        note(f"chanbridge replay: request {kept.id}: no account '{kept.account}' is configured any more")
        return False
    stored = await bridge.runtime.receiver.replay(kept)
    now = await bridge.runtime.store.journal.request(kept.id)
    state = now.state if now else "ok"
    if as_json:
        print_json({"id": kept.id, "state": state, "new": len(stored.entries), "known": stored.duplicates,
                    **({"reason": now.reason} if now and now.reason else {})})  # fmt: skip
    else:
        reason = f": {now.reason}" if now and now.reason else ""
        click.echo(plain(f"{kept.id:>6}  {state}, {len(stored.entries)} new{reason}"))
    return state == "ok"
