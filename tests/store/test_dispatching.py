"""Who has yet to see what: in order, one at a time a conversation, parked and shown again."""

import asyncio

from tests.channels import ADA, NOW
from tests.store.samples import at, bring, said

BOB = "+12025550124"


async def lease(store, owner="a", now=NOW, consumer="handlers", limit=10):
    return await store.dispatch.lease(consumer, owner, now, at((now - NOW).total_seconds() + 60), limit)


def texts(batch):
    return [entry.event.message.plain for entry in batch.entries]


async def test_two_never_hold_one_conversation(store):
    for n in range(20):
        await bring(store, said("Hello", f"m-TEST-{n}", f"+1202555{n:04}"))

    given = await asyncio.gather(*(lease(store, f"p{n}", limit=3) for n in range(20)))

    held = [batch.conversation for batches in given for batch in batches]
    assert len(held) == len(set(held)) == 20


async def test_a_lease_that_is_over_is_taken_over_and_its_old_owner_has_no_say(store):
    await bring(store, said())
    [old] = await lease(store, "a")
    assert await lease(store, "b", at(59)) == []

    [new] = await lease(store, "b", at(60))
    await store.dispatch.done("handlers", "a", {old.conversation: old.entries[-1].seq}, NOW)

    assert texts(new) == ["Hello"]
    assert await store.dispatch.pending() == 1
    assert await store.dispatch.renew("handlers", "a", old.conversation, at(500)) is False
    assert await store.dispatch.renew("handlers", "b", old.conversation, at(500)) is True
    assert await lease(store, "c", at(499)) == []


async def test_an_event_that_comes_meanwhile_waits_for_its_turn(store):
    await bring(store, said("One"))
    [batch] = await lease(store)
    await bring(store, said("Two", "msg-TEST-2"))
    assert await lease(store, "b") == []

    await store.dispatch.done("handlers", "a", {batch.conversation: batch.entries[-1].seq}, NOW)

    [following] = await lease(store)
    assert texts(following) == ["Two"]


async def test_what_is_done_is_not_pending(store):
    await bring(store, said())
    [batch] = await lease(store)

    await store.dispatch.done("handlers", "a", {batch.conversation: batch.entries[-1].seq}, NOW)

    assert await store.dispatch.pending() == 0
    assert await lease(store, now=at(1000)) == []


async def test_what_is_given_back_can_be_taken_at_once(store):
    await bring(store, said())
    await lease(store, "a")

    await store.dispatch.give_back("handlers", "a")

    assert len(await lease(store, "b")) == 1


async def test_a_retry_waits_and_counts_for_each_event_anew(store):
    await bring(store, said("One"), said("Two", "msg-TEST-2"))
    [batch] = await lease(store)
    first, second = batch.entries
    await store.dispatch.retry("handlers", "a", batch.conversation, first.seq - 1, at(10))
    assert await lease(store, now=at(9)) == []
    [again] = await lease(store, now=at(10))
    await store.dispatch.retry("handlers", "a", batch.conversation, first.seq - 1, at(20))
    [third] = await lease(store, now=at(20))
    await store.dispatch.retry("handlers", "a", batch.conversation, first.seq, at(30))
    [next_event] = await lease(store, now=at(30))

    assert (batch.attempt, again.attempt, third.attempt, next_event.attempt) == (0, 1, 2, 1)
    assert next_event.entries == [second]


async def park(store, *, stop, consumer="handlers"):
    [batch] = await lease(store, consumer=consumer)
    await store.dispatch.park(consumer, "a", batch.entries[0], "ValueError", NOW, stop=stop)
    return batch


async def test_a_parked_event_lets_its_conversation_go_on(store):
    await bring(store, said("Bad"), said("Good", "msg-TEST-2"))
    await park(store, stop=False)

    [batch] = await lease(store)

    assert texts(batch) == ["Good"]
    [item] = await store.parked.list()
    assert (item["kind"], item["conversation"], item["error"]) == ("event", f"main/{ADA}", "ValueError")


async def test_or_stops_it_until_it_is_shown_again(store):
    await bring(store, said("Bad"), said("Good", "msg-TEST-2"))
    await park(store, stop=True)
    assert await lease(store, now=at(10_000)) == []

    [item] = await store.parked.list()
    assert await store.parked.retry(item["id"]) is True

    [batch] = await lease(store)
    assert texts(batch) == ["Bad", "Good"]


async def test_or_dropped(store):
    await bring(store, said("Bad"), said("Good", "msg-TEST-2"))
    await park(store, stop=True)

    [item] = await store.parked.list()
    assert await store.parked.drop(item["id"]) is True

    [batch] = await lease(store)
    assert texts(batch) == ["Good"]
    assert await store.parked.drop(item["id"]) is False


async def test_a_retried_event_comes_after_what_its_conversation_has_gone_on_to(store):
    await bring(store, said("Bad"), said("Good", "msg-TEST-2"))
    await park(store, stop=False)
    [item] = await store.parked.list()
    await store.parked.retry(item["id"])

    [batch] = await lease(store)

    assert texts(batch) == ["Good", "Bad"]
    assert [entry.event.message.plain for entry in await store.journal.events()] == ["Bad", "Good"]


async def test_what_is_shown_again_to_one_is_not_shown_again_to_another(store):
    store.journal.consumers = ["handlers", "sink:feed"]
    await bring(store, said("Bad"))
    await park(store, stop=False)
    await park(store, stop=False, consumer="sink:feed")
    await bring(store, said("Good", "msg-TEST-2"))
    one, two = await store.parked.list()

    await store.parked.retry(one["id"])
    await store.parked.retry(two["id"])

    [handlers] = await lease(store)
    [feed] = await lease(store, consumer="sink:feed")
    assert texts(handlers) == texts(feed) == ["Good", "Bad"]


async def test_who_lost_the_lease_parks_nothing(store):
    await bring(store, said("Slow"))
    [batch] = await lease(store, "a")
    await lease(store, "b", at(61))

    await store.dispatch.park("handlers", "a", batch.entries[0], "ValueError", NOW, stop=False)

    assert await store.parked.list() == []


async def test_conversations_do_not_wait_for_each_other(store):
    await bring(store, said("Ada's"), said("Bob's", "msg-TEST-2", BOB))

    batches = await lease(store)

    assert sorted(text for batch in batches for text in texts(batch)) == ["Ada's", "Bob's"]
