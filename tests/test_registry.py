"""Finding plugins: by entry point, one by one, each answering for itself."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import metadata
from types import ModuleType, SimpleNamespace
from typing import Annotated, Any

import msgspec
import pytest

import chanbridge as cb
from chanbridge.registry import CHANNELS, HOOKS, Registry


class PigeonConfig(msgspec.Struct, kw_only=True):
    number: str = "+12025550100"
    base_url: str = "https://api.pigeon.example"


class Pigeon(cb.Channel[PigeonConfig]):
    name = "pigeon"
    Config = PigeonConfig
    capabilities = cb.Capabilities(text=cb.TextLimits(max=160))


class Owl(cb.Channel[PigeonConfig]):
    name = "owl"
    Config = PigeonConfig
    capabilities: Mapping[str, cb.Capabilities] = {"direct": cb.Capabilities(), "group": cb.Capabilities()}


@pytest.fixture
def installed(monkeypatch):
    """Install modules as distributions; ``installed.find`` is what a registry looks in."""
    entries: dict[str, list[Any]] = {CHANNELS: [], HOOKS: []}

    def install(group: str, name: str, **attributes: Any) -> None:
        module = ModuleType(f"chanbridge_{name}_TEST")
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        entry = metadata.EntryPoint(name, module.__name__, group)
        vars(entry)["dist"] = SimpleNamespace(name=f"chanbridge-{name}", version="1.2.3")
        entries[group].append(entry)

    install.find = lambda group: entries[group]
    return install


def channels(*classes: Any) -> dict[str, Any]:
    @cb.hookimpl
    def chanbridge_channels():
        return list(classes)

    return {"chanbridge_channels": chanbridge_channels}


def test_a_channel_is_found_by_the_name_of_its_entry_point(installed):
    installed(CHANNELS, "pigeon", **channels(Pigeon))

    assert Registry(installed.find).channel("pigeon") is Pigeon


def test_naming_the_channels_imports_none(installed):
    installed(CHANNELS, "pigeon", **channels(Pigeon))
    del sys.modules["chanbridge_pigeon_TEST"]

    assert Registry(installed.find).names() == ["pigeon"]


def test_a_channel_that_is_not_installed_says_what_to_install(installed):
    with pytest.raises(cb.PluginError) as caught:
        Registry(installed.find).channel("fax")

    assert str(caught.value) == "no channel 'fax': install chanbridge-fax"


def test_the_core_fills_in_where_capabilities_come_from(installed):
    installed(CHANNELS, "pigeon", **channels(Pigeon))

    record = Registry(installed.find).channel("pigeon").capabilities

    assert isinstance(record, cb.Capabilities)
    assert (record.channel, record.plugin, record.plugin_version) == ("pigeon", "chanbridge-pigeon", "1.2.3")
    assert record.text == cb.TextLimits(max=160)


def test_each_record_of_a_table_is_given_its_variant():
    registry = Registry(lambda group: [])

    registry.add(Owl)

    records = registry.channel("owl").capabilities
    assert isinstance(records, Mapping)
    assert {name: (r.variant, r.channel) for name, r in records.items()} == {
        "direct": ("direct", "owl"),
        "group": ("group", "owl"),
    }


def test_capabilities_that_depend_on_the_account_are_filled_in_too(installed):
    class Varying(Pigeon):
        def __init__(self, account):
            super().__init__(account)
            self.capabilities = cb.Capabilities(text=cb.TextLimits(max=70))

    installed(CHANNELS, "pigeon", **channels(Varying))

    made = Registry(installed.find).build("pigeon", cb.Account("a", PigeonConfig()))

    assert isinstance(made.capabilities, cb.Capabilities)
    assert made.capabilities.text == cb.TextLimits(max=70)
    assert (made.capabilities.channel, made.capabilities.plugin) == ("pigeon", "chanbridge-pigeon")


def test_a_channel_that_cannot_be_set_up_is_named_without_its_words():
    class Broken(Pigeon):
        def __init__(self, account):
            raise ValueError("s3cret")

    registry = Registry(lambda group: [])
    registry.add(Broken)

    with pytest.raises(cb.PluginError, match=r"^pigeon: .*ValueError$"):
        registry.build("pigeon", cb.Account("a", PigeonConfig()))


def test_a_plugin_that_cannot_be_imported_is_named_and_harms_no_other(installed):
    installed(CHANNELS, "pigeon", **channels(Pigeon))
    installed(CHANNELS, "owl", **channels(Owl))
    sys.modules["chanbridge_owl_TEST"] = None  # type: ignore[assignment]  # makes the import fail
    registry = Registry(installed.find)

    loaded = registry.channels()

    assert list(loaded) == ["pigeon"]
    assert list(registry.problems) == ["owl"]
    assert str(registry.problems["owl"]).startswith("chanbridge-owl: cannot be imported: ModuleNotFoundError")


def test_a_broken_plugin_says_the_same_each_time_it_is_asked_for(installed):
    installed(CHANNELS, "owl", **channels())
    registry = Registry(installed.find)

    with pytest.raises(cb.PluginError) as first:
        registry.channel("owl")
    with pytest.raises(cb.PluginError) as second:
        registry.channel("owl")

    assert first.value is second.value


def raising() -> Any:
    @cb.hookimpl
    def chanbridge_channels():
        raise RuntimeError("no")

    return {"chanbridge_channels": chanbridge_channels}


class NoStruct(Pigeon):
    Config = dict  # type: ignore[assignment]


class WrongMeta(msgspec.Struct):
    rate: Annotated[int | None, msgspec.Meta(ge=1)] = None


class NoType(Pigeon):
    Config = WrongMeta


class NoRecord(Pigeon):
    capabilities = {}


@cb.hookimpl
async def chanbridge_received(event):
    raise AssertionError


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        (channels(Owl), "no channel is named as entry point 'pigeon' (there is: owl)"),
        ({}, "no channel is named as entry point 'pigeon' (there is: none)"),
        (raising(), "chanbridge_channels failed: RuntimeError: no"),
        (channels(NoStruct), "NoStruct.Config is no msgspec.Struct"),
        (channels(NoType), "WrongMeta is no valid type: Can only set `ge` on a numeric type"),
        (channels(NoRecord), "the capabilities of 'pigeon' are no record, and no table of records"),
        ({**channels(Pigeon), "chanbridge_received": chanbridge_received}, "chanbridge_received is async"),
    ],
    ids=["other name", "no channels", "raises", "no struct", "no type", "no capabilities", "async hook"],
)
def test_a_breach_of_the_contract_is_found_when_the_plugin_is_loaded(installed, attributes, problem):
    installed(CHANNELS, "pigeon", **attributes)

    with pytest.raises(cb.PluginError) as caught:
        Registry(installed.find).channel("pigeon")

    assert str(caught.value).startswith(f"chanbridge-pigeon: {problem}")


def test_a_channel_needs_a_name_that_can_stand_in_an_address():
    class Colon(Pigeon):
        name = "pig:eon"

    with pytest.raises(cb.PluginError, match=r"Colon\.name is 'pig:eon'"):
        Registry(lambda group: []).add(Colon)


def test_a_module_can_be_added_without_being_installed():
    module = ModuleType("one_file")
    vars(module).update(channels(Pigeon, Owl))
    registry = Registry(lambda group: [])

    registry.add(module)

    assert registry.names() == ["owl", "pigeon"]
    assert registry.channel("owl") is Owl


def test_the_hooks_of_a_channels_module_count_from_its_first_use(installed):
    seen = []

    @cb.hookimpl
    def chanbridge_stored(media):
        seen.append(media.blob)

    installed(CHANNELS, "pigeon", **channels(Pigeon), chanbridge_stored=chanbridge_stored)
    registry = Registry(installed.find)

    registry.hooks.stored(cb.Media(blob="before"))
    registry.channel("pigeon")
    registry.hooks.stored(cb.Media(blob="after"))

    assert seen == ["after"]


def test_hook_plugins_are_loaded_when_a_bridge_starts_and_a_broken_one_is_named(installed):
    seen = []

    @cb.hookimpl
    def chanbridge_stored(media):
        seen.append(media.blob)

    installed(HOOKS, "audit", chanbridge_stored=chanbridge_stored)
    installed(HOOKS, "broken", chanbridge_received=chanbridge_received)
    registry = Registry(installed.find)

    registry.load_hooks().stored(cb.Media(blob="b-TEST"))

    assert seen == ["b-TEST"]
    assert list(registry.problems) == ["chanbridge-broken"]


def test_simulators_come_from_every_plugin(installed):
    @cb.hookimpl
    def chanbridge_simulators():
        return ["a pigeon loft"]

    installed(CHANNELS, "pigeon", **channels(Pigeon), chanbridge_simulators=chanbridge_simulators)

    assert Registry(installed.find).simulators() == ["a pigeon loft"]


def test_registries_share_nothing():
    one, other = Registry(lambda group: []), Registry(lambda group: [])

    one.add(Pigeon)

    assert other.names() == []
