"""Webhooks: durable ingest against a bare server, ten messages in one body, memory, many conversations."""

from __future__ import annotations

from pathlib import Path

from benchmarks import samples
from benchmarks.figures import Figure, Size, median, progress, short, spread
from benchmarks.servers import Round, server


def ingest(folder: Path, size: Size) -> list[Figure]:
    """Requests per second and CPU of the whole bridge, as a ratio to a bare server."""
    pairs: list[tuple[Round, Round]] = []
    with server("bridge", folder) as ours, server("bare", folder) as bare:
        for number in range(size.rounds + 1):
            requests = samples.webhooks(size.requests)
            pairs.append((ours.round(requests), bare.round(requests)))
            progress(
                f"ingest: {number}/{size.rounds}, {pairs[-1][1].answered_s / pairs[-1][0].answered_s:.2f}"
            )
    del pairs[0]  # warming up
    rates = [b.answered_s / a.answered_s for a, b in pairs]
    cpus = [a.cpu / b.cpu for a, b in pairs]
    ours_per_s = median(size.requests / a.answered_s for a, _ in pairs)
    bare_per_s = median(size.requests / b.answered_s for _, b in pairs)
    busy = max(b.busy for _, b in pairs)
    per_request = median(a.cpu / size.requests * 1e6 for a, _ in pairs)
    per_bare = median(b.cpu / size.requests * 1e6 for _, b in pairs)
    late = median(a.handled_s - a.answered_s for a, _ in pairs)
    return [
        Figure("durable ingest, requests/s against bare", median(rates), "", 0.30,
               note=f"{short(ours_per_s)}/s against {short(bare_per_s)}/s; {spread(rates)}"),
        Figure("durable ingest, CPU against bare", median(cpus), "x", 3.0, "at most",
               note=f"{short(per_request)} us against {short(per_bare)} us a request; {spread(cpus)}"),
        Figure("... handled after the last 200", late * 1000, "ms"),
        Figure("... load generator, share of its core", busy, ""),
    ]  # fmt: skip


def tens(folder: Path, size: Size) -> list[Figure]:
    """Messages per second with ten in a webhook, as a ratio to single ones: stored and handled, in order."""
    pairs: list[tuple[float, float]] = []
    with server("bridge", folder) as ours:
        for number in range(size.rounds + 1):
            many = ours.round(samples.webhooks(size.requests // 5, messages=10), messages=10)
            single = ours.round(samples.webhooks(size.requests))
            pairs.append((size.requests * 2 / many.handled_s, size.requests / single.handled_s))
            progress(f"tens: {number}/{size.rounds}, {pairs[-1][0] / pairs[-1][1]:.2f}")
    del pairs[0]
    ratios = [ten / one for ten, one in pairs]
    note = f"{short(median(t for t, _ in pairs))} against {short(median(o for _, o in pairs))} messages/s"
    return [Figure("ten messages a webhook against one", median(ratios), "x", 4.0, note=note)]


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
