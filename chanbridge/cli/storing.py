"""The store, for commands that only look or mend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from chanbridge.cli.common import new_registry, settings_of
from chanbridge.cli.output import note

if TYPE_CHECKING:
    from chanbridge.bridge import Bridge
    from chanbridge.store.base import Store

Work = Callable[["Store"], Awaitable[int]]


def with_store(config: Path | None, allow_literal_secrets: bool, work: Work) -> int:
    """Open the configured store for some work, beside whatever runs on it; one that is not there is empty."""
    from chanbridge.store.opening import missing

    settings = settings_of(config, allow_literal_secrets, new_registry())
    absent = missing(settings.store)

    async def run() -> int:
        if absent:
            note(f"there is no store yet at {absent}: nothing came in or went out")
            return await _with_empty(work)
        async with idle_bridge(config, allow_literal_secrets) as bridge:
            return await work(bridge.runtime.store)

    return asyncio.run(run())


async def _with_empty(work: Work) -> int:
    from chanbridge.store.opening import empty_store

    with TemporaryDirectory() as folder:
        store = empty_store(Path(folder))
        await store.start()
        try:
            return await work(store)
        finally:
            await store.close()


@asynccontextmanager
async def idle_bridge(config: Path | None, allow_literal_secrets: bool) -> AsyncIterator[Bridge]:
    """Start a bridge that only does what it is asked."""
    from chanbridge.bridge import Bridge

    registry = new_registry()
    bridge = Bridge.from_settings(settings_of(config, allow_literal_secrets, registry), registry)
    await bridge.start("nothing")
    try:
        yield bridge
    finally:
        await bridge.stop()
