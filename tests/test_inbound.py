from __future__ import annotations

import asyncio
import datetime as dt
import logging

import msgspec
import pytest

import chanbridge as cb
from chanbridge.accounts import Accounts, Configured
from chanbridge.blobs import FileMediaStore
from chanbridge.http import Headers
from chanbridge.inbound import Receiver
from chanbridge.media import MediaService
from chanbridge.store.engine import StoreError
from chanbridge.store.journal import Journal
from chanbridge.transport.drive import Driver
from tests.channels import (
    NOW,
    Clock,
    Magpie,
    MagpieConfig,
    Pigeon,
    PigeonConfig,
    PigeonProvider,
    PlainConfig,
    Sparrow,
    call,
    magpie_bell,
    pigeon_webhook,
)

SECOND = "+12025550101"
TOKEN = "TEST-path-token-1234"


class Replaceable(Pigeon):
    """A Pigeon whose code a test can break and mend."""

    name = "pigeon"
    broken: set[str] = set()

    def event(self, raw):
        if "event" in self.broken and b"msg-TEST-4" in bytes(raw):
            raise KeyError("a message's words")
        return super().event(raw)

    def parse(self, request):
        yield from super().parse(request)
        if "parse" in self.broken:
            raise RuntimeError("a message's words")

    def verify(self, request):
        if "verify" in self.broken:
            raise RuntimeError("a message's words")
        return super().verify(request)

    def acknowledge(self, request, events):
        if "acknowledge" in self.broken:
            raise RuntimeError("a message's words")
        return cb.HttpResponse.text(f"took {len(list(events))}")

    def owns(self, account_id):
        if "owns" in self.broken:
            raise RuntimeError("a message's words")
        return super().owns(account_id)


class JsonPigeon(Pigeon):
    """Says what its webhooks are written in."""

    name = "jsonpigeon"
    content_types = ("application/json", "application/x-www-form-urlencoded")


class KeyFetching(Pigeon):
    """Asks the provider for the key before it believes a webhook."""

    name = "keyfetching"

    def verify(self, request):
        answer = yield cb.HttpRequest.get(f"{self.config.base_url}/key")
        if answer.json()["id"] != "key-TEST-1":
            raise cb.SignatureError("the key does not fit")


@pytest.fixture
def broken():
    Replaceable.broken = set()
    return Replaceable.broken


@pytest.fixture
def journal(engine):
    return Journal(engine)


@pytest.fixture
def provider():
    return PigeonProvider()


@pytest.fixture
def receiver(journal, provider, broken, tmp_path):
    accounts = Accounts.of(
        [
            ("main", Replaceable, PigeonConfig()),
            ("shop", Pigeon, PigeonConfig(number=SECOND)),
            ("other", Pigeon, PigeonConfig(number="+12025550102", webhook_secret=cb.Secret("TEST-another"))),
            ("magpie", Magpie, MagpieConfig()),
            ("keyed", KeyFetching, PigeonConfig()),
            ("typed", JsonPigeon, PigeonConfig()),
            Configured("sparrow", Sparrow, PlainConfig(), cb.Secret(TOKEN), ("192.0.2.0/24",)),
        ],
        public_url="https://hooks.example.com",
        clock=Clock(),
    )
    driver = Driver(provider)
    media = MediaService(FileMediaStore(tmp_path / "media"), driver)
    return Receiver(accounts, journal, driver=driver, media=media, clock=Clock())


async def stored(journal):
    return [entry.event for entry in await journal.events()]


async def test_a_signed_webhook_is_in_the_journal_when_it_is_answered(receiver, journal):
    answer = await receiver.receive("main", pigeon_webhook(call(body="The box is damaged")))

    assert answer.status == 200
    [event] = await stored(journal)
    assert event.account == "main"
    assert event.message.plain == "The box is damaged"
    [kept] = await journal.requests()
    assert (kept.account, kept.state) == ("main", "ok")


async def test_the_plugin_words_the_answer_and_knows_the_events(receiver):
    answer = await receiver.receive("main", pigeon_webhook(call("a"), call("b")))

    assert answer.body == b"took 2"


async def test_a_handshake_is_answered_and_nothing_is_kept(receiver, journal):
    request = cb.HttpRequest.get("https://hooks.example.com/in/main", token="TEST-webhook-secret", echo="42")

    answer = await receiver.receive("main", request)

    assert (answer.status, answer.body) == (200, b"42")
    assert await journal.requests() == []


FORGED = pigeon_webhook(call(), secret="TEST-forged")
REFUSALS = {
    "unknown account": ("nobody", pigeon_webhook(call()), "", 404, "unknown_account"),
    "unsigned": (
        "main",
        cb.HttpRequest(method="POST", url="https://hooks.example.com/in/main", body=b"[]"),
        "",
        403,
        "signature",
    ),
    "wrongly signed": ("main", FORGED, "", 403, "signature"),
    "a wrong handshake": (
        "main",
        cb.HttpRequest.get("https://hooks.example.com/in/main", token="x"),
        "",
        403,
        "handshake",
    ),
    "wrong method": (
        "main",
        cb.HttpRequest(method="PUT", url="https://hooks.example.com/in/main"),
        "",
        405,
        "method",
    ),
    "a wrong content type": (
        "typed",
        pigeon_webhook(call()).with_headers(content_type="text/plain"),
        "",
        415,
        "content_type",
    ),
    "a path that was guessed": (
        "sparrow",
        cb.HttpRequest.get("https://hooks.example.com/in/sparrow/x"),
        "x",
        404,
        "path_token",
    ),
    "a strange address": (
        "sparrow",
        cb.HttpRequest(method="GET", url="https://hooks.example.com/in/sparrow", peer="198.51.100.1"),
        TOKEN,
        403,
        "address",
    ),
}


@pytest.mark.parametrize(("name", "request_", "below", "status", "reason"), REFUSALS.values(), ids=REFUSALS)
async def test_what_is_refused_is_counted_logged_once_and_not_kept(
    receiver, journal, caplog, name, request_, below, status, reason
):
    caplog.set_level(logging.INFO)

    answer = await receiver.receive(name, request_, below)

    assert answer.status == status
    assert answer.json() == {"error": reason}
    [line] = caplog.records
    assert (line.message, line.reason, line.status) == ("webhook.refused", reason, status)
    assert await journal.requests() == []
    await receiver.tally.flush()
    assert await journal.counters() == {f"refused.{reason}": 1}


async def test_a_wrong_method_is_told_the_right_ones(receiver):
    request = cb.HttpRequest(method="DELETE", url="https://hooks.example.com/in/main")

    answer = await receiver.receive("main", request)

    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON ; charset=utf-8", ""])
async def test_a_content_type_is_compared_without_its_parameters_where_there_is_one(receiver, kind):
    answer = await receiver.receive("typed", pigeon_webhook(call()).with_headers(content_type=kind))

    assert answer.status == 200


async def test_a_request_without_a_body_needs_no_content_type(receiver):
    request = cb.HttpRequest.get("https://hooks.example.com/in/typed", token="TEST-webhook-secret", echo="42")

    answer = await receiver.receive("typed", request.with_headers(content_type="text/plain"))

    assert answer.body == b"42"


async def test_a_wrong_content_type_is_told_the_right_ones(receiver):
    answer = await receiver.receive("typed", pigeon_webhook(call()).with_headers(content_type="text/xml"))

    assert answer.headers["accept"] == "application/json, application/x-www-form-urlencoded"


async def test_what_was_counted_is_told_at_once(receiver):
    await receiver.receive("main", FORGED)

    counts = await receiver.counts()
    await receiver.receive("main", FORGED)

    assert counts == {"refused.signature": 1}
    assert await receiver.counts() == {"refused.signature": 2}


async def test_an_unknown_name_cannot_break_a_log_line(receiver, caplog):
    await receiver.receive("x\nforged line" + "x" * 500, pigeon_webhook(call()))

    assert "\n" not in caplog.records[0].account
    assert len(caplog.records[0].account) < 100


async def test_refusals_cost_no_write_until_they_are_flushed(receiver, journal):
    for _ in range(100):
        await receiver.receive("main", FORGED)

    assert await journal.counters() == {}
    await receiver.tally.close()
    assert await journal.counters() == {"refused.signature": 100}


async def test_an_unsigned_channel_behind_its_secret_path_may_deliver_by_get(receiver, journal):
    url = f"https://hooks.example.com/in/sparrow/{TOKEN}?id=1&from=ada&text=Hi"
    request = cb.HttpRequest(method="GET", url=url, peer="192.0.2.9")

    answer = await receiver.receive("sparrow", request, TOKEN)

    assert answer.status == 200
    assert [event.message.plain for event in await stored(journal)] == ["Hi"]
    [kept] = await journal.requests()
    assert TOKEN not in kept.request.url


async def test_a_key_that_must_be_fetched_is_fetched(receiver, provider, journal):
    provider.script = [cb.HttpResponse.of_json({"id": "key-TEST-1"})]

    answer = await receiver.receive("keyed", pigeon_webhook(call()))

    assert answer.status == 200
    assert len(await stored(journal)) == 1


async def test_where_the_key_cannot_be_fetched_the_provider_shall_come_again(receiver, provider, journal):
    provider.script = [cb.SendError("channel_unavailable")]

    answer = await receiver.receive("keyed", pigeon_webhook(call()))

    assert answer.status == 503
    assert answer.headers["retry-after"]
    assert await journal.requests() == []


async def test_a_plugin_that_fails_to_verify_is_named_without_its_words(receiver, broken, caplog):
    broken.add("verify")

    answer = await receiver.receive("main", pigeon_webhook(call()))

    assert answer.status == 500
    assert (caplog.records[0].message, caplog.records[0].plugin) == ("plugin.failed", "pigeon")
    assert "a message's words" not in str([vars(record) for record in caplog.records])


async def test_a_plugin_that_fails_to_acknowledge_does_not_make_the_provider_try_again(
    receiver, broken, journal
):
    broken.add("acknowledge")

    answer = await receiver.receive("main", pigeon_webhook(call()))

    assert answer.status == 200
    assert len(await stored(journal)) == 1


async def test_of_ten_items_the_malformed_one_is_kept_and_becomes_a_message_when_the_plugin_is_mended(
    receiver, journal, broken
):
    broken.add("event")
    items = [call(f"msg-TEST-{index}", body=f"Message {index}") for index in range(10)]

    answer = await receiver.receive("main", pigeon_webhook(*items))

    assert answer.status == 200
    events = await stored(journal)
    assert [event.type for event in events] == ["message.received"] * 4 + ["provider.event"] + [
        "message.received"
    ] * 5
    assert events[4].raw.content == msgspec.json.encode(items[4])
    assert events[4].error == "KeyError at [4]"

    broken.clear()
    [kept] = await journal.requests("quarantined")
    again = await receiver.replay(kept)

    assert [entry.event.message.plain for entry in again.entries] == ["Message 4"]
    assert again.duplicates == 9
    assert await journal.requests("quarantined") == []


async def test_what_parse_found_before_it_failed_stays_and_the_request_is_set_aside(
    receiver, journal, broken
):
    broken.add("parse")

    answer = await receiver.receive("main", pigeon_webhook(call()))

    assert answer.status == 200
    assert len(await stored(journal)) == 1
    [kept] = await journal.requests("quarantined")
    assert kept.reason.startswith("RuntimeError at ")
    assert "a message's words" not in kept.reason


async def test_a_signed_body_that_is_no_json_is_kept_and_not_retried(receiver, journal):
    answer = await receiver.receive("main", pigeon_webhook(body=b"\xff not json"))

    assert answer.status == 200
    [kept] = await journal.requests("quarantined")
    assert kept.request.body == b"\xff not json"


async def test_an_event_of_another_account_of_the_app_goes_there(receiver, journal):
    await receiver.receive("main", pigeon_webhook(call("a"), call("b", to=SECOND)))

    assert [event.account for event in await stored(journal)] == ["main", "shop"]


@pytest.mark.parametrize("number", ["+12025550102", "+12025550199"], ids=["another secret", "not configured"])
async def test_an_event_that_nobody_may_have_reaches_nobody_and_is_counted(receiver, journal, number):
    await receiver.receive("main", pigeon_webhook(call("a"), call("b", to=number)))

    assert [event.provider_id for event in await stored(journal)] == ["a"]
    [kept] = await journal.requests("unowned")
    assert kept.reason.startswith("1 of an account")
    await receiver.tally.flush()
    assert (await journal.counters())["unowned"] == 1


async def test_a_replay_gives_no_account_what_another_ones_secret_signed(receiver, journal):
    await receiver.receive("main", pigeon_webhook(call("a", to="+12025550102")))
    [kept] = await journal.requests("unowned")

    again = await receiver.replay(kept)

    assert again.entries == []
    assert len(await journal.requests("unowned")) == 1


async def test_an_account_that_is_configured_later_gets_its_events_by_a_replay(
    receiver, journal, provider, tmp_path
):
    await receiver.receive("main", pigeon_webhook(call("a", to="+12025550103")))
    [kept] = await journal.requests("unowned")
    grown = Accounts.of(
        [("main", Pigeon, PigeonConfig()), ("new", Pigeon, PigeonConfig(number="+12025550103"))]
    )
    driver = Driver(provider)
    later = Receiver(grown, journal, driver=driver, media=MediaService(FileMediaStore(tmp_path), driver))

    again = await later.replay(kept)

    assert [entry.event.account for entry in again.entries] == ["new"]
    assert await journal.requests("unowned") == []


async def test_a_replay_asks_another_account_as_of_the_time_at_which_the_request_came(
    receiver, journal, provider, tmp_path
):
    class Timed(Pigeon):
        def verify(self, request):
            if abs((self.account.now() - NOW).total_seconds()) > 300:
                raise cb.SignatureError("the request is old")

    await receiver.receive("main", pigeon_webhook(call("a", to="+12025550103")))
    [kept] = await journal.requests("unowned")
    entries = [("main", Pigeon, PigeonConfig()), ("new", Timed, PigeonConfig(number="+12025550103"))]
    tomorrow = Clock(NOW + dt.timedelta(days=1))
    driver = Driver(provider)
    media = MediaService(FileMediaStore(tmp_path), driver)
    later = Receiver(
        Accounts.of(entries, clock=tomorrow), journal, driver=driver, media=media, clock=tomorrow
    )

    again = await later.replay(kept)

    assert [entry.event.account for entry in again.entries] == ["new"]


async def test_a_plugin_that_cannot_say_whose_an_event_is_loses_nothing(receiver, journal, broken):
    broken.add("owns")
    await receiver.receive("main", pigeon_webhook(call()))
    broken.clear()

    [kept] = await journal.requests("quarantined")
    again = await receiver.replay(kept)

    assert len(again.entries) == 1


async def test_fifty_identical_webhooks_at_once_give_one_event(receiver, journal):
    request = pigeon_webhook(call())

    answers = await asyncio.gather(*(receiver.receive("main", request) for _ in range(50)))

    assert {answer.status for answer in answers} == {200}
    assert len(await stored(journal)) == 1
    await receiver.tally.flush()
    assert (await journal.counters())["duplicates"] == 49


async def test_a_bell_is_kept_and_told(receiver, engine):
    heard = []
    receiver.observers.append(lambda arrival, stored: heard.extend(arrival.wakes))

    await receiver.receive("magpie", magpie_bell("bell-TEST-7"))

    assert [wake.key for wake in heard] == ["bell-TEST-7"]
    rows = await engine.read(lambda c: c.execute("SELECT account, key FROM wakes").fetchall())
    assert [tuple(row) for row in rows] == [("magpie", "bell-TEST-7")]


async def test_credentials_in_headers_are_not_kept_but_signatures_are(receiver, journal):
    request = pigeon_webhook(call())
    headers = Headers(
        {**request.headers, "authorization": "Bearer TEST-x", "x-api-key": "TEST-y", "cookie": "z"}
    )

    await receiver.receive("main", msgspec.structs.replace(request, headers=headers))

    [kept] = await journal.requests()
    masked = {name for name, value in kept.request.headers.items() if value == "***"}
    assert masked == {"authorization", "x-api-key", "cookie"}
    assert kept.request.headers["x-pigeon-signature"] == request.headers["x-pigeon-signature"]


@pytest.mark.parametrize(("size", "inline"), [(64 * 1024, True), (64 * 1024 + 1, False)])
async def test_a_file_inside_a_webhook_is_a_blob_if_it_is_large(receiver, journal, tmp_path, size, inline):
    picture = b"\xff\xd8\xff\xe0" + b"x" * (size - 4)
    item = {**call(body="The box"), "inline": picture}

    await receiver.receive("main", pigeon_webhook(item))

    [event] = await stored(journal)
    media = event.message.parts[1].media
    assert (media.data == picture, bool(media.blob)) == (inline, not inline)
    assert media.filename == "box.jpg"
    if not inline:
        kept = FileMediaStore(tmp_path / "media").read(media.blob)
        assert b"".join([piece async for piece in kept]) == picture


async def test_a_store_that_cannot_keep_it_has_the_provider_come_again(receiver, monkeypatch, caplog):
    async def full(arrival, told=None):
        raise StoreError("database or disk is full")

    monkeypatch.setattr(receiver._journal, "append", full)

    answer = await receiver.receive("main", pigeon_webhook(call()))

    assert answer.status == 503
    assert answer.headers["retry-after"] == "5"
    assert "database or disk is full" in caplog.records[0].error


async def test_an_event_that_cannot_be_written_is_set_aside_with_its_request(receiver, journal):
    item = call(body="x")
    receiver.accounts["main"].event = lambda raw: cb.ProviderEvent(provider_type="\ud800")  # no UTF-8

    answer = await receiver.receive("main", pigeon_webhook(item))

    assert answer.status == 200
    [kept] = await journal.requests("quarantined")
    assert kept.reason.startswith("cannot be written: ")


async def test_an_event_that_cannot_be_written_takes_no_other_with_it(receiver, journal):
    channel = receiver.accounts["main"]
    sound = channel.event

    def unsound(raw):
        event = sound(raw)
        return event.replace(provider_id="\ud800") if event.provider_id == "msg-TEST-2" else event

    channel.event = unsound
    await receiver.receive("main", pigeon_webhook(*(call(f"msg-TEST-{n}", str(n)) for n in (1, 2, 3))))
    taken = [entry.event for entry in await journal.events()]
    channel.event = sound
    [kept] = await journal.requests("quarantined")
    again = await receiver.replay(kept)

    assert [event.type for event in taken] == ["message.received", "provider.event", "message.received"]
    assert taken[1].error == "cannot be written: ValidationError"
    assert b"msg-TEST-2" in taken[1].raw.content
    assert [entry.event.message.plain for entry in again.entries] == ["2"]
    assert await journal.requests("quarantined") == []


async def test_what_is_on_disk_is_told_also_when_the_caller_has_gone(receiver, journal):
    heard = []
    receiver.observers.append(lambda arrival, stored: heard.extend(stored.entries))
    task = asyncio.create_task(receiver.receive("main", pigeon_webhook(call())))
    for _ in range(3):  # until it waits for the disk
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    listed = await journal.events()

    assert [entry.seq for entry in heard] == [entry.seq for entry in listed] == [1]


async def test_counts_that_cannot_be_written_are_counted_on(receiver, journal, monkeypatch):
    async def full(name, by):
        raise StoreError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(receiver.tally, "_keep", full)
        await receiver.receive("main", FORGED)
        await receiver.tally.flush()
    await receiver.receive("main", FORGED)
    await receiver.tally.close()

    assert await journal.counters() == {"refused.signature": 2}


async def test_another_account_is_asked_once_for_all_its_events(receiver, journal, monkeypatch):
    asked = []
    verify = receiver.accounts["shop"].verify
    monkeypatch.setattr(
        receiver.accounts["shop"], "verify", lambda request: asked.append(1) or verify(request)
    )

    await receiver.receive("main", pigeon_webhook(*(call(f"m{n}", to=SECOND) for n in range(5))))

    assert [event.account for event in await stored(journal)] == ["shop"] * 5
    assert len(asked) == 1


async def test_who_listens_for_news_and_fails_does_not_make_the_provider_try_again(receiver, journal, caplog):
    def broken(arrival, stored):
        raise RuntimeError("a message's words")

    receiver.observers.append(broken)

    answer = await receiver.receive("main", pigeon_webhook(call()))

    assert answer.status == 200
    assert [record.message for record in caplog.records] == ["observer.failed"]
