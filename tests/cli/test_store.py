"""What was recorded, taken in, looked at, parked and run again."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import sqlite3

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge.blobs import FileMediaStore
from chanbridge.cli import listen
from chanbridge.cli.inbox import recorded
from chanbridge.cli.webhook import read_request
from chanbridge.model.validate import validate
from chanbridge.store import base, opening
from tests.cli.conftest import CONFIG, Pigeon

HELLO = b'[{"id": "m-1-TEST", "from": "+12025550123", "text": "Hello"}]'
ODD = b'[{"id": "m-2-TEST", "from": "+12025550124", "words": "Hello"}]'


class Only:
    """Something of the store that has no more than its protocol says."""

    def __init__(self, real, protocol):
        vars(self).update(_real=real, _protocol=protocol)

    def __getattr__(self, name):
        if name.startswith("_") or name not in {*dir(self._protocol), *self._protocol.__annotations__}:
            raise AttributeError(f"{self._protocol.__name__} says nothing of {name}")
        found = getattr(self._real, name)
        part = PARTS.get(name) if self._protocol is base.Store else None
        return Only(found, part) if part else found

    def __setattr__(self, name, value):
        setattr(self._real, name, value)


PARTS = {
    "journal": base.Journal,
    "dispatch": base.Dispatch,
    "cursors": base.Cursors,
    "files": base.Files,
    "outbox": base.Outbox,
    "parked": base.ParkedItems,
}


@pytest.fixture(autouse=True)
def any_store(monkeypatch):
    """Let every command here do with what any store has."""
    real = opening.store_of
    monkeypatch.setattr(opening, "store_of", lambda url: Only(real(url), base.Store))
    empty = opening.empty_store
    monkeypatch.setattr(opening, "empty_store", lambda folder: Only(empty(folder), base.Store))


def record(tmp_path, *bodies: bytes) -> str:
    lines = [{"account": "loft", "body": body.decode()} for body in bodies]
    (tmp_path / "rec.jsonl").write_bytes(b"\n".join(msgspec.json.encode(line) for line in lines))
    return "rec.jsonl"


def mended(self, raw):
    call = msgspec.json.decode(raw)
    text = call.get("text") or call["words"]
    return cb.MessageReceived.text(text, sender=self.contact(call["from"]), provider_id=call["id"])


def test_recorded_requests_are_taken_in_and_their_events_printed(configured, tmp_path):
    ran = configured("listen", "--replay", record(tmp_path, HELLO))

    [event] = ran.json
    assert ran.code == 0
    assert event["data"]["message"]["parts"] == [{"kind": "text", "text": "Hello"}]
    assert event["source"] == "/accounts/loft"
    assert validate(event, "event") == []


def test_what_is_known_already_gives_no_event(configured, tmp_path):
    path = record(tmp_path, HELLO)
    configured("listen", "--replay", path)

    ran = configured("listen", "--replay", path)

    assert (ran.code, ran.out, ran.err) == (0, "", "rec.jsonl:1: 1 known already\n")


def test_a_recorded_request_of_an_account_that_is_gone_is_named(configured, tmp_path):
    (tmp_path / "rec.jsonl").write_bytes(b'{"account": "shed", "body": ""}')

    ran = configured("listen", "--replay", "rec.jsonl")

    assert ran.code == 2
    assert ran.err == "chanbridge listen: --replay: rec.jsonl:1: no account 'shed' is configured\n"


def test_the_inbox_prints_the_newest_events_last(configured, tmp_path):
    others = b'[{"id": "m-3-TEST", "from": "+12025550125", "text": "Third"}]'
    configured("listen", "--replay", record(tmp_path, HELLO, others))

    everything = configured("inbox")
    newest = configured("inbox", "-n", "1")
    talk = configured("inbox", "loft/+12025550123")

    assert [event["providerid"] for event in everything.json] == ["m-1-TEST", "m-3-TEST"]
    assert [event["providerid"] for event in newest.json] == ["m-3-TEST"]
    assert [event["providerid"] for event in talk.json] == ["m-1-TEST"]


def test_a_request_that_is_not_understood_is_kept_shown_and_run_again(configured, tmp_path, monkeypatch):
    configured("listen", "--replay", record(tmp_path, HELLO, ODD))

    [kept] = configured("inbox", "--requests", "quarantined").json
    request = configured("inbox", "--request", str(kept["id"]))
    still = configured("replay")
    monkeypatch.setattr(Pigeon, "_event", mended)
    good = configured("replay", str(kept["id"]))
    left = configured("replay")

    assert (kept["account"], kept["state"], kept["reason"]) == (
        "loft",
        "quarantined",
        "PayloadError: no text at [0]",
    )
    assert kept["at"].endswith("Z")
    assert abs(dt.datetime.fromisoformat(kept["at"]) - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=5)
    assert request.json[0]["body"].encode() == ODD
    assert (still.code, still.json[0]["state"]) == (1, "quarantined")
    assert (good.code, good.json) == (0, [{"id": kept["id"], "state": "ok", "new": 1, "known": 0}])
    assert (left.code, left.out, left.err) == (0, "", "nothing to replay\n")
    assert configured("inbox", "-n", "1").json[0]["type"] == "chanbridge.message.received"


def test_requests_are_run_again_a_few_at_a_time(configured, tmp_path, monkeypatch):
    monkeypatch.setattr("chanbridge.replaying.PAGE", 2)
    odd = [b'[{"id": "m-%d-TEST", "from": "+12025550124"}]' % n for n in range(5)]
    configured("listen", "--replay", record(tmp_path, *odd))

    again = configured("replay")

    assert [(one["id"], one["state"]) for one in again.json] == [(n, "quarantined") for n in range(1, 6)]
    assert again.code == 1


def test_what_was_set_aside_is_counted(configured, tmp_path):
    configured("listen", "--replay", record(tmp_path, HELLO, ODD))

    [counted] = configured("inbox", "--counts").json

    assert counted["set_aside"] == {"quarantined": 1, "unowned": 0}
    assert counted["counts"]["requests.quarantined"] == 1


def test_a_request_that_is_not_there_is_named(configured):
    assert configured("replay", "7").err == (
        "chanbridge replay: ID: there is no request 7: see 'chanbridge inbox --requests all'\n"
    )
    assert configured("inbox", "--request", "7").err == "chanbridge inbox: --request: there is no request 7\n"


def test_a_program_is_given_each_event_as_json(configured, tmp_path):
    configured("listen", "--replay", record(tmp_path, HELLO), "--exec", f"tee {tmp_path}/seen")

    assert msgspec.json.decode((tmp_path / "seen").read_bytes())["providerid"] == "m-1-TEST"


def test_an_event_for_which_the_program_fails_is_parked_and_can_be_shown_again(configured, tmp_path):
    (tmp_path / "chanbridge.toml").write_text(f"policy = {{handler_attempts = 1}}\n{CONFIG}")

    configured("listen", "--replay", record(tmp_path, HELLO), "--exec", "false")
    [item] = configured("parked", "list").json
    retried = configured("parked", "retry", str(item["id"]))
    again = configured("listen", "--replay", record(tmp_path), "--exec", f"tee {tmp_path}/seen")

    assert (item["kind"], item["consumer"]) == ("event", "handlers")
    assert retried.json == [{"id": item["id"], "retried": True}]
    assert [event["providerid"] for event in again.json] == ["m-1-TEST"]
    assert (tmp_path / "seen").exists()
    assert configured("parked", "list").out == ""


def test_a_parked_item_can_be_dropped_once(configured, tmp_path):
    (tmp_path / "chanbridge.toml").write_text(f"policy = {{handler_attempts = 1}}\n{CONFIG}")
    configured("listen", "--replay", record(tmp_path, HELLO), "--exec", "false")

    first = configured("parked", "drop", "1")
    second = configured("parked", "drop", "1")

    assert (first.code, first.json) == (0, [{"id": 1, "dropped": True}])
    assert (second.code, second.err) == (1, "chanbridge parked: ID: nothing to be dropped is parked as 1\n")


def test_a_step_of_unknown_outcome_that_is_none_is_named(configured):
    ran = configured("outbox", "settle", "no-such", "0", "sent")

    assert (ran.code, ran.err.splitlines()[-1]) == (
        1,
        "chanbridge outbox settle: no step 0 of no-such is of unknown outcome",
    )


def test_a_recording_has_no_signature_and_no_credential(tmp_path):
    names = ["x-hub-signature-256", "X-Twilio-Signature", "authorization", "cookie", "user-agent"]
    request = cb.HttpRequest(
        method="POST",
        url="https://x.example/in/loft",
        headers=cb.Headers(dict.fromkeys(names, "v")),
        body=b"[]",
    )
    now = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)

    with (tmp_path / "rec.jsonl").open("wb") as file:
        listen._record(file, base.Arrival(account="loft", at=now, request=request))

    [line] = (tmp_path / "rec.jsonl").read_bytes().splitlines()
    assert msgspec.json.decode(line)["headers"] == {"user-agent": "v"}


@given(st.binary())
def test_what_is_recorded_is_read_back_as_it_was(body):
    request = cb.HttpRequest(
        method="POST",
        url="https://example.com/in/loft?a=b",
        headers=cb.Headers({"content-type": "x/y"}),
        body=body,
    )

    again = read_request(msgspec.json.encode(recorded(request)), "https://localhost/in/loft")

    assert (again.method, again.url, again.headers["content-type"]) == ("POST", request.url, "x/y")
    assert again.content == body


def keep(folder, content: bytes, filename: str, mime: str = "text/plain") -> str:
    async def chunks():
        yield content

    media = asyncio.run(
        FileMediaStore(folder / "chanbridge-media").put(chunks(), mime=mime, filename=filename)
    )
    return media.blob


def test_a_received_file_is_written_under_its_own_name_and_never_over_another(configured, tmp_path):
    blob = keep(tmp_path, b"Hello", "note.txt")

    first = configured("media", "get", blob)
    second = configured("media", "get", blob)
    named = configured("media", "get", blob, "-o", "note.txt")

    assert (first.code, first.json[0]["path"], first.json[0]["size"]) == (0, "note.txt", 5)
    assert (tmp_path / "note.txt").read_bytes() == b"Hello"
    assert second.code == 2
    assert second.err.startswith("chanbridge media get: --output: note.txt is there already")
    assert named.code == 0


@pytest.mark.parametrize(
    ("content", "mime", "extension"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg", ".jpg"),
        (b"OggS", "audio/ogg; codecs=opus", ".oga"),
        (b"\0", "", ""),
    ],
)
def test_a_received_file_without_a_name_is_called_by_its_hash_and_type(
    configured, tmp_path, content, mime, extension
):
    blob = keep(tmp_path, content, "", mime)

    assert configured("media", "get", blob).json[0]["path"] == blob[:16] + extension


def test_a_received_file_can_be_piped_on(configured, tmp_path):
    blob = keep(tmp_path, b"Hello", "note.txt")

    assert configured("media", "get", blob, "-o", "-").out == "Hello"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["1", "-o", "none/x"], "--output: there is no folder none: make it, or name another"),
        (["1", "-o", "."], "--output: '.' is no file: write its name too, as in -o box.jpg"),
        ([""], "REF: is empty: write the blob, provider_id or url of an event's media"),
        (["123"], "REF: must be a URL for account 'loft': its channel has no ids of files"),
    ],
)
def test_a_file_that_cannot_be_asked_for_or_written_is_wrong_usage(configured, args, said):
    ran = configured("media", "get", *args)

    assert (ran.code, ran.out, ran.err) == (2, "", f"chanbridge media get: {said}\n")


def test_a_file_that_takes_long_is_told(configured, monkeypatch):
    async def slow(bridge, name, media):
        await asyncio.sleep(0.05)
        raise cb.SendError("channel_unavailable", detail="GET files.example.com")

    monkeypatch.setattr("chanbridge.bridge.Bridge.fetch", slow)
    monkeypatch.setattr("chanbridge.cli.media._PATIENCE_S", 0.0)

    ran = configured("media", "get", "https://files.example.com/x?token=hunter2")

    said = ["fetching https://files.example.com/x?token=*** ...",
            "chanbridge: channel_unavailable: GET files.example.com"]  # fmt: skip
    assert (ran.code, ran.err.splitlines()) == (75, said)


def test_a_file_that_nobody_has_leaves_none_behind(configured, tmp_path):
    ran = configured("media", "get", hashlib.sha256(b"none").hexdigest(), "-o", "none.bin")

    assert ran.code in (1, 75)
    assert "media_unavailable" in ran.err
    assert not (tmp_path / "none.bin").exists()


def test_a_program_that_is_not_there_is_refused_at_the_start(configured, tmp_path):
    ran = configured("listen", "--replay", record(tmp_path, HELLO), "--exec", "/nonexist/cmd --now")

    said = "chanbridge listen: --exec: there is no program '/nonexist/cmd' that can be run\n"
    assert (ran.code, ran.out, ran.err) == (2, "", said)


def test_a_program_that_cannot_be_run_later_parks_the_event_under_its_error(configured, tmp_path):
    (tmp_path / "chanbridge.toml").write_text(f"policy = {{handler_attempts = 1}}\n{CONFIG}")
    (tmp_path / "handle").write_text("#!/nonexist/interpreter\n")
    (tmp_path / "handle").chmod(0o755)

    ran = configured("listen", "--replay", record(tmp_path, HELLO), "--exec", "./handle")

    assert ran.code == 0
    assert "FileNotFoundError" in configured("parked", "list").json[0]["error"]


def test_an_event_whose_program_fails_is_printed_once_and_each_failure_says_why(
    configured, tmp_path, monkeypatch
):
    monkeypatch.setattr("chanbridge.dispatch.wait_after", lambda *_: 0.0)
    (tmp_path / "chanbridge.toml").write_text(f"policy = {{handler_attempts = 3}}\n{CONFIG}")

    ran = configured("listen", "--replay", record(tmp_path, HELLO), "--exec", "sh -c 'exit 7'")

    [event] = ran.json
    said = [line for line in ran.err.splitlines() if line.startswith("chanbridge listen: --exec: ")]
    assert len(said) == 3
    assert said[0].startswith(
        f"chanbridge listen: --exec: sh exited with 7, for event {event['id']}; mend it"
    )
    assert configured("parked", "list").json[0]["error"] == "ProgramFailed"


def test_an_account_that_is_none_is_not_released(configured):
    ran = configured("outbox", "release", "nope")

    said = "chanbridge outbox release: ACCOUNT: no account 'nope' in chanbridge.toml (there is: loft)\n"
    assert (ran.code, ran.out, ran.err) == (2, "", said)


def test_looking_at_a_store_that_is_not_there_makes_none(configured, tmp_path):
    (tmp_path / "chanbridge.toml").write_text(f'store = "sqlite:///data/bridge.db"\n{CONFIG}')
    before = sorted(tmp_path.iterdir())

    ran = [configured(*words.split()) for words in ("inbox", "outbox list", "parked list")]

    said = "there is no store yet at bridge.db: nothing came in or went out\n"
    assert [(one.code, one.out, one.err) for one in ran] == [(0, "", said)] * 3
    assert sorted(tmp_path.iterdir()) == before


def test_a_conversation_is_found_by_each_of_its_addresses(configured, tmp_path):
    configured("listen", "--replay", record(tmp_path, HELLO))
    with sqlite3.connect(tmp_path / "chanbridge.db") as connection:
        connection.execute("INSERT INTO aliases VALUES ('loft', 'pigeon:ada', '', 'loft/+12025550123')")
    connection.close()

    by_number = configured("inbox", "loft/+12025550123")
    by_name = configured("inbox", "loft/ada")
    unknown = configured("inbox", "loft/bob")

    assert by_number.json
    assert by_name.json == by_number.json
    assert (unknown.code, unknown.out) == (1, "")
    assert unknown.err.startswith("chanbridge inbox: CONVERSATION: there is none 'loft/bob'")


def test_an_id_that_names_nothing_is_exit_code_1_everywhere(configured, tmp_path):
    configured("listen", "--replay", record(tmp_path, HELLO))

    lines = ["replay 99", "inbox --request 99", "parked drop 99", "outbox drop 99", "outbox settle x 0 sent"]

    assert {line: configured(*line.split()).code for line in lines} == dict.fromkeys(lines, 1)
