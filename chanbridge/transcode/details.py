"""What parts hold beside their words, and a channel may have no place for: a loss, never silence.

A channel's record names what it shows of each (``details``); what became words is shown if the words say it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from chanbridge.model.parts import (
    Action,
    Card,
    Carousel,
    ListItem,
    ListPart,
    Location,
    MediaPart,
    Order,
    Part,
    Poll,
    Template,
)
from chanbridge.transcode.forms import Form, actions_of
from chanbridge.transcode.plan import Loss, LossLevel
from chanbridge.transcode.work import Draft, Placed, Work

_SAID = frozenset(
    {("media", "alt"), ("location", "url"), ("location", "accuracy_m"), ("order", "items"),
     ("order", "total"), ("poll", "multiple")}
)  # fmt: skip
"""What the words say that stand for a part, or a loss of the whole."""
_REASONS: dict[tuple[str, str], tuple[LossLevel, str, str]] = {
    ("media", "alt"): ("presentation", "D13", "its description is not shown"),
    ("media", "spoiler"): ("presentation", "D13", "it is not hidden"),
    ("location", "url"): ("presentation", "D15", "its link is not shown"),
    ("location", "accuracy_m"): ("presentation", "D15", "how exact it is, is not shown"),
    ("poll", "multiple"): ("affordance", "D22", "one answer at a time"),
    ("poll", "anonymous"): ("affordance", "D22", "it is known who answered"),
    ("poll", "closes_at"): ("affordance", "D22", "it does not close by itself"),
    ("order", "items"): ("affordance", "D22", "its lines are not shown"),
    ("order", "total"): ("affordance", "D22", "its total is not shown"),
    ("row", "media"): ("presentation", "D8", "its picture is not shown"),
    ("action", "image"): ("presentation", "D4", "its picture is not shown"),
}
_FIELDS: dict[type[Part], tuple[str, ...]] = {
    MediaPart: ("alt", "spoiler"),
    Location: ("url", "accuracy_m"),
    Poll: ("multiple", "anonymous", "closes_at"),
    Order: ("items", "total"),
}


class _Detail(NamedTuple):
    """A field that is set, of the thing with an id."""

    path: str
    kind: str
    field: str
    id: str


def losses(work: Work, form: Form, drafts: Sequence[Draft]) -> Iterator[Loss]:
    """Say what of a form its steps do not show."""
    shown = {key for draft in drafts for key in _shown(draft)}
    for detail in _details(work, form):
        kind, field = detail.kind, detail.field
        known = field in work.capabilities.details.get(kind, ()) if (kind, detail.id) in shown else None
        if not (known or (known is None and (kind, field) in _SAID)):
            yield work.loss(f"{detail.path}/{field}", *_REASONS[kind, field])


def _details(work: Work, form: Form) -> Iterator[_Detail]:
    for path, part in form.placed():
        yield from _of_part(work, path, part)
    for placed in form.quick():
        yield from _of_action(placed)


def _of_part(work: Work, path: str, part: Part) -> Iterator[_Detail]:
    if isinstance(part, Template) and not work.takes_template(part):
        for number, inner in enumerate(part.preview):
            yield from _of_part(work, f"{path}/preview/{number}", inner.replace(id=part.id))
    for field in _FIELDS.get(type(part), ()):
        if getattr(part, field):
            yield _Detail(path, part.kind, field, part.id)
    if isinstance(part, ListPart):
        yield from _of_rows(path, part)
    for placed in actions_of(part, path):
        yield from _of_action(placed)


def _of_rows(path: str, part: ListPart) -> Iterator[_Detail]:
    for number, section in enumerate(part.sections):
        for index, item in enumerate(section.items):
            if item.media:
                yield _Detail(f"{path}/sections/{number}/items/{index}", "row", "media", item.id)


def _of_action(placed: Placed) -> Iterator[_Detail]:
    if placed.action.image:
        yield _Detail(placed.path, "action", "image", placed.action.id)


def _shown(draft: Draft) -> Iterator[tuple[str, str]]:
    """Name what stands in a step as itself."""
    for part in draft.parts:
        yield part.kind, part.id
        yield from (("row", item.id) for item in _rows(part))
        yield from (("action", action.id) for action in _buttons(part))
    yield from (("action", action.id) for action in draft.quick_replies)


def _rows(part: Part) -> Iterator[ListItem]:
    if isinstance(part, ListPart):
        for section in part.sections:
            yield from section.items


def _buttons(part: Part) -> Iterable[Action]:
    cards = part.cards if isinstance(part, Carousel) else (part,)
    for card in cards:
        yield from card.actions
        if isinstance(card, Card) and card.tap:
            yield card.tap
