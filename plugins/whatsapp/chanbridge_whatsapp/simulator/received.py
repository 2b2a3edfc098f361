"""What a customer says, as the platform writes it into a webhook. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from chanbridge.sandbox import File, Phone, Said
from chanbridge_whatsapp.simulator.platform import digits, ids
from chanbridge_whatsapp.simulator.state import Stored


def envelope(phone: Phone, id: str, at: int) -> dict[str, Any]:
    """What every received message has."""
    return {**ids(phone, "from", "from_user_id"), "id": id, "timestamp": str(at)}


def content(said: Said) -> dict[str, Any]:
    """A message's type and content, for what is neither media nor a tap."""
    match said.kind:
        case "text":
            return {"type": "text", "text": {"body": said.text}}
        case "location":
            return {"type": "location", "location": said.data}
        case "contacts":
            return {"type": "contacts", "contacts": [_card(said.data)]}
        case "reaction":
            reaction = {"message_id": said.message, "emoji": said.text}
            return {
                "type": "reaction",
                "reaction": {key: value for key, value in reaction.items() if value},
            }
    return dict(said.data)


def _card(data: Mapping[str, Any]) -> dict[str, Any]:
    name, phone = str(data.get("name", "")), str(data.get("phone", ""))
    return {
        "name": {"formatted_name": name, "first_name": name.partition(" ")[0]},
        "phones": [{"phone": phone, "wa_id": digits(phone), "type": "CELL"}],
    }


def media(file: File, stored: Stored, link: str, caption: str) -> dict[str, Any]:
    """A received file."""
    kind = "audio" if file.role == "voice" else file.role
    shown: dict[str, Any] = {
        "id": stored.id,
        "mime_type": "audio/ogg; codecs=opus" if file.role == "voice" else file.mime,
        "sha256": base64.b64encode(stored.sha256).decode(),
        "url": link,
    }
    if kind == "audio":
        shown["voice"] = file.role == "voice"
    if kind == "sticker":
        shown["animated"] = False
    if kind == "document" and file.filename:
        shown["filename"] = file.filename
    if caption and kind in {"image", "video", "document"}:
        shown["caption"] = caption
    return {"type": kind, kind: shown}
