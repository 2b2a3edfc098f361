"""Commands that only look: channels, schema, validate; and what a terminal is shown."""

from __future__ import annotations

import datetime as dt
import logging

import click
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge.cli.channels import fitting, side_by_side
from chanbridge.cli.events import WIDTH, shown
from chanbridge.cli.logs import JsonLines
from chanbridge.cli.output import plain
from chanbridge.model.validate import validate

ADA = cb.Contact(address="pigeon:+12025550123")
BOX = cb.MediaPart(role="image", media=cb.Media(filename="box.jpg"), caption=cb.Text(text="broken"))
NOON = dt.datetime(2026, 11, 20, 12, 0, 5, tzinfo=dt.UTC)


def test_channels_prints_a_capability_record_a_line(cli):
    ran = cli("channels", "--json")

    [record] = ran.json
    assert (record["channel"], record["plugin"], record["plugin_version"]) == (
        "pigeon",
        "chanbridge-pigeon",
        "1.2.3",
    )
    assert validate(record, "capabilities") == []


def test_a_plugin_that_cannot_be_loaded_is_named_beside_the_others(cli, monkeypatch):
    from chanbridge import registry

    [entry] = registry.installed("chanbridge")
    broken = type(entry)("owl", "chanbridge_owl_TEST", "chanbridge")
    monkeypatch.setattr("chanbridge.registry.installed", lambda group: [entry, broken])

    ran = cli("channels")

    assert (ran.code, len(ran.json)) == (2, 1)
    assert ran.err.splitlines()[-1].startswith(
        "chanbridge channels: chanbridge-owl: cannot be imported: ModuleNotFound"
    )


def test_capabilities_stand_side_by_side():
    records = [
        cb.Capabilities(channel="pigeon", text=cb.TextLimits(max=160, unit="gsm")),
        cb.Capabilities(
            channel="owl", variant="group", location=cb.Feature(),
            window=cb.WindowLimits(kind="rolling", seconds=86400),
            actions={"quick_reply": cb.ActionLimits(max=13, label_max=20)},
        ),
    ]  # fmt: skip

    rows = {line.split("  ")[0].strip(): line.split()[-2:] for line in side_by_side(records).splitlines()[1:]}
    line = {text.split("  ")[0]: text for text in side_by_side(records).splitlines()[1:]}

    assert rows["text"] == ["gsm", "-"]
    assert rows["location"] == ["-", "yes"]
    assert "13 of 20 codepoints" in line["as quick reply"]
    assert "24 h, then free" in line["window"]


def test_a_table_is_no_wider_than_the_terminal_while_a_column_fits():
    records = [cb.Capabilities(channel=f"channel-{number}") for number in range(6)]

    narrow, wide = fitting(records, 60), fitting(records, 500)

    assert max(len(click.unstyle(line)) for line in narrow.splitlines()) <= 60
    assert [f"channel-{number}" in narrow for number in range(6)] == [True] * 6
    assert wide == side_by_side(records)


def test_a_group_without_a_command_shows_its_help_as_it_is_written(cli):
    ran = cli("outbox")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Usage: chanbridge outbox [OPTIONS] COMMAND [ARGS]...\n\n  Look at")


def test_schema_prints_what_is_published(cli):
    assert cli("schema", "message").json[0]["title"] == "message"
    assert cli("schema", "config/pigeon").json[0]["properties"]["number"]["description"] == "Sender, E.164"
    assert cli("schema").out.splitlines() == ["message", "event", "capabilities", "config/pigeon"]


@pytest.mark.parametrize(
    ("document", "kind", "problem"),
    [
        ({"parts": [{"kind": "text", "text": "Hi"}]}, "message", None),
        ({"parts": [{"kind": "text"}]}, "message", "parts[0]: 'text' is required"),
        ({"schema": "chanbridge/capabilities/1", "text": {"max": "x"}}, "capabilities", "text.max: must be"),
        ({"specversion": "1.0"}, "event", "'id' is required"),
    ],
)
def test_a_document_says_itself_what_it_is_checked_as(cli, document, kind, problem):
    ran = cli("validate", "-", stdin=msgspec.json.encode(document))

    [result] = ran.json
    assert (ran.code, result["schema"], result["valid"]) == (int(bool(problem)), kind, not problem)
    assert not problem or any(found.startswith(problem) for found in result["problems"])


def test_a_document_may_be_checked_as_a_configuration(cli):
    ran = cli("validate", "-", "--schema", "config/pigeon", stdin=b'{"nmber": 1}')

    assert ran.code == 1
    assert "no key 'nmber' here: did you mean 'number'?" in ran.json[0]["problems"]


def test_documents_may_stand_one_a_line(cli, tmp_path):
    (tmp_path / "many.jsonl").write_bytes(b'{"parts": [{"kind": "text", "text": "Hi"}]}\n\n{\n')

    ran = cli("validate", "many.jsonl")

    assert ran.code == 1
    assert [(one["file"], one["valid"]) for one in ran.json] == [
        ("many.jsonl:1", True),
        ("many.jsonl:3", False),
    ]


def test_what_is_no_json_is_one_problem_of_the_file(cli, tmp_path):
    (tmp_path / "one.json").write_bytes(b"{\n{")

    ran = cli("validate", "one.json")

    assert [(one["file"], one["valid"]) for one in ran.json] == [("one.json", False)]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            cb.MessageReceived.text("two\nlines", sender=ADA, time=NOON),
            "12:00:05  pigeon:+12025550123  two lines",
        ),
        (
            cb.MessageReceived.of(
                BOX, cb.Location(lat=1, lon=2), sender=ADA,
            ),
            "--:--:--  pigeon:+12025550123  [image box.jpg] broken [location]",
        ),
        (
            cb.InteractionReceived(action_id="b1", label="Repair", via="marker", stale=True, account="loft"),
            "--:--:--  loft  chose 'Repair' (b1, by marker, of a menu that is closed)",
        ),
        (cb.TypingChanged(account="loft"), "--:--:--  loft  typing.changed"),
    ],
)  # fmt: skip
def test_an_event_is_a_line_on_a_terminal(event, line):
    assert shown(event) == line


def test_a_failed_status_says_why():
    late = cb.Failure.of("expired", detail="too late")
    event = cb.MessageStatus(target=cb.Ref(id="m-TEST"), fact="failed", account="loft", error=late)

    assert "failed m-TEST: expired too late" in shown(event)


def test_a_long_message_is_cut_for_the_terminal():
    assert len(shown(cb.MessageReceived.text("x" * 1000, sender=ADA))) == WIDTH + 3


@given(st.text())
def test_nothing_that_anybody_wrote_can_control_the_terminal(text):
    shown_text = plain(text)

    assert not set(shown_text) & {"\x1b", "\x07", "\x9b", "\u202e", "\r", "\x00"}
    assert plain("Grüße 你好 👨‍👩‍👧") == "Grüße 你好 👨‍👩‍👧"


def test_a_log_record_is_a_json_object_with_its_fields():
    fields = {"name": "chanbridge.x", "msg": "message.sent", "levelname": "INFO", "created": 0.0}
    record = logging.makeLogRecord({**fields, "account": "loft", "path": object})
    record.exc_info = (ValueError, ValueError("words of a message"), None)

    line = JsonLines().format(record)

    document = msgspec.json.decode(line)
    assert (document["event"], document["account"], document["level"]) == ("message.sent", "loft", "info")
    assert document["time"] == "1970-01-01T00:00:00Z"
    assert document["exception"] == "ValueError"
    assert "words" not in line
