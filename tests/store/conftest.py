from __future__ import annotations

import pytest

from chanbridge.store.cursors import Cursors
from chanbridge.store.files import Files
from chanbridge.store.journal import Journal


class OnSqlite:
    """The parts of a store that these tests use; another store gives the same."""

    def __init__(self, engine):
        self.journal = Journal(engine)
        self.cursors = Cursors(engine)
        self.files = Files(engine)


@pytest.fixture
def store(engine):
    """An open, empty store."""
    return OnSqlite(engine)
