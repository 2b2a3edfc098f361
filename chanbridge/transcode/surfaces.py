"""Where actions can stand: buttons, quick replies, a list; and when they fit there (D3, D4, D5, D7)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from chanbridge.model.capabilities import ActionLimits, ListLimits
from chanbridge.model.parts import Action, ListItem
from chanbridge.transcode.plan import Loss, Option
from chanbridge.transcode.text.graphemes import clusters, is_pictographic
from chanbridge.transcode.text.lengths import fits
from chanbridge.transcode.words import label_key
from chanbridge.transcode.work import Placed, Work

_MARKS = re.compile(r"[*_~`]")
_VARIABLE = re.compile(r"\{\{.*?\}\}")


class Fitted(NamedTuple):
    """Actions as a surface shows them, those that must become lines, and the way back."""

    surface: str
    native: tuple[Action, ...]
    lines: tuple[Placed, ...] = ()
    options: tuple[Option, ...] = ()
    losses: tuple[Loss, ...] = ()
    notes: tuple[Placed, ...] = ()  # replies of which the surface does not show the description


def on_surface(
    work: Work, surface: str, actions: Sequence[Placed], limits: ActionLimits | None = None
) -> Fitted | None:
    """Put actions on a surface, which may have limits of its own; None if the replies do not fit there."""
    limits = limits or work.capabilities.actions.get(surface)
    if limits is None:
        return None
    native, lines = _shares(limits, actions)
    if not native or not limits.min <= len(native) <= limits.max:
        return None
    shown = [_shown(work, placed, limits, surface) for placed in native]
    buttons = [button for button in shown if button is not None]
    if len(buttons) < len(shown) or not _distinct(buttons, limits):
        return None
    return Fitted(
        surface,
        tuple(action for action, _, _ in buttons),
        tuple(lines),
        tuple(option for _, options, _ in buttons for option in options),
        tuple(loss for _, _, losses in buttons for loss in losses),
        tuple(placed for placed in native if placed.note),
    )


def _shares(limits: ActionLimits, actions: Sequence[Placed]) -> tuple[list[Placed], list[Placed]]:
    """Say who stays an action and who becomes a line (D5)."""
    kinds = {placed.action.kind for placed in actions}
    replies = [placed for placed in actions if placed.action.kind == "reply"]
    others = [placed for placed in actions if placed.action.kind != "reply"]
    together = kinds <= set(limits.kinds) and (not limits.mix or any(kinds <= set(m) for m in limits.mix))
    # a surface that keeps replies apart from other kinds takes one of those, alone
    alone = bool(limits.mix) and not any("reply" in m and kinds <= set(m) for m in limits.mix)
    if together and len(actions) <= (limits.max if replies or not alone else 1):
        return list(actions), []
    if replies:
        return (replies, others) if "reply" in limits.kinds else ([], list(actions))
    return [], list(actions)


Button = tuple[Action, tuple[Option, ...], tuple[Loss, ...]]


def _shown(work: Work, placed: Placed, limits: ActionLimits, surface: str) -> Button | None:
    action = placed.action
    label, losses = _label(work, placed, limits)
    if not label:
        return None
    if action.kind != "reply":
        return action.replace(label=label), (), losses
    wire = work.wire(action, limits.payload_max, limits.payload_unit)
    if wire is None:
        return None
    option = work.option(placed, wire=wire, shown=label)
    return action.replace(label=label, payload=wire), (option,), losses


def _label(work: Work, placed: Placed, limits: ActionLimits) -> tuple[str, tuple[Loss, ...]]:
    """Give the label that fits, or the author's short one; "" if neither does (D3)."""
    action = placed.action
    path = f"{placed.path}/label"
    for label in (action.label, action.short_label):
        allowed = _allowed(label, limits)
        if not allowed or not fits(allowed, limits.label_max, limits.label_unit):
            continue
        losses = []
        if label != action.label:
            losses.append(work.loss(path, "presentation", "D3", "the short label is shown", limits.label_max))
        if allowed != label:
            losses.append(
                work.loss(path, "presentation", "D3", "the label may not hold this", limits.label_forbid)
            )
        return allowed, tuple(losses)
    return "", ()


def _allowed(label: str, limits: ActionLimits) -> str:
    forbidden = limits.label_forbid
    if "variable" in forbidden and _VARIABLE.search(label):
        return ""
    if "emoji" in forbidden:
        label = "".join(cluster for cluster in clusters(label) if not _is_emoji(cluster)).strip()
    if "markdown" in forbidden:
        label = _MARKS.sub("", label).strip()
    return " ".join(label.split()) if "newline" in forbidden and "\n" in label else label


def _is_emoji(cluster: str) -> bool:
    first = cluster[0]
    if "\U0001f1e6" <= first <= "\U0001f1ff" or cluster.endswith("\u20e3"):
        return True
    return is_pictographic(first) and (len(cluster) > 1 or not fits(first, 1, "utf16") or first >= "\u2600")


def _distinct(buttons: Sequence[Button], limits: ActionLimits) -> bool:
    if not limits.unique_labels:
        return True
    keys = [label_key(action.label) for action, _, _ in buttons]
    return len(set(keys)) == len(keys)


def as_rows(work: Work, actions: Sequence[Placed]) -> Fitted | None:
    """Put the replies among actions on the rows of a list (D4); None if they do not fit there."""
    limits = work.capabilities.list
    if limits is None or not work.supports("list"):
        return None
    surface = row_limits(work, limits)
    replies = [placed for placed in actions if placed.action.kind == "reply"]
    if not 1 <= len(replies) <= surface.max:
        return None
    shown = [_shown(work, placed, surface, "list") for placed in replies]
    buttons = [button for button in shown if button is not None]
    if len(buttons) < len(shown) or not _distinct(buttons, surface):
        return None
    return Fitted(
        "list",
        tuple(action for action, _, _ in buttons),
        tuple(placed for placed in actions if placed.action.kind != "reply"),
        tuple(option for _, options, _ in buttons for option in options),
        tuple(loss for _, _, losses in buttons for loss in losses),
        tuple(placed for placed in replies if placed.note),
    )


def row_limits(work: Work, limits: ListLimits) -> ActionLimits:
    """Read the limits of a list's rows as those of a surface."""
    surface = work.capabilities.actions.get("list") or ActionLimits(max=limits.items_max)
    return surface.replace(
        max=min(surface.max, limits.items_max),
        min=1,
        label_max=_least(surface.label_max, limits.item_title_max),
        label_unit=limits.unit,
        payload_max=_least(surface.payload_max, limits.payload_max),
    )


def _least(first: int | None, second: int | None) -> int | None:
    return min((limit for limit in (first, second) if limit is not None), default=None)


def row(action: Action) -> ListItem:
    """Make the row of an action."""
    return ListItem(
        id=action.id,
        title=action.label,
        media=action.image,
        payload=action.payload,
        aliases=action.aliases,
    )
