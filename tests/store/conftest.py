"""The stores under test: whatever keeps the protocol of `chanbridge.store.base` passes the same tests."""

from __future__ import annotations

import pytest

from chanbridge.store.sqlite import SqliteStore


@pytest.fixture
async def store(tmp_path):
    """An open, empty store with one consumer."""
    store = SqliteStore(tmp_path / "chanbridge.db")
    store.journal.consumers = ["handlers"]
    await store.start()
    yield store
    await store.close()
