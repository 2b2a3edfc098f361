"""The engine: one fsync for many, and a bad piece of work takes no other with it."""

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from chanbridge.store import engine as engine_module
from chanbridge.store import jobs, wal
from chanbridge.store.engine import Engine, StoreError, connect


@pytest.fixture
async def open_engine(tmp_path):
    engine = Engine(tmp_path / "test.db")
    engine.start()
    await engine.write(lambda c: c.execute("CREATE TABLE things (n INTEGER PRIMARY KEY) STRICT"))
    yield engine
    await engine.close()


def insert(n):
    return lambda c: c.execute("INSERT INTO things VALUES (?)", (n,)).lastrowid


async def count(engine):
    return await engine.read(lambda c: c.execute("SELECT count(*) FROM things").fetchone()[0])


async def test_work_that_queued_together_shares_commits(open_engine, tmp_path):
    commits = []
    await open_engine.write(lambda c: c.set_trace_callback(lambda sql: commits.append(sql)))

    await asyncio.gather(*(open_engine.write(insert(n)) for n in range(200)))

    assert await count(open_engine) == 200
    assert sum(sql == "COMMIT" for sql in commits) < 20


async def test_what_was_written_is_on_disk_when_write_returns(open_engine, tmp_path):
    await open_engine.write(insert(7))

    other = sqlite3.connect(tmp_path / "test.db")
    assert other.execute("SELECT n FROM things").fetchall() == [(7,)]
    other.close()


async def test_a_bad_piece_of_work_takes_no_other_with_it(open_engine):
    outcomes = await asyncio.gather(
        *(open_engine.write(insert(n)) for n in [1, 2, 2, 3]), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [int, int, sqlite3.IntegrityError, int]
    assert await count(open_engine) == 3


async def test_half_done_work_leaves_nothing(open_engine):
    def half(connection):
        connection.execute("INSERT INTO things VALUES (1)")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await open_engine.write(half)

    assert await count(open_engine) == 0


async def test_a_cancelled_caller_does_not_stop_the_writer(open_engine):
    waiting = asyncio.create_task(open_engine.write(insert(1)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    await open_engine.write(insert(2))

    assert await count(open_engine) == 2


async def test_closing_finishes_what_has_queued(tmp_path):
    engine = Engine(tmp_path / "test.db")
    engine.start()
    await engine.write(lambda c: c.execute("CREATE TABLE things (n INTEGER PRIMARY KEY) STRICT"))
    late = [asyncio.ensure_future(engine.write(insert(n))) for n in range(50)]
    await asyncio.sleep(0)

    await engine.close()

    await asyncio.gather(*late)
    other = sqlite3.connect(tmp_path / "test.db")
    assert other.execute("SELECT count(*) FROM things").fetchone() == (50,)
    other.close()


async def test_a_store_that_is_not_open_says_so(tmp_path):
    engine = Engine(tmp_path / "test.db")

    with pytest.raises(StoreError, match="not open"):
        await engine.write(insert(1))


async def test_a_file_that_is_no_database_is_reported_with_its_path(tmp_path):
    (tmp_path / "test.db").write_bytes(b"this is no database, and longer than a header " * 10)

    with pytest.raises(StoreError, match=r"test\.db"):
        Engine(tmp_path / "test.db").start()


async def test_a_locked_file_is_a_store_error(open_engine, tmp_path, monkeypatch):
    monkeypatch.setattr(engine_module, "BUSY_MS", 50)
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreError, match="locked"):
        await open_engine.write(insert(1))

    other.execute("ROLLBACK")
    other.close()
    await open_engine.write(insert(1))


async def test_after_a_lock_that_was_waited_for_in_vain_the_loop_does_not_wait(
    open_engine, tmp_path, monkeypatch
):
    monkeypatch.setattr(engine_module, "BUSY_MS", 50)
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreError, match="locked"):
        await open_engine.write(insert(1))

    other.close()
    timeouts = await open_engine.write(lambda c: c.execute("PRAGMA busy_timeout").fetchone()[0])
    assert timeouts == 0


async def test_a_file_that_is_destroyed_while_it_is_open_refuses_all_and_can_be_closed(open_engine, tmp_path):
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("INSERT INTO things VALUES (1)")
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    (tmp_path / "test.db").write_bytes(b"garbage!" * 4096)

    async with asyncio.timeout(10):
        outcomes = await asyncio.gather(
            *(open_engine.write(insert(n)) for n in range(2, 5)), return_exceptions=True
        )
        with pytest.raises(StoreError):
            await count(open_engine)
        with pytest.raises(StoreError):
            await open_engine.write(insert(9))
        await open_engine.close()

    assert [type(outcome) for outcome in outcomes] == [StoreError] * 3


async def test_reads_and_the_close_need_none_of_the_loops_shared_threads(tmp_path):
    engine = Engine(tmp_path / "test.db")
    engine.start()
    free = threading.Event()
    with ThreadPoolExecutor(1) as shared:
        asyncio.get_running_loop().set_default_executor(shared)
        busy = asyncio.ensure_future(asyncio.to_thread(free.wait, 20))
        try:
            async with asyncio.timeout(10):
                assert await engine.read(lambda c: c.execute("SELECT 7").fetchone()[0]) == 7
                await engine.close()
        finally:
            free.set()
            await busy


async def test_another_loop_may_read_and_write(open_engine):
    async def elsewhere():
        await asyncio.gather(*(open_engine.write(insert(n)) for n in range(5)))
        return await asyncio.gather(*(count(open_engine) for _ in range(5)))

    async with asyncio.timeout(10):
        here = asyncio.gather(*(count(open_engine) for _ in range(5)))
        there = await asyncio.to_thread(asyncio.run, elsewhere())
        await here

    assert there == [5] * 5


def test_every_commit_is_synced(tmp_path):
    connection = connect(tmp_path / "test.db")

    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    connection.close()


def in_thread(engine):
    """Note for each commit whether it ran in a thread of its own."""
    threads, commit = [], engine._make_durable

    def noted():
        threads.append(threading.current_thread() is not threading.main_thread())
        return commit()

    engine._make_durable = noted
    return threads


@pytest.mark.parametrize(("quick_s", "beside"), [(1000.0, False), (-1.0, True)])
async def test_the_loop_waits_for_the_disk_only_while_it_is_quick(open_engine, monkeypatch, quick_s, beside):
    monkeypatch.setattr(engine_module, "QUICK_S", quick_s)
    threads = in_thread(open_engine)
    for n in range(3):
        await open_engine.write(insert(n))

    assert threads == [beside] * 3
    assert await count(open_engine) == 3


async def test_a_disk_that_gets_quick_again_is_waited_for_again(open_engine, monkeypatch):
    monkeypatch.setattr(engine_module, "QUICK_S", 1000.0)
    open_engine._took = 2000.0
    threads = in_thread(open_engine)
    for n in range(2):
        await open_engine.write(insert(n))

    assert threads == [True, False]


async def fill(engine, writes, size=100_000):
    for _ in range(writes):
        await engine.write(lambda c: c.execute("INSERT INTO bodies VALUES (zeroblob(?))", (size,)))


@pytest.fixture
async def long_log(open_engine, monkeypatch):
    """An engine whose log is long after ten writes."""
    monkeypatch.setattr(wal, "LOG_BYTES", 1_000_000)
    monkeypatch.setattr(engine_module, "QUICK_S", 1000.0)
    open_engine._log = wal.Log(open_engine.path)
    await open_engine.write(lambda c: c.execute("SELECT 1"))
    open_engine._writer.execute("PRAGMA journal_size_limit=900000")
    await open_engine.write(lambda c: c.execute("CREATE TABLE bodies (b BLOB)"))
    return open_engine


async def test_the_log_is_copied_into_the_file_by_the_thread(long_log, tmp_path):
    threads = in_thread(long_log)
    await fill(long_log, 60)

    assert 3 <= sum(threads) <= 10
    assert (tmp_path / "test.db").stat().st_size > 4_000_000
    assert (tmp_path / "test.db-wal").stat().st_size < 2_000_000


async def test_the_log_is_copied_whoever_wrote_it(long_log, tmp_path):
    other = connect(tmp_path / "test.db")
    other.execute("PRAGMA wal_autocheckpoint=0")
    for _ in range(15):
        other.execute("INSERT INTO bodies VALUES (zeroblob(100000))")
    await fill(long_log, 2, size=10)
    after = (tmp_path / "test.db-wal").stat().st_size
    other.close()

    assert after < 1_000_000


def read_on(path, stop):
    """Read again and again, some milliseconds each."""
    reader = connect(path, read_only=True)
    while not stop.is_set():
        rows = reader.execute("SELECT rowid FROM bodies UNION ALL SELECT 1")
        next(rows)
        stop.wait(0.005)
        rows.fetchall()
    reader.close()


async def test_a_log_that_is_read_without_a_pause_begins_anew(long_log, tmp_path):
    stop = threading.Event()
    readers = [threading.Thread(target=read_on, args=(tmp_path / "test.db", stop)) for _ in range(2)]
    for reader in readers:
        reader.start()
    await fill(long_log, 120)
    stop.set()
    for reader in readers:
        reader.join()

    assert (tmp_path / "test.db-wal").stat().st_size < 8_000_000


async def test_work_that_is_done_together_gets_all_items_that_have_queued(open_engine):
    groups = []

    def together(items, connection):
        groups.append(list(items))
        connection.executemany("INSERT INTO things VALUES (?)", [(n,) for n in items])
        return [n * 10 for n in items]

    results = await asyncio.gather(*(open_engine.write_with_others(together, n) for n in range(5)))

    assert results == [0, 10, 20, 30, 40]
    assert groups == [[0, 1, 2, 3, 4]]


async def test_a_bad_item_takes_no_other_with_it(open_engine):
    def together(items, connection):
        connection.executemany("INSERT INTO things VALUES (?)", [(n,) for n in items])
        return items

    outcomes = await asyncio.gather(
        *(open_engine.write_with_others(together, n) for n in [1, 2, 2, 3]), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [int, int, sqlite3.IntegrityError, int]
    assert await count(open_engine) == 3


async def test_another_loop_may_write_with_others(open_engine):
    def together(items, connection):
        connection.executemany("INSERT INTO things VALUES (?)", [(n,) for n in items])
        return items

    async def elsewhere():
        return await open_engine.write_with_others(together, 7)

    assert await asyncio.to_thread(asyncio.run, elsewhere()) == 7


async def test_heavy_work_does_not_hold_the_loop_together(open_engine):
    groups = []

    def together(items, connection):
        groups.append(list(items))
        return items

    half = jobs.GROUP // 2
    weights = [half, half, 1, 5 * half, half]
    await asyncio.gather(*(open_engine.write_with_others(together, n, n) for n in weights))

    assert groups == [[half, half], [1], [5 * half], [half]]


async def test_work_queued_before_what_is_shared_is_done_before_it(open_engine):
    order = []

    def together(items, connection):
        order.append(items)
        return items

    async def share(item):
        await open_engine.write_with_others(together, item)

    async def alone(name, last):
        await open_engine.write(lambda c: order.append(name), last=last)

    await asyncio.gather(alone("last", True), share(1), share(2), alone("alone", False), share(3))

    assert order == [[1, 2], "alone", [3], "last"]


async def test_what_is_on_disk_is_told_also_when_its_caller_has_gone(open_engine):
    told = []
    task = asyncio.create_task(_write_with_others(open_engine, told.append))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await open_engine.write(lambda c: None)

    assert told == [7]


async def _write_with_others(engine, told):
    return await engine.write_with_others(lambda items, connection: items, 7, told=told)


async def test_a_commit_that_fails_is_known_to_be_undone(open_engine, monkeypatch):
    undone = []
    open_engine.undone = lambda: undone.append(True)
    commit = open_engine._make_durable

    def fails_once():
        monkeypatch.setattr(open_engine, "_make_durable", commit)
        open_engine._writer.execute("ROLLBACK")  # as SQLite itself does when the disk is full
        return sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(open_engine, "_make_durable", fails_once)
    outcomes = await asyncio.gather(*(open_engine.write(insert(n)) for n in (1, 2)))

    assert undone == [True]
    assert outcomes == [1, 2]
    assert await count(open_engine) == 2


async def test_closing_goes_on_when_whoever_waits_for_it_is_cancelled(tmp_path):
    engine = Engine(tmp_path / "closing.db")
    engine.start()
    closing = asyncio.create_task(engine.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    await engine.close()

    assert not engine._thread.is_alive()


async def test_work_that_raises_stop_iteration_is_answered(open_engine):
    with pytest.raises(RuntimeError, match="StopIteration"):
        await open_engine.write(lambda c: next(iter(())))
    assert await count(open_engine) == 0
