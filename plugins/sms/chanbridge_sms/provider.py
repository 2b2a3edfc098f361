"""What one SMS company does: the half of the channel that knows a wire."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

import chanbridge as cb
from chanbridge_sms.config import SmsConfig


class Provider(ABC):
    """One account at one company. `Sms` asks it for everything that differs from company to company.

    The methods are those of `chanbridge.Channel`, and hold to the same contract: pure, no I/O.
    """

    hosts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, account: cb.Account[SmsConfig]) -> None:
        self.account = account
        self.config = account.config

    @abstractmethod
    def verify(self, request: cb.HttpRequest) -> None: ...

    @abstractmethod
    def parse(self, request: cb.HttpRequest) -> Iterable[cb.Found]: ...

    @abstractmethod
    def owns(self, account_id: str) -> bool: ...

    @abstractmethod
    def acknowledge(self) -> cb.HttpResponse: ...

    @abstractmethod
    def capabilities(self) -> dict[str, cb.Capabilities]: ...

    @abstractmethod
    def validate(self, message: cb.Message) -> Iterable[cb.ValidationError]: ...

    @abstractmethod
    def send(self, step: cb.Step) -> cb.Flow[cb.Sent]: ...

    @abstractmethod
    def fetch(self, media: cb.Media) -> cb.Flow[cb.Content]: ...

    @abstractmethod
    def check(self) -> cb.Flow[list[cb.Finding]]: ...

    @abstractmethod
    def sign(self, request: cb.HttpRequest) -> cb.HttpRequest: ...

    @abstractmethod
    def error(self, response: cb.HttpResponse) -> cb.SendError | None: ...
