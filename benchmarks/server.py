"""The servers under test, each a process of its own: ``python -m benchmarks.server KIND FOLDER CORE``.

``receive`` is what ``chanbridge serve --workers`` runs, ``bridge`` what it runs without them (or what one
of them does, on the folder of a ``receive``), ``bare`` what both are compared with.

Says on standard output which port it has, then answers each line of standard input with how it stands.
"""

from __future__ import annotations

import hmac
import json
import logging
import sys
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks import machine, samples
from chanbridge.cli.running import spare_collector


class Seen:
    """What the handler saw: how many messages, and whether any came out of order."""

    def __init__(self) -> None:
        self.handled = 0
        self.disordered = 0
        self._last: dict[str, str] = {}

    async def __call__(self, event: Any) -> None:
        self.handled += 1
        key = event.message.conversation
        if event.sequence <= self._last.get(key, ""):
            self.disordered += 1
        self._last[key] = event.sequence


def bridged(folder: Path, seen: Seen, work: Any) -> Any:
    """A bridge: journal on disk, one handler."""
    from chanbridge.bridge import Bridge
    from chanbridge.model.events import MessageReceived

    bridge = Bridge([samples.account()], folder=folder)
    bridge.on(MessageReceived)(seen)
    return bridge.asgi(work)


def bare() -> Any:
    """An application that verifies the same signature, and nothing else."""
    key = samples.SECRET.encode()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        message = await receive()
        body = message["body"]
        while message["more_body"]:
            message = await receive()
            body += message["body"]
        signed = next(value for name, value in scope["headers"] if name == b"x-hub-signature-256")
        right = hmac.compare_digest(signed, b"sha256=" + hmac.digest(key, body, "sha256").hex().encode())
        fields = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200 if right else 403, "headers": fields})
        await send({"type": "http.response.body", "body": b""})

    return app


async def _live(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def _answer_questions(server: Any, port: int, seen: Seen) -> None:
    while not server.started:
        time.sleep(0.01)
    spare_collector()
    print(json.dumps({"port": port}), flush=True)
    for _ in sys.stdin:
        state = {
            "handled": seen.handled,
            "disordered": seen.disordered,
            "cpu": time.process_time(),
            "rss": machine.rss_mb(),
        }
        print(json.dumps(state), flush=True)
    server.should_exit = True


def main(kind: str, folder: str, core: str) -> None:
    import uvicorn

    machine.pin(int(core))
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    seen = Seen()
    work = "receive" if kind == "receive" else "all"
    app = bare() if kind == "bare" else bridged(Path(folder), seen, work)
    config = uvicorn.Config(
        app, port=0, loop="uvloop", http="httptools", log_config=None, access_log=False,
        server_header=False, proxy_headers=False,
    )  # fmt: skip
    listening = config.bind_socket()
    server = uvicorn.Server(config)
    port = listening.getsockname()[1]
    threading.Thread(target=_answer_questions, args=(server, port, seen), daemon=True).start()
    server.run([listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
