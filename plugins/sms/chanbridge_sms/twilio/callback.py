"""One form that Twilio posted: its fields, and what can be read from them alone."""

from __future__ import annotations

import base64
import binascii
import decimal
import re
from collections.abc import Mapping
from typing import Any

import msgspec

import chanbridge as cb
from chanbridge_sms.addresses import PHONE_APPS, kind, received, split_app

_BASE64 = re.compile(r"[A-Za-z0-9+/]{56,}={0,2}")
_INBOUND = frozenset({"", "received", "receiving"})
_CENT = decimal.Decimal("0.01")


class Callback(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The fields of a callback that we use, as Twilio calls them."""

    message_sid: str = ""
    sms_sid: str = ""
    sms_message_sid: str = ""
    messaging_service_sid: str = ""
    sender: str = msgspec.field(name="From", default="")
    to: str = ""
    body: str | None = None
    num_media: str | None = None
    num_segments: str = ""
    opt_out_type: str = ""
    sms_status: str = ""
    message_status: str = ""
    error_code: str = ""
    error_message: str = ""
    channel_status_message: str = ""
    raw_dlr_done_date: str = ""
    price: str = ""
    price_unit: str = ""
    from_city: str = ""
    from_state: str = ""
    from_zip: str = ""
    from_country: str = ""
    profile_name: str = ""
    wa_id: str = ""
    external_user_id: str = ""
    button_text: str = ""
    button_payload: str = ""
    list_id: str = ""
    list_title: str = ""
    original_replied_message_sid: str = ""
    latitude: str = ""
    longitude: str = ""
    address: str = ""
    label: str = ""
    add_ons: str = ""
    call_sid: str = ""
    event_type: str = ""
    level: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Callback:
        return msgspec.convert(fields, cls)

    @property
    def sid(self) -> str:
        """The message's id, under whichever of its names."""
        return self.message_sid or self.sms_sid or self.sms_message_sid

    @property
    def status(self) -> str:
        return (self.message_status or self.sms_status).strip().lower()

    @property
    def reports(self) -> bool:
        """It says what became of a message of ours."""
        return bool(self.sid) and self.status not in _INBOUND

    @property
    def speaks(self) -> bool:
        """It is a message to us."""
        return bool(self.sid and self.sender) and (self.body is not None or self.num_media is not None)

    @property
    def choice(self) -> str:
        """What was tapped, in an app that has buttons."""
        return self.button_payload or self.list_id or self.button_text

    @property
    def type(self) -> str:
        """A name for what is neither: a call, a debugger alert, ..."""
        if self.call_sid:
            return "call"
        return self.event_type or ("debugger" if self.level else "unknown")


def words(call: Callback) -> tuple[str, bool]:
    """Give the text, and whether it had to be decoded.

    Some carriers hand over a long text as an MMS whose text is in base64.
    """
    text = (call.body or "").replace("\0", "")
    packed = "".join(text.split())
    if not call.sid.startswith("MM") or len(packed) % 4 or not _BASE64.fullmatch(packed):
        return text, False
    try:
        decoded = base64.b64decode(packed, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text, False
    readable = all(char.isprintable() or char in "\r\n\t" for char in decoded)
    return (decoded, True) if readable else (text, False)


def contact(call: Callback) -> cb.Contact:
    """Give the sender: the number, what Twilio knows of its place, and a name where an app has one."""
    id = received(call.sender)
    app, rest = split_app(id)
    has_phone = app in ("", *PHONE_APPS) and kind(rest) == "phone"
    named: tuple[tuple[cb.IdentityKind, str], ...] = (
        ("phone", rest if has_phone else ""),
        ("wa_id", call.wa_id),
        ("bsuid", call.external_user_id),
    )
    identities = [cb.Identity(kind=kind, value=value, scope=app) for kind, value in named if value]
    place = {
        "city": call.from_city,
        "state": call.from_state,
        "zip": call.from_zip,
        "country": call.from_country,
    }
    return cb.Contact(
        address=cb.address("sms", id),
        identities=tuple(identities),
        display_name=call.profile_name,
        profile={name: value for name, value in place.items() if value},
    )


def location(call: Callback) -> cb.Location | None:
    """Give the place that was shared (WhatsApp); None where it is none on earth."""
    try:
        lat, lon = float(call.latitude), float(call.longitude)
    except ValueError:
        return None
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        return None
    return cb.Location(lat=lat, lon=lon, name=call.label, address=call.address)


def relation(call: Callback) -> cb.Relation | None:
    """Give what the message answers, where an app says so."""
    quoted = call.original_replied_message_sid
    return cb.Relation(reply_to=cb.Ref(external=quoted)) if quoted else None


def add_ons(call: Callback) -> Any:
    """Give the results of Twilio's add-ons; as text if they are no JSON."""
    try:
        return cb.decode_json(call.add_ons.encode())
    except cb.PayloadError:
        return call.add_ons


def price(call: Callback) -> cb.Price | None:
    """Read what a message cost, where Twilio says: fractions of a cent stay in ``x-sms``."""
    try:
        amount = abs(decimal.Decimal(call.price))
        cents = amount.quantize(_CENT)
    except decimal.InvalidOperation:
        return None
    if not amount.is_finite():
        return None
    currency = call.price_unit.upper()
    exact = cb.Money(currency=currency, minor=int(cents * 100)) if cents == amount and currency else None
    return cb.Price(
        amount=exact, billable=amount > 0, extra={"x-sms": {"amount": str(amount), "currency": currency}}
    )


def count(text: str | None) -> int | None:
    """Read a decimal string; None if it is none, or beyond all reason."""
    return int(text) if text and re.fullmatch(r"[0-9]{1,4}", text) else None
