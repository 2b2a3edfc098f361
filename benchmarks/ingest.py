"""Webhooks: durable ingest against a bare server, ten messages in one body, memory, many conversations."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks import load, samples
from benchmarks.figures import Figure, Size, median, progress, short, spread
from benchmarks.servers import Round, Server, server, worker


def ingest(folder: Path, size: Size) -> list[Figure]:
    """Requests per second and CPU of taking in, as a ratio to a bare server; then all of it is handled."""
    with server("receive", folder) as ours, server("bare", folder) as bare:
        pairs = _beside(ours, bare, size, "ingest")
        handled_per_s = _handled_by_another(ours, size.requests * (size.rounds + 1))
    return [
        *_against_bare("durable ingest", pairs, size, (0.30, 3.0)),
        Figure("... placed and handled afterwards by another process", handled_per_s, "messages/s"),
        Figure("... load generator, share of its core", max(two.busy for _, two in pairs), ""),
    ]


def whole(folder: Path, size: Size) -> list[Figure]:
    """The same where one process also places and handles what it takes in."""
    with server("bridge", folder) as ours, server("bare", folder) as bare:
        pairs = _beside(ours, bare, size, "whole")
    late = median(one.handled_s - one.answered_s for one, _ in pairs)
    return [
        *_against_bare("ingest, placed and handled too", pairs, size, (None, None)),
        Figure("... handled after the last 200", late * 1000, "ms"),
    ]


def _beside(ours: Server, bare: Server, size: Size, name: str) -> list[tuple[Round, Round]]:
    """Send the same requests to both, in turn."""
    pairs: list[tuple[Round, Round]] = []
    for number in range(size.rounds + 1):
        requests = samples.webhooks(size.requests)
        pairs.append((ours.round(requests), bare.round(requests)))
        progress(f"{name}: {number}/{size.rounds}, {pairs[-1][1].answered_s / pairs[-1][0].answered_s:.2f}")
    return pairs[1:]  # without warming up


def _against_bare(
    name: str, pairs: list[tuple[Round, Round]], size: Size, targets: tuple[float | None, float | None]
) -> list[Figure]:
    rates = [bare.answered_s / ours.answered_s for ours, bare in pairs]
    cpus = [ours.cpu / bare.cpu for ours, bare in pairs]
    sides = list(zip(*pairs, strict=True))
    per_s = [short(median(size.requests / one.answered_s for one in side)) for side in sides]
    us = [short(median(one.cpu / size.requests * 1e6 for one in side)) for side in sides]
    return [
        Figure(f"{name}, requests/s against bare", median(rates), "", targets[0],
               note=f"{per_s[0]}/s against {per_s[1]}/s; {spread(rates)}"),
        Figure(f"{name}, CPU against bare", median(cpus), "x", targets[1], "at most",
               note=f"{us[0]} us against {us[1]} us a request; {spread(cpus)}"),
    ]  # fmt: skip


def _handled_by_another(taken_in: Server, messages: int) -> float:
    """Have another process handle what a server has taken in; give how many messages a second."""
    with worker(taken_in) as other:
        began = time.perf_counter()
        state = other.until(messages)
        took = time.perf_counter() - began
    if state.handled != messages or state.disordered:
        raise RuntimeError(
            f"of {messages} messages {state.handled} were handled, {state.disordered} out of order"
        )
    return messages / took


def tens(folder: Path, size: Size) -> list[Figure]:
    """Messages per second with ten in a webhook, as a ratio to single ones: stored and handled, in order."""
    with server("bridge", folder) as ours:
        return [_tens(ours, size, connections) for connections in (1, 4, load.CONNECTIONS)]


def _tens(ours: Server, size: Size, connections: int) -> Figure:
    pairs: list[tuple[float, float]] = []
    count = size.requests if connections > 1 else size.requests // 3
    for number in range(size.rounds + 1):
        many = ours.round(samples.webhooks(count // 5, messages=10), 10, connections)
        single = ours.round(samples.webhooks(count), 1, connections)
        pairs.append((count * 2 / many.handled_s, count / single.handled_s))
        progress(
            f"tens: {connections} connections, {number}/{size.rounds}, {pairs[-1][0] / pairs[-1][1]:.2f}"
        )
    del pairs[0]
    ratios = [ten / one for ten, one in pairs]
    rates = f"{short(median(t for t, _ in pairs))} against {short(median(o for _, o in pairs))} messages/s"
    over = "one after the other" if connections == 1 else f"over {connections} connections"
    return Figure(f"ten messages a webhook against one, {over}", median(ratios), "x", 4.0,
                  note=f"{rates}; {spread(ratios)}")  # fmt: skip


def memory(folder: Path, size: Size) -> list[Figure]:
    """Memory of an idle server, and what the second half of many webhooks adds."""
    with server("bridge", folder) as ours:
        idle = ours.state().rss
        marks = []
        for half in range(2):
            for _ in range(10):
                ours.round(samples.webhooks(size.memory // 10))
            marks.append(ours.state().rss)
            progress(f"memory: {half + 1}/2, {marks[-1]:.1f} MB")
    return [
        Figure("idle server", idle, "MB", 60, "at most"),
        Figure(f"the second {size.memory:,} webhooks add", marks[1] - marks[0], "MB", 5, "at most",
               note=f"{marks[0]:.1f} to {marks[1]:.1f} MB"),
    ]  # fmt: skip


def conversations(folder: Path, size: Size) -> list[Figure]:
    """Messages per second with very many open conversations, as a ratio to a thousand."""
    pairs: list[tuple[float, float]] = []
    with server("bridge", folder) as many, server("bridge", folder) as few:
        for _ in range(10):
            many.round(samples.webhooks(size.conversations // 10, people=size.conversations))
            few.round(samples.webhooks(size.conversations // 10))
        for number in range(size.rounds):
            spread_out = many.round(samples.webhooks(size.requests, people=size.conversations))
            close = few.round(samples.webhooks(size.requests))
            pairs.append((size.requests / spread_out.handled_s, size.requests / close.handled_s))
            progress(f"conversations: {number + 1}/{size.rounds}, {pairs[-1][0] / pairs[-1][1]:.2f}")
    ratios = [a / b for a, b in pairs]
    rates = f"{short(median(a for a, _ in pairs))}/s against {short(median(b for _, b in pairs))}/s"
    return [Figure(f"dispatch with {size.conversations:,} conversations against 1,000", median(ratios), "",
                   0.8, note=f"{rates}; {spread(ratios)}")]  # fmt: skip
