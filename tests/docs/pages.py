"""Pages whose blocks are run: what they say must be so.

A page is read from top to bottom in an empty folder, as a reader would follow it:

- a block whose first line is a comment with a file's name (``# answers.py``) is written to that file;
- ``console`` blocks are run line by line on a terminal, and print what the page shows; ``...`` stands for
  anything. What a command that does not end prints is awaited, in any order. A second word
  (``console terminal-2``) names the terminal; ``^C`` stops what runs there;
- a ``python`` block without a file's name is run as a script of its own, which must succeed.

Blocks of any other language (``sh``, ``text``) are not run.
"""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from demo.stage import free_port

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
STOP_S = 15.0
PORT = "8080"  # in the pages; the test takes a free one
_FENCE = re.compile(r"^```(?P<language>[\w-]+)(?: (?P<terminal>[\w-]+))?\n(?P<body>.*?)^```$", re.M | re.S)
_FILE = re.compile(r"# (\S+\.\w+)")
_LASTING = re.compile(r"(chanbridge (sandbox|serve|listen|worker)|uvicorn|python work\.py)\b(?!.*--replay)")
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Block(NamedTuple):
    """A fenced block, and the line it begins on."""

    language: str
    terminal: str
    body: str
    line: int


def blocks(text: str) -> Iterator[Block]:
    """Give the fenced blocks of a page, in order."""
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(found["language"], found["terminal"] or "", found["body"], line)


class Terminal:
    """What runs in one window, and what it shows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._shown: list[str] = []
        self._news = threading.Condition()
        self._reader: threading.Thread | None = None

    def run(self, command: str) -> list[str]:
        """Run a command to its end and give its lines; `cd` stays."""
        if command.startswith("cd "):
            self.folder /= command.removeprefix("cd ")
            return []
        self.start(command)
        return self.end(command)

    def start(self, command: str) -> None:
        """Start a command, on a terminal of its own."""
        ours, theirs = pty.openpty()
        self._shown = []
        self._process = subprocess.Popen(
            command, shell=True, executable="/bin/bash", cwd=self.folder, env=environment(),
            stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, args=[ours], daemon=True)
        self._reader.start()

    def end(self, command: str) -> list[str]:
        """Wait until the command has ended; raise `AssertionError` if it failed."""
        assert self._process
        assert self._reader
        code = self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        assert code == 0, "\n".join([f"{command} exited {code}", *self._shown])
        return self._shown

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop what runs here, if anything does."""
        if self._process is None or self._process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def await_line(self, pattern: re.Pattern[str]) -> None:
        """Wait until a line is shown that fits, and take it away."""
        with self._news:
            fits = self._news.wait_for(lambda: self._take(pattern), PATIENCE_S)
        assert fits, "\n".join([f"was not shown: {pattern.pattern}", *self._shown])

    def _take(self, pattern: re.Pattern[str]) -> bool:
        for number, line in enumerate(self._shown):
            if pattern.fullmatch(line):
                del self._shown[number]
                return True
        return False

    def _read(self, ours: int) -> None:
        rest = b""
        with open(ours, "rb", buffering=0) as screen:
            while chunk := _chunk(screen):
                *lines, rest = (rest + chunk).split(b"\n")
                self._show(lines)
        self._show([rest] if rest else [])

    def _show(self, lines: list[bytes]) -> None:
        with self._news:
            self._shown += [_STYLE.sub("", line.decode()).rstrip() for line in lines]
            self._news.notify_all()


def _chunk(screen: FileIO) -> bytes:
    try:
        return screen.read(65_536) or b""
    except OSError:  # so ends a terminal that nobody writes to any more
        return b""


def follow(page: Path, folder: Path) -> None:
    """Do what a page says; raise `AssertionError`, naming the line, where it is not so."""
    port = str(free_port())
    terminals: dict[str, Terminal] = {}
    try:
        for block in blocks(page.read_text().replace(PORT, port)):
            terminal = terminals.setdefault(block.terminal, Terminal(folder))
            try:
                _do(block, terminal, folder)
            except AssertionError as error:
                raise AssertionError(f"{page.name}:{block.line}: {error}") from error
    finally:
        for terminal in terminals.values():
            terminal.stop(signal.SIGTERM)


def _do(block: Block, terminal: Terminal, folder: Path) -> None:
    if name := _FILE.match(block.body):
        path = folder / name[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.body)
    elif block.language == "console":
        _console(block.body, terminal)
    elif block.language == "python":
        path = folder / f"block_{block.line}.py"
        path.write_text(block.body)
        terminal.run(f"python {path.name}")


def _console(body: str, terminal: Terminal) -> None:
    """Run the commands of a block; lines before the first are what still runs there shows."""
    before, *commands = re.split(r"^(?:\$ |(?=\^C$))", body, flags=re.M)
    for line in before.splitlines():
        terminal.await_line(_pattern(line))
    for piece in commands:
        command, *expected = piece.splitlines()
        while command.endswith("\\"):
            command = command[:-1] + expected.pop(0).strip()
        if command == "^C":
            terminal.stop()
        elif _LASTING.match(command):
            terminal.start(command)
            for line in expected:
                terminal.await_line(_pattern(line))
        else:
            _compare(terminal.run(command), expected)


def _compare(shown: list[str], expected: list[str]) -> None:
    """Compare all that a command shows; a line of ``...`` alone stands for any lines."""
    pattern = "".join("(.*\n)*?" if line == "..." else f"{_pattern(line).pattern}\n" for line in expected)
    fits = re.fullmatch(pattern, "".join(f"{line}\n" for line in shown))
    assert fits, "\n".join(["it shows:", *shown, "expected:", *expected])


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(piece) for piece in line.rstrip().split("...")))


def environment() -> dict[str, str]:
    """The environment of a reader: our commands first, nobody else's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHANBRIDGE_")}
    bin = str(Path(sys.executable).parent)
    path = f"{bin}{os.pathsep}{kept.get('PATH', '')}"
    return {**kept, "PATH": path, "PYTHONWARNINGS": "error", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
