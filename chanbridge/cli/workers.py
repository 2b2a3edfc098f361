"""Processes beside a server that do what it leaves to them: started, started again, and stopped with it."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

_log = logging.getLogger(__name__)
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0
GRACE_S = 40.0
"""How long a worker may take to finish what is under way, before it is ended."""


def words(config: Path, *, allow_literal_secrets: bool) -> list[str]:
    """Make the command line of a worker that ends when its standard input does."""
    literal = ["--allow-literal-secrets"] if allow_literal_secrets else []
    return [sys.executable, "-m", "chanbridge", "worker", "--attached", "--config", str(config), *literal]


class Workers:
    """Keeps so many processes of a command running while it is entered."""

    def __init__(self, command: list[str], count: int) -> None:
        self.count = count
        self._command = command
        self._loops: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> None:
        numbers = range(1, self.count + 1)
        self._loops = [asyncio.create_task(_keep_running(self._command, number)) for number in numbers]

    async def __aexit__(self, *_: object) -> None:
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)


async def _keep_running(command: list[str], number: int) -> None:
    """Start a process, and start it again when it ends, later each time if it ends soon."""
    wait_s, loop = FIRST_WAIT_S, asyncio.get_running_loop()
    while True:
        began = loop.time()
        code = await _run(command)
        if loop.time() - began > LONGEST_WAIT_S:
            wait_s = FIRST_WAIT_S
        _log.error("worker.ended", extra={"worker": number, "exit_code": code, "again_in_s": wait_s})
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)


async def _run(command: list[str]) -> int:
    """Run a process to its end; closing its standard input tells it to stop."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=2, start_new_session=True
    )
    try:
        return await process.wait()
    except asyncio.CancelledError:
        await asyncio.shield(_end(process))
        raise


async def _end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), GRACE_S)
    except TimeoutError:
        _log.error("worker.killed", extra={"seconds": GRACE_S})
        process.kill()
        await process.wait()
