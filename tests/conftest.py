from __future__ import annotations

from importlib import resources

import pytest

from chanbridge.store.engine import Engine, connect


@pytest.fixture
async def engine(tmp_path):
    """An open SQLite engine on an empty store."""
    path = tmp_path / "chanbridge.db"
    connection = connect(path)
    connection.executescript(resources.files("chanbridge.store").joinpath("schema.sql").read_text())
    connection.close()
    engine = Engine(path)
    engine.start()
    yield engine
    await engine.close()
