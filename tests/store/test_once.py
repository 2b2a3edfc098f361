"""Whatever happens, in whatever order: no step is posted twice, none overtakes another of its message."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from chanbridge.store.sqlite import SqliteStore
from tests.store.samples import accepted, at, bring, failed, lease, outgoing, states, status

WORKERS = ("a", "b")
ACTS = st.lists(
    st.one_of(
        st.tuples(
            st.just("add"), st.sampled_from(["+12025550123"] * 3 + ["+12025550124"]), st.integers(1, 3)
        ),
        st.tuples(st.just("lease"), st.sampled_from(WORKERS), st.just(5)),
        st.tuples(st.just("post"), st.sampled_from(WORKERS), st.just(0)),
        st.tuples(
            st.just("settle"),
            st.sampled_from(WORKERS),
            st.sampled_from(["sent", "failed", "retry", "unknown"]),
        ),
        st.tuples(st.just("crash"), st.sampled_from(WORKERS), st.just(0)),
        st.tuples(st.just("wait"), st.just(""), st.sampled_from([1, 61, 61])),
        st.tuples(st.just("drop"), st.just(""), st.integers(0, 5)),
        st.tuples(st.just("status"), st.just(""), st.integers(0, 5)),
    ),
    min_size=12,
    max_size=60,
)


class World:
    """A store, workers that hold lanes of it, and what a provider saw."""

    def __init__(self, store):
        self.store = store
        self.time = 0
        self.messages = []
        self.lanes = {worker: [] for worker in WORKERS}
        self.posted = []
        self.in_flight = set()

    async def add(self, to, count):
        self.messages.append(await self.store.outbox.add(outgoing(*"xyz"[:count], to=to, now=at(self.time))))

    async def lease(self, worker, limit):
        self.lanes[worker] += await lease(self.store, worker, at(self.time), limit)

    async def post(self, worker, _):
        """Claim the step, then post it: as the sender does, which never repeats what may have left."""
        for lane in self.lanes[worker]:
            if lane.item.frozen or (worker, lane.item.seq) in self.in_flight:
                continue
            if await self.store.outbox.record(lane, b"[]", lane.item.item):
                self.posted.append((lane.item.message, lane.item.step))
                self.in_flight.add((worker, lane.item.seq))

    async def settle(self, worker, state):
        lanes, self.lanes[worker] = self.lanes[worker], []
        for lane in lanes:
            _, following = await self.store.outbox.settle(
                lane, self._outcome(worker, lane, state), at(self.time)
            )
            if following:
                self.lanes[worker].append(following)

    def _outcome(self, worker, lane, state):
        if (worker, lane.item.seq) in self.in_flight:  # it has left: either it was taken, or nobody knows
            return accepted(f"x-{lane.item.seq}") if state == "sent" else failed("outcome_unknown", "unknown")
        if lane.item.frozen:
            return failed("outcome_unknown", "unknown")
        return failed(state="retry", due=at(self.time + 5)) if state != "failed" else failed()

    async def crash(self, worker, _):
        self.lanes[worker] = []
        self.in_flight = {(who, seq) for who, seq in self.in_flight if who != worker}

    async def wait(self, _, seconds):
        self.time += seconds

    async def drop(self, _, index):
        if index < len(self.messages):
            await self.store.outbox.drop(self.messages[index], at(self.time))

    async def status(self, _, index):
        if index < len(self.messages):
            key = f"{self.messages[index]}.0"
            if (self.messages[index], 0) in self.posted:
                await bring(self.store, status("delivered", f"late-{index}", key=key), now=at(self.time))


async def live(acts):
    """Do all that, then let one worker finish; give what the world came to, and the states that are left."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "chanbridge.db")
        await store.start()
        world = World(store)
        try:
            await world.add("+12025550123", 2)
            for name, who, what in acts:
                await getattr(world, name)(who, what)
            world.time += 1000
            for _ in range(40):
                await world.lease("a", 10)
                await world.post("a", 0)
                await world.settle("a", "sent")
            left = {state for id in world.messages for state in await states(store, id)}
        finally:
            await store.close()
    return world, left


@settings(max_examples=120, deadline=None)
@given(ACTS)
def test_no_step_is_posted_twice_and_none_overtakes_another(acts):
    world, left = asyncio.run(live(acts))

    assert [step for step, times in Counter(world.posted).items() if times > 1] == []
    for message in world.messages:
        steps = [step for posted, step in world.posted if posted == message]
        assert steps == sorted(steps)
    assert left <= {"sent", "failed", "canceled", "unknown", "blocked"}
