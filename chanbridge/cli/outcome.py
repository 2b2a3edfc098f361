"""Waiting for a message that was sent: what is told meanwhile, the receipt, the exit code."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import click

from chanbridge.cli.common import FAILED, INTERRUPTED, LATER
from chanbridge.cli.output import NoOutput, discard_output, note, print_json
from chanbridge.model.errors import SendError
from chanbridge.model.events import Fact

if TYPE_CHECKING:
    from chanbridge.channel import Channel
    from chanbridge.model.address import Conversation
    from chanbridge.sending import Receipt

PATIENCE_S = 2.0
WAITS = ("queued", *(fact for fact in get_args(Fact) if fact not in {"failed", "expired", "canceled"}))
_KEPT = "the message is kept and may have gone out"


class Sought(NamedTuple):
    """What is waited for: a fact about a message to somebody."""

    fact: Any
    within: float
    to: str
    account: str


def refuse_untold(channel: Channel[Any], to: Conversation, fact: str) -> None:
    """Raise `click.UsageError` if neither a fact nor a stronger one is ever told on a channel."""
    if fact == "queued":
        return
    told = channel.capabilities_for(to).receipts
    known = [one for one in WAITS[1:] if getattr(told, one) != "none"]
    if all(WAITS.index(one) < WAITS.index(fact) for one in known):
        raise click.UsageError(
            f"--wait: {channel.name} never tells that a message was {fact}: there is {', '.join(known)}"
        )


async def outcome(receipt: Receipt, sought: Sought) -> int:
    """Wait, print the receipt, and give the exit code; raise `SendError` if the message failed.

    Where the store fails meanwhile, what is known is printed: the message is kept, and may be on its way.
    """
    from chanbridge.store.engine import StoreError

    try:
        return await _outcome(receipt, sought)
    except StoreError as error:
        _print_document(_known(receipt, sought), receipt)
        note(f"chanbridge send: the store: {error}; {_KEPT}, id {receipt.id}")
        return FAILED


async def _outcome(receipt: Receipt, sought: Sought) -> int:
    if sought.fact == "queued":
        await _print(receipt, sought)
        return 0
    error: SendError | None = None
    code = 0
    try:
        code = await _waited(receipt, sought)
    except SendError as failed:
        error = failed
    state = await _print(receipt, sought, error)
    if error:
        raise error
    if code == LATER:
        return _late(receipt, sought, state)
    return code


async def _waited(receipt: Receipt, sought: Sought) -> int:
    """Wait until it is known, until it is too late, or until somebody stops it."""
    from chanbridge.cli.running import stop_signal

    stop = asyncio.create_task(stop_signal().wait())
    known = asyncio.create_task(receipt.until(sought.fact, timeout=sought.within))
    telling = asyncio.create_task(_tell_progress(receipt, sought.fact))
    try:
        await asyncio.wait({stop, known}, return_when=asyncio.FIRST_COMPLETED)
        if not known.done():
            note(f"chanbridge send: stopped; the message is kept, id {receipt.id}")
            return INTERRUPTED
        await known
    except TimeoutError:
        return LATER
    finally:
        for task in (stop, known, telling):
            task.cancel()
        await asyncio.gather(stop, known, telling, return_exceptions=True)
    return 0


def _late(receipt: Receipt, sought: Sought, state: str) -> int:
    """Tell that it is not known in time. What was submitted must not be sent again."""
    late = f"not {sought.fact} within {sought.within:g} s"
    if state == "queued":
        note(f"chanbridge send: --wait: {late}; the message is kept, id {receipt.id}")
        return LATER
    note(f"chanbridge send: --wait: it was {state}; {late}; id {receipt.id}")
    return FAILED


async def _print(receipt: Receipt, sought: Sought, error: SendError | None = None) -> str:
    """Print the receipt; give the state. That nobody can read it does not undo the message."""
    document = await _document(receipt, sought, error)
    _print_document(document, receipt)
    return str(document["state"])


def _print_document(document: dict[str, Any], receipt: Receipt) -> None:
    try:
        print_json(document)
    except (NoOutput, BrokenPipeError) as problem:
        discard_output()
        why = problem.message if isinstance(problem, NoOutput) else "nobody reads standard output"
        state = document.get("state", "kept")
        note(f"chanbridge send: {why}; the message is {state}, id {receipt.id}")


async def _document(receipt: Receipt, sought: Sought, error: SendError | None) -> dict[str, Any]:
    from chanbridge.model.codec import to_wire

    progress = await receipt.progress()
    document = _known(receipt, sought, state=await receipt.state(), external=list(progress.externals))
    return {**document, "error": to_wire(error.failure)} if error else document


def _known(receipt: Receipt, sought: Sought, **told: Any) -> dict[str, Any]:
    """Make the receipt of what is known without the store, and of what it has told."""
    from chanbridge.model.codec import to_wire

    losses = [to_wire(loss) for loss in receipt.losses]
    return {"id": receipt.id, "account": sought.account, "to": sought.to, **told, "losses": losses}


async def _tell_progress(receipt: Receipt, fact: Any) -> None:
    """Say what is waited for, and why, if it takes longer than a moment."""
    from chanbridge.model.delivery import reached
    from chanbridge.sending import standing

    said = ""
    while True:
        await asyncio.sleep(PATIENCE_S)
        progress = await receipt.progress()
        state, failure = standing(progress), progress.failure
        why = f" ({failure.code}{': ' if failure.detail else ''}{failure.detail})" if failure else ""
        if not reached(state, fact) and said != (said := f"waiting for {fact}; so far: {state}{why}"):
            note(said)
