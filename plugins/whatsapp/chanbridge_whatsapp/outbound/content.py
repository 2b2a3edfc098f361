"""The content of a message: from a step's part to the provider's object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chanbridge as cb
from chanbridge_whatsapp.config import WhatsAppConfig
from chanbridge_whatsapp.outbound import commerce, interactive
from chanbridge_whatsapp.outbound.media import reference
from chanbridge_whatsapp.outbound.template import template

Native = dict[str, Any]
KINDS = {"voice": "audio"}
CAPTIONED = ("image", "video", "document")


def content(config: WhatsAppConfig, step: cb.Step) -> cb.Flow[Native]:
    """Write the content of a step, uploading what it holds."""
    if not step.parts:
        return {}
    part = step.parts[0]
    actions = (*part.actions, *step.quick_replies)
    match part:
        case cb.Text():
            return interactive.choices(part.text, actions) if actions else text(part)
        case cb.MediaPart():
            return (yield from media(config, part, actions))
        case cb.Card():
            return (yield from interactive.card(config, part, actions))
        case cb.Carousel():
            return (yield from interactive.carousel(config, part))
        case cb.Template():
            return (yield from template(config, part))
        case cb.Form():
            return interactive.form(part, step.key)
        case _:
            return _plain(part)


def _plain(part: cb.Part) -> Native:
    write = _WRITERS.get(part.kind)
    if write is None:
        raise cb.Unsupported(f"WhatsApp has no {part.kind}")
    return write(part)


def text(part: cb.Text) -> Native:
    """Write words; a preview of their first link only where the author said so."""
    said: Native = {"body": part.text}
    if part.preview is not None:
        said["preview_url"] = part.preview
    return {"type": "text", "text": said}


def media(config: WhatsAppConfig, part: cb.MediaPart, actions: tuple[cb.Action, ...]) -> cb.Flow[Native]:
    """Write a file: alone with its caption, or above buttons."""
    caption = part.caption.text if part.caption else ""
    if actions:
        header = yield from interactive.media_header(config, part.role, part.media)
        return interactive.choices(caption or part.alt, actions, header=header)
    kind = KINDS.get(part.role, part.role)
    file: Native = dict((yield from reference(config, part.media)))
    if caption and kind in CAPTIONED:
        file["caption"] = caption
    if kind == "document" and part.media.filename:
        file["filename"] = part.media.filename
    if part.role == "voice":
        file["voice"] = True
    return {"type": kind, kind: file}


def location(part: cb.Location) -> Native:
    place: Native = {"latitude": part.lat, "longitude": part.lon}
    place |= _filled(name=part.name, address=part.address)
    return {"type": "location", "location": place}


def contacts(part: cb.Contacts) -> Native:
    return {"type": "contacts", "contacts": [_card(card) for card in part.contacts]}


def _card(card: cb.ContactCard) -> Native:
    """Write a card; the provider wants one more piece of the name beside the whole."""
    name = _filled(formatted_name=card.name, first_name=card.first_name, last_name=card.last_name)
    if len(name) == 1:
        name["first_name"] = card.name
    org = _filled(company=card.org, department=card.department, title=card.title)
    return _filled(
        name=name,
        phones=[_filled(phone=p.value, wa_id=p.wa_id, type=p.type.upper()) for p in card.phones],
        emails=[_filled(email=e.value, type=e.type.upper()) for e in card.emails],
        urls=[_filled(url=u.value, type=u.type.upper()) for u in card.urls],
        addresses=[_postal(address) for address in card.addresses],
        org=org,
        birthday=card.birthday,
    )


def _postal(address: cb.PostalAddress) -> Native:
    return _filled(
        street=address.street,
        city=address.city,
        state=address.region,
        zip=address.postal_code,
        country=address.country,
        country_code=address.country_code,
        type=address.type.upper(),
    )


def _filled(**fields: Any) -> Native:
    return {name: value for name, value in fields.items() if value}


_WRITERS: dict[str, Callable[[Any], Native]] = {
    "list": interactive.menu,
    "location": location,
    "contacts": contacts,
    "product": commerce.product,
    "order": commerce.order,
    "payment": commerce.payment,
}
