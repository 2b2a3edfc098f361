"""What can be tapped, filled in, bought and paid goes out as the provider's documents write it."""

from __future__ import annotations

import pytest

import chanbridge as cb
from chanbridge.testing import drive, ok

ACCEPTED = ok(messages=[{"id": "wamid.OUT0001"}])


def reply(id: str, label: str) -> cb.Action:
    return cb.Action(id=id, label=label)


def link(label: str, url: str) -> cb.Action:
    return cb.Action(kind="url", label=label, url=url)


def test_reply_buttons_with_header_and_footer(step, interactive):
    card = cb.Card(
        title="Order 17",
        body="Confirm?",
        footer="Example Ltd",
        actions=(reply("yes", "Yes"), reply("no", "No")),
    )

    assert interactive(step(card)) == {
        "type": "button",
        "header": {"type": "text", "text": "Order 17"},
        "body": {"text": "Confirm?"},
        "footer": {"text": "Example Ltd"},
        "action": {
            "buttons": [
                {"type": "reply", "reply": {"id": "yes", "title": "Yes"}},
                {"type": "reply", "reply": {"id": "no", "title": "No"}},
            ]
        },
    }


def test_the_payload_is_what_comes_back_where_there_is_one(step, interactive):
    action = cb.Action(id="a1", label="Yes", payload="token-7")

    said = interactive(step(cb.Text(text="Sure?"), quick_replies=(action,)))

    assert said["action"]["buttons"] == [{"type": "reply", "reply": {"id": "token-7", "title": "Yes"}}]


def test_buttons_and_quick_replies_stand_together(step, interactive):
    part = cb.Text(text="Sure?", actions=(reply("a", "A"),))

    said = interactive(step(part, quick_replies=(reply("b", "B"),)))

    assert [button["reply"]["id"] for button in said["action"]["buttons"]] == ["a", "b"]


def test_buttons_under_an_uploaded_picture(channel, step):
    part = cb.MediaPart(
        role="image",
        media=cb.Media(blob="b1"),
        caption=cb.Text(text="This one?"),
        actions=(reply("y", "Yes"),),
    )

    _, [_, post] = drive(channel.send(step(part)), ok(id="900000000000003"), ACCEPTED)

    said = post.json()["interactive"]
    assert said["header"] == {"type": "image", "image": {"id": "900000000000003"}}
    assert said["body"] == {"text": "This one?"}


def test_a_menu(step, interactive):
    rows = (
        cb.ListItem(id="am", title="Morning", description="8-12"),
        cb.ListItem(id="pm", title="Afternoon"),
    )
    part = cb.ListPart(
        title="Delivery",
        body="Pick a slot",
        button="Slots",
        sections=(cb.Section(title="Today", items=rows),),
    )

    assert interactive(step(part)) == {
        "type": "list",
        "header": {"type": "text", "text": "Delivery"},
        "body": {"text": "Pick a slot"},
        "action": {
            "button": "Slots",
            "sections": [
                {
                    "title": "Today",
                    "rows": [
                        {"id": "am", "title": "Morning", "description": "8-12"},
                        {"id": "pm", "title": "Afternoon"},
                    ],
                }
            ],
        },
    }


def test_rows_without_a_title_join_the_section_above(step, interactive):
    sections = [("", "a"), ("B", "b"), ("", "c")]
    part = cb.ListPart(
        body="Pick",
        sections=tuple(
            cb.Section(title=title, items=(cb.ListItem(id=id, title=id),)) for title, id in sections
        ),
    )

    found = interactive(step(part))["action"]["sections"]

    assert [(section["title"], [row["id"] for row in section["rows"]]) for section in found] == [
        ("☰", ["a"]),
        ("B", ["b", "c"]),
    ]


def test_a_menu_without_a_button_gets_a_sign(step, interactive):
    part = cb.ListPart(
        body="Pick", sections=(cb.Section(items=(cb.ListItem(id="a", title="A", payload="p"),)),)
    )

    action = interactive(step(part))["action"]

    assert action == {"button": "☰", "sections": [{"rows": [{"id": "p", "title": "A"}]}]}


def test_one_link_is_a_button_with_a_picture_above(step, interactive):
    part = cb.MediaPart(
        role="image",
        media=cb.Media(url="https://example.com/h.png"),
        caption=cb.Text(text="See dates"),
        actions=(link("Open", "https://example.com/d"),),
    )

    assert interactive(step(part)) == {
        "type": "cta_url",
        "header": {"type": "image", "image": {"link": "https://example.com/h.png"}},
        "body": {"text": "See dates"},
        "action": {
            "name": "cta_url",
            "parameters": {"display_text": "Open", "url": "https://example.com/d"},
        },
    }


def test_a_request_for_a_location(step, interactive):
    ask = cb.Action(kind="location_request", label="Send location")

    assert interactive(step(cb.Text(text="Where are you?", actions=(ask,)))) == {
        "type": "location_request_message",
        "body": {"text": "Where are you?"},
        "action": {"name": "send_location"},
    }


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        (
            cb.Card(title="Mug", body="Blue"),
            {"type": "text", "text": {"body": "*Mug*\nBlue"}},
        ),
        (
            cb.Card(title="Mug", subtitle="9 EUR", media=cb.Media(url="https://example.com/m.png")),
            {"type": "image", "image": {"link": "https://example.com/m.png", "caption": "*Mug*\n9 EUR"}},
        ),
    ],
)
def test_a_card_without_actions_is_a_picture_or_a_text(card, expected, step, content):
    assert content(step(card)) == expected


def test_a_card_with_a_picture_has_its_title_in_the_text(step, interactive):
    card = cb.Card(
        title="Mug",
        body="Blue",
        media=cb.Media(url="https://example.com/m.mp4", mime="video/mp4"),
        tap=link("Shop", "https://example.com"),
    )

    said = interactive(step(card))

    assert (said["type"], said["header"]["type"], said["body"]) == (
        "cta_url",
        "video",
        {"text": "*Mug*\nBlue"},
    )


def test_cards_side_by_side_with_links(step, interactive):
    cards = tuple(
        cb.Card(
            body=f"Deal {n}",
            media=cb.Media(url=f"https://example.com/{n}.png"),
            actions=(link("Shop", f"https://example.com/{n}"),),
        )
        for n in (1, 2)
    )

    said = interactive(step(cb.Carousel(body="Our offers", cards=cards)))

    assert said == {
        "type": "carousel",
        "body": {"text": "Our offers"},
        "action": {
            "cards": [
                {
                    "card_index": n - 1,
                    "type": "cta_url",
                    "header": {"type": "image", "image": {"link": f"https://example.com/{n}.png"}},
                    "body": {"text": f"Deal {n}"},
                    "action": {
                        "name": "cta_url",
                        "parameters": {"display_text": "Shop", "url": f"https://example.com/{n}"},
                    },
                }
                for n in (1, 2)
            ]
        },
    }


def test_cards_side_by_side_with_replies(step, interactive):
    cards = (cb.Card(body="One", actions=(reply("a", "A"),)), cb.Card(body="Two", actions=(reply("b", "B"),)))

    said = interactive(step(cb.Carousel(body="Pick", cards=cards)))

    assert said["action"]["cards"][0]["action"] == {
        "buttons": [{"type": "quick_reply", "quick_reply": {"id": "a", "title": "A"}}]
    }


def test_a_flow(step, interactive):
    data = {
        "flow_token": "TOKEN1",
        "mode": "published",
        "flow_action": "navigate",
        "flow_action_payload": {"screen": "WELCOME", "data": {"name": "Ada"}},
    }
    part = cb.Form(ref="600000000000001", body="Sign up", submit="Start", data=data)

    assert interactive(step(part)) == {
        "type": "flow",
        "body": {"text": "Sign up"},
        "action": {
            "name": "flow",
            "parameters": {
                "flow_message_version": "3",
                "flow_id": "600000000000001",
                "flow_cta": "Start",
                **data,
            },
        },
    }


def test_a_flow_by_name_has_our_key_as_its_token(step, interactive):
    shown = interactive(step(cb.Form(ref="sign_up", title="Sign up")))

    parameters = shown["action"]["parameters"]
    assert "header" not in shown

    assert (parameters["flow_name"], parameters["flow_cta"]) == ("sign_up", "Sign up")
    assert parameters["flow_token"] == "job-17"


@pytest.mark.parametrize(
    ("form", "action"),
    [
        (
            cb.Form(ref="call_permission_request", body="May we?"),
            {"name": "call_permission_request"},
        ),
        (cb.Form(ref="request_contact_info", body="May we?"), {"name": "request_contact_info"}),
        (
            cb.Form(ref="address_message", body="May we?", data={"country": "IN"}),
            {"name": "address_message", "parameters": {"country": "IN"}},
        ),
        (
            cb.Form(ref="voice_call", body="May we?", submit="Call us", data={"ttl_minutes": 100}),
            {"name": "voice_call", "parameters": {"display_text": "Call us", "ttl_minutes": 100}},
        ),
    ],
    ids=lambda value: getattr(value, "ref", ""),
)
def test_the_providers_own_forms(form, action, step, interactive):
    assert interactive(step(form)) == {
        "type": form.ref,
        "body": {"text": "May we?"},
        "action": action,
    }


def test_one_product(step, interactive):
    part = cb.Product(catalog="300000000000001", skus=("SKU-1",), body="Good")

    assert interactive(step(part)) == {
        "type": "product",
        "body": {"text": "Good"},
        "action": {"catalog_id": "300000000000001", "product_retailer_id": "SKU-1"},
    }


def test_several_products(step, interactive):
    sections = ({"title": "Drinks", "skus": ["SKU-1", "SKU-2"]},)
    part = cb.Product(catalog="300000000000001", title="Menu", body="Choose", sections=sections)

    assert interactive(step(part)) == {
        "type": "product_list",
        "header": {"type": "text", "text": "Menu"},
        "body": {"text": "Choose"},
        "action": {
            "catalog_id": "300000000000001",
            "sections": [
                {
                    "title": "Drinks",
                    "product_items": [{"product_retailer_id": "SKU-1"}, {"product_retailer_id": "SKU-2"}],
                }
            ],
        },
    }


def test_products_side_by_side(step, interactive):
    extra = {"x-whatsapp": {"layout": "carousel"}}
    part = cb.Product(catalog="3", skus=("SKU-1", "SKU-2"), body="Choose", extra=extra)

    said = interactive(step(part))

    assert said["type"] == "carousel"
    assert said["action"]["cards"][1] == {
        "card_index": 1,
        "type": "product",
        "action": {"product_retailer_id": "SKU-2", "catalog_id": "3"},
    }


def test_the_whole_catalogue(step, interactive):
    part = cb.Product(body="Look around", extra={"x-whatsapp": {"thumbnail": "SKU-1"}})

    assert interactive(step(part))["action"] == {
        "name": "catalog_message",
        "parameters": {"thumbnail_product_retailer_id": "SKU-1"},
    }


def test_a_request_to_pay(step, interactive):
    settings = {
        "type": "digital-goods",
        "payment_type": "br",
        "payment_settings": [{"type": "boleto"}],
        "order": {"status": "pending"},
    }
    amount = cb.Money(currency="BRL", minor=50000)
    part = cb.Payment(ref="ORDER-17", amount=amount, body="Please pay", settings=settings)

    assert interactive(step(part)) == {
        "type": "order_details",
        "body": {"text": "Please pay"},
        "action": {
            "name": "review_and_pay",
            "parameters": {
                "reference_id": "ORDER-17",
                "currency": "BRL",
                "total_amount": {"value": 50000, "offset": 100},
                **settings,
            },
        },
    }


def test_how_an_order_and_a_payment_stand(step, interactive):
    order = interactive(step(cb.Order(ref="ORDER-17", status="shipped", text="On its way")))
    payment = cb.Payment(ref="ORDER-17", status="captured", settings={"timestamp": 7})
    paid = interactive(step(payment))

    assert order["action"]["parameters"] == {"reference_id": "ORDER-17", "order": {"status": "shipped"}}
    assert paid["action"]["parameters"] == {
        "reference_id": "ORDER-17",
        "order": {"status": "processing"},
        "payment": {"status": "captured", "timestamp": 7},
    }
    assert order["type"] == paid["type"] == "order_status"
