"""The hook points: order, what an exception does, and what it costs."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pluggy
import pytest

import chanbridge as cb
from chanbridge.hooks import Hooks, Parked, Specs, hookimpl

ANN = cb.Contact(address="sms:+12025550123")
HELLO = cb.MessageReceived.text("my PIN is 1234", sender=ANN)


class NoConfig(msgspec.Struct):
    pass


ACCOUNT: cb.Account[Any] = cb.Account("support", NoConfig())


class Recorder:
    """A plugin that notes what it was told."""

    def __init__(self, name: str, log: list[Any]) -> None:
        self.name, self.log = name, log

    @hookimpl
    def chanbridge_received(self, account, event):
        self.log.append((self.name, account.name, event))

    @hookimpl
    def chanbridge_request(self, account, request, response):
        self.log.append((self.name, request.method, response.status))

    @hookimpl
    def chanbridge_stored(self, media):
        self.log.append((self.name, media.blob))

    @hookimpl
    def chanbridge_parked(self, item):
        self.log.append((self.name, item.id))


class Failing:
    """A plugin whose every hook raises, with words that must not be logged."""

    @hookimpl
    def chanbridge_received(self, account, event):
        raise RuntimeError(event.message.plain)

    @hookimpl
    def chanbridge_request(self, account, request, response):
        raise RuntimeError("1234")

    @hookimpl
    def chanbridge_stored(self, media):
        raise RuntimeError("1234")

    @hookimpl
    def chanbridge_parked(self, item):
        raise RuntimeError("1234")

    @hookimpl
    def chanbridge_identify(self, contact):
        raise RuntimeError("1234")

    @hookimpl
    def chanbridge_sinks(self):
        raise RuntimeError("1234")

    @hookimpl
    def chanbridge_simulators(self):
        raise RuntimeError("1234")


def hooks_of(**plugins: object) -> Hooks:
    hooks = Hooks()
    for name, plugin in plugins.items():
        hooks.add(plugin, name)
    return hooks


def tell_everything(hooks: Hooks) -> None:
    hooks.received(ACCOUNT, HELLO)
    hooks.request(ACCOUNT, cb.HttpRequest.get("https://example.com/"), cb.HttpResponse(status=204))
    hooks.stored(cb.Media(blob="b-TEST"))
    hooks.parked(Parked(id="p-TEST"))


def test_every_observer_is_told():
    log: list[Any] = []
    hooks = hooks_of(one=Recorder("one", log))

    tell_everything(hooks)

    assert log == [("one", "support", HELLO), ("one", "GET", 204), ("one", "b-TEST"), ("one", "p-TEST")]


def test_an_observers_exception_is_logged_by_plugin_and_stops_nothing(caplog):
    log: list[Any] = []
    hooks = hooks_of(good=Recorder("good", log), bad=Failing(), last=Recorder("last", log))

    tell_everything(hooks)

    assert [entry[0] for entry in log] == ["last", "good"] * 4
    assert {(r.plugin, r.hook) for r in caplog.records} == {
        ("bad", "chanbridge_received"),
        ("bad", "chanbridge_request"),
        ("bad", "chanbridge_stored"),
        ("bad", "chanbridge_parked"),
    }


def test_the_log_of_a_failed_hook_quotes_nothing_of_the_message(caplog):
    hooks = hooks_of(bad=Failing())

    tell_everything(hooks)

    lines = [logging.Formatter().format(record) + str(vars(record)) for record in caplog.records]
    assert lines
    assert not [line for line in lines if "1234" in line]
    assert all("test_hooks.py" in record.at for record in caplog.records)


def test_hooks_are_called_in_pluggys_order():
    log: list[str] = []

    class Last:
        @hookimpl(trylast=True)
        def chanbridge_stored(self, media):
            log.append("last")

    class First:
        @hookimpl(tryfirst=True)
        def chanbridge_stored(self, media):
            log.append("first")

    class Plain:
        def __init__(self, name):
            self.name = name

        @hookimpl
        def chanbridge_stored(self, media):
            log.append(self.name)

    plugins = {"first": First(), "a": Plain("a"), "last": Last(), "b": Plain("b")}

    hooks_of(**plugins).stored(cb.Media())
    ours = log.copy()
    log.clear()
    reference = pluggy.PluginManager("chanbridge")
    reference.add_hookspecs(Specs)
    for name, plugin in plugins.items():
        reference.register(plugin, name)
    reference.hook.chanbridge_stored(media=cb.Media())

    assert ours == log == ["first", "b", "a", "last"]


def test_an_implementation_takes_only_the_arguments_it_wants_in_any_order():
    seen = []

    class Brief:
        @hookimpl
        def chanbridge_request(self, response, account):
            seen.append((response.status, account.name))

        @hookimpl
        def chanbridge_received(self):
            seen.append("received")

    hooks = hooks_of(brief=Brief())

    hooks.request(ACCOUNT, cb.HttpRequest.get("https://example.com/"), cb.HttpResponse(status=500))
    hooks.received(ACCOUNT, HELLO)

    assert seen == [(500, "support"), "received"]


class Suffix:
    def __init__(self, suffix: str) -> None:
        self.suffix = suffix

    @hookimpl
    def chanbridge_sending(self, message):
        return cb.Message.text(message.plain + self.suffix)


class Refusing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    @hookimpl
    def chanbridge_sending(self, account, message):
        raise self.error


class Giving:
    def __init__(self, value: object) -> None:
        self.value = value

    @hookimpl
    def chanbridge_sending(self, message):
        return self.value


def test_each_sending_hook_hands_its_message_to_the_next():
    hooks = hooks_of(second=Suffix(" b"), first=Suffix(" a"))

    sent = hooks.sending(ACCOUNT, cb.Message.text("Hi"))

    assert sent.plain == "Hi a b"


def test_a_sending_hook_that_gives_nothing_leaves_the_message_as_it_is():
    hooks = hooks_of(second=Suffix("!"), first=Giving(None))

    assert hooks.sending(ACCOUNT, cb.Message.text("Hi")).plain == "Hi!"


def test_a_sending_hook_refuses_with_its_own_error_and_the_next_is_not_asked():
    log: list[str] = []
    refusal = cb.SendError("recipient_opted_out", detail="said STOP")

    class Noting:
        @hookimpl
        def chanbridge_sending(self, message):
            log.append("asked")

    hooks = hooks_of(after=Noting(), consent=Refusing(refusal))

    with pytest.raises(cb.SendError) as caught:
        hooks.sending(ACCOUNT, cb.Message.text("Hi"))

    assert caught.value is refusal
    assert log == []


@pytest.mark.parametrize(
    "plugin", [Refusing(KeyError("secret words")), Giving("a text")], ids=["raises", "str"]
)
def test_any_other_failure_of_a_sending_hook_refuses_the_message_by_the_plugins_name(plugin):
    hooks = hooks_of(**{"chanbridge-consent": plugin})

    with pytest.raises(cb.SendError) as caught:
        hooks.sending(ACCOUNT, cb.Message.text("Hi"))

    assert caught.value.code == "internal"
    assert "chanbridge-consent" in str(caught.value)
    assert "secret words" not in str(caught.value)


class Knows:
    def __init__(self, key: str | None) -> None:
        self.key = key

    @hookimpl
    def chanbridge_identify(self, contact):
        return self.key


def test_the_first_plugin_that_knows_a_contact_names_it():
    hooks = hooks_of(late=Knows("crm-2"), early=Knows("crm-1"), broken=Failing(), unsure=Knows(None))

    assert hooks.identify(ANN) == "crm-1"


def test_a_contact_that_no_plugin_knows_has_no_key():
    assert hooks_of(unsure=Knows(None)).identify(ANN) is None
    assert Hooks().identify(ANN) is None


def test_sinks_and_simulators_of_a_broken_plugin_keep_nobody_elses_away(caplog):
    class Brings:
        @hookimpl
        def chanbridge_sinks(self):
            return ["sink"]

        @hookimpl
        def chanbridge_simulators(self):
            return ["simulator"]

    hooks = hooks_of(brings=Brings(), broken=Failing())

    assert (hooks.sinks(), hooks.simulators()) == (["sink"], ["simulator"])
    assert [record.plugin for record in caplog.records] == ["broken", "broken"]


def test_a_hook_that_does_not_exist_is_refused_by_name():
    class Misspelt:
        @hookimpl
        def chanbridge_recieved(self, event):
            raise AssertionError

    with pytest.raises(cb.PluginError, match=r"chanbridge-typo.*chanbridge_recieved"):
        hooks_of(**{"chanbridge-typo": Misspelt()})


def test_a_hook_with_an_unknown_argument_is_refused_and_nothing_of_it_stays():
    log: list[Any] = []

    class Half(Recorder):
        @hookimpl
        def chanbridge_identify(self, person):
            raise AssertionError

    hooks = Hooks()
    with pytest.raises(cb.PluginError, match="person"):
        hooks.add(Half("half", log), "half")
    tell_everything(hooks)

    assert log == []


def test_an_async_hook_is_refused():
    class Awaiting:
        @hookimpl
        async def chanbridge_received(self, event):
            raise AssertionError

    with pytest.raises(cb.PluginError, match="async"):
        hooks_of(awaiting=Awaiting())


def test_a_wrapping_hook_is_refused():
    class Around:
        @hookimpl(wrapper=True)
        def chanbridge_sending(self, message):
            return (yield)

    with pytest.raises(cb.PluginError, match="wrapper"):
        hooks_of(around=Around())


def test_a_plugin_added_twice_is_told_once():
    log: list[Any] = []
    plugin = Recorder("one", log)
    hooks = hooks_of(one=plugin)

    hooks.add(plugin, "again")
    hooks.stored(cb.Media())

    assert len(log) == 1


def test_two_plugins_of_one_name_are_both_told():
    log: list[Any] = []
    hooks = Hooks()

    hooks.add(Recorder("one", log), "same")
    hooks.add(Recorder("two", log), "same")
    hooks.stored(cb.Media())

    assert [entry[0] for entry in log] == ["two", "one"]


def test_every_specification_says_what_an_exception_does():
    specs = [spec for name, spec in vars(Specs).items() if name.startswith("chanbridge_")]

    silent = [
        spec.__name__ for spec in specs if not {"exception", "Called"} <= set((spec.__doc__ or "").split())
    ]

    assert silent == []
