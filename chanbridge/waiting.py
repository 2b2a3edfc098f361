"""Waiting for a bell."""

from __future__ import annotations

import asyncio
import contextlib


async def rung(bell: asyncio.Event, seconds: float) -> None:
    """Wait until a bell is rung, or for so many seconds.

    `asyncio.wait_for` would not do: before Python 3.12 it swallows a cancellation that comes with the bell.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await bell.wait()
