"""What a dispatcher has finished is written down, also when the store fails for a while."""

import chanbridge as cb
from chanbridge import dispatch
from chanbridge.store.engine import StoreError
from tests.channels import call
from tests.runtime import Providers, deliver, eventually, make_bridge


async def test_a_position_that_could_not_be_written_is_written_when_the_store_works_again(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(dispatch, "POLL_S", 0.01)
    bridge = make_bridge(tmp_path, Providers())
    bridge.on(cb.MessageReceived)(lambda event: None)
    refused = []

    async with bridge:
        store = bridge.runtime.store.dispatch
        works = store.done

        async def done(*args):
            if len(refused) < 3:
                refused.append(args)
                raise StoreError("the disk is full")
            return await works(*args)

        monkeypatch.setattr(store, "done", done)
        await deliver(bridge, call("msg-TEST-1"), call("msg-TEST-2", from_="+12025550124"))
        await eventually(lambda: len(refused) == 3)

        async def nothing_is_pending():
            return await store.pending() == 0

        await eventually(nothing_is_pending)
