from __future__ import annotations

import asyncio
import datetime as dt
import logging
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

import chanbridge as cb
from chanbridge.accounts import Accounts
from chanbridge.asgi import app
from chanbridge.blobs import FileMediaStore
from chanbridge.inbound import Receiver
from chanbridge.media import MediaLinks, MediaService
from chanbridge.store.base import Stored
from chanbridge.transport.drive import Driver
from tests.asgi_client import request
from tests.channels import Pigeon, PigeonConfig, PigeonProvider, call, hmac_hex, pigeon_webhook
from tests.runtime import eventually

PUBLIC = "https://hooks.example.com/channels"


class UrlSigned(Pigeon):
    """Signs the URL that it called, as it wrote it, before the body."""

    name = "urlsigned"
    seen: list[cb.HttpRequest] = []

    def verify(self, request):
        self.seen.append(request)
        expected = hmac_hex("TEST-webhook-secret", request.url.encode() + request.content)
        if not cb.same(request.headers.get("x-signature", ""), expected):
            raise cb.SignatureError("X-Signature does not match URL and body")

    def acknowledge(self, request, events):
        return cb.HttpResponse.text("<Response/>", content_type="text/xml")


class MemoryJournal:
    """A journal that keeps nothing but a list."""

    def __init__(self):
        self.arrivals = []
        self.counts = {}

    async def append(self, arrival, told=None):
        self.arrivals.append(arrival)
        return Stored([], 0, len(self.arrivals))

    async def count(self, name, by=1):
        self.counts[name] = self.counts.get(name, 0) + by


class Bridge:
    """What the application needs of a bridge."""

    def __init__(self, folder, public_url="", started=True):
        provider = PigeonProvider()
        driver = Driver(provider)
        self.accounts = Accounts.of(
            [("main", Pigeon, PigeonConfig()), ("url", UrlSigned, PigeonConfig())], public_url=public_url
        )
        self.journal = MemoryJournal()
        blobs = FileMediaStore(folder)
        links = MediaLinks(public_url, b"TEST-link-key")
        receiver = Receiver(
            self.accounts,
            self.journal,
            driver=driver,
            media=MediaService(blobs, driver, links),
            max_body=1000,
        )
        self.runtime = SimpleNamespace(receiver=receiver, blobs=blobs, links=links, readiness=self.readiness)
        self.started = started
        self.problem: Exception | None = None
        self.stopped = False

    async def readiness(self):
        if self.problem:
            raise self.problem
        return {"pending": 3}

    async def start(self, work):
        if self.problem:
            raise self.problem
        self.started = True

    async def stop(self):
        self.stopped = True


@pytest.fixture
def bridge(tmp_path):
    UrlSigned.seen = []
    return Bridge(tmp_path, PUBLIC)


def signed(url, body=b"[]"):
    return {"x-signature": hmac_hex("TEST-webhook-secret", url.encode() + body)}


async def test_a_webhook_goes_to_its_account_and_is_answered(bridge):
    webhook = pigeon_webhook(call(body="Hello"))

    answer = await request(app(bridge), "POST", "/in/main", headers=dict(webhook.headers), body=webhook.body)

    assert (answer.status, answer.headers, answer.body) == (200, {"content-length": "0"}, b"")
    [arrival] = bridge.journal.arrivals
    assert arrival.events[0].message.plain == "Hello"


async def test_a_body_in_pieces_is_put_together(bridge):
    webhook = pigeon_webhook(call())
    pieces = [webhook.body[:10], b"", webhook.body[10:]]

    answer = await request(app(bridge), "POST", "/in/main", headers=dict(webhook.headers), body=pieces)

    assert answer.status == 200


async def test_a_handshake_by_get_is_answered(bridge):
    answer = await request(app(bridge), "GET", "/in/main?token=TEST-webhook-secret&echo=1%2B1")

    assert (answer.status, answer.body) == (200, b"1+1")


async def test_the_plugins_own_answer_is_sent(bridge):
    headers = signed(f"{PUBLIC}/in/url")

    answer = await request(app(bridge), "POST", "/in/url", headers=headers, body=b"[]")

    assert (answer.status, answer.body) == (200, b"<Response/>")
    assert answer.headers == {"content-type": "text/xml", "content-length": "11"}


TARGETS = ["/in/url", "/in/url/sub/path", "/in/url?a=%20b&c=+d&e", "/in/url/caf%C3%A9%2Fx?q=%7E~"]


@pytest.mark.parametrize("target", TARGETS)
async def test_behind_a_proxy_the_url_is_the_public_one_byte_for_byte(bridge, target):
    answer = await request(
        app(bridge),
        "POST",
        target,
        headers={
            "host": "10.0.0.5:8080",
            "x-forwarded-host": "forged.example",
            **signed(PUBLIC + target, b"[]"),
        },
        body=b"[]",
    )

    assert answer.status == 200
    assert UrlSigned.seen[0].url == PUBLIC + target


@pytest.mark.parametrize("target", TARGETS)
async def test_mounted_under_a_prefix_the_url_is_the_public_one_byte_for_byte(bridge, target):
    host = Starlette(routes=[Mount("/channels", app(bridge))])

    answer = await request(host, "POST", f"/channels{target}", headers=signed(PUBLIC + target), body=b"[]")

    assert answer.status == 200
    assert UrlSigned.seen[0].url == PUBLIC + target


async def test_a_server_that_knows_its_prefix_gives_the_same_url(bridge):
    answer = await request(
        app(bridge),
        "POST",
        "/channels/in/url?x=%20",
        root_path="/channels",
        headers=signed(f"{PUBLIC}/in/url?x=%20"),
        body=b"[]",
    )

    assert answer.status == 200


async def test_a_framework_that_cuts_the_prefix_off_gives_the_same_url(bridge):
    answer = await request(
        app(bridge),
        "POST",
        "/in/url",
        root_path="/channels",
        raw_path=b"/channels/in/url",
        headers=signed(f"{PUBLIC}/in/url"),
        body=b"[]",
    )

    assert answer.status == 200


async def test_without_a_public_url_the_server_is_believed_but_no_forwarded_header(tmp_path):
    UrlSigned.seen = []
    headers = {"host": "localhost:8080", "x-forwarded-proto": "https", "x-forwarded-host": "forged.example"}

    await request(app(Bridge(tmp_path)), "POST", "/x/in/url?a=%20", root_path="/x", headers=headers)

    assert UrlSigned.seen[0].url == "http://localhost:8080/x/in/url?a=%20"


async def test_the_plugin_sees_who_called_and_repeated_headers(bridge):
    headers = [(b"x-a", b"1"), (b"x-b", b"\xe9"), (b"x-a", b"2")]

    await request(app(bridge), "POST", "/in/url", headers=headers)

    [seen] = UrlSigned.seen
    assert seen.peer == "192.0.2.7"
    assert dict(seen.headers) == {"x-a": "1, 2", "x-b": "é"}


OVERSIZED = {
    "declared": {"headers": {"content-length": "1001"}, "stalled": True},
    "declared absurdly": {"headers": {"content-length": "9" * 5000}, "stalled": True},
    "in one piece": {"body": b"x" * 1001},
    "in pieces that never end": {"body": [b"x" * 600, b"x" * 600], "stalled": True},
}


@pytest.mark.parametrize("sent", OVERSIZED.values(), ids=OVERSIZED)
async def test_an_oversized_body_is_refused_as_soon_as_it_is(bridge, sent):
    answer = await request(app(bridge, body_s=0.01), "POST", "/in/main", **sent)

    assert answer.status == 413
    assert answer.json() == {"error": "too_large"}
    await bridge.runtime.receiver.tally.close()
    assert bridge.journal.counts == {"refused.too_large": 1}
    assert bridge.journal.arrivals == []


@pytest.mark.parametrize("size", [1001, 20_000_000])
async def test_a_client_that_sends_too_much_sees_the_refusal(tmp_path, size):
    bridge = Bridge(tmp_path, PUBLIC)
    bridge.runtime.receiver.max_body = max(1000, size // 2)
    config = uvicorn.Config(app(bridge), port=0, lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]

    async with httpx.AsyncClient(trust_env=False) as client:
        answers = [
            await client.post(f"http://127.0.0.1:{port}/in/main", content=b"x" * size) for _ in range(3)
        ]
    server.should_exit = True
    await serving

    assert [(answer.status_code, answer.json()) for answer in answers] == [(413, {"error": "too_large"})] * 3
    await bridge.runtime.receiver.tally.close()


async def test_a_body_of_exactly_the_limit_is_read(bridge):
    body = b"x" * 1000

    answer = await request(app(bridge), "POST", "/in/main", headers={"content-length": "1000"}, body=body)

    assert answer.json() == {"error": "signature"}
    await bridge.runtime.receiver.tally.close()


async def test_a_body_that_does_not_come_is_refused(bridge):
    answer = await request(app(bridge, body_s=0.01), "POST", "/in/main", body=b"[", stalled=True)

    assert answer.status == 408
    await bridge.runtime.receiver.tally.close()
    assert bridge.journal.counts == {"refused.slow_body": 1}


async def test_a_client_that_hangs_up_gets_no_answer_and_leaves_nothing(bridge):
    answer = await request(app(bridge), "POST", "/in/main", body=b"[", gone=True)

    assert answer is None
    assert bridge.journal.arrivals == []


async def test_health_is_answered_always(tmp_path):
    answer = await request(app(Bridge(tmp_path, started=False)), "GET", "/health")

    assert (answer.status, answer.json()) == (200, {"status": "ok"})


async def test_readiness_tells_how_the_bridge_works(bridge):
    answer = await request(app(bridge), "GET", "/ready")

    assert (answer.status, answer.json()) == (200, {"status": "ready", "pending": 3})


async def test_a_bridge_that_can_keep_nothing_is_not_ready(bridge, caplog):
    bridge.problem = OSError("disk full: secret-path")

    answer = await request(app(bridge), "GET", "/ready")

    assert (answer.status, answer.json()) == (503, {"error": "not_ready"})
    assert caplog.records[0].error == "OSError"


@pytest.mark.parametrize("path", ["/in/main", "/ready", "/media/x", "/"])
async def test_until_the_bridge_is_started_it_answers_503_and_says_why_once(tmp_path, caplog, path):
    bridge = Bridge(tmp_path, started=False)
    asgi = app(bridge)

    answers = [await request(asgi, "POST", path) for _ in range(3)]

    assert {answer.status for answer in answers} == {503}
    assert answers[0].headers["retry-after"]
    assert [record.message for record in caplog.records] == ["bridge.not_started"]
    assert "async with bridge" in caplog.records[0].mend


async def test_an_unknown_path_is_a_404(bridge):
    assert (await request(app(bridge), "GET", "/elsewhere")).status == 404


async def test_a_fault_of_ours_is_a_500_without_its_words(bridge, caplog, monkeypatch):
    async def broken(*args):
        raise RuntimeError("a message's words")

    monkeypatch.setattr(bridge.runtime.receiver, "receive", broken)

    answer = await request(app(bridge), "POST", "/in/main")

    assert (answer.status, answer.json()) == (500, {"error": "internal"})
    assert caplog.records[0].message == "asgi.failed"
    assert "a message's words" not in str([vars(record) for record in caplog.records])


async def put(bridge, content, mime, filename):
    async def chunks():
        yield content

    media = await bridge.runtime.blobs.put(chunks(), mime=mime, filename=filename)
    return bridge.runtime.links.sign(media.blob, dt.datetime.now(dt.UTC)).removeprefix(PUBLIC)


async def test_a_signed_link_gives_the_file(bridge):
    link = await put(bridge, b"\xff\xd8\xff the box", "image/jpeg", "box one.jpg")

    answer = await request(app(bridge), "GET", link)

    assert (answer.status, answer.body) == (200, b"\xff\xd8\xff the box")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-length"] == "11"
    assert answer.headers["content-disposition"] == "inline; filename*=UTF-8''box%20one.jpg"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_head_gives_the_headers_of_a_file_alone(bridge):
    link = await put(bridge, b"\xff\xd8\xff the box", "image/jpeg", "")

    answer = await request(app(bridge), "HEAD", link)

    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "11", b"")


@pytest.mark.parametrize("mime", ["text/html", "image/svg+xml", "application/zip"])
async def test_a_file_that_could_run_as_a_page_is_never_shown(bridge, mime):
    link = await put(bridge, b"<svg", mime, "x.html")

    answer = await request(app(bridge), "GET", link)

    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_a_link_that_is_forged_or_old_gives_nothing(bridge):
    link = await put(bridge, b"\xff\xd8\xff", "image/jpeg", "")
    blob = link.removeprefix("/media/").partition("?")[0]
    old = bridge.runtime.links.sign(blob, dt.datetime(2020, 1, 1, tzinfo=dt.UTC)).removeprefix(PUBLIC)

    for target in (link[:-1], f"/media/{blob}", old):
        assert (await request(app(bridge), "GET", target)).status == 403


async def test_a_signed_link_to_what_is_gone_is_a_404(bridge):
    link = bridge.runtime.links.sign("0" * 64, dt.datetime.now(dt.UTC)).removeprefix(PUBLIC)

    assert (await request(app(bridge), "GET", link)).status == 404


async def test_a_link_takes_no_post(bridge):
    answer = await request(app(bridge), "POST", "/media/x")

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


class Life:
    """A lifespan as a server drives it."""

    def __init__(self, asgi):
        self.messages = []
        self._events = asyncio.Queue()
        self._task = asyncio.create_task(asgi({"type": "lifespan"}, self._events.get, self._send))

    async def _send(self, message):
        self.messages.append(message)

    async def event(self, kind):
        self._events.put_nowait({"type": kind})
        for _ in range(10):
            await asyncio.sleep(0)
        return self.messages[-1]["type"]


async def test_served_by_itself_it_starts_and_stops_the_bridge(tmp_path):
    bridge = Bridge(tmp_path, started=False)
    life = Life(app(bridge))

    assert await life.event("lifespan.startup") == "lifespan.startup.complete"
    assert (bridge.started, bridge.stopped) == (True, False)
    assert await life.event("lifespan.shutdown") == "lifespan.shutdown.complete"
    assert bridge.stopped


async def test_a_bridge_that_somebody_else_started_is_left_to_them(bridge):
    bridge.problem = RuntimeError("started twice")
    life = Life(app(bridge))

    assert await life.event("lifespan.startup") == "lifespan.startup.complete"
    await life.event("lifespan.shutdown")
    assert not bridge.stopped


async def test_a_bridge_that_cannot_start_stops_the_server_and_says_why(tmp_path, caplog):
    caplog.set_level(logging.ERROR)
    bridge = Bridge(tmp_path, started=False)
    bridge.problem = cb.ConfigError("store: the disk is full")
    life = Life(app(bridge))

    assert await life.event("lifespan.startup") == "lifespan.startup.failed"
    assert life.messages[-1]["message"] == "store: the disk is full"
