"""Magpie on the loopback: it writes down what it accepted, and may kill its client before it answers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Accepted(NamedTuple):
    """A request that reached the provider."""

    path: str
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Provider:
    """What the provider knows; ``deadly`` is the path at which it kills the client instead of answering."""

    def __init__(self) -> None:
        self.accepted: list[Accepted] = []
        self.updates: list[dict[str, Any]] = []
        self.deadly = ""
        self.client = 0
        self._lock = threading.Lock()

    def count(self, path: str) -> int:
        return sum(request.path == path for request in self.accepted)

    @property
    def posts(self) -> list[tuple[str, str]]:
        """The messages it accepted: our key's step, and the words."""
        said = [request.json() for request in self.accepted if request.path in {"/push", "/reply"}]
        return [(post["ref"].rpartition(".")[2], post["text"]) for post in said]

    @property
    def keys(self) -> list[str]:
        return [request.json()["ref"] for request in self.accepted if request.path == "/push"]

    def answer(self, method: str, target: str, body: bytes) -> dict[str, Any] | None:
        """Accept a request; None: the client is dead."""
        path, _, query = target.partition("?")
        path = re.sub(r"^/files/.*", "/files", path)
        with self._lock:
            if path == "/updates":
                after = int(query.partition("=")[2] or 0)
                return {
                    "ok": True,
                    "updates": self.updates[after:],
                    "cursor": str(len(self.updates)),
                    "more": False,
                }
            self.accepted.append(Accepted(path, body))
            if path == self.deadly and self.client:
                self.deadly = ""
                os.kill(self.client, signal.SIGKILL)
                return None
            number = len(self.accepted)
        match path:
            case "/token":
                return {"ok": True, "token": "TEST-token", "refresh": "TEST-refresh", "expires_in": 36000}
            case "/upload":
                return {"ok": True, "file": f"file-TEST-{number}"}
            case "/files":
                return {"ok": True, "ready": True}
            case _:
                return {"ok": True, "id": f"mag-TEST-{number}"}


@contextlib.contextmanager
def serve(provider: Provider) -> Iterator[str]:
    """Serve it in a thread; give its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self._body()
            answer = provider.answer(self.command, self.path, body)
            if answer is None:
                self.close_connection = True
                return
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding", "") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length") or 0))
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)

        def log_message(self, *_: object) -> None:
            """Say nothing: what counts is what was accepted."""

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):  # of a client that was killed
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
