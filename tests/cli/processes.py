"""Commands that run in processes of their own until they are told to stop."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

PATIENCE_S = 30.0
COMMAND = [sys.executable, "-c", "from chanbridge.cli import main; main()"]
CONFIG = """\
allow_literal_secrets = true

[accounts.support]
channel = "sms"
provider = "twilio"
account_sid = "AC00000000000000000000000000000TEST"
auth_token = "TEST-auth-token"
sender = "+12025550100"
"""


class Process:
    """A running command, its lines, and its end."""

    def __init__(self, folder: Path, *args: str) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("CHANBRIDGE_")}
        pipe = subprocess.PIPE  # unbuffered, so that `select` sees all there is
        self.process = subprocess.Popen(
            [*COMMAND, *args], cwd=folder, stdout=pipe, stderr=pipe, env=environ, bufsize=0
        )

    def line(self) -> Any:
        """The next line on standard output, as JSON."""
        assert self.process.stdout
        return json.loads(next_line(self.process.stdout))

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; give the exit code and what was said on standard error."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, err.decode()


def next_line(pipe: IO[bytes]) -> bytes:
    readable, _, _ = select.select([pipe], [], [], PATIENCE_S)
    assert readable, "nothing was printed"
    return pipe.readline()


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def begin(*args: str) -> Process:
        started.append(Process(tmp_path, *args))
        return started[-1]

    (tmp_path / "chanbridge.toml").write_text(CONFIG)
    yield begin
    for one in started:
        with contextlib.suppress(ProcessLookupError):
            one.process.kill()
        one.process.wait(PATIENCE_S)
        for pipe in (one.process.stdout, one.process.stderr):
            if pipe:
                pipe.close()


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        return json.loads(answer.read())
