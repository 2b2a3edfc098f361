"""The engine, with a provider that has nothing special about it."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import get_args

import httpx
import pytest

from chanbridge.http import HttpRequest, HttpResponse
from chanbridge.sandbox import Fault, Sandbox, Simulator, fetch
from chanbridge.sandbox.faults import CallBroken, CallRefused, Faults, WebhookBroken, retry_after

TOKEN = {"authorization": "Bearer TESTTOKEN"}


def send(plain: Simulator, text: str = "Hi", to: str = "1") -> HttpRequest:
    return HttpRequest.post_json(f"{plain.base_url}/send/{to}", {"text": text}).with_headers(**TOKEN)


async def test_a_call_is_answered_and_the_phone_shows_what_was_sent(plain: Simulator) -> None:
    answer = await fetch(send(plain, "Hi"), within=2)

    seen = await plain.phone("1").receive(within=2)
    assert (answer.status, answer.json()) == (200, {"id": seen.id})
    assert seen.text == "Hi"


async def test_a_call_without_credential_is_refused(plain: Simulator) -> None:
    request = HttpRequest.post_json(f"{plain.base_url}/send/1", {"text": "Hi"})

    answer = await fetch(request, within=2)

    assert answer.status == 401
    assert plain.phone("1").inbox == []


async def test_what_a_customer_says_reaches_the_application(app, plain: Simulator) -> None:
    plain.phone("1").send_text("one")
    plain.phone("2").send_text("two")
    await plain.settle()

    assert app.told == ["one", "two"]


async def test_one_connection_serves_many_calls(plain: Simulator) -> None:
    async with httpx.AsyncClient(base_url=plain.base_url) as client:
        head = await client.head("/hello")
        answers = [await client.get("/hello") for _ in range(3)]

    assert [answer.text for answer in answers] == ["hello"] * 3
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "5", b"")


async def test_pipelined_calls_are_each_answered(plain: Simulator) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(plain.base_url.rpartition(":")[2]))
    writer.write(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n" * 2)

    async with asyncio.timeout(5):
        for _ in range(2):
            assert b"200" in await reader.readline()
            await reader.readuntil(b"hello")
    writer.close()
    await writer.wait_closed()


async def test_a_caller_that_waits_for_100_continue_is_told_to_go_on(plain: Simulator) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(plain.base_url.rpartition(":")[2]))
    writer.write(b"POST /hello HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n")

    async with asyncio.timeout(5):
        assert b"100" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_garbage_on_the_socket_closes_it_and_nothing_else(plain: Simulator) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(plain.base_url.rpartition(":")[2]))
    writer.write(b"\x16\x03\x01 not HTTP\r\n\r\n")

    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert (await fetch(HttpRequest.get(f"{plain.base_url}/hello"), within=2)).ok


# faults in calls


@pytest.mark.parametrize("kind", ["error", "rate_limited", "expired_token", "expired_media"])
async def test_a_refused_call_does_nothing_and_the_next_one_works(plain: Simulator, kind: str) -> None:
    plain.faults.add(kind, route="send", status=418)

    refused, taken = await fetch(send(plain), within=2), await fetch(send(plain), within=2)
    await plain.settle()

    assert (refused.status, refused.json(), taken.status) == (418, {"kind": kind}, 200)
    assert len(plain.phone("1").inbox) == 1


@pytest.mark.parametrize(("after", "shown"), [(False, 0), (True, 1)])
@pytest.mark.parametrize("kind", ["drop", "timeout"])
async def test_a_call_lost_before_acceptance_does_nothing_and_after_it_everything(
    plain: Simulator, kind: str, after: bool, shown: int
) -> None:
    plain.faults.add(kind, after=after, seconds=0.01)

    with pytest.raises(ConnectionResetError):
        await fetch(send(plain), within=2)
    await plain.settle()

    assert len(plain.phone("1").inbox) == shown


async def test_a_timeout_lasts_as_long_as_asked(plain: Simulator) -> None:
    plain.faults.add("timeout", seconds=60)

    with pytest.raises(TimeoutError):
        await fetch(send(plain), within=0.05)


async def test_a_slow_call_is_accepted_though_the_caller_has_gone(app, plain: Simulator) -> None:
    plain.faults.add("slow", seconds=0.1)

    with pytest.raises(TimeoutError):
        await fetch(send(plain), within=0.02)
    await plain.phone("1").receive(within=2)
    await plain.settle()

    assert app.told == ["delivered out-1"]


async def test_a_slow_answer_is_an_answer(plain: Simulator) -> None:
    plain.faults.add("slow", seconds=0.01)

    assert (await fetch(send(plain), within=2)).ok


async def test_a_status_can_come_before_the_response(app, plain: Simulator) -> None:
    plain.faults.add("status_first")

    answer = await fetch(send(plain), within=2)

    assert answer.ok
    assert app.told == ["delivered out-1"]


async def test_a_fault_lets_some_pass_and_hits_so_many(plain: Simulator) -> None:
    plain.faults.add("error", skip=1, times=2, status=500)

    statuses = [(await fetch(send(plain), within=2)).status for _ in range(4)]

    assert statuses == [200, 500, 500, 200]


# faults in webhooks


async def say(plain: Simulator, *texts: str) -> None:
    for text in texts:
        plain.phone("1").send_text(text)
    await plain.settle()


async def test_a_webhook_can_come_twice(app, plain: Simulator) -> None:
    plain.faults.add("duplicate", route="message")

    await say(plain, "one", "two")

    assert app.told == ["one", "one", "two"]


async def test_fifty_copies_of_a_webhook_come_at_once(app, plain: Simulator) -> None:
    plain.faults.add("duplicate", size=50)
    app.takes = 0.2

    await say(plain, "one")

    assert app.told == ["one"] * 50
    assert app.most == 50


async def test_webhooks_can_come_in_the_wrong_order(app, plain: Simulator) -> None:
    plain.faults.add("reorder", size=3)

    await say(plain, "one", "two", "three", "four")

    assert app.told == ["three", "two", "one", "four"]


async def test_many_items_can_come_in_one_webhook(app, plain: Simulator) -> None:
    plain.faults.add("batch", size=10)

    await say(plain, "one", "two", "three")

    assert len(app.requests) == 1
    assert app.told == ["one", "two", "three"]


async def test_one_item_of_a_batch_can_be_malformed(app, plain: Simulator) -> None:
    plain.faults.add("malformed", size=3, item=1)

    await say(plain, "one", "two", "three")

    assert app.told == ["one", "broken 1", "three"]


async def test_an_application_that_was_down_gets_the_webhook_when_it_is_up(app, plain: Simulator) -> None:
    plain.faults.add("unreachable", times=2)

    await say(plain, "one")

    assert app.told == ["one"]
    assert plain.webhooks.log[0].tries == [0, 0, 200]


async def test_a_webhook_that_was_answered_with_an_error_is_tried_again(app, plain: Simulator) -> None:
    app.answers += [HttpResponse(status=500)]

    await say(plain, "one")

    assert app.told == ["one", "one"]
    assert plain.webhooks.log[0].tries == [500, 200]


async def test_a_webhook_is_given_up_after_the_last_retry(app, plain: Simulator, caplog) -> None:
    plain.faults.add("unreachable", times=3)

    await say(plain, "one")

    assert app.told == []
    assert "sandbox.webhook_given_up" in caplog.text


async def test_a_webhook_can_be_lost_or_forged(app, plain: Simulator) -> None:
    plain.faults.add("lost")
    plain.faults.add("bad_signature")

    await say(plain, "one", "two")

    assert app.told == ["two"]
    assert app.requests[0].headers["x-signature"] == "goodgoAA"


async def test_webhooks_can_be_held_back(app, plain: Simulator) -> None:
    plain.webhooks.hold()
    plain.phone("1").send_text("one")
    with pytest.raises(TimeoutError):
        await plain.settle(within=0.05)
    assert app.told == []

    plain.webhooks.release()
    await plain.settle()

    assert app.told == ["one"]


async def test_a_mistake_of_a_simulator_is_told_and_the_rest_goes_on(app, plain: Simulator) -> None:
    async def mistake() -> None:
        raise ZeroDivisionError

    plain.later(mistake)
    plain.phone("1").send_text("one")

    with pytest.raises(ZeroDivisionError):
        await plain.settle()
    assert app.told == ["one"]


async def test_a_sandbox_stops_with_connections_open_and_work_waiting(plain: Simulator) -> None:
    async with Sandbox([type(plain)]) as sandbox:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(sandbox.url.rpartition(":")[2]))
        await sandbox.connect("http://127.0.0.1:9")
        sandbox["plain"].faults.add("unreachable", times=10)
        sandbox.phone("plain", "1").send_text("one")

    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_a_port_that_is_taken_leaves_no_other_simulator_running(plain: Simulator) -> None:
    class Other(type(plain)):
        name = "other"

    taken = int(plain.base_url.rpartition(":")[2])
    sandbox = Sandbox([Other, type(plain)], ports={"plain": taken})

    with pytest.raises(OSError, match="in use"):
        await sandbox.__aenter__()
    with pytest.raises(OSError):
        await fetch(HttpRequest.get(sandbox["other"].base_url), within=1)


async def test_what_was_called_can_be_looked_at_but_large_bodies_are_not_kept(plain: Simulator) -> None:
    await fetch(send(plain, "small"), within=2)
    await fetch(send(plain, "x" * 70_000), within=2)

    assert [len(call.body) for call in plain.calls] == [16, 0]


def test_the_clock_moves_on_when_told() -> None:
    sandbox = Sandbox([])
    before = sandbox.clock()

    sandbox.clock.advance(hours=25)

    assert 25 * 3600 <= (sandbox.clock() - before).total_seconds() < 25 * 3600 + 60


def test_a_fault_that_is_none_is_told_which_there_are() -> None:
    kinds = get_args(CallRefused) + get_args(CallBroken) + get_args(WebhookBroken)

    with pytest.raises(ValueError, match="no fault 'server_error'") as failed:
        Faults().add("server_error")

    assert [kind for kind in kinds if kind not in str(failed.value)] == []


def test_a_retry_after_is_seconds_or_a_date() -> None:
    now = dt.datetime(2026, 11, 22, 8, 30, tzinfo=dt.UTC)

    assert retry_after(Fault("rate_limited", seconds=1.2), now) == "2"
    assert retry_after(Fault("rate_limited", seconds=5, date=True), now) == "Sun, 22 Nov 2026 08:30:05 GMT"
