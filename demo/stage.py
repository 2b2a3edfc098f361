"""What a demo stands on: real ``chanbridge`` commands, in processes of their own and one folder."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from typing import IO, Any, Self

COMMAND = Path(sys.executable).with_name("chanbridge")
PATIENCE_S = 60.0
STOP_S = 15.0


class BrokenDemo(Exception):
    """Something is not as it should be; the message says what."""


class Running:
    """A command that runs until it is stopped."""

    def __init__(self, folder: Path, *args: str) -> None:
        self.name = shown(args[:1])
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [COMMAND, *args], cwd=folder, env=_environment(), stdin=subprocess.DEVNULL, stdout=pipe,
            stderr=pipe, text=True, encoding="utf-8",
        )  # fmt: skip
        self._results = _lines(self._process.stdout)
        self._notes = _lines(self._process.stderr)

    def result(self) -> dict[str, Any]:
        """Give the next line on standard output, which is JSON."""
        document: dict[str, Any] = json.loads(self._next(self._results))
        return document

    def note(self) -> str:
        """Give the next line on standard error."""
        return self._next(self._notes).strip()

    def _next(self, lines: Queue[str]) -> str:
        try:
            line = lines.get(timeout=PATIENCE_S)
        except Empty:
            raise BrokenDemo(f"{self.name} said nothing for {PATIENCE_S:g} seconds") from None
        if not line:
            raise BrokenDemo(f"{self.name} ended: {' '.join(self._left_notes()) or 'it did not say why'}")
        return line

    def _left_notes(self) -> Iterator[str]:
        with suppress(Empty):
            while line := self._notes.get(timeout=STOP_S):
                yield line.strip()

    def stop(self) -> int:
        """Ask it to end as Ctrl-C does, and give its exit code; make it end if it does not."""
        self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class Stage:
    """A folder and the commands that run in it; on leaving, none of them is left."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="chanbridge-demo-", ignore_cleanup_errors=True)
        self._running: list[Running] = []
        self.folder = Path(self._folder.name)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        ends = {running.name: running.stop() for running in reversed(self._running)}
        self._folder.cleanup()
        for name, code in ends.items():
            check(code == 0 or kind is not None, f"{name} exited {code} when it was told to stop")

    def start(self, *args: str) -> Running:
        """Start a command that runs until the end."""
        self._running.append(Running(self.folder, *args))
        return self._running[-1]

    def run(self, *args: str) -> dict[str, Any]:
        """Run a command to its end, and give the JSON it prints; raise `BrokenDemo` if it fails."""
        command = shown(args)
        try:
            done = subprocess.run(  # noqa: S603 - our own command
                [COMMAND, *args], cwd=self.folder, env=_environment(), stdin=subprocess.DEVNULL,
                capture_output=True, text=True, encoding="utf-8", timeout=PATIENCE_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise BrokenDemo(f"{command} took more than {PATIENCE_S:g} seconds") from None
        check(done.returncode == 0, f"{command} exited {done.returncode}: {done.stderr.strip()}")
        document: dict[str, Any] = json.loads(done.stdout)
        return document


def free_port() -> int:
    """Find a port on the loopback that nobody uses, below those that the system gives out by itself."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def check(holds: bool, what: str) -> None:
    """Raise `BrokenDemo` unless something is as it should be."""
    if not holds:
        raise BrokenDemo(what)


def shown(command: Sequence[str]) -> str:
    """Write a command as one types it."""
    return shlex.join(("chanbridge", *command))


def _environment() -> dict[str, str]:
    """The environment without the settings of another chanbridge."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CHANBRIDGE_")}


def _lines(pipe: IO[str] | None) -> Queue[str]:
    """Read a pipe as it fills; an empty line is its end."""
    assert pipe is not None
    found: Queue[str] = Queue()

    def read() -> None:
        with pipe:
            for line in pipe:
                found.put(line)
        found.put("")

    threading.Thread(target=read, daemon=True).start()
    return found
