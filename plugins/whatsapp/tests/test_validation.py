"""What only WhatsApp knows to be wrong is said before the network, with the path and the mend."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge.testing import drive, ok


def template(parameters: dict[str, Any] | None = None, **fields: Any) -> cb.Message:
    part = cb.Template(
        **{"name": "order_update", "language": "en_US", "parameters": parameters or {}, **fields}
    )
    return cb.Message.of(part)


def paths(channel, message: cb.Message) -> list[str]:
    return [error.path for error in channel.validate(message)]


@pytest.mark.parametrize(
    "message",
    [
        cb.Message.text("Hi\tthere\n\n    all"),
        cb.Message.text("Hi", overrides={"whatsapp": {"text": {"preview_url": True}}}),
        cb.Message.text("Hi", overrides={"whatsapp": {"type": "sticker", "sticker": {"id": "1"}}}),
        cb.Message.text("Hi", overrides={"telegram": "anything"}),
        template(),
        template({"body.1": "Ada", "body.2": 17}),
        template({"body.first_name": "Ada", "header": cb.Media(url="https://example.com/a.png")}),
        template({"button.0": "track/17", "limited_time_offer": "2026-12-29T16:46:40Z"}),
        template({"body.1": "123456", "button.0": "123456"}, category="authentication"),
        template({"body.1": {"type": "hologram", "shape": "cube"}}),
    ],
)
def test_a_good_message_has_no_objections(channel, message):
    assert list(channel.validate(message)) == []


@pytest.mark.parametrize(
    ("parameters", "slot", "rule"),
    [
        ({"body.1": "two\nlines"}, "body.1", "line break"),
        ({"body.1": "a\tb"}, "body.1", "tab"),
        ({"body.1": "a    b"}, "body.1", "four spaces"),
        ({"body.1": {"type": "text", "text": "two\nlines"}}, "body.1", "line break"),
        ({"card.0.body.1": "two\nlines"}, "card.0.body.1", "line break"),
        ({"footer": "x"}, "footer", "no such slot"),
        ({"body": "x"}, "body", "no such slot"),
        ({"body.0": "x"}, "body.0", "no such slot"),
        ({"body.Name": "x"}, "body.Name", "no such slot"),
        ({"body." + "x" * 21: "x"}, "body." + "x" * 21, "no such slot"),
        ({"button.a": "x"}, "button.a", "no such slot"),
        ({"card.0": "x"}, "card.0", "no such slot"),
        ({"body.1": None}, "body.1", "give a text"),
        ({"body.1": True}, "body.1", "give a text"),
        ({"body.1": {"text": "x"}}, "body.1", "with a type"),
        ({"body.1": {"type": "currency", "text": "$1"}}, "body.1", "needs currency and minor"),
        ({"header": {"type": "image"}}, "header", "give a media object"),
        ({"header": {"type": "image", "media": {}}}, "header", "name the file"),
        ({"header": {"type": "image", "media": {"url": "file:///a.png"}}}, "header", "public link"),
        ({"button.0": "with space"}, "button.0", "spaces"),
        ({"button.0": {"type": "copy_code", "code": "x" * 16}}, "button.0", "at most 15"),
        ({"button.0": {"type": "payload", "payload": "x" * 257}}, "button.0", "at most 256"),
        ({"limited_time_offer": "soon"}, "limited_time_offer", "when the offer ends"),
    ],
)
def test_a_wrong_parameter_is_named(channel, parameters, slot, rule):
    [error] = channel.validate(template(parameters))

    assert error.path.startswith(f"parts[0].parameters['{slot}']")
    assert rule in error.rule


def test_a_one_time_code_is_short(channel):
    message = template({"body.1": "x" * 16, "button.0": "x"}, category="authentication")

    assert paths(channel, message) == ["parts[0].parameters['body.1']"]


@pytest.mark.parametrize(
    ("parameters", "rule"),
    [
        ({"body.1": "a", "body.3": "c"}, "without a gap"),
        ({"body.2": "a"}, "without a gap"),
        ({"body.1": "a", "body.name": "b"}, "both numbers and names"),
    ],
)
def test_positions_run_from_one_and_are_not_mixed_with_names(channel, parameters, rule):
    [error] = channel.validate(template(parameters))

    assert (error.path, rule in error.rule) == ("parts[0].parameters", True)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"name": "Order Update"}, "parts[0].name"),
        ({"name": ""}, "parts[0].name"),
        ({"language": ""}, "parts[0].language"),
        ({"language": "English"}, "parts[0].language"),
    ],
)
def test_name_and_language_of_a_template_are_checked(channel, fields, path):
    assert paths(channel, template(**fields)) == [path]


@pytest.mark.parametrize(
    ("override", "path"),
    [
        ("text", "overrides.whatsapp"),
        ({"to": "+12025550199"}, "overrides.whatsapp.to"),
        ({"recipient": "US.TESTBSUID0002"}, "overrides.whatsapp.recipient"),
        ({"biz_opaque_callback_data": "x"}, "overrides.whatsapp.biz_opaque_callback_data"),
        ({"type": "sticker"}, "overrides.whatsapp"),
        ({"type": 7}, "overrides.whatsapp"),
    ],
)
def test_a_native_message_may_not_redirect_or_lack_its_content(channel, override, path):
    assert paths(channel, cb.Message.text("Hi", overrides={"whatsapp": override})) == [path]


GOOD_OFFERS = [
    cb.Form(ref="sign_up", body="Sign up", submit="Start"),
    cb.Form(ref="call_permission_request"),
    cb.Form(ref="address_message", body="Where to?"),
    cb.Form(ref="voice_call", body="Talk?", submit="Call us"),
    cb.Product(body="All we have"),
    cb.Product(catalog="3", skus=("SKU-1",)),
    cb.Product(catalog="3", skus=("SKU-1", "SKU-2"), title="Menu", body="Choose"),
    cb.Order(ref="17", status="shipped", text="On its way"),
    cb.Payment(ref="17", body="Please pay", amount=cb.Money(currency="BRL", minor=100)),
    cb.Payment(ref="17", body="Paid", status="captured"),
]


@pytest.mark.parametrize("part", GOOD_OFFERS, ids=lambda part: part.kind)
def test_a_good_offer_has_no_objections(channel, part):
    assert paths(channel, cb.Message.of(part)) == []


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (cb.Form(body="Sign up", submit="Start"), "ref"),
        (cb.Form(ref="sign_up", submit="Start"), "body"),
        (cb.Form(ref="sign_up", body="Sign up"), "submit"),
        (cb.Form(ref="sign_up", body="Sign up", submit="x" * 21), "submit"),
        (cb.Form(ref="voice_call", body="Talk?"), "submit"),
        (cb.Product(), "body"),
        (cb.Product(skus=("SKU-1",)), "catalog"),
        (cb.Product(catalog="3", skus=("SKU-1", "SKU-2"), body="Choose"), "title"),
        (cb.Order(ref="17", text="On its way"), "status"),
        (cb.Order(ref="x" * 61, status="shipped", text="On its way"), "ref"),
        (cb.Order(ref="17", status="shipped"), "text"),
        (cb.Payment(ref="17", body="Please pay"), "amount"),
        (cb.Payment(ref="17", status="captured", body="x" * 1025), "body"),
    ],
)
def test_what_an_offer_lacks_is_named(channel, part, field):
    assert paths(channel, cb.Message.of(part)) == [f"parts[0].{field}"]


def test_a_catalogue_has_a_limit(channel):
    skus = tuple(f"SKU-{n}" for n in range(31))
    part = cb.Product(catalog="3", skus=skus, title="Menu", body="Choose")

    assert paths(channel, cb.Message.of(part)) == ["parts[0]"]


def test_an_objection_never_quotes_the_value(channel):
    [error] = channel.validate(template({"body.1": "secret\nwords"}))

    assert "secret" not in str(error)


KEYS = st.sampled_from(["type", "text", "media", "code", "payload", "lat", "lon", "minor", "currency", "sku"])
TYPES = st.sampled_from(["text", "image", "currency", "url", "flow", "location", "USD", "", 1])
VALUES = st.one_of(
    st.text(max_size=20),
    st.integers(),
    st.none(),
    st.dictionaries(KEYS, TYPES | st.just({"url": "https://x.example"})),
)
SLOTS = st.sampled_from(
    ["body.1", "body.2", "body.name", "header", "button.0", "card.0.body.1", "nonsense", ""]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parameters=st.dictionaries(SLOTS, VALUES, max_size=4))
def test_what_is_not_objected_to_can_be_sent(channel, step, parameters):
    message = template(parameters)

    if not list(channel.validate(message)):
        [request] = drive(channel.send(step(*message.parts)), ok(messages=[{"id": "wamid.1"}])).requests
        assert request.json()["template"]["name"] == "order_update"
