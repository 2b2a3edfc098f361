"""What the library logs, on a terminal: a line, and a traceback only for who asks for it."""

import json
import logging
import sys

import pytest

from chanbridge.cli.logs import JsonLines, PlainLines


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


@pytest.mark.parametrize("lines", [JsonLines, PlainLines])
def test_no_credential_of_any_librarys_record_is_written(record, lines):
    record.msg, record.args = "GET %s", ("https://ada:hunter2@example.com/x?access_token=TEST-token-1",)
    record.url = "https://example.com/x?api_key=TEST-token-2"
    record.problem = RuntimeError("Authorization: Bearer TEST-token-3")

    line = lines().format(record)

    assert [secret for secret in ("hunter2", "TEST-token") if secret in line] == []
    assert "https://example.com/x?api_key=***" in line


def test_a_json_line_has_the_frames_of_an_error_and_not_its_words(record):
    line = JsonLines().format(record)

    document = json.loads(line)
    assert document["exception"] == "ValueError"
    assert document["frames"] == [f"{__file__}:{document['frames'][0].rpartition(':')[2]}"]
    assert "quotes" not in line


def test_no_field_hides_the_name_of_a_record():
    record = logging.makeLogRecord(
        {"msg": "handler.slow", "levelname": "INFO", "event": "an id", "level": "high"}
    )

    line = json.loads(JsonLines().format(record))

    assert (line["event"], line["level"]) == ("handler.slow", "info")
