"""``chanbridge inbox``: what came in."""

from __future__ import annotations

import datetime as dt
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chanbridge.cli.common import Failed, config_options
from chanbridge.cli.output import json_option, plain, print_json, wants_json
from chanbridge.cli.storing import with_store

if TYPE_CHECKING:
    from chanbridge.store.base import KeptRequest, Store

_PAGE = 500


@click.command()
@click.argument("conversation", required=False, default="")
@click.option(
    "-n", "--limit", metavar="N", type=click.IntRange(min=1), default=100, help="Print the last N; else 100."
)
@click.option(
    "--requests",
    "state",
    type=click.Choice(["quarantined", "unowned", "all"]),
    help="Print kept requests instead of events.",
)
@click.option(
    "--request",
    "request_id",
    metavar="ID",
    type=int,
    help="Print one kept request, as 'chanbridge parse' reads it.",
)
@click.option("--counts", is_flag=True, help="Print how many requests were refused or set aside, by reason.")
@config_options
@json_option
def command(
    conversation: str,
    limit: int,
    state: str | None,
    request_id: int | None,
    counts: bool,
    config: Path | None,
    allow_literal_secrets: bool,
    as_json: bool,
) -> int:
    """Print the events that came in, of one CONVERSATION or of all.

    The newest come last. With --requests: the requests that were kept because
    they were not understood (quarantined) or are for an account that is not
    configured (unowned); 'chanbridge replay' runs them again.

    \b
    Examples:
      chanbridge inbox
      chanbridge inbox support/+12025550123 --limit 10
      chanbridge inbox --requests quarantined
      chanbridge inbox --counts
      chanbridge inbox --request 7 | chanbridge parse whatsapp --no-verify
    """

    async def show(store: Store) -> int:
        if request_id is not None:
            return await _show_request(store, request_id)
        if counts:
            await _show_counts(store, wants_json(as_json))
            return 0
        if state is not None:
            for kept in await store.journal.requests("" if state == "all" else state, limit):
                _print_request(kept, wants_json(as_json))
            return 0
        key = await _resolved(store, conversation) if conversation else ""
        await _show_events(store, key, limit, wants_json(as_json))
        return 0

    return with_store(config, allow_literal_secrets, show)


async def _resolved(store: Store, key: str) -> str:
    """The key of a conversation, by any address that leads to it."""
    found = await store.outbox.find_key(key)
    if found is None:
        raise Failed(f"CONVERSATION: there is none '{key}': write ACCOUNT/ID, as the subject of its events")
    return found


async def _show_events(store: Store, conversation: str, limit: int, as_json: bool) -> None:
    from chanbridge.cli.events import shown
    from chanbridge.model.codec import encode

    last: deque[Any] = deque(maxlen=limit)
    after = 0 if conversation else max(0, await store.journal.last() - limit)
    while page := await store.journal.events(conversation, after, _PAGE):
        last.extend(page)
        after = page[-1].seq
    for entry in last:
        if as_json:
            print_json(encode(entry.event))
        else:
            click.echo(shown(entry.event))


async def _show_counts(store: Store, as_json: bool) -> None:
    counted = {"set_aside": await store.journal.set_aside(), "counts": await store.journal.counters()}
    if as_json:
        print_json(counted)
        return
    for name, count in {**counted["set_aside"], **counted["counts"]}.items():
        click.echo(plain(f"{count:>8}  {name}"))


async def _show_request(store: Store, id: int) -> int:
    kept = await store.journal.request(id)
    if kept is None:
        raise Failed(f"--request: there is no request {id}")
    print_json(recorded(kept.request))
    return 0


def recorded(request: Any) -> dict[str, Any]:
    """Write a request as ``parse`` and ``listen --replay`` read it."""
    from chanbridge.model.base import Raw

    raw = Raw.of(request.content)
    body = {"body": raw.body} if not raw.data else {"base64": raw.data}
    return {"method": request.method, "url": request.url, "headers": dict(request.headers), **body}


def _print_request(kept: KeptRequest, as_json: bool) -> None:
    at = dt.datetime.fromtimestamp(kept.at, dt.UTC)
    known = {
        "id": kept.id, "account": kept.account, "at": at, "state": kept.state, "reason": kept.reason,
        "method": kept.request.method, "url": kept.request.url, "bytes": len(kept.request.content),
    }  # fmt: skip
    if as_json:
        print_json(known)
    else:
        when = f"{at:%Y-%m-%d %H:%M:%S}Z"
        click.echo(plain(f"{kept.id:>6}  {when}  {kept.account}  {kept.state}  {kept.reason}"))
