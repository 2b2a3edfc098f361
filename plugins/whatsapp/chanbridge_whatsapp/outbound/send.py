"""One step: its uploads, its body, its endpoint, and what the provider made of it."""

from __future__ import annotations

from typing import Any

import msgspec

import chanbridge as cb
from chanbridge_whatsapp import identity
from chanbridge_whatsapp.api import number_url
from chanbridge_whatsapp.capabilities import DIRECT_SEND
from chanbridge_whatsapp.config import WhatsAppConfig
from chanbridge_whatsapp.outbound.address import recipient
from chanbridge_whatsapp.outbound.content import content

CORRELATION_MAX = 512
TYPES = {
    "text", "image", "video", "audio", "document", "sticker", "location", "contacts", "interactive",
    "template",
}  # fmt: skip
"""The objects of a message's content: an override's goes where the message has one of the same type."""


class Known(msgspec.Struct):
    """The recipient as the provider knows it."""

    wa_id: str = ""
    user_id: str = ""


class Accepted(msgspec.Struct):
    id: str


class Answer(msgspec.Struct):
    messages: list[Accepted]
    contacts: list[Known] = []


def send(config: WhatsAppConfig, step: cb.Step) -> cb.Flow[cb.Sent]:
    """Send one step: upload its files, post its message."""
    native = dict(step.override or {})
    if "type" not in native:
        own = yield from content(config, step)
        native = merged(own, {key: value for key, value in native.items() if key not in TYPES - own.keys()})
    edge, more = endpoint(config, step)
    body = {**head(config, step), **native, **more}
    answer = yield cb.HttpRequest.post_json(number_url(config, edge), body)
    return sent(answer.json(Answer), step)


def head(config: WhatsAppConfig, step: cb.Step) -> dict[str, Any]:
    """Write what every message has: the recipient, what it answers, and our key, which statuses echo."""
    found = recipient(step.to, step.context)
    if step.reply_to and step.reply_to.external:
        found["context"] = {"message_id": step.reply_to.external}
    if step.key:
        found["biz_opaque_callback_data"] = step.key[:CORRELATION_MAX]
    if config.direct_send and step.category in DIRECT_SEND and not _template(step):
        found["category"] = step.category
    return found


def endpoint(config: WhatsAppConfig, step: cb.Step) -> tuple[str, dict[str, Any]]:
    """Choose where a step goes, and what that place wants besides."""
    template = _template(step)
    marketing = template is not None and "marketing" in (template.category, step.category)
    if config.marketing_messages == "off" or not marketing:
        return "messages", {}
    return "marketing_messages", {
        "product_policy": config.marketing_messages,
        "message_activity_sharing": config.message_activity_sharing,
    }


def _template(step: cb.Step) -> cb.Template | None:
    return next((part for part in step.parts if isinstance(part, cb.Template)), None)


def merged(own: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lay the author's own fields over ours, objects field by field."""
    found = dict(own)
    for key, value in over.items():
        below = found.get(key)
        found[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return found


def sent(answer: Answer, step: cb.Step) -> cb.Sent:
    """Say what became of a step: the id, and the recipient where the provider knows it by another name."""
    known = answer.contacts[0] if answer.contacts else Known()
    names = [known.user_id, identity.canonical(known.wa_id) if known.wa_id.isdigit() else ""]
    alias = next((name for name in names if name and name != step.to.id), "")
    spelled = known.wa_id if f"+{known.wa_id}" != names[1] else ""
    return cb.Sent(
        answer.messages[0].id if answer.messages else "",
        context=cb.Context(values={"wa_id": spelled}) if spelled else None,
        address=cb.address(identity.CHANNEL, alias) if alias and not identity.is_group(step.to.id) else "",
    )
