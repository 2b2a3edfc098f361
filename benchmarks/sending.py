"""Sending: the transport against raw aiohttp, and the whole durable outbox."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import uvloop

import chanbridge as cb
from benchmarks import machine, samples
from benchmarks.figures import Figure, Size, median, progress, short, spread
from chanbridge.bridge import Bridge
from chanbridge.transport.client import HttpTransport

IN_FLIGHT = (1, 10, 100, 1_000)
CONNECTIONS = 100
BODY = msgspec.json.encode(
    {"messaging_product": "whatsapp", "to": "12025550123", "type": "text", "text": {"body": "On its way."}}
)
Post = Callable[[], Awaitable[object]]


@contextlib.contextmanager
def provider() -> Iterator[str]:
    """Run the provider on the other core; give its URL."""
    command = [sys.executable, "-m", "benchmarks.provider", str(machine.LOAD_CORE)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdin
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.stdin.close()
        process.wait(10)


async def _rate(post: Post, in_flight: int, count: int) -> float:
    """Say how many posts a second are made with so many in flight."""
    left = iter(range(count))

    async def work() -> None:
        for _ in left:
            await post()

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    return count / (time.perf_counter() - began)


async def _against_aiohttp(url: str, size: Size) -> list[Figure]:
    request = cb.HttpRequest(
        method="POST", url=url, headers=cb.Headers({"content-type": "application/json"}), body=BODY
    )
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        HttpTransport(connections=CONNECTIONS, allow_private=True) as transport,
    ):

        async def raw() -> bytes:
            fields = {"content-type": "application/json"}
            async with session.post(url, data=BODY, headers=fields) as reply:
                return await reply.read()

        async def ours() -> cb.HttpResponse:
            return await transport(request)

        return [await _figure(ours, raw, in_flight, size) for in_flight in IN_FLIGHT]


async def _figure(ours: Post, raw: Post, in_flight: int, size: Size) -> Figure:
    count = max(size.requests // 3, in_flight * 2)
    await _rate(ours, in_flight, count)
    await _rate(raw, in_flight, count)
    pairs = [
        (await _rate(ours, in_flight, count), await _rate(raw, in_flight, count)) for _ in range(size.rounds)
    ]
    ratios = [a / b for a, b in pairs]
    progress(f"send: {in_flight} in flight, {short(median(ratios))}")
    rates = f"{short(median(a for a, _ in pairs))}/s against {short(median(b for _, b in pairs))}/s"
    name = f"transport against raw aiohttp, {in_flight:,} in flight"
    return Figure(name, median(ratios), "", 0.4, note=f"{rates}; {spread(ratios)}")


async def _outbox(url: str, folder: Path, in_flight: int, count: int) -> float:
    """Say how many messages a second go out: each on disk, planned, sent, its outcome on disk."""
    name, channel, config = samples.account()
    config = msgspec.structs.replace(config, base_url=url)
    bridge = Bridge([(name, unlimited(channel), config)], folder=folder)
    async with bridge:
        # somebody else each time: one person takes one message in six seconds
        people = iter(await asyncio.gather(*(_meet(bridge, person) for person in range(count))))

        async def work() -> None:
            for to in people:
                receipt = await bridge.send(to, "Your new box is on its way.")
                await receipt.until("submitted", timeout=60)

        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(in_flight)))
        return count / (time.perf_counter() - began)


def unlimited(channel: type[cb.Channel[Any]]) -> type[cb.Channel[Any]]:
    """Make a channel like another, without its rate limits: they would be what is measured."""
    known: Any = channel.capabilities
    free = {name: _without_rates(record) for name, record in known.items()}
    return type(channel.__name__, (channel,), {"capabilities": free})


def _without_rates(record: cb.Capabilities) -> cb.Capabilities:
    limits = record.limits.replace(rate=())
    return record.replace(limits=limits)


async def _meet(bridge: Bridge, person: int) -> cb.Conversation:
    """Let a person write first, so that they can be answered."""
    receiver = bridge.runtime.receiver
    request = samples.request(samples.body(person=person))
    await receiver.receive(samples.ACCOUNT, request)
    [event] = bridge.accounts[samples.ACCOUNT].parse(request)
    assert isinstance(event, cb.MessageReceived)
    assert event.conversation
    return event.conversation.replace(account=samples.ACCOUNT)


def sends(folder: Path, size: Size) -> list[Figure]:
    """Requests per second of the transport, as a ratio to raw aiohttp."""
    machine.pin(machine.SERVER_CORE)
    try:
        with provider() as url:
            return uvloop.run(_against_aiohttp(url, size))
    finally:
        machine.pin(machine.LOAD_CORE)


def outbox(folder: Path, size: Size) -> list[Figure]:
    """Messages per second through the whole durable outbox, for information."""
    machine.pin(machine.SERVER_CORE)
    try:
        with provider() as url:
            return [_outbox_figure(url, folder, in_flight, size.requests // 3) for in_flight in IN_FLIGHT[1:]]
    finally:
        machine.pin(machine.LOAD_CORE)


def _outbox_figure(url: str, folder: Path, in_flight: int, count: int) -> Figure:
    own = Path(tempfile.mkdtemp(dir=folder))
    rate = uvloop.run(_outbox(url, own, in_flight, count))
    progress(f"outbox: {in_flight} in flight, {short(rate)}/s")
    return Figure(f"durable outbox, {in_flight:,} in flight", rate, "messages/s")
