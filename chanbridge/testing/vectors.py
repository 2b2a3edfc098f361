"""Golden vectors: ``NAME.http``, a recorded webhook, beside ``NAME.json``, the events it must become.

Set ``CHANBRIDGE_WRITE_VECTORS=1`` to write the expectations of what the code does now. A person then
reads every one that changed: a vector that was written and not read proves nothing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from chanbridge.channel import Channel, Found
from chanbridge.http import Headers, HttpRequest
from chanbridge.model.codec import to_wire
from chanbridge.model.events import Event

WRITE = "CHANBRIDGE_WRITE_VECTORS"
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_STATED = ("type", "time", "providerid", "data")


def vectors(folder: Path) -> list[Path]:
    """Give the recorded requests of a folder, by name; raise `FileNotFoundError` if there is none."""
    files = sorted(folder.glob("*.http"))
    if not files:
        raise FileNotFoundError(f"no *.http in {folder}")
    return files


def read_request(file: Path) -> HttpRequest:
    """Read a recorded request: a request line, header fields, a blank line, the body to the last byte."""
    return parse_request(file.read_bytes())


def parse_request(recorded: bytes) -> HttpRequest:
    """Read a raw HTTP/1.1 request; its lines may end in LF alone. Raise `ValueError` if it is none."""
    end = _END_OF_HEAD.search(recorded)
    head, body = (recorded[: end.start()], recorded[end.end() :]) if end else (recorded.rstrip(), b"")
    first, *lines = head.decode("latin-1").splitlines() or [""]
    pieces = first.split(" ")
    if len(pieces) < 2:
        raise ValueError(f"'{first[:40]}' is no request line: write METHOD TARGET HTTP/1.1")
    pairs = (line.partition(":") for line in lines)
    headers = Headers([(name.strip(), value.strip()) for name, _, value in pairs])
    url = f"https://{headers.get('host', 'hooks.example.com')}{pieces[1]}"
    return HttpRequest(method=pieces[0], url=url, headers=headers, body=body)


def stated(events: Iterable[Found]) -> list[dict[str, Any]]:
    """Give what a vector states of events: all but their raw payloads and the core's own attributes."""
    return [_stated(event) for event in events]


def _stated(event: Found) -> dict[str, Any]:
    wire = to_wire(event)
    if not isinstance(event, Event):
        return {"wake": wire}
    found = {name: wire[name] for name in _STATED if name in wire}
    return {**found, "data": {name: value for name, value in wire["data"].items() if name != "raw"}}


def expected(file: Path) -> list[dict[str, Any]]:
    """Read the events that a recorded request must become."""
    events: list[dict[str, Any]] = json.loads(file.with_suffix(".json").read_text())
    return events


def check(channel: Channel[Any], file: Path) -> None:
    """Raise `AssertionError` unless a recorded request becomes what its vector states.

    Every event must carry its raw payload.
    """
    events = list(channel.parse(read_request(file)))
    without = [event.type for event in events if isinstance(event, Event) and event.raw is None]
    assert not without, f"{file.name}: events without their raw payload: {', '.join(without)}"
    found = stated(events)
    if os.environ.get(WRITE):
        text = json.dumps(found, indent=1, ensure_ascii=False)
        file.with_suffix(".json").write_text(f"{text}\n")
    wanted = expected(file)
    assert found == wanted, f"{file.name}: {_difference(wanted, found)}"


def _difference(wanted: list[dict[str, Any]], found: list[dict[str, Any]]) -> str:
    """Name the first event that differs, and the fields in which it does."""
    if len(wanted) != len(found):
        return f"expected {len(wanted)} events, found {len(found)}"
    for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
        if one != other:
            flat, changed = _flat(one), _flat(other)
            paths = sorted(
                path for path in flat.keys() | changed.keys() if flat.get(path) != changed.get(path)
            )
            shown = "; ".join(
                f"{path}: {flat.get(path)!r} became {changed.get(path)!r}" for path in paths[:5]
            )
            return f"event {index} ({one.get('type')}): {shown}"
    return "no difference"


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """Give the leaves of a JSON value by their paths."""
    if isinstance(value, dict) and value:
        pairs: Iterable[tuple[str, Any]] = ((f"{path}.{key}", below) for key, below in value.items())
    elif isinstance(value, list) and value:
        pairs = ((f"{path}[{index}]", below) for index, below in enumerate(value))
    else:
        return {path.lstrip("."): value}
    return {leaf: below for start, item in pairs for leaf, below in _flat(item, start).items()}
