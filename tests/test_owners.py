"""Who is dead for certain, and who may be alive."""

import os
import socket
import subprocess
import sys

import pytest

from chanbridge.owners import forget, is_dead, new_owner

HOST = socket.gethostname()


def test_a_bridge_of_this_process_lives_until_it_stops():
    owner = new_owner()
    alive = is_dead(owner)

    forget(owner)

    assert (alive, is_dead(owner)) == (False, True)


def test_a_process_that_has_ended_is_dead():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()

    assert is_dead(f"{HOST}:{child.pid}:abcdef") is True


def test_one_that_runs_is_not():
    assert is_dead(f"{HOST}:{os.getppid()}:abcdef") is False


@pytest.mark.parametrize(
    "owner", ["", "parked", "elsewhere:1:abcdef", HOST, f"{HOST}:x:abcdef", f"{HOST}:{10**30}:a"]
)
def test_of_others_nothing_is_known(owner):
    assert is_dead(owner) is False


async def test_what_the_dead_hold_is_free_at_once_and_what_the_living_hold_is_not(tmp_path):
    from chanbridge.store.sqlite import SqliteStore
    from tests.store.samples import bring, lease, outgoing, said

    store = SqliteStore(tmp_path / "chanbridge.db")
    store.journal.consumers = ["handlers"]
    await store.start()
    for number, owner in (("+12025550123", "dead"), ("+12025550124", "living")):
        await bring(store, said(id=number, sender=number))
        await store.outbox.add(outgoing("Hello", to=number))
        await lease(store, owner)
        await store.dispatch.lease("handlers", owner, said().time, said().time.replace(hour=23), 1)

    await store.take_from(lambda owner: owner == "dead")

    assert [lane.conversation.key for lane in await lease(store, "next")] == ["main/+12025550123"]
    again = await store.dispatch.lease("handlers", "next", said().time, said().time.replace(hour=23), 9)
    assert [batch.conversation for batch in again] == ["main/+12025550123"]
    await store.close()
