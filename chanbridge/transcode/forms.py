"""One form of a message, its own or an alternative, laid out as drafts of steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from chanbridge.model.parts import Action, Card, Carousel, ListPart, MediaPart, Part, Poll, Template
from chanbridge.transcode import cards, kinds, menus, templates
from chanbridge.transcode.kinds import Shown, placed
from chanbridge.transcode.layout import lay
from chanbridge.transcode.media import album
from chanbridge.transcode.plan import LOSS_ORDER, Loss, Option
from chanbridge.transcode.surfaces import on_surface
from chanbridge.transcode.text import rich as r
from chanbridge.transcode.text.rich import Rich
from chanbridge.transcode.work import Bubble, Draft, Placed, Refused, Work, worst

RULES: dict[type[Part], kinds.Rule] = {
    **kinds.RULES,
    ListPart: menus.menu,
    Card: cards.card,
    Carousel: cards.carousel,
}


class Form(NamedTuple):
    """What is shown together: parts and quick replies, and where they stand in the message."""

    parts: tuple[Part, ...]
    quick_replies: tuple[Action, ...]
    path: str = ""

    def placed(self) -> list[tuple[str, Part]]:
        return [(f"{self.path}/parts/{index}", part) for index, part in enumerate(self.parts)]

    def quick(self) -> tuple[Placed, ...]:
        return placed(self.quick_replies, f"{self.path}/quick_replies", "")

    def actions(self) -> Iterator[Placed]:
        """Give every action of the form."""
        for path, part in self.placed():
            yield from actions_of(part, path)
        yield from self.quick()


def actions_of(part: Part, path: str) -> Iterator[Placed]:
    """Give every action of a part: its own, its rows, options, cards, and those of its preview."""
    match part:
        case Carousel():
            for index, card in enumerate(part.cards):
                yield from actions_of(card, f"{path}/cards/{index}")
            yield from kinds.own_actions(part, path)
        case Card():
            yield from cards.card_actions(part, path)
        case ListPart():
            yield from menus.rows(part, path)
            yield from kinds.own_actions(part, path)
        case Poll():
            options = (Action(id=option.id, label=option.label) for option in part.options)
            yield from placed(options, f"{path}/options", part.id)
            yield from kinds.own_actions(part, path)
        case _:
            yield from kinds.own_actions(part, path)


def ids_of(part: Part) -> tuple[str, ...]:
    """Give the id of a part and of the cards within it."""
    inner = tuple(card.id for card in part.cards) if isinstance(part, Carousel) else ()
    return (part.id, *inner)


def drafts(work: Work, form: Form) -> list[Draft]:
    """Lay a form out. What is lost without a step is in a draft without parts."""
    unfolded = _unfold(work, form)
    groups = list(_groups(work, unfolded.parts))
    out = [Draft((), (), losses=unfolded.losses)]
    for index, group in enumerate(groups):
        quick = form.quick() if index == len(groups) - 1 else ()
        out.extend(_joined(work, group, quick) if isinstance(group, Draft) else _part(work, *group, quick))
    return out


class _Unfolded(NamedTuple):
    """A form's parts with their paths, previews in the place of templates that the channel does not know."""

    parts: list[tuple[str, Part]]
    losses: tuple[Loss, ...]


def _unfold(work: Work, form: Form) -> _Unfolded:
    parts: list[tuple[str, Part]] = []
    losses: list[Loss] = []
    for path, part in form.placed():
        if isinstance(part, Template):
            part = part.replace(actions=tuple(action for _, action in part.buttons))
        if not isinstance(part, Template) or not part.preview or work.takes_template(part):
            parts.append((path, part))
            continue
        losses.append(work.loss(path, "presentation", "D20", "its preview is sent"))
        shown = templates.preview(part, path)
        parts += [(f"{path}/preview/{n}", inner.replace(id=part.id)) for n, inner in enumerate(shown)]
        if part.actions:  # they stand under the last that is shown
            work.besides[parts[-1][0]] = kinds.own_actions(part, path)
    work.know(placed for path, part in parts for placed in _all_actions(work, part, path))
    work.know(form.quick())
    work.quote = work.quoted()
    return _Unfolded(parts, tuple(losses))


def _all_actions(work: Work, part: Part, path: str) -> tuple[Placed, ...]:
    """Give every action of a part; of the last of a preview, those of its template too."""
    return (*actions_of(part, path), *work.besides.get(path, ()))


def _groups(work: Work, parts: list[tuple[str, Part]]) -> Iterator[Draft | tuple[str, Part]]:
    """Give albums where files stand side by side and the channel has them (D12), else single parts."""
    for is_media, run in groupby(
        parts, key=lambda item: isinstance(item[1], MediaPart) and item[0] not in work.besides
    ):
        members = list(run)
        media = [(path, part) for path, part in members if isinstance(part, MediaPart)]
        together = album(work, media) if is_media and len(media) > 1 and not work.quoted() else None
        yield from [together] if together else members


def everything(work: Work, form: Form) -> list[Draft | Bubble]:
    """Give all of a form by the rules of its kinds, not laid out; what is lost is a draft without parts."""
    unfolded = _unfold(work, form)
    out: list[Draft | Bubble] = [Draft((), (), losses=unfolded.losses)]
    for path, part in unfolded.parts:
        try:
            out.extend(_shown(work, part, path))
        except Refused as refused:
            if part.fallback_text:
                out.extend(_fallback(work, part, path, _fallback_loss(work, path, str(refused))))
            else:
                out.extend(_lost(work, part, path, refused, ()))
    if form.quick_replies:
        out.append(Bubble((), f"{form.path}/quick_replies", actions=form.quick()))
    return out


def _part(work: Work, path: str, part: Part, quick: tuple[Placed, ...]) -> list[Draft]:
    """Lay one part out by the rule of its kind; by its fallback text if that loses too much."""
    before = work.numbered
    try:
        found = _lay_all(work, _shown(work, part, path), quick)
        lost = worst(loss for draft in found for loss in draft.losses)
        if not part.fallback_text or LOSS_ORDER.index(lost) <= LOSS_ORDER.index(work.policy.max_loss):
            return found
        reason = "too much would be lost"
    except Refused as refused:
        reason = str(refused)
        if not part.fallback_text:
            return _lost(work, part, path, refused, quick)
    work.numbered = before
    loss = _fallback_loss(work, path, reason)
    try:
        return _lay_all(work, _fallback(work, part, path, loss), quick)
    except Refused as refused:
        return _lost(work, part, path, refused, quick)


def _shown(work: Work, part: Part, path: str) -> Shown:
    """Show a part by the rule of its kind, the quoted words above the first (D18)."""
    shown = _with_besides(_by_rule(work, part, path), part, path, work.besides.get(path, ()))
    quote, work.quote = work.quote, Rich("")
    if not quote:
        return shown
    first = shown[0]
    if isinstance(first, Bubble) and not first.media:
        return [first._replace(text=r.join([quote, first.text])), *shown[1:]]
    return [Bubble((part.id,), path, quote), *shown]


def _with_besides(shown: Shown, part: Part, path: str, actions: tuple[Placed, ...]) -> Shown:
    """Put a template's own actions under the last of its preview."""
    last = shown[-1]
    if not actions:
        return shown
    if isinstance(last, Bubble):
        return [*shown[:-1], last._replace(actions=(*last.actions, *actions))]
    return [*shown, Bubble((part.id,), path, actions=actions)]


def _by_rule(work: Work, part: Part, path: str) -> Shown:
    if work.capabilities.outbound.parts.get(part.kind) == "drop":
        return [Draft((), ids_of(part), losses=(work.loss(path, "content", "kind", "the channel drops it"),))]
    if isinstance(part, Template):
        return _template(work, part, path)
    return RULES.get(type(part), kinds.unknown)(work, part, path)


def _template(work: Work, part: Template, path: str) -> Shown:
    if not work.takes_template(part):
        reason = "it is no template of this channel, and has no preview"
        raise Refused(path, "D20", reason, code="template_invalid")
    limits = work.capabilities.template
    allowed = limits.categories if limits else ()
    if part.category and allowed and part.category not in allowed:
        raise Refused(f"{path}/category", "D20", "the channel has no templates of this category")
    shown: list[Action] = []
    options: list[Option] = []
    for one, (index, action) in zip(kinds.own_actions(part, path), part.buttons, strict=True):
        given = action.payload if f"button.{index}" in part.parameters else ""
        reply = action.kind == "reply"
        wire = (given or work.wire(action, None, "codepoints")) if reply else None
        shown.append(one.action.replace(payload=wire) if wire else one.action)
        options += [work.option(one, wire=wire)] if wire else []
    return [Draft((part.replace(actions=tuple(shown)),), (part.id,), options=tuple(options))]


def _fallback_loss(work: Work, path: str, reason: str) -> Loss:
    return work.loss(path, "affordance", "fallback", f"its fallback text is sent: {reason}")


def _fallback(work: Work, part: Part, path: str, *losses: Loss) -> Shown:
    actions = _all_actions(work, part, path)
    return [Bubble(ids_of(part), path, Rich(part.fallback_text), None, actions, losses)]


def _lost(work: Work, part: Part, path: str, refused: Refused, quick: tuple[Placed, ...]) -> list[Draft]:
    gone = (
        work.loss(placed.path, "content", refused.rule, "gone with its part")
        for placed in _all_actions(work, part, path)
    )
    draft = Draft((), ids_of(part), losses=(refused.loss(), *gone))
    return [draft, *_quick_alone(work, quick)]


def _lay_all(work: Work, shown: Shown, quick: tuple[Placed, ...]) -> list[Draft]:
    out: list[Draft] = []
    for index, item in enumerate(shown):
        mine = quick if index == len(shown) - 1 else ()
        out.extend(_joined(work, item, mine) if isinstance(item, Draft) else lay(work, item, mine))
    return out


def _joined(work: Work, draft: Draft, quick: tuple[Placed, ...]) -> list[Draft]:
    """Put quick replies under a step that is made already, or into one behind it."""
    quick, gone = work.enabled(quick)
    draft = draft._replace(losses=(*draft.losses, *gone))
    if not quick:
        return [draft]
    fitted = on_surface(work, "quick_reply", quick) if draft.parts else None
    if fitted and not fitted.lines and _may_stand_under(work, draft):
        options = (*draft.options, *fitted.options)
        losses = (*draft.losses, *fitted.losses)
        return [draft._replace(quick_replies=fitted.native, options=options, losses=losses)]
    if any(isinstance(part, Template) for part in draft.parts):
        return [draft._replace(losses=(*draft.losses, *_not_of_template(work, quick)))]
    return [draft, *_quick_alone(work, quick)]


def _not_of_template(work: Work, quick: tuple[Placed, ...]) -> list[Loss]:
    """Say what has no place: a template shows what was approved, and a message more is not what was asked."""
    reason = "a template has only its own buttons: make it one of the template's actions"
    return [work.loss(one.path, "content", "D20", reason) for one in quick]


def _may_stand_under(work: Work, draft: Draft) -> bool:
    surface = work.capabilities.actions["quick_reply"]
    roles = {part.role for part in draft.parts if isinstance(part, MediaPart)}
    return roles <= set(surface.with_media) if roles else not surface.needs_body


def _quick_alone(work: Work, quick: tuple[Placed, ...]) -> list[Draft]:
    if not quick:
        return []
    path = quick[0].path.rpartition("/")[0]
    try:
        return lay(work, Bubble((), path), quick)
    except Refused as refused:
        gone = tuple(work.loss(one.path, "content", refused.rule, str(refused)) for one in quick)
        return [Draft((), (), losses=gone)]


def all_ids(parts: Iterable[Part]) -> tuple[str, ...]:
    """Give the ids of parts, of cards within them too."""
    return tuple(id for part in parts for id in ids_of(part))
