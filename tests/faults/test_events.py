"""What was acknowledged is handled, whenever the process is killed; a handler run twice replies once."""

import signal
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.channels import call, pigeon_webhook, update


@pytest.mark.parametrize(
    ("die_after", "replies"),
    [(0, ["Uno", "Dos"]), (1, ["One", "Dos"]), (2, ["One", "Two"])],
)
def test_each_reply_of_a_killed_handler_goes_out_once_and_the_first_wins(
    children, provider, die_after, replies
):
    provider.updates = [update("up-TEST-1")]
    children.killed(do="answer", words=["One", "Two"], die_after=die_after, nothing_leaves=True)

    children.run(do="answer", words=["Uno", "Dos"])

    assert [words for _, words in provider.posts] == replies


def test_an_event_that_was_committed_and_not_dispatched_is_handled_after_a_restart(children, tmp_path):
    log = tmp_path / "handled.log"
    children.killed(do="webhook", nothing_is_handled=True)

    children.run(do="handle", log=str(log), last="Hello", late_s=0)

    assert log.read_text() == "Hello\n"


def test_an_event_whose_handler_was_killed_is_handled_again(children, tmp_path):
    log = tmp_path / "handled.log"
    children.killed(do="webhook", nothing_is_handled=True)
    children.killed(do="handle", log=str(log), last="Never", die_in="Hello")

    children.run(do="handle", log=str(log) + ".2", last="Hello")

    assert log.read_text() == "Hello\n"
    assert (tmp_path / "handled.log.2").read_text() == "Hello\n"


def test_no_webhook_that_was_acknowledged_is_lost_when_the_server_is_killed(children, tmp_path):
    log = tmp_path / "handled.log"
    server = children.start(do="serve", log=str(log))
    url = f"http://127.0.0.1:{server.stdout.readline().strip()}/in/main"
    acknowledged = post_and_kill(url, server, after=50)
    children.run(do="handle", log=str(log), last="After", say="After")

    handled = log.read_text().splitlines()
    assert 50 <= len(acknowledged) < 200
    assert set(acknowledged) <= set(handled)


def test_what_a_server_only_took_in_is_handled_though_it_and_a_worker_are_killed(children, tmp_path):
    log = tmp_path / "handled.log"
    server = children.start(do="serve", log=str(log), work="receive")
    url = f"http://127.0.0.1:{server.stdout.readline().strip()}/in/main"
    worker = children.start(do="handle", log=str(log), last="Never", die_in="Text 20")
    acknowledged = post_and_kill(url, server, after=80)
    died = worker.wait(30)
    children.run(do="handle", log=str(log), last="After", say="After")

    handled = log.read_text().splitlines()
    assert died == -signal.SIGKILL
    assert 80 <= len(acknowledged) < 200
    assert set(acknowledged) <= set(handled)
    assert handled.count("Text 20") == 2


def post_and_kill(url, server, after):
    """Send up to 200 webhooks, four at a time, and kill the server on the way; give what was acknowledged."""
    acknowledged = []

    def post_until_killed(first):
        for n in range(first, 200, 4):
            if post(url, f"Text {n}"):
                acknowledged.append(f"Text {n}")
            if len(acknowledged) == after:
                server.send_signal(signal.SIGKILL)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(post_until_killed, range(4)))
    return acknowledged


def post(url, text):
    """Send a webhook; say whether it was acknowledged."""
    signed = pigeon_webhook(call(f"msg-TEST-{text[5:]}", text))
    request = urllib.request.Request(url, data=signed.content, headers=dict(signed.headers), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


@pytest.mark.parametrize("point", ["accepted", "recorded"])
def test_a_process_that_is_started_again_goes_on_at_once(children, provider, point):
    if point == "accepted":
        provider.deadly = "/upload"
        children.killed(do="send")
    else:
        children.killed(do="send", kill=["recorded", "/upload"])

    found = children.run(do="resume", late_s=0)

    assert found["states"] == ["sent", "sent"]
    assert provider.count("/push") == 2
