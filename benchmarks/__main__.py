"""``python -m benchmarks``: measures, and prints a table."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks import ingest, machine, pure, sending
from benchmarks.figures import FULL, QUICK, Figure, Size, progress, table

Benchmark = Callable[[Path, Size], list[Figure]]
ALL: dict[str, Benchmark] = {
    "ingest": ingest.ingest,
    "whole": ingest.whole,
    "tens": ingest.tens,
    "parse": pure.parse,
    "hooks": pure.hooks,
    "transcode": pure.transcoding,
    "send": sending.sends,
    "outbox": sending.outbox,
    "startup": pure.startup,
    "memory": ingest.memory,
    "conversations": ingest.conversations,
}


@click.command()
@click.option("--quick/--full", default=True, help="About two minutes (the default), or what is published.")
@click.option("--only", multiple=True, type=click.Choice(sorted(ALL)), help="Only this one; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--folder", type=click.Path(path_type=Path, exists=True), default=Path("/var/tmp"),
              help="Where the stores lie while it runs: a disk, not memory.")  # fmt: skip
def main(quick: bool, only: tuple[str, ...], as_json: bool, folder: Path) -> None:
    """Measure what chanbridge costs, as ratios that are taken side by side."""
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="chanbridge-bench-", dir=folder) as own:
        described = machine.describe(Path(own))
        machine.pin(machine.LOAD_CORE)
        figures = [figure for name in only or ALL for figure in _run(name, Path(own), size)]
    if as_json:
        lines = [{**figure._asdict(), "holds": figure.holds} for figure in figures]
        print(json.dumps({"machine": described, "figures": lines}, indent=2))
    else:
        head = ["measured", "reached", "target", "", ""]
        print(table([head, *(figure.line() for figure in figures)]))
        print("\n" + ", ".join(f"{name} {value}" for name, value in described.items()))


def _run(name: str, folder: Path, size: Size) -> list[Figure]:
    progress(f"{name} ...")
    began = time.perf_counter()
    figures = ALL[name](folder, size)
    progress(f"{name}: {time.perf_counter() - began:.0f} s")
    return figures


if __name__ == "__main__":
    main()
