"""The stores under test: whatever keeps the protocol of `chanbridge.store.base` passes the same tests."""

from __future__ import annotations

from importlib import resources

import pytest

from chanbridge.store.engine import Engine, connect
from chanbridge.store.sqlite import SqliteStore


@pytest.fixture
async def engine(tmp_path):
    """An open SQLite engine on an empty store."""
    path = tmp_path / "engine.db"
    connection = connect(path)
    connection.executescript(resources.files("chanbridge.store").joinpath("schema.sql").read_text())
    connection.close()
    engine = Engine(path)
    engine.start()
    yield engine
    await engine.close()


@pytest.fixture
async def store(tmp_path):
    """An open, empty store with one consumer."""
    store = SqliteStore(tmp_path / "chanbridge.db")
    store.journal.consumers = ["handlers"]
    await store.start()
    yield store
    await store.close()
