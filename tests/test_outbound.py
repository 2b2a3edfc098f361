"""The sender among others: leases that are lost, accounts that are held, work that is given back."""

import asyncio

import pytest

import chanbridge as cb
from chanbridge.hooks import Hooks
from chanbridge.outbound import MAX_TRIES, tries_of
from chanbridge.transport.client import HttpTransport
from tests.channels import ADA, Clock, Pigeon, PigeonConfig, PigeonProvider, call
from tests.runtime import deliver, eventually, make_bridge

PICTURE = cb.Message.image("https://shop.example.com/mug.jpg")
BAD_TOKEN = cb.HttpResponse.of_json({"code": 40}, status=401)
LOST = cb.SendError("outcome_unknown", detail="POST api.pigeon.example: ReadTimeout")
ACCOUNTS = [("main", Pigeon, PigeonConfig())]


class Interrupted(PigeonProvider):
    """Pigeon's API; ``meanwhile`` is awaited while the first request for a path is under way."""

    def __init__(self, path, meanwhile):
        super().__init__()
        self.path = path
        self.meanwhile = meanwhile

    async def __call__(self, request, *, foreign=False):
        answer = await super().__call__(request, foreign=foreign)
        if request.path.endswith(self.path) and self.meanwhile:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return answer


async def test_who_loses_the_lease_during_an_upload_does_not_post(tmp_path):
    clock = Clock()
    stolen = []

    async def steal():
        clock.forward(61)
        later = clock().replace(hour=23)
        stolen.extend(await bridge.runtime.store.outbox.lease("thief", clock(), later, 10))

    provider = Interrupted("/media", steal)
    bridge = make_bridge(tmp_path, provider, clock, accounts=ACCOUNTS)
    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", PICTURE, account="main")
        await eventually(lambda: stolen)
        await eventually(lambda: not bridge.runtime.sender._held)
        states = (await receipt.progress()).states

    assert (len(stolen), states) == (1, ["queued"])
    assert provider.sent == []


async def test_who_loses_the_lease_during_a_post_still_says_that_it_was_sent(tmp_path):
    clock = Clock()

    async def steal():
        clock.forward(61)
        await bridge.runtime.store.outbox.lease("thief", clock(), clock().replace(hour=23), 10)

    provider = Interrupted("/messages", steal)
    bridge = make_bridge(tmp_path, provider, clock, accounts=ACCOUNTS)
    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", PICTURE, account="main")

        assert await receipt.until("submitted", timeout=5) == "submitted"

    assert len(provider.sent) == 1


async def test_a_message_that_is_dropped_while_its_picture_goes_up_is_not_posted(tmp_path):
    async def drop():
        first = (await bridge.runtime.store.outbox.list())[0]
        assert await bridge.runtime.store.outbox.drop(first["message"], clock()) == 1

    clock, provider = Clock(), Interrupted("/media", drop)
    bridge = make_bridge(tmp_path, provider, clock, accounts=ACCOUNTS)
    async with bridge:
        dropped = await bridge.send(f"pigeon:{ADA}", PICTURE, account="main")
        after = await bridge.send(f"pigeon:{ADA}", "Next", account="main")
        await after.until("submitted", timeout=5)

        assert await dropped.state() == "canceled"
    assert [message["body"] for message in provider.sent] == ["Next"]


class Told:
    def __init__(self):
        self.items = []

    @cb.hookimpl
    def chanbridge_parked(self, item):
        self.items.append(item)


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b""])
async def test_a_post_that_was_accepted_with_an_unreadable_answer_is_of_unknown_outcome(tmp_path, body):
    clock = Clock()
    provider = PigeonProvider(cb.HttpResponse(status=200, body=body))
    bridge = make_bridge(tmp_path, provider, clock, accounts=ACCOUNTS)

    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", "Hello", account="main")
        with pytest.raises(cb.SendError, match="outcome_unknown"):
            await receipt.until("submitted", timeout=5)
        clock.forward(4000)
        await eventually(lambda: not bridge.runtime.sender._held)
        [parked] = await bridge.runtime.store.parked.list()

    assert len(provider.sent) == 1
    assert "its answer cannot be read" in parked["error"]


async def test_an_upload_with_an_unreadable_answer_is_not_of_unknown_outcome(tmp_path):
    provider = PigeonProvider(cb.HttpResponse(status=200, body=b"<html>"))
    bridge = make_bridge(tmp_path, provider, Clock(), accounts=ACCOUNTS)

    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", PICTURE, account="main")
        await eventually(lambda: provider.requests and not bridge.runtime.sender._held)
        states = (await receipt.progress()).states

    assert states == ["failed"]


async def test_a_step_of_unknown_outcome_is_told_to_the_hooks(tmp_path):
    told, hooks = Told(), Hooks()
    hooks.add(told, "told")
    bridge = make_bridge(tmp_path, PigeonProvider(LOST), accounts=ACCOUNTS, hooks=hooks)
    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", "Hello", account="main")
        with pytest.raises(cb.SendError, match="outcome_unknown"):
            await receipt.until("submitted", timeout=5)
        await eventually(lambda: told.items)

    [item] = told.items
    assert (item.kind, item.id, item.account) == ("step", f"{receipt.id}.0", "main")
    assert item.error == "outcome_unknown: POST api.pigeon.example: ReadTimeout"


class Dead(PigeonProvider):
    """Pigeon's API with a token that is dead."""

    async def __call__(self, request, *, foreign=False):
        self.requests.append(request)
        await asyncio.sleep(0)
        return BAD_TOKEN


async def test_a_token_that_dies_under_many_sends_is_told_once_and_tried_by_one(tmp_path):
    clock, provider = Clock(), Dead()
    bridge = make_bridge(tmp_path, provider, clock, accounts=ACCOUNTS)
    told = []
    bridge.on(cb.AccountStatus)(told.append)
    async with bridge:
        for n in range(20):
            await bridge.send(f"pigeon:+1202555{n:04}", "Hello", account="main")
        await eventually(lambda: told and not bridge.runtime.sender._held)
        held = await bridge.runtime.store.outbox.holds()
        before = len(provider.requests)

        clock.forward(61)
        bridge.runtime.sender.wake()
        await eventually(lambda: len(provider.requests) > before)
        await eventually(lambda: times_held(bridge, 2))

    assert len(told) == 1
    assert held["main"][0] == 1
    assert len(provider.requests) == before + 1


async def test_a_credential_that_no_header_can_carry_holds_the_account_and_fails_no_message(tmp_path):
    accounts = [("main", Pigeon, PigeonConfig(api_key=cb.Secret("S\u00dcPERSEC")))]
    bridge = make_bridge(tmp_path, HttpTransport(), Clock(), accounts=accounts)

    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", "Hello", account="main")
        await eventually(bridge.runtime.store.outbox.holds)
        state = await receipt.state()

    assert state == "queued"


async def times_held(bridge, times):
    return (await bridge.runtime.store.outbox.holds())["main"][0] == times


async def test_what_a_stopping_bridge_has_not_done_another_does_at_once(tmp_path):
    clock = Clock()
    started, handled = asyncio.Event(), []
    first = make_bridge(tmp_path, PigeonProvider(), clock, accounts=ACCOUNTS)

    @first.on(cb.MessageReceived)
    async def slow(event):
        started.set()
        await asyncio.Event().wait()

    await first.start()
    await deliver(first, call())
    await asyncio.wait_for(started.wait(), 5)
    await first.stop(grace_s=0)

    second = make_bridge(tmp_path, PigeonProvider(), clock, accounts=ACCOUNTS)
    second.on(cb.MessageReceived)(handled.append)
    async with second:
        await eventually(lambda: handled)


async def test_a_handler_has_all_its_tries_for_every_event(tmp_path):
    bridge = make_bridge(tmp_path, PigeonProvider(), accounts=ACCOUNTS)
    seen = []

    @bridge.on(cb.MessageReceived)
    def shaky(event):
        seen.append(event.message.plain)
        if seen.count(event.message.plain) < 2:
            raise ValueError("not yet")

    async with bridge:
        await deliver(bridge, call("1", "One"), call("2", "Two"))
        await eventually(lambda: len(seen) == 4, tries=1000)

    assert seen == ["One", "One", "Two", "Two"]


async def test_a_waiting_retry_is_not_hurried_by_the_next_message(tmp_path):
    clock = Clock()
    slow = cb.HttpResponse(status=429, headers=cb.Headers({"retry-after": "30"}))
    provider = PigeonProvider(slow)
    bridge = make_bridge(tmp_path, provider, clock, accounts=ACCOUNTS)
    async with bridge:
        first = await bridge.send(f"pigeon:{ADA}", "One", account="main")
        await eventually(lambda: provider.sent and not bridge.runtime.sender._held)
        second = await bridge.send(f"pigeon:{ADA}", "Two", account="main")
        clock.forward(29)
        bridge.runtime.sender.wake()
        await asyncio.sleep(0.05)
        early = len(provider.sent)

        clock.forward(30)
        for receipt in (first, second):
            await receipt.until("submitted", timeout=5)

    assert early == 1
    assert [message["body"] for message in provider.sent] == ["One", "One", "Two"]


def test_a_file_that_the_provider_could_not_take_is_tried_once_more():
    refused = cb.Failure.of("media_unavailable", provider=cb.ProviderError(code="131053"))
    ours = cb.Failure.of("media_unavailable", detail="cannot look up the host")

    assert (tries_of(refused), tries_of(ours)) == (2, MAX_TRIES)
