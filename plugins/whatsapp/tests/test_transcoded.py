"""Whatever an author writes, what the transcoder makes of it for WhatsApp is accepted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, reject, settings

import chanbridge as cb
from chanbridge.http import HttpResponse
from chanbridge.testing import strategies
from chanbridge.transcode import transcode
from chanbridge.transcode.plan import Situation
from chanbridge_whatsapp.capabilities import DIRECT, GROUP
from chanbridge_whatsapp.simulator import rules

STAND_IN = HttpResponse(placeholder=True)


def bodies(channel: Any, plan: cb.Plan, to: cb.Conversation) -> Iterator[dict[str, Any]]:
    """Give what is posted for each step of a plan; uploads are answered by a stand-in."""
    for step in plan.steps:
        flow = channel.send(step.replace(to=to, key="job-17"))
        request = next(flow)
        while not request.path.endswith("/messages"):
            request = flow.send(STAND_IN)
        yield request.json()


def lines_of_cards(body: dict[str, Any]) -> list[int]:
    """Count the line breaks in each card of a carousel."""
    cards = body.get("interactive", {}).get("action", {}).get("cards", [])
    return [card.get("body", {}).get("text", "").count("\n") for card in cards]


@pytest.mark.parametrize("capabilities", [DIRECT, GROUP], ids=["direct", "group"])
@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(message=strategies.messages())
def test_every_step_is_accepted_by_the_provider(channel, capabilities, message):
    to = cb.Conversation(address="whatsapp:+12025550123")
    policy = cb.Policy(max_loss="content")
    assume(not list(channel.validate(message)))
    try:
        plan = transcode(message, capabilities, policy, channel="whatsapp")
    except cb.Unsupported:
        reject()

    for body in bodies(channel, plan, to):
        rules.check(body)  # what the simulated provider refuses
        assert max(lines_of_cards(body), default=0) <= 2
        assert capabilities is DIRECT or body["type"] in rules.GROUP_TYPES


def cards(count, *, body):
    """Give a carousel of cards with a reply each."""
    shown = [
        cb.Card(title=f"Mug {n}", body=body, actions=(cb.Action(label="Buy", payload=f"buy {n}"),))
        for n in range(count)
    ]
    return cb.Message.of(cb.Carousel(body="Our mugs", cards=tuple(shown)))


@pytest.mark.parametrize(
    ("count", "body", "types"),
    [
        (3, "b" * 154, ["carousel"]),
        (3, "b" * 155, ["text", "button", "button", "button"]),
        (1, "b", ["text", "button"]),
        (11, "b", ["text"]),
    ],
)
def test_cards_go_side_by_side_where_each_fits_and_else_one_by_one(channel, count, body, types):
    plan = transcode(cards(count, body=body), DIRECT, cb.Policy(max_loss="content"), channel="whatsapp")

    found = list(bodies(channel, plan, cb.Conversation(address="whatsapp:+12025550123")))

    for one in found:
        rules.check(one)
    assert [one.get("interactive", one).get("type") for one in found] == types


@pytest.mark.parametrize("media", [None, cb.Media(url="https://example.com/mug.png", mime="image/png")])
def test_a_card_alone_has_room_for_more_than_one_in_a_carousel(channel, media):
    labels = ("Buy", "Keep", "Wrap")
    card = cb.Card(
        title="Mug",
        body="b" * 900,
        footer="While stocks last",
        media=media,
        actions=tuple(cb.Action(label=label) for label in labels),
    )

    plan = transcode(cb.Message.of(card), DIRECT, channel="whatsapp")
    [said] = bodies(channel, plan, cb.Conversation(address="whatsapp:+12025550123"))

    rules.check(said)
    assert plan.losses == ()
    assert [one["reply"]["title"] for one in said["interactive"]["action"]["buttons"]] == list(labels)
    assert said["interactive"]["footer"]["text"] == "While stocks last"


def test_a_footer_below_a_picture_that_nobody_can_tap_is_not_lost(channel):
    media = cb.Media(url="https://example.com/mug.png", mime="image/png")
    card = cb.Card(title="Mug", footer="While stocks last", media=media)

    [said] = bodies(
        channel,
        transcode(cb.Message.of(card), DIRECT, channel="whatsapp"),
        cb.Conversation(address="whatsapp:+12025550123"),
    )

    assert said["image"]["caption"] == "*Mug*\nWhile stocks last"


@pytest.mark.parametrize("media", [None, cb.Media(url="https://example.com/mug.png", mime="image/png")])
def test_a_card_with_replies_and_a_link_of_its_own_says_the_link(channel, media):
    tap = cb.Action(kind="url", label="See it", url="https://example.com/mug")
    card = cb.Card(title="Mug", media=media, actions=(cb.Action(label="Buy"),), tap=tap)

    plan = transcode(cb.Message.of(card), DIRECT, channel="whatsapp")
    [said] = bodies(channel, plan, cb.Conversation(address="whatsapp:+12025550123"))

    rules.check(said)
    assert [one["reply"]["title"] for one in said["interactive"]["action"]["buttons"]] == ["Buy"]
    assert "See it: https://example.com/mug" in said["interactive"]["body"]["text"]


@pytest.mark.parametrize("kind", ["url", "webview"])
def test_a_card_that_is_a_link_itself_has_a_link_button(channel, kind):
    tap = cb.Action(kind=kind, label="See it", url="https://example.com/mug")

    plan = transcode(cb.Message.of(cb.Card(title="Mug", body="Blue", tap=tap)), DIRECT, channel="whatsapp")
    [said] = bodies(channel, plan, cb.Conversation(address="whatsapp:+12025550123"))

    assert plan.losses == ()
    assert said["interactive"]["action"]["parameters"] == {
        "display_text": "See it",
        "url": "https://example.com/mug",
    }


def test_fields_laid_over_ours_lose_no_part_of_a_message(channel):
    picture = cb.MediaPart(role="image", media=cb.Media(url="https://example.com/mug.png", mime="image/png"))
    override = {"text": {"preview_url": True}, "recipient_identity_key_hash": "TEST"}
    message = cb.Message.of(cb.Text(text="**Mug**", format="markdown"), picture)
    message = message.replace(overrides={"whatsapp": override})

    plan = transcode(message, DIRECT, channel="whatsapp")
    text, image = bodies(channel, plan, cb.Conversation(address="whatsapp:+12025550123"))

    assert text["text"] == {"body": "*Mug*", "preview_url": True}
    assert image["image"] == {"link": "https://example.com/mug.png"}
    assert "text" not in image
    assert [body["recipient_identity_key_hash"] for body in (text, image)] == ["TEST", "TEST"]


def test_only_a_direct_send_goes_out_as_words_while_the_window_is_closed(channel):
    to, closed = cb.Conversation(address="whatsapp:+12025550123"), Situation(window_open=False)
    template = cb.Template(name="order_shipped", language="en")
    message = cb.Message.text("Shipped", alternatives=(cb.Alternative(parts=(template,)),))

    def body(override):
        over = message.replace(overrides={"whatsapp": override})
        plan = transcode(over, DIRECT, situation=closed, channel="whatsapp")
        [said] = bodies(channel, plan, to)
        return said

    assert body({"category": "utility"})["text"] == {"body": "Shipped"}
    assert body({"recipient_identity_key_hash": "TEST"})["template"]["name"] == "order_shipped"


@pytest.mark.parametrize(
    ("direct_send", "category", "kind"),
    [(True, "utility", "text"), (True, None, "template"), (False, "utility", "template")],
)
def test_an_account_with_direct_send_says_words_of_a_category_while_the_window_is_closed(
    account, direct_send, category, kind
):
    channel = account(direct_send=direct_send)
    to, closed = cb.Conversation(address="whatsapp:+12025550123"), Situation(window_open=False)
    template = cb.Template(name="order_shipped", language="en")
    message = cb.Message.text("Shipped", alternatives=(cb.Alternative(parts=(template,)),), category=category)

    plan = transcode(message, channel.capabilities_for(to), situation=closed, channel="whatsapp")
    [body] = bodies(channel, plan, to)

    assert body["type"] == kind
    assert body.get("category") == ("utility" if kind == "text" else None)


def test_what_was_tapped_is_what_was_offered(channel, step, webhook):
    message = cb.Message.text("Pick", quick_replies=["Refund", "Replace", "Neither"])
    [planned] = transcode(message, DIRECT, channel="whatsapp").steps

    [body] = bodies(channel, cb.Plan(steps=(planned,)), cb.Conversation(address="whatsapp:+12025550123"))
    buttons = [button["reply"] for button in body["interactive"]["action"]["buttons"]]
    tap = {"type": "button_reply", "button_reply": buttons[1]}
    item = {"from": "12025550123", "id": "wamid.1", "type": "interactive", "interactive": tap}
    [event] = channel.parse(webhook(item))

    assert event.label == "Replace"
    assert event.payload == buttons[1]["id"]


def test_more_than_three_options_become_a_menu(channel):
    message = cb.Message.text("Pick", quick_replies=["A", "B", "C", "D"])

    [body] = bodies(
        channel,
        transcode(message, DIRECT, channel="whatsapp"),
        cb.Conversation(address="whatsapp:+12025550123"),
    )

    assert body["interactive"]["type"] == "list"
    assert len(body["interactive"]["action"]["sections"][0]["rows"]) == 4
