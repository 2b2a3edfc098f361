"""Who holds leases: the bridges that share a store, by name, and which of them are known to be dead."""

from __future__ import annotations

import os
import socket

from chanbridge.model.ids import new_id

_HERE: set[str] = set()  # those of this process


def new_owner() -> str:
    """Name a bridge of this process among those that share a store: ``host:pid:mark``."""
    name = f"{socket.gethostname()}:{os.getpid()}:{new_id()[-6:]}"
    _HERE.add(name)
    return name


def forget(owner: str) -> None:
    """Say that a bridge of this process has stopped."""
    _HERE.discard(owner)


def is_dead(owner: str) -> bool:
    """Say whether an owner is certainly dead: of this machine, and its process is gone.

    Then its leases need not run out before its work goes on.
    """
    host, _, rest = owner.partition(":")
    pid, _, mark = rest.partition(":")
    if host != socket.gethostname() or not (pid.isdecimal() and mark):
        return False
    if int(pid) == os.getpid():  # in a container every process that is restarted has the same number
        return owner not in _HERE
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
