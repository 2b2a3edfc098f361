"""``chanbridge serve --workers`` and ``chanbridge worker``: several processes on one store."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from chanbridge_sms.twilio.signature import sign
from tests.cli.processes import PATIENCE_S, get, next_line


def eventually(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def children(pid):
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def post(said, number):
    """Bring a text as Twilio does."""
    url = said["webhooks"]["support"]
    fields = {
        "AccountSid": "AC00000000000000000000000000000TEST", "MessageSid": f"SM{number:026}TEST",
        "From": "+12025550123", "To": "+12025550100", "NumMedia": "0", "Body": f"Text {number}",
    }  # fmt: skip
    signed = {"x-twilio-signature": sign(url, fields.items(), "TEST-auth-token")}
    request = urllib.request.Request(url, data=urlencode(fields).encode(), headers=signed)
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return answer.status


def inbox(start):
    """Give the texts that were placed, and what still waits."""
    out, err = start("inbox", "--json").process.communicate(timeout=PATIENCE_S)
    assert err == b""
    return [json.loads(line)["data"]["message"]["parts"][0]["text"] for line in out.splitlines()]


def test_a_server_takes_in_and_its_workers_place_also_after_one_was_killed(start):
    server = start("serve", "--port", "0", "--workers", "1")
    said = server.line()
    [first] = eventually(lambda: children(server.process.pid))

    posted = [post(said, 1)]
    eventually(lambda: inbox(start) == ["Text 1"])
    os.kill(first, signal.SIGKILL)
    posted.append(post(said, 2))
    eventually(lambda: inbox(start) == ["Text 1", "Text 2"])
    [second] = children(server.process.pid)
    ready = get(f"{said['url']}/ready")
    code, err = server.stop(signal.SIGTERM)

    told = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert posted == [200, 200]
    assert ready["waiting"] == 0
    assert [(line["worker"], line["exit_code"]) for line in told if line["event"] == "worker.ended"] == [
        (1, -9)
    ]
    assert (code, alive(first), alive(second)) == (0, False, False)


def test_workers_end_when_their_server_is_killed(start):
    server = start("serve", "--port", "0", "--workers", "2")
    server.line()
    workers = eventually(lambda: len(found := children(server.process.pid)) == 2 and found)

    server.process.kill()

    eventually(lambda: not any(map(alive, workers)))


def test_a_worker_by_itself_does_what_a_server_left(start, tmp_path):
    server = start("serve", "--port", "0", "--workers", "1")
    said = server.line()
    [attached] = eventually(lambda: children(server.process.pid))
    os.kill(attached, signal.SIGSTOP)
    try:
        posted = post(said, 1)
        worker = start("worker")
        at_work = worker.line()
        eventually(lambda: inbox(start) == ["Text 1"])
        code, err = worker.stop(signal.SIGINT)
    finally:
        os.kill(attached, signal.SIGCONT)

    assert (posted, at_work, code) == (200, {"accounts": ["support"]}, 0)
    assert [line for line in err.splitlines() if '"level":"error"' in line] == []


def test_a_server_without_workers_does_all_by_itself(start):
    server = start("serve", "--port", "0")
    said = server.line()

    post(said, 1)

    assert inbox(start) == ["Text 1"]
    assert children(server.process.pid) == []


def test_all_that_a_server_and_its_workers_say_is_json_from_the_first_log_line_on(start, tmp_path):
    server = start("serve", "--port", "0", "--workers", "1")
    server.line()
    [worker] = eventually(lambda: children(server.process.pid))
    (tmp_path / "chanbridge.toml").write_text("nonsense = 1\n")
    os.kill(worker, signal.SIGKILL)
    assert server.process.stderr
    told = []
    while not told or told[-1].get("exit_code") != 2:
        told.append(json.loads(next_line(server.process.stderr)))

    _, err = server.stop(signal.SIGTERM)

    [problem] = [line["problem"] for line in told if line["event"] == "command.failed"]
    assert problem.startswith("chanbridge: chanbridge.toml:1: nonsense: ")
    assert "server.stopping" in [json.loads(line)["event"] for line in err.splitlines()]


def test_a_port_that_is_taken_is_a_plain_line_before_anything_is_logged(start):
    port = start("serve", "--port", "0").line()["url"].rpartition(":")[2]

    process = start("serve", "--port", port).process
    _, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 75
    assert err.decode().startswith(f"chanbridge serve: --port: 127.0.0.1:{port} cannot be listened on: ")
    assert len(err.splitlines()) == 1
