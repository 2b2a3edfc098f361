"""The store, for commands that only look or mend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from chanbridge.cli.common import Failed, new_registry, settings_of

if TYPE_CHECKING:
    from chanbridge.bridge import Bridge
    from chanbridge.store.sqlite import SqliteStore

Work = Callable[["SqliteStore"], Awaitable[int]]


def with_store(config: Path | None, allow_literal_secrets: bool, work: Work) -> int:
    """Open the configured store for some work, beside whatever runs on it."""

    async def run() -> int:
        async with idle_bridge(config, allow_literal_secrets) as bridge:
            return await work(bridge.runtime.store)

    return asyncio.run(run())


@asynccontextmanager
async def idle_bridge(config: Path | None, allow_literal_secrets: bool) -> AsyncIterator[Bridge]:
    """Start a bridge that only does what it is asked."""
    from chanbridge.bridge import Bridge
    from chanbridge.store.engine import StoreError

    registry = new_registry()
    bridge = Bridge.from_settings(settings_of(config, allow_literal_secrets, registry), registry)
    try:
        await bridge.start("nothing")
    except StoreError as error:
        raise Failed(f"the store cannot be opened: {error}") from error
    try:
        yield bridge
    finally:
        await bridge.stop()
