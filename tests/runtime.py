"""A bridge on invented channels, for tests: its providers live in memory, its clock stands still."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import chanbridge as cb
from chanbridge.bridge import Bridge
from tests.channels import (
    Clock,
    Magpie,
    MagpieConfig,
    MagpieProvider,
    Pigeon,
    PigeonConfig,
    PigeonProvider,
    pigeon_webhook,
)


class Providers:
    """Both providers behind one transport."""

    def __init__(self) -> None:
        self.pigeon = PigeonProvider()
        self.magpie = MagpieProvider()

    async def __call__(self, request: cb.HttpRequest, *, foreign: bool = False) -> cb.HttpResponse:
        provider = self.magpie if "magpie" in request.host else self.pigeon
        return await provider(request, foreign=foreign)


def make_bridge(folder: Path, providers: Any, clock: Clock | None = None, **kwargs: Any) -> Bridge:
    """A bridge with one account of each channel: ``main`` (Pigeon) and ``magpie``."""
    accounts = kwargs.pop("accounts", None) or [
        ("main", Pigeon, PigeonConfig()),
        ("magpie", Magpie, MagpieConfig()),
    ]
    more = {"clock": clock} if clock else {}
    public_url = "https://hooks.example.com"
    return Bridge(accounts, folder=folder, transport=providers, public_url=public_url, **more, **kwargs)


async def deliver(bridge: Bridge, *items: Any, account: str = "main") -> cb.HttpResponse:
    """Bring a signed webhook of Pigeon."""
    return await bridge.runtime.receiver.receive(account, pigeon_webhook(*items, account=account))


async def eventually(condition: Any, *, tries: int = 400) -> None:
    """Wait until a condition (a function, or a coroutine function) holds: at most some seconds."""
    for _ in range(tries):
        outcome = condition()
        if asyncio.iscoroutine(outcome):
            outcome = await outcome
        if outcome:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen in time")
