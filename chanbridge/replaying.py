"""A walk through the kept requests that were not understood, or that nobody owns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from chanbridge.store.base import Journal, KeptRequest, RequestState

SET_ASIDE: tuple[RequestState, ...] = ("quarantined", "unowned")
PAGE = 10
"""Most requests of a state in memory at once: a body may be megabytes."""


async def set_aside(
    journal: Journal, states: Sequence[RequestState] = SET_ASIDE
) -> AsyncIterator[KeptRequest]:
    """Give the requests in these states, the oldest first, each once, whatever becomes of it meanwhile."""
    after = 0
    while page := await _next(journal, states, after):
        for kept in page:
            yield kept
        after = page[-1].id


async def _next(journal: Journal, states: Sequence[RequestState], after: int) -> list[KeptRequest]:
    found = [kept for state in states for kept in await journal.requests(state, PAGE, after)]
    return sorted(found, key=lambda kept: kept.id)[:PAGE]
