"""The head of every outgoing body: whom it is for."""

from __future__ import annotations

from typing import Any

import chanbridge as cb
from chanbridge_whatsapp import identity


def recipient(to: cb.Conversation, context: dict[str, Any]) -> dict[str, Any]:
    """Name the recipient: a group, a number, or a business-scoped id."""
    head = {"messaging_product": "whatsapp", "recipient_type": "individual"}
    if to.kind == "group" or identity.is_group(to.id):
        return {**head, "recipient_type": "group", "to": to.id}
    if not identity.is_phone(to.id):
        return {**head, "recipient": to.id}
    return {**head, "to": _as_spelled(to.id, context.get("wa_id"))}


def _as_spelled(number: str, wa_id: object) -> str:
    """Write a number as the provider itself spelled it, if that is the same number."""
    known = isinstance(wa_id, str) and wa_id.isdigit() and identity.canonical(wa_id) == number
    return f"+{wa_id}" if known else number
