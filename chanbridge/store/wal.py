"""The file and its write-ahead log: opened as durability needs it, the log copied into the file in time."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

BUSY_MS = 15_000
LOG_BYTES = 16 * 1024 * 1024
"""From this size on the log is copied into the file, whoever wrote it."""
KEPT_BYTES = LOG_BYTES * 15 // 16
"""So much of the file stays when the log begins anew: to overwrite it is quicker than to extend it."""
FORCED = 4
"""From so many times that size on, copying waits for those who read, so that the log can begin anew."""
FORCED_MS = 1000
_BACKSTOP_PAGES = 4 * FORCED * LOG_BYTES // 4096


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the file with the settings that durability needs (WAL, a full fsync at each commit)."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    _use_log(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "cache_size=-16384",
                   f"journal_size_limit={KEPT_BYTES}", f"wal_autocheckpoint={_BACKSTOP_PAGES}"):  # fmt: skip
        connection.execute(f"PRAGMA {pragma}")
    if read_only:
        connection.execute("PRAGMA query_only=ON")
    return connection


def _use_log(connection: sqlite3.Connection) -> None:
    """Turn the log on. SQLite itself does not wait here for another process that does the same."""
    until = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


class Log:
    """The log of a file, seen from its writer."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + "-wal")
        self._from = LOG_BYTES  # the size from which on it is copied next

    def is_long(self) -> bool:
        """Say whether it is to be copied now."""
        size = self._size()
        if size < LOG_BYTES:
            self._from = LOG_BYTES  # it has begun anew
        return size >= self._from

    def copy(self, connection: sqlite3.Connection) -> None:
        """Copy it into the file; as long as somebody reads it cannot begin anew, and grows meanwhile."""
        size = self._size()
        forced = size >= FORCED * LOG_BYTES
        with contextlib.suppress(sqlite3.Error):  # somebody else does it, or reads: later
            connection.execute(f"PRAGMA busy_timeout={FORCED_MS if forced else 0}")
            connection.execute(f"PRAGMA wal_checkpoint({'RESTART' if forced else 'PASSIVE'})")
        connection.execute("PRAGMA busy_timeout=0")
        self._from = size + LOG_BYTES // 4

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0
