"""What goes out: each step once, in order, whoever holds the lease, whatever becomes of it."""

import asyncio

import pytest

import chanbridge as cb
from chanbridge.channel import Sent
from chanbridge.store.base import Settled
from tests.channels import ADA, NOW
from tests.store.samples import (
    accepted,
    at,
    bring,
    facts,
    failed,
    lease,
    outgoing,
    said,
    states,
    status,
    words,
)

BOB = "+12025550124"
BSUID = cb.Identity(kind="bsuid", value="US.TEST1")
PHONE = cb.Identity(kind="phone", value=ADA)
UNKNOWN = failed("outcome_unknown", "unknown")


async def send_all(store, now=NOW, owner="a"):
    """Send what is due; give the words in their order."""
    sent = []
    for lane in await lease(store, owner, now):
        following = lane
        while following:
            sent.append(words(following))
            _, following = await store.outbox.settle(following, accepted(f"x-{following.item.seq}"), now)
    return sent


async def test_what_is_queued_goes_out_in_order(store):
    for n in range(5):
        await store.outbox.add(outgoing(f"{n}a", f"{n}b"))

    assert await send_all(store) == [f"{n}{step}" for n in range(5) for step in "ab"]
    assert await lease(store) == []
    assert await store.outbox.queued() == 0


async def test_two_never_hold_one_conversation(store):
    for n in range(20):
        await store.outbox.add(outgoing("Hello", to=f"+1202555{n:04}"))

    given = await asyncio.gather(*(lease(store, f"p{n}", limit=3) for n in range(20)))

    held = [lane.conversation.key for lanes in given for lane in lanes]
    assert len(held) == len(set(held)) == 20


# idempotency


async def test_a_key_names_one_message(store):
    first = await store.outbox.add(outgoing("Hello", idempotency_key="order-TEST"))

    assert await store.outbox.add(outgoing("Hello", idempotency_key="order-TEST")) == first
    with pytest.raises(cb.ValidationError, match="idempotency_key"):
        await store.outbox.add(outgoing("Other", idempotency_key="order-TEST"))
    assert await store.outbox.find("main", "order-TEST") == first
    assert await send_all(store) == ["Hello"]


async def test_a_key_that_was_used_for_another_recipient_is_refused_and_names_the_message(store):
    first = await store.outbox.add(outgoing("Hello", idempotency_key="order-TEST"))

    with pytest.raises(cb.ValidationError, match="another recipient") as caught:
        await store.outbox.add(outgoing("Hello", to=BOB, idempotency_key="order-TEST"))

    assert caught.value.path == "idempotency_key"
    assert first in caught.value.rule
    assert await send_all(store) == ["Hello"]


async def test_an_id_that_was_sent_to_another_recipient_is_refused_as_what_it_is(store):
    told = outgoing("Hello")
    await store.outbox.add(told)
    other = outgoing("Hello", to=BOB)

    for key in (told.message.id, "another-key"):
        other.message = told.message.replace(idempotency_key=key)
        with pytest.raises(cb.ValidationError, match="id: names another message already") as caught:
            await store.outbox.add(other)
        assert caught.value.path == "id"


async def test_a_key_names_one_message_by_every_address_of_its_conversation(store):
    first = await store.outbox.add(outgoing("Hello", idempotency_key="order-TEST"))
    await bring(store, said(sender="US.TEST1", identities=(BSUID, PHONE)))

    assert await store.outbox.add(outgoing("Hello", to="US.TEST1", idempotency_key="order-TEST")) == first


async def test_a_key_names_one_message_after_its_number_turned_out_to_be_somebody_known(store):
    await bring(store, said(id="1", sender="US.TEST1", identities=(BSUID,)))
    first = await store.outbox.add(outgoing("Hello", idempotency_key="order-TEST"))
    await bring(store, said(id="2", sender="US.TEST1", identities=(BSUID, PHONE)))

    for address in (ADA, "US.TEST1"):
        assert await store.outbox.add(outgoing("Hello", to=address, idempotency_key="order-TEST")) == first


async def test_a_key_does_not_pass_with_its_number_to_another_person(store):
    await bring(store, said(id="1", identities=(PHONE,)))
    await bring(store, said(id="2", identities=(BSUID, PHONE)))
    await store.outbox.add(outgoing("Hello", idempotency_key="order-TEST"))
    other = BSUID.replace(value="US.TEST2")
    await bring(store, said(id="3", sender="US.TEST2", identities=(other, PHONE)))

    with pytest.raises(cb.ValidationError, match="another recipient"):
        await store.outbox.add(outgoing("Hello", to="US.TEST2", idempotency_key="order-TEST"))


async def test_of_a_reply_the_first_wins_whatever_the_second_says(store):
    first = await store.outbox.add(outgoing("One", idempotency_key="reply-TEST", first_wins=True))
    second = await store.outbox.add(outgoing("Uno", idempotency_key="reply-TEST", first_wins=True))

    assert first == second
    assert await send_all(store) == ["One"]


async def test_a_gesture_with_a_key_is_made_once(store):
    gesture = cb.Gesture(kind="read", to=outgoing("").conversation, key="read-TEST")

    assert await store.outbox.add_gesture("main", gesture, NOW) == "read-TEST"
    assert await store.outbox.add_gesture("main", gesture, NOW) == "read-TEST"

    [lane] = await lease(store)
    assert lane.item.kind == "gesture"
    assert await store.outbox.settle(lane, Settled(state="sent", sent=Sent()), NOW) == ([], None)


# leases


async def test_a_lease_that_is_over_is_taken_over(store):
    await store.outbox.add(outgoing("Hello"))
    [old] = await lease(store, "a")
    assert await lease(store, "b", at(59)) == []

    [new] = await lease(store, "b", at(60))

    assert words(new) == "Hello"
    assert await store.outbox.renew("a", old.conversation.key, at(500)) is False
    assert await store.outbox.renew("b", new.conversation.key, at(500)) is True
    assert await lease(store, "c", at(499)) == []


async def test_who_lost_the_lease_may_let_nothing_leave(store):
    await store.outbox.add(outgoing("Hello"))
    [old] = await lease(store, "a")
    [new] = await lease(store, "b", at(61))

    assert await store.outbox.record(old, b"[1]", old.item.item) is False
    assert await store.outbox.record(new, b"[2]", new.item.item) is True
    assert await store.outbox.thaw(old) is False
    assert await store.outbox.next(old, at(61)) is None


async def test_what_the_old_owner_did_send_is_sent_once(store):
    id = await store.outbox.add(outgoing("Hello", "More"))
    [old] = await lease(store, "a")
    [new] = await lease(store, "b", at(61))
    await store.outbox.settle(new, UNKNOWN, at(62))

    entries, following = await store.outbox.settle(old, accepted(), at(63))

    assert following is None
    assert [entry.event.fact for entry in entries] == ["submitted"]
    assert await states(store, id) == ["sent", "queued"]
    assert await store.parked.list() == []
    assert await send_all(store, at(64)) == ["More"]


async def test_what_the_old_owner_failed_at_is_the_new_owners_to_say(store):
    id = await store.outbox.add(outgoing("Hello"))
    [old] = await lease(store, "a")
    [new] = await lease(store, "b", at(61))

    assert await store.outbox.settle(old, failed(), at(62)) == ([], None)
    assert await store.outbox.settle(old, failed(state="retry", due=at(99)), at(62)) == ([], None)

    assert await states(store, id) == ["queued"]
    assert await store.outbox.renew("b", new.conversation.key, at(200)) is True


async def test_two_who_say_sent_make_one_fact(store):
    id = await store.outbox.add(outgoing("Hello"))
    [old] = await lease(store, "a")
    [new] = await lease(store, "b", at(61))

    one, _ = await store.outbox.settle(old, accepted(), at(62))
    two, _ = await store.outbox.settle(new, accepted(), at(62))

    assert (len(one), len(two)) == (1, 0)
    assert await facts(store, id) == [{"submitted"}]


async def test_what_is_given_back_can_be_taken_at_once(store):
    await store.outbox.add(outgoing("Hello"))
    await lease(store, "a")

    await store.outbox.give_back("a")

    assert len(await lease(store, "b")) == 1


# waits


async def test_a_retry_waits_whatever_is_added_meanwhile(store):
    await store.outbox.add(outgoing("One"))
    [lane] = await lease(store)
    await store.outbox.settle(lane, failed("rate_limited", "retry", due=at(30)), NOW)

    await store.outbox.add(outgoing("Two", now=at(1)))

    assert await lease(store, now=at(29)) == []
    assert (await lease(store, now=at(30)))[0].item.attempt == 1


async def test_a_wait_for_a_rate_is_no_try_and_holds_nobody(store):
    await store.outbox.add(outgoing("One"))
    [lane] = await lease(store)
    await store.outbox.settle(lane, Settled(state="held", due=at(5)), NOW)

    assert await lease(store, now=at(4)) == []
    assert await store.outbox.holds() == {}
    [again] = await lease(store, now=at(5))
    assert again.item.attempt == 0


async def test_a_scheduled_message_waits_and_keeps_nobody_waiting(store):
    await store.outbox.add(outgoing("Tomorrow", not_before=at(1000)))
    await store.outbox.add(outgoing("Now"))

    assert await send_all(store) == ["Now"]
    assert await lease(store, now=at(999)) == []
    assert await send_all(store, at(1000)) == ["Tomorrow"]


# holds


async def hold(store, lane, now):
    return await store.outbox.hold(lane, cb.Failure.of("auth_failed"), now, lambda attempt: 60.0 * attempt)


async def test_a_held_account_waits_and_stops_no_other(store):
    for to in (ADA, BOB):
        await store.outbox.add(outgoing("Hello", to=to))
    other = outgoing("Free")
    other.message = other.message.replace(account="other")
    other.conversation = other.conversation.replace(account="other")
    [first, second] = await lease(store)

    assert [await hold(store, lane, NOW) for lane in (first, second)] == [1, 0]
    for lane in (first, second):
        await store.outbox.settle(lane, failed("auth_failed", "held", due=NOW), NOW)
    await store.outbox.add(other)

    assert [words(lane) for lane in await lease(store, now=at(59))] == ["Free"]
    assert {name: held[0] for name, held in (await store.outbox.holds()).items()} == {"main": 1}


async def held_account(store, *people):
    ids = [await store.outbox.add(outgoing("Hello", to=to)) for to in people]
    lanes = await lease(store)
    await hold(store, lanes[0], NOW)
    for lane in lanes:
        await store.outbox.settle(lane, failed("auth_failed", "held", due=NOW), NOW)
    return ids


async def test_one_conversation_tries_whether_it_is_mended_and_then_all_go_on(store):
    await held_account(store, ADA, BOB)

    [probe] = await lease(store, now=at(60))
    assert await lease(store, "b", at(60)) == []
    await store.outbox.settle(probe, accepted(), at(61))

    assert await store.outbox.holds() == {}
    assert len(await lease(store, now=at(61))) == 1


async def test_a_trial_that_fails_holds_longer_and_costs_no_try(store):
    await held_account(store, ADA, BOB)

    [probe] = await lease(store, now=at(60))
    assert await hold(store, probe, at(60)) == 2
    await store.outbox.settle(probe, failed("auth_failed", "held", due=at(60)), at(60))

    assert await lease(store, now=at(179)) == []
    [again] = await lease(store, now=at(180))
    assert again.item.attempt == 0


async def test_a_trial_that_shows_nothing_lets_another_try(store):
    await held_account(store, ADA, BOB)

    [probe] = await lease(store, now=at(60))
    await store.outbox.settle(probe, failed("recipient_opted_out"), at(60))

    [other] = await lease(store, now=at(60))
    assert other.conversation.key != probe.conversation.key


async def test_a_release_lets_all_go_on_at_once(store):
    await held_account(store, ADA, BOB)

    await store.outbox.release("main", at(1))

    assert len(await lease(store, now=at(1))) == 2


# ends


async def test_after_a_step_that_failed_for_good_the_rest_is_canceled(store):
    id = await store.outbox.add(outgoing("One", "Two", "Three"))
    [lane] = await lease(store)

    entries, following = await store.outbox.settle(lane, failed(), NOW)

    assert following is None
    assert await states(store, id) == ["failed", "canceled", "canceled"]
    assert [(e.event.fact, e.event.step) for e in entries] == [
        ("failed", 0),
        ("canceled", 1),
        ("canceled", 2),
    ]
    assert (await store.outbox.progress(id)).failure.code == "recipient_invalid"


async def test_an_unknown_outcome_blocks_its_message_and_not_the_conversation(store):
    id = await store.outbox.add(outgoing("One", "Two"))
    await store.outbox.add(outgoing("Another"))
    [lane] = await lease(store)

    _, following = await store.outbox.settle(lane, UNKNOWN, NOW)

    assert words(following) == "Another"
    assert await states(store, id) == ["unknown", "blocked"]
    [parked] = await store.parked.list()
    assert (parked["kind"], parked["ref"]) == ("step", f"{id}.0")


async def unknown(store, *texts, **fields):
    id = await store.outbox.add(outgoing(*texts, **fields))
    [lane] = await lease(store)
    await store.outbox.settle(lane, UNKNOWN, NOW)
    return id


@pytest.mark.parametrize(
    ("outcome", "after", "goes_out"),
    [
        ("sent", ["sent", "queued"], ["Two"]),
        ("again", ["queued", "queued"], ["One", "Two"]),
        ("drop", ["canceled", "canceled"], []),
    ],
)
async def test_a_person_settles_it(store, outcome, after, goes_out):
    id = await unknown(store, "One", "Two")

    assert await store.outbox.resolve_unknown(id, 0, outcome, at(1)) is True

    assert await states(store, id) == after
    assert await store.parked.list() == []
    assert (await store.outbox.progress(id)).failure is None
    assert await store.outbox.resolve_unknown(id, 0, outcome, at(1)) is False
    assert await send_all(store, at(1)) == goes_out


async def test_what_was_dropped_is_not_revived_with_the_step_before_it(store):
    id = await unknown(store, "One", "Two")
    assert await store.outbox.drop(id, NOW) == 1

    await store.outbox.resolve_unknown(id, 0, "again", at(1))

    assert await states(store, id) == ["queued", "canceled"]


async def test_a_status_with_our_key_settles_it(store):
    id = await unknown(store, "One", "Two")

    [event] = await bring(store, status("delivered", "late-TEST", key=f"{id}.0"))

    assert (event.target.id, event.step) == (id, 0)
    assert await states(store, id) == ["sent", "queued"]
    assert await store.parked.list() == []


async def test_a_status_with_our_key_of_another_account_settles_nothing(store):
    id = await unknown(store, "One")

    await bring(store, status("delivered", "late-TEST", key=f"{id}.0", account="other"))

    assert await states(store, id) == ["unknown"]


async def test_a_status_that_came_before_leaves_nothing_unknown(store):
    id = await store.outbox.add(outgoing("One", "Two"))
    [lane] = await lease(store)
    await bring(store, status("sent", "late-TEST", key=f"{id}.0"))

    _, following = await store.outbox.settle(lane, UNKNOWN, NOW)

    assert words(following) == "Two"
    assert await store.parked.list() == []


@pytest.mark.parametrize("how", ["status", "person"])
async def test_a_menu_of_unknown_outcome_opens_when_it_is_known_to_be_there(store, how):
    id = await unknown(store, "1) Yes 2) No", menu=True)
    [before] = await bring(store, said("2", "m-TEST-1"))
    if how == "status":
        await bring(store, status("delivered", "late-TEST", key=f"{id}.0"))
    else:
        await store.outbox.resolve_unknown(id, 0, "sent", at(1))

    [after] = await bring(store, said("2", "m-TEST-2"))

    assert type(before) is cb.MessageReceived
    assert (type(after), after.label) == (cb.InteractionReceived, "No")


async def test_a_drop_cancels_what_has_not_left_and_tells(store):
    id = await store.outbox.add(outgoing("One", "Two", "Three"))
    [lane] = await lease(store)
    await store.outbox.record(lane, b"[]", lane.item.item)

    assert await store.outbox.drop(id, at(1)) == 2

    await store.outbox.settle(lane, accepted(), at(2))
    assert await states(store, id) == ["sent", "canceled", "canceled"]
    told = [entry.event.fact for entry in await store.journal.events()]
    assert told == ["canceled", "canceled", "submitted"]
    assert await lease(store, now=at(100)) == []


async def test_what_was_dropped_while_it_was_looked_at_does_not_leave(store):
    await store.outbox.add(outgoing("One"))
    [lane] = await lease(store)
    await store.outbox.drop(lane.item.message, NOW)

    assert await store.outbox.record(lane, b"[]", lane.item.item) is False
    assert await store.outbox.next(lane, NOW) is None


# plans


async def test_a_new_plan_keeps_the_place_in_the_queue(store):
    first = outgoing("One")
    await store.outbox.add(first)
    await store.outbox.add(outgoing("Last"))
    await lease(store)
    anew = outgoing("One, in", "two parts")
    anew.message = first.message

    assert await store.outbox.replan(anew) is True

    await store.outbox.give_back("a")
    assert await send_all(store) == ["One, in", "two parts", "Last"]


async def test_a_message_that_has_begun_to_leave_or_was_dropped_is_not_planned_anew(store):
    begun = outgoing("One")
    await store.outbox.add(begun)
    dropped = outgoing("Two", to=BOB)
    await store.outbox.add(dropped)
    lane = (await lease(store, limit=1))[0]
    await store.outbox.record(lane, b"[]", lane.item.item)
    await store.outbox.drop(dropped.message.id, NOW)

    assert await store.outbox.replan(begun) is False
    assert await store.outbox.replan(dropped) is False


async def test_a_frozen_step_comes_back_as_it_left_until_it_thaws(store):
    await store.outbox.add(outgoing("Hello"))
    [lane] = await lease(store)
    frozen = lane.item.item.replace(now=at(7), context={"token": "old"})
    await store.outbox.record(lane, b"[]", frozen)
    await store.outbox.give_back("a")

    [again] = await lease(store, "b")
    assert (again.item.frozen, again.item.item) == (True, frozen)

    await store.outbox.thaw(again)
    await store.outbox.give_back("b")
    [thawed] = await lease(store, "c")
    assert (thawed.item.frozen, thawed.item.record, thawed.item.item.context) == (False, b"", {})


async def test_the_gestures_of_a_message_know_what_they_are_about(store):
    id = await store.outbox.add(outgoing("Hello"))
    [lane] = await lease(store)
    await store.outbox.settle(lane, accepted("out-TEST-9"), NOW)
    target = cb.Ref(id=id)
    await store.outbox.add_gesture(
        "main", cb.Gesture(kind="delete", to=lane.conversation, target=target), NOW
    )

    [gesture] = await lease(store)

    assert gesture.item.item.target.external == "out-TEST-9"
    assert (gesture.item.planned, gesture.item.last) == ("", False)


async def test_an_address_that_the_provider_gives_back_leads_to_the_conversation(store):
    await store.outbox.add(outgoing("Hello"))
    [lane] = await lease(store)
    sent = Sent("out-TEST-1", address="pigeon:US.TEST1")
    await store.outbox.settle(lane, Settled(state="sent", sent=sent), NOW)

    [event] = await bring(store, said(sender="US.TEST1"))

    assert event.key == lane.conversation.key


async def test_menus_of_long_ago_are_forgotten(store):
    for n in range(30):
        await store.outbox.add(outgoing(f"Menu {n}", menu=True, now=at(n)))
        await send_all(store, at(n))

    kept = await store.engine.read(lambda c: c.execute("SELECT count(*) FROM reply_maps").fetchone()[0])

    assert kept == 20


async def test_who_lost_a_lease_and_got_another_may_not_go_on_with_the_first(store):
    id = await store.outbox.add(outgoing("Hello"))
    [old] = await lease(store, "a")
    [new] = await lease(store, "a", at(61))  # its machine had slept

    assert await store.outbox.record(new, b"[1]", new.item.item) is True
    assert await store.outbox.record(old, b"[2]", old.item.item) is False
    assert await store.outbox.settle(old, failed(), at(62)) == ([], None)
    assert await states(store, id) == ["queued"]
