"""WhatsApp for chanbridge, through the WhatsApp Business Platform (Cloud API)."""

from __future__ import annotations

from typing import Any

import chanbridge as cb
from chanbridge_whatsapp.channel import WhatsApp
from chanbridge_whatsapp.config import WhatsAppConfig

__all__ = ["WhatsApp", "WhatsAppConfig"]


@cb.hookimpl
def chanbridge_channels() -> list[type[cb.Channel[Any]]]:
    """Name the channel of this plugin."""
    return [WhatsApp]


@cb.hookimpl
def chanbridge_simulators() -> list[Any]:
    """Name the simulated provider, for the sandbox."""
    from chanbridge_whatsapp.simulator import WhatsAppSimulator

    return [WhatsAppSimulator]
