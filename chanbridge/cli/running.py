"""Running a bridge behind HTTP until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import signal
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from chanbridge.cli.common import Failed, Misused, NotNow
from chanbridge.cli.output import end_line

if TYPE_CHECKING:
    from chanbridge.bridge import Bridge
    from chanbridge.runtime import Work

GRACE_S = 10.0


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run on the fastest event loop that is installed."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)


def spare_collector() -> None:
    """Have the garbage collector look at what is new only, and less often.

    What a server is made of stays; of a burst of requests nearly all are alive when it looks.
    """
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


def stop_signal(stop: asyncio.Event | None = None) -> asyncio.Event:
    """Have an event set by Ctrl-C or a request to terminate; a second one ends the process at once."""
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()

    def told(number: signal.Signals) -> None:
        if number == signal.SIGINT:
            end_line()
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told, number)
    return stop


def bind(host: str, port: int) -> socket.socket:
    """Take a port, any if it is 0; nothing is answered yet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        taken = error.errno == errno.EADDRINUSE
        mend = "stop what has it, or take another port" if taken else "name another host or port"
        said = f"--port: {host}:{port} cannot be listened on: {error.strerror}: {mend}"
        raise (NotNow if taken else Misused)(said) from error
    return listening


def url_of(listening: socket.socket) -> str:
    """The URL of a taken port."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.asynccontextmanager
async def served(
    bridge: Bridge, app: Any, listening: socket.socket, work: Work = "all"
) -> AsyncIterator[None]:
    """Start the bridge and serve an application of it. Stops both, the server first."""
    server = _server(app)
    async with bridge.running(work):
        task = asyncio.create_task(server.serve([listening]))
        try:
            while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no bell for it
                await asyncio.sleep(0.005)
            yield
        finally:
            server.should_exit = True
            await task


def _server(app: Any) -> Any:
    try:
        import uvicorn
    except ImportError as error:
        raise Failed("serving HTTP needs uvicorn: pip install 'chanbridge[serve]'") from error

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield  # ours are set up already: the bridge stops after the server

    config = uvicorn.Config(
        app, lifespan="off", log_config=None, access_log=False, server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=int(GRACE_S),
    )  # fmt: skip
    return Server(config)
