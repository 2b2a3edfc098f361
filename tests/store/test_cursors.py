from __future__ import annotations

import asyncio
import datetime as dt

import chanbridge as cb
from chanbridge.store.base import Arrival
from tests.channels import NOW

SOON = NOW + dt.timedelta(seconds=60)
LATER = NOW + dt.timedelta(seconds=120)


async def bring(store, *, account="main", cursor=None, wakes=()):
    await store.journal.append(Arrival(account=account, at=NOW, wakes=list(wakes), cursor=cursor))


async def test_a_new_account_has_no_cursor_and_no_bells(store):
    assert await store.cursors.hold("main", "a", NOW, SOON) == (None, [])


async def test_only_one_holds_an_account(store):
    await store.cursors.hold("main", "a", NOW, SOON)

    assert await store.cursors.hold("main", "b", NOW, SOON) is None
    assert await store.cursors.hold("other", "b", NOW, SOON) is not None


async def test_of_many_who_ask_at_once_one_gets_it(store):
    asked = await asyncio.gather(*(store.cursors.hold("main", f"p{n}", NOW, SOON) for n in range(20)))

    assert sum(held is not None for held in asked) == 1


async def test_who_holds_an_account_may_go_on(store):
    await store.cursors.hold("main", "a", NOW, SOON)

    assert await store.cursors.hold("main", "a", NOW, LATER) is not None
    assert await store.cursors.hold("main", "b", SOON, LATER) is None


async def test_an_account_is_free_after_the_deadline(store):
    await store.cursors.hold("main", "a", NOW, SOON)

    assert await store.cursors.hold("main", "b", SOON, LATER) is not None
    assert await store.cursors.hold("main", "a", SOON, LATER) is None


async def test_an_account_that_is_given_back_is_free_at_once(store):
    await store.cursors.hold("main", "a", NOW, SOON)

    await store.cursors.release("main", "a")

    assert await store.cursors.hold("main", "b", NOW, SOON) is not None


async def test_nobody_gives_back_what_another_holds(store):
    await store.cursors.hold("main", "a", NOW, SOON)

    await store.cursors.release("main", "b")

    assert await store.cursors.hold("main", "b", NOW, SOON) is None


async def test_the_cursor_stands_where_the_journal_left_it_whoever_holds_it(store):
    await bring(store, cursor="7")
    await store.cursors.hold("main", "a", NOW, SOON)
    await bring(store, cursor="8")
    await store.cursors.release("main", "a")

    assert (await store.cursors.hold("main", "b", NOW, SOON)).cursor == "8"


async def test_bells_come_with_their_data_in_order_until_they_are_answered(store):
    await bring(store, wakes=[cb.Wake(key="one", data={"at": 1}), cb.Wake(key="two")])
    await bring(store, account="other", wakes=[cb.Wake(key="three")])

    held = await store.cursors.hold("main", "a", NOW, SOON)
    assert [wake for _, wake in held.wakes] == [cb.Wake(key="one", data={"at": 1}), cb.Wake(key="two")]

    await store.cursors.answered([held.wakes[0][0]])
    again = await store.cursors.hold("main", "a", NOW, SOON)
    assert [wake.key for _, wake in again.wakes] == ["two"]
