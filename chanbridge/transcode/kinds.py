"""What becomes of each kind of part: itself where the channel takes it, else words and actions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from chanbridge.model.base import Money
from chanbridge.model.media import Media
from chanbridge.model.parts import (
    Action,
    ContactCard,
    Contacts,
    Form,
    Link,
    Location,
    MediaPart,
    Order,
    Part,
    Payment,
    Poll,
    PostalAddress,
    Product,
    Story,
    System,
    Text,
)
from chanbridge.transcode.media import accepts_mime, place
from chanbridge.transcode.plan import Loss
from chanbridge.transcode.reading import read
from chanbridge.transcode.text import rich as r
from chanbridge.transcode.text.rich import Rich
from chanbridge.transcode.vcards import filled
from chanbridge.transcode.work import Bubble, Draft, Placed, Refused, Work

Shown = list[Draft | Bubble]


def placed(actions: Iterable[Action], path: str, part: str) -> tuple[Placed, ...]:
    """Say of each action where it stands."""
    return tuple(Placed(action, f"{path}/{index}", part) for index, action in enumerate(actions))


def own_actions(part: Part, path: str) -> tuple[Placed, ...]:
    return placed(part.actions, f"{path}/actions", part.id)


def as_it_is(work: Work, part: Part, path: str) -> Shown:
    """Hand a part over unchanged; actions that its kind does not have follow as a bubble."""
    shown: Shown = [Draft(parts=(part.replace(actions=()),), carries=(part.id,))]
    if part.actions:
        shown.append(Bubble(carries=(part.id,), path=path, actions=own_actions(part, path)))
    return shown


def in_words(work: Work, part: Part, path: str, words: Rich, *losses: Loss) -> Shown:
    """Show a part as words, with its actions."""
    actions = own_actions(part, path)
    return [Bubble(carries=(part.id,), path=path, text=words, actions=actions, losses=losses)]


def text(work: Work, part: Text, path: str) -> Shown:
    words = read(part)
    if not words and not part.actions:
        raise Refused(path, "D1", "the text is empty", code="invalid_request")
    actions = own_actions(part, path)
    return [Bubble(carries=(part.id,), path=path, text=words, actions=actions, preview=part.preview)]


def media(work: Work, part: MediaPart, path: str) -> Shown:
    """D13 and D14; its caption and actions go with it as far as they can (D11)."""
    found = place(work, part, path)
    caption = read(part.caption) if part.caption else Rich("")
    return [
        Bubble(
            carries=(part.id,),
            path=path,
            text=r.join([caption, found.link]),
            media=found.media,
            actions=own_actions(part, path),
            losses=found.losses,
        )
    ]


def location(work: Work, part: Location, path: str) -> Shown:
    """D15: a place, or its name, address and a map."""
    if work.supports("location"):
        shown = as_it_is(work, part, path)
        limits = work.capabilities.location
        if part.live and not (limits and "live" in limits.kinds):
            loss = work.loss(f"{path}/live", "affordance", "D15", "the position does not move")
            shown[0] = _with_losses(shown[0], loss)
        return shown
    loss = work.loss(path, "presentation", "D15", "a link to a map stands for the place")
    url = part.url or f"https://maps.google.com/?q={part.lat:.6f},{part.lon:.6f}"
    where = ", ".join(words for words in (part.name, part.address) if words)
    return in_words(work, part, path, r.join([Rich(where), r.line(url)]), loss)


def _with_losses(shown: Draft | Bubble, *losses: Loss) -> Draft | Bubble:
    return shown._replace(losses=(*shown.losses, *losses))


def contacts(work: Work, part: Contacts, path: str) -> Shown:
    """D16: cards, or vCard files, or lines."""
    cards, losses = filled(part.contacts, path)
    if not cards and losses:
        raise Refused(losses[0].path, "D16", losses[0].reason)
    shown = _contacts(work, part.replace(contacts=tuple(cards)), path)
    return [_with_losses(shown[0], *losses), *shown[1:]]


def _contacts(work: Work, part: Contacts, path: str) -> Shown:
    limits = work.capabilities.contact
    if work.supports("contacts") and (not limits or limits.max is None or len(part.contacts) <= limits.max):
        return as_it_is(work, part, path)
    files = work.capabilities.media.get("document")
    sendable = (
        not files or not files.by or {"upload", "inline"} & set(files.by) or work.situation.can_serve_links
    )
    if files and work.supports("media") and accepts_mime(files, "text/vcard") and sendable:
        loss = work.loss(path, "presentation", "D16", "sent as a vCard file")
        file = MediaPart(id=part.id, role="document", media=_vcard_file(part.contacts))
        actions = own_actions(part, path)
        return [Bubble(carries=(part.id,), path=path, media=file, actions=actions, losses=(loss,))]
    loss = work.loss(path, "affordance", "D16", "written out: it cannot be saved by a tap")
    return in_words(work, part, path, r.join(map(_contact_lines, part.contacts), "\n\n"), loss)


def _contact_lines(card: ContactCard) -> Rich:
    numbers = [phone.value for phone in card.phones]
    addresses = [email.value for email in card.emails]
    places = [_place(address) for address in card.addresses]
    links = [url.value for url in card.urls]
    org = ", ".join(filter(None, (card.org, card.department)))
    lines = [card.name, card.title, org, *numbers, *addresses, *links, *places, card.birthday]
    return r.join([r.line(" ".join(line.split())) for line in lines if line])


def _place(at: PostalAddress) -> str:
    town = " ".join(filter(None, (at.postal_code, at.city)))
    return ", ".join(filter(None, (at.street, town, at.region, at.country)))


def _vcard_file(cards: Sequence[ContactCard]) -> Media:
    written = (card.vcard.strip() or vcard(card).strip() for card in cards)
    data = "".join(f"{card}\r\n" for card in written).encode()
    name = cards[0].name if len(cards) == 1 else "contacts"
    return Media(data=data, mime="text/vcard", size=len(data), filename=f"{name}.vcf".replace("/", " "))


def vcard(card: ContactCard) -> str:
    """Write a contact as a vCard 3.0."""
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"FN:{_escape(card.name)}"]
    lines.append(f"N:{_escape(card.last_name or card.name)};{_escape(card.first_name)};;;")
    lines += [f"TEL{_kind(phone.type)}:{_escape(phone.value)}" for phone in card.phones]
    lines += [f"EMAIL{_kind(email.type)}:{_escape(email.value)}" for email in card.emails]
    lines += [f"URL:{_escape(url.value)}" for url in card.urls]
    for at in card.addresses:
        fields = ("", "", at.street, at.city, at.region, at.postal_code, at.country)
        lines.append(f"ADR{_kind(at.type)}:" + ";".join(map(_escape, fields)))
    units = (card.org, card.department) if card.department else (card.org,)
    lines += [f"ORG:{';'.join(map(_escape, units))}"] if any(units) else []
    named = (("TITLE", card.title), ("BDAY", card.birthday))
    lines += [f"{name}:{_escape(value)}" for name, value in named if value]
    return "\r\n".join([*lines, "END:VCARD", ""])


def _kind(type: str) -> str:
    return f";TYPE={type.upper()}" if type.isalnum() else ""


def _escape(value: str) -> str:
    value = value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return "\\n".join(value.splitlines())


def poll(work: Work, part: Poll, path: str) -> Shown:
    """D22: a poll, or its options to choose from."""
    limits = work.capabilities.poll
    if work.supports("poll") and (not limits or limits.max is None or len(part.options) <= limits.max):
        return _native_poll(work, part, path)
    actions = placed((Action(id=o.id, label=o.label) for o in part.options), f"{path}/options", part.id)
    losses = [work.loss(path, "presentation", "D22", "a question with options stands for the poll")]
    if part.multiple:
        losses.append(work.loss(f"{path}/multiple", "affordance", "D22", "one answer at a time"))
    bubble = Bubble((part.id,), path, Rich(part.question), None, actions, tuple(losses))
    return [bubble, *_left_over(part, path)]


def _native_poll(work: Work, part: Poll, path: str) -> Shown:
    options = tuple(
        work.option(Placed(Action(id=o.id, label=o.label), path, part.id), wire=o.id) for o in part.options
    )
    shown = as_it_is(work, part, path)
    return [shown[0]._replace(options=options) if isinstance(shown[0], Draft) else shown[0], *shown[1:]]


def _left_over(part: Part, path: str) -> Shown:
    return [Bubble((part.id,), path, actions=own_actions(part, path))] if part.actions else []


def link(work: Work, part: Link, path: str) -> Shown:
    if work.supports("link"):
        return as_it_is(work, part, path)
    loss = work.loss(path, "presentation", "D14", "the link stands in a text")
    words = [Rich(part.title), Rich(part.description), r.line(part.url)]
    return in_words(work, part, path, r.join(words), loss)


def form(work: Work, part: Form, path: str) -> Shown:
    """D22: a form, or a link to it."""
    if work.supports("form"):
        return as_it_is(work, part, path)
    return _linked(work, part, path, part.url, [part.title, part.body])


def payment(work: Work, part: Payment, path: str) -> Shown:
    """D22: a payment, or a link to it."""
    if work.supports("payment"):
        return as_it_is(work, part, path)
    return _linked(work, part, path, part.url, [part.body, _money(part.amount)])


def product(work: Work, part: Product, path: str) -> Shown:
    if work.supports("product"):
        return as_it_is(work, part, path)
    return _linked(work, part, path, part.url, [part.title, part.body, part.footer])


def _linked(work: Work, part: Part, path: str, url: str, words: list[str]) -> Shown:
    if not url:
        raise Refused(path, "D22", f"the channel takes no {part.kind}, and it has no link")
    loss = work.loss(path, "affordance", "D22", f"a link stands for the {part.kind}")
    return in_words(work, part, path, r.join([*map(Rich, words), r.line(url)]), loss)


def order(work: Work, part: Order, path: str) -> Shown:
    """D22: a basket, or its lines."""
    if work.supports("order"):
        return as_it_is(work, part, path)
    if not (part.items or part.text):
        raise Refused(path, "D22", "the channel takes no order, and it has no lines to write")
    lines = [
        r.line(" ".join(filter(None, (f"{item.qty:g} x", item.name or item.sku, _money(item.unit_price)))))
        for item in part.items
    ]
    loss = work.loss(path, "affordance", "D22", "lines of text stand for the order")
    return in_words(work, part, path, r.join([Rich(part.text), *lines, r.line(_money(part.total))]), loss)


def _money(amount: Money | None) -> str:
    if amount is None:
        return ""
    digits = _MINOR_DIGITS.get(amount.currency.upper(), 2)
    sign, minor = "-" * (amount.minor < 0), abs(amount.minor)
    whole, rest = divmod(minor, 10**digits)
    return f"{sign}{whole}{f'.{rest:0{digits}}' if digits else ''} {amount.currency}"


_MINOR_DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX"), 0),
    **dict.fromkeys(("VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


def story(work: Work, part: Story, path: str) -> Shown:
    if work.supports("story"):
        return as_it_is(work, part, path)
    if part.media is None:
        raise Refused(path, "D13", "a story cannot be sent")
    kind = "video" if part.media.mime.startswith("video/") else "image"
    return media(work, MediaPart(id=part.id, role=kind, media=part.media, actions=part.actions), path)  # type: ignore[arg-type]


def system(work: Work, part: System, path: str) -> Shown:
    if work.supports("system"):
        return as_it_is(work, part, path)
    if not part.text:
        raise Refused(path, "D1", "a notice without words cannot be sent")
    loss = work.loss(path, "presentation", "D1", "the notice is sent as a text")
    return in_words(work, part, path, Rich(part.text), loss)


def unknown(work: Work, part: Part, path: str) -> Shown:
    """A kind without a rule: itself, if the channel says that it takes it."""
    if work.supports(part.kind):
        return as_it_is(work, part, path)
    raise Refused(path, "kind", f"the channel takes no {part.kind}")


Rule = Callable[[Work, Any, str], Shown]
RULES: dict[type[Part], Rule] = {
    Text: text,
    MediaPart: media,
    Location: location,
    Contacts: contacts,
    Poll: poll,
    Link: link,
    Form: form,
    Payment: payment,
    Product: product,
    Order: order,
    Story: story,
    System: system,
}
