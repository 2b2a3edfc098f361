"""The way back: one event for a tap, a number, a label, a quote; and when bare words are just words."""

from __future__ import annotations

import datetime as dt

import pytest

from chanbridge.model.address import Contact
from chanbridge.model.base import Ref
from chanbridge.model.events import InteractionReceived, MessageReceived
from chanbridge.model.message import Message, Relation
from chanbridge.model.parts import Action, Text
from chanbridge.transcode import Inbound, OpenMap, Situation, interaction, resolve, transcode
from chanbridge.transcode.plan import Option, ReplyMap
from chanbridge.transcode.words import label_key, marker_key
from tests.transcode.records import MESSENGER, SMS, WHATSAPP

NOW = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=8)
OPTIONS = [
    Action(id="keep", label="Keep it"),
    Action(id="swap", label="Swap!", payload="SWAP:1", aliases=("exchange",)),
    Action(id="back", label="Money back", payload="x" * 1500),
]


def menu(channel=SMS, options=OPTIONS, id="m1", **state):
    plan = transcode(Message.text("What now?", buttons=options, id=id), channel, situation=Situation(now=NOW))
    return OpenMap(map=plan.reply_map, externals=(f"wamid.TEST-{id}",), **state), plan


def answer(text, *maps, **kwargs):
    found = resolve(Inbound(text=text), maps, NOW, **kwargs)
    return found and (found.action_id, found.via)


def test_a_number_a_row_a_button_and_a_postback_give_the_same_choice():
    typed = resolve(Inbound(text="2"), [menu(SMS)[0]], NOW)
    row_map, row_plan = menu(WHATSAPP, [*OPTIONS, Action(id="more", label="More")])
    row = row_plan.steps[0].parts[0].sections[0].items[1]
    tapped = resolve(Inbound(payload=row.payload, label=row.title), [row_map], NOW)
    button_map, button_plan = menu(WHATSAPP)
    pressed = resolve(Inbound(payload=button_plan.steps[0].actions[1].payload), [button_map], NOW)
    post_map, post_plan = menu(MESSENGER)
    posted = resolve(Inbound(payload=post_plan.steps[0].actions[1].payload), [post_map], NOW)

    chosen = {(one.action_id, one.payload, one.label, one.stale) for one in (typed, tapped, pressed, posted)}
    assert chosen == {("swap", "SWAP:1", "Swap!", False)}


def test_a_token_gives_back_the_payload_that_did_not_fit():
    opened, plan = menu(WHATSAPP)

    found = resolve(Inbound(payload=plan.steps[0].actions[2].payload), [opened], NOW)

    assert (found.action_id, found.payload, found.via) == ("back", "x" * 1500, "token")


@pytest.mark.parametrize("text", ["2", " 2. ", "(2)", "2)", "２", "（２）", "٢", "02", "2:"])
def test_a_marker_may_be_written_as_people_do(text):
    assert answer(text, menu()[0]) == ("swap", "marker")


@pytest.mark.parametrize("text", ["Swap!", "swap", "SWAP!!", " «swap». ", "ｓｗａｐ"])
def test_a_label_is_matched_without_case_width_or_punctuation(text):
    assert answer(text, menu()[0]) == ("swap", "label")


def test_an_alias_is_matched():
    assert answer("Exchange.", menu()[0]) == ("swap", "alias")


@pytest.mark.parametrize("text", ["4", "2 please", "swapp", "I want to swap", "", "?", "22", "0"])
def test_nothing_is_guessed(text):
    assert answer(text, menu()[0]) is None


def test_letters_are_markers_where_labels_begin_with_digits():
    opened, _ = menu(options=[Action(id="two", label="2 mugs"), Action(id="one", label="1 mug")])

    assert answer("b", opened) == ("one", "marker")
    assert answer("2 mugs", opened) == ("two", "label")
    assert answer("2", opened) is None


def test_what_fits_two_options_fits_none():
    opened, _ = menu(options=[Action(id="a", label="Yes"), Action(id="b", label="yes!")])

    assert answer("yes", opened) is None
    assert answer("2", opened) == ("b", "marker")


AMBIGUOUS = OpenMap(
    map=ReplyMap(
        message="m1",
        entries=(
            Option(action_id="none", label="0", marker="A"),
            Option(action_id="a", label="A", marker="B", aliases=("plain",)),
            Option(action_id="c", label="C", marker="C"),
            Option(action_id="four", label="Four", marker="4", aliases=("05", "4")),
            Option(action_id="five", label="Five", marker="5"),
        ),
    ),
    externals=("wamid.TEST-m1",),
)


@pytest.mark.parametrize("text", ["A", "a", " a. ", "(A)", "A)", "Ａ", "（ａ）", "05", "(05)", "０５."])
@pytest.mark.parametrize("source", [None, Ref(external="wamid.TEST-m1")])
def test_the_marker_of_one_option_and_the_name_of_another_choose_none(text, source):
    assert resolve(Inbound(text=text, source=source), [AMBIGUOUS], NOW) is None


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("0", ("none", "label")),
        ("B", ("a", "marker")),
        ("plain", ("a", "alias")),
        ("(c)", ("c", "marker")),
        ("4", ("four", "marker")),
        ("5", ("five", "marker")),
    ],
)
def test_a_marker_that_names_no_other_option_chooses(text, chosen):
    assert answer(text, AMBIGUOUS) == chosen


def test_where_markers_are_not_matched_they_make_no_label_ambiguous():
    assert answer("A", AMBIGUOUS, default="label") == ("a", "label")


@pytest.mark.parametrize("state", [{"used": True}, {"moved_on": True}, {"closed": True}])
def test_bare_words_choose_from_an_open_menu_only(state):
    assert answer("2", menu(**state)[0]) is None
    assert answer("swap", menu(**state)[0]) is None


def test_bare_words_choose_from_a_menu_until_it_expires():
    opened, _ = menu()

    assert resolve(Inbound(text="2"), [opened], LATER) is None
    assert resolve(Inbound(text="2"), [opened], NOW).action_id == "swap"


def test_bare_words_choose_from_the_newest_menu_only():
    older, newer = menu(id="old")[0], menu(id="new", options=["Yes", "No"])[0]

    assert answer("3", newer, older) is None
    assert answer("no", newer, older) == ("p0.a1", "label")
    assert answer("2", newer.replace(used=True), older) is None


def test_a_tap_on_a_closed_menu_is_stale():
    used, plan = menu(WHATSAPP, used=True)

    found = resolve(Inbound(payload=plan.steps[0].actions[1].payload), [used], NOW)

    assert (found.action_id, found.stale) == ("swap", True)


def test_a_tap_belongs_to_the_message_that_it_was_made_on():
    older, _ = menu(WHATSAPP, id="old", options=["Yes", "No"])
    newer, _ = menu(WHATSAPP, id="new", options=["Red", "Blue"])
    tap = Inbound(payload="p0.a0", source=Ref(external="wamid.TEST-old"))

    assert resolve(tap, [newer, older], NOW).label == "Yes"
    assert resolve(tap.replace(source=None), [newer, older], NOW).label == "Red"


def test_a_tap_of_an_unknown_menu_stands_as_it_came():
    assert resolve(Inbound(payload="SWAP:1"), [], NOW) is None


def test_a_quoted_menu_is_answered_even_when_it_is_closed():
    older, newer = menu(id="old", used=True)[0], menu(id="new", options=["Yes", "No"])[0]

    found = resolve(Inbound(text="2", source=Ref(external="wamid.TEST-old")), [newer, older], NOW)

    assert (found.action_id, found.via, found.stale) == ("swap", "quote", True)
    assert (found.source.id, found.source.part) == ("old", "p0")


def test_words_that_the_channel_keeps_for_itself_are_no_answer():
    opened, _ = menu(options=["Stop", "Go"])

    assert answer("STOP.", opened, reserved=("STOP", "HELP")) is None
    assert answer("stop", opened) == ("p0.a0", "label")


def test_how_far_words_are_matched_is_the_channels_choice():
    opened, _ = menu()

    assert answer("2", opened, default="label") is None
    assert answer("swap", opened, default="label") == ("swap", "label")
    assert answer("2", opened, default="native") is None
    assert answer("2", opened, default="off") is None


ADA = Contact(address="sms:+12025550123")


def test_a_message_becomes_the_interaction_that_it_is():
    event = MessageReceived.text("2.", sender=ADA, provider_id="SM-TEST")

    found = resolve(event, [menu()[0]], NOW)
    made = interaction(found, event)

    assert isinstance(made, InteractionReceived)
    assert (made.action_id, made.via, made.text, made.provider_id) == ("swap", "marker", "2.", "SM-TEST")
    assert made.message == event.message
    assert made.sender == ADA


def test_a_tap_as_the_plugin_parsed_it_is_made_whole():
    opened, _ = menu(WHATSAPP)
    event = InteractionReceived(
        action_id="SWAP:1", label="Swap!", sender=ADA, source=Ref(external="wamid.TEST-m1")
    )

    made = interaction(resolve(event, [opened], NOW), event)

    assert (made.action_id, made.payload, made.via, made.sender) == ("swap", "SWAP:1", "native", ADA)


def test_a_message_that_quotes_a_menu_is_an_answer_to_it():
    event = MessageReceived.of(
        Text(text="swap"), sender=ADA, message={"relation": Relation(reply_to=Ref(external="wamid.TEST-m1"))}
    )

    assert resolve(event, [menu(used=True)[0]], NOW).via == "quote"


def test_a_message_of_several_parts_is_no_answer():
    event = MessageReceived.of(Text(text="2"), Text(text="3"), sender=ADA)

    assert resolve(event, [menu()[0]], NOW) is None


def test_a_map_expires_by_the_clock_of_the_situation():
    opened, _ = menu()

    assert opened.map.expires_at == NOW + dt.timedelta(days=7)
    assert transcode(Message.text("?", buttons=["A"]), SMS).reply_map.expires_at is None


@pytest.mark.parametrize(
    ("text", "key"), [("??", "??"), (" Ünder — ", "ünder"), ("STRASSE", "strasse"), ("Straße", "strasse")]
)
def test_labels_are_compared_by_their_normal_form(text, key):
    assert label_key(text) == key


@pytest.mark.parametrize(
    ("text", "key"), [("007", "7"), ("0", "0"), ("AB)", "ab"), ("1)2", ""), ("12345", "")]
)
def test_markers_are_numbers_or_letters_alone(text, key):
    assert marker_key(text) == key
