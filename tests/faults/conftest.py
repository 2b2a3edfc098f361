from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.server import Provider, serve

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
LATER_S = 120
"""So much later the leases of a killed process are over."""


class Children:
    """Starts processes, one after the other, on the same folder and against the same provider."""

    def __init__(self, folder: Path, provider: Provider, url: str) -> None:
        self.folder = folder
        self.provider = provider
        self.url = url
        self.running: list[subprocess.Popen[str]] = []

    def start(self, **orders: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.faults.child", str(self.folder), self.url, json.dumps(orders)]
        child = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.running.append(child)
        self.provider.client = child.pid
        return child

    def killed(self, **orders: Any) -> None:
        """Run one that is killed."""
        child = self.start(**orders)
        out, err = child.communicate(timeout=PATIENCE_S)
        assert child.returncode == -signal.SIGKILL, f"it lived: {out}{err}"

    def run(self, **orders: Any) -> Any:
        """Run one to its end, after the leases of those before are over; give what it found."""
        child = self.start(**{"late_s": LATER_S, **orders})
        out, err = child.communicate(timeout=PATIENCE_S)
        assert child.returncode == 0, err
        return json.loads(out.splitlines()[-1])


@pytest.fixture
def provider():
    return Provider()


@pytest.fixture
def children(tmp_path, provider):
    with serve(provider) as url:
        made = Children(tmp_path, provider, url)
        yield made
        for child in made.running:
            child.kill()
            child.communicate()
