"""Whatever an author writes, what the transcoder makes of it for WhatsApp is sent within its limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import chanbridge as cb
from chanbridge.http import HttpResponse
from chanbridge.testing import strategies
from chanbridge.transcode import transcode
from chanbridge_whatsapp.capabilities import DIRECT, GROUP

STAND_IN = HttpResponse(placeholder=True)


def bodies(channel: Any, plan: cb.Plan, to: cb.Conversation) -> Iterator[dict[str, Any]]:
    """Give what is posted for each step of a plan; uploads are answered by a stand-in."""
    for step in plan.steps:
        flow = channel.send(step.replace(to=to, key="job-17"))
        request = next(flow)
        while not request.path.endswith("/messages"):
            request = flow.send(STAND_IN)
        yield request.json()


def objections(body: dict[str, Any]) -> Iterator[str]:
    """Give the limits of the provider's documents that a body breaks."""
    if body["type"] == "text" and not 1 <= len(body["text"]["body"]) <= 4096:
        yield "text"
    content = body[body["type"]]
    if isinstance(content, dict) and len(content.get("caption", "")) > 1024:
        yield "caption"
    if body["type"] == "interactive":
        yield from _interactive(content)


def _interactive(content: dict[str, Any]) -> Iterator[str]:
    kind, action = content["type"], content["action"]
    most = 4096 if kind == "list" else 1024
    said = content.get("body", {}).get("text", "")
    if len(said) > most or (not said and kind in ("button", "list", "cta_url", "carousel")):
        yield "body"
    header = content.get("header", {"type": "none"})
    if len(header.get("text", "")) > 60 or len(content.get("footer", {}).get("text", "")) > 60:
        yield "header or footer"
    if kind == "button":
        yield from _buttons([button["reply"] for button in action["buttons"]], 3)
    if kind == "list":
        rows = [row for section in action["sections"] for row in section["rows"]]
        if (
            len(action["button"]) > 20
            or not 1 <= len(rows) <= 10
            or len({row["id"] for row in rows}) < len(rows)
        ):
            yield "rows"
        if any(
            len(r["title"]) > 24 or len(r["id"]) > 200 or len(r.get("description", "")) > 72 for r in rows
        ):
            yield "row"
    if kind == "cta_url" and not 1 <= len(action["parameters"]["display_text"]) <= 20:
        yield "link"
    if kind == "carousel":
        yield from _cards(action["cards"])


def _buttons(replies: list[dict[str, str]], most: int) -> Iterator[str]:
    if not 1 <= len(replies) <= most:
        yield "number of buttons"
    if any(not 1 <= len(one["title"]) <= 20 or not 1 <= len(one["id"]) <= 256 for one in replies):
        yield "button"
    if len({one["id"] for one in replies}) < len(replies):
        yield "ids of buttons"


def _cards(cards: list[dict[str, Any]]) -> Iterator[str]:
    if not 2 <= len(cards) <= 10 or len({card["type"] for card in cards}) > 1:
        yield "cards"
    for card in cards:
        said = card.get("body", {}).get("text", "")
        if len(said) > 160 or said.count("\n") > 2:
            yield "card"


@pytest.mark.parametrize("capabilities", [DIRECT, GROUP], ids=["direct", "group"])
@settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
@given(message=strategies.messages())
def test_every_step_is_within_the_limits_of_the_provider(channel, capabilities, message):
    to = cb.Conversation(address="whatsapp:+12025550123")
    policy = cb.Policy(max_loss="content")
    try:
        plan = transcode(message, capabilities, policy, channel="whatsapp")
    except cb.Unsupported:
        return

    for body in bodies(channel, plan, to):
        assert list(objections(body)) == []
        assert capabilities is DIRECT or body["type"] != "interactive"


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
