from __future__ import annotations

import asyncio

import pytest

import chanbridge as cb
from chanbridge.accounts import Accounts
from chanbridge.blobs import FileMediaStore
from chanbridge.inbound import Receiver
from chanbridge.media import MediaService
from chanbridge.polling import LEASE, PACE, Asking, Pace, Poller, bells, wait_after
from chanbridge.store.base import Cursor
from chanbridge.store.cursors import Cursors
from chanbridge.store.engine import StoreError
from chanbridge.store.journal import Journal
from chanbridge.transport.drive import Driver
from chanbridge.transport.grants import GrantKeeper
from chanbridge.vault import FileVault
from tests.channels import (
    NOW,
    Clock,
    Magpie,
    MagpieConfig,
    MagpieProvider,
    PlainConfig,
    Wren,
    magpie_bell,
    magpie_error,
    update,
)

QUICK = Pace(renew=0.01, look=0.01, first_wait=0.001, longest_wait=0.004)


class BellsOnly(Magpie):
    poll_every_s = None


class Often(Magpie):
    poll_every_s = 0.005


class Numbered(Wren):
    """A session whose mailbox a test fills; it notes what it was resumed after."""

    def __init__(self, account):
        super().__init__(account)
        self.mailbox = []
        self.resumed = []
        self.closed = 0

    async def listen(self, io):
        try:
            for index in range(int(io.cursor or 0), len(self.mailbox)):
                yield cb.Inbound(body=self.mailbox[index].encode(), cursor=str(index + 1))
                self.resumed.append(index)
        finally:
            self.closed += 1


class World:
    """Accounts, a store, a provider and pollers over them."""

    def __init__(self, engine, folder, channel=Magpie):
        self.clock = Clock()
        self.provider = MagpieProvider()
        self.journal = Journal(engine)
        self.cursors = Cursors(engine)
        self.accounts = Accounts.of(
            [("magpie", channel, MagpieConfig() if issubclass(channel, Magpie) else PlainConfig())],
            clock=self.clock,
        )
        blobs = FileMediaStore(folder / "media")
        grants = GrantKeeper(FileVault(folder / "vault"), now=self.clock)
        self.driver = Driver(self.provider, grants=grants)
        self.receiver = Receiver(
            self.accounts,
            self.journal,
            driver=self.driver,
            media=MediaService(blobs, self.driver),
            clock=self.clock,
        )
        self.pollers = []

    @property
    def channel(self):
        return self.accounts["magpie"]

    def poller(self, owner="one"):
        poller = Poller(
            self.accounts,
            self.receiver,
            self.cursors,
            self.driver,
            owner=owner,
            clock=self.clock,
            pace=QUICK,
        )
        self.pollers.append(poller)
        poller.start()
        return poller

    async def cursor(self, owner="test"):
        held = await self.cursors.hold("magpie", owner, self.clock() + LEASE, self.clock() + LEASE)
        return held.cursor

    async def texts(self):
        events = [entry.event for entry in await self.journal.events(limit=1000)]
        return [event.message.plain for event in events if isinstance(event, cb.MessageReceived)]

    async def told(self):
        events = [entry.event for entry in await self.journal.events(limit=1000)]
        return [
            (event.topic, event.status, event.reason)
            for event in events
            if isinstance(event, cb.AccountStatus)
        ]

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not await condition():  # noqa: ASYNC110
                await asyncio.sleep(0.001)


@pytest.fixture
async def world_of(engine, tmp_path):
    made = []

    def make(channel=Magpie):
        made.append(World(engine, tmp_path, channel))
        return made[-1]

    yield make
    for world in made:
        for poller in world.pollers:
            await poller.stop()
        await world.receiver.tally.close()


async def test_what_a_poll_brings_is_journaled_in_order_with_the_cursor_behind_it(world_of):
    world = world_of()
    world.provider.updates = [update(f"u{n}", f"Text {n}") for n in range(5)]

    world.poller()

    async def all_there():
        return len(await world.texts()) == 5

    await world.until(all_there)
    assert await world.texts() == [f"Text {n}" for n in range(5)]
    await world.pollers[0].stop()
    assert await world.cursor() == "5"


async def test_a_poll_goes_on_where_an_earlier_process_stopped(world_of):
    world = world_of()
    world.provider.updates = [update("u1", "Old"), update("u2", "New")]
    await world.receiver.note("magpie", cursor="1")

    world.poller()

    async def there():
        return await world.texts()

    await world.until(there)
    assert await world.texts() == ["New"]


async def test_polls_are_repeated_and_bring_nothing_twice(world_of):
    world = world_of(Often)
    world.provider.updates = [update("u1", "One")]
    world.poller()

    async def three_polls():
        return world.provider.paths.count("/updates") >= 3

    await world.until(three_polls)
    world.provider.updates.append(update("u2", "Two"))

    async def both():
        return len(await world.texts()) == 2

    await world.until(both)


async def test_a_bell_makes_an_account_ask_at_once_and_is_answered(world_of, engine):
    world = world_of(BellsOnly)
    world.poller()

    async def asked_once():
        return "/updates" in world.provider.paths

    await world.until(asked_once)
    world.provider.updates = [update("u1", "Ding")]
    for _ in range(3):
        await world.receiver.receive("magpie", magpie_bell())

    async def rung():
        rows = await engine.read(lambda c: c.execute("SELECT id FROM wakes").fetchall())
        return await world.texts() == ["Ding"] and not rows

    await world.until(rung)


async def test_a_bell_that_another_process_kept_is_heard_too(world_of):
    world = world_of(BellsOnly)
    world.poller()

    async def asked_once():
        return "/updates" in world.provider.paths

    await world.until(asked_once)
    world.receiver.observers.clear()  # as if the webhook had come in elsewhere
    world.provider.updates = [update("u1", "Ding")]
    await world.receiver.receive("magpie", magpie_bell())

    async def there():
        return await world.texts()

    await world.until(there)


async def test_of_two_processes_one_asks(world_of):
    world = world_of(Often)
    world.poller("one")

    async def asked():
        return "/updates" in world.provider.paths

    await world.until(asked)
    assert await world.cursors.hold("magpie", "two", NOW, NOW + LEASE) is None

    await world.pollers[0].stop()
    assert await world.cursors.hold("magpie", "two", NOW, NOW + LEASE) is not None


async def test_who_loses_the_account_stops_what_it_was_doing(world_of, monkeypatch):
    world = world_of()
    stuck = asyncio.Event()
    stopped = asyncio.Event()

    async def run(flow, channel):
        flow.close()
        stuck.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    monkeypatch.setattr(world.driver, "run", run)
    world.poller("one")
    async with asyncio.timeout(10):
        await stuck.wait()
        world.clock.forward(120)  # as if the process had slept through its lease
        while await world.cursors.hold("magpie", "two", world.clock(), world.clock() + 2 * LEASE) is None:
            world.clock.forward(120)
        await stopped.wait()

    assert await world.cursors.hold("magpie", "one", world.clock(), world.clock() + LEASE) is None


async def test_a_malformed_body_is_set_aside_and_the_poll_goes_on(world_of):
    world = world_of()
    world.provider.updates = [update("u1", "One"), {"id": 7}, update("u3", "Three")]

    world.poller()

    async def both():
        return len(await world.texts()) == 2

    await world.until(both)
    [kept] = await world.journal.requests("quarantined")
    assert (kept.request.method, kept.request.url) == ("POLL", "poll:magpie")
    assert kept.request.body == b'{"id":7}'


async def test_a_store_that_fails_in_the_middle_of_a_batch_loses_nothing(world_of, monkeypatch):
    world = world_of()
    world.provider.updates = [update("u1", "One"), update("u2", "Two")]
    append = world.journal.append
    failed = []

    async def failing_once(arrival, told=None):
        if b"u2" in (arrival.request.body if arrival.request else b"") and not failed:
            failed.append(arrival)
            raise StoreError("database or disk is full")
        return await append(arrival, told)

    monkeypatch.setattr(world.journal, "append", failing_once)
    world.poller()

    async def both():
        return len(await world.texts()) == 2

    await world.until(both)
    assert await world.texts() == ["One", "Two"]


async def test_a_provider_that_promises_more_and_does_not_move_on_is_not_asked_for_ever(world_of):
    world = world_of()
    stuck = {"ok": True, "updates": [], "cursor": "0", "more": True}
    world.provider.script["/updates"] = [cb.HttpResponse.of_json(stuck)] * 9
    poller = Poller(world.accounts, world.receiver, world.cursors, world.driver, owner="one")

    await Asking(poller, "magpie", world.channel).turn(Cursor("0", []))

    assert world.provider.paths.count("/updates") == 1


async def test_a_refused_token_is_told_once_and_its_mend_too(world_of):
    world = world_of()
    world.provider.revoked = True
    world.provider.updates = [update("u1", "At last")]
    world.poller()

    async def tried_often():
        return world.provider.paths.count("/token") >= 4

    await world.until(tried_often)
    world.provider.revoked = False

    async def there():
        return await world.texts() and len(await world.told()) == 2

    await world.until(there)
    assert await world.told() == [("token", "not_receiving", "auth_failed"), ("token", "receiving", "")]


async def test_a_provider_that_is_down_for_a_while_raises_no_alarm(world_of):
    world = world_of()
    world.provider.script["/updates"] = [cb.SendError("channel_unavailable"), magpie_error(5)]
    world.provider.updates = [update("u1", "At last")]

    world.poller()

    async def there():
        return await world.texts()

    await world.until(there)
    assert await world.told() == []


async def test_a_plugin_that_fails_is_named_and_asked_again(world_of, caplog):
    world = world_of()
    world.provider.script["/updates"] = [cb.HttpResponse.of_json({"ok": True})]
    world.provider.updates = [update("u1", "At last")]

    world.poller()

    async def there():
        return await world.texts()

    await world.until(there)
    [line] = [record for record in caplog.records if record.message == "poll.failed"]
    assert (line.plugin, line.error) == ("magpie", "KeyError")


async def test_a_session_brings_its_messages_and_is_opened_anew(world_of):
    world = world_of(Numbered)
    world.channel.mailbox = ["One", "Two"]
    world.poller()

    async def two():
        return len(await world.texts()) == 2

    await world.until(two)
    world.channel.mailbox.append("Three")

    async def three():
        return len(await world.texts()) == 3

    await world.until(three)
    assert await world.texts() == ["One", "Two", "Three"]
    await world.pollers[0].stop()
    assert await world.cursor() == "3"


async def test_a_session_goes_on_only_when_what_it_gave_is_on_disk(world_of, monkeypatch):
    world = world_of(Numbered)
    world.channel.mailbox = ["One", "Two"]
    append = world.journal.append
    full = [True]

    async def sometimes_full(arrival, told=None):
        if full and arrival.events:
            full.clear()
            assert world.channel.resumed == []
            raise StoreError("database or disk is full")
        return await append(arrival, told)

    monkeypatch.setattr(world.journal, "append", sometimes_full)
    world.poller()

    async def two():
        return len(await world.texts()) == 2

    await world.until(two)
    assert world.channel.closed >= 1
    assert await world.texts() == ["One", "Two"]


async def test_stopping_closes_a_session(world_of):
    class Endless(Numbered):
        async def listen(self, io):
            try:
                yield cb.Inbound(body=b"One", cursor="1")
                await asyncio.Event().wait()
            finally:
                self.closed += 1

    world = world_of(Endless)
    poller = world.poller()

    async def there():
        return await world.texts()

    await world.until(there)
    await poller.stop()

    assert world.channel.closed == 1


def test_waits_double_up_to_a_limit_and_never_fall_below_what_the_provider_orders():
    ordered = cb.Failure.of("rate_limited", retry_after_s=30)

    assert [wait_after(n, None) for n in (1, 2, 3, 50)] == [1, 2, 4, PACE.longest_wait]
    assert wait_after(1, ordered) == 30
    assert wait_after(10, ordered) == PACE.longest_wait


def test_equal_bells_are_one_call():
    wakes = [
        (1, cb.Wake(key="a")),
        (2, cb.Wake(key="b")),
        (3, cb.Wake(key="a")),
        (4, cb.Wake(key="a", data={"x": 1})),
    ]

    assert [bell.ids for bell in bells(Cursor(None, wakes))] == [[1, 3], [2], [4]]
