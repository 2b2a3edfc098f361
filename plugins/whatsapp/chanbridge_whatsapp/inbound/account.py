"""Events of templates and of the account: fields whose ``value`` is one event by itself."""

from __future__ import annotations

from typing import Any

import chanbridge as cb

Value = dict[str, Any]
TOPICS = {
    "phone_number_quality_update": "quality",
    "phone_number_name_update": "name",
    "business_capability_update": "limit",
    "account_update": "restriction",
    "account_review_update": "review",
    "account_alerts": "alert",
    "security": "security",
    "payment_configuration_update": "payment",
    "business_username_updates": "username",
    "flows": "flow",
}
"""What each field is about; those whose ``event`` is no restriction say so by their status."""


def account_event(field: str, value: Value, base: dict[str, Any]) -> cb.Event | None:
    """Give the event of an account-wide field; None if it has no uniform kind."""
    if field in TEMPLATES:
        return _template(field, value, base)
    if field not in TOPICS:
        return None
    alert = value.get("alert_info")
    alert = alert if isinstance(alert, dict) else {}
    status = next((value[key] for key in ("event", "decision", "status") if value.get(key)), None)
    return cb.AccountStatus(
        topic=TOPICS[field],
        status=_text(status or alert.get("alert_status")),
        reason=_reason(value) or _text(alert.get("alert_description")),
        detail=value,
        **base,
    )


def _template(field: str, value: Value, base: dict[str, Any]) -> cb.Event:
    quality = "new_quality_score" in value
    name = _text(value.get("message_template_name"))
    status = "quality" if quality else TEMPLATES.get(field) or _text(value.get("event"))
    return cb.TemplateStatus(
        name=name,
        language=_text(value.get("message_template_language")),
        template_id=_text(value.get("message_template_id")),
        status=status,
        category=_text(value.get("new_category") or value.get("message_template_category")),
        quality=_text(value.get("new_quality_score")),
        reason=_reason(value),
        detail=_detail(value),
        **base,
    )


def _reason(value: Value) -> str:
    """Give why: ``NONE`` stands for no reason."""
    for key in ("reason", "rejection_reason", "message"):
        said = value.get(key)
        if isinstance(said, str) and said and said != "NONE":
            return said
    return ""


def _detail(value: Value) -> str:
    """Give what a person may do about it."""
    said: list[Any] = []
    for key in ("rejection_info", "other_info", "disable_info"):
        info = value.get(key)
        if isinstance(info, dict):
            said += [
                info.get(name)
                for name in ("reason", "recommendation", "title", "description", "disable_date")
            ]
    return " ".join(_text(piece) for piece in said if piece)


def _text(value: object) -> str:
    return "" if value is None else str(value)


TEMPLATES: dict[str, str] = {
    "message_template_status_update": "",  # the event says it
    "message_template_quality_update": "quality",
    "message_template_components_update": "components",
    "template_category_update": "category",
}
"""The fields of templates, with the status that stands for the change."""
