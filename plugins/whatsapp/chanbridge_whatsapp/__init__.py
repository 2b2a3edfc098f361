"""WhatsApp for chanbridge, through the WhatsApp Business Platform (Cloud API)."""

from __future__ import annotations

from typing import Any

import chanbridge as cb
from chanbridge.hooks import hookimpl
from chanbridge_whatsapp.channel import WhatsApp
from chanbridge_whatsapp.config import WhatsAppConfig

__all__ = ["WhatsApp", "WhatsAppConfig"]


@hookimpl
def chanbridge_channels() -> list[type[cb.Channel[Any]]]:
    return [WhatsApp]
