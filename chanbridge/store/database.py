"""The file of the store beside SQLite: who may read it, and why it cannot be one."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from chanbridge.model.errors import ConfigError

_MAGIC = b"SQLite format 3\0"
_ROOM = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def create(path: Path) -> None:
    """Make a file that is not there, for its owner alone: SQLite gives the files beside it the same mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    except OSError as error:
        if path.exists() or error.errno in _FULL:
            return  # SQLite tells the latter, and it may pass
        raise ConfigError(f"store: {path} cannot be made: {error.strerror}: name another place") from error
    try:
        os.fchmod(made, 0o600)  # whatever the umask
    finally:
        os.close(made)


def refuse_unusable(path: Path) -> None:
    """Raise `ConfigError` for what can never be a store, however often it is tried.

    Not while this process has it open: closing a file gives up SQLite's locks on it.
    """
    if path.is_dir():
        raise ConfigError(f"store: {path} is a folder: name a file, as in sqlite:///chanbridge.db")
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except FileNotFoundError:
        return
    except OSError as error:
        mend = "let this user read and write it"
        raise ConfigError(f"store: {path} cannot be read: {error.strerror}: {mend}") from error
    if head and head != _MAGIC:
        raise ConfigError(f"store: {path} is not a database: name another file, or move this one away")
    if head:
        try:
            _look_inside(path)
        except sqlite3.Error as error:
            refuse_damaged(path, error)  # any other may pass


def _look_inside(path: Path) -> None:
    """Read the version and the schema; raise `ConfigError` where it is not ours to read."""
    from chanbridge.store.sqlite import VERSION

    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        [version] = connection.execute("PRAGMA user_version").fetchone()
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if version > VERSION:
        raise newer(version, path)


def newer(version: int, path: str | Path) -> ConfigError:
    """Make the error of a file that is not for us to read."""
    mend = "update chanbridge, or name another file"
    return ConfigError(f"store: {path} was written by a newer chanbridge (schema {version}): {mend}")


def refuse_damaged(path: Path, error: BaseException) -> None:
    """Raise `ConfigError` if an error, or its cause, says that the file is damaged: that never passes."""
    for found in (error, error.__cause__):
        if getattr(found, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            mend = (
                "restore it from a backup, or save what can be read ('sqlite3 OLD .recover | sqlite3 NEW') "
                "and name the new file"
            )
            raise ConfigError(f"store: {path} is damaged ({found}): {mend}") from error


def full(path: Path) -> str:
    """Say what is full where a store lies; empty: nothing that can be seen."""
    folder = path.parent
    try:
        if shutil.disk_usage(folder).free < _ROOM:
            return f"the disk that has {folder} is full: make room"
        if os.statvfs(folder).f_files and not os.statvfs(folder).f_favail:
            return f"the disk that has {folder} takes no more files: remove some"
    except OSError:
        return ""
    return _limit(path)


def _limit(path: Path) -> str:
    import resource

    most = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if most == resource.RLIM_INFINITY:
        return ""
    sizes = [one.stat().st_size for one in (path, Path(f"{path}-wal")) if one.exists()]
    over = any(size + _ROOM > most for size in sizes)
    return f"this process may write no file over {most} bytes: raise 'ulimit -f'" if over else ""


def read_only(path: Path) -> Path | None:
    """Give what this user may not write of a store: the file, one beside it, or its folder."""
    folder = next((one for one in path.absolute().parents if one.exists()), None)
    beside = (path, *(Path(f"{path}-{end}") for end in ("wal", "shm")))
    needed = (*(one for one in beside if one.exists()), *((folder,) if folder else ()))
    return next((one for one in needed if not os.access(one, os.W_OK)), None)
