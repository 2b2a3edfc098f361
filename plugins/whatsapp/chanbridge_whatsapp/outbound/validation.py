"""What only WhatsApp knows to be wrong with a message, before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

import chanbridge as cb
from chanbridge_whatsapp.identity import CHANNEL
from chanbridge_whatsapp.outbound import offers, slots
from chanbridge_whatsapp.outbound.slots import Slot
from chanbridge_whatsapp.outbound.template import MEDIA, button, media_of, milliseconds, typed_value

Problems = Iterator[cb.ValidationError]
OURS = ("messaging_product", "recipient_type", "to", "recipient", "context", "biz_opaque_callback_data")
CODE_MAX = 15
PAYLOAD_MAX = 256
URL_MAX = 2000
_NAME = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Za-z0-9]{2,4}){0,2}")
_BAD_SPACE = re.compile(r"[\n\r\t]| {4,}")
_FIELDS: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "url": ("text",),
    "currency": ("text", "currency", "minor"),
    "date_time": ("text",),
    "location": ("lat", "lon"),
    "product": ("sku", "catalog"),
    "payload": ("payload",),
    "quick_reply": ("payload",),
    "coupon_code": ("code",),
    "copy_code": ("code",),
    "voice_call": ("ttl_minutes",),
    "order_details": ("order_details",),
    "group_id": ("group_id",),
}
"""What a typed value must have besides its type."""


def objections(message: cb.Message) -> Problems:
    """Give every objection to a message, each with its path and the mend."""
    yield from _override(message.overrides.get(CHANNEL))
    for index, part in enumerate(message.parts):
        if isinstance(part, cb.Template):
            yield from _template(f"parts[{index}]", part, message.category)
        yield from offers.objections(f"parts[{index}]", part)


def _override(override: Any) -> Problems:
    path = f"overrides.{CHANNEL}"
    if override is None:
        return
    if not isinstance(override, dict):
        yield cb.ValidationError(path, "must be an object: the fields of a message of the Cloud API")
        return
    for key in OURS:
        if key in override:
            yield cb.ValidationError(f"{path}.{key}", "is set by chanbridge: leave it out")
    kind = override.get("type")
    if kind is not None and not (isinstance(kind, str) and isinstance(override.get(kind), (dict, list))):
        yield cb.ValidationError(path, "has a type: add the object of that name, or leave the type out")


def _template(path: str, part: cb.Template, category: str | None) -> Problems:
    if not _NAME.fullmatch(part.name):
        yield cb.ValidationError(f"{path}.name", "use a-z, 0-9 and _ only, at most 512: the template's name")
    if not _LANGUAGE.fullmatch(part.language):
        yield cb.ValidationError(
            f"{path}.language", "give the template's language as approved, such as en or en_US"
        )
    known: list[Slot] = []
    for name, value in part.parameters.items():
        where = f"{path}.parameters['{name}']"
        try:
            slot = slots.parse(name)
        except cb.ValidationError as error:
            yield cb.ValidationError(where, error.rule)
            continue
        known.append(slot)
        yield from _value(where, slot, value, "authentication" in (part.category, category))
    yield from _gaps(path, known)


def _value(where: str, slot: Slot, value: Any, secret: bool) -> Problems:
    """Object to one value."""
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    if not (
        plain
        or isinstance(value, cb.Media)
        or (isinstance(value, dict) and isinstance(value.get("type"), str))
    ):
        yield cb.ValidationError(where, "give a text, a number, or an object with a type")
        return
    if slot.component == "limited_time_offer":
        yield from _time(where, value)
        return
    typed = value if isinstance(value, dict) else typed_value(slot, value)
    missing = [key for key in _FIELDS.get(typed["type"], ()) if typed.get(key) in (None, "")]
    if missing:
        yield cb.ValidationError(where, f"a {typed['type']} needs {' and '.join(missing)}")
        return
    if typed["type"] in MEDIA:
        yield from _file(where, typed)
    if typed["type"] == "currency" and not isinstance(typed["minor"], int):
        yield cb.ValidationError(f"{where}.minor", "give a whole number of minor units (cents)")
    yield from _button(where, slot, typed) if slot.component == "button" else _words(where, typed, secret)


def _words(where: str, typed: dict[str, Any], secret: bool) -> Problems:
    text = typed.get("text")
    if not isinstance(text, str):
        return
    if _BAD_SPACE.search(text):
        yield cb.ValidationError(where, "must not hold a line break, a tab or four spaces in a row")
    if secret and len(text) > CODE_MAX:
        yield cb.ValidationError(where, f"a one-time code has at most {CODE_MAX} characters")


def _button(where: str, slot: Slot, typed: dict[str, Any]) -> Problems:
    sub_type = button(slot, typed)["sub_type"]
    said = {"url": "text", "quick_reply": "payload", "copy_code": "code"}.get(sub_type, "")
    limit = {"url": URL_MAX, "quick_reply": PAYLOAD_MAX, "copy_code": CODE_MAX}.get(sub_type)
    text = str(typed.get(said, ""))
    if limit and len(text) > limit:
        yield cb.ValidationError(where, f"a {sub_type} button takes at most {limit} characters")
    if sub_type == "url" and re.search(r"\s", text):
        yield cb.ValidationError(where, "the end of a URL must not hold spaces: percent-encode it")


def _file(where: str, typed: dict[str, Any]) -> Problems:
    try:
        file = media_of(typed)
    except msgspec.ValidationError:
        yield cb.ValidationError(
            f"{where}.media", "give a media object: {'url': ...} or {'provider_id': ...}"
        )
        return
    if file.url and not file.url.startswith(("https://", "http://")):
        yield cb.ValidationError(
            f"{where}.media.url", "must be a public link: upload a file of this machine first"
        )
    elif not (file.url or file.provider_id or file.blob or file.data):
        yield cb.ValidationError(f"{where}.media", "name the file: url, provider_id, blob or data")


def _time(where: str, value: Any) -> Problems:
    try:
        milliseconds(value)
    except ValueError:
        yield cb.ValidationError(where, "give the time when the offer ends, such as 2026-12-31T22:00:00Z")


def _gaps(path: str, known: list[Slot]) -> Problems:
    """Object to positions that do not run from 1, and to positions beside names."""
    for card, component in sorted({(slot.card, slot.component) for slot in known}, key=str):
        if component not in ("header", "body"):
            continue
        own = [slot for slot in known if (slot.card, slot.component) == (card, component) and slot.key]
        positions = sorted(slot.position for slot in own if slot.position is not None)
        where = f"{path}.parameters" if card is None else f"{path}.parameters of card {card}"
        if positions and len(positions) < len(own):
            yield cb.ValidationError(
                where, f"the {component} has both numbers and names: a template has only one"
            )
        elif positions != list(range(1, len(positions) + 1)):
            yield cb.ValidationError(
                where, f"the {component} is numbered from 1 without a gap: {component}.1, ..."
            )
