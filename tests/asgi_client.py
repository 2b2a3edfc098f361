"""Calls an ASGI application as a server would, without one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def request(
    app: Any,
    method: str,
    target: str,
    *,
    headers: dict[str, str] | Sequence[tuple[bytes, bytes]] = (),
    body: bytes | list[bytes] = b"",
    stalled: bool = False,
    gone: bool = False,
    **scope: Any,
) -> Answer | None:
    """Make a request; ``stalled``: the rest of its body never comes; ``gone``: the client hangs up."""
    path, _, query = target.partition("?")
    full = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": _fields(headers) if isinstance(headers, dict) else headers,
        "client": ("192.0.2.7", 41000),
        "server": ("127.0.0.1", 8080),
        **scope,
    }
    chunks = [body] if isinstance(body, bytes) else list(body)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if chunks:
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks) or stalled or gone}
        if gone:
            return {"type": "http.disconnect"}
        return await asyncio.Event().wait()  # type: ignore[return-value]

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(full, receive, send)
    if not sent:
        return None
    fields = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert not sent[-1].get("more_body"), "the response was not finished"
    return Answer(sent[0]["status"], fields, b"".join(message.get("body", b"") for message in sent[1:]))


def _fields(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]
