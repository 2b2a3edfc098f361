"""Templates: from slots with values to components with parameters.

A value is a text or a number, or an object with a ``type`` (the README lists them).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

import chanbridge as cb
from chanbridge_whatsapp.config import WhatsAppConfig
from chanbridge_whatsapp.money import offset
from chanbridge_whatsapp.outbound import slots
from chanbridge_whatsapp.outbound.media import reference
from chanbridge_whatsapp.outbound.slots import Slot

Native = dict[str, Any]
Values = list[tuple[Slot, Any]]
MEDIA = ("image", "video", "document")
ORDER = ("header", "limited_time_offer", "body", "button")


def template(config: WhatsAppConfig, part: cb.Template) -> cb.Flow[Native]:
    """Write a template, uploading the files in its parameters."""
    values = [*_payloads(part), *((slots.parse(name), value) for name, value in part.parameters.items())]
    written: Native = {"name": part.name, "language": {"code": part.language}}
    if part.namespace:
        written["namespace"] = part.namespace
    components = yield from _components(config, [pair for pair in values if pair[0].card is None])
    cards = yield from _cards(config, values)
    if components or cards:
        written["components"] = [*components, *cards]
    return {"type": "template", "template": written}


def _payloads(part: cb.Template) -> Values:
    """Give the quick replies among a template's actions; those with a parameter have their payload there."""
    return [
        (Slot("button", str(index)), {"type": "payload", "payload": action.payload or action.id})
        for index, action in part.buttons
        if action.kind == "reply" and f"button.{index}" not in part.parameters
    ]


def _cards(config: WhatsAppConfig, values: Values) -> cb.Flow[list[Native]]:
    indexes = sorted({slot.card for slot, _ in values if slot.card is not None})
    cards = []
    for index in indexes:
        own = [pair for pair in values if pair[0].card == index]
        components = yield from _components(config, own)
        cards.append({"card_index": index, "components": components})
    return [{"type": "carousel", "cards": cards}] if cards else []


def _components(config: WhatsAppConfig, values: Values) -> cb.Flow[list[Native]]:
    """Write the components of a template or of one card, positional parameters in their order."""
    found: list[Native] = []
    for component in ORDER:
        own = [pair for pair in values if pair[0].component == component]
        own.sort(key=lambda pair: pair[0].position or 0)
        if component == "button":
            found += [button(slot, value) for slot, value in own]
        elif own:
            parameters = []
            for slot, value in own:
                parameters.append((yield from parameter(config, slot, value)))
            found.append({"type": component, "parameters": parameters})
    return found


def parameter(config: WhatsAppConfig, slot: Slot, value: Any) -> cb.Flow[Native]:
    """Write one parameter of a header, a body or an offer; of a named template, with its name."""
    typed = typed_value(slot, value)
    named = {"parameter_name": slot.key} if slot.key and slot.position is None else {}
    type = typed["type"]
    if type in MEDIA:
        file = media_of(typed)
        shown: Native = dict((yield from reference(config, file)))
        if type == "document" and file.filename:
            shown["filename"] = file.filename
        return {"type": type, **named, type: shown}
    return {"type": type, **named, **_written(typed)}


def typed_value(slot: Slot, value: Any) -> Native:
    """Make an object with a ``type`` of a value: a text, unless it says what it is."""
    if slot.component == "limited_time_offer":
        return {"type": "limited_time_offer", "expires_at": value}
    if isinstance(value, cb.Media):
        return {"type": "image", "media": value}
    if isinstance(value, dict) and "type" in value:
        return value
    return {"type": "text", "text": str(value)}


def media_of(typed: Native) -> cb.Media:
    """Read the file of a typed value."""
    given = typed.get("media")
    return given if isinstance(given, cb.Media) else msgspec.convert(given, cb.Media)


def _written(typed: Native) -> Native:
    match typed["type"]:
        case "currency":
            return {"currency": _currency(typed)}
        case "date_time":
            return {"date_time": {"fallback_value": typed["text"]}}
        case "location":
            place = {"latitude": typed["lat"], "longitude": typed["lon"]}
            named = {key: typed[key] for key in ("name", "address") if typed.get(key)}
            return {"location": {**place, **named}}
        case "product":
            return {"product": {"product_retailer_id": typed["sku"], "catalog_id": typed["catalog"]}}
        case "limited_time_offer":
            return {"limited_time_offer": {"expiration_time_ms": milliseconds(typed["expires_at"])}}
        case _:  # text, group_id, and what is newer than this code: as it stands
            return {key: value for key, value in typed.items() if key != "type"}


def _currency(typed: Native) -> Native:
    per_unit = offset(typed["currency"])
    return {
        "fallback_value": typed["text"],
        "code": typed["currency"],
        "amount_1000": typed["minor"] * 1000 // per_unit,
    }


def milliseconds(value: Any) -> int:
    """Read a time (RFC 3339, or milliseconds already); raise `ValueError` if it is none."""
    if isinstance(value, int):
        return value
    time = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    if time.tzinfo is None:
        time = time.replace(tzinfo=dt.UTC)
    return round(time.timestamp() * 1000)


def button(slot: Slot, value: Any) -> Native:
    """Write a button's parameter: of a plain value, the variable end of its URL."""
    typed = value if isinstance(value, dict) and "type" in value else {"type": "url", "text": str(value)}
    sub_type, written = _button(typed)
    return {"type": "button", "sub_type": sub_type, "index": slot.key, "parameters": [written]}


def _button(typed: Native) -> tuple[str, Native]:
    rest = {key: value for key, value in typed.items() if key not in ("type", "sub_type")}
    match typed["type"]:
        case "url" | "text":
            return "url", {"type": "text", "text": str(typed["text"])}
        case "payload" | "quick_reply":
            return "quick_reply", {"type": "payload", "payload": str(typed["payload"])}
        case "coupon_code" | "copy_code":
            return "copy_code", {"type": "coupon_code", "coupon_code": str(typed["code"])}
        case "voice_call":
            return "voice_call", {"type": "ttl_minutes", "ttl_minutes": typed["ttl_minutes"]}
        case "order_details":
            return "order_details", {"type": "action", "action": {"order_details": typed["order_details"]}}
        case sub_type:  # flow, catalog, mpm, and what is newer than this code: an action of the provider's
            return sub_type, {"type": "action", "action": typed.get("action", rest)}
