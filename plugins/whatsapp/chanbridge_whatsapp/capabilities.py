"""What WhatsApp can carry: one record for a chat with a person, one for a group."""

from __future__ import annotations

import datetime as dt

import chanbridge as cb

MB = 1024 * 1024
ID_TTL_S = 7 * 24 * 3600
_BY: tuple[cb.By, ...] = ("provider_id", "upload", "url")
_AS_OF = dt.date(2026, 11, 1)
_DOCS = "https://developers.facebook.com/docs/whatsapp"
_SOURCES = (
    f"{_DOCS}/cloud-api/reference/messages",
    f"{_DOCS}/cloud-api/reference/media",
    f"{_DOCS}/cloud-api/support/error-codes",
    f"{_DOCS}/messaging-limits",
)

_TEXT = cb.TextLimits(
    max=4096,
    dialect="whatsapp",
    formatting={
        **dict.fromkeys(["bold", "italic", "strike", "code", "codeblock", "quote", "ul", "ol"], "native"),
        **dict.fromkeys(["link", "heading", "table", "mention"], "convert"),
    },
    preview_links=True,
)


def _media(*mimes: str, max_bytes: int, caption: bool = False) -> cb.MediaLimits:
    return cb.MediaLimits(
        mimes=dict.fromkeys(mimes, "native"),
        max_bytes=max_bytes,
        caption="native" if caption else "reject",
        caption_max=1024 if caption else None,
        by=_BY,
        inbound_url_ttl_s=300,
        inbound_needs_auth=True,
    )


_MEDIA = {
    "image": _media("image/jpeg", "image/png", max_bytes=5 * MB, caption=True),
    "video": _media("video/mp4", "video/3gpp", max_bytes=16 * MB, caption=True),
    "audio": _media("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg", max_bytes=16 * MB),
    "voice": _media("audio/ogg", max_bytes=16 * MB),
    "document": _media("*/*", max_bytes=100 * MB, caption=True),
    "sticker": cb.MediaLimits(
        mimes={"image/webp": "native"},
        max_bytes=100_000,  # still ones; animated ones may have 500,000, which a MIME type does not tell
        max_width=512,
        max_height=512,
        by=_BY,
        inbound_url_ttl_s=300,
        inbound_needs_auth=True,
    ),
}
_INBOUND = cb.Direction(
    parts=dict.fromkeys(
        ["text", "media", "location", "contacts", "order", "system", "unsupported"], "native"
    ),
    events=dict.fromkeys(
        [
            "message.received", "message.echoed", "message.edited", "message.deleted", "message.status",
            "interaction.received", "form.submitted", "reaction.changed", "consent.changed",
            "referral.received", "conversation.opened", "conversation.closed", "member.joined",
            "member.left", "identity.changed", "control.changed", "call.offered", "call.accepted",
            "call.ended", "call.missed", "order.placed", "payment.updated", "template.status",
            "account.status", "provider.event",
        ],
        "native",
    ),
)  # fmt: skip
_TEMPLATE = cb.TemplateLimits(
    required_outside_window=True,
    parameter_style="both",
    names="[a-z0-9_]{1,512}",
    categories=("utility", "marketing", "authentication"),
)
_RECEIPTS = cb.Receipts(
    submitted="native",
    sent="native",
    delivered="native",
    read="native",
    played="native",
    failed="native",
    failure_reasons=True,
)
DIRECT_SEND = ("utility", "authentication")
"""Categories of messages that are no templates and may yet go out while the window is closed."""
_WINDOW = cb.WindowLimits(
    kind="rolling",
    seconds=24 * 3600,
    outside="template",
    opened_by=("category",),  # Direct Send
)
_LIMITS = cb.Limits(
    rate=(
        cb.Rate(scope="account", count=80, per_s=1),
        cb.Rate(scope="recipient", count=1, per_s=6, burst=45),
    )
)

_CARD_BUTTON = cb.ActionLimits(
    kinds=("reply", "url", "webview"),
    max=2,
    label_max=20,
    payload_max=256,
    unique_labels=True,
    mix=(("reply",), ("url",), ("webview",)),
)

DIRECT = cb.Capabilities(
    as_of=_AS_OF,
    sources=_SOURCES,
    inbound=_INBOUND,
    text=_TEXT,
    media=_MEDIA,
    actions={
        "button": cb.ActionLimits(
            kinds=("reply", "url", "webview", "location_request"),
            max=3,
            label_max=20,
            payload_max=256,
            unique_labels=True,
            mix=(("reply",), ("url",), ("webview",), ("location_request",)),
            body_max=1024,
            header_max=60,
            footer_max=60,
            with_media=("image", "video", "document"),
        ),
        "list": cb.ActionLimits(max=10, label_max=24, payload_max=200, body_max=4096),
        "card_button": _CARD_BUTTON.replace(max=3),
    },
    list=cb.ListLimits(
        items_max=10,
        sections_max=10,
        title_max=60,
        body_max=4096,
        footer_max=60,
        section_title_max=24,
        item_title_max=24,
        item_desc_max=72,
        button_label_max=20,
        payload_max=200,
    ),
    # below a picture the title stands in the text, which has room for 1024 characters, between two marks
    card=cb.CardLimits(
        title_max=60, body_max=960, footer_max=60, media=("image", "video"), tap_is_button=True
    ),
    carousel=cb.CarouselLimits(
        min=2,
        max=10,
        homogeneous=True,
        body=True,
        body_required=True,
        body_max=1024,
        card=cb.CardLimits(text_max=160, media=("image", "video"), requires=("actions",), tap_is_button=True),
        card_button=_CARD_BUTTON,
    ),
    location=cb.Feature(),
    contact=cb.Feature(max=257),
    form=cb.Feature(
        kinds=("flow", "address_message", "call_permission_request", "request_contact_info", "voice_call")
    ),
    product=cb.Feature(max=30, kinds=("product", "product_list", "catalog_message", "carousel")),
    order=cb.Feature(kinds=("order_status",)),
    payment=cb.Feature(kinds=("order_details", "order_status")),
    template=_TEMPLATE,
    relation=cb.Relations(reply="native", reaction=cb.Reactions(level="native")),
    receipts=_RECEIPTS,
    presence=cb.Presence(typing_out="native", typing_ttl_s=25, typing_implies_read=True, read_out="native"),
    window=_WINDOW,
    addressing=cb.Addressing(can_initiate=True),
    limits=_LIMITS,
    replaced_by=("type",),
)
GROUP = cb.Capabilities(
    as_of=_AS_OF,
    sources=(*_SOURCES, f"{_DOCS}/cloud-api/groups"),
    inbound=_INBOUND,
    text=_TEXT,
    media=_MEDIA,
    template=_TEMPLATE,
    relation=cb.Relations(reply="native"),
    receipts=_RECEIPTS,
    window=_WINDOW,
    addressing=cb.Addressing(can_initiate=True, groups=True),
    limits=_LIMITS,
    replaced_by=("type",),
)
CAPABILITIES = {"direct": DIRECT, "group": GROUP}


def opened(record: cb.Capabilities) -> cb.Capabilities:
    """Give the record of an account that is admitted to Direct Send."""
    return record.replace(window=record.window.replace(open_to=DIRECT_SEND))
