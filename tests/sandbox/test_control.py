"""The control API, and its client in another process (here: another thread, since it blocks)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest

from chanbridge.http import HttpRequest
from chanbridge.sandbox import RemotePhone, RemoteSandbox, Sandbox, SandboxError, Simulator, fetch
from chanbridge.sandbox.routing import Call

TOKEN = {"authorization": "Bearer TESTTOKEN"}


@pytest.fixture
def remote(sandbox: Sandbox) -> RemoteSandbox:
    return RemoteSandbox(sandbox.url)


@pytest.fixture
async def ada(remote: RemoteSandbox) -> RemotePhone:
    return await do(remote.phone, "plain", "+12025550123", "Ada Test")


async def do(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run the client, which blocks, beside the sandbox."""
    return await asyncio.to_thread(call, *args, **kwargs)


async def send(plain: Simulator, text: str) -> None:
    request = HttpRequest.post_json(f"{plain.base_url}/send/+12025550123", {"text": text})
    assert (await fetch(request.with_headers(**TOKEN), within=2)).ok


async def test_a_second_process_plays_the_customer(app, plain, remote, ada) -> None:
    sent = await do(ada.send_text, "Hi")
    await do(remote.settle)
    await send(plain, "Hello")
    seen = await do(ada.receive, within=2)
    await do(ada.read)
    await do(remote.settle)

    assert sent.startswith("in-")
    assert seen.text == "Hello"
    assert app.told == ["Hi", f"delivered {seen.id}", f"read {seen.id}"]
    assert plain.phone("+12025550123").name == "Ada Test"


async def test_receive_waits_for_what_is_to_come_and_gives_each_message_once(plain, ada) -> None:
    waiting = asyncio.create_task(do(ada.receive, within=5))
    await asyncio.sleep(0.01)
    await send(plain, "one")
    await send(plain, "two")

    assert [(await waiting).text, (await do(ada.receive)).text] == ["one", "two"]
    assert [seen.text for seen in await do(lambda: ada.inbox)] == ["one", "two"]


async def test_receive_gives_up_in_time(ada) -> None:
    with pytest.raises(TimeoutError):
        await do(ada.receive, within=0.05)


async def test_a_mistake_of_a_simulator_is_told(plain, remote) -> None:
    async def mistake() -> None:
        raise ZeroDivisionError("in a simulator")

    plain.later(mistake)

    with pytest.raises(SandboxError, match="ZeroDivisionError: in a simulator"):
        await do(remote.settle)


async def test_a_reaction_names_the_newest_message(plain, ada, monkeypatch) -> None:
    reacted: list[str] = []
    monkeypatch.setattr(plain, "say", lambda phone, said: reacted.append(said.message) or "in-1")
    with pytest.raises(SandboxError, match="shows no message to react to"):
        await do(ada.react, "👍")
    for text in ("One", "Two"):
        await send(plain, text)
        await do(ada.receive)
    shown = [seen.id for seen in await do(lambda: ada.inbox)]

    await do(ada.react, "👍")
    await do(ada.react, "")
    await do(ada.react, "👍", shown[0])

    assert reacted == [shown[1], shown[1], shown[0]]


async def test_a_file_is_carried_over(plain, ada) -> None:
    said = []
    plain.say = lambda phone, what: said.append(what) or "in-1"

    await do(ada.send_media, bytes(range(256)), mime="image/png", filename="box.png", caption="Look")

    [what] = said
    assert (what.text, what.files[0].data, what.files[0].role) == ("Look", bytes(range(256)), "image")


async def test_faults_are_armed_listed_and_disarmed(plain, remote) -> None:
    await do(remote.fault, "plain", "error", route="send", status=503, times=3)
    armed = await do(remote.call, "GET", "/plain/faults")
    await do(remote.call, "DELETE", "/plain/faults")

    assert (armed[0]["kind"], armed[0]["status"], armed[0]["times"]) == ("error", 503, 3)
    assert plain.faults.armed == []


async def test_a_phone_is_switched_off_and_on(plain, ada) -> None:
    await do(ada.set, online=False, refuses=30006)

    phone = plain.phone("+12025550123")
    assert (phone.online, phone.refuses) == (False, 30006)


async def test_the_clock_and_the_connections_are_set(app, sandbox, plain, remote) -> None:
    before = sandbox.clock()
    await do(remote.advance, 3600)
    await do(remote.connect, "plain", "plain", app.url + "/new")
    await do((await do(remote.phone, "plain", "1")).send_text, "Hi")
    await do(remote.settle)

    assert (sandbox.clock() - before).total_seconds() >= 3600
    assert [request.path for request in app.requests] == ["/new"]
    assert (await do(remote.call, "GET", "/plain/deliveries"))[0]["tries"] == [200]


async def test_the_overview_says_what_runs(sandbox, remote, ada) -> None:
    found = await do(remote.overview)

    assert found["simulators"] == {
        "plain": {"base_url": sandbox.url, "phones": ["+12025550123"], "accounts": ["plain"]}
    }


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("/other/phones/1", {}, "no simulator 'other': there are plain"),
        ("/plain/nothing", {}, "the sandbox has no POST /_sandbox/plain/nothing"),
        ("/plain/faults", {"kind": "earthquake"}, "there is no fault 'earthquake': use one of .*malformed"),
        ("/plain/faults", {"kind": "drop", "tims": 2}, "no field 'tims': use route, times, skip"),
        ("/plain/faults", {"kind": "drop", "times": 5000}, "the fault 'drop' does not fit: .*times"),
        ("/plain/phones/1", {"colour": "red"}, "unexpected JSON"),
        ("/plain/phones/1/read", {"message": "none"}, "shows no message none"),
    ],
)
async def test_a_wrong_call_is_told_what_is_wrong(remote, path, body, problem) -> None:
    with pytest.raises(SandboxError, match=problem):
        await do(remote.call, "POST", path, body)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example.com", "content-type": "application/json"},
        {"content-type": "text/plain"},
        {"content-type": "application/json", "origin": "https://evil.example.com"},
    ],
)
async def test_a_web_page_from_elsewhere_cannot_use_it(sandbox, plain, headers) -> None:
    url = f"{sandbox.url}/_sandbox/plain/phones/1/say"
    request = HttpRequest.post_json(url, {"text": "Hi"}).with_headers(**headers)

    answer = await fetch(request, within=2)

    assert answer.status == 403
    assert plain.phones == {}


async def test_bytes_travel_as_base64(ada, plain) -> None:
    from chanbridge.sandbox import File, Seen

    plain.phone("+12025550123").show(Seen(id="1", sender="plain", media=(File(data=b"\xff\x00"),)))

    assert (await do(ada.receive, within=1)).media[0].data == b"\xff\x00"
    assert base64.b64encode(b"\xff\x00") == b"/wA="


def test_a_call_reads_its_fields_from_query_and_body() -> None:
    request = HttpRequest.post_form("http://x/y?a=1", [("b", "2"), ("c", ""), ("d", "3"), ("d", "4")])

    assert Call(request, "y", {}).fields == {"a": "1", "b": "2", "c": "", "d": ["3", "4"]}
