"""What the simulated platform knows: apps, business accounts, numbers, files, templates, groups."""

from __future__ import annotations

import hashlib
from typing import Any

from msgspec import Struct

LINK_SECONDS = 300
UPLOAD_DAYS, RECEIVED_DAYS = 30, 7
WINDOW_SECONDS = 24 * 3600


class Callback(Struct):
    """Where webhooks go; empty: nowhere from here."""

    url: str = ""
    verify_token: str = ""


class App(Struct, kw_only=True):
    """A Meta app: its secret signs the webhooks, its tokens open what it is allowed to see."""

    id: str
    secret: str
    tokens: set[str]
    callback: Callback


class Template(Struct, kw_only=True):
    """A message template in one language."""

    id: str
    name: str
    language: str
    category: str
    components: list[dict[str, Any]]
    status: str = "APPROVED"
    parameter_format: str = "POSITIONAL"

    def component(self, kind: str) -> dict[str, Any]:
        """The component of a kind; empty if there is none."""
        return next((one for one in self.components if one.get("type", "").upper() == kind), {})

    def node(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "name": self.name,
            "language": self.language,
            "status": self.status,
            "category": self.category,
            "parameter_format": self.parameter_format,
            "components": self.components,
            "id": self.id,
        }


class Waba(Struct, kw_only=True):
    """A WhatsApp Business Account."""

    id: str
    app: App
    callback: Callback
    name: str = "Test business"
    subscribed: bool = True
    templates: dict[str, Template]

    def node(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "name": self.name,
            "status": "ACTIVE",
            "currency": "USD",
            "timezone_id": "1",
            "message_template_namespace": f"TEST_{self.id}",
            "account_review_status": "APPROVED",
            "business_verification_status": "verified",
            "country": "US",
            "ownership_type": "SELF",
            "id": self.id,
        }

    def template(self, name: str, language: str) -> Template | None:
        """Find a template; its language must fit exactly."""
        found = (one for one in self.templates.values() if (one.name, one.language) == (name, language))
        return next(found, None)


class Number(Struct, kw_only=True):
    """A business phone number. ``allowed``: whom a test number may write to; None: everyone."""

    id: str
    account: str
    display: str
    waba: Waba
    callback: Callback
    name: str = "Test business"
    registered: bool = True
    allowed: set[str] | None = None
    blocked: dict[str, dict[str, str]]
    groups: dict[str, dict[str, Any]]
    edges: dict[str, dict[str, Any]]

    @property
    def destination(self) -> str:
        """Where its webhooks go: its own callback, else its account's, else its app's."""
        if not self.waba.subscribed:
            return ""
        for callback in (self.callback, self.waba.callback, self.waba.app.callback):
            if callback.url:
                return callback.url
        return ""

    @property
    def metadata(self) -> dict[str, str]:
        return {"display_phone_number": self.display.lstrip("+"), "phone_number_id": self.id}

    def node(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "verified_name": self.name,
            "code_verification_status": "VERIFIED",
            "display_phone_number": self.display,
            "quality_rating": "GREEN",
            "platform_type": "CLOUD_API",
            "status": "CONNECTED" if self.registered else "PENDING",
            "throughput": {"level": "STANDARD"},
            "webhook_configuration": {"application": self.destination},
            "id": self.id,
        }


class Stored(Struct, kw_only=True):
    """A file on the platform."""

    id: str
    waba: Waba
    mime: str
    data: bytes
    filename: str = ""
    expires: int

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.data).digest()
