"""What a message says: its uniform parts."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Callable
from typing import Any

import chanbridge as cb
from chanbridge.mime import readable
from chanbridge_whatsapp.capabilities import ID_TTL_S
from chanbridge_whatsapp.errors import failure, problem_of
from chanbridge_whatsapp.inbound.scope import moment
from chanbridge_whatsapp.inbound.wire import Basket, BasketItem, File, Item
from chanbridge_whatsapp.money import currency_of, minor

Parts = tuple[cb.Part, ...]
_Text = cb.Text  # bound once: `chanbridge` is lazy, and slow to ask each time


def parts_of(item: Item, raw: cb.Raw) -> Parts | None:
    """Give the parts of an item; None if its type is none that says something by itself."""
    read = READERS.get(item.type)
    return read(item, raw) if read else None


def text(item: Item, raw: cb.Raw) -> Parts:
    said = item.text
    if said is None or said.body is None:
        raise cb.PayloadError("text: the message has no such object, or no body in it")
    return (_Text(text=said.body),)


def media(item: Item, raw: cb.Raw) -> Parts:
    file: File | None = getattr(item, item.type)
    if file is None:
        raise cb.PayloadError(f"{item.type}: the message has no such object")
    role: Any = "voice" if item.type == "audio" and file.voice else item.type
    caption = cb.Text(text=file.caption) if file.caption else None
    extra = {"x-whatsapp": {"animated": True}} if file.animated else {}
    return (cb.MediaPart(role=role, media=media_of(file, item), caption=caption, extra=extra),)


def media_of(file: File, item: Item) -> cb.Media:
    at = moment(item.timestamp)
    if file.link and not file.id:
        return cb.Media(url=file.link, filename=file.filename or "")
    if not file.id:
        raise cb.PayloadError(f"{item.type}: the file has no id")
    return cb.Media(
        provider_id=file.id,
        mime=readable(file.mime_type or ""),
        sha256=hex_digest(file.sha256 or ""),
        filename=file.filename or "",
        expires_at=at + dt.timedelta(seconds=ID_TTL_S) if at else None,
        auth="channel",
    )


def hex_digest(sha256: str) -> str:
    """Write a SHA-256 as lower-case hex, whether it came as base64 (webhooks) or hex (media answers)."""
    if len(sha256) == 64:
        return sha256.lower()
    try:
        digest = base64.b64decode(sha256, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return digest.hex() if len(digest) == 32 else ""


def location(item: Item, raw: cb.Raw) -> Parts:
    place = item.location
    if place is None:
        raise cb.PayloadError("location: the message has no such object")
    if abs(place.latitude) > 90 or abs(place.longitude) > 180:
        raise cb.PayloadError("location: it is no place on earth")
    return (
        cb.Location(
            lat=place.latitude,
            lon=place.longitude,
            name=place.name or "",
            address=place.address or "",
            url=place.url or "",
        ),
    )


def contacts(item: Item, raw: cb.Raw) -> Parts:
    if not item.contacts:
        raise cb.PayloadError("contacts: the message has none")
    return (cb.Contacts(contacts=tuple(_card(card) for card in item.contacts)),)


def _card(card: dict[str, Any]) -> cb.ContactCard:
    name, org = card.get("name") or {}, card.get("org") or {}
    origin = card.get("origin")
    return cb.ContactCard(
        name=_word(name, "formatted_name"),
        first_name=_word(name, "first_name"),
        last_name=_word(name, "last_name"),
        phones=_labeled(card, "phones", "phone"),
        emails=_labeled(card, "emails", "email"),
        urls=_labeled(card, "urls", "url"),
        addresses=tuple(_postal(address) for address in card.get("addresses") or []),
        org=_word(org, "company"),
        department=_word(org, "department"),
        title=_word(org, "title"),
        birthday=_word(card, "birthday"),
        vcard=_word(card, "vcard"),
        extra={"x-whatsapp": {"origin": origin}} if origin else {},
    )


def _word(found: dict[str, Any], field: str) -> str:
    """Read a field of a card; raise `PayloadError` if it is no text."""
    value = found.get(field)
    if value is not None and not isinstance(value, str):
        raise cb.PayloadError(f"contacts: {field} is no text")
    return value or ""


def _labeled(card: dict[str, Any], field: str, key: str) -> tuple[cb.Labeled, ...]:
    return tuple(
        cb.Labeled(value=_word(entry, key), type=_word(entry, "type"), wa_id=_word(entry, "wa_id"))
        for entry in card.get(field) or []
    )


def _postal(address: dict[str, Any]) -> cb.PostalAddress:
    return cb.PostalAddress(
        street=_word(address, "street"),
        city=_word(address, "city"),
        region=_word(address, "state"),
        postal_code=_word(address, "zip"),
        country=_word(address, "country"),
        country_code=_word(address, "country_code"),
        type=_word(address, "type"),
    )


def unsupported(item: Item, raw: cb.Raw) -> Parts:
    said = (item.unsupported.type if item.unsupported else None) or item.type
    errors = [failure(problem_of(error)) for error in item.errors or []]
    reason = next((error.detail or (error.provider.title if error.provider else "") for error in errors), "")
    return (cb.UnsupportedPart(provider_type=said, reason=reason, raw=raw),)


def order_of(basket: Basket, ref: str = "") -> cb.Order:
    """Make the order of a basket, with its total if it is all in one currency."""
    if not basket.product_items:
        raise cb.PayloadError("order: it has no items")
    items = tuple(_line(item) for item in basket.product_items)
    prices = [item.unit_price for item in items]
    currencies = {price.currency for price in prices if price}
    total = None
    if len(currencies) == 1 and all(prices):
        amount = sum(price.minor * item.qty for price, item in zip(prices, items, strict=True) if price)
        total = cb.Money(currency=currencies.pop(), minor=round(amount))
    return cb.Order(
        ref=ref, catalog=basket.catalog_id or "", items=items, total=total, text=basket.text or ""
    )


def _line(item: BasketItem) -> cb.LineItem:
    price = None
    if item.currency and item.item_price is not None:
        currency = currency_of(item.currency)
        price = cb.Money(currency=currency, minor=minor(item.item_price, currency))
    if not item.product_retailer_id:
        raise cb.PayloadError("order: an item has no product_retailer_id")
    quantity = float(item.quantity) if item.quantity is not None else 1.0
    return cb.LineItem(sku=item.product_retailer_id, qty=quantity, unit_price=price)


READERS: dict[str, Callable[[Item, cb.Raw], Parts]] = {
    "text": text,
    **dict.fromkeys(["image", "video", "audio", "document", "sticker"], media),
    "location": location,
    "contacts": contacts,
    **dict.fromkeys(["unsupported", "unknown", "media_placeholder"], unsupported),
}
