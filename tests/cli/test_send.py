"""``chanbridge send``: planned, shown, sent to a provider on the loopback, waited for."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import chanbridge as cb
from chanbridge.cli.outcome import _tell_progress
from chanbridge.cli.output import NoOutput
from chanbridge.cli.preview import with_files
from chanbridge.model.message import Message
from chanbridge.store.base import Progress
from chanbridge.store.engine import StoreError
from tests.cli.conftest import CONFIG, Cli, Pigeon

TO = "pigeon:+12025550123"


class Provider:
    """Answers POST /messages with ``status``, and keeps what it was sent."""

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[tuple[str, Any]] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                provider.requests.append((self.headers["authorization"], json.loads(body)))
                self._answer({"id": "sent-1-TEST"})

            def do_GET(self) -> None:
                self._answer({"name": "Pigeon & Co"})

            def _answer(self, document: Any) -> None:
                content = json.dumps(document).encode()
                self.send_response(provider.status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    thread = threading.Thread(target=provider.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield provider
    provider.server.shutdown()
    thread.join()
    provider.server.server_close()


@pytest.fixture
def wired(configured: Cli, provider: Provider, tmp_path) -> Cli:
    """A configuration whose account talks to the provider on the loopback."""
    (tmp_path / "chanbridge.toml").write_text(f'{CONFIG}base_url = "{provider.url}"\n')
    return configured


def test_a_message_is_sent_and_its_receipt_printed(wired, provider):
    ran = wired("send", TO, "Your mug has shipped")

    [receipt] = ran.json
    assert (ran.code, ran.err) == (0, "")
    assert (receipt["state"], receipt["external"], receipt["losses"]) == ("submitted", ["sent-1-TEST"], [])
    assert (receipt["account"], receipt["to"]) == ("loft", TO)
    assert provider.requests == [
        ("Bearer TEST-api-key", {"to": "+12025550123", "text": "Your mug has shipped", "buttons": []})
    ]


def test_text_comes_from_standard_input_where_it_is_omitted(wired, provider):
    wired("send", TO, stdin=b"from a pipe\n")

    assert provider.requests[0][1]["text"] == "from a pipe"


def test_buttons_go_out_as_buttons(wired, provider):
    wired("send", TO, "Keep it?", "--button", "Yes", "--button", "No")

    assert provider.requests[0][1]["buttons"] == ["Yes", "No"]


def test_a_document_is_sent_as_it_stands(wired, provider):
    wired("send", TO, "--json", "-", stdin=b'{"parts": [{"kind": "text", "text": "as JSON"}]}')

    assert provider.requests[0][1]["text"] == "as JSON"


def test_a_refused_message_is_exit_code_1_with_the_failure_in_the_receipt(wired, provider):
    provider.status = 400

    ran = wired("send", TO, "Hi")

    assert ran.code == 1
    assert (ran.json[0]["state"], ran.json[0]["error"]["code"]) == ("failed", "invalid_request")
    assert ran.err == "chanbridge: invalid_request\n"


def test_a_provider_that_is_down_is_exit_code_75_and_the_message_is_kept(wired, provider):
    provider.status = 503

    ran = wired("send", TO, "Hi", "--timeout", "0.3")
    kept = wired("outbox", "list")

    assert ran.code == 75
    assert ran.err == (
        f"chanbridge send: --wait: not submitted within 0.3 s; the message is kept, id {ran.json[0]['id']}\n"
    )
    assert [(item["message"], item["state"]) for item in kept.json] == [(ran.json[0]["id"], "queued")]


@pytest.mark.parametrize("wait", ["queued", "submitted"])
def test_a_store_that_fails_when_the_message_is_kept_hides_no_id(wired, provider, monkeypatch, wait):
    async def full(outbox, message):
        raise StoreError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("chanbridge.store.outbox.Outbox.progress", full)
        ran = wired("send", TO, "Hi", "--wait", wait)
    with sqlite3.connect("chanbridge.db") as connection:
        kept = [row[0] for row in connection.execute("SELECT id FROM messages")]
    connection.close()

    assert [receipt["id"] for receipt in ran.json] == kept
    assert ran.code == 1
    said = "the store: database or disk is full; the message is kept and may have gone out"
    assert f"chanbridge send: {said}, id {kept[0]}" in ran.err.splitlines()


def test_a_message_may_only_be_kept_and_be_dropped_again(wired, provider):
    sent = wired("send", TO, "Hi", "--wait", "queued")
    dropped = wired("outbox", "drop", sent.json[0]["id"])
    again = wired("outbox", "drop", sent.json[0]["id"])

    assert (sent.code, sent.json[0]["state"], provider.requests) == (0, "queued", [])
    assert (dropped.code, dropped.json) == (0, [{"message": sent.json[0]["id"], "dropped": 1}])
    said = f"chanbridge outbox drop: MESSAGE: nothing of {sent.json[0]['id']} is waiting\n"
    assert (again.code, again.out, again.err) == (1, "", said)


def test_the_secret_of_an_account_is_printed_nowhere(wired, provider):
    provider.status = 401

    ran = wired("send", TO, "Hi", "--timeout", "0.3")
    held = wired("outbox", "list")

    assert held.err == "loft is held: auth_failed: mend it, then: chanbridge outbox release loft\n"
    assert "TEST-api-key" not in ran.out + ran.err + held.out + held.err
    assert wired("outbox", "release", "loft").json == [{"account": "loft", "released": True}]


def test_an_account_must_be_named_where_several_fit(wired, tmp_path):
    path = tmp_path / "chanbridge.toml"
    path.write_text(path.read_text() + CONFIG.partition("\n\n")[2].replace("loft", "barn"))

    unnamed = wired("send", TO, "Hi", "--dry-run")
    wrong = wired("send", TO, "Hi", "--dry-run", "-a", "shed")
    named = wired("send", TO, "Hi", "--dry-run", "-a", "barn")

    assert unnamed.err == "chanbridge send: --account: several fit pigeon, name one of: loft, barn\n"
    assert (
        wrong.err
        == "chanbridge send: --account: no account 'shed' in chanbridge.toml (there is: loft, barn)\n"
    )
    assert (unnamed.code, wrong.code, named.code) == (2, 2, 0)


def test_a_dry_run_prints_each_request_and_makes_none(wired, provider):
    ran = wired("send", TO, "Hi", "--dry-run")

    [request] = ran.json
    assert (request["method"], request["url"]) == ("POST", f"{provider.url}/messages")
    assert request["json"] == {"to": "+12025550123", "text": "Hi", "buttons": []}
    assert provider.requests == []


def test_a_dry_run_needs_no_configuration(cli):
    ran = cli("send", TO, "Hi", "--dry-run")

    assert ran.json[0]["url"] == "https://api.pigeon.example/v2/messages"
    assert ran.err.splitlines() == [
        "assumed, for there is no configuration: the service window is open, files can be linked to",
        "no account is configured, so these stand in: number, api_key, webhook_secret",
    ]


def test_a_plan_shows_steps_and_losses(cli):
    ran = cli("send", TO, "Which?", "--plan", *["--button=a", "--button=b", "--button=c"])

    [plan] = ran.json
    assert (plan["channel"], plan["loss"]) == ("pigeon", "affordance")
    assert "1) a" in plan["steps"][0]["parts"][0]["text"]
    assert [(loss["rule"], loss["level"]) for loss in plan["losses"]] == [("D6", "affordance")]


def test_a_plan_for_all_channels_names_the_one_that_refuses(configured, tmp_path):
    path = tmp_path / "chanbridge.toml"
    path.write_text(path.read_text().replace('public_url = "https://hooks.example.com"', ""))
    (tmp_path / "a.bin").write_bytes(b"x")

    ran = configured("send", TO, "--media", "a.bin", "--plan", "--all")

    assert ran.code == 1
    assert (ran.json[0]["channel"], ran.json[0]["error"]["code"]) == ("pigeon", "unsupported_content")


def test_a_plan_shows_the_link_that_sending_would_send(wired, provider, tmp_path):
    (tmp_path / "box.bin").write_bytes(b"x")

    ran = wired("send", TO, "Mug", "--media", "box.bin", "--plan")
    sent = wired("send", TO, "Mug", "--media", "box.bin")

    said = [request["text"].partition("?")[0] for _, request in provider.requests]
    assert sent.code == 0
    assert [text.partition("?")[0] for text in parts_of(ran)] == said
    assert "https://hooks.example.com/media/" in said[-1]


@pytest.fixture
def linking(monkeypatch):
    """Let pigeon take documents, and send them by what it was given."""

    def send(self, step):
        files = [{"url": p.media.url.partition("?")[0], "blob": p.media.blob} for p in step.media]
        answer = yield cb.HttpRequest.post_json(f"{self.config.base_url}/messages", {"files": files})
        return cb.Sent(answer.json(dict[str, str]).get("id", "sent-TEST"))

    def take(*by):
        documents = {"document": cb.MediaLimits(by=by, mimes={"*/*": "native"})}
        monkeypatch.setattr(Pigeon, "capabilities", Pigeon.capabilities.replace(media=documents))

    monkeypatch.setattr(Pigeon, "send", send)
    return take


@pytest.mark.parametrize("by", ["url", "upload"])
def test_a_dry_run_has_the_files_that_sending_would_send(wired, provider, tmp_path, linking, by):
    linking(by)
    (tmp_path / "box.bin").write_bytes(b"x")

    dry = wired("send", TO, "--media", "box.bin", "--dry-run")
    sent = wired("send", TO, "--media", "box.bin")

    [(_, body)] = provider.requests
    assert (dry.code, sent.code) == (0, 0)
    assert dry.json[0]["json"] == body
    assert body["files"][0]["url"].startswith("https://hooks.example.com/media/" if by == "url" else "")


def test_a_dry_run_without_a_configuration_has_links_to_files(cli, tmp_path, linking):
    linking("url")
    (tmp_path / "box.bin").write_bytes(b"x")

    ran = cli("send", TO, "--media", "box.bin", "--dry-run")

    assert ran.json[0]["json"]["files"][0]["url"].startswith("https://bridge.example.com/media/")


def test_an_empty_file_is_refused_before_anything_is_made_of_it(cli, tmp_path):
    (tmp_path / "box.jpg").touch()

    ran = cli("send", TO, "--media", "box.jpg", "--plan")

    said = "chanbridge send: --media: 'box.jpg' is empty: send a file that has something in it\n"
    assert (ran.code, ran.out, ran.err) == (2, "", said)


def test_a_dry_run_fetches_no_file(cli, linking):
    linking("upload")

    ran = cli("send", TO, "--media", "https://media.example.com/box.bin", "--dry-run")

    assert ran.json[0]["json"]["files"] == [{"url": "", "blob": "0" * 64}]


def parts_of(ran: Any) -> list[str]:
    return ["\n".join(part["text"] for part in step["parts"]) for step in ran.json[0]["steps"]]


WINDOW = cb.WindowLimits(kind="rolling", seconds=86400, outside="reject")


def test_a_plan_knows_the_window_of_the_store_and_writes_nothing(wired, tmp_path, monkeypatch):
    monkeypatch.setattr(Pigeon, "capabilities", Pigeon.capabilities.replace(window=WINDOW))
    hello = b'[{"id": "m-1-TEST", "from": "+12025550123", "text": "Hello"}]'
    line = {"account": "loft", "body": hello.decode()}
    (tmp_path / "rec.jsonl").write_text(json.dumps(line))

    before = wired("send", TO, "Hi", "--plan")
    untouched = not (tmp_path / "chanbridge.db").exists()
    wired("listen", "--replay", "rec.jsonl")
    after = wired("send", TO, "Hi", "--plan")

    told = f"assumed, for nobody has written from {TO}: the service window is closed"
    assert (before.code, before.err.splitlines()[0], untouched) == (1, told, True)
    assert (after.code, after.err) == (0, "")


def test_without_a_configuration_the_window_is_assumed_open(cli, monkeypatch):
    monkeypatch.setattr(Pigeon, "capabilities", Pigeon.capabilities.replace(window=WINDOW))

    ran = cli("send", TO, "Hi", "--plan")

    assert ran.code == 0
    assert ran.err.startswith("assumed, for there is no configuration: the service window is open")


def test_what_a_plugin_raises_in_a_dry_run_is_told_as_the_plugins(cli, monkeypatch):
    def send(self, step):
        answer = yield cb.HttpRequest.get("https://api.pigeon.example/v2/me")
        return cb.Sent(answer.json()["messages"][0]["id"])

    monkeypatch.setattr(Pigeon, "send", send)

    ran = cli("send", TO, "Hi", "--dry-run")

    assert ran.code == 2
    assert ran.err.splitlines()[-1].startswith("chanbridge: pigeon: its send raised KeyError at ")
    assert "a dry run answers with placeholders" in ran.err


def test_a_local_file_is_planned_by_its_hash_and_stays_where_it_is(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")

    [part] = with_files(Message.file(path)).parts

    assert part.media.blob == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert part.media.url == ""


def test_doctor_asks_the_provider(wired):
    ran = wired("doctor")

    assert ran.code == 0
    assert ran.json[-1] == {"account": "loft", "level": "ok", "what": "the key belongs to Pigeon & Co"}


def test_doctor_tells_what_the_provider_refuses(wired, provider):
    provider.status = 401

    ran = wired("doctor")

    assert ran.code == 1
    assert ran.json[-1] == {
        "account": "loft", "level": "error", "what": "auth_failed", "mend": "renew the credential"
    }  # fmt: skip


def second_account(folder: Path, number: str) -> None:
    again = CONFIG.partition("\n\n")[2].replace("loft", "shop").replace("+12025550100", number)
    (folder / "chanbridge.toml").write_text(f"{CONFIG}\n{again}")


def test_doctor_warns_of_two_accounts_that_own_the_same(configured, tmp_path):
    second_account(tmp_path, "+12025550100")

    ran = configured("doctor", "--offline")

    assert (ran.code, ran.json[1:]) == (
        0,
        [
            {
                "account": "shop",
                "level": "warning",
                "what": "it is the same account as 'loft' at the provider: both own +12025550100",
                "mend": "remove one of them, or correct its id",
            }
        ],
    )


def test_doctor_has_nothing_against_two_accounts_of_one_channel(configured, tmp_path):
    second_account(tmp_path, "+12025550101")

    ran = configured("doctor", "--offline")

    assert (ran.code, len(ran.json)) == (0, 1)


def test_doctor_names_every_problem_of_the_configuration(configured, monkeypatch):
    monkeypatch.delenv("PIGEON_API_KEY")
    monkeypatch.delenv("PIGEON_WEBHOOK_SECRET")

    ran = configured("doctor")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines() == [
        "chanbridge: chanbridge.toml:6: accounts.loft.api_key: "
        "the environment variable PIGEON_API_KEY is not set",
        "chanbridge: chanbridge.toml:7: accounts.loft.webhook_secret: "
        "the environment variable PIGEON_WEBHOOK_SECRET is not set",
    ]


def test_a_fact_that_the_channel_never_tells_is_not_waited_for(wired, provider):
    read = wired("send", TO, "Hi", "--wait", "read")
    sent = wired("send", TO, "Hi", "--wait", "sent", "--timeout", "0")

    said = "--wait: pigeon never tells that a message was read: there is submitted, delivered"
    assert (read.code, read.out, read.err) == (2, "", f"chanbridge send: {said}\n")
    assert sent.code != 2
    assert len(provider.requests) <= 1


def test_a_wait_that_is_over_says_that_the_message_was_submitted(wired, provider):
    ran = wired("send", TO, "Hi", "--wait", "delivered", "--timeout", "1.5")

    [receipt] = ran.json
    said = f"--wait: it was submitted; not delivered within 1.5 s; id {receipt['id']}"
    assert (ran.code, receipt["state"], ran.err) == (1, "submitted", f"chanbridge send: {said}\n")


def test_while_it_waits_it_says_why(wired, provider, monkeypatch):
    monkeypatch.setattr("chanbridge.cli.outcome.PATIENCE_S", 0.1)
    provider.status = 503

    ran = wired("send", TO, "Hi", "--timeout", "1.0")

    [told] = {line for line in ran.err.splitlines() if "so far: queued (" in line}
    assert told.startswith("waiting for submitted; so far: queued (channel_unavailable")


def test_what_was_reached_is_not_waited_for(monkeypatch):
    class Delivered:
        async def progress(self):
            return Progress(Message.text("Hi"), ["sent"], [{"delivered"}], None, (), ())

    told = []
    monkeypatch.setattr("chanbridge.cli.outcome.PATIENCE_S", 0)
    monkeypatch.setattr("chanbridge.cli.outcome.note", told.append)

    async def tell(fact):
        async with asyncio.timeout(0.05):
            await _tell_progress(Delivered(), fact)

    for fact in ("submitted", "read"):
        with pytest.raises(TimeoutError):
            asyncio.run(tell(fact))

    assert told == ["waiting for read; so far: delivered"]


def test_a_receipt_that_cannot_be_printed_is_told_and_the_message_is_not_failed(wired, provider, monkeypatch):
    def full(*args, **kwargs):
        raise NoOutput("No space left on device")

    monkeypatch.setattr("chanbridge.cli.outcome.print_json", full)
    monkeypatch.setattr("chanbridge.cli.outcome.discard_output", lambda: None)

    ran = wired("send", TO, "Hi")

    assert (ran.code, len(provider.requests)) == (0, 1)
    assert ran.err.startswith(
        "chanbridge send: standard output cannot be written: No space left on device; "
        "the message is submitted, id "
    )


def test_a_store_that_keeps_nothing_now_is_one_line_that_says_what_is_full(wired, tmp_path, monkeypatch):
    def fails(engine):
        raise StoreError("database or disk is full")

    monkeypatch.setattr("chanbridge.store.engine.Engine.start", fails)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=0))

    ran = [wired(*words) for words in (["send", TO, "Hi"], ["inbox"], ["parked", "list"])]

    why = f"database or disk is full (the disk that has {tmp_path} is full: make room)"
    said = f"chanbridge: the store: {why}\n"
    assert [(one.code, one.out, one.err) for one in ran] == [(75, "", said)] * 3


@pytest.fixture
def read_only(monkeypatch):
    """Let some files be such as this user may not write: root may write any."""
    real = os.access

    def make(*paths):
        denied = {str(path) for path in paths}

        def access(path, mode, **how):
            return not (mode & os.W_OK and str(path) in denied) and real(path, mode, **how)

        monkeypatch.setattr("os.access", access)

    return make


@pytest.mark.parametrize(
    "said", ["attempt to write a readonly database", "chanbridge.db: unable to open database file"]
)
def test_a_store_that_is_read_only_is_said_to_be(wired, tmp_path, monkeypatch, read_only, said):
    def fails(engine):
        raise StoreError(said)

    monkeypatch.setattr("chanbridge.store.engine.Engine.start", fails)
    read_only(tmp_path)

    ran = wired("send", TO, "Hi")

    why = f"{tmp_path} is read-only for this user: let it write there"
    assert (ran.code, ran.out, ran.err) == (75, "", f"chanbridge: the store: {said} ({why})\n")


@pytest.mark.parametrize("name", ["", "chanbridge.db", "chanbridge.db-wal", "chanbridge.db-shm"])
def test_doctor_names_a_store_that_cannot_be_written(wired, tmp_path, read_only, name):
    for beside in ("", "-wal", "-shm"):
        (tmp_path / f"chanbridge.db{beside}").touch()
    path = tmp_path / name if name else tmp_path
    read_only(path)

    ran = wired("doctor", "--offline")

    what = f"store: {path} is read-only for this user"
    assert ran.code == 1
    assert {"level": "error", "what": what, "mend": "let it write there"} in ran.json


@pytest.mark.parametrize("store", ["chanbridge.db", "new/er/chanbridge.db"])
def test_doctor_sees_where_a_store_cannot_be_made(wired, tmp_path, monkeypatch, read_only, store):
    monkeypatch.setenv("CHANBRIDGE_STORE", f"sqlite:///{tmp_path}/{store}")
    before = wired("doctor", "--offline")
    read_only(tmp_path)

    after = wired("doctor", "--offline")

    assert (before.code, after.code) == (0, 1)
    assert f"store: {tmp_path} is read-only for this user" in after.out
    assert [path.name for path in tmp_path.iterdir()] == ["chanbridge.toml"]


OF_THE_STORE = [
    "send pigeon:+12025550123 Hi", "send pigeon:+12025550123 Hi --plan", "inbox", "outbox list",
    "parked list", "replay", "media get 1", "doctor --offline", "listen --replay /dev/null",
]  # fmt: skip


def scribble(path: Path) -> None:
    path.write_text("x" * 999)


def damage(path: Path) -> None:
    """Make a database whose header alone is what it was."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE conversations (key TEXT)")
        connection.commit()
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"x" * (len(whole) - 100))


def of_a_newer_one(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("command", OF_THE_STORE)
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Path.mkdir, "is a folder: name "),
        (scribble, "is not a database: name "),
        (damage, "is damaged (database disk image is malformed): restore it from a backup, or "),
        (of_a_newer_one, "was written by a newer chanbridge (schema 99): update chanbridge"),
    ],
)
def test_what_can_never_be_a_store_is_exit_code_2_for_every_command(wired, tmp_path, command, make, said):
    make(tmp_path / "chanbridge.db")

    ran = wired(*command.split())

    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert f"store: {tmp_path}/chanbridge.db {said}" in ran.err


def test_damage_that_shows_only_as_something_is_read_is_exit_code_2_too(wired, tmp_path):
    wired("send", TO, "Hi", "--wait", "queued")
    path = tmp_path / "chanbridge.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [(page,)] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'outbox'")
        [(size,)] = connection.execute("PRAGMA page_size")
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"x" * size)

    ran = wired("outbox", "list")

    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert ran.err.startswith(f"chanbridge: store: {path} is damaged (")


def test_doctor_names_the_place_of_a_store_that_nothing_opens(configured, tmp_path, monkeypatch):
    (tmp_path / "chanbridge.toml").write_text(f'# mine\nstore = "postgres://u:hunter2@db/x"\n{CONFIG}')

    ran = configured("doctor", "--offline")
    monkeypatch.setenv("CHANBRIDGE_STORE", "mysql://x")
    over = configured("doctor", "--offline")

    mend = "is not supported: write sqlite:///chanbridge.db\n"
    assert (ran.code, ran.out, ran.err) == (2, "", f"chanbridge: chanbridge.toml:2: store: 'postgres' {mend}")
    assert over.err == f"chanbridge: CHANBRIDGE_STORE: store: 'mysql' {mend}"


def test_what_would_become_very_many_messages_is_refused_unless_allowed(wired, provider):
    long = "Your mug has shipped. " * 160

    refused = wired("send", TO, long)
    allowed = wired("send", TO, long, "--max-steps", "50", "--wait", "queued")

    assert (refused.code, refused.out, provider.requests) == (2, "", [])
    assert refused.err.startswith("chanbridge send: --max-steps: it would go out as ")
    assert (allowed.code, allowed.json[0]["state"]) == (0, "queued")


@pytest.mark.parametrize("look", ["--plan", "--dry-run"])
def test_a_look_at_what_sending_would_refuse_is_refused_in_the_same_words(wired, look):
    long = "Your mug has shipped. " * 160

    sent = wired("send", TO, long)
    seen = wired("send", TO, long, look)
    allowed = wired("send", TO, long, look, "--max-steps", "50")

    assert (seen.code, seen.out, seen.err) == (2, "", sent.err)
    assert allowed.code == 0


def test_a_look_at_every_channel_says_on_which_a_message_would_be_too_many(wired):
    ran = wired("send", TO, "Your mug has shipped. " * 160, "--plan", "--all", "--max-steps", "3")

    [document] = ran.json
    assert (ran.code, document["channel"]) == (1, "pigeon")
    assert document["error"]["detail"].startswith("--max-steps: it would go out as ")


def test_planning_that_takes_long_is_told(wired, provider, monkeypatch):
    class AtOnce(threading.Timer):
        def start(self) -> None:
            self.function(*self.args)

    monkeypatch.setattr("chanbridge.cli.preview.threading.Timer", AtOnce)

    assert wired("send", TO, "Hi").err == "planning the message ...\n"
