"""Registering a handler: what could never run as meant is refused at once, with what, where and the mend."""

import functools

import pytest
from msgspec.structs import replace

import chanbridge as cb
from chanbridge.accounts import Configured
from tests.channels import Pigeon, PigeonConfig, PigeonProvider, call
from tests.runtime import Providers, deliver, eventually, make_bridge

HERE = __name__


def takes_nothing(): ...


def takes_three(event, conversation, customer): ...


def takes_a_word(event, *, customer): ...


def gives_by_and_by(event):
    yield event


async def gives_by_and_by_async(event):
    yield event


@pytest.mark.parametrize(
    "handler", [takes_nothing, takes_three, takes_a_word, functools.partial(takes_nothing)], ids=range(4)
)
def test_a_handler_that_cannot_be_called_is_refused(tmp_path, handler):
    bridge = make_bridge(tmp_path, Providers())

    with pytest.raises(cb.ValidationError, match=r"handler: .*takes \(event\) or \(event, conversation\)"):
        bridge.on(cb.MessageReceived)(handler)

    assert len(bridge.handlers) == 0


def test_a_handler_that_is_refused_is_named(tmp_path):
    with pytest.raises(
        cb.ValidationError, match=rf"^handler: {HERE}\.takes_three takes \(event, conversation, "
    ):
        make_bridge(tmp_path, Providers()).on(cb.MessageReceived)(takes_three)


@pytest.mark.parametrize("handler", [gives_by_and_by, gives_by_and_by_async])
def test_a_handler_whose_body_would_never_run_is_refused(tmp_path, handler):
    with pytest.raises(cb.ValidationError, match=rf"^handler: {HERE}\.{handler.__name__} yields"):
        make_bridge(tmp_path, Providers()).on(cb.MessageReceived)(handler)


@pytest.mark.parametrize("handler", [5, "answer", None, dict])
def test_what_is_no_function_of_an_event_is_refused(tmp_path, handler):
    with pytest.raises(cb.ValidationError, match=r"^handler: "):
        make_bridge(tmp_path, Providers()).on(cb.MessageReceived)(handler)


@pytest.mark.parametrize(
    "handler",
    [
        lambda event: None,
        lambda event, conversation: None,
        lambda event, conversation, customer=None: None,
        lambda *args: None,
        lambda event, **more: None,
        functools.partial(takes_a_word, customer="TEST-1"),
        [].append,
        print,
    ],
)
def test_a_handler_that_can_be_called_is_taken(tmp_path, handler):
    bridge = make_bridge(tmp_path, Providers())

    bridge.on(cb.MessageReceived)(handler)

    assert len(bridge.handlers) == 1


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (str, "str"),
        ("message.received", "'message.received'"),
        (cb.Message, "Message"),
        (takes_three, "takes_three"),
        (cb.MessageReceived | cb.MessageEchoed, "MessageReceived"),
    ],
)
def test_what_is_no_event_class_is_refused(tmp_path, wanted, told):
    bridge = make_bridge(tmp_path, Providers())

    with pytest.raises(
        cb.ValidationError, match=rf"^types: .*{told}.* is no event class: write @bridge\.on\(MessageRec"
    ):
        bridge.on(cb.MessageReceived, wanted)


def test_an_account_that_the_bridge_does_not_have_is_refused(tmp_path):
    bridge = make_bridge(tmp_path, Providers())

    with pytest.raises(
        cb.ValidationError, match=r"^account: no account 'typo' is configured \(there is main, magpie\)$"
    ):
        bridge.on(cb.MessageReceived, account="typo")


def test_an_account_whose_plugin_does_not_load_is_known(tmp_path):
    bridge = make_bridge(tmp_path, Providers(), accounts=[Configured("main", Pigeon, PigeonConfig())])
    bridge.settings = replace(bridge.settings, broken={"fax": "its plugin does not load"})

    bridge.on(cb.MessageReceived, account="fax")(lambda event: None)

    assert len(bridge.handlers) == 1

    with pytest.raises(cb.ValidationError, match=r"\(there is main, fax\)"):
        bridge.on(cb.MessageReceived, account="typo")


async def test_the_log_names_the_handler_that_failed(tmp_path, caplog):
    bridge = make_bridge(tmp_path, PigeonProvider(), accounts=[("main", Pigeon, PigeonConfig())])

    @bridge.on(cb.MessageReceived)
    def fine(event): ...

    @bridge.on(cb.MessageReceived)
    async def broken(event):
        raise KeyError("customer")

    async with bridge:
        await deliver(bridge, call())
        await eventually(lambda: "handler.failed" in caplog.messages)

    record = next(record for record in caplog.records if record.message == "handler.failed")
    assert record.handler.endswith("test_the_log_names_the_handler_that_failed.<locals>.broken")
