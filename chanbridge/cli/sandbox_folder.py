"""The folder of a sandbox: its configuration and store, which one sandbox has at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from chanbridge.cli.common import Misused, NotNow

_LOCK = ".sandbox.lock"
_FIRST = "# Written by 'chanbridge sandbox'."
_HEAD = f"""\
{_FIRST} Its secrets are invented.
allow_literal_secrets = true
public_url = "{{url}}"
store = "sqlite:///chanbridge.db"
"""


@contextlib.contextmanager
def sole(folder: Path) -> Iterator[None]:
    """Have a folder for one sandbox alone until it ends, however it ends.

    Raise `NotNow` while another sandbox has it, `Misused` if nothing can be written there.
    """
    from chanbridge.vault import try_lock

    with contextlib.ExitStack() as stack:
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context((folder / _LOCK).open("ab"))
        if not try_lock(file):
            raise NotNow(f"--dir: a sandbox is running in {folder}: stop it, or name another folder")
        yield


def write_config(folder: Path, url: str, accounts: dict[str, dict[str, str]]) -> Path:
    """Write the configuration of simulated accounts; give its path.

    Raise `Misused` if it cannot be written, or if one is there that no sandbox has written.
    """
    from chanbridge.cli.init import account_lines

    path = folder / "chanbridge.toml"
    tables = [line for name, table in accounts.items() for line in account_lines(name, table)]
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.read_bytes().startswith(_FIRST.encode()):
            raise Misused(f"--dir: {path} is there, and no sandbox has written it: name another folder")
        path.write_text(_HEAD.format(url=url) + "".join(tables), encoding="utf-8")
    return path


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        mend = "name another folder"
        raise Misused(f"--dir: {folder} cannot be written to: {error.strerror}: {mend}") from error
