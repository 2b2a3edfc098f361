"""Help: quick, complete, and as committed. ``CHANBRIDGE_WRITE_HELP=1 pytest`` writes the copies anew."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from chanbridge.cli import COMMANDS, overview
from chanbridge.cli.app import root, run

COPIES = Path(__file__).parent / "help"


def commands() -> Iterator[tuple[str, click.Command]]:
    for name, (module, _) in COMMANDS.items():
        command = importlib.import_module(f"chanbridge.cli.{module}").command
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {below}", one) for below, one in command.commands.items())


def help_of(words: list[str], capsys) -> str:
    assert run([*words, "--help"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", ["", *(name for name, _ in commands())])
def test_help_is_as_it_was_committed(name, capsys):
    copy = COPIES / f"{name.replace(' ', '-') or 'chanbridge'}.txt"

    shown = help_of(name.split(), capsys)

    if os.environ.get("CHANBRIDGE_WRITE_HELP"):
        copy.write_text(shown)
    assert shown == copy.read_text()


def test_no_committed_help_is_of_a_command_that_is_gone():
    known = {"chanbridge", *(name.replace(" ", "-") for name, _ in commands())}

    assert {copy.stem for copy in COPIES.iterdir()} == known


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_shows_examples_that_name_it(name, command):
    examples = [line.strip() for line in (command.help or "").partition("Example")[2].splitlines()]

    assert [line for line in examples if f"chanbridge {name}" in line]


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_has_json_and_every_option_its_help(name, command):
    options = [one for one in command.params if isinstance(one, click.Option)]

    assert isinstance(command, click.Group) or any("--json" in one.opts for one in options)
    assert [one.name for one in options if not one.help] == []


def test_the_programs_help_says_the_same_with_and_without_click(capsys):
    assert run(["--help"]) == 0

    assert capsys.readouterr().out == overview() + "\n"


def test_no_example_of_sending_needs_a_window_that_nobody_has_opened():
    shown = [overview(), *(command.help or "" for _, command in commands())]
    examples = [line for text in shown for line in text.splitlines() if "chanbridge send" in line]

    assert [line for line in examples if "whatsapp:" in line and "--template" not in line] == []


def test_the_overview_has_the_first_line_of_every_command_in_its_own_words():
    assert list(COMMANDS) == root.list_commands(click.Context(root))
    assert all(brief.endswith(".") and len(brief) < 66 for _, brief in COMMANDS.values())


def test_the_programs_help_imports_neither_click_nor_anything_else_of_ours():
    program = (
        "import sys\nfrom chanbridge.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'click', 'msgspec', 'httpx', 'jsonschema', 'pluggy', 'asyncio', 'importlib.metadata'}\n"
        "print(sorted(heavy & set(sys.modules)), [m for m in sys.modules if m.startswith('chanbridge.')])\n"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert ran.stdout.splitlines()[-1] == "[] ['chanbridge.cli']"
