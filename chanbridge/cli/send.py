"""``chanbridge send``: a message from the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from chanbridge.cli.common import account_for, account_option, config_options, new_registry, settings_of
from chanbridge.cli.compose import Wanted, compose
from chanbridge.cli.output import note, print_json
from chanbridge.model.errors import SendError
from chanbridge.model.events import Fact
from chanbridge.model.parts import TemplateCategory

if TYPE_CHECKING:
    from chanbridge.bridge import Bridge
    from chanbridge.model.message import Message
    from chanbridge.sending import Receipt

PATIENCE_S = 2.0
_WAITS = ("queued", *(fact for fact in get_args(Fact) if fact not in {"failed", "expired", "canceled"}))


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
    "--wait", type=click.Choice(_WAITS), default="submitted", help="Wait until this is known; else submitted."
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=30.0,
    help="Wait no longer; else 30.",
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
    config: Path | None,
    allow_literal_secrets: bool,
) -> int:
    """Send TEXT to the address TO and print the receipt as JSON.

    Reads TEXT from standard input when it is omitted. Exits 1 if the provider
    refused the message, 2 for a usage or configuration error, and 75 if trying
    again later may succeed: the message is kept then, and goes out as soon as a
    bridge runs.

    \b
    Examples:
      chanbridge send sms:+12025550123 "Your mug has shipped"
      chanbridge send whatsapp:+12025550123 "Keep it?" --button Yes --button No
      chanbridge send whatsapp:+12025550123 --media box.jpg --wait delivered
      chanbridge send whatsapp:+12025550123 --account support --dry-run < note.txt
      chanbridge send whatsapp:+12025550123 "Pick one" --button A --plan --all
    """
    if all_channels and not only_plan:
        raise click.UsageError("--all: needs --plan")
    if only_plan and dry_run:
        raise click.UsageError("--plan: not together with --dry-run, which prints requests, not steps")
    wanted = Wanted(text, media, caption, button, quick_reply, template, language, param)
    message = compose(wanted._replace(document=document, reply_to=reply_to, category=category))
    registry = new_registry()
    if only_plan or dry_run:
        from chanbridge.cli.preview import Previewer, print_plans, print_requests

        previewer = Previewer(registry, config, allow_literal_secrets)
        if only_plan:
            return print_plans(
                previewer, to, message, account, list(registry.channels()) if all_channels else []
            )
        print_requests(previewer.preview(to, message, account))
        return 0
    from chanbridge.bridge import Bridge
    from chanbridge.model.address import split_address

    settings = settings_of(config, allow_literal_secrets, registry)
    name = account_for(settings, split_address(to)[0], account).name
    return asyncio.run(_send(Bridge.from_settings(settings, registry), to, message, name, wait, timeout))


async def _send(bridge: Bridge, to: str, message: Message, account: str, fact: Any, within: float) -> int:
    await bridge.start("nothing" if fact == "queued" else "send")
    try:
        receipt = await bridge.send(to, message, account=account)
        return await _outcome(receipt, to, account, fact, within)
    finally:
        await bridge.stop()


async def _outcome(receipt: Receipt, to: str, account: str, fact: Any, within: float) -> int:
    """Wait for the receipt, print it, and give the exit code."""
    if fact == "queued":
        print_json(await _document(receipt, to, account))
        return 0
    telling = asyncio.create_task(_tell_progress(receipt, fact))
    error: SendError | None = None
    late = False
    try:
        await receipt.until(fact, timeout=within)
    except SendError as failed:
        error = failed
    except TimeoutError:
        late = True
    finally:
        telling.cancel()
    print_json(await _document(receipt, to, account, error))
    if error:
        raise error
    if late:
        note(f"chanbridge send: --wait: not {fact} within {within:g} s; the message is kept, id {receipt.id}")
    return 75 if late else 0


async def _document(
    receipt: Receipt, to: str, account: str, error: SendError | None = None
) -> dict[str, Any]:
    from chanbridge.model.codec import to_wire

    progress = await receipt.progress()
    document: dict[str, Any] = {
        "id": receipt.id,
        "account": account,
        "to": to,
        "state": await receipt.state(),
        "external": list(progress.externals),
        "losses": [to_wire(loss) for loss in receipt.losses],
    }
    return {**document, "error": to_wire(error.failure)} if error else document


async def _tell_progress(receipt: Receipt, fact: str) -> None:
    """Say what is waited for, if it takes longer than a moment."""
    said = ""
    while True:
        await asyncio.sleep(PATIENCE_S)
        state = await receipt.state()
        if state != said:
            note(f"waiting for {fact}; so far: {state}")
            said = state
