"""``chanbridge doctor``: the token, the number's quality, the subscription to webhooks."""

from __future__ import annotations

from typing import Any

import msgspec

import chanbridge as cb
from chanbridge_whatsapp.api import url
from chanbridge_whatsapp.config import WhatsAppConfig

FIELDS = "display_phone_number,verified_name,quality_rating,throughput,status,platform_type"
QUALITY: dict[str, Any] = {"YELLOW": "warning", "RED": "error"}


class Health(msgspec.Struct):
    display_phone_number: str = ""
    verified_name: str = ""
    quality_rating: str = ""
    status: str = ""


class App(msgspec.Struct):
    id: str = ""
    name: str = ""


class Subscriber(msgspec.Struct):
    whatsapp_business_api_data: App | None = None


class Subscribers(msgspec.Struct):
    data: list[Subscriber] = []


def findings(config: WhatsAppConfig) -> cb.Flow[list[cb.Finding]]:
    """Check the account against the provider."""
    try:
        answer = yield cb.HttpRequest.get(url(config, config.phone_number_id), fields=FIELDS)
    except cb.SendError as error:
        return [_refused("phone_number_id", error)]
    found = _health(answer.json_or(Health()))
    if not config.waba_id:
        mend = "set waba_id to have the webhooks of the account, and their subscription checked"
        return [*found, cb.Finding(level="warning", what="waba_id is not set", mend=mend)]
    try:
        answer = yield cb.HttpRequest.get(url(config, config.waba_id, "subscribed_apps"))
    except cb.SendError as error:
        return [*found, _refused("waba_id", error)]
    return [*found, _subscription(config, answer.json_or(Subscribers()))]


def _health(health: Health) -> list[cb.Finding]:
    number = health.display_phone_number or "the number"
    named = f" ({health.verified_name})" if health.verified_name else ""
    found = [cb.Finding(level="ok", what=f"the token may use {number}{named}")]
    if health.quality_rating in QUALITY:
        what = f"the quality of {number} is {health.quality_rating}"
        mend = "fewer unwanted messages: see WhatsApp Manager > Phone numbers > Insights"
        found.append(cb.Finding(level=QUALITY[health.quality_rating], what=what, mend=mend))
    if health.status and health.status != "CONNECTED":
        what, mend = (
            f"{number} is {health.status}",
            "register it: POST /PHONE_NUMBER_ID/register with its pin",
        )
        found.append(cb.Finding(level="error", what=what, mend=mend))
    return found


def _subscription(config: WhatsAppConfig, subscribers: Subscribers) -> cb.Finding:
    apps = {
        entry.whatsapp_business_api_data.id for entry in subscribers.data if entry.whatsapp_business_api_data
    }
    if (config.app_id in apps) if config.app_id else bool(apps or subscribers.data):
        return cb.Finding(level="ok", what="the account's webhooks are subscribed to")
    mend = f"POST /{config.waba_id}/subscribed_apps, or tick the app in WhatsApp > Configuration"
    return cb.Finding(level="error", what="no app is subscribed to the account's webhooks", mend=mend)


def _refused(key: str, error: cb.SendError) -> cb.Finding:
    if error.code == "auth_failed":
        mend = "make a new access_token with whatsapp_business_messaging and whatsapp_business_management"
    elif error.retryable:
        mend = "try again later"
    else:
        mend = f"compare {key} with WhatsApp > API setup; the token must belong to the same business"
    return cb.Finding(level="error", what=f"the provider refused {key}: {error}", mend=mend)
