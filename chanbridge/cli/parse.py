"""``chanbridge parse``: what would this webhook become?"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from chanbridge.cli.common import (
    account_option,
    config_options,
    named_account,
    new_registry,
    pairs,
    settings_of,
)
from chanbridge.cli.output import json_option, note, print_json, wants_json
from chanbridge.model.errors import ConfigError, PayloadError, SignatureError

if TYPE_CHECKING:
    from chanbridge.channel import Channel, Found
    from chanbridge.config import AccountSettings
    from chanbridge.http import HttpRequest
    from chanbridge.model.events import Event
    from chanbridge.registry import Registry

_LOCAL = "https://localhost"


@click.command()
@click.argument("channel")
@click.argument("file", type=click.File("rb"), default="-")
@account_option("Account in the configuration whose secrets verify the request.")
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="A setting of the channel, instead of --account; secrets may stand here.",
)
@click.option("--no-verify", is_flag=True, help="Do not check the signature; print every account's events.")
@config_options
@json_option
def command(
    channel: str,
    file: IO[bytes],
    account: str | None,
    settings: tuple[str, ...],
    no_verify: bool,
    config: Path | None,
    allow_literal_secrets: bool,
    as_json: bool,
) -> int:
    """Show what a webhook of CHANNEL would become: its events, one JSON a line.

    FILE (else standard input) holds the body as it came, or a JSON object with
    method, path, query, headers and body (instead of body base64, for bytes that
    are no text); a body alone is a POST. Of a verified request the events of the
    account are printed, and the others counted on standard error. Exits 1 if the
    signature is wrong, or if something in it is not understood. With --set
    public_url=URL the signature is checked for that URL.

    \b
    Examples:
      chanbridge parse whatsapp webhook.json --no-verify
      chanbridge parse sms request.json --account support-sms
      chanbridge parse sms --set auth_token=... --set sender=+12025550100 < body
    """
    registry = new_registry()
    chosen, public_url = _account(registry, channel, account, settings, config, allow_literal_secrets)
    made = _channel(registry, chosen, public_url)
    from chanbridge.cli.webhook import read_request

    request = read_request(file.read(), made.account.webhook_url or f"{_LOCAL}/in/{chosen.name}")
    if _is_handshake(made, request, verified=not no_verify):
        return 0
    if not no_verify:
        _verify(made, request, chosen.missing)
    return _print_events(made, request, chosen, wants_json(as_json), everything=no_verify)


def _account(
    registry: Registry,
    channel: str,
    name: str | None,
    settings: tuple[str, ...],
    config: Path | None,
    allow_literal_secrets: bool,
) -> tuple[AccountSettings, str]:
    from chanbridge.config import account_from

    if name:
        if settings:
            raise click.UsageError("--set: not together with --account")
        loaded = settings_of(config, allow_literal_secrets, registry)
        account = named_account(loaded, name)
        if account.channel != channel:
            raise click.UsageError(f"--account: '{name}' is on {account.channel}, not on {channel}")
        return account, loaded.public_url
    given = pairs(settings, "--set")
    public_url = given.pop("public_url", "")
    return account_from(channel, given, registry=registry), public_url


def _channel(registry: Registry, chosen: AccountSettings, public_url: str) -> Channel[Any]:
    from chanbridge.accounts import webhook_url
    from chanbridge.channel import Account

    url = webhook_url(public_url, chosen.name, chosen.path_token)
    try:
        return registry.build(chosen.channel, Account(chosen.name, chosen.config, webhook_url=url))
    except ConfigError as error:
        raise ConfigError(*(f"--set: {problem}" for problem in error.problems)) from error


def _is_handshake(channel: Channel[Any], request: HttpRequest, *, verified: bool) -> bool:
    answer = channel.challenge(request)
    if answer is not None:
        how = f"answered with {answer.status}" if verified or answer.ok else "its token was not checked"
        note(f"a subscription handshake, {how}: no events")
    return answer is not None


def _verify(channel: Channel[Any], request: HttpRequest, missing: tuple[str, ...]) -> None:
    try:
        verdict = channel.verify(request)
        if verdict is not None:
            raise click.UsageError("this provider's key must be fetched to verify: use --no-verify")
    except (SignatureError, PayloadError) as error:
        unset = f" (not set: {', '.join(missing)})" if missing else ""
        raise SignatureError(f"not verified: {error}{unset}; --no-verify skips this check") from error


def _print_events(
    channel: Channel[Any], request: HttpRequest, chosen: AccountSettings, as_json: bool, *, everything: bool
) -> int:
    from chanbridge.intake import judge, parse
    from chanbridge.model.events import Event

    parsed = parse(channel, request)
    hidden: list[str] = []
    for number, found in enumerate(parsed.found):
        if everything or not isinstance(found, Event) or _is_owned(channel, found):
            _print(found, chosen, number, as_json)
        else:
            hidden.append(found.account_id)
    if hidden:
        note(_hidden(hidden, chosen.missing))
    state, reason = judge([one for one in parsed.found if isinstance(one, Event)], 0, parsed.problem)
    if state == "ok":
        return 0
    note(f"chanbridge parse: not all of it is understood: {reason}")
    return 1


def _hidden(accounts: list[str], missing: tuple[str, ...]) -> str:
    """Tell which accounts the events belong to that were not shown, and what would show them."""
    others = ", ".join(f"{id} ({accounts.count(id)})" for id in sorted(set(accounts)))
    unset = f" (not set: {', '.join(missing)})" if missing else ""
    return f"{len(accounts)} not shown, for accounts of another id: {others}{unset}; --no-verify shows them"


def _is_owned(channel: Channel[Any], event: Event) -> bool:
    return not event.account_id or channel.owns(event.account_id)


def _print(found: Found, chosen: AccountSettings, number: int, as_json: bool) -> None:
    from chanbridge.cli.events import shown
    from chanbridge.model.codec import encode, to_wire
    from chanbridge.model.events import Event

    if not isinstance(found, Event):
        print_json({"type": "chanbridge.wake", "data": to_wire(found)})
        return
    event = completed(found, chosen.name, number, dt.datetime.now(dt.UTC))
    if as_json:
        print_json(encode(event))
    else:
        click.echo(shown(event))


def completed(event: Event, account: str, number: int, now: dt.datetime) -> Event:
    """Fill in what the core would: ids, the account, our time, the place in the sequence."""
    from chanbridge.model.ids import new_id
    from chanbridge.model.message import Message

    id = new_id()
    where = event.conversation.replace(account=account) if event.conversation else None
    event = event.replace(
        id=id, account=account, conversation=where, recorded_at=now, sequence=f"{number:016x}"
    )
    message = getattr(event, "message", None)
    if where is None or not isinstance(message, Message):
        return event
    said = message.replace(id=id, account=account, channel=where.channel, conversation=where.key)
    return event.replace(message=said)
