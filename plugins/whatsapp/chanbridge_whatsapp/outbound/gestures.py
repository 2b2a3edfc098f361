"""What is no message: typing, read marks, reactions."""

from __future__ import annotations

from typing import Any

import chanbridge as cb
from chanbridge_whatsapp import identity
from chanbridge_whatsapp.api import number_url
from chanbridge_whatsapp.config import WhatsAppConfig
from chanbridge_whatsapp.outbound.address import recipient


def gesture(config: WhatsAppConfig, gesture: cb.Gesture) -> cb.Flow[None]:
    """Show typing (which marks read, too), mark read, set a reaction or take it back."""
    if gesture.kind == "typing" and not gesture.on:
        return  # it ends by itself, after 25 seconds or with the answer
    yield cb.HttpRequest.post_json(
        number_url(config, "messages"), body(gesture), idempotent=gesture.kind != "reaction"
    )


def body(gesture: cb.Gesture) -> dict[str, Any]:
    """Write a gesture as the provider wants it; raise `SendError` where that cannot be."""
    target = gesture.target.external if gesture.target else ""
    group = gesture.to.kind == "group" or identity.is_group(gesture.to.id)
    if gesture.kind in ("edit", "delete") or group:
        where = " in groups" if group else ""
        raise cb.Unsupported(f"WhatsApp has no {gesture.kind} by API{where}")
    if not target:
        raise cb.SendError("target_gone", detail=f"{gesture.kind} needs the message it is about")
    if gesture.kind == "reaction":
        emoji = gesture.emoji if gesture.on else ""
        return {
            **recipient(gesture.to, gesture.context),
            "type": "reaction",
            "reaction": {"message_id": target, "emoji": emoji},
            **({"biz_opaque_callback_data": gesture.key} if gesture.key else {}),
        }
    seen = {"messaging_product": "whatsapp", "status": "read", "message_id": target}
    return {**seen, "typing_indicator": {"type": "text"}} if gesture.kind == "typing" else seen
