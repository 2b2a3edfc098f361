from __future__ import annotations

import logging
from importlib import resources

import pytest

from chanbridge.store.engine import Engine, connect


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


@pytest.fixture(autouse=True)
def _library_logger():
    """Give the library's logger back as it was: a command has it write to the terminal."""
    logger = logging.getLogger("chanbridge")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.propagate = before[0], before[2]
    logger.setLevel(before[1])
