"""What the platform checks of a message before it accepts it. Pure; limits as of November 2026."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from chanbridge_whatsapp.simulator.graph import Refused, missing
from chanbridge_whatsapp.simulator.state import Template

MEBI = 1024 * 1024
MEDIA: dict[str, tuple[tuple[str, ...], int]] = {
    "image": (("image/jpeg", "image/png"), 5 * MEBI),
    "audio": (("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16 * MEBI),
    "video": (("video/mp4", "video/3gpp"), 16 * MEBI),
    "sticker": (("image/webp",), 500_000),
    "document": ((), 100 * MEBI),
}
CAPTIONED = {"image", "video", "document"}
GROUP_TYPES = {"text", "template", "pin", *MEDIA}
MAX_CORRELATION = 512
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_UNTIDY = re.compile(r"[\n\t]| {4}")


def check(message: Mapping[str, Any]) -> None:
    """Raise `Refused` unless a message (anything but a template's parameters) may be sent."""
    kind = message.get("type") or "text"
    if message.get("messaging_product") != "whatsapp":
        raise missing("messaging_product")
    if not message.get("to") and not message.get("recipient"):
        raise missing("to")
    if len(message.get("biz_opaque_callback_data", "")) > MAX_CORRELATION:
        raise _long("biz_opaque_callback_data", MAX_CORRELATION)
    if kind not in CHECKS:
        raise Refused(131051, f"The message type {kind} is not supported.")
    if message.get("recipient_type") == "group" and kind not in GROUP_TYPES:
        raise Refused(131051, f"The message type {kind} cannot be sent to a group.")
    content = message.get(kind)
    if not isinstance(content, list if kind == "contacts" else dict) or not content:
        raise missing(kind)
    try:
        CHECKS[kind](kind, content)
    except (AttributeError, KeyError, TypeError) as error:
        raise Refused(100, f"A parameter of {kind} has the wrong type.") from error


def _text(kind: str, content: Mapping[str, Any]) -> None:
    _words("text.body", content.get("body"), 4096)


def _media(kind: str, content: Mapping[str, Any]) -> None:
    if bool(content.get("id")) == bool(content.get("link")):
        raise Refused(131009, f"{kind} needs either an id or a link.")
    if "caption" in content:
        if kind not in CAPTIONED:
            raise Refused(131009, f"{kind} takes no caption.")
        _words(f"{kind}.caption", content["caption"], 1024)


def _location(kind: str, content: Mapping[str, Any]) -> None:
    for name, most in (("latitude", 90), ("longitude", 180)):
        try:
            fits = abs(float(content[name])) <= most
        except KeyError as error:
            raise missing(f"location.{name}") from error
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise Refused(131009, f"location.{name} is no coordinate.")


def _contacts(kind: str, content: Sequence[Mapping[str, Any]]) -> None:
    for card in content:
        name = card.get("name") or {}
        if not name.get("formatted_name"):
            raise missing("contacts.name.formatted_name")
        if not any(name.get(part) for part in ("first_name", "last_name", "middle_name", "suffix", "prefix")):
            raise Refused(131009, "contacts.name needs one more part than formatted_name.")


def _reaction(kind: str, content: Mapping[str, Any]) -> None:
    if not content.get("message_id"):
        raise missing("reaction.message_id")


def _template(kind: str, content: Mapping[str, Any]) -> None:
    if not content.get("name"):
        raise missing("template.name")
    if not (content.get("language") or {}).get("code"):
        raise missing("template.language.code")


def _pin(kind: str, content: Mapping[str, Any]) -> None:
    if not content.get("message_id"):
        raise missing("pin.message_id")


def _interactive(kind: str, content: Mapping[str, Any]) -> None:
    subtype, action = content.get("type", ""), content.get("action")
    if subtype not in INTERACTIVE:
        raise Refused(131009, f"interactive.type {subtype} is not valid.")
    needs_body, body_max, header_kinds = INTERACTIVE[subtype]
    if not isinstance(action, dict):
        raise missing("interactive.action")
    if needs_body or "body" in content:
        _words("interactive.body.text", (content.get("body") or {}).get("text"), body_max)
    if content.get("footer"):
        _words("interactive.footer.text", content["footer"].get("text"), 60)
    _header(content.get("header"), header_kinds, required=subtype == "product_list")
    if subtype in ACTIONS:
        ACTIONS[subtype](action)


def _header(header: Mapping[str, Any] | None, kinds: Sequence[str], *, required: bool) -> None:
    if not header:
        if required:
            raise missing("interactive.header")
        return
    kind = header.get("type", "")
    if kind not in kinds:
        raise Refused(131009, f"interactive.header of type {kind} is not valid here.")
    if kind == "text":
        _words("interactive.header.text", header.get("text"), 60)
    else:
        _media(kind, header.get(kind) or {})


def _buttons(action: Mapping[str, Any]) -> None:
    replies = [button.get("reply") or {} for button in action.get("buttons") or []]
    _count("interactive.action.buttons", replies, 1, 3)
    for reply in replies:
        _words("reply.id", reply.get("id"), 256)
        _words("reply.title", reply.get("title"), 20)
    _unique("reply.id", [reply["id"] for reply in replies])
    _unique("reply.title", [reply["title"] for reply in replies])


def _list(action: Mapping[str, Any]) -> None:
    _words("interactive.action.button", action.get("button"), 20)
    sections = action.get("sections") or []
    _count("interactive.action.sections", sections, 1, 10)
    rows = [row for section in sections for row in section.get("rows") or []]
    _count("rows", rows, 1, 10)
    for section in sections:
        if len(sections) > 1 or section.get("title"):
            _words("section.title", section.get("title"), 24)
    for row in rows:
        _words("row.id", row.get("id"), 200)
        _words("row.title", row.get("title"), 24)
        if row.get("description"):
            _words("row.description", row["description"], 72)
    _unique("row.id", [row["id"] for row in rows])


def _link(action: Mapping[str, Any]) -> None:
    parameters = action.get("parameters") or {}
    _words("display_text", parameters.get("display_text"), 20)
    if not re.match(r"https?://", str(parameters.get("url", ""))):
        raise Refused(131009, "parameters.url is no URL.")


def _carousel(action: Mapping[str, Any]) -> None:
    cards = action.get("cards") or []
    _count("interactive.action.cards", cards, 2, 10)
    if len({card.get("type") for card in cards}) > 1:
        raise Refused(131009, "All cards of a carousel have the same type.")
    for card in cards:
        if card.get("body"):
            _words("card.body.text", card["body"].get("text"), 160)
        _card_action(card.get("action") or {})


def _card_action(action: Mapping[str, Any]) -> None:
    if "parameters" in action:
        _link(action)
    elif "buttons" in action:
        replies = [button.get("quick_reply") or {} for button in action["buttons"]]
        _count("card.action.buttons", replies, 1, 3)
        for reply in replies:
            _words("quick_reply.title", reply.get("title"), 20)


def _words(name: str, value: Any, most: int) -> None:
    if not isinstance(value, str) or not value:
        raise missing(name)
    if len(value) > most:
        raise _long(name, most)


def _long(name: str, most: int) -> Refused:
    return Refused(131009, f"{name} is longer than {most} characters.")


def _count(name: str, items: Sequence[Any], least: int, most: int) -> None:
    if not least <= len(items) <= most:
        raise Refused(131009, f"{name} has {len(items)} items; {least} to {most} are allowed.")


def _unique(name: str, values: Sequence[str]) -> None:
    if len(set(values)) < len(values):
        raise Refused(131009, f"{name} occurs twice.")


ANY_HEADER = ("text", "image", "video", "document")
INTERACTIVE: dict[str, tuple[bool, int, tuple[str, ...]]] = {
    "button": (True, 1024, ANY_HEADER),
    "list": (True, 4096, ("text",)),
    "cta_url": (True, 1024, ANY_HEADER),
    "flow": (True, 1024, ANY_HEADER),
    "location_request_message": (True, 1024, ()),
    "address_message": (True, 1024, ANY_HEADER),
    "product": (False, 1024, ()),
    "product_list": (True, 1024, ("text",)),
    "catalog_message": (True, 1024, ANY_HEADER),
    "carousel": (True, 1024, ()),
    "call_permission_request": (False, 1024, ()),
    "voice_call": (True, 1024, ANY_HEADER),
    "request_contact_info": (True, 1024, ()),
    "order_details": (True, 1024, ANY_HEADER),
    "order_status": (True, 1024, ()),
}
ACTIONS = {"button": _buttons, "list": _list, "cta_url": _link, "carousel": _carousel}
CHECKS: dict[str, Any] = {
    "text": _text,
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
    "template": _template,
    "interactive": _interactive,
    "pin": _pin,
    **dict.fromkeys(MEDIA, _media),
}


def check_recipient(message: Mapping[str, Any], template: Template | None) -> None:
    """Raise `Refused` if a message goes to a business-scoped id, and its category needs a number."""
    category = template.category if template else str(message.get("category", "")).upper()
    if category == "AUTHENTICATION" and not message.get("to"):
        raise Refused(131062, "An authentication message can be sent to a phone number only.")


def check_file(role: str, mime: str, size: int) -> None:
    """Raise `Refused` unless a file may be sent in a role."""
    kinds, most = MEDIA[role]
    if kinds and mime.partition(";")[0].strip() not in kinds:
        raise Refused(131053, f"Unsupported {role} mime type {mime}.")
    if size > most:
        raise Refused(131053, f"The {role} is larger than {most} bytes.")


def check_template(template: Template, given: Mapping[str, Any]) -> None:
    """Raise `Refused` unless the parameters fit the template."""
    if template.status == "PAUSED":
        raise Refused(132015, "The template is paused.")
    if template.status != "APPROVED":
        raise Refused(132001, f"The template {template.name} is not approved.")
    for kind in ("HEADER", "BODY"):
        component = template.component(kind)
        parameters = parameters_of(given, kind)
        if kind == "HEADER" and component.get("format", "TEXT") not in {"TEXT", "LOCATION"}:
            _check_media_header(component["format"], parameters)
        else:
            _check_texts(kind.lower(), component.get("text", ""), parameters)


def _check_media_header(wanted: str, parameters: Sequence[Mapping[str, Any]]) -> None:
    found = [str(one.get("type", "")).upper() for one in parameters]
    if found != [wanted]:
        raise Refused(132012, f"header: expected {wanted}, received {', '.join(found) or 'UNKNOWN'}")


def _check_texts(where: str, text: str, parameters: Sequence[Mapping[str, Any]]) -> None:
    wanted = variables(text)
    if len(parameters) != len(wanted):
        details = (
            f"{where}: number of localizable_params ({len(parameters)}) "
            f"does not match the expected number of params ({len(wanted)})"
        )
        raise Refused(132000, details)
    for name, parameter in zip(wanted, parameters, strict=True):
        if not name.isdigit() and not any(one.get("parameter_name") == name for one in parameters):
            raise Refused(132012, f"{where}: the parameter {name} is missing")
        if parameter.get("type") == "text" and _UNTIDY.search(parameter.get("text", "")):
            raise Refused(132018, f"{where}: a parameter has a new line, a tab or four spaces")


def variables(text: str) -> list[str]:
    """The variables of a template's text, once each, in the order of their values."""
    names = list(dict.fromkeys(_VARIABLE.findall(text)))
    return sorted(names, key=int) if all(name.isdigit() for name in names) else names


def parameters_of(given: Mapping[str, Any], kind: str, index: int = 0) -> list[dict[str, Any]]:
    """The parameters that a message gives for one component (of a button: the one at ``index``)."""
    for component in given.get("components") or []:
        if component.get("type", "").upper() == kind and int(component.get("index", 0)) == index:
            return list(component.get("parameters") or [])
    return []


def filled(text: str, parameters: Sequence[Mapping[str, Any]]) -> str:
    """Put the parameters into a template's text."""
    values = {
        one.get("parameter_name") or str(place): parameter_text(one)
        for place, one in enumerate(parameters, 1)
    }
    return _VARIABLE.sub(lambda match: values.get(match[1], match[0]), text)


def parameter_text(parameter: Mapping[str, Any]) -> str:
    """What a phone shows of a parameter."""
    value = parameter.get(parameter.get("type", ""), "")
    return str(value.get("fallback_value", "")) if isinstance(value, dict) else str(value)
