"""What waits in the outbox when the clock is set back: no longer than before, and not less than was asked."""

import pytest

import chanbridge as cb
from chanbridge.store.base import Settled
from tests.store.samples import at, failed, lease, outgoing, words

BACK = -3000


async def waiting(store, wait, *, state="retry", later=0.0):
    """Keep a message that waits for so many seconds, and set the clock back, ``later`` seconds after."""
    await store.outbox.add(outgoing("Hello"))
    [lane] = await lease(store)
    settled = (
        failed("rate_limited", state, due=at(wait))
        if state == "retry"
        else Settled(state=state, due=at(wait))
    )
    await store.outbox.settle(lane, settled, at(0))
    await store.outbox.hasten(at(later + BACK))
    await store.outbox.hasten(at(later + BACK))  # as another process does


@pytest.mark.parametrize(("wait", "state"), [(4, "retry"), (3600, "retry"), (5, "held")])
async def test_a_wait_is_as_long_as_it_was_when_it_began(store, wait, state):
    await waiting(store, wait, state=state)

    early = await lease(store, now=at(BACK + wait - 0.1))
    then = await lease(store, now=at(BACK + wait))

    assert (early, len(then)) == ([], 1)


async def test_what_a_provider_asked_for_is_shortened_by_no_more_than_the_clock_was_set_back(store):
    await waiting(store, 3600, later=1000)

    early = await lease(store, now=at(1000 + BACK + 3599))
    then = await lease(store, now=at(1000 + BACK + 3600))

    assert (early, len(then)) == ([], 1)


async def test_what_only_waited_to_be_taken_is_taken_at_once(store):
    await store.outbox.add(outgoing("Hello"))
    await store.outbox.hasten(at(BACK))

    assert len(await lease(store, now=at(BACK))) == 1


async def test_what_is_added_after_a_wait_that_is_over_does_not_wait_again(store):
    await store.outbox.add(outgoing("One", "Two"))
    [lane] = await lease(store)
    await store.outbox.settle(lane, failed("rate_limited", "retry", due=at(10)), at(0))
    await lease(store, now=at(10))
    await store.outbox.give_back("a")

    assert len(await lease(store, now=at(BACK))) == 1


async def test_a_time_that_an_author_named_stands(store):
    await store.outbox.add(outgoing("Later", not_before=at(100)))
    await store.outbox.hasten(at(BACK))
    early = await lease(store, now=at(99))
    await store.outbox.hasten(at(BACK))

    then = await lease(store, now=at(100))

    assert early == []
    assert [words(lane) for lane in then] == ["Later"]


async def test_a_held_account_is_tried_after_as_long_as_it_was_to_be_held(store):
    await store.outbox.add(outgoing("Hello"))
    [lane] = await lease(store)
    failure = cb.Failure.of("auth_failed")
    await store.outbox.hold(lane, failure, at(0), lambda _: 60)
    await store.outbox.settle(lane, failed("auth_failed", "held", due=at(0)), at(0))
    await store.outbox.hasten(at(BACK))

    early = await lease(store, now=at(BACK + 59))
    then = await lease(store, now=at(BACK + 60))

    assert (early, len(then)) == ([], 1)


async def test_a_clock_that_is_only_slow_changes_nothing(store):
    await store.outbox.add(outgoing("Hello"))
    [lane] = await lease(store)
    await store.outbox.settle(lane, failed("rate_limited", "retry", due=at(100)), at(0))
    await store.outbox.hasten(at(1))

    early = await lease(store, now=at(99))
    then = await lease(store, now=at(100))

    assert (early, len(then)) == ([], 1)
