"""What costs no I/O: parsing, hooks, transcoding, starting up."""

from __future__ import annotations

import hmac
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chanbridge as cb
from benchmarks import samples
from benchmarks.figures import Figure, Size, median, paired, progress, short
from chanbridge.accounts import Accounts
from chanbridge.hooks import Hooks
from chanbridge.transcode import transcode

CALLS = 2_000


def us(call: Callable[[Any], object], items: list[Any]) -> float:
    """Say how long a call takes, in microseconds of CPU."""
    began = time.thread_time()
    for item in items:
        call(item)
    return (time.thread_time() - began) / len(items) * 1e6


def parse(folder: Path, size: Size) -> list[Figure]:
    """From a signed WhatsApp text to its event, beyond HMAC."""
    channel = Accounts.of([samples.account()])[samples.ACCOUNT]
    requests = [samples.request(samples.body()) for _ in range(CALLS)]
    key = samples.SECRET.encode()

    def whole(request: cb.HttpRequest) -> None:
        channel.verify(request)
        list(channel.parse(request))

    def bare(request: cb.HttpRequest) -> None:
        signed = request.headers["x-hub-signature-256"].encode()
        hmac.compare_digest(signed, b"sha256=" + hmac.digest(key, request.body, "sha256").hex().encode())

    pairs = paired(lambda: us(whole, requests), lambda: us(bare, requests), size.rounds * 3)
    beyond = median(a - b for a, b in pairs)
    note = f"{short(median(a for a, _ in pairs))} us, of which HMAC {short(median(b for _, b in pairs))} us"
    return [Figure("parse a WhatsApp text, beyond HMAC", beyond, "us", 6, "at most", note)]


class _Observer:
    @cb.hookimpl
    def chanbridge_received(self, account: Any, event: cb.Event) -> None:
        """Observe an event."""


def hooks(folder: Path, size: Size) -> list[Figure]:
    """Telling ten plugins of an event."""
    channel = Accounts.of([samples.account()])[samples.ACCOUNT]
    [event] = channel.parse(samples.request(samples.body()))
    known = Hooks()
    for number in range(10):
        known.add(_Observer(), f"observer-{number}")
    taken = [
        us(lambda e: known.received(channel.account, e), [event] * CALLS) for _ in range(size.rounds * 3)
    ]
    return [Figure("ten hook plugins, an event", median(taken), "us", 10, "at most")]


_OPTIONS = ["Send a new one", "Money back", "Talk to somebody", "Nothing"]
_LONG = "A sentence that a person could have written, with 3 numbers in it. " * 450
_TRANSCODED = {
    "plain text": ("whatsapp", cb.Message.text("Your new box is on its way.")),
    "four options as numbered text": (
        "sms",
        cb.Message.text("What shall we do?", quick_replies=_OPTIONS),
    ),
    "30,000 characters": ("whatsapp", cb.Message.text(_LONG)),
}


def transcoding(folder: Path, size: Size) -> list[Figure]:
    """Planning a message, for a look at where time goes."""
    from chanbridge.registry import Registry

    figures = []
    for name, (app, message) in _TRANSCODED.items():
        records: Any = Registry().channel(app).capabilities
        record = records if isinstance(records, cb.Capabilities) else next(iter(records.values()))
        count = 5 if len(str(message)) > 1_000 else CALLS // 10
        taken = [us(lambda m, r=record: transcode(m, r), [message] * count) for _ in range(size.rounds)]  # type: ignore[misc]
        figures.append(Figure(f"transcode {name}", median(taken), "us"))
    return figures


def startup(folder: Path, size: Size) -> list[Figure]:
    """``chanbridge --help`` against ``python -c pass``."""
    ours = [str(Path(sys.executable).parent / "chanbridge"), "--help"]
    nothing = [sys.executable, "-c", "pass"]
    pairs = paired(lambda: _run(ours), lambda: _run(nothing), size.rounds)
    progress(f"startup: {short(median(a for a, _ in pairs) * 1000)} ms")
    ratio = median(a / b for a, b in pairs)
    note = (
        f"{short(median(a for a, _ in pairs) * 1e3)} ms against {short(median(b for _, b in pairs) * 1e3)} ms"
    )
    return [Figure("chanbridge --help against python -c pass", ratio, "x", 3, "at most", note)]


def _run(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
