"""Every messaging app is a small plugin, every message has one shape, and nothing is lost.

Names are imported on first use, so that ``import chanbridge`` costs little; ``__init__.pyi`` beside
this file says the same to type checkers, and a test holds the two together.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "chanbridge.bridge": """
        Bridge
    """,
    "chanbridge.channel": """
        Account Batch Channel Content Finding Found Gesture Grant Inbound Sent Session each unsigned
    """,
    "chanbridge.hooks": """
        Parked Sink hookimpl
    """,
    "chanbridge.http": """
        Field Flow Headers HttpRequest HttpResponse MediaBody Multipart Pause decode_json same
        with_whole_characters
    """,
    "chanbridge.model.address": """
        Contact Conversation ConversationKind Identity IdentityKind Key Recipient Window address
        parse_key split_address
    """,
    "chanbridge.model.base": """
        Context Money Raw Ref
    """,
    "chanbridge.model.capabilities": """
        ActionLimits Addressing Album By Capabilities CardLimits CarouselLimits Direction
        EmailLimits Feature Idempotency Level Limits ListLimits MediaLimits Mutability Presence Rate
        Reactions Receipt Receipts Relations ReplyMatching Surface TemplateLimits TextLimits Unit
        WindowLimits
    """,
    "chanbridge.model.delivery": """
        Delivery MessageState State ended message_state reached state_of
    """,
    "chanbridge.model.errors": """
        ChanbridgeError ConfigError ErrorCode Failure Fix PayloadError PluginError ProviderError
        Scope SendError SignatureError Unsupported ValidationError code_of_status retry_after
    """,
    "chanbridge.model.events": """
        AccountStatus CallChanged ConsentChanged ControlChanged ConversationChanged EmailFeedback
        Event Fact FormSubmitted IdentityChanged InteractionReceived MemberChanged MessageDeleted
        MessageEchoed MessageEdited MessageReceived MessageStatus OrderPlaced OtherEvent Passive
        PaymentUpdated Price ProviderEvent ReactionChanged ReceiptUpdated ReferralReceived Segment
        TemplateStatus TypingChanged Via Wake chosen incoming
    """,
    "chanbridge.model.media": """
        Media MediaRole
    """,
    "chanbridge.model.message": """
        Alternative Choice EmailProfile External Message Origin Relation
    """,
    "chanbridge.model.parts": """
        Action ActionKind Card Carousel ContactCard Contacts Entity Form Labeled LineItem Link
        ListItem ListPart Live Location MediaPart Order OtherPart Part PartKind Payment Poll
        PollOption PostalAddress Product Section Story System Template TemplateCategory Text
        TextFormat UnsupportedPart
    """,
    "chanbridge.secret": """
        Secret
    """,
    "chanbridge.sending": """
        Sending
    """,
    "chanbridge.talk": """
        Talk
    """,
    "chanbridge.transcode.plan": """
        Loss LossLevel Option Plan Policy ReplyMap Situation Step
    """,
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'chanbridge' has no attribute '{name}'")
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value


def __dir__() -> list[str]:
    return __all__
