"""What the library logs, on a terminal: a line, and a traceback only for who asks for it."""

import logging
import sys

import pytest

from chanbridge.cli.logs import PlainLines


@pytest.fixture
def record():
    try:
        raise ValueError("quotes a message")
    except ValueError:
        return logging.LogRecord("chanbridge.x", logging.ERROR, "x.py", 1, "account.held", (), sys.exc_info())


def test_a_record_is_a_line_with_its_fields(record, monkeypatch):
    monkeypatch.delenv("CHANBRIDGE_DEBUG", raising=False)
    record.account = "support"

    assert PlainLines().format(record) == "chanbridge: error: account.held account=support"


def test_the_traceback_is_for_who_asks(record, monkeypatch):
    monkeypatch.setenv("CHANBRIDGE_DEBUG", "1")

    assert "ValueError" in PlainLines().format(record)
