"""Running a bridge behind HTTP until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from chanbridge.cli.common import Failed

if TYPE_CHECKING:
    from chanbridge.bridge import Bridge

GRACE_S = 10.0


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run on the fastest event loop that is installed."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)


def stop_signal() -> asyncio.Event:
    """An event that is set by Ctrl-C or a request to terminate; a second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told, number)
    return stop


@contextlib.asynccontextmanager
async def served(bridge: Bridge, app: Any, host: str, port: int) -> AsyncIterator[str]:
    """Start the bridge and serve an application of it; give its URL. Stops both, the server first."""
    server, config = _server(app, host, port)
    async with bridge:
        task = asyncio.create_task(server.serve(_sockets(config, host, port)))
        try:
            yield await _url(server, task, host)
        finally:
            server.should_exit = True
            await task


def _server(app: Any, host: str, port: int) -> tuple[Any, Any]:
    try:
        import uvicorn
    except ImportError as error:
        mend = "pip install 'chanbridge[serve]'"
        raise Failed(f"serving HTTP needs uvicorn: {mend}") from error

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield  # ours are set up already: the bridge stops after the server

    config = uvicorn.Config(
        app, host=host, port=port, lifespan="off", log_config=None, access_log=False,
        server_header=False, proxy_headers=False, timeout_graceful_shutdown=int(GRACE_S),
    )  # fmt: skip
    return Server(config), config


def _sockets(config: Any, host: str, port: int) -> list[Any]:
    try:
        return [config.bind_socket()]
    except (OSError, SystemExit) as error:
        raise Failed(f"--port: {host}:{port} cannot be listened on: is it in use?") from error


async def _url(server: Any, task: asyncio.Task[None], host: str) -> str:
    while not server.started:
        if task.done():
            raise Failed("the server did not start")
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"
