"""The plugin against the simulated Twilio, over loopback: sent, reported, answered, left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

import chanbridge as cb
from chanbridge.sandbox import Phone, Sandbox, fetch
from chanbridge.sandbox.wire import Reply, Server
from chanbridge.transcode import transcode
from chanbridge_sms import Sms, SmsConfig
from chanbridge_sms.simulator import TwilioSimulator

ADA = "+12025550123"
MENU = cb.Message.text("Sorry about the box. What now?", quick_replies=["Refund", "Replace"])


class Desk:
    """A server with one account: verifies and parses what comes, sends what it is told to."""

    def __init__(self, simulator: TwilioSimulator) -> None:
        self._simulator = simulator
        self._server = Server(self._handle)
        self.events: list[cb.Found] = []

    async def __aenter__(self) -> Desk:
        await self._server.start()
        url = f"{self._server.url}/in/sms-main"
        settings = {**self._simulator.settings()["sms"]}
        settings.pop("channel", None)
        config = msgspec.convert(settings, SmsConfig, dec_hook=lambda secret, value: secret(value))
        self.channel = Sms(cb.Account("sms-main", config, webhook_url=url))
        await self._simulator.connect("sms", url)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    async def _handle(self, request: cb.HttpRequest) -> Reply:
        self.channel.verify(request)
        events = list(self.channel.parse(request))
        self.events += events
        return Reply(self.channel.acknowledge(request, events), lambda: None)

    async def send(self, message: cb.Message, id: str = ADA) -> Any:
        to = cb.Conversation(address=f"sms:{id}")
        [step] = transcode(message, self.channel.capabilities_for(to), channel="sms").steps
        return await self._run(self.channel.send(step.replace(to=to, key="TESTKEY")))

    async def _run(self, flow: cb.Flow[Any]) -> Any:
        request = next(flow)
        while True:
            assert isinstance(request, cb.HttpRequest)
            answer = await fetch(self.channel.sign(request, None), within=5)
            if error := self.channel.error(answer):
                raise error
            try:
                request = flow.send(answer)
            except StopIteration as done:
                return done.value

    async def check(self) -> list[cb.Finding]:
        found: list[cb.Finding] = await self._run(self.channel.check())
        return found


@pytest.fixture
async def simulator() -> AsyncIterator[TwilioSimulator]:
    simulator = TwilioSimulator()
    async with Sandbox([simulator]):
        yield simulator


@pytest.fixture
async def desk(simulator: TwilioSimulator) -> AsyncIterator[Desk]:
    async with Desk(simulator) as desk:
        yield desk


@pytest.fixture
def ada(simulator: TwilioSimulator) -> Phone:
    return simulator.phone(ADA, "Ada Test")


async def test_a_menu_goes_out_as_text_and_its_reports_bring_our_key(simulator, desk, ada):
    sent = await desk.send(MENU)
    seen = await ada.receive(within=2)
    await simulator.settle()

    assert seen.text.startswith("Sorry about the box. What now?\n\n1) Refund\n2) Replace")
    assert all(event.target == cb.Ref(id="TESTKEY", external=sent.id) for event in desk.events)
    assert [event.fact for event in desk.events] == ["submitted", "sent", "delivered"]


async def test_an_answer_comes_back_from_the_same_address(simulator, desk, ada):
    ada.send_text("2")
    await simulator.settle()

    [event] = desk.events
    assert (event.message.plain, event.conversation.address) == ("2", f"sms:{ADA}")
    assert desk.channel.owns(event.account_id)


async def test_a_received_picture_is_where_the_plugin_may_fetch_it(simulator, desk, ada):
    ada.send_media(b"\xff\xd8\xff\xe0TEST", mime="image/jpeg", caption="My box")
    await simulator.settle()

    [event] = desk.events
    [words, picture] = event.message.parts
    request = next(desk.channel.fetch(picture.media))
    assert (words.text, picture.role, picture.media.auth) == ("My box", "image", "channel")
    assert "authorization" in desk.channel.sign(request, None).headers


async def test_who_has_left_gets_nothing_more(simulator, desk, ada):
    ada.send_text("STOP")
    await simulator.settle()

    with pytest.raises(cb.SendError) as refused:
        await desk.send(MENU)

    [event] = desk.events
    assert (event.type, event.granted) == ("consent.changed", False)
    assert refused.value.code == "recipient_opted_out"


async def test_the_doctor_finds_the_number_and_its_webhook(desk):
    assert [finding.level for finding in await desk.check()] == ["ok", "ok"]
