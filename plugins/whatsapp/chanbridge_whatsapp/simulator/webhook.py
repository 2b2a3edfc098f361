"""How the platform writes and signs its webhooks. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

import chanbridge as cb
from chanbridge_whatsapp.simulator.state import Waba

BROKEN = {"id": 7, "type": ["text"], "timestamp": {"not": "a time"}, "text": "not an object"}
ITEMS = ("messages", "statuses", "message_echoes", "calls")


class Notice(Struct, frozen=True):
    """One change to tell of."""

    waba: Waba
    field: str
    value: dict[str, Any]
    at: int


def post(url: str, notices: Sequence[Notice], spoil: int | None = None) -> cb.HttpRequest:
    """Write one signed POST of many changes; the item of number ``spoil`` is malformed."""
    entries: list[dict[str, Any]] = []
    for place, notice in enumerate(notices):
        value = _spoiled(notice.value) if place == spoil else notice.value
        _add(entries, notice, value)
    return signed(url, {"object": "whatsapp_business_account", "entry": entries}, notices[0].waba.app.secret)


def signed(url: str, payload: object, secret: str) -> cb.HttpRequest:
    """Write a POST as the platform does: ASCII only, signed over exactly these bytes."""
    body = json.dumps(payload, ensure_ascii=True, separators=(",", ":")).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/json",
        "user-agent": "facebookexternalua",
        "x-hub-signature-256": f"sha256={signature}",
    }
    return cb.HttpRequest(method="POST", url=url, headers=cb.Headers(headers), body=body)


def _add(entries: list[dict[str, Any]], notice: Notice, value: dict[str, Any]) -> None:
    """Append a change, joined to the one before where that is of the same number and kind."""
    if not entries or entries[-1]["id"] != notice.waba.id:
        entries.append({"id": notice.waba.id, "changes": []})
        if "metadata" not in value:
            entries[-1]["time"] = notice.at
    changes = entries[-1]["changes"]
    last = changes[-1]["value"] if changes and changes[-1]["field"] == notice.field else None
    if last is None or "metadata" not in value or last.get("metadata") != value["metadata"]:
        changes.append({"field": notice.field, "value": dict(value)})
        return
    for name in ("contacts", *ITEMS):
        known = last.get(name, [])
        last[name] = known + [item for item in value.get(name, []) if name != "contacts" or item not in known]
        if not last[name]:
            del last[name]


def _spoiled(value: dict[str, Any]) -> dict[str, Any]:
    return {name: [BROKEN] if name in ITEMS else kept for name, kept in value.items()}
