"""What a message says: its uniform parts."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Callable
from typing import Any

import chanbridge as cb
from chanbridge_whatsapp.capabilities import ID_TTL_S
from chanbridge_whatsapp.errors import failure, problem_of
from chanbridge_whatsapp.inbound.scope import moment
from chanbridge_whatsapp.inbound.wire import Basket, BasketItem, File, Item
from chanbridge_whatsapp.money import minor

Parts = tuple[cb.Part, ...]
_Text = cb.Text  # bound once: `chanbridge` is lazy, and slow to ask each time


def parts_of(item: Item, raw: cb.Raw) -> Parts | None:
    """Give the parts of an item; None if its type is none that says something by itself."""
    read = READERS.get(item.type)
    return read(item, raw) if read else None


def text(item: Item, raw: cb.Raw) -> Parts:
    return (_Text(text=item.text.body if item.text else ""),)


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
    return cb.Media(
        provider_id=file.id,
        mime=file.mime_type or "",
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
    return (cb.Contacts(contacts=tuple(_card(card) for card in item.contacts or [])),)


def _card(card: dict[str, Any]) -> cb.ContactCard:
    name, org = card.get("name") or {}, card.get("org") or {}
    origin = card.get("origin")
    return cb.ContactCard(
        name=name.get("formatted_name") or "",
        first_name=name.get("first_name") or "",
        last_name=name.get("last_name") or "",
        phones=_labeled(card, "phones", "phone"),
        emails=_labeled(card, "emails", "email"),
        urls=_labeled(card, "urls", "url"),
        addresses=tuple(_postal(address) for address in card.get("addresses") or []),
        org=org.get("company") or "",
        department=org.get("department") or "",
        title=org.get("title") or "",
        birthday=card.get("birthday") or "",
        vcard=card.get("vcard") or "",
        extra={"x-whatsapp": {"origin": origin}} if origin else {},
    )


def _labeled(card: dict[str, Any], field: str, key: str) -> tuple[cb.Labeled, ...]:
    return tuple(
        cb.Labeled(value=entry.get(key) or "", type=entry.get("type") or "", wa_id=entry.get("wa_id") or "")
        for entry in card.get(field) or []
    )


def _postal(address: dict[str, Any]) -> cb.PostalAddress:
    return cb.PostalAddress(
        street=address.get("street") or "",
        city=address.get("city") or "",
        region=address.get("state") or "",
        postal_code=address.get("zip") or "",
        country=address.get("country") or "",
        country_code=address.get("country_code") or "",
        type=address.get("type") or "",
    )


def unsupported(item: Item, raw: cb.Raw) -> Parts:
    said = (item.unsupported.type if item.unsupported else None) or item.type
    errors = [failure(problem_of(error)) for error in item.errors or []]
    reason = next((error.detail or (error.provider.title if error.provider else "") for error in errors), "")
    return (cb.UnsupportedPart(provider_type=said, reason=reason, raw=raw),)


def order_of(basket: Basket, ref: str = "") -> cb.Order:
    """Make the order of a basket, with its total if it is all in one currency."""
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
        price = cb.Money(currency=item.currency, minor=minor(item.item_price, item.currency))
    quantity = float(item.quantity) if item.quantity is not None else 1.0
    return cb.LineItem(sku=item.product_retailer_id, qty=quantity, unit_price=price)


READERS: dict[str, Callable[[Item, cb.Raw], Parts]] = {
    "text": text,
    **dict.fromkeys(["image", "video", "audio", "document", "sticker"], media),
    "location": location,
    "contacts": contacts,
    **dict.fromkeys(["unsupported", "unknown", "media_placeholder"], unsupported),
}
