"""The addresses of the Graph API for one account."""

from __future__ import annotations

from chanbridge_whatsapp.config import WhatsAppConfig

USER_AGENT = "chanbridge-whatsapp/0.1"  # the file host answers some defaults of libraries with a page


def url(config: WhatsAppConfig, *path: str) -> str:
    """Write the URL of a node or edge."""
    return "/".join([config.base_url.rstrip("/"), config.api_version, *path])


def number_url(config: WhatsAppConfig, edge: str) -> str:
    """Write the URL of an edge of the sender."""
    return url(config, config.phone_number_id, edge)
