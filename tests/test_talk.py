"""A conversation in the hands of a handler: what it begins, and what becomes of it."""

import datetime as dt
import logging

import pytest

import chanbridge as cb
from chanbridge.hooks import Hooks
from tests.channels import ADA, Clock, Pigeon, PigeonConfig, call
from tests.runtime import Providers, deliver, eventually, make_bridge


class Rich(Pigeon):
    """Pigeon, with gestures declared."""

    capabilities = Pigeon.capabilities.replace(
        relation=cb.Relations(
            reply="native",
            reaction=cb.Reactions(level="native", allowed=("👍", "❤️")),
            delete=cb.Mutability(level="native"),
            edit=cb.Mutability(level="native"),
        ),
        presence=cb.Presence(typing_out="native", read_out="native"),
    )

    def gesture(self, gesture):
        body = {"kind": gesture.kind, "target": gesture.target.external if gesture.target else ""}
        text = gesture.step.text if gesture.step else ""
        yield self._post("/gestures", {**body, "emoji": gesture.emoji, "on": gesture.on, "text": text})


def gestures_of(providers):
    return [r.json() for r in providers.pigeon.requests if r.path.endswith("/gestures")]


async def handled(tmp_path, handler, *, channel=Rich, hooks=None, clock=None):
    """Bring one message to a handler, and give the providers when the handler's work is done."""
    providers = Providers()
    more = {"hooks": hooks} if hooks else {}
    bridge = make_bridge(tmp_path, providers, clock, accounts=[("main", channel, PigeonConfig())], **more)
    bridge.on(cb.MessageReceived)(handler)
    async with bridge:
        await deliver(bridge, call())
        await eventually(lambda: _idle(bridge))
    return providers


async def _idle(bridge):
    store = bridge.runtime.store
    return await store.dispatch.pending() == 0 and await store.outbox.queued() == 0


async def test_gestures_go_out_in_order_with_the_messages_around_them(tmp_path):
    async def handler(event, conversation):
        conversation.read()
        receipt = await conversation.reply("Sent")
        await receipt.until("submitted", timeout=5)
        conversation.react("👍")
        conversation.edit(receipt, "Changed")
        conversation.delete(receipt)

    providers = await handled(tmp_path, handler)

    assert [(g["kind"], g["target"], g["emoji"], g["text"]) for g in gestures_of(providers)] == [
        ("read", "msg-TEST-1", "", ""),
        ("reaction", "msg-TEST-1", "👍", ""),
        ("edit", "messages-TEST-2", "", "Changed"),
        ("delete", "messages-TEST-2", "", ""),
    ]


async def test_what_a_channel_cannot_do_is_no_error_and_sends_nothing(tmp_path):
    async def handler(event, conversation):
        await conversation.react("👍")
        await conversation.typing()
        await conversation.delete(cb.Ref(external="messages-TEST-9"))

    providers = await handled(tmp_path, handler, channel=Pigeon)

    assert providers.pigeon.requests == []


async def test_a_reaction_that_the_channel_does_not_have_is_not_sent(tmp_path):
    async def handler(event, conversation):
        await conversation.react("🦆")

    assert gestures_of(await handled(tmp_path, handler)) == []


class Windowed(Rich):
    """Rich, where free-form messages need an open window."""

    capabilities = Rich.capabilities.replace(
        window=cb.WindowLimits(kind="rolling", seconds=86_400, outside="template")
    )


def _editing(message, receipts):
    async def handler(event, conversation):
        if not receipts:
            receipts.append(await conversation.reply("Sent"))
        await receipts[0].until("submitted", timeout=5)
        await conversation.edit(receipts[0], message)
        await conversation.reply("Done")

    return handler


async def test_an_edit_goes_out_while_the_window_is_open(tmp_path):
    providers = await handled(tmp_path, _editing("Changed", []), channel=Windowed, clock=Clock())

    assert [g["text"] for g in gestures_of(providers)] == ["Changed"]


async def test_an_edit_that_the_channel_cannot_make_is_lost_and_the_handler_goes_on(tmp_path, caplog):
    caplog.set_level(logging.INFO)

    providers = await handled(tmp_path, _editing("Changed", []), channel=Pigeon)

    assert [m["body"] for m in providers.pigeon.sent] == ["Sent", "Done"]
    assert _dropped(caplog) == ["the channel cannot do it"]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("long " * 1000, "only a message of one step can be edited: delete it and send another"),
        (cb.Message.location(1.0, 2.0), "the new form no longer has the steps of the original"),
    ],
)
async def test_an_edit_that_no_longer_fits_is_lost_and_the_handler_goes_on(tmp_path, caplog, message, reason):
    caplog.set_level(logging.INFO)

    providers = await handled(tmp_path, _editing(message, []), channel=Placed)

    assert gestures_of(providers) == []
    assert [m["body"] for m in providers.pigeon.sent] == ["Sent", "Done"]
    assert _dropped(caplog) == [reason]


class Choosy(Rich):
    """Rich, of which only its plugin knows what it cannot do."""

    def gesture(self, gesture):
        if gesture.kind == "reaction":
            raise cb.Unsupported("no reactions in groups")
        yield self._post("/gestures", {"kind": gesture.kind})

    def error(self, response):
        refused = response.status == 400
        said = {"code": "target_gone", "provider": 131009, "title": "My PIN is 4711"}
        return cb.SendError.of(response, **said) if refused else None


@pytest.mark.parametrize(
    ("gesture", "level", "told"),
    [
        ("react", "WARNING", ("reaction", "unsupported_content", "no reactions in groups")),
        ("delete", "WARNING", ("delete", "target_gone", "131009")),
        ("typing", "INFO", ("typing", "target_gone", "131009")),
    ],
)
async def test_a_gesture_that_is_refused_as_it_is_sent_is_logged(tmp_path, caplog, gesture, level, told):
    caplog.set_level(logging.INFO)
    providers = Providers()
    providers.pigeon.script.append(cb.HttpResponse(status=400))
    bridge = make_bridge(tmp_path, providers, accounts=[("main", Choosy, PigeonConfig())])

    @bridge.on(cb.MessageReceived)
    async def handler(event, conversation):
        begin = {
            "react": lambda: conversation.react("👍"),
            "delete": lambda: conversation.delete(cb.Ref(external="messages-TEST-9")),
            "typing": conversation.typing,
        }
        await begin[gesture]()

    async with bridge:
        await deliver(bridge, call())
        await eventually(lambda: _idle(bridge))

    [record] = [record for record in caplog.records if record.msg == "gesture.failed"]
    assert (record.levelname, record.account) == (level, "main")
    assert (record.gesture, record.code, record.reason) == told


def _dropped(caplog):
    return [record.reason for record in caplog.records if record.msg == "gesture.dropped"]


class Placed(Rich):
    """Rich, with places."""

    capabilities = Rich.capabilities.replace(location=cb.Feature())


async def test_typing_is_only_tried(tmp_path):
    async def handler(event, conversation):
        await conversation.typing()

    providers = await handled(tmp_path, handler)

    assert [(g["kind"], g["on"]) for g in gestures_of(providers)] == [("typing", True)]


async def test_a_reply_may_quote_the_message_it_answers(tmp_path):
    class Quoting(Rich):
        def send(self, step):
            yield self._post("/messages", {"to": step.to.id, "quote": step.reply_to.external})
            return cb.Sent("sent-TEST-1")

    async def handler(event, conversation):
        await conversation.reply("That one", quote=True)

    providers = await handled(tmp_path, handler, channel=Quoting)

    assert [m["quote"] for m in providers.pigeon.sent] == ["msg-TEST-1"]


async def test_the_customers_key_is_asked_of_plugins(tmp_path):
    keys = []

    class Crm:
        @cb.hookimpl
        def chanbridge_identify(self, contact):
            return f"crm-{contact.id}"

    from chanbridge.hooks import Hooks

    hooks = Hooks()
    hooks.add(Crm(), "crm")
    await handled(tmp_path, lambda event, conversation: keys.append(conversation.customer), hooks=hooks)

    assert keys == [f"crm-{ADA}"]


async def test_a_forgotten_reply_that_cannot_be_sent_fails_its_handler_until_it_is_parked(tmp_path):
    clock = Clock()
    providers = Providers()
    bridge = make_bridge(tmp_path, providers, clock, accounts=[("main", Pigeon, PigeonConfig())])
    runs = []

    @bridge.on(cb.MessageReceived)
    async def answer(event, conversation):
        runs.append(1)
        conversation.reply(cb.Message.of())

    async with bridge:
        await deliver(bridge, call())
        for tries in range(1, bridge.settings.policy.handler_attempts + 1):
            await eventually(lambda tries=tries: len(runs) == tries)
            await eventually(lambda: _no_lease(bridge))
            clock.forward(4000)
        await eventually(lambda: bridge.runtime.store.parked.count())
        [parked] = await bridge.runtime.store.parked.list()

    assert (parked["kind"], parked["error"]) == ("event", "ValidationError")
    assert providers.pigeon.sent == []


async def _no_lease(bridge):
    def held(connection):
        return connection.execute(
            "SELECT count(*) FROM pending WHERE owner NOT IN ('', 'parked')"
        ).fetchone()[0]

    return await bridge.runtime.store.engine.read(held) == 0


async def test_a_handler_that_failed_runs_again_and_its_first_reply_is_not_repeated(tmp_path):
    clock = Clock()
    providers = Providers()
    bridge = make_bridge(tmp_path, providers, clock)
    runs = []

    @bridge.on(cb.MessageReceived)
    async def answer(event, conversation):
        runs.append(1)
        await conversation.reply(f"Run {len(runs)}")
        if len(runs) == 1:
            raise RuntimeError("the CRM is down")

    async with bridge:
        await deliver(bridge, call())
        await eventually(lambda: len(runs) == 1)
        await eventually(lambda: _no_lease(bridge))
        clock.forward(4000)
        await eventually(lambda: len(runs) == 2)
        await eventually(lambda: _idle(bridge))

    assert [m["body"] for m in providers.pigeon.sent] == ["Run 1"]


async def test_result_in_the_bridges_own_loop_is_refused(tmp_path):
    bridge = make_bridge(tmp_path, Providers())
    async with bridge:
        sending = bridge.send(f"pigeon:{ADA}", "Hello", account="main")
        with pytest.raises(RuntimeError, match="write 'await' instead"):
            sending.result()
        await sending


async def test_a_bridge_that_is_not_started_says_so(tmp_path):
    bridge = make_bridge(tmp_path, Providers())

    with pytest.raises(RuntimeError, match="not started"):
        bridge.send(f"pigeon:{ADA}", "Hello", account="main")


async def test_an_event_of_the_whole_account_has_no_conversation(tmp_path):
    bridge = make_bridge(tmp_path, Providers())
    seen = []

    @bridge.on(cb.AccountStatus)
    async def look(event, conversation):
        seen.append(conversation)

    async with bridge:
        event = cb.AccountStatus(account="main", topic="quality", provider_id="TEST-1")
        await bridge.runtime.receiver.note("main", event)
        await eventually(lambda: seen)

    assert seen == [None]


async def test_who_asks_for_what_the_channel_cannot_do_is_told_what_is_lost(tmp_path):
    told = []

    async def handler(event, conversation):
        sent = cb.Ref(external="messages-TEST-9")
        told.append(await conversation.typing())
        told.append(await conversation.read())
        told.append(await conversation.react("👍"))
        told.append(await conversation.edit(sent, "Changed"))
        told.append(await conversation.delete(sent))

    await handled(tmp_path, handler, channel=Pigeon)

    assert [[(loss.path, loss.rule) for loss in losses] for losses in told] == [
        [(f"/{kind}", "D17")] for kind in ("typing", "read", "reaction", "edit", "delete")
    ]


async def test_what_the_channel_can_do_is_no_loss(tmp_path):
    told = []

    async def handler(event, conversation):
        told.append(await conversation.react("👍"))

    await handled(tmp_path, handler)

    assert told == [()]


class Addressed(Rich):
    """Rich, with addresses of any form, and gestures that say whom they are for."""

    def recipient(self, id):
        return id

    def gesture(self, gesture):
        yield self._post("/gestures", {"kind": gesture.kind, "to": gesture.to.id})


def of(id, sender, *identities):
    """A message of somebody who is named in these ways."""
    contact = cb.Contact(address=f"pigeon:{sender}", identities=identities)
    return cb.MessageReceived.text(id, sender=contact, provider_id=id)


async def test_every_answer_goes_to_who_wrote_though_a_number_changes_hands(tmp_path):
    async def handler(event, conversation):
        conversation.typing()
        await conversation.reply(f"To {event.message.plain}")

    number = cb.Identity(kind="phone", value=ADA)
    old, new = (cb.Identity(kind="bsuid", value=value) for value in ("US.OLD", "US.NEW"))
    providers = Providers()
    bridge = make_bridge(tmp_path, providers, accounts=[("main", Addressed, PigeonConfig())])
    bridge.on(cb.MessageReceived)(handler)
    async with bridge:
        for event in (of("1", ADA, number), of("2", ADA, old, number), of("3", "US.NEW", new, number),
                      of("4", "US.OLD", old)):  # fmt: skip
            await bridge.runtime.receiver.note("main", event)
            await eventually(lambda: _idle(bridge))
        await bridge.send(f"pigeon:{ADA}", "To the number")
        await eventually(lambda: _idle(bridge))

    asked = [(request.path, request.json()) for request in providers.pigeon.requests]
    said = {body["body"]: body["to"] for path, body in asked if path.endswith("/messages")}
    assert said == {
        "To 1": ADA, "To 2": ADA, "To 3": "US.NEW", "To 4": "US.OLD", "To the number": ADA,
    }  # fmt: skip
    typed = [body["to"] for path, body in asked if path.endswith("/gestures")]
    assert typed == [ADA, ADA, "US.NEW", "US.OLD"]


class Traced:
    """A hook that refuses some words and marks every message anew."""

    def __init__(self):
        self.count = 0

    @cb.hookimpl
    def chanbridge_sending(self, account, message):
        self.count += 1
        if "secret" in message.plain:
            raise cb.SendError("policy_violation", detail="no secrets")
        return message.replace(metadata={"trace": str(self.count)})


def traced():
    hooks = Hooks()
    hooks.add(Traced(), "traced")
    return hooks


async def test_what_was_sent_under_a_key_is_told_whatever_would_be_in_its_way_now(tmp_path):
    clock, picture = Clock(), tmp_path / "mug.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\nTEST")
    messages = {
        "expired": cb.Message.text("Soon", expires_at=clock() + dt.timedelta(hours=1)),
        "opted-out": cb.Message.text("Buy"),
        "gone": cb.Message.image(str(picture), caption="Mug"),
    }
    bridge = make_bridge(
        tmp_path, Providers(), clock, accounts=[("main", Rich, PigeonConfig())], hooks=traced()
    )
    async with bridge:
        first = {
            key: await bridge.send(f"pigeon:{ADA}", m, idempotency_key=key) for key, m in messages.items()
        }
        clock.forward(30 * 3600)
        picture.unlink()
        await bridge.runtime.receiver.note("main", refusal())
        again = {
            key: await bridge.send(f"pigeon:{ADA}", m, idempotency_key=key) for key, m in messages.items()
        }
        with pytest.raises(cb.ValidationError, match="another content"):
            await bridge.send(f"pigeon:{ADA}", "Other", idempotency_key="gone")

    assert {key: receipt.id for key, receipt in again.items()} == {key: r.id for key, r in first.items()}


def refusal():
    where = cb.Conversation(address=f"pigeon:{ADA}")
    return cb.ConsentChanged(granted=False, scope="all", conversation=where, provider_id="stop-TEST")


async def test_an_edit_is_asked_about_as_a_message_is(tmp_path):
    providers = Providers()
    bridge = make_bridge(tmp_path, providers, accounts=[("main", Rich, PigeonConfig())], hooks=traced())
    codes = []

    async def handler(event, conversation):
        receipt = await conversation.reply("Sent")
        await receipt.until("submitted", timeout=5)
        for words, change in (("secret words", None), ("Buy", refusal())):
            if change:
                await bridge.runtime.receiver.note("main", change)
            try:
                await conversation.edit(receipt, words)
            except cb.SendError as error:
                codes.append(error.code)

    bridge.on(cb.MessageReceived)(handler)
    async with bridge:
        await deliver(bridge, call())
        await eventually(lambda: len(codes) == 2)

    assert codes == ["policy_violation", "recipient_opted_out"]
    assert gestures_of(providers) == []


async def _sent(bridge):
    return await bridge.runtime.store.outbox.queued() == 0


async def test_what_is_begun_first_is_kept_first_however_a_person_is_addressed(tmp_path):
    number, own = cb.Identity(kind="phone", value=ADA), cb.Identity(kind="bsuid", value="US.TEST1")
    providers, picture = Providers(), tmp_path / "mug.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\nTEST")
    bridge = make_bridge(tmp_path, providers, accounts=[("main", Addressed, PigeonConfig())])
    async with bridge:
        stored = await bridge.runtime.receiver.note("main", of("1", ADA, own, number))
        slow = bridge.send(f"pigeon:{ADA}", cb.Message.image(str(picture), caption="First"))
        others = [
            bridge.send("pigeon:US.TEST1", "Second"),
            bridge.send(stored.entries[0].event.conversation, "Third"),
        ]
        for sending in (slow, *others):
            await sending
        await eventually(lambda: _sent(bridge))

    asked = [(request.path, request.json()) for request in providers.pigeon.requests]
    said = [(body["body"].split("\n")[0], body["to"]) for path, body in asked if path.endswith("/messages")]
    assert said == [("First", ADA), ("Second", "US.TEST1"), ("Third", ADA)]
