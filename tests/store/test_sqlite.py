"""The file itself: its version, and whether anything can be kept in it."""

import pytest

from chanbridge.store.engine import StoreError
from chanbridge.store.sqlite import SqliteStore


async def test_a_store_that_is_open_is_writable_and_keeps_its_version(store):
    def read(connection):
        return connection.execute("PRAGMA user_version").fetchone()[0]

    before = await store.engine.read(read)

    await store.writable()

    assert await store.engine.read(read) == before > 0


async def test_a_store_that_is_closed_is_not_writable(tmp_path):
    store = SqliteStore(tmp_path / "chanbridge.db")
    await store.start()
    await store.close()

    with pytest.raises(StoreError, match="not open"):
        await store.writable()


async def test_the_file_of_a_newer_chanbridge_is_refused(tmp_path):
    store = SqliteStore(tmp_path / "chanbridge.db")
    await store.start()
    await store.engine.write(lambda c: c.execute("PRAGMA user_version = 99"))
    await store.close()

    with pytest.raises(StoreError, match="newer"):
        await SqliteStore(tmp_path / "chanbridge.db").start()
