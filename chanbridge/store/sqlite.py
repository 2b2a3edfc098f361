"""The store on SQLite: one file, and the command line beside a running server on the same file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from functools import partial
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from chanbridge.model.errors import ConfigError
from chanbridge.store import database
from chanbridge.store.base import Store
from chanbridge.store.cursors import Cursors
from chanbridge.store.dispatching import Dispatch
from chanbridge.store.engine import Engine, StoreError
from chanbridge.store.files import Files
from chanbridge.store.journal import Journal
from chanbridge.store.outbox import Outbox
from chanbridge.store.parked import ParkedItems

VERSION = 4
_TO_2 = (
    "ALTER TABLE sending ADD COLUMN since REAL NOT NULL DEFAULT 0",
    "ALTER TABLE holds ADD COLUMN since REAL NOT NULL DEFAULT 0",
    "CREATE TABLE marks (name TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "INSERT INTO marks SELECT 'events', seq FROM sqlite_sequence WHERE name = 'events'",
    "INSERT INTO marks SELECT 'requests', coalesce(max(id), 0) FROM requests",
    "ALTER TABLE events DROP COLUMN type",
    "DROP INDEX pending_due",
    "CREATE INDEX pending_due ON pending (consumer, due) WHERE owner = ''",
)
_TO_3 = (
    "CREATE TABLE unplaced (request INTEGER PRIMARY KEY) STRICT",
    "CREATE TABLE consumers (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    "INSERT INTO consumers VALUES ('handlers')",
)
_TO_4 = (
    "INSERT INTO marks VALUES ('plain_keys', 1)",
    "ALTER TABLE conversations ADD COLUMN reach TEXT NOT NULL DEFAULT ''",
)


class SqliteStore:
    """All that the runtime keeps, in one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.engine = Engine(path)
        self.journal = Journal(self.engine)
        self.engine.undone = self.journal.forget
        self.dispatch = Dispatch(self.engine)
        self.cursors = Cursors(self.engine)
        self.files = Files(self.engine)
        self.outbox = Outbox(self.engine, self.journal)
        self.parked = ParkedItems(self.engine)

    async def start(self) -> None:
        """Open the file, making it or bringing it up to date; raise `StoreError` if that fails.

        Raise `ConfigError` if it would fail however often it is tried.
        """
        database.create(self._path)
        try:
            self.engine.start()
        except StoreError:
            database.refuse_unusable(self._path)
            raise
        try:
            await self.engine.write(_migrate)
            await self.engine.write(self.journal.attach)
            self.engine.check = _still_ours
        except BaseException as error:
            await self.engine.close()
            database.refuse_damaged(self._path, error)
            raise

    async def writable(self) -> None:
        """Write what is there already; raise `StoreError` if nothing can be kept."""
        await self.engine.write(lambda connection: connection.execute(f"PRAGMA user_version = {VERSION}"))

    async def take_from(self, is_dead: Callable[[str], bool]) -> None:
        """Give back what dead owners hold: nobody need wait until their leases are over."""
        await self.engine.write(partial(_take_from, is_dead))

    async def close(self) -> None:
        """Finish what has queued, and close the file."""
        await self.engine.close()


if TYPE_CHECKING:
    _conforms: Callable[[Path], Store] = SqliteStore


def _take_from(is_dead: Callable[[str], bool], connection: sqlite3.Connection) -> None:
    for table in ("pending", "sending", "files", "cursors"):
        due = ", due = 0" if table == "pending" else ", due = backoff" if table == "sending" else ""
        owners = connection.execute(f"SELECT DISTINCT owner FROM {table} WHERE owner <> ''").fetchall()  # noqa: S608
        connection.executemany(
            f"UPDATE {table} SET owner = '', until = 0{due} WHERE owner = ?",  # noqa: S608
            [(row[0],) for row in owners if is_dead(row[0])],
        )


def _refuse_newer(connection: sqlite3.Connection) -> int:
    """Give the version of a file; raise `ConfigError` if a newer chanbridge has written to it."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise database.newer(version, connection.execute("PRAGMA database_list").fetchone()["file"])
    return version


def _still_ours(connection: sqlite3.Connection) -> None:
    """Raise `StoreError` if a newer chanbridge has opened a file beside us: what it writes we cannot read."""
    try:
        _refuse_newer(connection)
    except ConfigError as error:
        raise StoreError(str(error)) from error


def _migrate(connection: sqlite3.Connection) -> None:
    version = _refuse_newer(connection)
    if version < VERSION:
        for statement in _steps(version):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _steps(version: int) -> Iterable[str]:
    """Give the statements that bring a store of an earlier version up to date; 0: it is empty."""
    if version:
        return chain.from_iterable((_TO_2, _TO_3, _TO_4)[version - 1 :])
    return statements(files("chanbridge.store").joinpath("schema.sql").read_text())


def statements(script: str) -> list[str]:
    """Cut a script into its statements: `executescript` would commit the transaction it runs in."""
    plain = "\n".join(line.partition("--")[0] for line in script.splitlines())
    return [statement.strip() for statement in plain.split(";") if statement.strip()]
