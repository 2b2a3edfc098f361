"""SMS and MMS for chanbridge."""

from __future__ import annotations

from typing import Any

import chanbridge as cb
from chanbridge_sms.channel import Sms
from chanbridge_sms.config import QuietHours, SmsConfig

__all__ = ["QuietHours", "Sms", "SmsConfig"]


@cb.hookimpl
def chanbridge_channels() -> list[type[cb.Channel[Any]]]:
    """Name the channel of this plugin."""
    return [Sms]


@cb.hookimpl
def chanbridge_simulators() -> list[Any]:
    """Name the simulated Twilio, for the sandbox."""
    from chanbridge_sms.simulator import TwilioSimulator

    return [TwilioSimulator]
