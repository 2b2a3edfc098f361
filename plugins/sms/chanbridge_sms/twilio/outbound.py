"""A step as the form fields of one Twilio message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import msgspec

import chanbridge as cb
from chanbridge.transcode import gsm
from chanbridge_sms.addresses import normalise, split_app
from chanbridge_sms.config import SmsConfig
from chanbridge_sms.limits import BODY_MAX
from chanbridge_sms.twilio import errors
from chanbridge_sms.twilio.inbound import OUR_KEY

VALIDITY_MAX = 36_000  # seconds; Twilio's own default
TEMPLATE = "HX"  # how the id of a content template begins
CONTENT = frozenset({"Body", "MediaUrl", "ContentSid", "ContentVariables"})
OVERRIDES = CONTENT | {
    "AddressRetention", "ApplicationSid", "Attempt", "ContentRetention", "FallbackFrom", "ForceDelivery",
    "MaxPrice", "PersistentAction", "ProvideFeedback", "RiskCheck", "SendAsMms", "ShortenUrls",
    "SmartEncoded", "TrafficType", "ValidityPeriod",
}  # fmt: skip
"""Fields that ``overrides.sms`` of a message may set; sender, recipient and reports are ours."""

NO_SENDER = "the account cannot send: give it a sender, or a messaging_service_sid"

Fields = list[tuple[str, str]]


def send(step: cb.Step, config: SmsConfig, webhook_url: str) -> cb.Flow[cb.Sent]:
    """Create one message. Twilio knows no idempotency key, so the request may not be repeated."""
    url = f"{account_url(config)}/Messages.json"
    accepted = yield cb.HttpRequest.post_form(url, fields(step, config, webhook_url))
    created: _Created = accepted.json(_Created)
    if created.error_code:
        raise cb.SendError.from_failure(errors.of_code(str(created.error_code), created.error_message or ""))
    return cb.Sent(created.sid)


def account_url(config: SmsConfig) -> str:
    """Give where the account's resources are."""
    return f"{config.base_url.rstrip('/')}/2010-04-01/Accounts/{config.account_sid}"


def fields(step: cb.Step, config: SmsConfig, webhook_url: str = "") -> Fields:
    """Write the form of a step; raise `SendError` for what must not leave."""
    to = normalise(step.to.id, config.country)
    override = step.override or {}
    form = [("To", to), *_sender(to, config)]
    if len(form) == 1:
        raise cb.SendError("invalid_request", detail=NO_SENDER)
    content = _override(override, CONTENT) or list(_content(step, config))
    if not content:
        raise cb.Unsupported("a text message needs words, a file or a template")
    form += content
    form += _status_callback(step, config, webhook_url)
    if "ValidityPeriod" not in override:
        form += _validity(step)
    return form + _override(override, OVERRIDES - CONTENT)


def _sender(to: str, config: SmsConfig) -> Iterator[tuple[str, str]]:
    if number := config.number:
        app = split_app(to)[0]
        yield "From", number if not app or split_app(number)[0] else f"{app}:{number}"
    if config.service:
        yield "MessagingServiceSid", config.service


def _content(step: cb.Step, config: SmsConfig) -> Iterator[tuple[str, str]]:
    template = next((part for part in step.parts if isinstance(part, cb.Template)), None)
    if template:
        yield "ContentSid", template.name
        if template.parameters:
            yield "ContentVariables", json.dumps(variables(template), ensure_ascii=False)
        return
    if step.text:
        yield "Body", written(step.text, config)
    for part in step.media:
        if not part.media.url:
            raise cb.Unsupported("Twilio fetches files by URL: set public_url, so that we can serve them")
        yield "MediaUrl", part.media.url


def written(text: str, config: SmsConfig) -> str:
    """Write a text as the account's encoding wants it."""
    smart = gsm.smart(text) if config.encoding in ("smart", "gsm7") else text
    if config.encoding == "gsm7" and not gsm.is_gsm(smart):
        raise cb.Unsupported(outside_gsm(smart))
    if len(smart) > BODY_MAX:  # look-alikes may be longer: … is three characters
        raise cb.Unsupported(f"{len(smart)} characters, and Twilio takes {BODY_MAX}", code="too_large")
    return smart


def outside_gsm(text: str) -> str:
    """Say what keeps a text from GSM-7."""
    code = next(ord(character) for character in text if not gsm.is_gsm(character))
    return f"U+{code:04X} is not in GSM-7; write it differently, or set encoding to auto"


def variables(template: cb.Template) -> dict[str, str]:
    """Give a template's variables as Twilio names them: ``body.1`` and ``1`` are both ``1``."""
    return {slot.removeprefix("body."): _value(slot, value) for slot, value in template.parameters.items()}


def _value(slot: str, value: object) -> str:
    match value:
        case str():
            return value
        case bool() | None:
            pass
        case int() | float():
            return str(value)
        case {"text": str(text)}:
            return text
    raise cb.ValidationError(f"parameters.{slot}", "write a text, a number, or an object with a text")


def _status_callback(step: cb.Step, config: SmsConfig, webhook_url: str) -> Fields:
    """Have reports brought to us, with our id: it is in the query, which is signed and kept as it is."""
    if not (config.status_callbacks and webhook_url):
        return []
    joint = "&" if "?" in webhook_url else "?"
    return [
        (
            "StatusCallback",
            f"{webhook_url}{joint}{urlencode({OUR_KEY: step.key})}" if step.key else webhook_url,
        )
    ]


def _validity(step: cb.Step) -> Fields:
    if step.expires_at is None:
        return []
    seconds = int((step.expires_at - step.now).total_seconds())
    if seconds < 1:
        raise cb.SendError("expired", detail="expires_at has passed")
    return [("ValidityPeriod", str(seconds))] if seconds < VALIDITY_MAX else []


def _override(override: dict[str, Any], allowed: frozenset[str]) -> Fields:
    """Write the author's own fields: true and false in lower case, a list as a repeated field."""
    return [
        (name, _written_value(value))
        for name, values in override.items()
        if name in allowed
        for value in (values if isinstance(values, list) else [values])
    ]


def _written_value(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def validate(message: cb.Message, config: SmsConfig) -> Iterator[cb.ValidationError]:
    """Check what only this plugin knows of a message."""
    if not (config.sender or config.service):
        yield cb.ValidationError("", NO_SENDER)
    for index, part in enumerate(message.parts):
        path = f"parts[{index}]"
        match part:
            case cb.Template():
                yield from _template_problems(part, path)
            case cb.Text(text=text):
                yield from _text_problems(text, f"{path}.text", config)
            case cb.MediaPart(caption=cb.Text(text=text)):
                yield from _text_problems(text, f"{path}.caption.text", config)
    own = message.overrides.get("sms", {})
    if not isinstance(own, dict):
        yield cb.ValidationError("overrides.sms", "write an object of Twilio's fields")
        return
    for name in sorted(set(own) - OVERRIDES):
        rule = f"is no field that may be set; these may: {', '.join(sorted(OVERRIDES))}"
        yield cb.ValidationError(f"overrides.sms.{name}", rule)


def _template_problems(part: cb.Template, path: str) -> Iterator[cb.ValidationError]:
    if not part.name.startswith(TEMPLATE):
        if part.preview:
            return  # another channel's: its preview goes out
        rule = "a template of Twilio is named by its Content SID, HX... (Console > Content Template Builder)"
        yield cb.ValidationError(f"{path}.name", rule)
    for slot, value in part.parameters.items():
        try:
            _value(slot, value)
        except cb.ValidationError as error:
            yield cb.ValidationError(f"{path}.{error.path}", error.rule)


def _text_problems(text: str, path: str, config: SmsConfig) -> Iterator[cb.ValidationError]:
    if config.encoding == "gsm7" and not gsm.is_gsm(gsm.smart(text)):
        yield cb.ValidationError(path, outside_gsm(gsm.smart(text)))


class _Created(msgspec.Struct):
    sid: str
    error_code: int | None = None
    error_message: str | None = None
