"""Commands that run until they are told to stop, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.processes import COMMAND, CONFIG, PATIENCE_S, get, next_line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_answers_until_it_is_told_to_stop_and_ends_in_order(start, number):
    server = start("serve", "--port", "0")

    said = server.line()
    health = get(f"{said['url']}/health")
    code, err = server.stop(number)

    assert said["webhooks"] == {"support": f"{said['url']}/in/support"}
    assert health["status"] == "ok"
    assert (code, [line for line in err.splitlines() if '"level":"error"' in line]) == (0, [])


def test_a_port_that_is_taken_is_named(start):
    url = start("serve", "--port", "0").line()["url"]
    port = url.rpartition(":")[2]

    process = start("listen", "--port", port).process
    _, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 75
    said = f"chanbridge listen: --port: 127.0.0.1:{port} cannot be listened on: Address already in use"
    assert err.decode().splitlines() == [f"{said}: stop what has it, or take another port"]


def test_a_sandbox_is_wired_to_its_bridge_and_another_process_sends_through_it(start, tmp_path):
    sandbox = start("sandbox", "sms", "--port", "0")
    first = sandbox.line()

    sender = start("send", "-c", first["config"], "sms:+12025550123", "Hello", "--wait", "delivered")
    out, err = sender.process.communicate(timeout=PATIENCE_S)
    facts = [sandbox.line()["data"]["fact"] for _ in range(3)]
    code, _ = sandbox.stop(signal.SIGINT)

    assert (sender.process.returncode, json.loads(out)["state"]) == (0, "delivered"), err.decode()
    assert (first["type"], facts[-1]) == ("sandbox", "delivered")
    assert code == 0


def test_a_sandbox_without_a_bridge_says_that_it_is_connected_when_one_is_there(start):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    sandbox = start("sandbox", "sms", "--no-bridge", "--port", port)
    assert sandbox.process.stderr
    config = sandbox.line()["config"]

    alone = next_line(sandbox.process.stderr)
    start("listen", "-c", config, "--port", port)
    together = next_line(sandbox.process.stderr)

    assert alone.decode() == f"waiting for a bridge at http://127.0.0.1:{port}: nobody answers there yet\n"
    assert together == b"the webhooks are connected\n"


def test_a_second_sandbox_does_not_take_the_folder_of_one_that_runs(start, tmp_path):
    first = start("sandbox", "sms", "--port", "0", "--dir", "box")
    first.line()
    written = (tmp_path / "box" / "chanbridge.toml").read_bytes()

    second = start("sandbox", "sms", "--port", "0", "--dir", "box").process
    _, err = second.communicate(timeout=PATIENCE_S)

    assert second.returncode == 75
    said = "chanbridge sandbox: --dir: a sandbox is running in box: stop it, or name another folder\n"
    assert err.decode() == said
    assert (tmp_path / "box" / "chanbridge.toml").read_bytes() == written


def test_the_folder_of_a_sandbox_that_has_ended_is_free(start):
    first = start("sandbox", "sms", "--port", "0", "--dir", "box")
    first.line()
    first.stop(signal.SIGKILL)

    again = start("sandbox", "sms", "--port", "0", "--dir", "box")

    assert again.line()["type"] == "sandbox"


def test_a_sandbox_leaves_a_configuration_alone_that_is_not_its_own(start, tmp_path):
    process = start("sandbox", "sms", "--port", "0", "--dir", ".").process
    _, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 2
    said = "--dir: chanbridge.toml is there, and no sandbox has written it: name another folder"
    assert err.decode() == f"chanbridge sandbox: {said}\n"
    assert (tmp_path / "chanbridge.toml").read_text() == CONFIG


def test_a_folder_that_cannot_be_made_is_one_line(start):
    process = start("sandbox", "sms", "--port", "0", "--dir", "/proc/x").process
    _, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 2
    said = "--dir: /proc/x cannot be written to: No such file or directory: name another folder"
    assert err.decode() == f"chanbridge sandbox: {said}\n"


def test_a_wait_that_is_interrupted_prints_the_receipt_so_far(start, tmp_path):
    (tmp_path / "chanbridge.toml").write_text(f'{CONFIG}base_url = "http://127.0.0.1:9"\n')

    sender = start("send", "sms:+12025550123", "Hello", "--timeout", "60")
    assert sender.process.stderr
    waiting = next_line(sender.process.stderr)
    sender.process.send_signal(signal.SIGINT)
    out, err = sender.process.communicate(timeout=PATIENCE_S)

    receipt = json.loads(out)
    assert b"waiting for submitted; so far: queued" in waiting
    assert (sender.process.returncode, receipt["state"]) == (130, "queued")
    assert err.decode() == f"chanbridge send: stopped; the message is kept, id {receipt['id']}\n"


def run_into(output, typed):
    command = [*COMMAND, *typed.split()]
    return subprocess.run(command, stdout=output, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)


@pytest.mark.parametrize("typed", ["channels --json", "send --help", "--help", "--version", "schema --help"])
def test_a_full_standard_output_is_one_line(typed):
    with Path("/dev/full").open("wb") as full:
        ran = run_into(full, typed)

    assert ran.returncode == 1
    assert ran.stderr.decode().endswith("standard output cannot be written: No space left on device\n")
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize("typed", ["--help", "send --help", "--version"])
def test_a_reader_that_has_gone_is_no_failure(typed):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        ran = run_into(gone, typed)

    assert (ran.returncode, ran.stderr) == (0, b"")


def test_what_listen_records_is_for_its_owner_alone(start, tmp_path):
    fresh, there = tmp_path / "fresh.jsonl", tmp_path / "there.jsonl"
    there.touch(0o640)
    there.chmod(0o640)
    for file in (fresh, there):
        process = start("listen", "--port", "0", "--record", str(file))
        assert process.process.stderr
        next_line(process.process.stderr)
        process.stop(signal.SIGINT)

    assert [oct(file.stat().st_mode & 0o777) for file in (fresh, there)] == ["0o600", "0o640"]


def recorded(folder: Path, *senders: str) -> str:
    """Record a message of each sender; give the name of the file."""
    fields = "&AccountSid=AC00000000000000000000000000000TEST&To=%2B12025550100&NumMedia=0&Body=Hi"
    lines = [
        {
            "account": "support",
            "body": f"MessageSid=SM{number:026}TEST&From=%2B{sender}{fields}",
            "headers": {"content-type": "application/x-www-form-urlencoded"},
        }
        for number, sender in enumerate(senders)
    ]
    (folder / "rec.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return "rec.jsonl"


def test_listen_stops_when_its_reader_goes_away_and_what_was_not_read_is_printed_later(start, tmp_path):
    path = recorded(tmp_path, "12025550123", "12025550124", "12025550125")
    config = (tmp_path / "chanbridge.toml").read_text()
    (tmp_path / "chanbridge.toml").write_text(f"policy = {{handler_attempts = 1}}\n{config}")

    gone = start("listen", "--replay", path).process
    assert gone.stdout
    gone.stdout.close()
    assert gone.stderr
    err = gone.stderr.read()
    code = gone.wait(PATIENCE_S)
    parked, _ = start("parked", "list").process.communicate(timeout=PATIENCE_S)
    later, _ = start("listen", "--replay", "/dev/null").process.communicate(timeout=PATIENCE_S)

    assert (code, err.decode(), parked) == (0, "", b"")
    assert len(later.splitlines()) == 3


def test_a_reader_that_has_seen_enough_is_no_failure(start):
    process = start("channels", "--json").process
    assert process.stdout
    process.stdout.close()
    assert process.stderr

    said = process.stderr.read()

    assert (process.wait(PATIENCE_S), said) == (0, b"")
