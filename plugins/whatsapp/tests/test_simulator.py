"""The WhatsApp simulator, driven by somebody else's client and by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest
import pywa
from pywa import errors, types
from pywa.types import templates

import chanbridge as cb
from chanbridge.http import HttpRequest, HttpResponse
from chanbridge.sandbox import Phone, Sandbox, fetch
from chanbridge.sandbox.wire import Reply, Server
from chanbridge_whatsapp import WhatsApp
from chanbridge_whatsapp.config import WhatsAppConfig
from chanbridge_whatsapp.simulator import VERIFY_TOKEN, WhatsAppSimulator
from chanbridge_whatsapp.simulator.platform import user_id

ADA, BO = "+12025550123", "+12025550124"
JPEG = b"\xff\xd8\xff\xe0"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


class ToTheSimulator(httpx.HTTPTransport):
    """Resolves graph.facebook.com to the simulator: all that an unmodified client needs."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base = httpx.URL(base_url)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "graph.facebook.com":
            request.url = request.url.copy_with(scheme="http", host=self._base.host, port=self._base.port)
        return super().handle_request(request)


class App:
    """An application: keeps its webhooks, answers the challenge."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self.token = VERIFY_TOKEN
        self._server = Server(self._handle)

    async def _handle(self, request: HttpRequest) -> Reply:
        if request.method == "GET":
            right = request.query.get("hub.verify_token") == self.token
            challenge = request.query.get("hub.challenge", "")
            return Reply(HttpResponse.text(challenge) if right else HttpResponse(status=403), lambda: None)
        self.requests.append(request)
        return Reply(HttpResponse(), lambda: None)

    @property
    def url(self) -> str:
        return f"{self._server.url}/hook"

    @property
    def values(self) -> list[dict[str, Any]]:
        """Every change's value, in the order they came."""
        return [
            change["value"]
            for request in self.requests
            for entry in request.json()["entry"]
            for change in entry["changes"]
        ]

    def every(self, name: str) -> list[dict[str, Any]]:
        return [item for value in self.values for item in value.get(name, [])]

    def facts(self) -> list[str]:
        return [status["status"] for status in self.every("statuses")]

    async def __aenter__(self) -> App:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()


@pytest.fixture
async def app() -> AsyncIterator[App]:
    async with App() as app:
        yield app


@pytest.fixture
async def simulator(app: App) -> AsyncIterator[WhatsAppSimulator]:
    simulator = WhatsAppSimulator()
    async with Sandbox([simulator]):
        await simulator.connect("whatsapp", app.url)
        yield simulator


@pytest.fixture
def ada(simulator: WhatsAppSimulator) -> Phone:
    """A customer whose service window is open."""
    ada = simulator.phone(ADA, "Ada Test")
    number = simulator.platform.sender("")
    simulator.platform.windows[number.id, ada.number] = simulator.clock.seconds
    return ada


@pytest.fixture
def wa(simulator: WhatsAppSimulator) -> Any:
    """The other people's client."""
    settings = simulator.settings()["whatsapp"]
    with httpx.Client(transport=ToTheSimulator(simulator.base_url)) as session:
        yield pywa.WhatsApp(
            phone_id=settings["phone_number_id"],
            token=settings["access_token"],
            waba_id=settings["waba_id"],
            app_id=settings["app_id"],
            app_secret=settings["app_secret"],
            verify_token=VERIFY_TOKEN,
            session=session,
            server=None,
        )


async def do(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run the client, which blocks, beside the simulator."""
    return await asyncio.to_thread(call, *args, **kwargs)


# what their client sends


async def test_their_client_sends_a_text_and_gets_its_receipts(app, simulator, wa, ada) -> None:
    sent = await do(wa.send_message, to=ADA, text="Hello", tracker="job-17")

    seen = await ada.receive(within=2)
    ada.read()
    await simulator.settle()
    assert (seen.id, seen.kind, seen.text) == (sent.id, "text", "Hello")
    assert app.facts() == ["sent", "delivered", "read"]
    assert {status["biz_opaque_callback_data"] for status in app.every("statuses")} == {"job-17"}
    assert sent.chat.id == "12025550123"


async def test_their_client_sends_buttons_and_the_tap_comes_back(app, simulator, wa, ada) -> None:
    options = [types.Button("Refund", "refund"), types.Button("Replace", "replace")]
    frame = {"header": "Order 17", "footer": "Example"}
    sent = await do(wa.send_message, to=ADA, text="What now?", buttons=options, **frame)

    seen = await ada.receive(within=2)
    ada.tap("Replace")
    await simulator.settle()

    assert [(option.id, option.label) for option in seen.options] == [
        ("refund", "Refund"),
        ("replace", "Replace"),
    ]
    assert (seen.header, seen.footer) == ("Order 17", "Example")
    [message] = app.every("messages")
    assert message["interactive"] == {
        "type": "button_reply",
        "button_reply": {"id": "replace", "title": "Replace"},
    }
    assert message["context"] == {"from": "12025550100", "id": sent.id}


async def test_their_client_sends_a_list_and_the_choice_comes_back(app, simulator, wa, ada) -> None:
    rows = [types.SectionRow("Morning", "am", "8-12"), types.SectionRow("Afternoon", "pm")]
    menu = types.SectionList("Slots", [types.Section("Today", rows)])
    await do(wa.send_message, to=ADA, text="Pick a slot", buttons=menu)

    seen = await ada.receive(within=2)
    ada.tap("am")
    await simulator.settle()

    assert (seen.kind, seen.button) == ("list", "Slots")
    reply = app.every("messages")[0]["interactive"]["list_reply"]
    assert reply == {"id": "am", "title": "Morning", "description": "8-12"}


async def test_their_client_sends_a_link_button_a_location_a_contact_and_a_reaction(
    simulator, wa, ada
) -> None:
    received = ada.send_text("Hi")
    await do(wa.send_message, to=ADA, text="See", buttons=types.URLButton("Open", "https://example.com/d"))
    await do(wa.send_location, to=ADA, latitude=40.5, longitude=-74.25, name="Test Cafe")
    name = types.Contact.Name(formatted_name="Bo Test", first_name="Bo")
    await do(wa.send_contact, to=ADA, contact=types.Contact(name=name))
    await do(wa.send_reaction, to=ADA, emoji="👍", message_id=received)
    await do(wa.request_location, to=ADA, text="Where are you?")
    await simulator.settle()

    kinds = [(seen.kind, seen.text) for seen in ada.inbox]
    assert kinds == [
        ("cta_url", "See"),
        ("location", "Test Cafe"),
        ("contacts", "Bo Test"),
        ("reaction", "👍"),
        ("location_request_message", "Where are you?"),
    ]
    assert ada.inbox[0].options[0].url == "https://example.com/d"


async def test_a_reaction_is_only_ever_sent(app, simulator, wa, ada) -> None:
    await do(wa.send_reaction, to=ADA, emoji="👍", message_id=ada.send_text("Hi"))
    await simulator.settle()
    ada.read()
    await simulator.settle()

    assert app.facts() == ["sent"]


async def test_their_client_uploads_a_picture_sends_it_and_fetches_it_again(simulator, wa, ada) -> None:
    media = await do(wa.upload_media, PNG, mime_type="image/png", filename="box.png")
    await do(wa.send_image, to=ADA, image=media, caption="The box")

    seen = await ada.receive(within=2)
    url = await do(wa.get_media_url, media.id)
    assert (seen.text, seen.media[0].data, seen.media[0].mime) == ("The box", PNG, "image/png")
    assert await do(wa.get_media_bytes, url=url.url) == PNG
    assert await do(wa.delete_media, media.id)
    with pytest.raises(errors.WhatsAppError):
        await do(wa.get_media_url, media.id)


async def test_their_client_creates_a_template_and_sends_it_outside_the_window(app, simulator, wa) -> None:
    body = templates.BodyText("Hello {{1}}, your order {{2}} is on its way.", "Ada", "17")
    created = await do(
        wa.create_template,
        templates.Template(
            name="order_update",
            language=templates.TemplateLanguage.ENGLISH_US,
            category=templates.TemplateCategory.UTILITY,
            components=[body, templates.Buttons(buttons=[templates.QuickReplyButton(text="Stop")])],
        ),
    )
    await do(
        wa.send_template,
        to=ADA,
        name="order_update",
        language=templates.TemplateLanguage.ENGLISH_US,
        params=[
            templates.BodyText.params("Ada", "17"),
            templates.QuickReplyButton.params(callback_data="STOP_17", index=0),
        ],
    )

    ada = simulator.phone(ADA)
    seen = await ada.receive(within=2)
    ada.tap("Stop")
    await simulator.settle()
    assert created.status == templates.TemplateStatus.APPROVED
    assert seen.text == "Hello Ada, your order 17 is on its way."
    assert app.values[0]["event"] == "APPROVED"
    [message] = app.every("messages")
    assert (message["type"], message["button"]) == ("button", {"payload": "STOP_17", "text": "Stop"})


async def test_their_client_lists_reads_and_deletes_templates(simulator, wa) -> None:
    found = list(await do(wa.get_templates))

    one = await do(wa.get_template, found[0].id)
    await do(wa.delete_template, template_name="hello")
    assert (one.name, one.status) == ("hello", templates.TemplateStatus.APPROVED)
    assert list(await do(wa.get_templates)) == []


async def test_their_client_marks_read_and_shows_typing(simulator, wa, ada) -> None:
    received = ada.send_text("Hi")

    await do(wa.mark_message_as_read, message_id=received)
    assert (received in ada.ticks, ada.typing) == (True, False)
    await do(wa.indicate_typing, message_id=received)

    assert ada.typing


async def test_their_client_administers_the_number(simulator, wa) -> None:
    number = await do(wa.get_business_phone_number)
    await do(wa.update_business_profile, about="Boxes")
    profile = await do(wa.get_business_profile)
    await do(wa.update_conversational_automation, ice_breakers=["Prices?"])
    account = await do(wa.get_business_account)
    numbers = list(await do(wa.get_business_phone_numbers))
    code = await do(wa.create_qr_code, prefilled_message="Hi", image_type="PNG")
    codes = list(await do(wa.get_qr_codes))

    assert number.display_phone_number == "+12025550100"
    assert profile.about == "Boxes"
    assert account.id == simulator.settings()["whatsapp"]["waba_id"]
    assert [one.id for one in numbers] == [number.id]
    assert [one.code for one in codes] == [code.code]


async def test_their_client_blocks_a_customer_who_is_then_not_heard(app, simulator, wa, ada) -> None:
    await do(wa.block_users, [ADA])
    ada.send_text("Can you hear me?")
    await simulator.settle()
    blocked = [user.wa_id for user in await do(wa.get_blocked_users)]
    await do(wa.unblock_users, [ADA])
    ada.send_text("And now?")
    await simulator.settle()

    assert blocked == ["12025550123"]
    assert [message["text"]["body"] for message in app.every("messages")] == ["And now?"]


async def test_their_client_registers_its_callback_at_app_account_and_number(app, simulator, wa, ada) -> None:
    settings = simulator.settings()["whatsapp"]
    app.token = "their-own"
    token = await do(wa.api.get_app_access_token, settings["app_id"], settings["app_secret"])
    await do(
        wa.api.set_app_callback_url,
        settings["app_id"],
        token["access_token"],
        app.url,
        "their-own",
        ("messages",),
    )
    await do(wa.override_waba_callback_url, app.url + "/waba", "their-own")
    await do(wa.override_phone_callback_url, app.url + "/phone", "their-own")

    for _ in range(3):
        ada.send_text("Hi")
        await simulator.settle()
        if simulator.platform.sender("").callback.url:
            await do(wa.delete_phone_callback_url)
        else:
            await do(wa.delete_waba_callback_url)

    assert [request.path for request in app.requests] == ["/hook/phone", "/hook/waba", "/hook"]


async def test_a_callback_that_does_not_know_the_verify_token_is_refused(app, simulator, wa) -> None:
    with pytest.raises(errors.WhatsAppError) as refused:
        await do(wa.override_phone_callback_url, app.url, "wrong")

    assert refused.value.code == 2200


async def test_a_sandbox_connects_an_application_that_is_not_up_yet_but_none_that_is_wrong(
    app, simulator, ada
) -> None:
    await simulator.connect("whatsapp", "http://127.0.0.1:9/hook")
    assert simulator.platform.sender("").destination == "http://127.0.0.1:9/hook"
    app.token = "another"

    with pytest.raises(ValueError, match="did not answer the challenge"):
        await simulator.connect("whatsapp", app.url)


# what their client receives


async def test_their_client_accepts_the_signature_and_refuses_a_forged_one(app, simulator, wa, ada) -> None:
    simulator.faults.add("bad_signature", skip=1)
    ada.send_text("Grüße 👋 / 你好")
    ada.send_text("forged")
    await simulator.settle()

    good, forged = app.requests
    assert wa.webhook_update_validator(good.body, good.headers["x-hub-signature-256"]) is None
    assert wa.webhook_update_validator(forged.body, forged.headers["x-hub-signature-256"]) == (
        "Forbidden",
        403,
    )
    assert good.body.isascii()


async def test_a_customer_reacts_to_the_newest_message_and_takes_it_back(app, simulator, wa, ada) -> None:
    with pytest.raises(LookupError, match="shows no message to react to"):
        ada.react("👍")
    sent = [await do(wa.send_message, to=ADA, text=text) for text in ("One", "Two")]
    await do(wa.send_reaction, to=ADA, emoji="👍", message_id=ada.send_text("Hi"))
    await simulator.settle()

    ada.react("👍")
    ada.react("")
    ada.react("🦆", sent[0].id)
    await simulator.settle()

    messages = [value["messages"][0] for value in app.values if "messages" in value]
    assert [message["reaction"] for message in messages if message["type"] == "reaction"] == [
        {"message_id": sent[1].id, "emoji": "👍"},
        {"message_id": sent[1].id},
        {"message_id": sent[0].id, "emoji": "🦆"},
    ]


async def test_their_client_understands_everything_a_customer_does(app, simulator, wa, ada) -> None:
    got: list[Any] = []
    for handler in (wa.on_message, wa.on_callback_button, wa.on_message_status):
        handler()(lambda _, update: got.append(update))
    first = ada.send_text("Hi")
    ada.send_text("Re", reply_to=first)
    ada.send_media(PNG, mime="image/png", caption="Look")
    ada.send_media(b"OggS", mime="audio/ogg", role="voice")
    ada.send_location(40.5, -74.25, name="Test Cafe")
    ada.send_contact("Bo Test", BO)
    sent = await do(wa.send_message, to=ADA, text="Pick", buttons=[types.Button("Yes", "yes")])
    await ada.receive(within=2)
    ada.react("👍", sent.id)
    ada.tap("Yes")
    await simulator.settle()

    for request in app.requests:
        await do(wa.webhook_update_handler, request.body)

    shapes = [
        type(one).__name__ + (f":{one.type.value}" if isinstance(one, types.Message) else "") for one in got
    ]
    assert shapes == [
        "Message:text",
        "Message:text",
        "Message:image",
        "Message:audio",
        "Message:location",
        "Message:contacts",
        "MessageStatus",
        "MessageStatus",
        "Message:reaction",
        "CallbackButton",
    ]
    assert got[1].reply_to_message.id == first
    assert (await do(got[2].image.get_bytes), got[2].caption) == (PNG, "Look")
    assert got[3].audio.voice
    assert got[-1].data == "yes"


async def test_a_customer_without_a_shared_number_is_known_by_the_scoped_id(app, simulator, wa, ada) -> None:
    ada.profile = {"hidden": True, "username": "ada.test"}
    ada.send_text("Hi")
    await simulator.settle()
    [value] = app.values
    user = value["messages"][0]["from_user_id"]
    sent = await do(wa.send_message, to=user, text="Hello")
    await simulator.settle()

    assert "from" not in value["messages"][0]
    assert value["contacts"] == [{"profile": {"name": "Ada Test", "username": "ada.test"}, "user_id": user}]
    assert [seen.id for seen in ada.inbox] == [sent.id]
    assert "recipient_id" not in app.every("statuses")[0]
    assert app.every("statuses")[0]["recipient_user_id"] == user


async def test_a_customer_can_be_known_by_the_number_alone(app, simulator, wa, ada) -> None:
    ada.profile = {"unscoped": True}
    ada.send_text("Hi")
    await do(wa.send_message, to=ADA, text="Hello")
    await simulator.settle()

    [message] = app.every("messages")
    assert (message["from"], "from_user_id" in message) == ("12025550123", False)
    assert app.values[0]["contacts"] == [{"profile": {"name": "Ada Test"}, "wa_id": "12025550123"}]
    assert [sorted(name for name in one if "recipient" in name) for one in app.every("statuses")] == [
        ["recipient_id"],
        ["recipient_id"],
    ]


@pytest.mark.parametrize(
    ("category", "to", "code"),
    [
        ("AUTHENTICATION", {"to": ""}, 131062),
        ("AUTHENTICATION", {"to": ADA}, None),
        ("UTILITY", {"to": ""}, None),
    ],
)
async def test_an_authentication_template_goes_to_a_number_alone(simulator, ada, category, to, code) -> None:
    waba = simulator.platform.sender("").waba
    body = [{"type": "BODY", "text": "Your code"}]
    simulator.platform.add_template(waba, name="code", language="en", category=category, components=body)
    template = {"name": "code", "language": {"code": "en"}}

    message = {"type": "template", "template": template, "recipient": user_id(ada), **to}
    answer = await send(simulator, message)
    await simulator.settle()

    assert answer.json().get("error", {}).get("code") == code
    assert len(ada.inbox) == (0 if code else 1)


async def test_words_of_the_authentication_category_go_to_a_number_alone(simulator, ada) -> None:
    words = {"type": "text", "text": {"body": "Your code"}, "category": "authentication"}

    refused = await send(simulator, {**words, "to": "", "recipient": user_id(ada)})
    sent = await send(simulator, words)

    assert (refused.json()["error"]["code"], sent.status) == (131062, 200)


# errors in the provider's shape


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"text": {"body": "x" * 4097}}, 131009),
        ({"text": {}}, 131008),
        ({"to": ""}, 131008),
        ({"to": "12"}, 131009),
        ({"to": "+1 202 555 0100"}, 131021),
        ({"messaging_product": "other"}, 131008),
        ({"type": "hologram"}, 131051),
        ({"biz_opaque_callback_data": "x" * 513}, 131009),
        ({"type": "image", "image": {"id": "1", "link": "https://example.com/a.png"}}, 131009),
        ({"type": "image", "image": {"id": "1"}}, 100),
        ({"type": "audio", "audio": {"id": "1", "caption": "no"}}, 131009),
        ({"type": "location", "location": {"latitude": 91, "longitude": 0}}, 131009),
        ({"type": "location", "location": {"latitude": 1}}, 131008),
        ({"type": "contacts", "contacts": [{"name": {"formatted_name": "Bo"}}]}, 131009),
        ({"type": "reaction", "reaction": {"emoji": "👍"}}, 131008),
        ({"type": "template", "template": {"name": "none", "language": {"code": "en"}}}, 132001),
        ({"type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}}, 132000),
    ],
)
async def test_what_breaks_a_rule_is_refused_with_the_providers_code(simulator, ada, change, code) -> None:
    answer = await send(simulator, {"text": {"body": "Hi"}, "type": "text", **change})

    assert answer.json()["error"]["code"] == code
    assert answer.status == {132001: 404}.get(code, 400)
    assert answer.json()["error"]["error_data"]["details"]


def buttons(*titles: str, ids: tuple[str, ...] = ()) -> dict[str, Any]:
    replies = [{"id": one, "title": title} for one, title in zip(ids or titles, titles, strict=True)]
    return {"type": "button", "action": {"buttons": [{"type": "reply", "reply": reply} for reply in replies]}}


def rows(count: int, **fields: str) -> dict[str, Any]:
    found = [{"id": str(n), "title": "Row", **fields} for n in range(count)]
    return {"type": "list", "action": {"button": "Open", "sections": [{"title": "All", "rows": found}]}}


@pytest.mark.parametrize(
    ("interactive", "code"),
    [
        (buttons("a", "b", "c", "d"), 131009),
        (buttons(), 131009),
        (buttons("x" * 21), 131009),
        (buttons("Yes", "Yes"), 131009),
        (buttons("Yes", "No", ids=("1", "1")), 131009),
        (buttons("Yes", ids=("",)), 131008),
        (rows(11), 131009),
        (rows(1, title="x" * 25), 131009),
        (rows(1, description="x" * 73), 131009),
        ({**rows(1), "header": {"type": "image", "image": {"link": "https://example.com/a.png"}}}, 131009),
        ({"type": "cta_url", "action": {"parameters": {"display_text": "Open", "url": "example"}}}, 131009),
        ({"type": "carousel", "action": {"cards": [{"type": "cta_url"}]}}, 131009),
        ({"type": "hologram", "action": {}}, 131009),
    ],
)
async def test_an_interactive_message_over_a_limit_is_refused(simulator, ada, interactive, code) -> None:
    body = {"type": "interactive", "interactive": {"body": {"text": "Pick"}, **interactive}}

    answer = await send(simulator, body)

    assert answer.json()["error"]["code"] == code


async def send(simulator: WhatsAppSimulator, body: dict[str, Any], version: str = "v26.0") -> HttpResponse:
    settings = simulator.settings()["whatsapp"]
    url = f"{simulator.base_url}/{version}/{settings['phone_number_id']}/messages"
    request = HttpRequest.post_json(url, {"messaging_product": "whatsapp", "to": ADA, **body})
    return await fetch(request.with_headers(authorization=f"Bearer {settings['access_token']}"), within=5)


TEXT = {"type": "text", "text": {"body": "Hi"}}


@pytest.mark.parametrize("version", ["v21.0", "v26.0", "v99.1"])
async def test_every_version_of_the_api_is_served(simulator, ada, version) -> None:
    assert (await send(simulator, TEXT, version)).ok


async def test_an_unknown_path_is_refused_as_the_graph_does(simulator, wa) -> None:
    with pytest.raises(errors.WhatsAppError) as refused:
        await do(wa.api.send_raw_request, "POST", "/1/nothing/here")

    assert (refused.value.code, refused.value.subcode) == (100, 33)


async def test_outside_the_window_a_text_fails_by_status(app, simulator, ada) -> None:
    simulator.clock.advance(hours=25)

    answer = await send(simulator, TEXT)
    await simulator.settle()

    assert answer.ok
    assert ada.inbox == []
    [status] = app.every("statuses")
    assert (status["status"], status["errors"][0]["code"]) == ("failed", 131047)


async def test_a_phone_can_refuse_and_can_be_off(app, simulator, ada) -> None:
    ada.online = False
    await send(simulator, TEXT)
    await simulator.settle()
    assert app.facts() == ["sent"]
    ada.online = True
    ada.refuses = 131026
    await send(simulator, TEXT)
    await simulator.settle()

    assert app.facts() == ["sent", "delivered", "failed"]
    assert len(ada.inbox) == 1


async def test_a_link_is_fetched_and_a_dead_one_fails_by_status(app, simulator, ada) -> None:
    async def picture(request: HttpRequest) -> Reply:
        found = request.path == "/a.png"
        headers = HttpResponse.text("", content_type="image/png").headers
        return Reply(HttpResponse(status=200 if found else 404, headers=headers, body=PNG), lambda: None)

    files = Server(picture)
    await files.start()
    for name in ("a.png", "gone.png"):
        await send(simulator, {"type": "image", "image": {"link": f"{files.url}/{name}"}})
    await simulator.settle()
    await files.stop()

    assert [seen.media[0].data for seen in ada.inbox] == [PNG]
    assert app.facts() == ["sent", "delivered", "failed"] or app.facts() == ["sent", "failed", "delivered"]
    assert [one["errors"][0]["code"] for one in app.every("statuses") if "errors" in one] == [131052]


async def test_a_test_number_writes_only_to_whom_it_may(simulator, ada) -> None:
    simulator.platform.sender("").allowed = {BO}

    assert (await send(simulator, TEXT)).json()["error"]["code"] == 131030


async def test_a_file_of_the_wrong_type_or_size_is_refused(simulator, wa) -> None:
    for send, data, mime in (
        (wa.send_image, PNG, "image/gif"),
        (wa.send_image, bytes(5 * 1024 * 1024 + 1), "image/jpeg"),
        (wa.send_sticker, bytes(500_001), "image/webp"),
    ):
        media = await do(wa.upload_media, data, mime_type=mime, filename="file")
        with pytest.raises(errors.WhatsAppError) as refused:
            await do(send, ADA, media)
        assert refused.value.code == 131053


async def test_a_picture_that_is_too_large_for_one_goes_out_as_a_document(
    app, simulator, ada, tmp_path
) -> None:
    picture = JPEG + bytes(6 * 1024 * 1024)
    (tmp_path / "box.jpg").write_bytes(picture)
    settings = {key: value for key, value in simulator.settings()["whatsapp"].items() if key != "channel"}
    config = msgspec.convert(settings, WhatsAppConfig, dec_hook=lambda secret, value: secret(value))
    ada.send_text("Hi")  # which opens the window
    await simulator.settle()
    async with cb.Bridge([("support", WhatsApp, config)], folder=tmp_path) as bridge:
        await bridge.runtime.receiver.receive("support", app.requests[-1])
        await bridge.send(f"whatsapp:{ADA}", cb.Message.image(tmp_path / "box.jpg", caption="The box"))
        seen = await ada.receive(within=10)

    [file] = seen.media
    assert (seen.text, file.role, file.mime, file.data) == ("The box", "document", "image/jpeg", picture)


async def test_a_media_link_needs_the_token_and_lives_five_minutes(app, simulator, wa, ada) -> None:
    ada.send_media(PNG, mime="image/png")
    await simulator.settle()
    url = app.every("messages")[0]["image"]["url"]
    token = {"authorization": f"Bearer {simulator.settings()['whatsapp']['access_token']}"}

    bare = await fetch(HttpRequest.get(url), within=2)
    fresh = await fetch(HttpRequest.get(url).with_headers(**token), within=2)
    forged = await fetch(HttpRequest.get(url.replace("ext=1", "ext=2")).with_headers(**token), within=2)
    simulator.clock.advance(seconds=301)
    stale = await fetch(HttpRequest.get(url).with_headers(**token), within=2)

    assert [bare.status, fresh.status, forged.status, stale.status] == [401, 200, 404, 404]
    assert fresh.body == PNG


async def test_media_ids_expire(simulator, wa) -> None:
    media = await do(wa.upload_media, PNG, mime_type="image/png", filename="box.png")
    simulator.clock.advance(days=31)

    with pytest.raises(errors.WhatsAppError) as refused:
        await do(wa.get_media_url, media.id)
    assert refused.value.code == 100


async def test_an_expired_token_is_190_until_it_is_replaced(simulator, wa, ada) -> None:
    number = simulator.platform.sender("")
    simulator.expire_token(simulator.settings()["whatsapp"]["access_token"])

    with pytest.raises(errors.WhatsAppError) as refused:
        await do(wa.send_message, to=ADA, text="Hi")
    assert (refused.value.code, refused.value.raw_response.status_code) == (190, 401)
    simulator.issue_token(number)
    assert (await send(simulator, TEXT)).ok


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ({"kind": "rate_limited", "seconds": 3}, 130429, 429),
        ({"kind": "rate_limited", "seconds": 3, "date": True}, 130429, 429),
        ({"kind": "error", "code": 131056}, 131056, 429),
        ({"kind": "error", "status": 503}, 131000, 503),
        ({"kind": "error"}, 131000, 500),
        ({"kind": "expired_token"}, 190, 401),
    ],
)
async def test_a_fault_is_answered_in_the_graphs_shape(simulator, ada, fault, code, status) -> None:
    simulator.faults.add(route="messages", **fault)

    answer = await send(simulator, TEXT)

    assert (answer.json()["error"]["code"], answer.status) == (code, status)
    assert ("retry-after" in answer.headers) == (fault["kind"] == "rate_limited")
    assert (await send(simulator, TEXT)).ok


async def test_expired_media_is_not_found(simulator, wa) -> None:
    media = await do(wa.upload_media, PNG, mime_type="image/png", filename="box.png")
    simulator.faults.add("expired_media", route="node.get")

    with pytest.raises(errors.WhatsAppError) as refused:
        await do(wa.get_media_url, media.id)
    assert (refused.value.code, refused.value.raw_response.status_code) == (100, 404)


# webhooks of several numbers and apps


async def test_a_batch_holds_many_messages_of_many_numbers(app, simulator, wa, ada) -> None:
    second = simulator.platform.add_number("+12025550101")
    await simulator.connect(second.account, app.url)
    simulator.faults.add("batch", size=4)
    ada.send_text("one")
    ada.send_text("two")
    simulator.phone(BO).send_text("three")
    ada.send_text("four", to="+12025550101")
    await simulator.settle()

    [request] = app.requests
    [entry] = request.json()["entry"]
    bodies = [[one["text"]["body"] for one in change["value"]["messages"]] for change in entry["changes"]]
    assert bodies == [["one", "two", "three"], ["four"]]
    assert [contact["wa_id"] for contact in entry["changes"][0]["value"]["contacts"]] == [
        "12025550123",
        "12025550124",
    ]
    assert wa.webhook_update_validator(request.body, request.headers["x-hub-signature-256"]) is None


async def test_the_fourth_of_ten_can_be_malformed(app, simulator, ada) -> None:
    simulator.faults.add("malformed", size=10, item=3)
    for n in range(10):
        ada.send_text(str(n))
    await simulator.settle()

    messages = app.every("messages")
    assert [n for n, message in enumerate(messages) if isinstance(message["id"], int)] == [3]
    assert [message["text"]["body"] for message in messages if message["id"] != 7] == list("012456789")


async def test_apps_have_secrets_of_their_own_and_cannot_see_each_other(app, simulator, wa, ada) -> None:
    other = simulator.platform.add_number(
        "+12025550102", simulator.platform.add_waba(simulator.platform.add_app())
    )
    await simulator.connect(other.account, app.url)
    simulator.faults.add("batch", size=2)
    ada.send_text("to the first")
    ada.send_text("to the other", to=other.display)
    await simulator.settle()

    verdicts = [
        wa.webhook_update_validator(request.body, request.headers["x-hub-signature-256"]) is None
        for request in app.requests
    ]
    assert verdicts == [True, False]
    with pytest.raises(errors.WhatsAppError):
        await do(wa.send_message, to=ADA, text="Hi", sender=other.id)


# groups, calls, templates in time


async def test_a_group_is_created_joined_written_to_and_read(app, simulator, wa, ada) -> None:
    await do(wa.create_group, subject="Boxes")
    await simulator.settle()
    group = app.values[0]["groups"][0]["group_id"]
    simulator.join_group(group, ada)
    sent = await do(wa.send_message, to=group, text="Hi all")
    await ada.receive(within=2)
    ada.read()
    await simulator.settle()

    assert [one["status"] for one in app.every("statuses")] == ["sent", "delivered", "read"]
    last = app.every("statuses")[-1]
    assert (last["id"], last["recipient_id"], last["recipient_participant_id"]) == (
        sent.id,
        group,
        "12025550123",
    )
    assert (await do(wa.get_group, group)).subject == "Boxes"


async def test_their_client_runs_a_group_to_its_end(app, simulator, wa, ada) -> None:
    await do(wa.create_group, subject="Boxes", description="Damaged ones")
    await simulator.settle()
    group = app.values[0]["groups"][0]["group_id"]
    ada.profile = {"hidden": True}
    simulator.join_group(group, ada)
    link = await do(wa.get_group_invite_link, group)
    fresh = await do(wa.reset_group_invite_link, group)
    requests = list(await do(wa.get_group_join_requests, group))
    await do(wa.remove_group_participants, group, [user_id(ada)])
    left = (await do(wa.get_group, group)).participants
    await do(wa.update_group_settings, group, subject="Parcels", profile_picture=PNG)
    await do(wa.delete_group, group)
    await simulator.settle()
    answer = await send(simulator, {"to": group, "recipient_type": "group", **TEXT})

    assert (requests, left) == ([], [])
    assert [one["type"] for one in app.every("groups")] == [
        "group_create",
        "group_participants_add",
        "group_participants_remove",
        "group_settings_update",
        "group_delete",
    ]
    assert link.link != fresh.link
    assert answer.json()["error"]["code"] == 131041


async def test_their_client_calls_and_asks_for_permission(app, simulator, wa, ada) -> None:
    offer = types.calls.SessionDescription(sdp_type="offer", sdp="v=0")
    number = simulator.settings()["whatsapp"]["phone_number_id"]
    permission = await do(wa.api.get_call_permissions, number, ADA, None)
    call = await do(wa.initiate_call, ADA, sdp=offer, tracker="ref-2")
    await do(wa.terminate_call, call.id)
    await simulator.settle()

    [status] = app.every("statuses")
    assert (status["id"], status["status"], status["biz_opaque_callback_data"]) == (
        call.id,
        "RINGING",
        "ref-2",
    )
    assert permission["permission"]["status"] == "no_permission"


async def test_their_client_keeps_flows_and_qr_codes(simulator, wa) -> None:
    flow = await do(wa.create_flow, name="Sign up", categories=["SIGN_UP"])
    await do(wa.publish_flow, flow.id)
    listed = await do(wa.api.get_flows, simulator.settings()["whatsapp"]["waba_id"])
    code = await do(wa.create_qr_code, prefilled_message="Hi", image_type="PNG")
    changed = await do(wa.update_qr_code, code.code, "Hello")
    await do(wa.delete_qr_code, code.code)

    assert [(one["id"], one["status"]) for one in listed["data"]] == [(flow.id, "PUBLISHED")]
    assert changed.prefilled_message == "Hello"
    assert list(await do(wa.get_qr_codes)) == []


async def test_their_client_uploads_a_sample_in_pieces(simulator, wa) -> None:
    app_id = simulator.settings()["whatsapp"]["app_id"]
    session = (await do(wa.api.create_upload_session, app_id, "a.png", 4, "image/png"))["id"]
    await do(wa.api.upload_file, session, b"ab")
    state = await do(wa.api.get_upload_session, session)
    handle = await do(wa.api.upload_file, session, b"cd", file_offset=2)
    with pytest.raises(errors.WhatsAppError):
        await do(wa.api.upload_file, session, b"xx", file_offset=9)

    assert state == {"id": session, "file_offset": 2}
    assert handle["h"].startswith("4::")


async def test_only_marketing_templates_go_to_the_marketing_endpoint(simulator, wa) -> None:
    body = [{"type": "BODY", "text": "Sale"}]
    waba = simulator.platform.sender("").waba
    simulator.platform.add_template(waba, name="sale", language="en", category="MARKETING", components=body)
    number = simulator.settings()["whatsapp"]["phone_number_id"]
    message = {"sender": number, "to": ADA, "recipient": None, "recipient_type": "individual"}
    sale = {"name": "sale", "language": {"code": "en"}}
    hello = {"name": "hello", "language": {"code": "en_US"}, "components": []}

    sent = await do(wa.api.send_marketing_message, template=sale, **message)
    with pytest.raises(errors.WhatsAppError):
        await do(wa.api.send_marketing_message, template=hello, **message)
    simulator.phone(ADA).profile = {"stopped_marketing": True}
    await do(wa.api.send_marketing_message, template=sale, **message)
    await simulator.settle()

    assert sent["messages"][0]["message_status"] == "accepted"
    assert [seen.text for seen in simulator.phone(ADA).inbox] == ["Sale"]


async def test_a_number_that_is_not_registered_cannot_send(simulator, wa, ada) -> None:
    await do(wa.deregister_phone_number)
    before = await send(simulator, TEXT)
    await do(wa.register_phone_number, "123456")

    assert before.json()["error"]["code"] == 133010
    assert (await send(simulator, TEXT)).ok


async def test_a_token_can_be_looked_into(simulator, wa) -> None:
    token = simulator.settings()["whatsapp"]["access_token"]
    path = "/debug_token?input_token="

    good = await do(wa.api.send_raw_request, "GET", path + token)
    bad = await do(wa.api.send_raw_request, "GET", path + "none")

    assert (good["data"]["is_valid"], bad["data"]["is_valid"]) == (True, False)


async def test_a_carousel_shows_the_options_of_every_card(simulator, ada) -> None:
    def card(place: int) -> dict[str, Any]:
        reply = {"type": "quick_reply", "quick_reply": {"id": f"c{place}", "title": f"Card {place}"}}
        return {"card_index": place, "type": "cta_url", "action": {"buttons": [reply]}}

    interactive = {"type": "carousel", "body": {"text": "Offers"}, "action": {"cards": [card(0), card(1)]}}
    answer = await send(simulator, {"type": "interactive", "interactive": interactive})
    await simulator.settle()

    assert answer.ok
    assert [option.id for option in ada.inbox[0].options] == ["c0", "c1"]


async def test_a_template_that_waits_for_approval_cannot_be_sent_until_it_is(app, simulator) -> None:
    simulator.approves = False
    waba = simulator.platform.sender("").waba
    body = [{"type": "BODY", "text": "Hi"}]
    template = simulator.platform.add_template(
        waba, name="later", language="en", category="UTILITY", components=body, status="PENDING"
    )
    message = {"type": "template", "template": {"name": "later", "language": {"code": "en"}}}

    before = await send(simulator, message)
    simulator.decide(template, "APPROVED")
    await simulator.settle()
    after = await send(simulator, message)

    assert (before.json()["error"]["code"], after.status) == (132001, 200)
    assert app.values[0]["event"] == "APPROVED"


async def test_what_has_no_method_is_sent_as_the_platform_writes_it(app, simulator, ada) -> None:
    preference = {"wa_id": "12025550123", "category": "marketing_messages", "value": "stop"}
    ada.send_raw({"type": "order", "order": {"catalog_id": "1", "product_items": []}})
    ada.send_raw({"field": "user_preferences", "value": {"user_preferences": [preference]}})
    await simulator.settle()

    order, stop = app.values
    assert (order["messages"][0]["type"], order["messages"][0]["from"]) == ("order", "12025550123")
    assert stop["user_preferences"] == [preference]
    assert stop["metadata"] == order["metadata"]


async def test_a_form_is_filled_in_and_a_link_sends_nothing(app, simulator, wa, ada) -> None:
    form = types.FlowButton("Sign up", flow_id="1", flow_token="TOKEN1", flow_action_screen="START")
    await do(wa.send_message, to=ADA, text="Join", buttons=form)
    await do(wa.send_message, to=ADA, text="See", buttons=types.URLButton("Open", "https://example.com/d"))
    await simulator.settle()
    ada.tap("flow", answer={"flow_token": "TOKEN1", "name": "Ada"})
    await simulator.settle()
    got: list[Any] = []
    wa.on_flow_completion()(lambda _, update: got.append(update))
    await do(wa.webhook_update_handler, app.requests[-1].body)

    assert (got[0].token, got[0].response["name"]) == ("TOKEN1", "Ada")
    with pytest.raises(ValueError, match="sends no message"):
        ada.tap("Open")


async def test_a_tap_on_what_is_not_there_says_so(simulator, ada) -> None:
    with pytest.raises(LookupError, match="shows no option 'Yes'"):
        ada.tap("Yes")


def test_its_account_tables_are_what_the_plugin_is_configured_with() -> None:
    for table in WhatsAppSimulator(["+12025550111", "+12025550112"]).settings().values():
        assert table.pop("channel") == "whatsapp"

        config = msgspec.convert(table, WhatsAppConfig, dec_hook=lambda kind, text: kind(text))

        assert config.base_url == table["base_url"]
