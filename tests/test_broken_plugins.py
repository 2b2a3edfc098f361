"""A plugin that does not load is named, and takes nothing else down."""

import logging
import traceback
import types

import msgspec
import pytest

import chanbridge as cb
from chanbridge.bridge import Bridge
from chanbridge.config import load_settings
from chanbridge.registry import CHANNELS, Registry
from tests.channels import ADA, Pigeon, PigeonConfig, PlainConfig, call, pigeon_webhook
from tests.runtime import Providers, make_bridge

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


def _raising(*args):
    raise KeyError("Ada's secret words")


NONSENSE = [
    ("normalise", _raising),
    ("recipient", _raising),
    ("validate", _raising),
    ("validate", lambda *args: ["no error"]),
    ("capabilities_for", _raising),
    ("capabilities_for", lambda *args: None),
    ("policy", _raising),
    ("policy", lambda *args: None),
    ("variant", _raising),
]


@pytest.mark.parametrize(("method", "fails"), NONSENSE)
async def test_a_send_names_the_plugin_that_failed_and_the_place_without_its_words(tmp_path, method, fails):
    careless = type("Careless", (Pigeon,), {method: fails})
    bridge = make_bridge(tmp_path, Providers(), accounts=[("main", careless, PigeonConfig())])

    async with bridge:
        with pytest.raises(cb.PluginError, match=r"pigeon: failed with \w+ at .+\.py:\d+") as caught:
            await bridge.send(f"pigeon:{ADA}", "Hello", account="main")

    shown = "".join(traceback.format_exception(caught.value))
    assert "secret" not in shown


@pytest.mark.parametrize("method", ["capabilities_for", "can"])
async def test_so_does_a_gesture(tmp_path, method):
    careless = type("Careless", (Pigeon,), {})
    bridge = make_bridge(tmp_path, Providers(), accounts=[("main", careless, PigeonConfig())])

    async with bridge:
        to = bridge.conversation(f"pigeon:{ADA}", "main")
        setattr(careless, method, _raising)
        with pytest.raises(cb.PluginError, match="pigeon: failed with KeyError"):
            await bridge.post_gesture(cb.Gesture(kind="typing", to=to))


@pytest.mark.parametrize(
    ("method", "fails", "verb", "status"),
    [
        ("challenge", lambda *args: "nonsense", "GET", 500),
        ("challenge", lambda *args: True, "POST", 500),
        ("methods", None, "POST", 500),
        ("acknowledge", lambda *args: "nonsense", "POST", 200),
    ],
)
async def test_a_webhook_is_answered_whatever_a_plugin_gives(tmp_path, caplog, method, fails, verb, status):
    careless = type("Careless", (Pigeon,), {method: fails})
    bridge = make_bridge(tmp_path, Providers(), accounts=[("main", careless, PigeonConfig())])

    async with bridge:
        request = msgspec.structs.replace(pigeon_webhook(call()), method=verb)
        response = await bridge.runtime.receiver.receive("main", request)

    assert response.status == status
    assert [record.plugin for record in caplog.records if record.msg == "plugin.failed"] == ["pigeon"]


async def test_can_that_raises_is_the_plugins_failure(tmp_path):
    careless = type("Careless", (Pigeon,), {"challenge": lambda *args: None})
    bridge = make_bridge(tmp_path, Providers(), accounts=[("main", careless, PigeonConfig())])

    async with bridge:
        careless.can = _raising
        request = msgspec.structs.replace(pigeon_webhook(call()), method="PUT")
        response = await bridge.runtime.receiver.receive("main", request)
        del careless.can

    assert response.status == 500
