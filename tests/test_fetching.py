from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge.accounts import Accounts
from chanbridge.blobs import FileMediaStore
from chanbridge.fetching import ACCOUNT_WAIT_S, TRIES, Fetcher, due_again
from chanbridge.hooks import Hooks, hookimpl
from chanbridge.media import MediaService
from chanbridge.store.base import file_key
from chanbridge.store.files import Files
from chanbridge.transport.drive import Driver
from tests.channels import NOW, Clock, Pigeon, PigeonConfig

PHOTO = cb.Media(provider_id="pic-TEST-1", mime="image/jpeg", filename="box.jpg", auth="channel")
JPEG = b"\xff\xd8\xff the damaged box"
LEASE = dt.timedelta(seconds=60)


class Downloads:
    """A provider's files: what ``answers`` holds comes first, then the picture."""

    def __init__(self, blobs):
        self.blobs = blobs
        self.answers = []
        self.requests = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.active = self.most = 0

    async def __call__(self, request, *, foreign=False):
        self.requests.append(request)
        self.active += 1
        self.most = max(self.most, self.active)
        try:
            await self.gate.wait()
        finally:
            self.active -= 1
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        async def chunks():
            yield JPEG

        return cb.HttpResponse(blob=await self.blobs.put(chunks(), mime="image/jpeg"))


class Seen:
    def __init__(self):
        self.media = []

    @hookimpl
    def chanbridge_stored(self, media):
        self.media.append(media)


class World:
    def __init__(self, engine, folder):
        self.clock = Clock()
        self.blobs = FileMediaStore(folder)
        self.provider = Downloads(self.blobs)
        self.files = Files(engine)
        self.accounts = Accounts.of([("main", Pigeon, PigeonConfig())])
        self.hooks = Hooks()
        self.seen = Seen()
        self.hooks.add(self.seen, "seen")
        self.media = MediaService(self.blobs, Driver(self.provider))
        self.fetcher = self.another("one")

    def another(self, owner):
        return Fetcher(
            self.files,
            self.accounts,
            self.media,
            self.hooks,
            owner=owner,
            clock=self.clock,
            concurrency=2,
            look_s=0.005,
        )

    async def ask(self, media=PHOTO, account="main"):
        key = file_key(account, media)
        await self.files.want(key, account, media)
        return key

    async def until(self, key, check):
        async with asyncio.timeout(10):
            while not check(await self.files.get(key)):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        return await self.files.get(key)


@pytest.fixture
async def world(engine, tmp_path):
    world = World(engine, tmp_path / "media")
    yield world
    world.provider.gate.set()
    await world.fetcher.stop()


def kept(file):
    return file.state == "kept"


async def test_a_wanted_file_is_fetched_kept_and_told(world):
    key = await world.ask()

    world.fetcher.start()

    file = await world.until(key, kept)
    assert b"".join([block async for block in world.blobs.read(file.media.blob)]) == JPEG
    assert (file.media.filename, file.media.auth, file.media.provider_id) == ("box.jpg", "none", "")
    assert world.seen.media == [file.media]


async def test_who_needs_a_file_now_awaits_it(world):
    world.fetcher.start()

    media = await world.fetcher.want("main", PHOTO)

    assert media.blob
    assert await world.fetcher.want("main", PHOTO) == media
    assert len(world.provider.requests) == 1


async def test_many_who_need_a_file_have_it_fetched_once(world):
    world.fetcher.start()

    files = await asyncio.gather(*(world.fetcher.want("main", PHOTO) for _ in range(10)))

    assert len({media.blob for media in files}) == 1
    assert len(world.provider.requests) == 1


async def test_a_file_that_is_here_already_is_given_as_it_is(world):
    inline = cb.Media(data=b"x", mime="text/plain")

    assert await world.fetcher.want("main", inline) is inline


async def test_without_a_loop_who_needs_a_file_fetches_it(world):
    media = await world.fetcher.want("main", PHOTO)

    assert media.blob
    assert (await world.files.get(file_key("main", PHOTO))).state == "kept"


async def test_without_a_loop_who_needs_a_file_is_told_at_once_why_it_cannot_be_had(world):
    world.provider.answers = [cb.SendError("channel_unavailable", detail="GET files.example.com")]

    with pytest.raises(cb.SendError, match="channel_unavailable: GET") as raised:
        await world.fetcher.want("main", PHOTO)

    assert raised.value.retryable


async def test_who_cannot_wait_is_told_that_it_is_fetched_on(world):
    world.provider.gate.clear()
    world.fetcher.start()

    with pytest.raises(cb.SendError, match="not here yet") as raised:
        await world.fetcher.want("main", PHOTO, timeout_s=0.01)

    assert raised.value.retryable
    world.provider.gate.set()
    await world.until(file_key("main", PHOTO), kept)


async def test_what_fails_for_a_while_is_tried_again_when_it_is_due(world):
    world.provider.answers = [cb.HttpResponse(status=503)]
    key = await world.ask()
    world.fetcher.start()

    file = await world.until(key, lambda file: file.failure)
    assert (file.state, file.failure.code) == ("wanted", "channel_unavailable")

    world.clock.forward(10)
    await world.until(key, kept)


async def test_what_is_gone_is_lost_with_its_reason(world):
    world.provider.answers = [cb.HttpResponse(status=404)]
    world.fetcher.start()

    with pytest.raises(cb.SendError) as raised:
        await world.fetcher.want("main", PHOTO)

    assert raised.value.code == "target_gone"
    assert (await world.files.get(file_key("main", PHOTO))).state == "lost"


async def test_a_dead_token_loses_no_file(world):
    world.provider.answers = [cb.HttpResponse.of_json({"code": 40}, status=401)] * (TRIES + 5)
    key = await world.ask()
    world.fetcher.start()

    async with asyncio.timeout(20):
        while world.provider.answers:
            world.clock.forward(ACCOUNT_WAIT_S)
            await asyncio.sleep(0.001)

    world.clock.forward(ACCOUNT_WAIT_S)
    await world.until(key, kept)


async def test_a_plugin_that_fails_is_named_and_the_others_are_fetched(world, caplog):
    world.provider.answers = [RuntimeError("a message's words")]
    first = await world.ask()
    world.fetcher.start()
    await world.until(first, lambda file: file.failure)

    await world.fetcher.want("main", PHOTO.replace(provider_id="pic-TEST-2"))

    assert (caplog.records[0].message, caplog.records[0].plugin) == ("fetch.failed", "pigeon")
    assert "a message's words" not in str((await world.files.get(first)).failure)


async def test_a_file_of_an_account_that_is_gone_waits_for_it(world):
    key = await world.ask(account="gone")
    world.fetcher.start()

    file = await world.until(key, lambda file: file.failure)

    assert (file.state, "'gone'" in file.failure.detail) == ("wanted", True)


async def test_no_more_files_are_fetched_at_once_than_allowed(world):
    world.provider.gate.clear()
    keys = [await world.ask(PHOTO.replace(provider_id=f"pic-TEST-{n}")) for n in range(6)]
    world.fetcher.start()
    async with asyncio.timeout(10):
        while world.provider.active < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    world.provider.gate.set()
    for key in keys:
        await world.until(key, kept)
    assert world.provider.most == 2


async def test_what_was_under_way_when_it_stops_is_free_at_once(world):
    world.provider.gate.clear()
    await world.ask()
    world.fetcher.start()
    async with asyncio.timeout(10):
        while not world.provider.active:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    await world.fetcher.stop()

    assert len(await world.files.lease("two", world.clock(), world.clock() + LEASE, 5)) == 1


async def test_a_file_that_another_process_fetches_is_awaited_too(world):
    key = await world.ask()
    await world.files.lease("two", world.clock(), world.clock() + LEASE, 5)
    world.fetcher.start()
    waiting = asyncio.create_task(world.fetcher.want("main", PHOTO))
    await asyncio.sleep(0.01)

    await world.files.keep(key, PHOTO.replace(blob="b" * 64))

    assert (await waiting).blob == "b" * 64
    assert world.provider.requests == []


@given(st.integers(1, 500), st.floats(0, 1))
def test_a_file_is_never_given_up_for_a_fault_of_its_account_within_two_days(attempt, chance):
    dead = cb.Failure.of("auth_failed")

    due = due_again(dead, attempt, NOW, chance)

    assert (due is None) == (attempt >= 200)
    assert due is None or NOW < due <= NOW + dt.timedelta(seconds=ACCOUNT_WAIT_S)


def test_other_files_are_given_up_after_some_tries():
    down = cb.Failure.of("channel_unavailable")

    assert due_again(down, TRIES - 1, NOW, 0.5) is not None
    assert due_again(down, TRIES, NOW, 0.5) is None
    assert due_again(cb.Failure.of("target_gone"), 1, NOW, 0.5) is None
