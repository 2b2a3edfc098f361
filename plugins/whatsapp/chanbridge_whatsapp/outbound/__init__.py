"""Sending: from steps and gestures to requests."""

from chanbridge_whatsapp.outbound.gestures import gesture
from chanbridge_whatsapp.outbound.media import fetch
from chanbridge_whatsapp.outbound.send import send
from chanbridge_whatsapp.outbound.validation import objections

__all__ = ["fetch", "gesture", "objections", "send"]
