"""``send --plan`` and ``--dry-run``: what sending would do, without a network and without a trace."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

import click

from chanbridge.cli.common import account_for
from chanbridge.cli.output import note, plain, print_json, wants_json
from chanbridge.cli.surroundings import Surroundings
from chanbridge.config import AccountSettings, Settings, account_from, config_path, load_settings
from chanbridge.model.address import Conversation, split_address
from chanbridge.model.errors import ChanbridgeError, ConfigError, PluginError, SendError, ValidationError
from chanbridge.model.ids import new_id
from chanbridge.model.media import LocalFile
from chanbridge.model.message import Message
from chanbridge.model.parts import MediaPart
from chanbridge.transcode.plan import Plan

_SAMPLE = "+12025550100"
PATIENCE_S = 2.0

if TYPE_CHECKING:
    from chanbridge.channel import Channel
    from chanbridge.media import MediaLinks
    from chanbridge.registry import Registry


class Preview(NamedTuple):
    """A message as it would go out by one account."""

    account: AccountSettings
    channel: Channel[Any]
    to: Conversation
    plan: Plan
    links: MediaLinks


def settings_if_any(config: Path | None, allow_literal_secrets: bool, registry: Registry) -> Settings | None:
    """Read the configuration that is named or lies here; None if there is none here."""
    if config or config_path(config).exists():
        return load_settings(config, registry=registry, allow_literal_secrets=allow_literal_secrets)
    return None


class Previewer:
    """Plans messages for accounts; for a channel without one it makes a stand-in."""

    def __init__(self, registry: Registry, settings: Settings | None, *, quiet: bool = False) -> None:
        self._registry = registry
        self._settings = settings
        self._surroundings = Surroundings(settings, quiet=quiet)

    def preview(self, to: str, message: Message, account: str | None = None) -> Preview:
        """Plan a message; raise `ChanbridgeError` if it cannot go out there."""
        name, _ = split_address(to)
        chosen = self._account(name, account)
        if chosen:
            return self._plan(chosen, to, message)
        stand_in = account_from(name, {}, registry=self._registry)
        try:
            return self._plan(stand_in, to, message)
        except (ConfigError, ValidationError) as error:
            # The channel insists on a setting that its type does not require: an own number, mostly.
            asked = [
                word for word in re.findall(r"\w+", str(error)) if word in stand_in.config.__struct_fields__
            ]
            if not asked:
                raise
            return self._plan(account_from(name, {asked[0]: _SAMPLE}, registry=self._registry), to, message)

    def _plan(self, chosen: AccountSettings, to: str, message: Message) -> Preview:
        from chanbridge import planner
        from chanbridge.accounts import webhook_url
        from chanbridge.channel import Account

        public_url = self._settings.public_url if self._settings else ""
        url = webhook_url(public_url, chosen.name, chosen.path_token)
        channel = self._registry.build(chosen.channel, Account(chosen.name, chosen.config, webhook_url=url))
        where = planner.recipient(channel, chosen.name, to)
        prepared = planner.prepare(with_files(message), channel)
        where, known = self._surroundings.of(channel, where, prepared)
        plan = planner.plan(prepared, channel, where, chosen.policy, known)
        return Preview(chosen, channel, where, plan, self._surroundings.links)

    def _account(self, channel: str, name: str | None) -> AccountSettings | None:
        """The account to send from; None if there is none on that channel, and none was named."""
        settings = self._settings
        if settings and (name or any(one.channel == channel for one in settings.accounts.values())):
            return account_for(settings, channel, name)
        if name:
            raise click.UsageError(f"--account: there is no configuration that has '{name}'")
        return None


class TooManySteps(click.UsageError):
    """A message would go out as more steps than are allowed."""

    def __init__(self, steps: int, most: int) -> None:
        super().__init__(
            f"--max-steps: it would go out as {steps} messages, allowed are {most}: "
            f"shorten it, or write --max-steps {steps}"
        )


def allowed(preview: Preview, most: int) -> Preview:
    """Give a preview; raise `TooManySteps` if it has more of them than are allowed."""
    steps = len(preview.plan.steps)
    if steps > most:
        raise TooManySteps(steps, most)
    return preview


def refuse_many(previewer: Previewer, to: str, message: Message, account: str, most: int) -> None:
    """Raise `TooManySteps` if a message would become more steps than are allowed."""
    patience = threading.Timer(PATIENCE_S, note, ["planning the message ..."])
    patience.start()
    try:
        allowed(previewer.preview(to, message, account), most)
    finally:
        patience.cancel()


def print_plans(
    previewer: Previewer, to: str, message: Message, account: str | None, channels: list[str], most: int
) -> int:
    """Print the plan for an address, or for its id on several channels; give 1 if the address is refused."""
    asked, id = split_address(to)
    code = 0
    for channel in channels or [asked]:
        try:
            preview = previewer.preview(f"{channel}:{id}", message, account if channel == asked else None)
            document = _plan_document(allowed(preview, most))
        except (ChanbridgeError, TooManySteps) as error:
            if not channels:
                raise
            document = {"channel": channel, "error": _error_document(error)}
            code = 1 if channel == asked else code
        if wants_json(False):
            print_json(document)
        else:
            click.echo("\n".join(_readable(document)))
    return code


def _plan_document(preview: Preview) -> dict[str, Any]:
    from chanbridge.model.codec import to_wire

    return {
        "channel": preview.channel.name,
        "account": preview.account.name,
        "loss": preview.plan.loss,
        "steps": [to_wire(step) for step in preview.plan.steps],
        "losses": [to_wire(loss) for loss in preview.plan.losses],
    }


def _error_document(error: Exception) -> Any:
    from chanbridge.model.codec import to_wire

    return to_wire(error.failure) if isinstance(error, SendError) else {"detail": str(error)}


def _readable(document: dict[str, Any]) -> Iterator[str]:
    """Write a plan for a person."""
    if "error" in document:
        error = document["error"]
        yield f"{document['channel']}: refused: {plain(' '.join(str(value) for value in error.values()))}"
        return
    steps = document["steps"]
    yield click.style(f"{document['channel']}: {len(steps)} step(s), loss: {document['loss']}", bold=True)
    for number, step in enumerate(steps, 1):
        for part in step["parts"]:
            words = part.get("text") or (part.get("caption") or {}).get("text") or part.get("body") or ""
            yield plain(f"  {number}. [{part['kind']}] {words}".rstrip())
            labels = [action["label"] for action in part.get("actions", ())]
            if labels:
                yield plain(f"     buttons: {' | '.join(labels)}")
        if step.get("quick_replies"):
            yield plain(f"     quick replies: {' | '.join(a['label'] for a in step['quick_replies'])}")
    for loss in document["losses"]:
        yield plain(f"  {loss['level']}: {loss['path']}: {loss['reason']} ({loss['rule']})")


def print_requests(preview: Preview) -> None:
    """Print the requests that sending would make, each answered by a stand-in."""
    from chanbridge.cli.unsent import UnsentFiles
    from chanbridge.transport.dry import dry_run, request_as_json

    files = UnsentFiles(preview.links)
    now = dt.datetime.now(dt.UTC)
    for step in preview.plan.steps:
        frozen = step.replace(to=preview.to, now=now, key=new_id())
        frozen = files.resolved(frozen, preview.channel)
        try:
            requests = dry_run(preview.channel.send(frozen))
        except ChanbridgeError:
            raise
        except Exception as error:
            raise PluginError(preview.channel.name, _failed(error)) from error
        for request in requests:
            print_json(request_as_json(request))
    if preview.account.missing:
        note(f"no account is configured, so these stand in: {', '.join(preview.account.missing)}")


def _failed(error: Exception) -> str:
    """Tell what a plugin's flow raised; the words are left out, for they may quote a message."""
    from chanbridge.intake import place_of

    hint = "a dry run answers with placeholders: read answers as a typed struct, response.json(Answer)"
    return f"its send raised {type(error).__name__} at {place_of(error)}; {hint}"


def with_files(message: Message) -> Message:
    """Give local files the handle that the media store would give them; their content stays where it is."""
    return message.replace(parts=tuple(_handled(p) if isinstance(p, MediaPart) else p for p in message.parts))


def _handled(part: MediaPart) -> MediaPart:
    if not isinstance(part.media, LocalFile):
        return part
    path = Path(unquote(urlsplit(part.media.url).path))
    with path.open("rb") as file:
        blob = hashlib.file_digest(file, "sha256").hexdigest()
    return part.replace(media=part.media.replace(url="", blob=blob, sha256=blob))
