"""The file itself: its version, and whether anything can be kept in it."""

import os

import pytest

import chanbridge as cb
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

    with pytest.raises(cb.ConfigError, match="newer chanbridge"):
        await SqliteStore(tmp_path / "chanbridge.db").start()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
async def test_a_store_that_is_made_is_for_its_owner_alone_and_one_that_is_there_keeps_its_mode(
    tmp_path, umask
):
    store = SqliteStore(tmp_path / "chanbridge.db")
    before = os.umask(umask)
    try:
        await store.start()
    finally:
        os.umask(before)

    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
    await store.close()
    (tmp_path / "chanbridge.db").chmod(0o660)
    await store.start()
    kept = (tmp_path / "chanbridge.db").stat().st_mode & 0o777
    await store.close()

    assert modes.keys() >= {"chanbridge.db", "chanbridge.db-wal"}
    assert set(modes.values()) == {"0o600"}
    assert kept == 0o660


async def test_a_place_where_no_store_can_be_made_is_named(tmp_path):
    (tmp_path / "data").write_text("")

    with pytest.raises(cb.ConfigError, match="cannot be made: File exists: name another place"):
        await SqliteStore(tmp_path / "data" / "chanbridge.db").start()
