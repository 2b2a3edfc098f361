"""Webhooks: from bytes to events."""

from chanbridge_whatsapp.inbound.envelope import parse

__all__ = ["parse"]
