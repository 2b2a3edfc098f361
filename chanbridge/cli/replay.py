"""``chanbridge replay``: run kept requests again, after the plugin is mended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chanbridge.cli.common import Failed, config_options
from chanbridge.cli.output import json_option, note, plain, print_json, wants_json
from chanbridge.cli.storing import idle_bridge

if TYPE_CHECKING:
    from chanbridge.bridge import Bridge
    from chanbridge.store.base import Journal, KeptRequest


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
    ids: tuple[int, ...], state: Any, config: Path | None, allow_literal_secrets: bool, as_json: bool
) -> int:
    from chanbridge.replaying import SET_ASIDE, set_aside

    async with idle_bridge(config, allow_literal_secrets) as bridge:
        journal = bridge.runtime.store.journal
        wanted = _named(journal, ids) if ids else set_aside(journal, [state] if state else SET_ASIDE)
        good = [await _again(bridge, kept, as_json) async for kept in wanted]
    if not good:
        note("nothing to replay")
    return 0 if all(good) else 1


async def _named(journal: Journal, ids: tuple[int, ...]) -> AsyncIterator[KeptRequest]:
    """Give the requests with these ids; none of them if there is one that is not there."""
    for id in ids:
        if await journal.request(id) is None:
            raise Failed(f"ID: there is no request {id}: see 'chanbridge inbox --requests all'")
    for id in ids:
        if kept := await journal.request(id):
            yield kept


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
