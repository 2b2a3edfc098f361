"""The way back, end to end: a menu is answered by bare text only while it is open."""

import pytest

import chanbridge as cb
from tests.channels import ADA, Clock, call
from tests.runtime import Providers, deliver, eventually, make_bridge

MENU = cb.Message.text("What shall we do?", buttons=["Refund", "New box", "Call me"])


class Desk:
    """A bridge on which Ada has just got a menu, and what its handlers saw."""

    def __init__(self, bridge, clock):
        self.bridge = bridge
        self.clock = clock
        self.seen = []
        self.count = 0
        bridge.on(cb.MessageReceived, cb.InteractionReceived)(self.seen.append)

    async def say(self, message):
        receipt = await self.bridge.send(f"pigeon:{ADA}", message, account="main")
        await receipt.until("submitted", timeout=5)
        return receipt

    async def hear(self, words, **fields):
        self.count += 1
        before = len(self.seen)
        at = self.clock().isoformat()
        await deliver(self.bridge, call(f"in-TEST-{self.count}", words, at=at, **fields))
        await eventually(lambda: len(self.seen) > before)
        return self.seen[-1]


@pytest.fixture
async def desk(tmp_path):
    clock = Clock()
    bridge = make_bridge(tmp_path, Providers(), clock)
    desk = Desk(bridge, clock)
    async with bridge:
        yield desk


@pytest.mark.parametrize(
    ("words", "via", "label"),
    [("2", "marker", "New box"), ("(2)", "marker", "New box"), ("２", "marker", "New box"),
     ("new box!", "label", "New box"), ("1.", "marker", "Refund")],
)  # fmt: skip
async def test_words_choose_an_option_of_the_open_menu(desk, words, via, label):
    receipt = await desk.say(MENU)

    event = await desk.hear(words)

    assert isinstance(event, cb.InteractionReceived)
    assert (event.via, event.label, event.stale) == (via, label, False)
    assert event.source.id == receipt.id
    assert event.message.plain == words


async def test_a_menu_is_used_once(desk):
    await desk.say(MENU)
    await desk.hear("2")

    assert isinstance(await desk.hear("2"), cb.MessageReceived)


async def test_an_expired_menu_takes_no_words(desk):
    await desk.say(MENU)

    desk.clock.forward(8 * 24 * 3600)

    assert isinstance(await desk.hear("2"), cb.MessageReceived)


async def test_the_talk_has_moved_on_when_they_wrote_something_else_and_we_answered(desk):
    await desk.say(MENU)
    await desk.hear("What about my order?")
    await desk.say("It left yesterday. Shall we call you?")

    assert isinstance(await desk.hear("2"), cb.MessageReceived)


async def test_what_they_wrote_meanwhile_alone_leaves_the_menu_open(desk):
    await desk.say(MENU)
    await desk.hear("Let me think")

    assert isinstance(await desk.hear("2"), cb.InteractionReceived)


async def test_only_the_newest_menu_takes_words(desk):
    await desk.say(MENU)
    newer = await desk.say(cb.Message.text("Or this?", buttons=["Yes", "No"]))

    assert isinstance(await desk.hear("3"), cb.MessageReceived)
    event = await desk.hear("1")
    assert (event.label, event.source.id) == ("Yes", newer.id)


async def test_a_menu_is_not_open_before_it_has_left(tmp_path):
    providers = Providers()
    providers.pigeon.script = [cb.HttpResponse(status=500)] * 3
    bridge = make_bridge(tmp_path, providers, Clock())
    desk = Desk(bridge, Clock())
    async with bridge:
        await bridge.send(f"pigeon:{ADA}", MENU, account="main")
        assert isinstance(await desk.hear("2"), cb.MessageReceived)
