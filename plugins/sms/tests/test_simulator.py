"""The Twilio simulator, driven by somebody else's client and by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.rest.content.v1.content import ContentList
from twilio.twiml.messaging_response import MessagingResponse

from chanbridge.http import HttpRequest, HttpResponse
from chanbridge.sandbox import Phone, Sandbox, fetch
from chanbridge.sandbox.wire import Reply, Server
from chanbridge_sms.config import SmsConfig
from chanbridge_sms.simulator import TwilioSimulator

ADA, US = "+12025550123", "+12025550111"
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256))
XML = "text/xml"


class ToTheSimulator(TwilioHttpClient):
    """Resolves Twilio's hosts to the simulator: all that an unmodified client needs."""

    def __init__(self, base_url: str) -> None:
        super().__init__(pool_connections=False)
        self._base = base_url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        parts = urlsplit(url)
        assert (parts.hostname or "").endswith(".twilio.com")
        query = f"?{parts.query}" if parts.query else ""
        return super().request(method, f"{self._base}{parts.path}{query}", *args, **kwargs)


class App:
    """An application: keeps its webhooks, answers what it is told to."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self.answers: list[HttpResponse] = []
        self.files: dict[str, HttpResponse] = {}
        self._server = Server(self._handle)

    async def _handle(self, request: HttpRequest) -> Reply:
        if request.path in self.files:
            return Reply(self.files[request.path], lambda: None)
        self.requests.append(request)
        return Reply(self.answers.pop(0) if self.answers else HttpResponse(), lambda: None)

    @property
    def url(self) -> str:
        return self._server.url

    def posts(self, path: str) -> list[dict[str, str]]:
        return [dict(request.form()) for request in self.requests if request.path == path]

    def statuses(self) -> list[str]:
        return [post["MessageStatus"] for post in self.posts("/status")]

    async def __aenter__(self) -> App:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()


@pytest.fixture
async def app() -> AsyncIterator[App]:
    async with App() as app:
        app.files["/box.jpg"] = HttpResponse(headers=picture(), body=JPEG)
        yield app


def picture() -> Any:
    return HttpResponse.text("", content_type="image/jpeg").headers


@pytest.fixture
async def simulator(app: App) -> AsyncIterator[TwilioSimulator]:
    simulator = TwilioSimulator()
    async with Sandbox([simulator]):
        await simulator.connect("sms", f"{app.url}/in?tenant=7&ref=a%20b")
        yield simulator


@pytest.fixture
def ada(simulator: TwilioSimulator) -> Phone:
    return simulator.phone(ADA, "Ada Test")


@pytest.fixture
def twilio(simulator: TwilioSimulator) -> Any:
    """The other people's client."""
    settings = simulator.settings()["sms"]
    return Client(
        settings["account_sid"], settings["auth_token"], http_client=ToTheSimulator(simulator.base_url)
    )


async def do(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run the client, which blocks, beside the simulator."""
    return await asyncio.to_thread(call, *args, **kwargs)


async def refused(call: Callable[..., Any], **kwargs: Any) -> tuple[int, int]:
    """The code and the HTTP status with which a call is refused."""
    with pytest.raises(TwilioRestException) as error:
        await do(call, **kwargs)
    return error.value.code, error.value.status


# what their client sends


async def test_their_client_sends_a_text_and_its_statuses_follow(app, simulator, twilio, ada) -> None:
    callback = f"{app.url}/status?key=abc%201"
    sent = await do(twilio.messages.create, to=ADA, from_=US, body="Hello 👋", status_callback=callback)

    seen = await ada.receive(within=2)
    await simulator.settle()
    found = await do(twilio.messages(sent.sid).fetch)
    assert (seen.id, seen.text, seen.sender) == (sent.sid, "Hello 👋", US)
    assert (sent.status, sent.num_segments, found.status) == ("queued", "1", "delivered")
    assert app.statuses() == ["sending", "sent", "delivered"]
    assert urlsplit(app.requests[0].url).query == "key=abc%201"


async def test_a_long_text_is_counted_in_segments(simulator, twilio) -> None:
    plain = await do(twilio.messages.create, to=ADA, from_=US, body="x" * 161)
    curly = await do(twilio.messages.create, to=ADA, from_=US, body="‘" + "x" * 159)
    smart = await do(twilio.messages.create, to=ADA, from_=US, body="‘" + "x" * 159, smart_encoded=True)

    assert (plain.num_segments, curly.num_segments, smart.num_segments) == ("2", "3", "1")


async def test_their_client_sends_a_picture(app, simulator, twilio, ada) -> None:
    sent = await do(
        twilio.messages.create, to=ADA, from_=US, body="The box", media_url=[f"{app.url}/box.jpg"] * 2
    )

    seen = await ada.receive(within=2)
    media = await do(twilio.messages(sent.sid).media.list)
    assert (seen.text, [file.data for file in seen.media]) == ("The box", [JPEG, JPEG])
    assert (sent.sid[:2], sent.num_media, len(media)) == ("MM", "2", 2)
    assert media[0].content_type == "image/jpeg"


@pytest.mark.parametrize(("file", "code"), [("/gone.jpg", "11200"), ("/large.jpg", "11751")])
async def test_a_picture_that_cannot_be_sent_fails_by_status(app, simulator, twilio, ada, file, code) -> None:
    app.files["/large.jpg"] = HttpResponse(headers=picture(), body=bytes(5 * 1024 * 1024 + 1))
    app.files["/gone.jpg"] = HttpResponse(status=404)
    await do(
        twilio.messages.create,
        to=ADA,
        from_=US,
        media_url=[app.url + file],
        status_callback=f"{app.url}/status",
    )
    await simulator.settle()

    assert app.statuses() == ["sending", "failed"]
    assert app.posts("/status")[-1]["ErrorCode"] == code
    assert ada.inbox == []


async def test_their_client_sends_through_a_service(app, simulator, twilio, ada) -> None:
    service = await do(twilio.messaging.v1.services.create, friendly_name="Boxes")
    number = (await do(twilio.incoming_phone_numbers.list, phone_number=US))[0]
    await do(service.phone_numbers.create, phone_number_sid=number.sid)
    sent = await do(
        twilio.messages.create,
        to=ADA,
        messaging_service_sid=service.sid,
        body="Hello",
        status_callback=f"{app.url}/status",
    )
    await simulator.settle()

    assert (sent.status, sent.from_, sent.num_segments) == ("accepted", None, "0")
    assert app.statuses() == ["queued", "sending", "sent", "delivered"]
    assert app.posts("/status")[0]["MessagingServiceSid"] == service.sid
    assert (ada.inbox[0].sender, ada.inbox[0].text) == (US, "Hello")


async def test_their_client_creates_a_content_template_and_sends_it(simulator, twilio, ada) -> None:
    content = await do(
        twilio.content.v1.contents.create,
        ContentList.ContentCreateRequest(
            {
                "friendly_name": "order",
                "language": "en",
                "variables": {"1": "you"},
                "types": {"twilio/text": {"body": "Hi {{1}}, order {{2}}"}},
            }
        ),
    )
    values = json.dumps({"2": "17"})
    await do(twilio.messages.create, to=ADA, from_=US, content_sid=content.sid, content_variables=values)

    assert (await ada.receive(within=2)).text == "Hi you, order 17"
    assert await refused(twilio.messages.create, to=ADA, from_=US, content_sid=content.sid) == (21656, 400)
    assert await refused(twilio.messages.create, to=ADA, from_=US, content_sid="HX0") == (21655, 400)


async def test_their_client_lists_messages_page_by_page(simulator, twilio, ada) -> None:
    for n in range(5):
        await do(twilio.messages.create, to=ADA, from_=US, body=str(n))
    ada.send_text("Hi")
    await simulator.settle()

    sent = await do(twilio.messages.list, to=ADA, page_size=2)
    received = await do(twilio.messages.list, from_=ADA)
    assert [message.body for message in sent] == ["4", "3", "2", "1", "0"]
    assert [(message.body, message.direction) for message in received] == [("Hi", "inbound")]


async def test_their_client_finds_todays_messages_only(simulator, twilio) -> None:
    await do(twilio.messages.create, to=ADA, from_=US, body="today")
    today = simulator.clock().date()

    assert len(await do(twilio.messages.list, date_sent=today)) == 1
    simulator.clock.advance(days=2)
    assert await do(twilio.messages.list, date_sent=simulator.clock().date()) == []


async def test_their_client_schedules_and_cancels(app, simulator, twilio, ada) -> None:
    account = next(iter(simulator.accounts.values()))
    service = simulator.add_service(account, US)
    due = (simulator.clock()).replace(microsecond=0)
    create = {"to": ADA, "messaging_service_sid": service.sid, "schedule_type": "fixed", "send_at": due}
    first = await do(twilio.messages.create, body="one", **create)
    second = await do(twilio.messages.create, body="two", **create)
    canceled = await do(twilio.messages(first.sid).update, status="canceled")
    simulator.clock.advance(minutes=10)
    simulator.send_scheduled()
    await simulator.settle()

    assert (first.status, canceled.status) == ("scheduled", "canceled")
    assert [seen.id for seen in ada.inbox] == [second.sid]


async def test_their_client_redacts_and_deletes(simulator, twilio, ada) -> None:
    sent = await do(twilio.messages.create, to=ADA, from_=US, body="secret")
    await ada.receive(within=2)
    await simulator.settle()
    redacted = await do(twilio.messages(sent.sid).update, body="")
    deleted = await do(twilio.messages(sent.sid).delete)

    assert (redacted.body, deleted) == ("", True)
    assert await refused(twilio.messages(sent.sid).fetch) == (20404, 404)


async def test_an_api_key_sends_too(simulator, ada) -> None:
    account = next(iter(simulator.accounts.values()))
    account.keys["SK" + "0" * 32] = "TEST-key-secret"
    http = ToTheSimulator(simulator.base_url)
    client = Client("SK" + "0" * 32, "TEST-key-secret", account.sid, http_client=http)

    await do(client.messages.create, to=ADA, from_=US, body="Hi")

    assert (await ada.receive(within=2)).text == "Hi"


# what is refused


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "12345"}, 21211),
        ({"to": ""}, 21604),
        ({"to": US}, 21266),
        ({"from_": "+0123"}, 21212),
        ({"from_": "+12025550199"}, 21606),
        ({"from_": ""}, 21603),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"media_url": ["ftp://example.com/a"]}, 21620),
        ({"media_url": ["https://example.com/a"] * 11}, 21623),
        ({"status_callback": "https://my_host.example.com/"}, 21609),
        ({"status_callback": "nowhere"}, 21609),
        ({"validity_period": 36001}, 21624),
        ({"messaging_service_sid": "MG0"}, 21701),
        ({"schedule_type": "fixed", "send_at": "2030-01-01T00:00:00Z"}, 21701),
    ],
)
async def test_what_breaks_a_rule_is_refused_with_twilios_code(simulator, twilio, fields, code) -> None:
    message = {"to": ADA, "from_": US, "body": "Hi", **fields}

    assert await refused(twilio.messages.create, **message) == (code, 400)


async def test_a_wrong_password_or_another_account_is_20003(simulator, twilio) -> None:
    other = simulator.add_account()
    settings = simulator.settings()["sms"]
    http = ToTheSimulator(simulator.base_url)

    wrong = Client(settings["account_sid"], "wrong", http_client=http)
    foreign = Client(settings["account_sid"], settings["auth_token"], other.sid, http_client=http)

    for client in (wrong, foreign):
        assert await refused(client.messages.create, to=ADA, from_=US, body="Hi") == (20003, 401)


async def test_an_unknown_path_is_20404(simulator) -> None:
    answer = await fetch(HttpRequest.get(f"{simulator.base_url}/2010-04-01/Nothing.json"), within=2)

    assert (answer.status, answer.json()["code"]) == (404, 20404)


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ({"kind": "rate_limited", "seconds": 3}, 20429, 429),
        ({"kind": "rate_limited", "seconds": 3, "date": True}, 20429, 429),
        ({"kind": "error"}, 20500, 500),
        ({"kind": "error", "code": 20503}, 20503, 503),
        ({"kind": "error", "code": 21610}, 21610, 400),
        ({"kind": "expired_token"}, 20003, 401),
    ],
)
async def test_a_fault_is_answered_in_twilios_shape(simulator, twilio, fault, code, status) -> None:
    simulator.faults.add(route="messages.create", **fault)

    assert await refused(twilio.messages.create, to=ADA, from_=US, body="Hi") == (code, status)
    assert (await do(twilio.messages.create, to=ADA, from_=US, body="Hi")).sid


async def test_a_429_says_when_to_come_back(simulator) -> None:
    simulator.faults.add("rate_limited", seconds=3)

    path = f"/2010-04-01/Accounts/{simulator.settings()['sms']['account_sid']}/Messages.json"
    answer = await fetch(HttpRequest.get(simulator.base_url + path), within=2)

    assert (answer.status, answer.headers["retry-after"]) == (429, "3")


async def test_a_phone_can_refuse_and_can_be_off(app, simulator, twilio, ada) -> None:
    message = {"to": ADA, "from_": US, "body": "Hi", "status_callback": f"{app.url}/status"}
    ada.online = False
    await do(twilio.messages.create, **message)
    await simulator.settle()
    assert app.statuses() == ["sending", "sent"]
    ada.online = True
    ada.refuses = 30006
    await do(twilio.messages.create, **message)
    await simulator.settle()

    assert app.statuses() == ["sending", "sent", "delivered", "sending", "undelivered"]
    assert app.posts("/status")[-1]["ErrorCode"] == "30006"


# what the application is told


async def test_their_validator_accepts_what_a_customer_says(app, simulator, ada) -> None:
    sid = ada.send_text("Hello & welcome, café ☕")
    await simulator.settle()

    [request] = app.requests
    params = dict(request.form())
    assert valid(simulator, request)
    assert not RequestValidator("wrong").validate(request.url, params, request.headers["x-twilio-signature"])
    assert (params["From"], params["To"], params["Body"]) == (ADA, US, "Hello & welcome, café ☕")
    assert (params["MessageSid"], params["NumMedia"], params["NumSegments"]) == (sid, "0", "1")


def valid(simulator: TwilioSimulator, request: HttpRequest) -> bool:
    validator = RequestValidator(simulator.settings()["sms"]["auth_token"])
    params = dict(request.form()) if request.method == "POST" else {}
    return bool(validator.validate(request.url, params, request.headers["x-twilio-signature"]))


async def test_their_validator_accepts_statuses_and_refuses_forgeries(app, simulator, twilio, ada) -> None:
    simulator.faults.add("bad_signature", skip=1)
    callback = f"{app.url}/status?ref=a%20b#rc=2"
    await do(twilio.messages.create, to=ADA, from_=US, body="Hi", status_callback=callback)
    await simulator.settle()

    assert [valid(simulator, request) for request in app.requests] == [True, False, True]


async def test_a_number_may_be_called_by_get(app, simulator, twilio, ada) -> None:
    number = (await do(twilio.incoming_phone_numbers.list))[0]
    await do(number.update, sms_url=f"{app.url}/get?a=1", sms_method="GET")
    ada.send_text("Grüße")
    await simulator.settle()

    [request] = app.requests
    assert (request.method, request.query["a"], request.query["Body"]) == ("GET", "1", "Grüße")
    assert valid(simulator, request)


async def test_a_received_picture_is_fetched_past_a_host_that_must_not_see_the_credential(
    app, simulator, ada
) -> None:
    simulator.separate_cdn = True
    ada.send_media(JPEG, mime="image/jpeg", filename="box.jpg", caption="The box")
    await simulator.settle()
    [post] = app.posts("/in")
    settings = simulator.settings()["sms"]
    credential = (settings["account_sid"], settings["auth_token"])

    async with httpx.AsyncClient() as client:
        bare = await client.get(post["MediaUrl0"])
        redirect = await client.get(post["MediaUrl0"], auth=credential)
        followed = await client.get(post["MediaUrl0"], auth=credential, follow_redirects=True)
        leaked = await client.get(redirect.headers["location"], auth=credential)
        forged = await client.get(redirect.headers["location"].replace("Expires=1", "Expires=2"))
        simulator.clock.advance(hours=5)
        stale = await client.get(redirect.headers["location"])

    assert (post["NumMedia"], post["MediaContentType0"], post["Body"]) == ("1", "image/jpeg", "The box")
    hosts = [urlsplit(url).hostname for url in (post["MediaUrl0"], redirect.headers["location"])]
    assert hosts == ["127.0.0.1", "localhost"]
    statuses = [answer.status_code for answer in (bare, redirect, leaked, forged, stale)]
    assert statuses == [401, 307, 400, 403, 403]
    assert (followed.content, followed.headers["content-type"]) == (JPEG, "image/jpeg")


async def test_a_received_picture_is_behind_the_credential(app, simulator, ada) -> None:
    ada.send_media(JPEG, mime="image/jpeg")
    await simulator.settle()
    url, settings = app.posts("/in")[0]["MediaUrl0"], simulator.settings()["sms"]

    async with httpx.AsyncClient(auth=(settings["account_sid"], settings["auth_token"])) as client:
        found = await client.get(url)
        simulator.faults.add("expired_media")
        gone = await client.get(url)
    bare = await fetch(HttpRequest.get(url), within=2)

    assert [found.status_code, gone.status_code, bare.status] == [200, 404, 401]
    assert (found.content, found.headers["content-type"]) == (JPEG, "image/jpeg")


async def test_an_application_that_is_down_is_tried_once_more_unless_the_url_says_otherwise(
    app, simulator, ada
) -> None:
    await simulator.connect("sms", "http://127.0.0.1:9/in")
    ada.send_text("one")
    await simulator.settle()
    await simulator.connect("sms", f"{app.url}/in")
    app.answers += [HttpResponse(status=500)] * 4
    ada.send_text("two")
    await simulator.settle()
    await simulator.connect("sms", f"{app.url}/in#rc=2&rp=5xx")
    ada.send_text("three")
    await simulator.settle()

    assert [delivery.tries for delivery in simulator.webhooks.log] == [[0, 0], [500], [500, 500, 500]]
    tokens = {request.headers["i-twilio-idempotency-token"] for request in app.requests[1:]}
    assert len(tokens) == 1


async def test_a_webhook_url_may_hold_a_password(app, simulator, ada) -> None:
    await simulator.connect("sms", app.url.replace("http://", "http://me:pw@") + "/in")
    ada.send_text("Hi")
    await simulator.settle()

    assert app.requests[0].headers["authorization"] == "Basic bWU6cHc="


async def test_a_malformed_webhook_is_signed_and_useless(app, simulator, ada) -> None:
    simulator.faults.add("malformed", size=2, item=1)
    ada.send_text("one")
    ada.send_text("two")
    await simulator.settle()

    assert [valid(simulator, request) for request in app.requests] == [True, True]
    assert ["MessageSid" in post for post in app.posts("/in")] == [True, False]


# answers to webhooks


def twiml(**message: Any) -> HttpResponse:
    response = MessagingResponse()
    response.message(**message)
    return HttpResponse.text(str(response), content_type=XML)


async def test_twiml_becomes_a_reply(app, simulator, ada) -> None:
    answer = MessagingResponse()
    answer.message("Thanks & bye")
    answer.message("See").media(f"{app.url}/box.jpg")
    app.answers.append(HttpResponse.text(str(answer), content_type=XML))
    ada.send_text("Hi")
    await simulator.settle()

    assert [(seen.text, len(seen.media)) for seen in ada.inbox] == [("Thanks & bye", 0), ("See", 1)]


async def test_plain_text_becomes_a_reply_and_an_empty_answer_none(app, simulator, ada) -> None:
    app.answers += [
        HttpResponse.text("OK"),
        HttpResponse.text("<Response/>", content_type=XML),
        HttpResponse(status=204),
    ]
    for text in ("one", "two", "three"):
        ada.send_text(text)
    await simulator.settle()

    assert [seen.text for seen in ada.inbox] == ["OK"]
    assert simulator.alerts == []


@pytest.mark.parametrize("kind", ["text/html", "application/json", XML])
async def test_an_answer_that_is_no_twiml_is_an_alert(app, simulator, ada, kind) -> None:
    app.answers.append(HttpResponse.text("{}", content_type=kind))
    ada.send_text("Hi")
    await simulator.settle()

    assert (simulator.alerts, ada.inbox) == ([12300], [])


async def test_an_answer_to_a_status_is_no_message(app, simulator, twilio, ada) -> None:
    app.answers += [HttpResponse.text("OK")] * 3
    await do(twilio.messages.create, to=ADA, from_=US, body="Hi", status_callback=f"{app.url}/status")
    await simulator.settle()

    assert [seen.text for seen in ada.inbox] == ["Hi"]
    assert len(await do(twilio.messages.list)) == 1


# opting out


@pytest.mark.parametrize("word", ["STOP", "stop", " Unsubscribe. ", "CANCEL"])
async def test_who_says_stop_gets_nothing_more_until_start(app, simulator, twilio, ada, word) -> None:
    message = {"to": ADA, "from_": US, "body": "Hi"}
    ada.send_text(word)
    await simulator.settle()
    assert await refused(twilio.messages.create, **message) == (21610, 400)
    ada.send_text("yes")
    await simulator.settle()
    await do(twilio.messages.create, **message)
    await simulator.settle()

    assert [seen.text[:20] for seen in ada.inbox] == ["You are unsubscribed", "You are subscribed a", "Hi"]
    assert [post["Body"] for post in app.posts("/in")] == [word, "yes"]


async def test_yes_is_a_word_like_any_other_for_who_is_not_out(simulator, ada) -> None:
    ada.send_text("YES")
    ada.send_text("STOP please")
    await simulator.settle()

    assert ada.inbox == []


async def test_a_service_is_stopped_as_a_whole_and_says_so(app, simulator, twilio, ada) -> None:
    account = next(iter(simulator.accounts.values()))
    service = simulator.add_service(account, US, simulator.add_number("+12025550112").number)
    service.advanced_opt_out = True
    ada.send_text("STOP")
    await do(
        twilio.messages.create,
        to=ADA,
        messaging_service_sid=service.sid,
        from_="+12025550112",
        body="Hi",
        status_callback=f"{app.url}/status",
    )
    await simulator.settle()

    assert app.posts("/in")[0]["OptOutType"] == "STOP"
    assert app.posts("/status")[-1]["ErrorCode"] == "21610"


async def test_a_text_message_has_nothing_to_tap(ada) -> None:
    with pytest.raises(ValueError, match="nothing to tap"):
        ada.tap("2")


async def test_a_contact_card_is_a_file(app, simulator, ada) -> None:
    ada.send_contact("Bo Test", "+12025550124")
    await simulator.settle()

    assert app.posts("/in")[0]["MediaContentType0"] == "text/vcard"


def test_its_account_tables_are_what_the_plugin_is_configured_with() -> None:
    for table in TwilioSimulator(["+12025550111", "+12025550112"]).settings().values():
        assert table.pop("channel") == "sms"

        config = msgspec.convert(table, SmsConfig, dec_hook=lambda kind, text: kind(text))

        assert config.base_url == table["base_url"]
