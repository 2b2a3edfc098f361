"""Who somebody is on WhatsApp: phone numbers and their quirks, business-scoped ids, groups.

A number in a webhook (a ``wa_id``) is digits only. It is kept as it came, as an identity, and never
mended; addresses hold its normalised form, in which the two spellings of one number are equal.
"""

from __future__ import annotations

import re

import chanbridge as cb
from chanbridge.phone import e164

Identities = tuple[cb.Identity, ...]
_Identity = cb.Identity  # bound once: `chanbridge` is lazy, and slow to ask each time
CHANNEL = "whatsapp"
BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_PHONE = re.compile(r"[+(\d][\d\s().-]*")
_GROUP = re.compile(r"[A-Za-z0-9_=.@-]{8,256}")
QUIRKY = ("52", "54", "55")


def normalise(id: str) -> str:
    """Write a phone number as E.164; leave a business-scoped id or a group's id as it is.

    Raise `ValidationError` if it is none of these.
    """
    text = id.strip()
    if BSUID.fullmatch(text):
        return text
    if _PHONE.fullmatch(text):
        digits = re.sub(r"\D", "", text)
        if len(digits) <= 15:
            return canonical(e164(canonical(digits)).removeprefix("+"))
    group = text.removeprefix("group:")
    if _GROUP.fullmatch(group) and not group.startswith("+"):
        return group
    raise cb.ValidationError(
        "",
        f"'{id}' is no WhatsApp address: give a number with its country code, as in +12025550123, "
        "or a user's or group's id",
    )


def is_phone(id: str) -> bool:
    """Say whether a normalised id is a phone number."""
    return id.startswith("+")


def is_group(id: str) -> bool:
    """Say whether a normalised id is a group's."""
    return not is_phone(id) and not BSUID.fullmatch(id)


def canonical(digits: str) -> str:
    """Write digits with country code as ``+`` and the one form in which a number's spellings are equal.

    Mexico: without the 1 after the country code. Argentina: with the 9. Brazil: a mobile number
    (its local part begins with 6 to 9) with the ninth digit.
    """
    if digits[:1] != "5" or not digits.startswith(QUIRKY):  # most numbers: asked the quick way first
        return f"+{digits}"
    country, rest = digits[:2], digits[2:]
    if country == "52" and len(rest) == 11 and rest[0] == "1":
        rest = rest[1:]
    elif country == "54" and len(rest) == 10:
        rest = f"9{rest}"
    elif country == "55" and len(rest) == 10 and rest[2] in "6789":
        rest = f"{rest[:2]}9{rest[2:]}"
    return f"+{country}{rest}"


def identities(wa_id: str | None, user_id: str | None, parent: str | None = None) -> Identities:
    """List what somebody is known by, the most stable first; any of the ids may be missing."""
    known = [_Identity(kind="bsuid", value=user_id)] if user_id else []
    if parent:
        known.append(_Identity(kind="parent_bsuid", value=parent))
    if wa_id:
        known.append(_Identity(kind="phone", value=canonical(wa_id) if wa_id.isdigit() else wa_id))
        known.append(_Identity(kind="wa_id", value=wa_id))
    return tuple(known)


def address_of(known: Identities) -> str:
    """Give the address of somebody: by the business-scoped id if there is one, else by the number."""
    return f"{CHANNEL}:{known[0].value}"


def split(sent: str | None, user_id: str | None) -> tuple[str, str]:
    """Tell number and business-scoped id apart: older webhooks put either into ``from``, or nothing."""
    if not sent:
        return "", user_id or ""
    if sent[0].isdigit():
        return sent, user_id or ""
    return (sent[1:], user_id or "") if sent[0] == "+" else ("", user_id or sent)
