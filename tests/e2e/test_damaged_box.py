"""A damaged box, end to end: one script for both channels, and the same events from both."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import chanbridge as cb
from chanbridge.cli.running import bind, served, url_of
from chanbridge.cli.sandbox_folder import write_config
from chanbridge.sandbox import Sandbox
from chanbridge_sms.simulator import TwilioSimulator
from chanbridge_whatsapp.simulator import WhatsAppSimulator
from demo.damaged_box import compare
from demo.stage import BrokenDemo, Stage, free_port
from tests.docs.pages import environment
from tests.runtime import eventually

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "demo" / "damaged_box.png"
ADA = "+12025550123"
CHOICES = [
    cb.Action(id="refund", label="Refund", payload="case-4711:refund"),
    cb.Action(id="new_box", label="New box", payload="case-4711:new_box"),
    cb.Action(id="call_me", label="Call me", payload="case-4711:call_me"),
]


class House(NamedTuple):
    """A bridge between simulated providers and one agent; what it was told, in order."""

    sandbox: Sandbox
    bridge: cb.Bridge
    events: list[cb.Event]

    def of(self, account: str, *types: type[Any]) -> list[Any]:
        return [event for event in self.events if event.account == account and isinstance(event, types)]


@pytest.fixture
async def house(tmp_path) -> AsyncIterator[House]:
    listening = bind("127.0.0.1", 0)
    async with Sandbox([WhatsAppSimulator, TwilioSimulator]) as sandbox:
        config = write_config(tmp_path, url_of(listening), sandbox.account_settings())
        house = House(sandbox, cb.Bridge.from_file(config), [])
        house.bridge.on()(lambda event: house.events.append(event))
        house.bridge.on(cb.MessageReceived)(ask)
        async with served(house.bridge, house.bridge.asgi(), listening):
            await sandbox.connect(url_of(listening))
            yield house


async def ask(event: cb.MessageReceived, conversation: cb.Talk) -> None:
    """The agent: offers three ways out to whoever sends a photo."""
    if any(part.kind == "media" for part in event.message.parts):
        await conversation.reply(cb.Message.text("We are sorry. What shall we do?", buttons=CHOICES))


async def tell(house: House, channel: str) -> cb.InteractionReceived:
    """The customer's story, the same on every channel: complain, look, choose the second way."""
    phone = house.sandbox.phone(channel, ADA, "Ada Lind")
    phone.send_text("My box came like this!")
    phone.send_media(PHOTO, caption="The corner is torn")
    seen = await phone.receive()
    phone.read()
    if seen.options:
        phone.tap("New box")
    else:
        phone.send_text("2")
    await eventually(lambda: house.of(channel, cb.InteractionReceived), tries=2000)
    await house.sandbox.settle()
    [chosen] = house.of(channel, cb.InteractionReceived)
    return chosen


async def test_a_tap_on_whatsapp_and_a_typed_number_by_sms_are_the_same_event(house):
    tapped = await tell(house, "whatsapp")
    typed = await tell(house, "sms")

    for chosen in (tapped, typed):
        assert (chosen.type, chosen.action_id) == ("interaction.received", "new_box")
        assert (chosen.payload, chosen.label, chosen.stale) == ("case-4711:new_box", "New box", False)
    assert (tapped.via, typed.via) == ("native", "marker")
    assert (tapped.text, typed.text) == ("", "2")


async def test_what_the_customer_said_arrives_whole_on_both(house):
    words, photos = {}, {}
    for channel in ("whatsapp", "sms"):
        await tell(house, channel)
        said = house.of(channel, cb.MessageReceived)
        media = [part.media for event in said for part in event.message.parts if part.kind == "media"]
        words[channel] = [event.message.plain for event in said]
        photos[channel] = [(await house.bridge.fetch(channel, one)).blob for one in media]

    assert words["sms"] == words["whatsapp"] == ["My box came like this!", "The corner is torn"]
    assert photos["sms"] == photos["whatsapp"]
    assert await content(house, photos["sms"][0]) == PHOTO.read_bytes()


async def content(house: House, blob: str) -> bytes:
    return b"".join([block async for block in house.bridge.runtime.blobs.read(blob)])


@pytest.mark.parametrize("channel", ["whatsapp", "sms"])
async def test_channels_differ_only_where_their_capabilities_say_so(house, channel):
    chosen = await tell(house, channel)
    capabilities = house.bridge.accounts[channel].capabilities_for(chosen.conversation)

    def receipts() -> set[str]:
        return {status.fact for status in house.of(channel, cb.MessageStatus)}

    promised = {
        fact
        for fact in ("submitted", "sent", "delivered", "read")
        if getattr(capabilities.receipts, fact) == "native"
    }
    await eventually(lambda: receipts() == promised, tries=2000)
    losses = {loss["rule"] for status in house.of(channel, cb.MessageStatus) for loss in status.losses}
    assert (chosen.via == "native") == ("button" in capabilities.actions)
    assert losses == (set() if "button" in capabilities.actions else {"D6"})
    assert chosen.source.id == house.of(channel, cb.MessageStatus)[0].target.id


def test_the_demo_ends_by_itself_and_well():
    ran = subprocess.run(
        [sys.executable, "-m", "demo.damaged_box"], cwd=ROOT, env=environment(), capture_output=True,
        text=True, timeout=180, check=False,
    )  # fmt: skip

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "$ chanbridge listen" in ran.stdout
    assert ran.stdout.count("chose 'New box' (new_box, by ") == 2
    assert "\x1b" not in ran.stdout


def test_the_demo_fails_with_a_reason_if_the_two_answers_differ():
    tapped = cb.InteractionReceived(action_id="new_box", label="New box", payload="case-4711:new_box")

    with pytest.raises(BrokenDemo, match="label differs between WhatsApp and SMS"):
        compare(tapped, tapped.replace(label="A new box"))


def test_a_stage_leaves_nothing_behind_whatever_happens():
    started = []

    def play() -> None:
        with Stage() as stage:
            started.append(stage.start("sandbox", "sms", "--no-bridge", "--port", str(free_port()), "--json"))
            started.append(stage.folder)
            started[0].result()
            raise BrokenDemo("torn")

    with pytest.raises(BrokenDemo, match="torn"):
        play()

    running, folder = started
    assert running.stop() == 0
    assert not folder.exists()


def test_another_process_sends_beside_a_running_server_on_the_same_file():
    port = str(free_port())
    with Stage() as stage:
        told = stage.start(
            "sandbox", "whatsapp", "sms", "--no-bridge", "--dir", ".", "--port", port, "--json"
        )
        url = told.result()["bridge"]
        stage.start("serve", "--port", port, "--json").result()
        receipt = stage.run("send", f"sms:{ADA}", "Your mug has shipped", "--wait", "delivered")
        inbox = stage.run("inbox", f"sms/{ADA}", "--limit", "1")
        health, ready = get(f"{url}/health"), get(f"{url}/ready")

    assert receipt["state"] == "delivered"
    assert (inbox["data"]["fact"], inbox["data"]["target"]["id"]) == ("delivered", receipt["id"])
    assert health == {"status": "ok"}
    assert ready["status"] == "ready"


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.loads(answer.read())
