"""A plugin that does not load is named, and takes nothing else down."""

import logging
import types

import pytest

import chanbridge as cb
from chanbridge.bridge import Bridge
from chanbridge.config import load_settings
from chanbridge.registry import CHANNELS, Registry
from tests.channels import ADA, Pigeon, PlainConfig, pigeon_webhook
from tests.runtime import Providers

TOML = """
allow_literal_secrets = true

[accounts.main]
channel = "pigeon"
number = "+12025550100"

[accounts.broken]
channel = "{channel}"
"""


class Faulty(Pigeon):
    """A channel whose own code fails when it is set up."""

    name = "faulty"
    Config = PlainConfig

    def __init__(self, account):
        raise KeyError("no such thing")


class BrokenEntry:
    name = "acme"
    group = CHANNELS
    dist = types.SimpleNamespace(name="chanbridge-acme", version="1")

    def load(self):
        raise NameError("oops")


@pytest.fixture(params=["acme", "faulty"])
def bridge(request, tmp_path, caplog):
    (tmp_path / "chanbridge.toml").write_text(TOML.format(channel=request.param))
    registry = Registry(lambda group: [BrokenEntry()] if group == CHANNELS else [])
    registry.add(Pigeon)
    registry.add(Faulty)
    settings = load_settings(tmp_path / "chanbridge.toml", registry=registry, environ={})
    with caplog.at_level(logging.ERROR):
        bridge = Bridge.from_settings(settings, registry)
    bridge.transport = Providers()
    return bridge


async def test_the_other_accounts_work(bridge):
    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", "Hello")
        assert await receipt.until("submitted", timeout=5) == "submitted"


def test_the_broken_one_is_named_in_the_log(bridge, caplog):
    [record] = [record for record in caplog.get_records("setup") if record.msg == "account.broken"]

    assert record.account == "broken"
    assert record.problem


async def test_its_provider_shall_come_again_and_its_sends_say_why(bridge):
    async with bridge:
        response = await bridge.runtime.receiver.receive("broken", pigeon_webhook())
        with pytest.raises(cb.PluginError, match="cannot be used"):
            await bridge.send(f"pigeon:{ADA}", "Hello", account="broken")

    assert response.status == 503
    assert response.headers["retry-after"]
