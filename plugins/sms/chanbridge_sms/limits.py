"""What texts and picture messages can carry by way of Twilio, as data."""

from __future__ import annotations

import datetime as dt

import chanbridge as cb
from chanbridge_sms import keywords
from chanbridge_sms.addresses import APPS, kind
from chanbridge_sms.config import SmsConfig

AS_OF = dt.date(2026, 1, 5)
SOURCES = (
    "https://www.twilio.com/docs/messaging/api/message-resource",
    "https://www.twilio.com/docs/messaging/guides/accepted-mime-types",
    "https://www.twilio.com/docs/messaging/guides/webhook-request",
)
BODY_MAX = 1600
TOTAL_MAX = 5 * 1024 * 1024
CARRIER_MAX = 600 * 1024  # of what Twilio does not shrink: carriers refuse more
TOLL_FREE = ("+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888")


def _all(names: str) -> dict[str, cb.Level]:
    return dict.fromkeys(names.split(), "native")


_OFFICE = "application/vnd.openxmlformats-officedocument"
_IMAGE = _all("image/jpeg image/png image/gif") | dict.fromkeys(
    ("image/bmp", "image/tiff", "image/heic"), "partial"
)
_VIDEO = _all(
    "video/mp4 video/mpeg video/quicktime video/webm video/3gpp video/3gpp2 video/h261 video/h263 video/h264"
)
_AUDIO = _all(
    "audio/mpeg audio/mp4 audio/ogg audio/3gpp audio/3gpp2 audio/amr audio/amr-nb audio/aac audio/ac3 "
    "audio/basic audio/l24 audio/vnd.wave audio/webm"
)
_DOCUMENT = _all(
    "text/vcard text/x-vcard text/csv text/rtf text/richtext text/calendar text/directory "
    "application/pdf application/vcard application/vnd.apple.pkpass application/msword "
    "application/vnd.ms-excel application/vnd.ms-powerpoint "
    f"{_OFFICE}.wordprocessingml.document {_OFFICE}.spreadsheetml.sheet {_OFFICE}.presentationml.presentation"
)
_EVENTS: dict[str, cb.Level] = dict.fromkeys(
    ("message.received", "message.status", "consent.changed", "interaction.received", "provider.event"),
    "native",
)


def records(config: SmsConfig | None = None) -> dict[str, cb.Capabilities]:
    """Give the record of each variant: plain texts, picture messages, and the apps behind Twilio.

    ``config`` narrows them to one account; without it they are what the plugin can do.
    """
    sms = _sms(config)
    roles = {role: _media(mimes, config) for role, mimes in _ROLES.items()}
    mms = sms.replace(media=roles, album=_album(config))
    chat = _chat(sms, config)
    window = cb.WindowLimits(kind="rolling", seconds=24 * 3600, outside="template")
    return {
        "sms": sms,
        "mms": mms,
        "whatsapp": chat.replace(window=window),
        "messenger": chat.replace(window=window.replace(outside="reject"), template=None),
        "rcs": chat,
    }


_ROLES: dict[str, dict[str, cb.Level]] = {
    "image": _IMAGE,
    "video": _VIDEO,
    "audio": _AUDIO,
    "document": _DOCUMENT,
}


def _sms(config: SmsConfig | None) -> cb.Capabilities:
    return cb.Capabilities(
        as_of=AS_OF,
        sources=SOURCES,
        inbound=cb.Direction(parts={"text": "native", "media": "native"}, events=_EVENTS),
        text=cb.TextLimits(
            max=BODY_MAX, unit="gsm", dialect="plain", max_segments=config.max_parts if config else 10
        ),
        template=cb.TemplateLimits(parameter_style="both", names="HX.*"),
        receipts=_receipts(config, read="none"),
        addressing=cb.Addressing(can_initiate=True, groups=False, max_recipients=1),
        idempotency=cb.Idempotency(outbound="none", inbound_id="native"),
        limits=cb.Limits(rate=(_rate(config),)),
        reply_matching=cb.ReplyMatching(
            default="marker", reserved_keywords=keywords.reserved(config.keywords if config else ())
        ),
        replaced_by=("Body", "MediaUrl", "ContentSid", "ContentVariables"),
    )


def _chat(sms: cb.Capabilities, config: SmsConfig | None) -> cb.Capabilities:
    """One file a message, counted in characters; what only these apps report is read receipts and taps."""
    roles = {role: _media(mimes, config) for role, mimes in _ROLES.items()}
    parts: dict[str, cb.Level] = {"text": "native", "media": "native", "location": "native"}
    return sms.replace(
        inbound=cb.Direction(parts=parts, events=_EVENTS),
        text=cb.TextLimits(max=BODY_MAX, unit="codepoints"),
        media=roles,
        album=None,
        receipts=_receipts(config, read="native"),
    )


def _media(mimes: dict[str, cb.Level], config: SmsConfig | None) -> cb.MediaLimits:
    shrunk = mimes is _IMAGE  # Twilio resizes pictures for the carrier
    return cb.MediaLimits(
        mimes=mimes,
        max_bytes=TOTAL_MAX if shrunk else CARRIER_MAX,
        caption="native",
        caption_max=BODY_MAX,
        by=("url",),
        inbound_needs_auth=config.media_auth if config else True,
    )


def _album(config: SmsConfig | None) -> cb.Album | None:
    most = config.max_media if config else 10
    if most < 2:
        return None
    return cb.Album(min=2, max=most, roles=tuple(_ROLES), caption="first", max_total_bytes=TOTAL_MAX)


def _receipts(config: SmsConfig | None, *, read: cb.Receipt) -> cb.Receipts:
    if config and not config.status_callbacks:
        return cb.Receipts()
    return cb.Receipts(sent="native", delivered="native", read=read, failed="native", failure_reasons=True)


def _rate(config: SmsConfig | None) -> cb.Rate:
    """What carriers let through; Twilio queues what is over it, so a short burst does no harm."""
    count = (config.messages_per_second if config else 0) or per_second(config.number if config else "")
    return cb.Rate(scope="account", count=count, per_s=1, burst=max(10, count))


def per_second(sender: str) -> int:
    """Give the usual rate of a sender; a number's is the lowest, and so is what is not known."""
    match kind(sender) if sender else "unknown":
        case "short_code":
            return 100
        case "name":
            return 10
        case "phone":
            return 3 if sender.startswith(TOLL_FREE) else 1
        case _:
            return 10 if sender.startswith(APPS) else 1
