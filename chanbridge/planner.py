"""From a message to its plan: what is checked, asked and decided before anything is kept or sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Protocol

from chanbridge.accounts import AnyChannel
from chanbridge.channel import Gesture
from chanbridge.model.address import Conversation, ConversationKind
from chanbridge.model.check import check, with_ids
from chanbridge.model.errors import SendError, Unsupported, ValidationError
from chanbridge.model.message import Message
from chanbridge.model.naming import forms_of
from chanbridge.model.parts import Template
from chanbridge.transcode import plan_gesture, transcode
from chanbridge.transcode.plan import Loss, Plan, Policy, Situation, Step
from chanbridge.transcode.templates import preview


class Links(Protocol):
    """What serves our own files by signed links."""

    @property
    def possible(self) -> bool: ...

    def of(self, message: Message, now: dt.datetime) -> dict[str, str]: ...


def prepare(message: Message, channel: AnyChannel) -> Message:
    """Check a message, also by what only its channel knows, and give its parts and actions ids.

    Raise `ValidationError`, with the path and the rule.
    """
    check(message)
    for problem in (*_gaps(message), *channel.validate(message)):
        raise problem
    return with_ids(message)


def asked(message: Message) -> Message:
    """Give a message as its author gave it, with ids: what a key stands for, whatever becomes of it.

    Raise `ValidationError` if it is none.
    """
    check(message)
    return with_ids(message)


def _gaps(message: Message) -> Iterator[ValidationError]:
    """Object to a variable of a preview that has no value: the template has it, too, on every channel."""
    for form in forms_of(message):
        for path, part in form.parts:
            try:
                if isinstance(part, Template):
                    preview(part, "preview")
            except Unsupported as error:
                _, _, rest = str(error).partition("{{")
                yield ValidationError(f"{path}.parameters", f"{{{{{rest}, as the preview says")


def recipient(
    channel: AnyChannel, account: str, address: str, *, kind: ConversationKind = "direct", thread: str = ""
) -> Conversation:
    """Make the conversation of an address; raise `ValidationError` if nothing can be sent there."""
    name, _, id = address.partition(":")
    if name != channel.name:
        rule = f"'{name}' is not the channel of account '{account}': that is {channel.name}"
        raise ValidationError("to", rule)
    try:
        normal = f"{name}:{channel.recipient(id)}"
    except ValidationError as error:
        raise ValidationError(error.path or "to", error.rule) from error
    return Conversation(address=normal, account=account, kind=kind, thread=thread)


def window_open(channel: AnyChannel, conversation: Conversation, now: dt.datetime) -> bool:
    """Say whether free-form messages may be sent just now."""
    if channel.capabilities_for(conversation).window.kind == "none":
        return True
    window = conversation.window
    return bool(window and window.expires_at and window.expires_at > now)


def situation(
    channel: AnyChannel, conversation: Conversation, now: dt.datetime, message: Message, links: Links
) -> Situation:
    """Gather what planning needs to know."""
    return Situation(
        window_open=window_open(channel, conversation, now),
        can_serve_links=links.possible,
        links=links.of(message, now),
        now=now,
    )


def plan(
    message: Message, channel: AnyChannel, conversation: Conversation, policy: Policy, known: Situation
) -> Plan:
    """Plan a prepared message; raise `Unsupported` where too much would be lost."""
    capabilities = channel.capabilities_for(conversation)
    return transcode(message, capabilities, channel.policy(policy), known, channel=channel.name)


def planned_for(channel: AnyChannel, conversation: Conversation, known: Situation) -> str:
    """Name what a plan depends on: a message is planned anew where that changes before it leaves."""
    return f"{channel.variant(conversation)} {'open' if known.window_open else 'closed'}"


def refuse_without_consent(message: Message, consent: dict[str, bool]) -> None:
    """Raise `SendError` if the contact does not want this message."""
    scopes = ["all", message.category or "service"]
    for scope in scopes:
        if consent.get(scope) is False:
            raise SendError("recipient_opted_out", detail=f"they opted out of {scope} messages")


def refuse_expired(message: Message, now: dt.datetime) -> None:
    """Raise `SendError` if it is too late for a message."""
    if message.expires_at and message.expires_at <= now:
        raise SendError("expired", detail="its expires_at has passed")


def gesture_loss(gesture: Gesture, channel: AnyChannel) -> Loss | None:
    """Say what is lost if the channel cannot make a gesture; None: it can."""
    if not channel.can("gesture"):
        return Loss(path="", level="affordance", rule="D17", reason=f"{channel.name} has no gestures")
    return plan_gesture(gesture, channel.capabilities_for(gesture.to))


def edit_loss(
    gesture: Gesture, channel: AnyChannel, sent: Sequence[Step], revised: Sequence[Step]
) -> Loss | None:
    """Say what is lost if the steps that were sent (none: not known) cannot become others; None: they can."""
    if len(revised) != 1 or len(sent) > 1:
        reason = "only a message of one step can be edited: delete it and send another"
        return Loss(path="/edit", level="affordance", rule="D17", reason=reason)
    return plan_gesture(gesture, channel.capabilities_for(gesture.to), sent or revised, revised)
