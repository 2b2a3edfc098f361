"""What the runtime promises, each shown by breaking something."""

import asyncio

import pytest

import chanbridge as cb
from chanbridge.model.ids import new_id
from tests.channels import ADA, Clock, Pigeon, PigeonConfig, PigeonProvider, call, pigeon_webhook
from tests.runtime import Providers, deliver, eventually, make_bridge

BOB = "+12025550124"
BAD_TOKEN = cb.HttpResponse.of_json({"code": 40}, status=401)


class Revoked(PigeonProvider):
    """Pigeon's API with a token that is dead until somebody replaces it."""

    dead = True

    async def __call__(self, request, *, foreign=False):
        if self.dead:
            return BAD_TOKEN
        return await super().__call__(request)


async def test_a_dead_token_holds_the_outbox_fails_no_message_and_keeps_the_order(tmp_path):
    clock = Clock()
    provider = Revoked()
    bridge = make_bridge(tmp_path, provider, clock, accounts=[("main", Pigeon, PigeonConfig())])
    told = []
    bridge.on(cb.AccountStatus)(told.append)
    async with bridge:
        receipts = [await bridge.send(f"pigeon:{ADA}", f"Number {n}", account="main") for n in range(5)]
        await eventually(lambda: told)
        states = {await receipt.state() for receipt in receipts}

        provider.dead = False
        await bridge.resume("main")
        for receipt in receipts:
            await receipt.until("submitted", timeout=5)

    assert states == {"queued"}
    assert (told[0].topic, told[0].error.code) == ("token", "auth_failed")
    assert [m["body"] for m in provider.sent] == [f"Number {n}" for n in range(5)]


async def test_a_held_account_is_probed_and_recovers_by_itself(tmp_path):
    clock = Clock()
    provider = Revoked()
    bridge = make_bridge(tmp_path, provider, clock, accounts=[("main", Pigeon, PigeonConfig())])
    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", "Hello", account="main")
        await eventually(lambda: bridge.runtime.store.outbox.holds())

        provider.dead = False
        clock.forward(120)

        assert await receipt.until("submitted", timeout=5) == "submitted"
        assert await bridge.runtime.store.outbox.holds() == {}


async def test_a_flooded_or_held_account_stops_no_other(tmp_path):
    provider = Revoked()
    other = PigeonConfig(number="+12025550101")

    async def split(request, *, foreign=False):
        provider.dead = request.json()["from"] == "+12025550100"
        return await Revoked.__call__(provider, request)

    accounts = [("main", Pigeon, PigeonConfig()), ("other", Pigeon, other)]
    bridge = make_bridge(tmp_path, split, accounts=accounts)
    async with bridge:
        await bridge.send(f"pigeon:{ADA}", "Held", account="main")
        receipt = await bridge.send(f"pigeon:{ADA}", "Free", account="other")

        assert await receipt.until("submitted", timeout=5) == "submitted"


async def test_a_malformed_item_takes_no_other_with_it_and_is_replayed_after_the_fix(tmp_path):
    bridge = make_bridge(tmp_path, Providers())
    seen = []
    bridge.on()(seen.append)
    items = [call(f"msg-TEST-{n}", f"Text {n}") for n in range(10)]
    items[3] = {**items[3], "at": "yesterday"}
    async with bridge:
        response = await deliver(bridge, *items)
        await eventually(lambda: len(seen) == 10)

        broken = [event for event in seen if isinstance(event, cb.ProviderEvent)]
        assert response.status == 200
        assert len(broken) == 1
        assert b'"id":"msg-TEST-3"' in broken[0].raw.content
        assert [event.message.plain for event in seen if isinstance(event, cb.MessageReceived)] == [
            f"Text {n}" for n in range(10) if n != 3
        ]

        bridge.accounts["main"].event = lenient(bridge.accounts["main"])
        replayed = await bridge.replay()
        await eventually(lambda: len(seen) == 11)

    assert replayed == 1
    assert seen[-1].message.plain == "Text 3"


async def test_all_that_was_set_aside_is_run_again_once_a_few_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr("chanbridge.replaying.PAGE", 2)
    bridge = make_bridge(tmp_path, Providers())
    sizes, tried = [], []
    async with bridge:
        journal, receiver = bridge.runtime.store.journal, bridge.runtime.receiver
        for n in range(5):
            await deliver(bridge, call(f"msg-TEST-{n}", at="yesterday"))
            await deliver(bridge, call(f"unowned-TEST-{n}", to="+12025550199"))
        requests, replay = journal.requests, receiver.replay

        async def asked(*args):
            page = await requests(*args)
            sizes.append(len(page))
            return page

        async def noted(kept):
            tried.append(kept.id)
            return await replay(kept)

        monkeypatch.setattr(journal, "requests", asked)
        monkeypatch.setattr(receiver, "replay", noted)
        new = await bridge.replay()

    assert new == 0
    assert tried == list(range(1, 11))
    assert max(sizes) == 2


async def test_a_request_that_is_set_aside_for_another_reason_now_is_run_again_once(tmp_path):
    bridge = make_bridge(tmp_path, Providers())
    tried = []
    async with bridge:
        await deliver(bridge, call(at="yesterday", to="+12025550199"))
        receiver = bridge.runtime.receiver
        replay, receiver.replay = receiver.replay, lambda kept: tried.append(kept.state) or replay(kept)
        bridge.accounts["main"].event = lenient(bridge.accounts["main"])
        await bridge.replay()
        [left] = await bridge.runtime.store.journal.requests()

    assert (tried, left.state) == (["quarantined"], "unowned")


def lenient(channel):
    """The plugin, mended: it takes 'yesterday' for a time."""

    def event(raw):
        return Pigeon.event(channel, bytes(raw).replace(b'"yesterday"', b'"2026-11-19T09:29:00Z"'))

    return event


async def test_a_reply_token_that_has_lapsed_leaves_another_way(tmp_path):
    clock = Clock()
    providers = Providers()
    magpie = providers.magpie
    bridge = make_bridge(tmp_path, providers, clock)
    until = clock().replace(minute=31).isoformat()
    update = {"from": "ada", "reply_token": "TEST-reply", "reply_until": until}
    magpie.reply_tokens = {"TEST-reply"}
    magpie.updates = [{"id": "up-1", "at": clock().isoformat(), "text": "Hello", **update}]
    seen = []
    bridge.on(cb.MessageReceived)(seen.append)
    async with bridge:
        await eventually(lambda: seen)
        first = await bridge.send("magpie:ada", "By the token")
        await first.until("submitted", timeout=5)
        second = await bridge.send("magpie:ada", "The token was used")
        await second.until("submitted", timeout=5)
        clock.forward(120)
        third = await bridge.send("magpie:ada", "The token has lapsed")
        await third.until("submitted", timeout=5)

    assert [post["path"] for post in magpie.posted] == ["/reply", "/push", "/push"]
    assert [path for path in magpie.paths if path in {"/reply", "/push"}] == [
        "/reply",
        "/reply",
        "/push",
        "/push",
    ]


async def test_an_expiring_token_is_traded_once_for_many_requests_at_once(tmp_path):
    providers = Providers()
    bridge = make_bridge(tmp_path, providers)
    async with bridge:
        receipts = await asyncio.gather(*(bridge.send(f"magpie:person-{n}", "Hello") for n in range(20)))
        for receipt in receipts:
            await receipt.until("submitted", timeout=10)

    assert providers.magpie.paths.count("/token") == 1
    assert len(providers.magpie.posted) == 20


async def test_the_same_key_with_the_same_content_is_one_message_and_with_another_an_error(tmp_path):
    providers = Providers()
    bridge = make_bridge(tmp_path, providers)
    async with bridge:
        one = await bridge.send(f"pigeon:{ADA}", "Hello", account="main", idempotency_key="order-TEST-1")
        two = await bridge.send(f"pigeon:{ADA}", "Hello", account="main", idempotency_key="order-TEST-1")
        with pytest.raises(cb.ValidationError, match="idempotency_key"):
            await bridge.send(f"pigeon:{ADA}", "Other", account="main", idempotency_key="order-TEST-1")
        await one.until("submitted", timeout=5)

    assert one.id == two.id
    assert len(providers.pigeon.sent) == 1


async def test_the_same_key_to_another_recipient_is_an_error_and_swallows_nothing(tmp_path):
    providers = Providers()
    bridge = make_bridge(tmp_path, providers)
    keyed = cb.Message.text("Hello", idempotency_key="order-TEST-2")
    async with bridge:
        for message, key in (("Hello", "order-TEST-1"), (keyed, "")):
            await bridge.send(f"pigeon:{ADA}", message, account="main", idempotency_key=key)
            with pytest.raises(cb.ValidationError, match="idempotency_key: was used for another recipient"):
                await bridge.send(f"pigeon:{BOB}", message, account="main", idempotency_key=key)
            other = await bridge.send(
                f"pigeon:{BOB}", message, account="main", idempotency_key=f"{key or 'second'}/bob"
            )
            await other.until("submitted", timeout=5)

    assert [sent["to"] for sent in providers.pigeon.sent].count(BOB) == 2


async def test_a_received_message_is_passed_on_to_several_each_under_an_id_of_its_own(tmp_path):
    bridge = make_bridge(tmp_path, Providers())
    came = cb.Message.text("Hello", id=new_id())
    async with bridge:
        await bridge.send(f"pigeon:{ADA}", came, account="main")
        with pytest.raises(cb.ValidationError, match=r"^id: names another message already.*replace\(id=''\)"):
            await bridge.send(f"pigeon:{BOB}", came, account="main")
        other = await bridge.send(f"pigeon:{BOB}", came.replace(id=""), account="main")

    assert other.id != came.id


async def test_an_opted_out_contact_is_not_written_to(tmp_path):
    bridge = make_bridge(tmp_path, Providers())
    async with bridge:
        channel = bridge.accounts["main"]
        event = cb.ConsentChanged(
            account="main",
            granted=False,
            via="keyword",
            conversation=cb.Conversation(address=f"pigeon:{ADA}"),
        )
        from chanbridge.store.base import Arrival

        await bridge.runtime.store.journal.append(
            Arrival(account="main", at=channel.account.now(), events=[event])
        )

        with pytest.raises(cb.SendError, match="recipient_opted_out"):
            await bridge.send(f"pigeon:{ADA}", "Hello", account="main")


async def test_an_expired_message_never_leaves(tmp_path):
    clock = Clock()
    provider = Revoked()
    bridge = make_bridge(tmp_path, provider, clock, accounts=[("main", Pigeon, PigeonConfig())])
    message = cb.Message.text("Two minutes", expires_at=clock().replace(minute=32))
    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", message, account="main")
        await eventually(lambda: bridge.runtime.store.outbox.holds())
        provider.dead = False
        clock.forward(180)
        with pytest.raises(cb.SendError, match="expired"):
            await receipt.until("submitted", timeout=5)

    assert provider.sent == []


async def test_sync_code_uses_the_same_bridge(tmp_path):
    providers = Providers()

    def work():
        bridge = make_bridge(tmp_path, providers)
        with bridge:
            receipt = bridge.send(f"pigeon:{ADA}", "Hello", account="main").result(timeout=5)
            return bridge.begin(lambda: receipt.until("submitted", timeout=5)).result(timeout=10)

    assert await asyncio.to_thread(work) == "submitted"
    assert len(providers.pigeon.sent) == 1


@pytest.mark.parametrize(
    ("to", "message", "account", "said"),
    [
        ("pigeon:" + ADA, "Hi", "absent", "no account 'absent'"),
        ("fax:1", "Hi", "", "no account for channel 'fax'"),
        ("pigeon:" + ADA, "Hi" * 2000, "", None),
        ("nonsense", "Hi", "", "no account for channel 'nonsense'"),
        ("pigeon:", "Hi", "", "an address needs an id"),
    ],
)  # fmt: skip
async def test_what_cannot_be_sent_is_refused_before_the_network(tmp_path, to, message, account, said):
    providers = Providers()
    bridge = make_bridge(tmp_path, providers)
    async with bridge:
        if said is None:
            assert len((await bridge.send(to, message)).plan.steps) == 3
            return
        with pytest.raises(cb.ChanbridgeError, match=said):
            await bridge.send(to, message, account=account)

    assert providers.pigeon.requests == []


async def test_a_file_that_a_channel_does_not_take_becomes_a_link_to_us(tmp_path):
    providers = Providers()
    bridge = make_bridge(tmp_path, providers, Clock())
    photo = tmp_path / "manual.pdf"
    photo.write_bytes(b"%PDF-1.4 TEST")
    async with bridge:
        receipt = await bridge.send(
            f"pigeon:{ADA}", cb.Message.file(photo, caption="The manual"), account="main"
        )
        await receipt.until("submitted", timeout=5)

    [sent] = providers.pigeon.sent
    assert "The manual" in sent["body"]
    assert "https://hooks.example.com/media/" in sent["body"]


async def test_a_provider_that_says_they_opted_out_is_believed(tmp_path):
    providers = Providers()
    providers.pigeon.script = [cb.HttpResponse.of_json({"code": 34}, status=403)]
    bridge = make_bridge(tmp_path, providers)
    told = []
    bridge.on(cb.ConsentChanged)(told.append)
    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", "Hello", account="main")
        with pytest.raises(cb.SendError, match="recipient_opted_out"):
            await receipt.until("submitted", timeout=5)
        await eventually(lambda: told)

        with pytest.raises(cb.SendError, match="opted out of all"):
            await bridge.send(f"pigeon:{ADA}", "Again", account="main")

    assert (told[0].granted, told[0].via, told[0].scope) == (False, "block", "all")
    assert len(providers.pigeon.sent) == 1


async def test_readiness_tells_what_was_refused_and_what_was_set_aside(tmp_path):
    bridge = make_bridge(tmp_path, Providers())
    async with bridge:
        receiver = bridge.runtime.receiver
        await receiver.receive("main", pigeon_webhook(call(), secret="TEST-forged"))
        await receiver.receive("main", pigeon_webhook({"kind": "message"}))
        ready = await bridge.runtime.readiness()

    assert ready["set_aside"] == {"quarantined": 1, "unowned": 0}
    assert ready["counts"]["refused.signature"] == 1
