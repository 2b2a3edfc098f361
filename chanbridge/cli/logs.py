"""Log records for whom they are: JSON lines for a server's collector, plain lines for a terminal."""

from __future__ import annotations

import datetime as dt
import logging
import os
from traceback import walk_tb
from types import TracebackType
from typing import Any

import msgspec

from chanbridge.redact import redact

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Give what stands beside a record's name; credentials are masked, also in other libraries' records."""
    return {name: _masked(value) for name, value in vars(record).items() if name not in _STANDARD}


def _masked(value: Any) -> Any:
    if isinstance(value, str | Exception):
        return redact(str(value))
    return value


def _frames(trace: TracebackType | None) -> list[str]:
    """Say where an error came by, the outermost first."""
    return [f"{frame.f_code.co_filename}:{line}" for frame, line in walk_tb(trace)]


class PlainLines(logging.Formatter):
    """Writes a record in a line; ``CHANBRIDGE_DEBUG`` in the environment adds its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = f"chanbridge: {record.levelname.lower()}: {redact(record.getMessage())} {fields}".rstrip()
        if record.exc_info and os.environ.get("CHANBRIDGE_DEBUG"):
            return f"{line}\n{self.formatException(record.exc_info)}"
        return line


def to_terminal() -> None:
    """Have warnings and errors of the library written to standard error, a line each."""
    logger = logging.getLogger("chanbridge")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(PlainLines())
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING)
        logger.propagate = False


class JsonLines(logging.Formatter):
    """Writes the constant name of an event, and the fields beside it."""

    def format(self, record: logging.LogRecord) -> str:
        time = dt.datetime.fromtimestamp(record.created, dt.UTC)
        fields: dict[str, Any] = {
            "time": time,
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": redact(record.getMessage()),
        }
        fields |= {name: value for name, value in _fields(record).items() if name not in fields}
        if record.exc_info and record.exc_info[0]:
            fields["exception"] = record.exc_info[0].__name__  # its words may quote a message
            fields["frames"] = _frames(record.exc_info[2])
        return msgspec.json.encode(fields, enc_hook=str).decode()


def to_json_lines(level: int) -> None:
    """Have everything that is logged written to standard error, one JSON object a line."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler])


def in_json_lines() -> bool:
    """Say whether JSON lines are what is written to standard error."""
    return any(isinstance(handler.formatter, JsonLines) for handler in logging.getLogger().handlers)
