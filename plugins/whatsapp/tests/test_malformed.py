"""Whatever a signed webhook holds, its events fit the published schema: what does not is kept as it came."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge.model.codec import to_wire
from chanbridge.model.validate import validate
from chanbridge.testing import vectors

VECTORS = Path(__file__).parent / "vectors"
BODIES = [json.loads(vectors.read_request(file).body) for file in vectors.vectors(VECTORS)]
MALFORMED = {
    "a text without its object": ("text", None),
    "a text without a body": ("text", {}),
    "a text whose body is null": ("text", {"body": None}),
    "an answer without its object": ("interactive", None),
    "a button without its reply": ("interactive", {"type": "button_reply"}),
    "a form without its answers": ("interactive", {"type": "nfm_reply", "nfm_reply": {"name": "flow"}}),
    "a permission that says neither yes nor no": (
        "interactive",
        {"type": "call_permission_reply", "call_permission_reply": {}},
    ),
    "a template's button with nothing on it": ("button", {}),
    "a picture without anything": ("image", {}),
    "a picture without an id": ("image", {"id": "", "mime_type": "image/jpeg"}),
    "a place beyond the pole": ("location", {"latitude": 1000, "longitude": 0}),
    "a place beyond the date line": ("location", {"latitude": 0, "longitude": -180.5}),
    "no contacts": ("contacts", []),
    "a contact whose name is no text": ("contacts", [{"name": {"formatted_name": 7}}]),
    "an order without items": ("order", {"catalog_id": "300000000000001"}),
    "an order of nothing": ("order", {"product_items": [{"product_retailer_id": ""}]}),
    "an order in no currency": (
        "order",
        {"product_items": [{"product_retailer_id": "a", "item_price": 1, "currency": "euros"}]},
    ),
}


def item(type: str, content: object) -> dict[str, Any]:
    return {
        "from": "12025550123",
        "id": "wamid.TEST1",
        "timestamp": "1793500000",
        "type": type,
        type: content,
    }


def breaches(event: cb.Event) -> list[str]:
    """Say what a consumer's validator would: with what the core fills in."""
    return validate(to_wire(msgspec.structs.replace(event, id="event-TEST-1", account="support")), "event")


@pytest.mark.parametrize(("type", "content"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_item_is_kept_with_its_raw_and_can_be_replayed(channel, webhook, type, content):
    sent = item(type, content)

    [event] = channel.parse(webhook(sent))

    assert (event.type, event.provider_type) == ("provider.event", "malformed")
    assert json.loads(event.raw.content) == sent
    assert breaches(event) == []


@pytest.mark.parametrize(
    "type",
    ["text", "image", "video", "audio", "document", "sticker", "location", "contacts", "reaction",
     "interactive", "button", "order", "edit", "revoke", "system"],
)  # fmt: skip
@pytest.mark.parametrize("key", ["messages", "message_echoes"])
def test_a_type_without_its_object_says_nothing(channel, webhook, type, key):
    sent = item(type, None)
    sent.pop(type)

    [event] = channel.parse(webhook(sent, key=key))

    assert (event.type, json.loads(event.raw.content)) == ("provider.event", sent)
    assert breaches(event) == []


def test_a_text_whose_body_is_empty_is_what_the_customer_sent(channel, webhook):
    [event] = channel.parse(webhook(item("text", {"body": ""})))

    assert [part.text for part in event.message.parts] == [""]


def test_a_picture_whose_label_is_garbage_is_a_picture_all_the_same(channel, webhook):
    [event] = channel.parse(webhook(item("image", {"id": "900000000000001", "mime_type": "garbage"})))

    [picture] = event.message.parts
    assert (picture.media.provider_id, picture.media.mime) == ("900000000000001", "")
    assert breaches(event) == []


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # a channel keeps nothing
def test_whatever_a_webhook_holds_its_events_fit_the_published_schema(channel, data):
    body = copy.deepcopy(data.draw(st.sampled_from(BODIES)))
    *above, last = data.draw(st.sampled_from(list(paths(body))))
    value = data.draw(st.sampled_from(["", "garbage", 1000, -1, None, [], [{}], {}]))
    place = body
    for step in above:
        place = place[step]
    place[last] = value
    request = cb.HttpRequest(
        method="POST", url="https://hooks.example.com/in/support", body=json.dumps(body).encode()
    )

    try:
        events = [event for event in channel.parse(request) if isinstance(event, cb.Event)]
    except cb.PayloadError:  # the envelope itself: kept as a whole
        events = []

    assert [problem for event in events for problem in breaches(event)] == []


def paths(value: object, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the path of everything within a JSON value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in pairs:
        yield (*above, key)
        yield from paths(below, (*above, key))


@pytest.mark.parametrize("errors", [None, [], [{}], ["odd"]])
def test_a_failure_that_says_nothing_is_unknown_however_it_says_so(channel, webhook, errors):
    status = {"id": "wamid.TEST1", "status": "failed", "recipient_id": "12025550123", "errors": errors}

    [event] = channel.parse(webhook(status, key="statuses"))

    assert (event.error.code, event.error.retryable) == ("internal", True)
