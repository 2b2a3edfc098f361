"""What is no message, where a channel cannot do it: nothing is sent, and a loss says so (D17)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chanbridge.model.capabilities import Capabilities, Level, Mutability
from chanbridge.transcode.plan import Loss, Step

if TYPE_CHECKING:
    from chanbridge.channel import Gesture

_ABLE: tuple[Level, ...] = ("native", "partial")


def plan_gesture(
    gesture: Gesture,
    capabilities: Capabilities,
    original: Sequence[Step] = (),
    revised: Sequence[Step] = (),
    *,
    sent_at: dt.datetime | None = None,
    edits: int = 0,
) -> Loss | None:
    """Say why a gesture will not be made; None if it may be.

    ``original`` are the steps of the message it is about, ``revised`` those of an edit's new form;
    with ``sent_at`` and ``edits`` (how often it was edited) the channel's limits are looked at, too.
    """
    reason = _reason(gesture, capabilities, sent_at, edits)
    if not reason and gesture.kind == "edit":
        reason = _changed(original, revised)
    if not reason:
        return None
    return Loss(path=f"/{gesture.kind}", level="affordance", rule="D17", reason=reason)


def _reason(gesture: Gesture, capabilities: Capabilities, sent_at: dt.datetime | None, edits: int) -> str:
    relation, presence = capabilities.relation, capabilities.presence
    match gesture.kind:
        case "typing":
            return _unless(presence.typing_out)
        case "read":
            return _unless(presence.read_out)
        case "edit":
            return _mutable(relation.edit, gesture, sent_at, edits)
        case "delete":
            return _mutable(relation.delete, gesture, sent_at, 0)
        case _:
            return _reaction(gesture, capabilities)


def _unless(level: Level) -> str:
    return "" if level in _ABLE else "the channel cannot do it"


def _reaction(gesture: Gesture, capabilities: Capabilities) -> str:
    limits = capabilities.relation.reaction
    if limits.level not in _ABLE:
        return "the channel has no reactions"
    if not gesture.on and not limits.remove:
        return "a reaction cannot be taken back"
    if gesture.on and limits.allowed is not None and gesture.emoji not in limits.allowed:
        return "the channel does not have this reaction"
    return ""


def _mutable(limits: Mutability, gesture: Gesture, sent_at: dt.datetime | None, edits: int) -> str:
    if limits.level not in _ABLE:
        return "the channel cannot do it"
    if limits.max_count is not None and edits >= limits.max_count:
        return f"it was edited {edits} times already"
    if sent_at is not None and limits.max_age_s is not None:
        age = (gesture.now - sent_at).total_seconds()
        if age > limits.max_age_s:
            return f"the message is older than {limits.max_age_s} seconds"
    return ""


def _changed(original: Sequence[Step], revised: Sequence[Step]) -> str:
    """An edit must leave the steps what they were: as many, each of the same kinds of part."""
    if [_shape(step) for step in original] == [_shape(step) for step in revised]:
        return ""
    return "the new form no longer has the steps of the original"


def _shape(step: Step) -> tuple[str, ...]:
    return tuple(part.kind for part in step.parts)
