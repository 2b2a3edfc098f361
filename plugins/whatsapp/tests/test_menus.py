"""The way back on WhatsApp: taps, and words where there was nothing to tap."""

from __future__ import annotations

import pytest

import chanbridge as cb
from chanbridge.transcode import OpenMap, Situation, resolve, transcode
from chanbridge.transcode.answers import Inbound
from chanbridge_whatsapp.capabilities import CAPABILITIES

DIRECT = CAPABILITIES["direct"]


def answered(message: cb.Message, words: str) -> str | None:
    """The label that words choose on the menu of a message; None if they choose nothing."""
    plan = transcode(message, DIRECT, situation=Situation(window_open=True))
    assert plan.reply_map is not None
    matching = DIRECT.reply_matching
    choice = resolve(
        Inbound(text=words), [OpenMap(map=plan.reply_map)], reserved=matching.reserved_keywords,
        default=matching.default,
    )  # fmt: skip
    return choice.label if choice else None


@pytest.mark.parametrize(("words", "label"), [("12", "Shop 12"), ("shop 7", "Shop 7"), ("13", None)])
def test_more_options_than_a_list_holds_are_numbered_and_answered_in_words(words, label):
    menu = cb.Message.text("Where?", buttons=[f"Shop {n}" for n in range(1, 13)])

    assert answered(menu, words) == label


@pytest.mark.parametrize(("words", "label"), [("no thanks", "No thanks"), ("2", None)])
def test_whoever_types_the_label_of_a_button_has_chosen_it(words, label):
    menu = cb.Message.text("Call you?", buttons=["Yes", "No thanks"])

    assert answered(menu, words) == label
