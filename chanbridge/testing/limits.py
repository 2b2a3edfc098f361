"""Whether a step keeps to what a channel declares: for property tests, and for the conformance kit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chanbridge.model.capabilities import (
    ActionLimits,
    Capabilities,
    CarouselLimits,
    ListLimits,
    Surface,
)
from chanbridge.model.parts import Action, Card, Carousel, Contacts, ListPart, MediaPart, Part, Poll, Text
from chanbridge.transcode.cards import lacks
from chanbridge.transcode.media import accepts_mime, mime_of
from chanbridge.transcode.plan import Step
from chanbridge.transcode.text.lengths import excess, fits
from chanbridge.transcode.words import label_key


def violations(step: Step, capabilities: Capabilities) -> Iterator[str]:
    """Name every declared limit that a step breaks."""
    if step.override is not None:
        return
    if capabilities.email is None and len(step.parts) > 1:
        yield from _album(step, capabilities)
    if step.quick_replies:
        yield from _surface("quick_reply", step.quick_replies, step, capabilities)
    for part in step.parts:
        if capabilities.level(part.kind) not in ("native", "partial"):
            yield f"the channel takes no {part.kind}"
        yield from _part(part, step, capabilities)


def _part(part: Part, step: Step, capabilities: Capabilities) -> Iterator[str]:
    match part:
        case Text():
            yield from _text(part, step, capabilities)
        case MediaPart():
            yield from _media(part, step, capabilities)
        case ListPart():
            yield from _list(part, capabilities)
        case Card():
            yield from _card(part, step, capabilities)
        case Carousel():
            yield from _carousel(part, step, capabilities)
        case Contacts():
            yield from _count("contacts", len(part.contacts), capabilities.contact)
        case Poll():
            yield from _count("options", len(part.options), capabilities.poll)


def _count(what: str, count: int, limits: object) -> Iterator[str]:
    most = getattr(limits, "max", None)
    if most is not None and count > most:
        yield f"{count} {what}, {most} allowed"


def _text(part: Text, step: Step, capabilities: Capabilities) -> Iterator[str]:
    if capabilities.text and excess(part.text, capabilities.text):
        yield f"text over {capabilities.text.max} {capabilities.text.unit}"
    if not part.text.strip():
        yield "an empty text"
    if part.actions:
        yield from _surface("button", part.actions, step, capabilities)


def _surface(
    name: Surface,
    actions: Sequence[Action],
    step: Step,
    capabilities: Capabilities,
    own: ActionLimits | None = None,
) -> Iterator[str]:
    limits = own or capabilities.actions.get(name)
    if limits is None:
        yield f"no {name}s"
        return
    if not limits.min <= len(actions) <= limits.max:
        yield f"{len(actions)} {name}s, {limits.min} to {limits.max} allowed"
    kinds = {action.kind for action in actions}
    if not kinds <= set(limits.kinds) or (limits.mix and not any(kinds <= set(m) for m in limits.mix)):
        yield f"{name}s of kinds {sorted(kinds)}"
    yield from _labels(name, actions, limits)
    unit = capabilities.text.unit if capabilities.text else "codepoints"
    if name != "card_button" and not fits(step.text, limits.body_max, unit):
        yield f"body over {limits.body_max} above {name}s"
    if (
        name != "card_button"
        and limits.needs_body
        and isinstance(step.parts[0], Text | MediaPart)
        and not step.text
    ):
        yield f"no body above {name}s"
    roles = {part.role for part in step.media}
    if name != "card_button" and not roles <= set(limits.with_media):
        yield f"{name}s under {sorted(roles)}"


def _labels(name: str, actions: Sequence[Action], limits: ActionLimits) -> Iterator[str]:
    for action in actions:
        if not action.label or not fits(action.label, limits.label_max, limits.label_unit):
            yield f"{name}: label over {limits.label_max}"
        if "newline" in limits.label_forbid and "\n" in action.label:
            yield f"{name}: a newline in a label"
        if "markdown" in limits.label_forbid and any(mark in action.label for mark in "*_~`"):
            yield f"{name}: markdown in a label"
        if action.kind == "reply" and not _goes_out(action, limits):
            yield f"{name}: payload over {limits.payload_max}"
    keys = [label_key(action.label) for action in actions]
    if limits.unique_labels and len(set(keys)) < len(keys):
        yield f"{name}: a label twice"


def _goes_out(action: Action, limits: ActionLimits) -> bool:
    return bool(action.payload) and fits(action.payload, limits.payload_max, limits.payload_unit)


def _media(part: MediaPart, step: Step, capabilities: Capabilities) -> Iterator[str]:
    limits = capabilities.media.get(part.role)
    if limits is None:
        yield f"no {part.role}"
        return
    if not accepts_mime(limits, mime_of(part.media)):
        yield f"{part.role} of type {part.media.mime}"
    if limits.max_bytes is not None and (part.media.size or 0) > limits.max_bytes:
        yield f"{part.role} over {limits.max_bytes} bytes"
    if part.caption and capabilities.email is None:
        if limits.caption not in ("native", "partial"):
            yield f"a caption under {part.role}"
        if not fits(part.caption.text, limits.caption_max, limits.caption_unit):
            yield f"caption over {limits.caption_max} {limits.caption_unit}"
    if part.actions:
        yield from _surface("button", part.actions, step, capabilities)


def _album(step: Step, capabilities: Capabilities) -> Iterator[str]:
    limits = capabilities.album
    if limits is None or len(step.media) < len(step.parts):
        yield "several parts, and no album"
        return
    if not limits.min <= len(step.parts) <= limits.max:
        yield f"album of {len(step.parts)}"
    if not {part.role for part in step.media} <= set(limits.roles):
        yield "album of roles that cannot stand together"
    captions = [bool(part.caption) for part in step.media]
    if any(captions[1:] if limits.caption == "first" else captions if limits.caption == "none" else []):
        yield f"captions of an album, {limits.caption} allowed"


def _list(part: ListPart, capabilities: Capabilities) -> Iterator[str]:
    limits = capabilities.list
    if limits is None:
        return
    items = [item for section in part.sections for item in section.items]
    surface = capabilities.actions.get("list")
    if not 1 <= len(items) <= min(limits.items_max, surface.max if surface else limits.items_max):
        yield f"{len(items)} rows"
    if len(part.sections) > limits.sections_max:
        yield f"{len(part.sections)} sections"
    words = [("title", part.title, limits.title_max), ("footer", part.footer, limits.footer_max)]
    words += [("button", part.button, limits.button_label_max)]
    words += [("section title", section.title, limits.section_title_max) for section in part.sections]
    words += [("row", item.title, limits.item_title_max) for item in items]
    words += [("description", item.description, limits.item_desc_max) for item in items]
    words += [("payload", item.payload, limits.payload_max) for item in items]
    yield from (
        f"list: {what} over {most}" for what, text, most in words if not fits(text, most, limits.unit)
    )
    unit = capabilities.text.unit if capabilities.text else "codepoints"
    if not part.body.strip() or not fits(part.body, limits.body_max, unit):
        yield f"list: body over {limits.body_max}"
    if not part.button:
        yield "list: no button"
    yield from _rows(items, surface, limits)


def _rows(items: Sequence[object], surface: ActionLimits | None, limits: ListLimits) -> Iterator[str]:
    titles = [str(getattr(item, "title", "")) for item in items]
    if surface and surface.unique_labels and len({label_key(title) for title in titles}) < len(titles):
        yield "list: a row twice"
    payloads = [getattr(item, "payload", "") for item in items]
    if len(set(payloads)) < len(payloads) or not all(payloads):
        yield "list: a payload twice, or none"


def _card(
    part: Card, step: Step, capabilities: Capabilities, among: CarouselLimits | None = None
) -> Iterator[str]:
    limits = (among.card if among else None) or capabilities.card
    buttons = among.card_button if among else None
    if limits:
        body = "\n".join(filter(None, [part.subtitle, part.body, part.footer]))
        words = [("title", part.title, limits.title_max), ("body", body, limits.body_max)]
        words += [("footer", part.footer, limits.footer_max)]
        words += [("text", "\n".join(filter(None, [part.title, body])), limits.text_max)]
        yield from (
            f"card: {what} over {most}" for what, text, most in words if not fits(text, most, limits.unit)
        )
        if part.media and not set(limits.media):
            yield "card: media"
        yield from (f"card: no {field}" for field in limits.requires if lacks(part, field))
    tap = (part.tap,) if part.tap and limits and limits.tap_is_button else ()
    if part.actions or tap:
        yield from _surface("card_button", (*part.actions, *tap), step, capabilities, buttons)


def _carousel(part: Carousel, step: Step, capabilities: Capabilities) -> Iterator[str]:
    limits = capabilities.carousel
    for card in part.cards:
        yield from _card(card, step, capabilities, limits)
    if limits is None:
        return
    if not limits.min <= len(part.cards) <= limits.max:
        yield f"carousel of {len(part.cards)}"
    if part.body and not limits.body:
        yield "carousel: a body"
