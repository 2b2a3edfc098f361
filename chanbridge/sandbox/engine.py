"""A sandbox: the chosen simulators on loopback ports, one clock, one control API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from chanbridge.sandbox.clock import Clock
from chanbridge.sandbox.control import Control
from chanbridge.sandbox.phones import Phone
from chanbridge.sandbox.simulator import Simulator


class Sandbox:
    """Simulated providers, started by ``async with``. Give classes, or instances that are set up already."""

    def __init__(
        self, simulators: Iterable[type[Simulator] | Simulator], *, ports: Mapping[str, int] = {}
    ) -> None:
        self.clock = Clock()
        self._ports = ports
        self.simulators: dict[str, Simulator] = {}
        control = Control(self)
        for one in simulators:
            simulator = one() if isinstance(one, type) else one
            simulator.clock = self.clock
            simulator.control = control
            self.simulators[simulator.name] = simulator

    def __getitem__(self, name: str) -> Simulator:
        if name not in self.simulators:
            raise LookupError(
                f"no simulator {name!r}: there are {', '.join(sorted(self.simulators)) or 'none'}"
            )
        return self.simulators[name]

    async def __aenter__(self) -> Self:
        try:
            for name, simulator in self.simulators.items():
                await simulator.start(self._ports.get(name, 0))
        except OSError:  # a port that is taken: leave none of the others open
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        await asyncio.gather(*(simulator.stop() for simulator in self.simulators.values()))

    @property
    def url(self) -> str:
        """Where the control API answers: the first simulator's port."""
        return next(iter(self.simulators.values())).base_url

    def phone(self, simulator: str, number: str, name: str = "") -> Phone:
        """Give the phone of a number on a simulator."""
        return self[simulator].phone(number, name)

    def account_settings(self) -> dict[str, dict[str, str]]:
        """Give every account's table for chanbridge.toml, by name; the secrets are invented and literal."""
        return {
            name: table
            for simulator in self.simulators.values()
            for name, table in simulator.settings().items()
        }

    async def connect(self, public_url: str) -> None:
        """Send every account's webhooks to a bridge: to ``/in/{account}`` below its public URL."""
        for simulator in self.simulators.values():
            for account in simulator.settings():
                await simulator.connect(account, f"{public_url.rstrip('/')}/in/{account}")

    async def settle(self, *, within: float = 10.0) -> None:
        """Wait until nothing is on its way any more, in any of them."""
        for simulator in self.simulators.values():
            await simulator.settle(within=within)
