"""The bridge, from a webhook to a handler and back, on an invented channel."""

import asyncio

import pytest

import chanbridge as cb
from chanbridge.model.codec import decode_message, encode_message
from tests.channels import ADA, call
from tests.runtime import Providers, deliver, eventually, make_bridge


@pytest.fixture
def providers():
    return Providers()


async def test_a_webhook_reaches_the_handler_and_its_reply_goes_out(tmp_path, providers):
    bridge = make_bridge(tmp_path, providers)

    @bridge.on(cb.MessageReceived)
    async def answer(event, conversation):
        await conversation.reply(f"You said {event.message.plain}")

    async with bridge:
        response = await deliver(bridge, call(body="Hello"))
        await eventually(lambda: providers.pigeon.sent)

    assert response.status == 200
    assert [(m["to"], m["body"]) for m in providers.pigeon.sent] == [(ADA, "You said Hello")]


async def test_a_def_handler_that_does_not_wait_for_its_reply_still_sends_it(tmp_path, providers):
    bridge = make_bridge(tmp_path, providers)

    @bridge.on(cb.MessageReceived)
    def answer(event, conversation):
        conversation.reply("One")
        conversation.reply("Two")

    async with bridge:
        await deliver(bridge, call())
        await eventually(lambda: len(providers.pigeon.sent) == 2)

    assert [m["body"] for m in providers.pigeon.sent] == ["One", "Two"]


async def test_a_send_is_on_disk_then_goes_out_and_its_receipts_follow(tmp_path, providers):
    bridge = make_bridge(tmp_path, providers)

    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", "Hello", account="main")
        assert await receipt.until("submitted", timeout=5) == "submitted"
        [external] = (await receipt.progress()).externals
        await deliver(bridge, call(external, kind="status", status="DLVRD"))
        state = await receipt.until("delivered", timeout=5)

    assert state == "delivered"


@pytest.mark.parametrize("scheme", ["file", "FILE"])
async def test_a_file_of_this_machine_that_a_document_names_is_not_sent(tmp_path, providers, scheme):
    (tmp_path / "secret.jpg").write_bytes(b"\xff\xd8\xff")
    url = scheme + (tmp_path / "secret.jpg").as_uri().removeprefix("file")
    document = encode_message(cb.Message.image(cb.Media(url=url, mime="image/jpeg")))
    bridge = make_bridge(tmp_path, providers)

    async with bridge:
        with pytest.raises(cb.ValidationError, match="file: URLs are taken only from code") as caught:
            await bridge.send(f"pigeon:{ADA}", decode_message(document), account="main")

    assert caught.value.path == "parts[0].media.url"
    assert providers.pigeon.requests == []


def test_no_document_is_read_into_a_local_file(tmp_path):
    document = encode_message(cb.Message.image(tmp_path / "photo.jpg"))

    [part] = decode_message(document).parts

    assert type(part.media) is cb.Media


async def test_a_picture_that_code_names_by_its_path_is_sent(tmp_path, providers, monkeypatch):
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    monkeypatch.chdir(tmp_path)
    bridge = make_bridge(tmp_path, providers)

    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", cb.Message.image("photo.jpg"), account="main")
        assert await receipt.until("submitted", timeout=5) == "submitted"

    [upload, _] = providers.pigeon.requests
    assert upload.json()["url"].startswith("https://hooks.example.com/media/")


async def test_fifty_identical_webhooks_at_once_give_one_event(tmp_path, providers):
    bridge = make_bridge(tmp_path, providers)
    seen = []
    bridge.on(cb.MessageReceived)(lambda event: seen.append(event.message.plain))

    async with bridge:
        answers = await asyncio.gather(*(deliver(bridge, call()) for _ in range(50)))
        await deliver(bridge, call("msg-TEST-2", "after"))
        await eventually(lambda: "after" in seen)

    assert {answer.status for answer in answers} == {200}
    assert seen == ["Hello", "after"]


async def test_a_template_without_a_value_for_a_variable_of_its_preview_is_refused_before_it_is_kept(
    tmp_path, providers
):
    bridge = make_bridge(tmp_path, providers)
    said = cb.Message.template(
        "order_shipped", language="en", parameters={"body.1": "mug"}, preview="Your {{1}} ships {{2}}"
    )

    async with bridge:
        with pytest.raises(cb.ValidationError) as refused:
            await bridge.send(f"pigeon:{ADA}", said)

    assert str(refused.value) == (
        "parts[0].parameters: {{2}} has no value: give parameters['body.2'], as the preview says"
    )


@pytest.mark.parametrize("said", [5, None, b"Hi"])
async def test_what_is_no_message_is_refused_with_a_path(tmp_path, providers, said):
    async with make_bridge(tmp_path, providers) as bridge:
        with pytest.raises(cb.ValidationError, match=r"^message: must be a text or a Message, not "):
            await bridge.send(f"pigeon:{ADA}", said)


@pytest.mark.parametrize("to", [5, None, b"pigeon:+12025550123", cb.Contact(address="pigeon:+12025550123")])
@pytest.mark.parametrize("account", ["", "main"])
async def test_what_is_no_address_is_refused_with_a_path(tmp_path, providers, to, account):
    async with make_bridge(tmp_path, providers) as bridge:
        with pytest.raises(
            cb.ValidationError, match=r"^to: must be an address, as in .*, or a Conversation, not "
        ):
            await bridge.send(to, "Hello", account=account)


async def test_waiting_for_what_is_no_fact_names_the_facts(tmp_path, providers):
    async with make_bridge(tmp_path, providers) as bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", "Hi")
        with pytest.raises(cb.ValidationError, match=r"^fact: must be submitted, .* canceled"):
            await receipt.until("bogus")


async def test_a_wait_that_ends_says_for_what_and_where_the_message_stands(tmp_path, providers):
    async with make_bridge(tmp_path, providers) as bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", "Hi")
        await receipt.until("submitted", timeout=5)
        with pytest.raises(TimeoutError, match=rf"^message {receipt.id} is not read after 0.01 s: it is \w+"):
            await receipt.until("read", timeout=0.01)
