"""What one item does to the others: nothing. And no body, however odd, is lost or breaks the parser."""

from __future__ import annotations

import copy
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge.testing import vectors
from chanbridge_whatsapp.inbound.content import hex_digest
from chanbridge_whatsapp.inbound.scope import moment
from chanbridge_whatsapp.money import minor

FILES = vectors.vectors(Path(__file__).parent / "vectors")


def text(index: int, **changes: Any) -> dict[str, Any]:
    return {
        "from": "12025550123",
        "id": f"wamid.TEST{index}",
        "timestamp": "1793500000",
        "type": "text",
        "text": {"body": f"number {index}"},
        **changes,
    }


def test_one_malformed_message_of_ten_takes_no_other_with_it(channel, webhook):
    items = [text(index) for index in range(10)]
    items[3]["text"] = "not an object"

    events = list(channel.parse(webhook(*items)))

    assert [type(event) for event in events] == [
        cb.ProviderEvent if index == 3 else cb.MessageReceived for index in range(10)
    ]
    assert json.loads(events[3].raw.content) == items[3]
    assert (events[3].provider_type, events[3].account_id) == ("malformed", "100000000000001")
    assert events[3].error == (
        "ValidationError: Expected `object | null`, got `str` at entry[0].changes[0].value.messages[3].text"
    )


def test_an_unusual_body_says_where_it_is_malformed(channel, webhook):
    body = json.loads(webhook(text(0), {**text(1), "text": 5}, novelty=[]).body)
    body["entry"].append({"id": "1", "changes": [{"field": "messages", "value": {"messages": "none"}}, 7]})

    errors = [event.error for event in channel.parse(_post(body)) if event.type == "provider.event"]

    assert errors == [
        "ValidationError: Expected `object | null`, got `int` at entry[0].changes[0].value.messages[1].text",
        "ValidationError: Expected `array`, got `str` at entry[1].changes[0].value.messages",
        "ValidationError: Expected `object`, got `int` at entry[1].changes[1]",
    ]


def test_every_event_carries_its_own_item_and_no_other(channel, webhook):
    items = [text(1), text(2)]

    events = list(channel.parse(webhook(*items)))

    assert [json.loads(event.raw.content) for event in events] == items


def test_a_broken_item_costs_only_itself_and_repeats_no_other(channel, webhook):
    status = {"id": "wamid.OUT1", "status": "read", "timestamp": "1793500001", "recipient_id": "12025550123"}
    body = json.loads(webhook(text(1), "no message", text(2), statuses=[status, {"id": "wamid.OUT2"}]).body)
    body["entry"].append(json.loads(webhook(text(3)).body)["entry"][0])

    events = list(channel.parse(_post(body)))

    assert [event.provider_id or event.type for event in events] == [
        "wamid.TEST1",
        "provider.event",
        "wamid.TEST2",
        "message.status",
        "provider.event",
        "wamid.TEST3",
    ]
    assert [json.loads(event.raw.content) for event in events if event.type == "provider.event"] == [
        "no message",
        {"id": "wamid.OUT2"},
    ]


def test_messages_come_before_statuses_in_the_order_of_the_body(channel, webhook):
    status = {"id": "wamid.OUT1", "status": "read", "timestamp": "1793500001", "recipient_id": "12025550123"}

    events = list(channel.parse(webhook(text(1), text(2), statuses=[status])))

    assert [event.type for event in events] == ["message.received", "message.received", "message.status"]


def test_an_unknown_key_beside_messages_is_kept(channel, webhook):
    novelty, message = channel.parse(webhook(text(1), novelty={"shape": "cube"}))

    assert (novelty.provider_type, novelty.data) == ("messages.novelty", {"shape": "cube"})
    assert message.message.plain == "number 1"


def test_a_broken_list_of_contacts_does_not_lose_the_message(channel, webhook):
    [event] = channel.parse(webhook(text(1), contacts="broken"))

    assert event.message.plain == "number 1"


def test_a_broken_change_does_not_lose_the_next(channel, webhook):
    body = json.loads(webhook(text(1)).body)
    body["entry"][0]["changes"].insert(0, {"field": "messages"})
    body["entry"].insert(0, "no entry")

    events = list(channel.parse(_post(body)))

    assert [event.type for event in events] == ["provider.event", "provider.event", "message.received"]


def _post(body: object) -> cb.HttpRequest:
    return cb.HttpRequest(
        method="POST", url="https://hooks.example.com/in/support", body=json.dumps(body).encode()
    )


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'{"entry":{}}', b"{", b"\xff\xfe", b'"text"'])
def test_what_is_no_webhook_at_all_is_kept_as_one_event_that_says_so(channel, body):
    request = cb.HttpRequest(method="POST", url="https://hooks.example.com/in/a", body=body)

    [event] = channel.parse(request)

    assert (event.provider_type, event.raw.content) == ("malformed", body)
    assert event.error.startswith("PayloadError: unexpected JSON")


@pytest.mark.parametrize("half", ["\\ud83d", "\\uDE00", "\\ud83d\\ud83d\\ude00", "\\ud83d text"])
def test_half_a_character_in_one_message_of_ten_costs_only_that_character(channel, webhook, half):
    request = webhook(*(text(index) for index in range(10)))
    broken = request.body.replace(b"number 3", half.encode())

    events = list(channel.parse(cb.HttpRequest(method="POST", url=request.url, body=broken)))

    whole = {"\\ud83d\\ud83d\\ude00": "\ufffd\U0001f600", "\\ud83d text": "\ufffd text"}.get(half, "\ufffd")
    assert [event.message.plain for event in events] == [
        whole if index == 3 else f"number {index}" for index in range(10)
    ]
    assert json.loads(events[3].raw.content)["id"] == "wamid.TEST3"


def test_a_body_of_another_product_is_kept_whole(channel):
    [event] = channel.parse(_post({"object": "page", "entry": [{"id": "1"}]}))

    assert event.provider_type == "page"
    assert json.loads(event.raw.content)["entry"] == [{"id": "1"}]


def test_a_body_without_entries_is_no_event(channel):
    assert list(channel.parse(_post({"object": "whatsapp_business_account", "entry": []}))) == []


def test_events_for_several_numbers_name_their_own_account(channel, webhook):
    body = json.loads(webhook(text(1)).body)
    other = copy.deepcopy(body["entry"][0])
    other["changes"][0]["value"]["metadata"]["phone_number_id"] = "100000000000002"
    body["entry"].append(other)

    events = list(channel.parse(_post(body)))

    assert [event.account_id for event in events] == ["100000000000001", "100000000000002"]
    assert [channel.owns(event.account_id) for event in events] == [True, False]


def test_a_tap_is_one_event_and_never_a_message_too(channel, webhook):
    reply = {"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes"}}

    events = list(channel.parse(webhook(text(1, type="interactive", interactive=reply))))

    assert [type(event) for event in events] == [cb.InteractionReceived]
    assert (events[0].via, events[0].message.plain) == ("native", "Yes")


def test_the_spelling_of_a_mexican_number_comes_back_with_the_answer(channel, webhook):
    [event] = channel.parse(webhook(text(1, **{"from": "5215512345678"})))

    assert event.conversation.address == "whatsapp:+525512345678"
    assert event.context.values == {"wa_id": "5215512345678"}


def test_each_sender_has_their_own_name(channel, webhook):
    people = [
        {"profile": {"name": "Bo Test"}, "wa_id": "12025550124", "user_id": ""},
        {"profile": {"name": "Ada Test"}, "wa_id": "12025550123"},
    ]

    [event] = channel.parse(webhook(text(1), contacts=people))

    assert event.message.sender.display_name == "Ada Test"


def test_a_stranger_is_not_named_after_somebody_else(channel, webhook):
    people = [{"profile": {"name": "Bo Test"}, "wa_id": "12025550124"}]

    [event] = channel.parse(webhook(text(1), contacts=people))

    assert event.message.sender.display_name == ""
    assert event.conversation.address == "whatsapp:+12025550123"


def test_a_sender_without_ids_is_the_only_one_who_is_named(channel, webhook):
    people = [{"profile": {"name": "Ada Test"}, "user_id": "US.TESTBSUID0001"}]

    [event] = channel.parse(webhook(text(1, **{"from": None}), contacts=people))

    assert event.message.sender.display_name == "Ada Test"


def test_a_value_with_nothing_in_it_is_kept(channel, webhook):
    [event] = channel.parse(webhook())

    assert (event.type, event.provider_type) == ("provider.event", "messages")


def test_an_order_that_lacks_a_price_has_no_total(channel, webhook):
    priced = {"product_retailer_id": "SKU-1", "quantity": 2, "item_price": 7.99, "currency": "USD"}
    order = {"catalog_id": "3", "product_items": [priced, {"product_retailer_id": "SKU-2"}]}

    [event] = channel.parse(webhook(text(1, type="order", order=order)))

    assert event.total is None
    assert [item.sku for item in event.items] == ["SKU-1", "SKU-2"]


def test_a_price_within_a_conversation_is_read(channel, webhook):
    status = {
        "id": "wamid.OUT1",
        "status": "sent",
        "timestamp": "1793500001",
        "recipient_type": "group",
        "recipient_id": "GROUPTEST0001",
        "conversation": {"id": "C1", "pricing": {"billable": True, "category": "group_service"}},
    }

    [event] = channel.parse(webhook(status, key="statuses"))

    assert event.price == cb.Price(billable=True, category="group_service")


def test_a_call_of_ours_that_nobody_took_opens_no_window(channel, webhook):
    call = {
        "id": "wacid.TEST1",
        "from": "12025550100",
        "to": "12025550123",
        "event": "terminate",
        "direction": "BUSINESS_INITIATED",
        "timestamp": "1793500001",
        "status": ["FAILED"],
    }

    [event] = channel.parse(webhook(call, key="calls", field="calls"))

    assert (event.change, event.status, event.window) == ("missed", "FAILED", None)
    assert event.conversation.address == "whatsapp:+12025550123"


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("1793500000", 1793500000),
        ("0793500000", 793500000),
        ("\u0661793500000", 1793500000),
        (1793500000, 1793500000),
        ("1793500000000", 1793500000),
        (1793500000000, 1793500000),
        ("1793500000.5", 1793500000.5),
        (1793500000.5, 1793500000),
    ],
)
def test_times_are_read_in_seconds_and_in_milliseconds(stamp, expected):
    assert moment(stamp) == dt.datetime.fromtimestamp(expected, dt.UTC)


@pytest.mark.parametrize("stamp", [None, "", "soon", "9" * 40, "nan", "inf", float("inf"), 0, "-" + "9" * 30])
def test_what_is_no_time_is_no_time(stamp):
    assert moment(stamp) is None


def test_a_digest_is_the_same_from_base64_and_from_hex():
    hexed = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    assert hex_digest("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=") == hexed
    assert hex_digest(hexed.upper()) == hexed
    assert hex_digest("no digest") == ""


@pytest.mark.parametrize(
    ("amount", "currency", "expected"), [(7.99, "USD", 799), ("1500", "JPY", 1500), (1.234, "KWD", 1234)]
)
def test_amounts_become_minor_units_of_their_currency(amount, currency, expected):
    assert minor(amount, currency) == expected


@pytest.mark.parametrize("amount", ["much", "nan", "1e99", None])
def test_an_amount_that_is_no_number_is_a_payload_error(amount):
    with pytest.raises(cb.PayloadError):
        minor(amount, "USD")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(place for key in keys for place in places(value[key], (*path, key)))]


def put(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    value[path[0]] = put(value[path[0]], path[1:], junk)
    return value


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), file=st.sampled_from(FILES), junk=JUNK)
def test_whatever_is_put_anywhere_every_event_still_has_its_raw_payload(channel, data, file, junk):
    body = json.loads(vectors.read_request(file).content)
    body = put(body, data.draw(st.sampled_from(places(body))), junk)

    events = list(channel.parse(_post(body)))

    vectors.stated(events)
    assert all(isinstance(event, cb.Event) and event.raw is not None for event in events)
    assert events or body["entry"] == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200))
def test_bytes_that_are_no_webhook_are_kept_as_they_came(channel, body):
    [event] = channel.parse(cb.HttpRequest(method="POST", url="https://h.example/in/a", body=body))

    assert event.raw.content == body


def test_a_parent_id_is_taken_from_who_is_named_beside_the_message(channel, webhook):
    person = {"wa_id": "12025550123", "user_id": "US.TEST1", "parent_user_id": "US.ENT.TEST1"}
    item = {"from": "12025550123", "id": "wamid.TEST1", "type": "text", "text": {"body": "Hi"}}
    [event] = channel.parse(webhook(item, contacts=[person]))

    kinds = {known.kind: known.value for known in event.message.sender.identities}
    assert kinds["parent_bsuid"] == "US.ENT.TEST1"


def test_a_text_of_nobody_is_kept_as_it_came(channel, webhook):
    [event] = channel.parse(webhook({"id": "wamid.TEST1", "type": "text", "text": {"body": "Hi"}}))

    assert (event.type, event.provider_type) == ("provider.event", "messages.text")
    assert b"Hi" in event.raw.content
