"""Starts the servers under test, asks them how they stand, and stops them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks import load, machine

PATIENCE_S = 300.0


class State(NamedTuple):
    """How a server stands."""

    handled: int
    disordered: int
    cpu: float
    rss: float


class Round(NamedTuple):
    """What a round of requests came to."""

    answered_s: float  # until the last 200
    handled_s: float  # until the handler had seen everything
    cpu: float  # of the server
    busy: float  # share of a core that the load generator used


class Server:
    """One server process."""

    def __init__(self, kind: str, folder: Path, core: int) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "benchmarks.server", kind, str(folder), str(core)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._handles = kind == "bridge"
        self.port = int(self._read()["port"])

    def state(self) -> State:
        """Ask how it stands."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        told = self._read()
        return State(int(told["handled"]), int(told["disordered"]), told["cpu"], told["rss"])

    def round(self, requests: list[bytes], messages: int = 1, connections: int = load.CONNECTIONS) -> Round:
        """Send requests; wait until all their messages were handled, in order."""
        before = self.state()
        began = time.perf_counter()
        took = load.run(self.port, requests, connections)
        after = self.until(before.handled + len(requests) * messages) if self._handles else self.state()
        handled = time.perf_counter() - began
        if after.disordered:
            raise RuntimeError(f"{after.disordered} messages were handled out of order")
        return Round(took.seconds, handled, after.cpu - before.cpu, took.busy)

    def stop(self) -> None:
        """Stop it, and wait until it has."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)

    def until(self, handled: int) -> State:
        """Wait until so many messages were handled."""
        deadline = time.monotonic() + PATIENCE_S
        while (state := self.state()).handled < handled:
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {state.handled} of {handled} messages were handled")
            time.sleep(0.01)
        return state

    def _read(self) -> dict[str, float]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the server has died: see standard error")
        told: dict[str, float] = json.loads(line)
        return told


@contextlib.contextmanager
def server(kind: str, folder: Path) -> Iterator[Server]:
    """Run a server for a while, with a folder of its own."""
    own = folder / f"{kind}-{time.monotonic_ns()}"
    own.mkdir()
    yield from _running(Server(kind, own, machine.SERVER_CORE))


@contextlib.contextmanager
def worker(beside: Server) -> Iterator[Server]:
    """Run another process on a server's store, on the other core."""
    yield from _running(Server("bridge", beside.folder, machine.LOAD_CORE))


def _running(server: Server) -> Iterator[Server]:
    try:
        yield server
    finally:
        server.stop()
