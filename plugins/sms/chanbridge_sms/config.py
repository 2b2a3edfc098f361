"""What one SMS account needs, and what can be wrong with it beyond the type of each key."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

import chanbridge as cb
from chanbridge_sms.addresses import kind, normalise

ProviderName = Literal["twilio"]
PROVIDERS: tuple[ProviderName, ...] = ("twilio",)
SENDER_POOL = "MG"  # how the id of a Twilio Messaging Service begins

_CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"


class QuietHours(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When messages of some categories may go out; outside of it they wait."""

    start: Annotated[str, Meta(description="First minute of the day, HH:MM", pattern=_CLOCK)] = "09:00"
    end: Annotated[str, Meta(description="First minute that is too late, HH:MM", pattern=_CLOCK)] = "20:00"
    tz: Annotated[
        str, Meta(description="'recipient' (by their number; all of its zones must agree) or an IANA zone")
    ] = "recipient"
    applies_to: Annotated[
        tuple[Literal["service", "utility", "marketing", "authentication"], ...],
        Meta(description="Categories of message that keep to it; one without a category never does"),
    ] = ("marketing",)
    action: Annotated[
        Literal["defer", "reject"], Meta(description="Wait until it is allowed, or refuse the message")
    ] = "defer"


class SmsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one SMS account needs."""

    provider: Annotated[ProviderName, Meta(description="Company that carries the texts")]
    account_sid: Annotated[
        str, Meta(description="Account SID (AC...), on the first page of the Console", pattern="^AC")
    ]
    auth_token: Annotated[
        cb.Secret,
        Meta(description="Primary auth token: signs every webhook, and sends unless an API key does"),
    ]
    auth_token_secondary: Annotated[
        cb.Secret | None, Meta(description="The other auth token during a rotation: webhooks may bear either")
    ] = None
    webhook_key: Annotated[
        cb.Secret | None,
        Meta(description="Shared key that signs webhooks, where the account uses one instead of its token"),
    ] = None
    api_key_sid: Annotated[
        str, Meta(description="API key (SK...) to send with, instead of the auth token", pattern="^(SK.*)?$")
    ] = ""
    api_key_secret: Annotated[cb.Secret | None, Meta(description="Secret of the API key")] = None
    sender: Annotated[
        str,
        Meta(
            description="Own number in E.164, short code, alphanumeric name (at most 11 characters, "
            "one-way), or a Messaging Service (MG...)"
        ),
    ] = ""
    messaging_service_sid: Annotated[
        str,
        Meta(description="Messaging Service (MG...) that picks the number; needed without a sender",
             pattern="^(MG.*)?$"),
    ] = ""  # fmt: skip
    country: Annotated[
        str, Meta(description="Country (ISO 3166 alpha-2) of numbers without +", pattern="^([A-Z]{2})?$")
    ] = ""
    encoding: Annotated[
        Literal["auto", "gsm7", "ucs2", "smart"],
        Meta(
            description="auto: GSM-7 where the text allows it, else UCS-2. smart: curly quotes and the like "
            "become GSM-7 where that saves the whole message from UCS-2. gsm7: refuse what does not fit. "
            "ucs2 is for providers that can be told; Twilio cannot"
        ),
    ] = "auto"
    max_parts: Annotated[
        int, Meta(description="Most SMS segments of one message; a longer text becomes several", ge=1, le=10)
    ] = 10
    status_callbacks: Annotated[bool, Meta(description="Ask for delivery reports")] = True
    opt_out_handling: Annotated[
        Literal["provider", "local", "both"],
        Meta(
            description="Whose opt-out words count: those the provider acts on, "
            "those of several languages and your own (keywords), or both"
        ),
    ] = "both"
    keywords: Annotated[
        tuple[str, ...], Meta(description="Further opt-out words: a whole text that is one opts out")
    ] = ()
    quiet_hours: Annotated[
        QuietHours | None, Meta(description="When marketing may go out; absent: always")
    ] = None
    mms: Annotated[
        Literal["auto", "always", "never"],
        Meta(
            description="Send media as MMS: auto is to numbers of the United States and Canada, else a link"
        ),
    ] = "auto"
    media_auth: Annotated[
        bool, Meta(description="Received files need our credential: 'HTTP basic authentication for media'")
    ] = True
    max_media: Annotated[int, Meta(description="Most files in one MMS", ge=1, le=10)] = 10
    messages_per_second: Annotated[
        int,
        Meta(
            description="Sending rate; 0 is the usual one: 1 from a number, 3 toll-free, 100 from a short "
            "code, 10 from a name",
            ge=0,
        ),
    ] = 0
    base_url: Annotated[
        str, Meta(description="Root of the provider's API; a simulator's, for trying", pattern="^https?://")
    ] = "https://api.twilio.com"

    @property
    def service(self) -> str:
        """The Messaging Service, whichever key names it."""
        return self.messaging_service_sid or (self.sender if self.sender.startswith(SENDER_POOL) else "")

    @property
    def number(self) -> str:
        """The own sender as it is written on the wire; empty if only a service is named."""
        if not self.sender or self.sender.startswith(SENDER_POOL):
            return ""
        return normalise(self.sender, self.country)


def problems(config: SmsConfig) -> Iterator[str]:
    """Give every problem that no single key's type shows, each naming the key and the mend."""
    if config.provider not in PROVIDERS:
        yield f"provider: '{config.provider}' is not available; available: {', '.join(PROVIDERS)}"
    if bool(config.api_key_sid) != bool(config.api_key_secret):
        yield "api_key_sid: an API key needs both api_key_sid and api_key_secret"
    if config.encoding == "ucs2":
        yield "encoding: Twilio chooses UCS-2 by itself and cannot be told; use auto, smart or gsm7"
    yield from _sender_problems(config)
    yield from _quiet_problems(config.quiet_hours)
    if any(not word.strip() for word in config.keywords):
        yield "keywords: an empty word would opt out whoever sends an empty text"


def _sender_problems(config: SmsConfig) -> Iterator[str]:
    try:
        sender = config.number
    except cb.ValidationError as error:
        yield f"sender: {error}"
        return
    if config.mms == "always" and sender and kind(sender) == "name":
        yield "mms: an alphanumeric sender cannot send MMS; use a number, or mms = 'never'"


def _quiet_problems(quiet: QuietHours | None) -> Iterator[str]:
    if quiet is None:
        return
    if clock(quiet.start) >= clock(quiet.end):
        yield f"quiet_hours.start: {quiet.start} is not before end, {quiet.end}"
    if quiet.tz != "recipient" and quiet.tz not in zoneinfo.available_timezones():
        yield f"quiet_hours.tz: no time zone '{quiet.tz}'; write recipient or a name such as Europe/Paris"


def clock(text: str) -> dt.time:
    """Read ``HH:MM``."""
    hours, minutes = text.split(":")
    return dt.time(int(hours), int(minutes))
