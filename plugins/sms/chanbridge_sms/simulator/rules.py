"""What Twilio checks of a message before it accepts it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from chanbridge_sms.simulator.rest import Refused
from chanbridge_sms.simulator.state import Content

BODY_MAX, MEDIA_MAX, MEDIA_BYTES = 1600, 10, 5 * 1024 * 1024
VALIDITY = range(1, 36_001)
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SPACING = re.compile(r"[\s().-]")
_VARIABLE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")


def recipient(fields: Mapping[str, Any]) -> str:
    """The number a message goes to."""
    to = str(fields.get("To", ""))
    if not to:
        raise Refused(21604)
    number = _SPACING.sub("", to)
    if not _E164.fullmatch(number):
        raise Refused(21211, to)
    return number


def sender(fields: Mapping[str, Any]) -> tuple[str, str]:
    """The number and the service a message comes from; one of them is given."""
    number, service = str(fields.get("From", "")), str(fields.get("MessagingServiceSid", ""))
    if number.startswith("MG"):
        number, service = "", number
    if not number and not service:
        raise Refused(21603)
    short = number.isdigit() and len(number) <= len("12345678")
    if number and not (short or _E164.fullmatch(number) or _ALPHANUMERIC.fullmatch(number)):
        raise Refused(21212, number)
    return number, service


def links(fields: Mapping[str, Any]) -> list[str]:
    """The files of a message, by their URLs."""
    given = fields.get("MediaUrl", [])
    found = [given] if isinstance(given, str) else list(given)
    if len(found) > MEDIA_MAX:
        raise Refused(21623)
    for link in found:
        if urlsplit(link).scheme not in {"http", "https"} or not urlsplit(link).hostname:
            raise Refused(21620, link)
    return found


def body(fields: Mapping[str, Any], files: Sequence[str]) -> str:
    """The text of a message without template."""
    text = str(fields.get("Body", ""))
    if not text and not files:
        raise Refused(21602)
    if len(text) > BODY_MAX:
        raise Refused(21617)
    return text


def options(fields: Mapping[str, Any]) -> None:
    """Check what else a message may say."""
    callback = str(fields.get("StatusCallback", ""))
    if callback:
        parts = urlsplit(callback)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "_" in parts.hostname:
            raise Refused(21609, callback)
    validity = str(fields.get("ValidityPeriod", "1"))
    if not validity.isdigit() or int(validity) not in VALIDITY:
        raise Refused(21624, validity)


def rendered(content: Content, given: str) -> tuple[str, list[str]]:
    """The text and the files of a content template with its variables filled in."""
    try:
        values = json.loads(given or "{}")
    except ValueError as error:
        raise Refused(21656) from error
    if not isinstance(values, dict):
        raise Refused(21656)
    filled = {**content.variables, **{str(key): str(value) for key, value in values.items()}}
    shape = next(iter(content.types.values()), {})
    texts = [str(shape.get("body", "")), *(str(link) for link in shape.get("media") or [])]
    if any(name not in filled for text in texts for name in _VARIABLE.findall(text)):
        raise Refused(21656)
    text, *files = (_VARIABLE.sub(lambda match: filled[match[1]], text) for text in texts)
    return text, files
