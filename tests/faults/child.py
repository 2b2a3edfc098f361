"""A process with a bridge in it, that is killed where its orders say: ``python -m tests.faults.child``.

Its orders are one JSON object: what to do, where to be killed, and how late it is. What it found
is its last line on standard output.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

import chanbridge as cb
from chanbridge.blobs import FileMediaStore
from chanbridge.bridge import Bridge
from chanbridge.dispatch import Dispatcher
from chanbridge.outbound import Sender
from chanbridge.store.outbox import Outbox
from chanbridge.transport.client import HttpTransport
from chanbridge.transport.record import Answer
from tests.channels import Magpie, MagpieConfig, Pigeon, PigeonConfig, call, pigeon_webhook
from tests.runtime import eventually

Orders = dict[str, Any]


def die() -> None:
    """End at once, as by a power cut."""
    os.kill(os.getpid(), signal.SIGKILL)


class OtherUrl(Magpie):
    """Magpie's plugin after an update that uploads elsewhere."""

    def send(self, step: cb.Step) -> cb.Flow[cb.Sent]:
        return renamed(super().send(step), "/upload", "/v2/upload")


class OtherBody(Magpie):
    """Magpie's plugin after an update that posts more."""

    def _post(self, path: str, body: Any) -> cb.HttpRequest:
        return super()._post(path, {**body, "silent": False} if path == "/push" else body)


def renamed(flow: cb.Flow[cb.Sent], old: str, new: str) -> cb.Flow[cb.Sent]:
    response = None
    while True:
        try:
            request = flow.send(response)  # type: ignore[arg-type]
        except StopIteration as done:
            return done.value
        if isinstance(request, cb.HttpRequest):
            request = msgspec.structs.replace(request, url=request.url.replace(old, new))
        response = yield request


PLUGINS = {"": Magpie, "url": OtherUrl, "body": OtherBody}


class Deadly:
    """The transport, with a kill before a request leaves or as its answer is here."""

    def __init__(self, folder: Path, point: str, path: str) -> None:
        self._inner = HttpTransport(FileMediaStore(folder / "chanbridge-media"))
        self._point = point
        self._path = path

    async def __call__(self, request: cb.HttpRequest, *, foreign: bool = False) -> cb.HttpResponse:
        here = self._path and request.path.startswith(self._path)
        if here and self._point == "before":
            die()
        response = await self._inner(request, foreign=foreign)
        if here and self._point == "answered":
            die()
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def die_when_recorded(path: str) -> None:
    """Be killed as soon as the answer to a request is on disk."""
    record = Outbox.record

    async def deadly(self: Outbox, lane: Any, data: bytes, item: Any) -> bool:
        written = await record(self, lane, data, item)
        answers = msgspec.json.decode(data, type=list[Answer])
        if any(path in answer.mark and not answer.open for answer in answers):
            die()
        return written

    Outbox.record = deadly  # type: ignore[method-assign]


def bridge_of(folder: Path, url: str, orders: Orders) -> tuple[Bridge, Deadly]:
    late = dt.timedelta(seconds=orders.get("late_s", 0))
    point, path = orders.get("kill", ["", ""])
    if point == "recorded":
        die_when_recorded(path)
    transport = Deadly(folder, point, path)
    accounts = [
        ("magpie", PLUGINS[orders.get("plugin", "")], MagpieConfig(base_url=url)),
        ("main", Pigeon, PigeonConfig(base_url=url)),
    ]
    bridge = Bridge(
        accounts, folder=folder, transport=transport, clock=lambda: dt.datetime.now(dt.UTC) + late
    )
    return bridge, transport


async def send(bridge: Bridge, orders: Orders) -> Any:
    """Send a picture and a text, and wait until nothing moves."""
    picture = Path(bridge.settings.path.parent) / "box.jpg"
    picture.write_bytes(b"\xff\xd8\xff a picture")
    image = cb.Message.image(str(picture)).parts[0]
    message = cb.Message(parts=(image, cb.Text(text="And some words")))
    receipt = await bridge.send("magpie:ada", message)
    return await standing(bridge, receipt.id)


async def resume(bridge: Bridge, orders: Orders) -> Any:
    """Do whatever is left."""
    [message] = {
        row["message"] for row in await bridge.runtime.store.outbox.list("") if row["step"] == 0
    } or {orders.get("message", "")}
    return await standing(bridge, message, orders.get("until"))


async def resolve(bridge: Bridge, orders: Orders) -> Any:
    """Settle the unknown step by a person's word."""
    [row] = await bridge.runtime.store.outbox.list("unknown")
    now = dt.datetime.now(dt.UTC)
    assert await bridge.runtime.store.outbox.resolve_unknown(row["message"], 0, orders["outcome"], now)
    bridge.runtime.sender.wake()
    return await standing(bridge, row["message"])


async def idle(bridge: Bridge, orders: Orders) -> Any:
    """Only take in what the provider has to say."""
    await eventually(lambda: has_event(bridge, "message.status"))
    [row] = {row["message"] for row in await bridge.runtime.store.outbox.list("")}
    return await shown(bridge, row)


async def has_event(bridge: Bridge, type: str) -> bool:
    return any(entry.event.type == type for entry in await bridge.runtime.store.journal.events())


async def standing(bridge: Bridge, message: str, until: list[str] | None = None) -> Any:
    """Wait until nothing of a message is queued (or its states are as given)."""

    async def settled() -> bool:
        progress = await bridge.runtime.progress(message)
        assert progress
        return progress.states == until if until else "queued" not in progress.states

    await eventually(settled, tries=1000)
    return await shown(bridge, message)


async def shown(bridge: Bridge, message: str) -> Any:
    progress = await bridge.runtime.progress(message)
    assert progress
    store = bridge.runtime.store
    return {
        "message": message,
        "states": progress.states,
        "facts": [sorted(facts) for facts in progress.facts],
        "failure": progress.failure.detail if progress.failure else "",
        "parked": [row["error"] for row in await store.parked.list()],
        "told": [e.event.fact for e in await store.journal.events() if isinstance(e.event, cb.MessageStatus)],
    }


async def answer(bridge: Bridge, orders: Orders) -> Any:
    """Handle a message by two replies; ``die_after`` is how many are on disk when it is killed."""
    words, die_after = orders["words"], orders.get("die_after")
    done = asyncio.Event()

    async def handler(event: cb.Event, conversation: Any) -> None:
        for count, said in enumerate([*words, ""]):
            if count == die_after:
                die()
            if said:
                await conversation.reply(said)
        done.set()

    bridge.on(cb.MessageReceived)(handler)
    await asyncio.wait_for(done.wait(), 20)
    await eventually(lambda: nothing_queued(bridge), tries=1000)
    return {}


async def nothing_queued(bridge: Bridge) -> bool:
    return await bridge.runtime.store.outbox.queued() == 0


async def webhook(bridge: Bridge, orders: Orders) -> Any:
    """Take in one webhook; be killed when it is acknowledged."""
    answer = await bridge.runtime.receiver.receive("main", pigeon_webhook(call("msg-TEST-7", "Hello")))
    if answer.status == 200:
        die()
    return answer.status


def write_down(bridge: Bridge, log: Path, die_in: str | None = None) -> None:
    """Write the texts that are handled into a file."""

    def handler(event: cb.MessageReceived) -> None:
        with log.open("a") as file:
            file.write(f"{event.message.plain}\n")
        if event.message.plain == die_in:
            die()

    bridge.on(cb.MessageReceived)(handler)


async def handle(bridge: Bridge, orders: Orders) -> Any:
    """Handle what is there, writing each text down; ``die_in`` is the text in whose handler it is killed."""
    log = Path(orders["log"])
    write_down(bridge, log, orders.get("die_in"))
    if words := orders.get("say"):
        await eventually(lambda: bridge.started)
        await bridge.runtime.receiver.receive("main", pigeon_webhook(call("msg-TEST-last", words)))
    await eventually(lambda: log.exists() and orders.get("last") in log.read_text().split("\n"), tries=2000)
    return {}


async def serve(bridge: Bridge, orders: Orders) -> None:
    """Take in webhooks over HTTP until killed."""
    import uvicorn

    write_down(bridge, Path(orders["log"]))

    config = uvicorn.Config(bridge.asgi(), port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await running


DEEDS = {deed.__name__: deed for deed in (send, resume, resolve, idle, answer, webhook, handle, serve)}


async def main(folder: Path, url: str, orders: Orders) -> None:
    if orders.get("nothing_leaves"):
        Sender.start = lambda self: None  # type: ignore[method-assign]
    if orders.get("nothing_is_handled"):
        Dispatcher.start = lambda self: None  # type: ignore[method-assign]
    bridge, transport = bridge_of(folder, url, orders)
    work = orders.get("work", "all")
    if orders["do"] in {"answer", "handle"}:  # handlers stand before the bridge starts, as they should
        deed = asyncio.ensure_future(DEEDS[orders["do"]](bridge, orders))
        await asyncio.sleep(0)
        async with bridge:
            found = await deed
    else:
        async with bridge.running(work):
            found = await DEEDS[orders["do"]](bridge, orders)
    await transport.aclose()
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])))
