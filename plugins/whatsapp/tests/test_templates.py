"""Slots with values become a template's components."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

import chanbridge as cb
from chanbridge.testing import drive, ok

ACCEPTED = ok(messages=[{"id": "wamid.OUT0001"}])
MEDIA = "https://graph.facebook.com/v26.0/100000000000001/media"


@pytest.fixture
def components(content, step):
    def written(parameters: dict[str, Any]) -> list[dict[str, Any]]:
        part = cb.Template(name="order_update", language="en_US", parameters=parameters)
        return content(step(part))["template"].get("components", [])

    return written


def test_a_template_with_every_component(step, content):
    part = cb.Template(
        name="order_update",
        language="en_US",
        parameters={
            "button.0": "track/17",
            "body.first_name": "Ada",
            "body.order_id": "17",
            "header": {"type": "image", "media": {"provider_id": "900000000000002"}},
            "button.1": {"type": "quick_reply", "payload": "STOP_17"},
        },
    )

    assert content(step(part)) == {
        "type": "template",
        "template": {
            "name": "order_update",
            "language": {"code": "en_US"},
            "components": [
                {"type": "header", "parameters": [{"type": "image", "image": {"id": "900000000000002"}}]},
                {
                    "type": "body",
                    "parameters": [
                        {"type": "text", "parameter_name": "first_name", "text": "Ada"},
                        {"type": "text", "parameter_name": "order_id", "text": "17"},
                    ],
                },
                {
                    "type": "button",
                    "sub_type": "url",
                    "index": "0",
                    "parameters": [{"type": "text", "text": "track/17"}],
                },
                {
                    "type": "button",
                    "sub_type": "quick_reply",
                    "index": "1",
                    "parameters": [{"type": "payload", "payload": "STOP_17"}],
                },
            ],
        },
    }


def test_a_template_without_variables_has_no_components(step, content):
    part = cb.Template(name="hello", language="en")

    assert content(step(part))["template"] == {"name": "hello", "language": {"code": "en"}}


def test_positions_are_sorted_as_numbers(components):
    [body] = components({f"body.{n}": n for n in (10, 2, 1, 9, 8, 7, 6, 5, 4, 3)})

    assert [parameter["text"] for parameter in body["parameters"]] == [str(n) for n in range(1, 11)]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Ada", {"type": "text", "text": "Ada"}),
        (7, {"type": "text", "text": "7"}),
        (
            {"type": "currency", "currency": "USD", "minor": 1234, "text": "$12.34"},
            {
                "type": "currency",
                "currency": {"fallback_value": "$12.34", "code": "USD", "amount_1000": 12340},
            },
        ),
        (
            {"type": "currency", "currency": "JPY", "minor": 1234, "text": "¥1,234"},
            {
                "type": "currency",
                "currency": {"fallback_value": "¥1,234", "code": "JPY", "amount_1000": 1234000},
            },
        ),
        (
            {"type": "date_time", "text": "May 1"},
            {"type": "date_time", "date_time": {"fallback_value": "May 1"}},
        ),
        (
            {"type": "location", "lat": 1.5, "lon": 2.5, "name": "Cafe"},
            {"type": "location", "location": {"latitude": 1.5, "longitude": 2.5, "name": "Cafe"}},
        ),
        (
            {"type": "product", "sku": "SKU-1", "catalog": "3"},
            {"type": "product", "product": {"product_retailer_id": "SKU-1", "catalog_id": "3"}},
        ),
        (
            {"type": "group_id", "group_id": "GROUPTEST0001"},
            {"type": "group_id", "group_id": "GROUPTEST0001"},
        ),
        (
            {"type": "video", "media": {"url": "https://example.com/v.mp4"}},
            {"type": "video", "video": {"link": "https://example.com/v.mp4"}},
        ),
        (
            {"type": "document", "media": {"url": "https://example.com/d.pdf", "filename": "d.pdf"}},
            {"type": "document", "document": {"link": "https://example.com/d.pdf", "filename": "d.pdf"}},
        ),
        (
            cb.Media(url="https://example.com/p.png"),
            {"type": "image", "image": {"link": "https://example.com/p.png"}},
        ),
    ],
    ids=str,
)
def test_each_type_of_value(value, written, components):
    [component] = components({"header": value})

    assert component == {"type": "header", "parameters": [written]}


@pytest.mark.parametrize(
    ("value", "sub_type", "written"),
    [
        ("track/17", "url", {"type": "text", "text": "track/17"}),
        ({"type": "url", "text": "123456"}, "url", {"type": "text", "text": "123456"}),
        ({"type": "payload", "payload": "P"}, "quick_reply", {"type": "payload", "payload": "P"}),
        (
            {"type": "copy_code", "code": "SAVE10"},
            "copy_code",
            {"type": "coupon_code", "coupon_code": "SAVE10"},
        ),
        (
            {"type": "flow", "flow_token": "T", "flow_action_data": {}},
            "flow",
            {"type": "action", "action": {"flow_token": "T", "flow_action_data": {}}},
        ),
        (
            {"type": "catalog", "thumbnail_product_retailer_id": "SKU-1"},
            "catalog",
            {"type": "action", "action": {"thumbnail_product_retailer_id": "SKU-1"}},
        ),
        (
            {"type": "mpm", "action": {"sections": []}},
            "mpm",
            {"type": "action", "action": {"sections": []}},
        ),
        (
            {"type": "order_details", "order_details": {"reference_id": "R"}},
            "order_details",
            {"type": "action", "action": {"order_details": {"reference_id": "R"}}},
        ),
        (
            {"type": "voice_call", "ttl_minutes": 100},
            "voice_call",
            {"type": "ttl_minutes", "ttl_minutes": 100},
        ),
    ],
    ids=str,
)
def test_each_type_of_button(value, sub_type, written, components):
    [button] = components({"button.2": value})

    assert button == {"type": "button", "sub_type": sub_type, "index": "2", "parameters": [written]}


@pytest.mark.parametrize(
    "ends", [1798562800000, "2026-12-29T16:46:40Z", "2026-12-29T17:46:40+01:00",
             dt.datetime(2026, 12, 29, 16, 46, 40, tzinfo=dt.UTC)],
)  # fmt: skip
def test_an_offer_that_ends(ends, components):
    [offer] = components({"limited_time_offer": ends})

    assert offer == {
        "type": "limited_time_offer",
        "parameters": [
            {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 1798562800000}}
        ],
    }


def test_a_template_of_cards(components):
    parameters = {
        "body.1": "Ada",
        "card.1.body.1": "two",
        "card.0.header": {"type": "image", "media": {"provider_id": "9"}},
        "card.0.button.0": {"type": "payload", "payload": "p0"},
    }

    body, carousel = components(parameters)

    assert body["type"] == "body"
    assert carousel == {
        "type": "carousel",
        "cards": [
            {
                "card_index": 0,
                "components": [
                    {"type": "header", "parameters": [{"type": "image", "image": {"id": "9"}}]},
                    {
                        "type": "button",
                        "sub_type": "quick_reply",
                        "index": "0",
                        "parameters": [{"type": "payload", "payload": "p0"}],
                    },
                ],
            },
            {
                "card_index": 1,
                "components": [{"type": "body", "parameters": [{"type": "text", "text": "two"}]}],
            },
        ],
    }


def test_the_replies_among_its_actions_are_its_quick_replies(content, step):
    actions = (
        cb.Action(id="yes", label="Yes"),
        cb.Action(kind="url", label="Track", url="https://example.com"),
        cb.Action(id="no", label="No", payload="token-7"),
        cb.Action(id="late", label="Late"),
    )
    parameters = {"button.3": {"type": "payload", "payload": "AS_GIVEN"}}
    part = cb.Template(name="t", language="en", actions=actions, parameters=parameters)

    buttons = content(step(part))["template"]["components"]

    assert [(button["index"], button["parameters"][0]["payload"]) for button in buttons] == [
        ("0", "yes"),
        ("2", "token-7"),
        ("3", "AS_GIVEN"),
    ]


def test_a_file_in_a_template_is_uploaded_first(channel, step):
    part = cb.Template(name="t", language="en", parameters={"header": cb.Media(blob="b1", mime="image/png")})

    _, [upload, post] = drive(channel.send(step(part)), ok(id="9"), ACCEPTED)

    assert upload.url == MEDIA
    assert post.json()["template"]["components"][0]["parameters"][0]["image"] == {"id": "9"}


def test_a_reply_stands_at_the_next_button_where_one_is_given_a_link(content, step):
    actions = (cb.Action(id="yes", label="Yes"), cb.Action(id="no", label="No"))
    parameters = {"button.0": "track/17"}
    part = cb.Template(name="t", language="en", actions=actions, parameters=parameters)

    buttons = content(step(part))["template"]["components"]

    assert [(button["sub_type"], button["index"]) for button in buttons] == [
        ("url", "0"),
        ("quick_reply", "1"),
        ("quick_reply", "2"),
    ]
    assert [button["parameters"][0].get("payload") for button in buttons] == [None, "yes", "no"]
