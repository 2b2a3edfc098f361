"""The machine: its cores, what a process uses of it, and how it is described."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("msgspec", "httpx", "aiohttp", "uvicorn", "uvloop", "httptools")
CORES = sorted(os.sched_getaffinity(0))
LOAD_CORE, SERVER_CORE = CORES[-1], CORES[0]


def pin(core: int) -> None:
    """Keep this process on one core."""
    os.sched_setaffinity(0, {core})


def rss_mb(pid: int | str = "self") -> float:
    """Say how much memory a process has now, in MB (10^6 bytes)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def sync_ms(folder: Path, times: int = 50) -> float:
    """Say how long the disk takes to make 4 KiB durable: the median, in ms."""
    taken = []
    with (folder / "sync").open("wb") as file:
        for _ in range(times):
            began = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    return sorted(taken)[times // 2] * 1000


def describe(folder: Path) -> dict[str, str]:
    """Describe the machine, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": str(len(CORES)),
        "memory": f"{memory:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "disk": f"{sync_ms(folder):.2f} ms to sync 4 KiB",
        "load": f"{os.getloadavg()[0]:.1f} before the run",
        **{name: version(name) for name in LIBRARIES},
    }
