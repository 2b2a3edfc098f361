"""What one WhatsApp account needs."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

import chanbridge as cb


class WhatsAppConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One business phone number on the WhatsApp Business Platform."""

    access_token: Annotated[
        cb.Secret,
        Meta(
            description="Token of a system user with whatsapp_business_messaging and "
            "whatsapp_business_management (Business settings > System users)"
        ),
    ]
    app_secret: Annotated[
        cb.Secret, Meta(description="Key that signs the webhooks (App dashboard > App settings > Basic)")
    ]
    verify_token: Annotated[
        cb.Secret, Meta(description="A random text of your own, typed in again where the webhook is set up")
    ]
    phone_number_id: Annotated[
        str,
        Meta(
            description="Id of the sender (WhatsApp > API setup); not the phone number itself", min_length=1
        ),
    ]
    waba_id: Annotated[
        str,
        Meta(description="Id of the WhatsApp Business Account; needed for its webhooks and for checks"),
    ] = ""
    app_id: Annotated[str, Meta(description="Id of the app; only used to check its subscription")] = ""
    api_version: Annotated[str, Meta(description="Version of the Graph API", pattern=r"^v\d+\.\d+$")] = (
        "v26.0"
    )
    base_url: Annotated[
        str, Meta(description="Where the Graph API is; another one to use a simulator", pattern="^https?://")
    ] = "https://graph.facebook.com"
    pin: Annotated[
        cb.Secret | None, Meta(description="Two-step verification PIN, six digits; only to register a number")
    ] = None
    marketing_messages: Annotated[
        Literal["off", "CLOUD_API_FALLBACK", "STRICT"],
        Meta(description="Send marketing templates by the Marketing Messages API, with this product policy"),
    ] = "off"
    message_activity_sharing: Annotated[
        bool, Meta(description="Let Meta use the activity on marketing messages to optimise their delivery")
    ] = False
    direct_send: Annotated[
        bool,
        Meta(
            description="Name the category of utility and authentication messages that are no templates "
            "(Direct Send; for admitted accounts only)"
        ),
    ] = False
