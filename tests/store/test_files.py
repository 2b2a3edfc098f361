from __future__ import annotations

import asyncio
import datetime as dt

import chanbridge as cb
from chanbridge.store.base import Arrival, file_key
from tests.channels import NOW, Pigeon, PigeonConfig, call, pigeon_webhook

SOON = NOW + dt.timedelta(seconds=60)
PHOTO = cb.Media(provider_id="pic-TEST-1", mime="image/jpeg", auth="channel")
KEY = file_key("main", PHOTO)
GONE = cb.Failure.of("media_unavailable", detail="it has expired")


async def ask(store, media=PHOTO):
    key = file_key("main", media)
    await store.files.want(key, "main", media)
    return key


async def test_a_picture_that_came_in_is_a_job_in_the_same_transaction(store):
    channel = Pigeon(cb.Account("main", PigeonConfig()))
    events = list(channel.parse(pigeon_webhook(call(picture="pic-TEST-1"))))
    await store.journal.append(
        Arrival(account="main", at=NOW, events=[event.replace(account="main") for event in events])
    )

    [wanted] = await store.files.lease("a", NOW, SOON, 10)

    assert wanted == (KEY, "main", PHOTO, 1)


async def test_nobody_has_asked_for_an_unknown_file(store):
    assert await store.files.get(KEY) is None


async def test_a_leased_file_is_nobody_elses_until_the_deadline(store):
    await ask(store)
    await store.files.lease("a", NOW, SOON, 10)

    assert await store.files.lease("b", NOW, SOON, 10) == []
    [again] = await store.files.lease("b", SOON, SOON + dt.timedelta(seconds=60), 10)
    assert again.attempt == 2


async def test_of_many_who_ask_at_once_each_file_goes_to_one(store):
    for index in range(10):
        await ask(store, PHOTO.replace(provider_id=f"pic-TEST-{index}"))

    leases = await asyncio.gather(*(store.files.lease(f"p{n}", NOW, SOON, 3) for n in range(5)))

    keys = [wanted.key for lease in leases for wanted in lease]
    assert len(keys) == len(set(keys)) == 10


async def test_a_kept_file_is_done(store):
    await ask(store)
    await store.files.lease("a", NOW, SOON, 10)
    kept = PHOTO.replace(blob="b" * 64, size=3)

    await store.files.keep(KEY, kept)

    assert await store.files.get(KEY) == ("kept", kept, None)
    assert await store.files.lease("b", SOON, SOON, 10) == []


async def test_a_file_to_be_tried_again_waits_until_it_is_due(store):
    await ask(store)
    await store.files.lease("a", NOW, SOON, 10)

    await store.files.retry(KEY, NOW + dt.timedelta(seconds=10), GONE)

    assert await store.files.get(KEY) == ("wanted", PHOTO, GONE)
    assert await store.files.lease("a", NOW, SOON, 10) == []
    [again] = await store.files.lease("a", NOW + dt.timedelta(seconds=10), SOON, 10)
    assert again.attempt == 2


async def test_a_lost_file_says_why_and_is_not_tried_again(store):
    await ask(store)

    await store.files.lose(KEY, GONE)

    assert await store.files.get(KEY) == ("lost", PHOTO, GONE)
    assert await store.files.lease("a", SOON, SOON, 10) == []


async def test_what_is_kept_cannot_be_lost_by_a_slower_worker(store):
    await ask(store)
    await store.files.keep(KEY, PHOTO.replace(blob="b" * 64))

    await store.files.lose(KEY, GONE)

    assert (await store.files.get(KEY)).state == "kept"


async def test_who_asks_for_a_known_file_changes_nothing(store):
    await ask(store)
    await store.files.lose(KEY, GONE)

    await ask(store)

    assert (await store.files.get(KEY)).state == "lost"
