"""Who a text goes to or comes from: numbers, short codes, names, and other apps' ids behind a prefix."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, TypeAlias

import chanbridge as cb
from chanbridge.phone import e164

Kind: TypeAlias = Literal["phone", "short_code", "name", "app", "unknown"]

PHONE_APPS = ("whatsapp", "rcs")
APPS = (*PHONE_APPS, "messenger")
"""What shares an SMS provider's webhook; an address of theirs is written ``whatsapp:+12025550100``."""

_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 _&.+-]{1,11}")
_NUMBER = re.compile(r"\+[0-9]{2,15}")
_PUNCTUATION = re.compile(r"[\s()./\u00a0-]+")


def split_app(id: str) -> tuple[str, str]:
    """Split ``whatsapp:+1...`` into app and id; the app of a plain SMS address is empty."""
    app, colon, rest = id.partition(":")
    return (app, rest) if colon and app in APPS else ("", id)


def kind(id: str) -> Kind:
    """Say what a normalised id is."""
    if split_app(id)[0]:
        return "app"
    if _NUMBER.fullmatch(id):
        return "phone"
    if _SHORT_CODE.fullmatch(id):
        return "short_code"
    return "name" if _NAME.fullmatch(id) else "unknown"


@lru_cache(maxsize=4096)
def normalise(id: str, country: str = "") -> str:
    """Write an address as the provider wants it: numbers in E.164, short codes and names as they are.

    ``country`` (ISO 3166 alpha-2) reads numbers without ``+``. Raise `ValidationError` if it is no address.
    """
    app, rest = split_app(id.strip())
    if app:
        return f"{app}:{_phone(rest, country) if app in PHONE_APPS else _opaque(rest)}"
    if _NAME.fullmatch(rest):
        return rest
    if _SHORT_CODE.fullmatch(rest) and not _national(rest, country):
        return rest
    return _phone(rest, country)


def received(id: str) -> str:
    """Write an address as a webhook brings it; never fails, or a strange sender would cost a message."""
    app, rest = split_app(id.strip())
    if app and app not in PHONE_APPS:
        return f"{app}:{rest}"
    digits = _PUNCTUATION.sub("", rest)
    if digits.isascii() and digits.isdigit() and len(digits) > 8:  # shorter ones are short codes
        rest = f"+{digits}"
    return f"{app}:{rest}" if app else rest or "unknown"


def region(id: str) -> str:
    """Give the country of a number (``US``), or nothing."""
    import phonenumbers

    if kind(id) != "phone":
        return ""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(id)) or ""
    except phonenumbers.NumberParseException:
        return ""


def _phone(number: str, country: str) -> str:
    text = number.strip()
    return e164(f"+{text[2:]}" if text.startswith("00") else text, country or None)


def _opaque(id: str) -> str:
    if not id:
        raise cb.ValidationError("", "an address needs an id behind its prefix, as in messenger:1234567890")
    return id


def _national(digits: str, country: str) -> bool:
    """Say whether 7 or 8 digits are a whole number of that country (Denmark, Norway), and no short code."""
    import phonenumbers

    if not country or len(digits) < 7:
        return False
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, country))
    except phonenumbers.NumberParseException:
        return False
