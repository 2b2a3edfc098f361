"""An invented channel as if it were installed, and a command line that runs in this process."""

from __future__ import annotations

import hashlib
import hmac
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from types import ModuleType, SimpleNamespace
from typing import Annotated, Any, NamedTuple

import msgspec
import pytest
from msgspec import Meta, Struct

import chanbridge as cb
from chanbridge.cli.app import run
from tests.cli.processes import start

__all__ = ["start"]

SECRET = "TEST-webhook-secret"


class PigeonConfig(Struct, frozen=True, kw_only=True):
    """What one Pigeon account needs."""

    number: Annotated[str, Meta(description="Sender, E.164", pattern=r"^\+[1-9]\d{6,14}$")]
    api_key: Annotated[cb.Secret, Meta(description="Key from Settings > API")]
    webhook_secret: Annotated[cb.Secret, Meta(description="Signs every callback")]
    base_url: str = "https://api.pigeon.example/v2"


class Pigeon(cb.Channel[PigeonConfig]):
    """Text with two buttons; a body is a list of {id, from, to, text}."""

    name = "pigeon"
    Config = PigeonConfig
    capabilities = cb.Capabilities(
        text=cb.TextLimits(max=160, unit="gsm"),
        actions={"button": cb.ActionLimits(max=2, label_max=20)},
        receipts=cb.Receipts(delivered="native"),
    )

    def owns(self, account_id: str) -> bool:
        return account_id in ("", self.config.number)

    def normalise(self, id: str) -> str:
        if not id.startswith("+"):
            raise cb.ValidationError("to", f"'{id}' is no number: write + and the country code")
        return id

    def challenge(self, request: cb.HttpRequest) -> cb.HttpResponse | None:
        return cb.HttpResponse.text("here") if request.method == "GET" else None

    def verify(self, request: cb.HttpRequest) -> None:
        if not cb.same(request.headers.get("x-pigeon-signature", ""), signature(request.content)):
            raise cb.SignatureError("X-Pigeon-Signature does not match the body")

    def parse(self, request: cb.HttpRequest) -> Iterator[cb.Event | cb.Wake]:
        return cb.each(request.json(list[msgspec.Raw]), self._event)

    def _event(self, raw: Any) -> Any:
        call = msgspec.json.decode(raw)
        if "ring" in call:
            return cb.Wake(key="ring")
        if "text" not in call:
            raise cb.PayloadError("no text")
        sender = self.contact(call["from"])
        return cb.MessageReceived.text(
            call["text"], sender=sender, provider_id=call["id"], account_id=call.get("to", "")
        )

    def send(self, step: cb.Step) -> cb.Flow[cb.Sent]:
        body = {"to": step.to.id, "text": step.text, "buttons": [a.label for a in step.actions]}
        answer = yield cb.HttpRequest.post_json(f"{self.config.base_url}/messages", body)
        return cb.Sent(answer.json(dict[str, str]).get("id", "sent-TEST"))

    def check(self) -> cb.Flow[list[cb.Finding]]:
        answer = yield cb.HttpRequest.get(f"{self.config.base_url}/me")
        return [cb.Finding(level="ok", what=f"the key belongs to {answer.json(dict[str, str])['name']}")]

    def sign(self, request: cb.HttpRequest, grant: cb.Grant | None) -> cb.HttpRequest:
        return request.with_headers(authorization=f"Bearer {self.config.api_key.reveal()}")


def signature(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


CONFIG = """\
public_url = "https://hooks.example.com"

[accounts.loft]
channel = "pigeon"
number = "+12025550100"
api_key = "env:PIGEON_API_KEY"
webhook_secret = "env:PIGEON_WEBHOOK_SECRET"
"""


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> list[Any]:
        return [msgspec.json.decode(line) for line in self.out.splitlines()]


Cli = Callable[..., Ran]


@pytest.fixture
def cli(monkeypatch, tmp_path, capfdbinary) -> Cli:
    """Run ``chanbridge`` in an empty folder, with only pigeon installed."""
    module = ModuleType("chanbridge_pigeon_TEST")

    @cb.hookimpl
    def chanbridge_channels():
        return [Pigeon]

    vars(module)["chanbridge_channels"] = chanbridge_channels
    monkeypatch.setitem(sys.modules, module.__name__, module)
    entry = metadata.EntryPoint("pigeon", module.__name__, "chanbridge")
    vars(entry)["dist"] = SimpleNamespace(name="chanbridge-pigeon", version="1.2.3")
    monkeypatch.setattr(
        "chanbridge.registry.installed", lambda group: [entry] if group == "chanbridge" else []
    )
    monkeypatch.setenv("PIGEON_API_KEY", "TEST-api-key")
    monkeypatch.setenv("PIGEON_WEBHOOK_SECRET", SECRET)
    monkeypatch.delenv("CHANBRIDGE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)

    def call(*args: str, stdin: bytes = b"") -> Ran:
        path = tmp_path / ".stdin"
        path.write_bytes(stdin)
        with path.open() as file:
            monkeypatch.setattr(sys, "stdin", file)
            code = run(list(args))
        out, err = capfdbinary.readouterr()
        path.unlink()
        return Ran(code, out.decode(), err.decode())

    return call


@pytest.fixture
def configured(cli, tmp_path) -> Cli:
    """The same, with a configuration."""
    (tmp_path / "chanbridge.toml").write_text(CONFIG)
    return cli
