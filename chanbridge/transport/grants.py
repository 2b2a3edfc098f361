"""Keeps expiring credentials fresh: one renewal at a time an account, over all processes."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from chanbridge.channel import Channel, Grant
from chanbridge.transport.drive import Authorize
from chanbridge.vault import Kept, Vault

_log = logging.getLogger(__name__)
SKEW = dt.timedelta(seconds=60)
"""How long before its end a grant is renewed."""


class GrantKeeper:
    """Hands out grants from the vault, and renews them through the channel's ``authorize``."""

    def __init__(
        self, vault: Vault, *, now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    ) -> None:
        self._vault = vault
        self._now = now
        self._held: dict[str, Grant] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def grant(self, channel: Channel[Any], authorize: Authorize, refused: Grant | None = None) -> Grant:
        """Give a grant that holds, and is not the ``refused`` one; it is in the vault before it is given."""
        account = channel.account.name
        held = self._held.get(account)
        if held is not None and usable(held, refused, self._now()):
            return held
        async with self._locks[account]:
            held = self._held.get(account)
            if held is None or not usable(held, refused, self._now()):
                held = self._held[account] = await self._renewed(account, authorize, refused)
            return held

    async def _renewed(self, account: str, authorize: Authorize, refused: Grant | None) -> Grant:
        kept = await self._vault.get(account)
        if kept is not None and usable(kept.grant, refused, self._now()):
            return kept.grant
        async with self._vault.lease(account):
            kept = await self._vault.get(account)  # somebody may have renewed it while we waited
            if kept is not None and usable(kept.grant, refused, self._now()):
                return kept.grant
            return await self._traded(account, authorize, kept)

    async def _traded(self, account: str, authorize: Authorize, kept: Kept | None) -> Grant:
        new = await authorize(kept.grant if kept else None)
        version = kept.version if kept else 0
        while not await self._vault.put(account, new, version):
            # Written under our lease by somebody who does not respect it. What the provider gave last
            # holds: an older refresh token is dead as soon as it has been traded.
            other = await self._vault.get(account)
            version = other.version if other else 0
        _log.info("grant.renewed", extra={"account": account})
        return new


def usable(grant: Grant, refused: Grant | None, now: dt.datetime) -> bool:
    """Say whether a grant may be used: it does not end soon, and was not refused."""
    if refused is not None and grant.token == refused.token:
        return False
    return grant.expires_at is None or now + SKEW < grant.expires_at
