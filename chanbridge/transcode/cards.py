"""Cards and carousels (D9, D10): as they are, or as files, words and actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from chanbridge.model.capabilities import ActionLimits, CardLimits, CarouselLimits
from chanbridge.model.media import MediaRole
from chanbridge.model.parts import Action, Card, Carousel, MediaPart
from chanbridge.transcode.kinds import Shown, own_actions
from chanbridge.transcode.layout import lay, numbered
from chanbridge.transcode.media import place, public_link
from chanbridge.transcode.plan import Loss, LossLevel, Option
from chanbridge.transcode.surfaces import on_surface
from chanbridge.transcode.text import rich as r
from chanbridge.transcode.text.lengths import fits
from chanbridge.transcode.text.rich import Rich
from chanbridge.transcode.work import Bubble, Draft, Placed, Work


class _Native(NamedTuple):
    card: Card
    options: tuple[Option, ...]
    losses: tuple[Loss, ...]


class _Room(NamedTuple):
    """What a card can hold where it stands: alone, or in a carousel."""

    card: CardLimits | None
    button: ActionLimits | None


def card(work: Work, part: Card, path: str) -> Shown:
    """D9: a card as it is, or a file with caption and actions, or less."""
    native = _native(work, part, path, _alone(work)) if work.supports("card") else None
    if native:
        return [Draft((native.card,), (part.id,), options=native.options, losses=native.losses)]
    bubble = card_bubble(work, part, path)
    loss = work.loss(path, "presentation", "D9", "shown as words and actions")
    return [bubble._replace(losses=(loss, *bubble.losses))]


def card_actions(part: Card, path: str) -> tuple[Placed, ...]:
    """Give a card's actions, its tap behind them."""
    return (*own_actions(part, path), *_tap(part, path))


def _tap(part: Card, path: str) -> tuple[Placed, ...]:
    return (Placed(part.tap, f"{path}/tap", part.id),) if part.tap else ()


def card_words(part: Card) -> Rich:
    """Write out what a card says."""
    title = r.marked(part.title, "bold")
    return r.join([title, Rich(part.subtitle), Rich(part.body), Rich(part.footer)])


def card_bubble(work: Work, part: Card, path: str) -> Bubble:
    """Make a bubble of a card."""
    words, actions = card_words(part), card_actions(part, path)
    if part.media is None:
        return Bubble((part.id,), path, words, None, actions)
    found = place(work, MediaPart(id=part.id, role=_role(part), media=part.media), f"{path}/media")
    return Bubble((part.id,), path, r.join([words, found.link]), found.media, actions, found.losses)


def _role(part: Card) -> MediaRole:
    return "video" if part.media and part.media.mime.startswith("video/") else "image"


def _alone(work: Work) -> _Room:
    return _Room(work.capabilities.card, work.capabilities.actions.get("card_button"))


def _in_carousel(work: Work, limits: CarouselLimits | None) -> _Room:
    alone = _alone(work)
    return _Room(limits.card or alone.card, limits.card_button or alone.button) if limits else alone


def _native(work: Work, part: Card, path: str, room: _Room) -> _Native | None:
    """Give a card as it goes out; None if anything of it does not fit."""
    actions, gone = work.enabled(own_actions(part, path))
    tap, tap_gone = work.enabled(_tap(part, path))
    shown = part.replace(actions=tuple(one.action for one in actions), tap=tap[0].action if tap else None)
    if not _takes(work, shown, path, room):
        return None
    native = _with_actions(work, shown, actions, tap, room)
    return native._replace(losses=(*gone, *tap_gone, *native.losses)) if native else None


def _takes(work: Work, part: Card, path: str, room: _Room) -> bool:
    """Say whether a channel takes the words and the file of a card, and has all that it requires."""
    limits = room.card
    if limits is None:
        return True
    if not _words_fit(part, limits, room.button) or any(lacks(part, field) for field in limits.requires):
        return False
    role = _role(part)
    if not part.media or role not in limits.media:
        return not part.media
    found = place(work, MediaPart(id=part.id, role=role, media=part.media), path)
    return found.media is not None and found.media.role == role


def _words_fit(part: Card, limits: CardLimits, surface: ActionLimits | None) -> bool:
    body = "\n".join(words for words in (part.subtitle, part.body, part.footer) if words)
    whole = f"{part.title}\n{body}" if part.title and body else part.title or body
    measured = [
        (part.title, limits.title_max),
        (body, limits.body_max),
        (body, surface.body_max if surface else None),
        (part.footer, limits.footer_max),
        (whole, limits.text_max),
    ]
    return all(fits(words, most, limits.unit) for words, most in measured)


def lacks(part: Card, field: str) -> bool:
    """Say whether a card has not what a channel requires; a tap can be the action."""
    return not getattr(part, field, None) and not (field == "actions" and part.tap)


def _with_actions(
    work: Work, part: Card, actions: tuple[Placed, ...], tap: tuple[Placed, ...], room: _Room
) -> _Native | None:
    if part.tap and part.tap.kind not in ("url", "webview"):
        return None
    among = bool(tap and room.card and room.card.tap_is_button)
    buttons = (*actions, *tap) if among else actions
    if not buttons:
        return _Native(part, (), ())
    fitted = on_surface(work, "card_button", buttons, room.button)
    if not fitted or fitted.lines:
        return None
    native, opens = (fitted.native[:-1], fitted.native[-1]) if among else (fitted.native, part.tap)
    return _Native(part.replace(actions=native, tap=opens), fitted.options, fitted.losses)


def carousel(work: Work, part: Carousel, path: str) -> Shown:
    """D10: a carousel as it is, or a step a card, or one numbered text."""
    native = _native_carousel(work, part, path) if work.supports("carousel") else None
    if native:
        return native
    loss = work.loss(path, "presentation", "D10", "the cards follow one another")
    body: Shown = [Bubble((part.id,), path, Rich(part.body), losses=(loss,))] if part.body else []
    places = [(one, f"{path}/cards/{index}") for index, one in enumerate(part.cards)]
    shown = [item for one, at in places for item in card(work, one, at)]
    if not body:
        shown[0] = _led(shown[0], part.id, loss)
    rest = own_actions(part, path)
    last: Shown = [Bubble((part.id,), path, actions=rest)] if rest else []
    if _steps(work, [*body, *shown, *last]) <= work.policy.max_steps:
        return [*body, *shown, *last]
    return [_one_text(work, part, path, places)]


def _led(shown: Draft | Bubble, id: str, loss: Loss) -> Draft | Bubble:
    return shown._replace(carries=(*shown.carries, id), losses=(loss, *shown.losses))


def _steps(work: Work, shown: Shown) -> int:
    """Count the steps that something would take, without counting its numbers."""
    before = work.numbered
    count = sum(len(lay(work, item)) if isinstance(item, Bubble) else 1 for item in shown)
    work.numbered = before
    return count


def _one_text(work: Work, part: Carousel, path: str, places: list[tuple[Card, str]]) -> Bubble:
    """Write all cards and their actions as one numbered text."""
    blocks = [Rich(part.body)]
    losses = [
        work.loss(path, "presentation", "D10", "all cards in one text", work.policy.max_steps, len(places))
    ]
    options: list[Option] = []
    for one, at in places:
        words = card_words(one)
        if one.media:
            link = public_link(work, one.media)
            level: LossLevel = "affordance" if link else "content"
            losses.append(
                work.loss(f"{at}/media", level, "D10", "a link stands for it" if link else "left out")
            )
            words = r.join([words, r.line(link)])
        bubble = Bubble((one.id,), at, words)
        bubble, found = numbered(work, bubble, card_actions(one, at), hint=False)
        blocks.append(bubble.text)
        options.extend(found)
        losses.extend(bubble.losses)
    whole = Bubble((part.id, *(one.id for one, _ in places)), path, r.join(blocks, "\n\n"))
    rest = own_actions(part, path)
    if rest:
        whole, found = numbered(work, whole, rest, hint=False)
        options.extend(found)
        losses.extend(whole.losses)
    if options:
        whole = whole._replace(text=r.join([whole.text, r.line(work.closing_hint())], "\n\n"))
    return whole._replace(losses=tuple(losses), options=tuple(options))


def _native_carousel(work: Work, part: Carousel, path: str) -> Shown | None:
    limits = work.capabilities.carousel
    if limits and not limits.min <= len(part.cards) <= limits.max:
        return None
    room = _in_carousel(work, limits)
    found = [_native(work, one, f"{path}/cards/{index}", room) for index, one in enumerate(part.cards)]
    cards = [native for native in found if native]
    if len(cards) < len(found) or part.actions:
        return None
    if limits and limits.homogeneous and len({_shape(native.card) for native in cards}) > 1:
        return None
    body, before = part.body, []
    if limits and limits.body_required and not body:
        body = work.hints.choose
    if limits and body and not (limits.body and fits(body, limits.body_max, work.text.unit)):
        if limits.body_required:
            return None
        loss = work.loss(f"{path}/body", "presentation", "D10", "it goes before the cards", limits.body_max)
        body, before = "", [Bubble((part.id,), path, Rich(body), losses=(loss,))]
    whole = part.replace(cards=tuple(native.card for native in cards), body=body)
    carries = (part.id, *(native.card.id for native in cards))
    options = tuple(option for native in cards for option in native.options)
    losses = tuple(loss for native in cards for loss in native.losses)
    return [*before, Draft((whole,), carries, options=options, losses=losses)]


def _shape(part: Card) -> tuple[object, ...]:
    tap = (part.tap,) if part.tap else ()  # a card that is a link itself is another card
    return (_kinds((*part.actions, *tap)), _role(part) if part.media else None)


def _kinds(actions: Iterable[Action]) -> tuple[str, ...]:
    return tuple(action.kind for action in actions)
