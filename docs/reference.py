"""Write docs/reference/ from the code: ``python -m docs.reference``. A test compares."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from click.testing import CliRunner
from msgspec import Struct

from chanbridge import config
from chanbridge.cli import COMMANDS
from chanbridge.cli.app import root
from chanbridge.cli.channels import records_of, side_by_side
from chanbridge.hooks import Parked, Specs
from chanbridge.model import address, base, capabilities, message, parts
from chanbridge.model import events as happened
from chanbridge.model.capabilities import Capabilities
from chanbridge.model.codec import to_wire
from chanbridge.model.delivery import Delivery
from chanbridge.model.errors import ERRORS, ErrorCode, Failure, ProviderError
from chanbridge.model.media import Media
from chanbridge.registry import Registry
from chanbridge.transcode.plan import Loss, Plan, Step
from docs import holding
from docs.describing import fields_table, first_line, flattened, summary, table
from docs.members import function

FOLDER = Path(__file__).with_name("reference")
_NOTE = "<!-- Written by `make docs` from the code; do not edit. -->\n"
MEANINGS: dict[ErrorCode, str] = {
    "invalid_request": "the call is malformed",
    "unsupported_content": "a kind or type that the channel does not take",
    "too_large": "over a size limit",
    "media_unavailable": "the provider could not fetch or process the file",
    "recipient_invalid": "there is no such address",
    "recipient_unreachable": "off, full, or refused for now",
    "recipient_opted_out": "opted out, or blocked us",
    "window_closed": "outside the service window",
    "template_invalid": "missing, paused, or wrong parameters",
    "policy_rejected": "refused for its content, as spam, or by a regional rule",
    "auth_failed": "token, scope or signature; for a right missing in this one case, the scope is message",
    "account_blocked": "unpaid, restricted or disabled",
    "rate_limited": "too many, too fast",
    "channel_unavailable": "the provider fails, or the connection did before the request left",
    "expired": "its time to live passed",
    "target_gone": "an edit, a reaction, a deletion or a fetch of something that is not there",
    "outcome_unknown": "the request left and no answer came: see [how nothing is lost]"
    "(../how-nothing-is-lost.md#what-outcome_unknown-means)",
    "internal": "our own fault, or unknown",
}


def events() -> str:
    """Every kind of event."""
    lines = [
        "# Events\n",
        "On the wire an event is a CloudEvent 1.0: its `type` is `chanbridge.` and the type below, its",
        "`data` holds the fields. Published: `chanbridge schema event`.\n",
        "## What every event carries\n",
        fields_table(happened.Event),
        "",
    ]
    for cls in dict.fromkeys(happened.EVENTS.values()):
        types = [f"`{name}`" for name, found in happened.EVENTS.items() if found is cls]
        lines += [
            f"## {cls.__name__}\n",
            f"{', '.join(types)}\n",
            summary(cls),
            "",
            fields_table(cls, own=True),
            "",
        ]
    lines += _structs(happened.Segment, happened.Price, happened.Wake)
    return "\n".join(lines)


def message_page() -> str:
    """Messages, and what they refer to."""
    first = ["# Messages\n", "Published: `chanbridge schema message`.\n"]
    return "\n".join(
        first
        + _structs(message.Message, message.Relation, message.External, message.Alternative)
        + _structs(message.EmailProfile, parts.Action, Media, base.Ref, base.Raw, base.Money, base.Context)
        + _structs(address.Contact, address.Identity, address.Recipient, address.Conversation, address.Window)
        + _structs(Delivery, Plan, Step, Loss)
    )


def parts_page() -> str:
    """Every kind of part."""
    lines = ["# Parts\n", "What every part carries:\n", fields_table(parts.Part), ""]
    for kind, cls in parts.PARTS.items():
        lines += [f"## {kind}\n", f"`{cls.__name__}`: {summary(cls)}", "", fields_table(cls, own=True), ""]
    pieces = (parts.Entity, parts.ContactCard, parts.Labeled, parts.PostalAddress, parts.Section)
    rest = (parts.ListItem, parts.LineItem, parts.PollOption, parts.Live, parts.OtherPart)
    return "\n".join(lines + _structs(*pieces, *rest))


def errors() -> str:
    """Error codes, and what holds for each."""
    rows = [
        [f"`{code}`", "yes" if one.retryable else "no", one.scope, one.fix or "", MEANINGS[code]]
        for code, one in ERRORS.items()
    ]
    lines = [
        "# Errors\n",
        "What a `SendError` carries in Python (`error.failure`), and a status event as `error`. An error may",
        "say otherwise than its code's default.\n",
        table(["code", "retryable", "scope", "fix", "stands for"], rows),
        "",
    ]
    return "\n".join(lines + _structs(Failure, ProviderError) + holding.exceptions())


def capabilities_page() -> str:
    """The fields of a capability record."""
    home = capabilities.__name__
    pieces = [one for one in vars(capabilities).values() if _is_struct(one) and one.__module__ == home]
    pieces.remove(Capabilities)
    lines = ["# Capabilities\n", "Published: `chanbridge schema capabilities`.\n"]
    return "\n".join(lines + _structs(Capabilities, *pieces))


def hooks() -> str:
    """Every hook specification."""
    lines = [
        "# Hooks\n",
        "Plain functions, marked with `chanbridge.hookimpl`; entry points of group `chanbridge`",
        "(a channel's module) or `chanbridge.hooks`.\n",
    ]
    for name, spec in vars(Specs).items():
        if name.startswith("chanbridge_"):
            lines += function(name, spec)
    return "\n".join(lines + _structs(Parked))


def commands() -> str:
    """The help of every command."""
    lines = ["# The command line\n", "```text", _help(), "```", ""]
    for name, (module, _) in COMMANDS.items():
        command = importlib.import_module(f"chanbridge.cli.{module}").command
        below = command.commands if isinstance(command, click.Group) else {}
        for words in ([name], *([name, one] for one in below)):
            lines += [f"## chanbridge {' '.join(words)}\n", "```text", _help(*words), "```", ""]
    return "\n".join(lines)


def configuration() -> str:
    """The keys of chanbridge.toml, and of every installed channel."""
    lines = [
        "# Configuration\n",
        "`chanbridge.toml`, or what `--config` or `$CHANBRIDGE_CONFIG` names. `$CHANBRIDGE_STORE` and",
        "`$CHANBRIDGE_PUBLIC_URL` override `store` and `public_url`. A secret is written `env:NAME` or",
        "`file:PATH`.\n",
        "## The file\n",
        fields_table(config._Document),
        "",
    ]
    lines += _structs(*_nested(config._Document))
    lines += ["## [accounts.NAME]\n", "Besides the keys of its channel:\n", fields_table(config._Account), ""]
    for name, cls in sorted(Registry().channels().items()):
        lines += [f'## channel = "{name}"\n', summary(cls.Config), "", fields_table(cls.Config), ""]
        lines += _structs(*_nested(cls.Config))
    return "\n".join(lines)


def channels() -> str:
    """What the installed channels can carry, side by side."""
    records = [
        one for _, cls in sorted(Registry().channels().items()) for one in records_of(cls.capabilities)
    ]
    heads = [f"{one.channel}/{one.variant}" if one.variant else one.channel for one in records]
    flat = [dict(flattened(to_wire(one))) for one in records]
    skipped = {"schema", "channel", "variant", "plugin", "plugin_version", "sources"}
    keys = sorted({key for one in flat for key in one} - skipped)
    rows = [[f"`{key}`", *(one.get(key, "") for one in flat)] for key in keys]
    lines = [
        "# Channels\n",
        "At a glance, as `chanbridge channels` prints it:\n",
        f"```text\n{click.unstyle(side_by_side(records))}\n```\n",
        "In full; what is not listed is a default of the [record](capabilities.md):\n",
        table(["", *heads], rows),
    ]
    return "\n".join(lines)


def index() -> str:
    """The list of the pages."""
    rows = [f"- [{name}]({name}.md): {first_line(page)}" for name, page in PAGES.items() if name != "README"]
    return "\n".join(["# Reference\n", "Made from the code by `make docs`.\n", *rows])


PAGES: dict[str, Callable[[], str]] = {
    "README": index,
    "events": events,
    "messages": message_page,
    "parts": parts_page,
    "errors": errors,
    "channels": channels,
    "capabilities": capabilities_page,
    "configuration": configuration,
    "cli": commands,
    "hooks": hooks,
    "channel": holding.channel,
    "http": holding.http_page,
    "bridge": holding.bridge,
    "testing": holding.testing_page,
    "sandbox": holding.sandbox_page,
}


def generated() -> dict[str, str]:
    """Every page: file name -> text."""
    return {f"{name}.md": f"{_NOTE}{page().rstrip()}\n" for name, page in PAGES.items()}


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in generated().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{FOLDER.name}/{name}\n")


def _structs(*classes: type[Struct]) -> list[str]:
    return [
        line for cls in classes for line in (f"## {cls.__name__}\n", summary(cls), "", fields_table(cls), "")
    ]


def _nested(cls: type[Struct]) -> Iterator[type[Struct]]:
    for field in msgspec.structs.fields(cls):
        for kind in (field.type, *getattr(field.type, "__args__", ())):
            if _is_struct(kind):
                yield kind


def _is_struct(thing: Any) -> bool:
    return inspect.isclass(thing) and issubclass(thing, Struct)


def _help(*words: str) -> str:
    return CliRunner().invoke(root, [*words, "--help"], prog_name="chanbridge").output.rstrip()


if __name__ == "__main__":
    main()
