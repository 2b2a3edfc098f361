"""Channels as their providers' documents describe them, to try the rules on."""

from __future__ import annotations

from chanbridge.model.capabilities import (
    ActionLimits,
    Album,
    Capabilities,
    CardLimits,
    CarouselLimits,
    EmailLimits,
    Feature,
    ListLimits,
    MediaLimits,
    Mutability,
    Presence,
    Reactions,
    Relations,
    TemplateLimits,
    TextLimits,
    WindowLimits,
)

MB = 1024 * 1024
_ANY = {"*/*": "native"}


def _media(mimes=None, **limits):
    return MediaLimits(mimes=mimes or _ANY, **limits)


_WA_CAPTION = {"caption": "native", "caption_max": 1024, "by": ("upload", "url")}
WHATSAPP = Capabilities(
    channel="whatsapp",
    text=TextLimits(
        max=4096,
        dialect="whatsapp",
        formatting=dict.fromkeys(
            ["bold", "italic", "strike", "code", "codeblock", "quote", "ul", "ol"], "native"
        ),
    ),
    media={
        "image": _media({"image/jpeg": "native", "image/png": "native"}, max_bytes=5 * MB, **_WA_CAPTION),
        "video": _media({"video/mp4": "native"}, max_bytes=16 * MB, **_WA_CAPTION),
        "audio": _media({"audio/*": "native"}, max_bytes=16 * MB, by=("upload", "url")),
        "document": _media(max_bytes=100 * MB, **_WA_CAPTION),
        "sticker": _media({"image/webp": "native"}, max_bytes=100_000, max_width=512, by=("upload",)),
    },
    actions={
        "button": ActionLimits(
            kinds=("reply", "url", "location_request"),
            max=3,
            label_max=20,
            payload_max=256,
            unique_labels=True,
            mix=(("reply",), ("url",), ("location_request",)),
            body_max=1024,
            with_media=("image", "video", "document"),
        ),
        "card_button": ActionLimits(kinds=("reply", "url"), max=3, label_max=20, mix=(("reply",), ("url",))),
    },
    list=ListLimits(
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
    card=CardLimits(title_max=60, body_max=1024, media=("image", "video"), tap_is_button=True),
    carousel=CarouselLimits(
        min=2,
        max=10,
        homogeneous=True,
        body_required=True,
        card=CardLimits(text_max=160, media=("image", "video"), requires=("actions",), tap_is_button=True),
        card_button=ActionLimits(kinds=("reply", "url"), max=2, label_max=20, mix=(("reply",), ("url",))),
    ),
    location=Feature(),
    contact=Feature(max=257),
    template=TemplateLimits(required_outside_window=True),
    relation=Relations(reply="native", reaction=Reactions(level="native")),
    presence=Presence(typing_out="native", read_out="native"),
    window=WindowLimits(kind="rolling", seconds=86_400, outside="template"),
)
MESSENGER = Capabilities(
    channel="messenger",
    text=TextLimits(max=2000),
    media={
        role: _media(max_bytes=25 * MB, by=("upload", "url"))
        for role in ("image", "video", "audio", "document")
    },
    actions={
        "button": ActionLimits(
            kinds=("reply", "url", "call"), max=3, label_max=20, payload_max=1000, body_max=640
        ),
        "quick_reply": ActionLimits(
            max=13, label_max=20, payload_max=1000, persists=False, with_media=("image", "video")
        ),
        "card_button": ActionLimits(kinds=("reply", "url", "call"), max=3, label_max=20, payload_max=1000),
    },
    card=CardLimits(title_max=80, body_max=80, media=("image",), requires=("title",)),
    carousel=CarouselLimits(max=10, body=False),
    relation=Relations(reply="native", reaction=Reactions(level="native")),
    presence=Presence(typing_out="native", read_out="native"),
    window=WindowLimits(kind="rolling", seconds=86_400, outside="tag"),
)
LINE = Capabilities(
    channel="line",
    text=TextLimits(max=5000, unit="utf16"),
    media={
        "image": _media({"image/jpeg": "native", "image/png": "native"}, max_bytes=10 * MB, by=("url",)),
        "video": _media({"video/mp4": "native"}, max_bytes=200 * MB, by=("url",)),
        "audio": _media({"audio/mpeg": "native", "audio/x-m4a": "native"}, by=("url",)),
    },
    actions={
        "button": ActionLimits(
            kinds=("reply", "url", "call"),
            max=4,
            label_max=20,
            label_unit="graphemes",
            payload_max=300,
            body_max=160,
        ),
        "quick_reply": ActionLimits(
            kinds=("reply", "url"),
            max=13,
            label_max=20,
            label_unit="graphemes",
            payload_max=300,
            persists=False,
        ),
    },
    location=Feature(),
)
SMS = Capabilities(channel="sms", text=TextLimits(max=1600, unit="gsm", max_segments=10))
MMS = SMS.replace(
    media={
        role: _media(max_bytes=MB, caption="native", caption_max=1600, by=("url",))
        for role in ("image", "video", "audio", "document")
    },
    album=Album(max=10, roles=("image", "video", "audio", "document"), caption="first"),
)
EMAIL = Capabilities(
    channel="email",
    text=TextLimits(dialect="html"),
    details={"media": ("alt",)},
    media={
        role: _media(by=("inline",))
        for role in ("image", "video", "audio", "voice", "animation", "sticker", "document")
    },
    relation=Relations(reply="native", thread="native"),
    email=EmailLimits(max_total_bytes=25 * MB),
)
X_DIRECT = Capabilities(
    channel="twitter",
    text=TextLimits(max=10_000),
    media={
        "image": _media({"image/jpeg": "native", "image/png": "native"}, max_bytes=5 * MB, caption="native"),
        "video": _media({"video/mp4": "native"}, caption="native", max_duration_ms=140_000),
        "animation": _media({"image/gif": "native"}, max_width=1280, caption="native"),
    },
)
X_PUBLIC = Capabilities(channel="twitter", text=TextLimits(max=280, unit="weighted"))
TELEGRAM = Capabilities(
    channel="telegram",
    text=TextLimits(
        max=4096,
        unit="utf16",
        dialect="html",
        formatting=dict.fromkeys(
            ["bold", "italic", "strike", "code", "codeblock", "quote", "link"], "native"
        ),
    ),
    media={
        role: _media(caption="native", caption_max=1024, caption_unit="utf16")
        for role in ("image", "video", "audio", "voice", "animation", "sticker", "document")
    },
    album=Album(max=10, roles=("image", "video"), caption="each"),
    actions={
        "button": ActionLimits(
            kinds=("reply", "url"),
            max=100,
            payload_max=64,
            payload_unit="bytes",
            with_media=("image", "video"),
        )
    },
    location=Feature(kinds=("live",)),
    contact=Feature(max=1),
    poll=Feature(max=12),
    relation=Relations(
        reply="native",
        thread="native",
        edit=Mutability(level="native", max_age_s=172_800),
        delete=Mutability(level="native"),
    ),
)
