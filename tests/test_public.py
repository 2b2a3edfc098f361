"""The public face: what the stub says is what there is."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import chanbridge as cb

STUB = Path(cb.__file__).with_suffix(".pyi")


def stubbed() -> dict[str, str]:
    """The names of the stub, and the module each comes from."""
    imports = [node for node in ast.parse(STUB.read_text()).body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: node.module or "" for node in imports for alias in node.names}


def test_the_stub_names_what_there_is_at_run_time() -> None:
    assert sorted(stubbed()) == cb.__all__


@pytest.mark.parametrize(("name", "home"), sorted(stubbed().items()))
def test_a_name_is_the_one_of_the_module_that_the_stub_names(name: str, home: str) -> None:
    value = getattr(cb, name)

    assert value is getattr(sys.modules[home], name)


def test_the_names_are_sorted_and_listed() -> None:
    assert cb.__all__ == sorted(set(cb.__all__))
    assert dir(cb) == cb.__all__


def test_a_name_that_is_not_there_is_named() -> None:
    with pytest.raises(AttributeError, match="module 'chanbridge' has no attribute 'Massage'"):
        cb.Massage  # noqa: B018


def test_importing_costs_nothing_but_itself() -> None:
    code = "import sys, chanbridge; print(*sys.modules)"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    modules = {name for name in ran.stdout.split() if name.startswith(("chanbridge", "msgspec"))}
    assert modules == {"chanbridge"}
