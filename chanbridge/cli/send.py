"""``chanbridge send``: a message from the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from chanbridge.cli.common import (
    INTERRUPTED,
    Seconds,
    account_for,
    account_option,
    config_options,
    new_registry,
    settings_of,
)
from chanbridge.cli.compose import Wanted, compose
from chanbridge.cli.outcome import WAITS, Sought, outcome, refuse_untold
from chanbridge.model.parts import TemplateCategory

if TYPE_CHECKING:
    from chanbridge.bridge import Bridge
    from chanbridge.config import Settings
    from chanbridge.model.message import Message
    from chanbridge.registry import Registry

GRACE_S = 30.0


@click.command()
@click.argument("to")
@click.argument("text", required=False)
@account_option("Account to send from; needed if several fit.")
@click.option("--media", metavar="PATH|URL", multiple=True, help="Add a picture, film, sound or file.")
@click.option("--caption", metavar="TEXT", default="", help="Caption of the first media; else TEXT is.")
@click.option("--button", metavar="LABEL", multiple=True, help="Add a button below the message.")
@click.option("--quick-reply", metavar="LABEL", multiple=True, help="Add an option that vanishes after use.")
@click.option(
    "--template", metavar="NAME", default="", help="Send a template; TEXT is its preview elsewhere."
)
@click.option("--language", metavar="TAG", default="", help="Language of the template; else en.")
@click.option("--param", metavar="SLOT=VALUE", multiple=True, help="Fill in a variable of the template.")
@click.option(
    "--json",
    "document",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Send a message document; - is standard input.",
)
@click.option(
    "--reply-to", metavar="ID", default="", help="Message that this one answers: our id or the provider's."
)
@click.option("--category", type=click.Choice(get_args(TemplateCategory)), help="What the message is for.")
@click.option("--plan", "only_plan", is_flag=True, help="Print steps and losses instead of sending.")
@click.option("--all", "all_channels", is_flag=True, help="With --plan: for every installed channel.")
@click.option("--dry-run", is_flag=True, help="Print the provider requests instead of making them.")
@click.option(
    "--wait", type=click.Choice(WAITS), default="submitted", help="Wait until this is known; else submitted."
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=Seconds(),
    default=30.0,
    help="Wait no longer; else 30.",
)
@click.option(
    "--max-steps",
    metavar="N",
    type=click.IntRange(min=1),
    default=20,
    help="Refuse what would go out as more messages; else 20.",
)
@config_options
def command(
    to: str,
    text: str | None,
    account: str | None,
    media: tuple[str, ...],
    caption: str,
    button: tuple[str, ...],
    quick_reply: tuple[str, ...],
    template: str,
    language: str,
    param: tuple[str, ...],
    document: Path | None,
    reply_to: str,
    category: Any,
    only_plan: bool,
    all_channels: bool,
    dry_run: bool,
    wait: Any,
    timeout: float,
    max_steps: int,
    config: Path | None,
    allow_literal_secrets: bool,
) -> int:
    """Send TEXT to the address TO and print the receipt as JSON.

    Reads TEXT from standard input when it is omitted. Exits 1 if the provider
    refused the message, or took it and what --wait names was not known in time,
    or if the store failed after it had kept the message (its id is printed);
    2 for a usage or configuration error; 75 if it was not taken yet: where an id
    is printed the message is kept then, and goes out as soon as a bridge runs;
    130 if you stop waiting.

    --plan and --dry-run look at the configuration and, without writing, at its
    store; without a configuration they assume an open service window and that
    files can be linked to. What is assumed is said on standard error.

    \b
    Examples:
      chanbridge send sms:+12025550123 "Your mug has shipped"
      chanbridge send sms:+12025550123 "Keep it?" --button Yes --button No
      chanbridge send sms:+12025550123 --media box.jpg --wait delivered
      chanbridge send sms:+12025550123 --account support --dry-run < note.txt
      chanbridge send sms:+12025550123 "Pick one" --button A --plan --all
    """
    if all_channels and not only_plan:
        raise click.UsageError("--all: needs --plan")
    if only_plan and dry_run:
        raise click.UsageError("--plan: not together with --dry-run, which prints requests, not steps")
    wanted = Wanted(text, media, caption, button, quick_reply, template, language, param)
    message = compose(wanted._replace(document=document, reply_to=reply_to, category=category))
    registry = new_registry()
    if only_plan or dry_run:
        channels = list(registry.channels()) if all_channels else []
        showing = (only_plan, channels, max_steps)
        return _show(registry, config, allow_literal_secrets, (to, message, account), showing)
    settings = settings_of(config, allow_literal_secrets, registry)
    return _deliver(registry, settings, message, (to, account), (wait, timeout, max_steps))


def _show(
    registry: Registry,
    config: Path | None,
    allow_literal_secrets: bool,
    said: tuple[str, Message, str | None],
    showing: tuple[bool, list[str], int],
) -> int:
    from chanbridge.cli.preview import Previewer, allowed, print_plans, print_requests, settings_if_any

    only_plan, channels, max_steps = showing
    previewer = Previewer(registry, settings_if_any(config, allow_literal_secrets, registry))
    if only_plan:
        return print_plans(previewer, *said, channels, max_steps)
    print_requests(allowed(previewer.preview(*said), max_steps))
    return 0


def _deliver(
    registry: Registry,
    settings: Settings,
    message: Message,
    whither: tuple[str, str | None],
    limits: tuple[Any, float, int],
) -> int:
    from chanbridge.bridge import Bridge
    from chanbridge.cli.preview import Previewer, refuse_many
    from chanbridge.model.address import split_address

    to, account = whither
    fact, within, max_steps = limits
    name = account_for(settings, split_address(to)[0], account).name
    refuse_many(Previewer(registry, settings, quiet=True), to, message, name, max_steps)
    bridge = Bridge.from_settings(settings, registry)
    return asyncio.run(_send(bridge, message, Sought(fact, within, to, name)))


async def _send(bridge: Bridge, message: Message, sought: Sought) -> int:
    to = bridge.conversation(sought.to, sought.account)
    refuse_untold(bridge.accounts[sought.account], to, sought.fact)
    stop_s = GRACE_S
    try:
        await bridge.start("nothing" if sought.fact == "queued" else "send")
        receipt = await bridge.send(sought.to, message, account=sought.account)
        code = await outcome(receipt, sought)
        stop_s = 0.0 if code == INTERRUPTED else GRACE_S
        return code
    finally:
        await bridge.stop(stop_s)
