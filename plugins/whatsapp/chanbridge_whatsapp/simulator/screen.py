"""What a customer's phone shows of an accepted message. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chanbridge.sandbox import File, Option, Seen
from chanbridge_whatsapp.simulator.rules import MEDIA, filled, parameters_of
from chanbridge_whatsapp.simulator.state import Template

Shown = dict[str, Any]


def show(message: Mapping[str, Any], files: tuple[File, ...], template: Template | None) -> Shown:
    """Give the fields of a `Seen` for a message whose files are at hand."""
    kind = message.get("type") or "text"
    content = message[kind]
    shown: Shown = {
        "kind": kind,
        "media": files,
        "reply_to": (message.get("context") or {}).get("message_id", ""),
        "raw": dict(message),
    }
    if kind in MEDIA:
        return shown | {"text": content.get("caption", "")}
    if kind == "template" and template:
        return shown | _template(template, content)
    if kind == "interactive":
        return shown | _interactive(content)
    return shown | _plain(kind, content)


def _plain(kind: str, content: Any) -> Shown:
    match kind:
        case "text":
            return {"text": content["body"]}
        case "location":
            name = " ".join(filter(None, (content.get("name"), content.get("address"))))
            return {"text": name or f"{content['latitude']}, {content['longitude']}"}
        case "contacts":
            return {"text": "\n".join(card["name"]["formatted_name"] for card in content)}
        case "reaction":
            return {"text": content.get("emoji", ""), "reply_to": content["message_id"]}
    return {}


def _interactive(content: Mapping[str, Any]) -> Shown:
    action = content["action"]
    header = content.get("header") or {}
    return {
        "kind": content["type"],
        "text": (content.get("body") or {}).get("text", ""),
        "header": header.get("text", ""),
        "footer": (content.get("footer") or {}).get("text", ""),
        "button": action.get("button", ""),
        "options": tuple(_options(content["type"], action)),
    }


def _options(kind: str, action: Mapping[str, Any]) -> list[Option]:
    parameters = action.get("parameters") or {}
    match kind:
        case "button":
            return [_reply(button["reply"]) for button in action["buttons"]]
        case "list":
            return [_reply(row) for section in action["sections"] for row in section["rows"]]
        case "cta_url":
            return [Option(kind="url", label=parameters["display_text"], url=parameters["url"])]
        case "carousel":
            return [option for card in action["cards"] for option in _card(card)]
        case "flow":
            return [Option(kind="flow", id="flow", label=parameters.get("flow_cta", ""))]
        case "location_request_message":
            return [Option(kind="location", id="location")]
        case "call_permission_request":
            return [Option(kind="permission", id=answer, label=answer) for answer in ("accept", "reject")]
    return []


def _card(card: Mapping[str, Any]) -> list[Option]:
    action = card.get("action") or {}
    if "buttons" in action:
        return [
            _reply(button.get("quick_reply") or button.get("reply") or {}) for button in action["buttons"]
        ]
    return _options(card.get("type", ""), action)


def _reply(reply: Mapping[str, Any]) -> Option:
    return Option(
        id=str(reply.get("id", "")),
        label=str(reply.get("title", "")),
        description=str(reply.get("description", "")),
    )


def _template(template: Template, given: Mapping[str, Any]) -> Shown:
    header = template.component("HEADER").get("text", "")
    return {
        "text": filled(template.component("BODY").get("text", ""), parameters_of(given, "BODY")),
        "header": filled(header, parameters_of(given, "HEADER")),
        "footer": template.component("FOOTER").get("text", ""),
        "options": tuple(_template_buttons(template, given)),
    }


def _template_buttons(template: Template, given: Mapping[str, Any]) -> list[Option]:
    options = []
    for index, button in enumerate(template.component("BUTTONS").get("buttons") or []):
        parameters = parameters_of(given, "BUTTON", index)
        label = button.get("text", "")
        match button.get("type", "").upper():
            case "QUICK_REPLY":
                payload = next((one.get("payload") for one in parameters), None)
                options.append(Option(id=payload or label, label=label, kind="quick_reply"))
            case "URL":
                url = filled(button.get("url", ""), parameters)
                options.append(Option(label=label, kind="url", url=url))
            case "PHONE_NUMBER":
                options.append(Option(label=label, kind="call", url=f"tel:{button.get('phone_number', '')}"))
            case other:
                options.append(Option(label=label, kind=other.lower()))
    return options


def tapped(seen: Seen, option: Option, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Write what a tap sends; raise `ValueError` where it sends nothing. ``answer`` fills in a form."""
    match option.kind:
        case "quick_reply":
            return {"type": "button", "button": {"payload": option.id, "text": option.label}}
        case "permission":
            reply = {"response": option.id, "is_permanent": False, "response_source": "user_action"}
            return _interactive_reply("call_permission_reply", reply)
        case "flow":
            reply = {"name": "flow", "body": "Sent", "response_json": json.dumps(answer)}
            return _interactive_reply("nfm_reply", reply)
        case "reply" if seen.kind == "list":
            row = {"id": option.id, "title": option.label}
            if option.description:
                row["description"] = option.description
            return _interactive_reply("list_reply", row)
        case "reply":
            return _interactive_reply("button_reply", {"id": option.id, "title": option.label})
    raise ValueError(f"tapping a {option.kind} button sends no message")


def _interactive_reply(kind: str, reply: dict[str, Any]) -> dict[str, Any]:
    return {"type": "interactive", "interactive": {"type": kind, kind: reply}}
