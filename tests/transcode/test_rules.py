"""The rules of degradation, D1 to D22, on channels like the real ones."""

from __future__ import annotations

import datetime as dt
import html

import pytest

from chanbridge.channel import Gesture
from chanbridge.model.address import Contact, Conversation, Recipient
from chanbridge.model.base import Money, Ref
from chanbridge.model.capabilities import Direction, Feature
from chanbridge.model.errors import Unsupported
from chanbridge.model.media import Media
from chanbridge.model.message import Alternative, EmailProfile, Message, Relation
from chanbridge.model.parts import (
    Action,
    Card,
    Carousel,
    ContactCard,
    Contacts,
    Form,
    Labeled,
    LineItem,
    ListItem,
    ListPart,
    Live,
    Location,
    MediaPart,
    Order,
    OtherPart,
    Payment,
    Poll,
    PollOption,
    PostalAddress,
    Section,
    Story,
    Template,
    Text,
)
from chanbridge.testing.limits import violations
from chanbridge.transcode import (
    Inbound,
    OpenMap,
    Policy,
    Situation,
    plan_gesture,
    resolve,
    transcode,
)
from chanbridge.transcode.text.lengths import length
from tests.transcode.records import (
    EMAIL,
    LINE,
    MESSENGER,
    MMS,
    SMS,
    TELEGRAM,
    WHATSAPP,
    X_DIRECT,
    X_PUBLIC,
)

URL = Action(kind="url", label="Track", url="https://example.com/t")
MUG = Media(url="https://shop.example.com/mug.png", mime="image/png")


def losses(plan):
    return [(loss.rule, loss.level, loss.path) for loss in plan.losses]


def texts(plan):
    return [step.text for step in plan.steps]


class TestD1Splitting:
    def test_a_text_that_is_too_long_becomes_several_steps_cut_between_sentences(self):
        message = Message.text("This is one sentence. " * 300)

        plan = transcode(message, WHATSAPP)

        assert [len(step.text) <= 4096 for step in plan.steps] == [True, True]
        assert all(step.text.endswith("sentence.") for step in plan.steps)
        assert {step.carries for step in plan.steps} == {("p0",)}
        assert losses(plan) == [("D1", "presentation", "/parts/0")]

    def test_the_segments_of_one_sms_are_one_step(self):
        plan = transcode(Message.text("a" * 1000), SMS)

        assert len(plan.steps) == 1
        assert plan.losses == ()

    def test_an_sms_with_more_segments_than_allowed_is_several_steps(self):
        plan = transcode(Message.text("ж" * 1000), SMS)

        assert [len(text) for text in texts(plan)] == [670, 330]

    def test_a_post_is_measured_in_weighted_characters(self):
        assert len(transcode(Message.text("字" * 140), X_PUBLIC).steps) == 1
        assert len(transcode(Message.text("字" * 141), X_PUBLIC).steps) == 2

    def test_where_cutting_is_forbidden_the_message_is_refused_as_too_large(self):
        channel = X_PUBLIC.replace(text=X_PUBLIC.text.replace(split="forbid"))

        with pytest.raises(Unsupported) as refused:
            transcode(Message.text("a" * 281), channel)

        assert (refused.value.code, refused.value.fix) == ("too_large", "shrink")
        assert "/parts/0" in str(refused.value)

    LONG = f"https://example.com/{'a' * 5000}"
    STACKED = "a" + "\u0301" * 5000

    @pytest.mark.parametrize("channel", [WHATSAPP, SMS, TELEGRAM, LINE, MESSENGER])
    @pytest.mark.parametrize("text", [LONG, STACKED, f"Please see {LONG} soon"])
    def test_a_link_or_a_character_that_no_text_can_hold_is_refused_as_too_large(self, channel, text):
        limits = channel.text.replace(max=1000, max_segments=None)

        with pytest.raises(Unsupported) as refused:
            transcode(Message.text(text), channel.replace(text=limits))

        assert (refused.value.code, refused.value.fix) == ("too_large", "shrink")
        assert "/parts/0: a " in str(refused.value)
        assert "is longer than the limit, and is cut (D1)" in str(refused.value)

    @pytest.mark.parametrize("text", [LONG, STACKED])
    def test_it_is_cut_where_its_sender_allows_that_it_is_lost(self, text):
        plan = transcode(Message.text(text), WHATSAPP, Policy(max_loss="content"))

        assert "".join(texts(plan)) == text
        assert losses(plan) == [("D1", "presentation", "/parts/0"), ("D1", "content", "/parts/0")]

    def test_the_last_words_stand_for_a_link_that_cannot_be_sent(self):
        plan = transcode(Message.text(self.LONG).replace(fallback_text="Ask us for it"), WHATSAPP)

        assert texts(plan) == ["Ask us for it"]

    @pytest.mark.parametrize("count", [2, 8])
    def test_a_link_that_only_a_text_can_hold_stands_above_the_prompt_of_its_actions(self, count):
        link, options = f"https://example.com/{'a' * 2000}", [f"Option {n}" for n in "abcdefgh"[:count]]
        limits = WHATSAPP.list.replace(body_max=1024)

        plan = transcode(Message.text(link, buttons=options), WHATSAPP.replace(list=limits))

        assert texts(plan)[0] == link
        assert [len(step.parts) for step in plan.steps] == [1, 1]
        assert plan.loss == "presentation"

    def test_the_body_of_a_menu_keeps_a_link_whole_too(self):
        link = f"https://example.com/{'a' * 2000}"
        menu = ListPart(
            id="m",
            body=f"Choose, or see {link}",
            button="Menu",
            sections=(Section(items=(ListItem(id="x", title="X"),)),),
        )
        channel = WHATSAPP.replace(list=WHATSAPP.list.replace(body_max=1024))

        plan = transcode(Message(id="1", parts=(menu,)), channel)

        assert [step.text for step in plan.steps[:-1]] == [f"Choose, or see {link}"]
        assert plan.steps[-1].parts[0].body == "Please choose:"
        assert plan.loss == "presentation"

    def test_a_caption_with_a_link_that_no_text_can_hold_is_refused(self):
        picture = MediaPart(id="p", role="image", media=MUG, caption=Text(text=self.LONG))

        with pytest.raises(Unsupported, match="a link is longer than the limit"):
            transcode(Message(id="1", parts=(picture,)), WHATSAPP)

    def test_the_lines_of_a_menu_are_never_cut(self):
        channel = SMS.replace(text=SMS.text.replace(max=60, max_segments=None))
        message = Message.text("Pick one", buttons=[f"Option number {n} in words" for n in "abcdefgh"])

        plan = transcode(message, channel)

        lines = [line for text in texts(plan) for line in text.split("\n")]
        assert lines.count("1) Option number a in words") == 1
        assert lines.count("8) Option number h in words") == 1

    def test_the_last_piece_fits_the_body_above_the_buttons(self):
        plan = transcode(Message.text("This is one sentence. " * 100, buttons=["Yes"]), WHATSAPP)

        assert [len(step.text) <= 1024 for step in plan.steps] == [True] * 3
        assert [len(step.actions) for step in plan.steps] == [0, 0, 1]


class TestD2Formatting:
    def test_marks_are_written_in_the_dialect_of_the_channel(self):
        message = Message.text("**Hi** _there_ ~~no~~", format="markdown")

        plan = transcode(message, WHATSAPP)

        assert texts(plan) == ["*Hi* _there_ ~no~"]
        assert plan.losses == ()

    def test_marks_that_a_channel_does_not_have_are_dropped_and_said(self):
        plan = transcode(Message.text("<b>Hi</b>", format="html"), SMS)

        assert texts(plan) == ["Hi"]
        assert losses(plan) == [("D2", "presentation", "/parts/0")]

    def test_a_link_becomes_its_label_with_the_address(self):
        plan = transcode(Message.text("[Shop](https://example.com)", format="markdown"), SMS)

        assert texts(plan) == ["Shop (https://example.com)"]

    def test_words_are_escaped_where_the_dialect_has_escapes(self):
        assert texts(transcode(Message.text("1 < 2 & <b>"), TELEGRAM)) == ["1 &lt; 2 &amp; &lt;b&gt;"]

    def test_plain_words_go_out_literally_where_it_has_none(self):
        assert texts(transcode(Message.text("2 * 3 * 4"), WHATSAPP)) == ["2 * 3 * 4"]


class TestD3Labels:
    def test_a_label_too_long_for_a_button_moves_to_a_list_row(self):
        message = Message.text("Pick", buttons=["A label of 24 characters", "No"])

        plan = transcode(message, WHATSAPP)

        [menu] = plan.steps[0].parts
        assert [row.title for row in menu.sections[0].items] == ["A label of 24 characters", "No"]
        assert losses(plan) == [("D4", "presentation", "/parts/0/actions")]

    def test_it_is_cut_only_to_the_authors_short_label(self):
        action = Action(id="y", label="Yes, deliver it tomorrow morning", short_label="Yes")

        plan = transcode(Message.text("Pick", buttons=[action]), WHATSAPP)

        assert [shown.label for shown in plan.steps[0].actions] == ["Yes"]
        assert losses(plan) == [("D3", "presentation", "/parts/0/actions/0/label")]
        assert plan.reply_map.entries[0].aliases == ("Yes",)

    def test_without_a_short_label_or_a_longer_surface_it_is_numbered(self):
        plan = transcode(
            Message.text("Pick", buttons=["A label that fits no button of Messenger"]), MESSENGER
        )

        assert texts(plan) == ["Pick\n\n1) A label that fits no button of Messenger\nReply with a number."]

    def test_labels_that_must_differ_but_do_not_are_numbered(self):
        plan = transcode(Message.text("Pick", buttons=["Yes", "yes"]), WHATSAPP.replace(list=None))

        assert "1) Yes\n2) yes" in texts(plan)[0]

    def test_what_a_label_may_not_hold_is_left_out_of_it(self):
        button = WHATSAPP.actions["button"].replace(label_forbid=("emoji", "newline"))
        channel = WHATSAPP.replace(actions={"button": button})

        plan = transcode(Message.text("Pick", buttons=["👍 Yes\nplease"]), channel)

        assert plan.steps[0].actions[0].label == "Yes please"
        assert plan.reply_map.entries[0].label == "👍 Yes\nplease"


class TestD4MoreRepliesThanButtons:
    def test_whatsapp_opens_a_list(self):
        plan = transcode(Message.text("Pick", buttons=list("ABCDEFGHIJ"), locale="nl"), WHATSAPP)

        [menu] = plan.steps[0].parts
        assert isinstance(menu, ListPart)
        assert (menu.body, menu.button) == ("Pick", "Opties")
        assert [row.id for row in menu.sections[0].items][-1] == "p0.a9"

    def test_messenger_shows_quick_replies(self):
        plan = transcode(Message.text("Pick", buttons=list("ABCDEFGHIJKLM")), MESSENGER)

        assert len(plan.steps[0].quick_replies) == 13
        assert plan.steps[0].actions == ()

    def test_line_shows_quick_replies_over_four(self):
        assert len(transcode(Message.text("Pick", buttons=list("ABCD")), LINE).steps[0].actions) == 4
        assert len(transcode(Message.text("Pick", buttons=list("ABCDE")), LINE).steps[0].quick_replies) == 5

    @pytest.mark.parametrize(("channel", "count"), [(WHATSAPP, 11), (MESSENGER, 14), (LINE, 14)])
    def test_over_that_they_are_numbered_and_none_is_dropped(self, channel, count):
        plan = transcode(Message.text("Pick", buttons=[f"Option {n}" for n in range(count)]), channel)

        assert f"{count}) Option {count - 1}" in texts(plan)[-1]
        assert plan.loss == "affordance"

    def test_quick_replies_become_buttons_where_there_are_none(self):
        plan = transcode(Message.text("Ok?", quick_replies=["Yes", "No"]), WHATSAPP)

        assert [action.label for action in plan.steps[0].actions] == ["Yes", "No"]

    def test_buttons_and_quick_replies_stand_together_where_both_exist(self):
        plan = transcode(Message.text("Ok?", buttons=[URL], quick_replies=["Yes"]), MESSENGER)

        assert [action.label for action in plan.steps[0].actions] == ["Track"]
        assert [action.label for action in plan.steps[0].quick_replies] == ["Yes"]
        assert plan.losses == ()


class TestD5Mixing:
    def test_replies_stay_native_and_a_link_becomes_a_line(self):
        plan = transcode(Message.text("Pick", buttons=["Yes", URL]), WHATSAPP)

        assert texts(plan) == ["Pick\n\nTrack: https://example.com/t"]
        assert [action.label for action in plan.steps[0].actions] == ["Yes"]
        assert losses(plan) == [("D5", "presentation", "/parts/0/actions/1")]

    def test_one_link_alone_is_a_native_link_button(self):
        plan = transcode(Message.text("Look", buttons=[URL]), WHATSAPP)

        assert plan.steps[0].actions[0].url == "https://example.com/t"
        assert plan.losses == ()

    def test_two_links_are_lines_where_only_one_may_stand_alone(self):
        other = Action(kind="url", label="Shop", url="https://example.com/s")

        plan = transcode(Message.text("Look", buttons=[URL, other]), WHATSAPP)

        assert texts(plan) == ["Look\n\nTrack: https://example.com/t\nShop: https://example.com/s"]

    def test_messenger_mixes_replies_and_links(self):
        plan = transcode(Message.text("Look", buttons=["Yes", URL]), MESSENGER)

        assert [action.kind for action in plan.steps[0].actions] == ["reply", "url"]

    def test_what_cannot_be_written_as_a_line_is_a_content_loss(self):
        share = Action(kind="share", label="Tell a friend")

        with pytest.raises(Unsupported, match="/parts/0/actions/0: share cannot be written"):
            transcode(Message.text("Look", buttons=[share]), SMS)

    def test_what_is_disabled_is_not_shown(self):
        plan = transcode(Message.text("Look", buttons=["Yes", Action(label="No", disabled=True)]), SMS)

        assert texts(plan) == ["Look\n\n1) Yes\nReply with a number."]
        assert ("D5", "presentation", "/parts/0/actions/1") in losses(plan)


class TestD6Numbering:
    def test_options_are_numbered_below_the_text_with_links_and_a_hint(self):
        call = Action(kind="call", label="Call", phone="+12025550123")

        plan = transcode(Message.text("Your order?", buttons=["Keep", call, "Cancel"]), SMS)

        assert texts(plan) == [
            "Your order?\n\n1) Keep\n2) Cancel\nCall: tel:+12025550123\nReply with a number."
        ]

    def test_letters_are_used_where_a_label_begins_with_a_digit(self):
        plan = transcode(Message.text("How many?", buttons=["2 mugs", "None"]), SMS)

        assert texts(plan) == ["How many?\n\nA) 2 mugs\nB) None\nReply with a letter."]

    def test_a_marker_that_names_another_option_is_left_out(self):
        plan = transcode(Message.text("Your type?", buttons=["0", "A", "B", "AB"]), SMS)

        assert texts(plan) == ["Your type?\n\nC) 0\nD) A\nE) B\nF) AB\nReply with a letter."]

    @pytest.mark.parametrize("name", ["2", "２", "٢", "02", "(2)", "2!"])
    @pytest.mark.parametrize("kind", ["aliases", "short_label"])
    def test_so_is_a_number_that_another_option_goes_by(self, name, kind):
        given = {"aliases": (name,)} if kind == "aliases" else {"short_label": name}
        options = [Action(id="yes", label="Yes", **given), Action(id="no", label="No")]

        plan = transcode(Message.text("?", buttons=options), SMS)

        assert [option.marker for option in plan.reply_map.entries] == ["1", "3"]

    def test_an_option_may_be_marked_by_its_own_name(self):
        options = [Action(id="yes", label="Yes", aliases=("1",)), Action(id="no", label="No", aliases=("2",))]

        plan = transcode(Message.text("?", buttons=options), SMS)

        assert [option.marker for option in plan.reply_map.entries] == ["1", "2"]

    def test_what_nobody_may_choose_takes_no_marker(self):
        options = [
            Action(label="0"),
            Action(label="A", disabled=True),
            Action(kind="url", label="B", url="https://example.com"),
        ]

        plan = transcode(Message.text("?", buttons=options), SMS)

        assert [option.marker for option in plan.reply_map.entries] == ["A"]

    @pytest.mark.parametrize(
        ("locale", "hint"),
        [
            ("nl-BE", "Antwoord met een cijfer."),
            ("pt_BR", "Responda com a cifra."),
            ("xx", "Reply with a number."),
            ("zh", "请回复数字。"),
            ("zh-Hans-HK", "请回复数字。"),
            ("zh-Hant-TW", "請回覆數字。"),
            ("zh_TW", "請回覆數字。"),
            ("zh-HK", "請回覆數字。"),
        ],
    )
    def test_the_hint_is_in_the_language_of_the_message(self, locale, hint):
        plan = transcode(Message.text("?", buttons=["A"], locale=locale), SMS)

        assert texts(plan)[0].endswith(hint)

    def test_numbers_run_on_from_part_to_part(self):
        message = Message.of(
            Text(text="One", actions=(Action(label="a"),)), Text(text="Two", actions=(Action(label="b"),))
        )

        plan = transcode(message, SMS)

        assert [option.marker for option in plan.reply_map.entries] == ["1", "2"]
        assert [option.step for option in plan.reply_map.entries] == [0, 1]

    def test_an_account_may_forbid_numbering(self):
        with pytest.raises(Unsupported, match="may not be numbered"):
            transcode(Message.text("?", buttons=["A"]), SMS, Policy(numbering=False))

    def test_the_added_words_keep_an_sms_in_the_gsm_alphabet(self):
        for locale in ("de", "en", "es", "fi", "fr", "id", "it", "nl", "pl", "pt", "sv", "tr"):
            plan = transcode(Message.text("?", buttons=["A"], locale=locale), SMS)
            assert length(texts(plan)[0], "gsm") == len(texts(plan)[0]), locale

    def test_each_place_whose_options_became_numbers_is_named(self):
        plan = transcode(Message.text("Ok?", buttons=["Yes", "No"], quick_replies=["Later"]), SMS)

        assert [(loss.path, loss.level, loss.rule, loss.limit, loss.actual) for loss in plan.losses] == [
            ("/parts/0/actions", "affordance", "D6", 0, 2),
            ("/quick_replies", "affordance", "D6", 0, 1),
        ]

    def test_so_is_each_section_of_a_list(self):
        sections = tuple(Section(title=title, items=(ListItem(title=title),)) for title in ("Mugs", "Caps"))

        plan = transcode(Message(id="1", parts=(ListPart(body="Pick", sections=sections),)), SMS)

        assert [path for rule, _, path in losses(plan) if rule == "D6"] == [
            "/parts/0/sections/0/items",
            "/parts/0/sections/1/items",
        ]


class TestD7Payloads:
    def test_a_payload_that_does_not_fit_is_replaced_by_a_token(self):
        action = Action(id="buy", label="Buy", payload="x" * 300)

        plan = transcode(Message.text("?", buttons=[action], id="m1"), WHATSAPP)

        [option] = plan.reply_map.entries
        assert plan.steps[0].actions[0].payload == option.token
        assert len(option.token) == 16
        assert option.payload == "x" * 300

    def test_two_actions_with_one_payload_get_a_token_each(self):
        same = [Action(id="a", label="A", payload="go"), Action(id="b", label="B", payload="go")]

        first, second = transcode(Message.text("?", buttons=same), WHATSAPP).steps[0].actions

        assert first.payload != second.payload
        assert "go" not in (first.payload, second.payload)

    def test_without_a_payload_the_action_id_goes_out(self):
        plan = transcode(Message.text("?", buttons=[Action(id="yes", label="Yes")]), WHATSAPP)

        assert plan.steps[0].actions[0].payload == "yes"
        assert plan.reply_map.entries[0].payload == ""


MENU = ListPart(
    body="Your slot?",
    button="Slots",
    sections=(
        Section(
            title="Today",
            items=(
                ListItem(id="am", title="Morning", description="8-12"),
                ListItem(id="pm", title="Afternoon"),
            ),
        ),
        Section(title="Tomorrow", items=(ListItem(id="any", title="All day", payload="P"),)),
    ),
)


class TestD8Lists:
    def test_a_list_is_native_where_it_fits(self):
        plan = transcode(Message.of(MENU), WHATSAPP)

        [menu] = plan.steps[0].parts
        assert [item.payload for section in menu.sections for item in section.items] == ["am", "pm", "P"]
        assert plan.losses == ()

    def test_a_list_without_lists_becomes_buttons_and_its_descriptions_lines(self):
        plan = transcode(Message.of(MENU), MESSENGER)

        assert [action.label for action in plan.steps[0].actions] == ["Morning", "Afternoon", "All day"]
        assert texts(plan) == ["Your slot?\n\nMorning: 8-12"]

    def test_numbering_runs_through_the_sections(self):
        plan = transcode(Message.of(MENU), SMS)

        assert texts(plan) == [
            "Your slot?\n\nToday\n1) Morning - 8-12\n2) Afternoon\nTomorrow\n3) All day\nReply with a number."
        ]
        assert [option.action_id for option in plan.reply_map.entries] == ["am", "pm", "any"]

    def test_a_row_that_is_too_long_makes_the_list_a_text(self):
        long = MENU.replace(sections=(Section(items=(ListItem(title="A row of more than twenty-four"),)),))

        assert "1) A row of more" in texts(transcode(Message.of(long), WHATSAPP))[0]

    def test_a_title_that_is_too_long_stands_in_the_body(self):
        plan = transcode(Message.of(MENU.replace(title="T" * 61)), WHATSAPP)

        [menu] = plan.steps[0].parts
        assert menu.title == ""
        assert menu.body == f"*{'T' * 61}*\nYour slot?"

    def test_choosing_many_becomes_choosing_one(self):
        plan = transcode(Message.of(MENU.replace(select="many")), WHATSAPP)

        assert losses(plan) == [("D8", "affordance", "/parts/0/select")]


MUG_CARD = Card(id="mug", title="Mug", body="Holds tea", media=MUG, actions=(Action(id="buy", label="Buy"),))


class TestD8Limits:
    def test_a_list_with_too_many_sections_is_no_list(self):
        channel = WHATSAPP.replace(list=WHATSAPP.list.replace(sections_max=1))

        assert transcode(Message.of(MENU), channel).steps[0].parts[0].kind == "text"

    def test_a_section_title_that_is_too_long_makes_it_no_list(self):
        section = MENU.sections[0].replace(title="T" * 25)

        plan = transcode(Message.of(MENU.replace(sections=(section,))), WHATSAPP)

        assert plan.steps[0].parts[0].kind == "text"

    def test_a_body_that_is_too_long_begins_above_the_list(self):
        channel = WHATSAPP.replace(list=WHATSAPP.list.replace(body_max=40))

        plan = transcode(Message.of(MENU.replace(body="These are words. " * 4)), channel)

        assert [step.parts[0].kind for step in plan.steps] == ["text", "list"]
        assert len(plan.steps[1].parts[0].body) <= 40


class TestD9Cards:
    def test_a_card_is_native_where_it_fits(self):
        plan = transcode(Message.of(MUG_CARD), MESSENGER)

        [card] = plan.steps[0].parts
        assert (card.kind, card.actions[0].payload) == ("card", "buy")
        assert plan.losses == ()

    def test_a_card_becomes_a_file_with_caption_and_actions_in_one_step(self):
        plan = transcode(Message.of(MUG_CARD), TELEGRAM)

        [step] = plan.steps
        assert step.media[0].caption.text == "<b>Mug</b>\nHolds tea"
        assert [action.label for action in step.actions] == ["Buy"]
        assert plan.loss == "presentation"

    def test_a_card_becomes_a_file_and_a_text_where_they_do_not_go_together(self):
        plan = transcode(Message.of(MUG_CARD), LINE)

        assert [step.parts[0].kind for step in plan.steps] == ["media", "text"]
        assert plan.steps[1].actions[0].label == "Buy"
        assert [step.carries for step in plan.steps] == [("mug",), ("mug",)]

    def test_a_card_without_what_the_channel_requires_is_no_card(self):
        plan = transcode(Message.of(MUG_CARD.replace(title="")), MESSENGER)

        assert [step.parts[0].kind for step in plan.steps] == ["media", "text"]

    @pytest.mark.parametrize(
        "where", [lambda card: card, lambda card: Carousel(body="Mugs", cards=(card,) * 2)]
    )
    def test_a_tap_that_has_no_place_beside_the_replies_becomes_a_line(self, where):
        tap = Action(kind="url", label="See it", url="https://shop.example.com/mug")

        plan = transcode(Message.of(where(MUG_CARD.replace(tap=tap))), WHATSAPP)

        last = plan.steps[-1]
        assert [action.label for action in last.actions] == ["Buy"]
        assert "See it: https://shop.example.com/mug" in last.text
        assert (plan.losses[-1].rule, plan.losses[-1].level) == ("D5", "presentation")
        assert plan.losses[-1].path.endswith("/tap")

    def test_a_tap_stays_where_the_card_itself_can_be_tapped(self):
        tap = Action(kind="url", label="See it", url="https://shop.example.com/mug")

        plan = transcode(Message.of(MUG_CARD.replace(tap=tap)), MESSENGER)

        [card] = plan.steps[0].parts
        assert (card.tap.url, card.actions[0].label) == (tap.url, "Buy")
        assert plan.losses == ()

    def test_a_tap_whose_label_is_too_long_for_a_button_becomes_a_line(self):
        tap = Action(kind="url", label="See this mug in our shop", url="https://shop.example.com/mug")

        plan = transcode(Message.of(Card(title="Mug", tap=tap)), WHATSAPP)

        assert texts(plan) == ["*Mug*\n\nSee this mug in our shop: https://shop.example.com/mug"]

    @pytest.mark.parametrize("channel", [WHATSAPP, MESSENGER, LINE, SMS, EMAIL], ids=lambda c: c.channel)
    @pytest.mark.parametrize("count", [1, 8])
    def test_what_is_disabled_is_on_no_card(self, channel, count):
        off = Action(label="Sold out", disabled=True)
        tap = Action(kind="url", label="Gone", url="https://shop.example.com/gone", disabled=True)
        card = MUG_CARD.replace(id="", actions=(off, Action(label="Buy")), tap=tap)
        part = card if count == 1 else Carousel(body="Mugs", cards=(card,) * count)

        plan = transcode(Message.of(part), channel, Policy(max_loss="content"))

        said = str([plan.steps, plan.reply_map])
        assert "Buy" in said
        assert "Sold out" not in said
        assert tap.url not in said
        assert len([loss for loss in plan.losses if "disabled" in loss.reason]) == 2 * count

    def test_a_quick_reply_that_is_disabled_is_not_shown_under_a_card(self):
        off = Action(label="Sold out", disabled=True)

        surfaces = {name: limits.replace(needs_body=False) for name, limits in MESSENGER.actions.items()}
        channel = MESSENGER.replace(actions=surfaces)

        [step] = (plan := transcode(Message.of(MUG_CARD, quick_replies=[off, "Later"]), channel)).steps

        assert [action.label for action in step.quick_replies] == ["Later"]
        assert losses(plan) == [("D5", "presentation", "/quick_replies/0")]

    def test_a_card_becomes_a_text_with_the_link_of_its_picture(self):
        plan = transcode(Message.of(MUG_CARD), SMS)

        assert texts(plan) == [
            "Mug\nHolds tea\nhttps://shop.example.com/mug.png\n\n1) Buy\nReply with a number."
        ]


def _carousel(count):
    return Carousel(
        body="Our mugs",
        cards=tuple(
            Card(title=f"Mug {n}", actions=(Action(id=f"buy{n}", label="Buy"),)) for n in range(count)
        ),
    )


class TestD10Carousels:
    def test_a_carousel_is_native_where_it_fits(self):
        plan = transcode(Message.of(_carousel(3)), WHATSAPP)

        [step] = plan.steps
        assert step.parts[0].kind == "carousel"
        assert step.carries == ("p0", "p0.c0", "p0.c1", "p0.c2")

    def test_a_body_that_it_cannot_have_goes_before_it(self):
        plan = transcode(Message.of(_carousel(3)), MESSENGER)

        assert [step.parts[0].kind for step in plan.steps] == ["text", "carousel"]

    def test_cards_that_must_be_alike_but_are_not_follow_one_another(self):
        mixed = _carousel(2).replace(cards=(Card(title="Plain", body="x"), MUG_CARD))

        plan = transcode(Message.of(mixed), WHATSAPP)

        assert [step.parts[0].kind for step in plan.steps] == ["text", "card", "card"]

    @pytest.mark.parametrize(
        "card",
        [
            Card(
                title="Mug",
                body="b" * 157,
                tap=Action(kind="url", label="See", url="https://shop.example.com"),
            ),
            Card(title="Mug", actions=tuple(Action(label=label) for label in ("Buy", "Keep", "Wrap"))),
            Card(title="Mug", body="Blue"),
        ],
        ids=["words", "buttons", "nothing to tap"],
    )
    def test_cards_that_are_too_much_for_a_carousel_but_not_alone_follow_one_another(self, card):
        plan = transcode(Message.of(Carousel(body="Our mugs", cards=(card, card))), WHATSAPP)

        assert [step.parts[0].kind for step in plan.steps] == ["text", "card", "card"]
        assert losses(plan) == [("D10", "presentation", "/parts/0")]

    def test_a_card_of_just_the_length_that_a_carousel_takes_stays_in_it(self):
        card = Card(
            title="Mug", body="b" * 156, tap=Action(kind="url", label="See", url="https://shop.example.com")
        )

        [step] = transcode(Message.of(Carousel(body="Our mugs", cards=(card, card))), WHATSAPP).steps

        assert step.parts[0].kind == "carousel"

    def test_few_cards_are_a_step_each(self):
        plan = transcode(Message.of(_carousel(3)), SMS)

        assert [text.split("\n")[0] for text in texts(plan)] == ["Our mugs", "Mug 0", "Mug 1", "Mug 2"]
        assert [option.marker for option in plan.reply_map.entries] == ["1", "2", "3"]

    def test_many_cards_are_one_numbered_text(self):
        plan = transcode(Message.of(_carousel(8)), SMS)

        [text] = texts(plan)
        assert "Mug 7\n\n8) Buy" in text
        assert text.endswith("\n\nReply with a number.")
        assert [option.marker for option in plan.reply_map.entries] == list("12345678")


class TestD11Captions:
    def test_a_caption_that_is_too_long_follows_as_a_text(self):
        plan = transcode(Message.image(MUG, caption="c" * 1025), WHATSAPP)

        assert plan.steps[0].media[0].caption is None
        assert texts(plan) == ["", "c" * 1025]
        assert losses(plan) == [("D11", "presentation", "/parts/0/caption")]

    def test_a_caption_where_there_are_none_follows_as_a_text_with_the_buttons(self):
        plan = transcode(Message.image(MUG, caption="A mug", buttons=["Buy"]), MESSENGER)

        assert texts(plan) == ["", "A mug"]
        assert plan.steps[1].actions[0].label == "Buy"

    def test_words_that_are_too_long_above_buttons_follow_as_a_text(self):
        button = TELEGRAM.actions["button"].replace(body_max=10)
        channel = TELEGRAM.replace(actions={"button": button})

        plan = transcode(Message.image(MUG, caption="A mug for tea", buttons=["Buy"]), channel)

        assert [step.parts[0].kind for step in plan.steps] == ["media", "text", "text"]
        assert plan.steps[2].actions[0].label == "Buy"

    def test_buttons_that_cannot_stand_under_a_file_follow_it(self):
        voice = Message.file(Media(url="https://example.com/v.ogg"), role="voice", buttons=["Again"])

        plan = transcode(voice, TELEGRAM)

        assert [step.parts[0].kind for step in plan.steps] == ["media", "text"]
        assert texts(plan)[1] == "Please choose:"


class TestD12Albums:
    PHOTOS = tuple(MediaPart(role="image", media=MUG, caption=Text(text=f"Nr {n}")) for n in range(3))

    def test_files_side_by_side_are_an_album_where_there_are_albums(self):
        plan = transcode(Message.of(*self.PHOTOS), TELEGRAM)

        [step] = plan.steps
        assert [part.caption.text for part in step.media] == ["Nr 0", "Nr 1", "Nr 2"]
        assert step.carries == ("p0", "p1", "p2")
        assert plan.losses == ()

    def test_elsewhere_each_is_a_step_with_its_caption_and_the_last_has_the_actions(self):
        plan = transcode(Message.of(*self.PHOTOS, quick_replies=["Nice"]), WHATSAPP)

        assert texts(plan) == ["Nr 0", "Nr 1", "Nr 2"]
        assert [len(step.actions) for step in plan.steps] == [0, 0, 1]

    def test_an_album_that_would_lose_captions_is_not_made(self):
        assert len(transcode(Message.of(*self.PHOTOS), MMS).steps) == 3

    def test_an_album_with_too_many_or_with_other_roles_is_not_made(self):
        voice = MediaPart(role="voice", media=Media(url="https://example.com/v.ogg"))

        assert len(transcode(Message.of(*self.PHOTOS * 4), TELEGRAM).steps) == 12
        assert len(transcode(Message.of(self.PHOTOS[0], voice), TELEGRAM).steps) == 2


class TestD13Roles:
    def test_a_voice_note_becomes_audio_where_there_are_no_voice_notes(self):
        voice = Message.file(Media(url="https://example.com/v.ogg", mime="audio/ogg"), role="voice")

        plan = transcode(voice, WHATSAPP)

        assert plan.steps[0].media[0].role == "audio"
        assert losses(plan) == [("D13", "presentation", "/parts/0")]

    def test_a_sticker_becomes_an_image_and_a_gif_animation_an_image(self):
        sticker = Message.file(Media(url="https://example.com/s.png", mime="image/png"), role="sticker")
        moving = Message.file(Media(url="https://example.com/a.gif", mime="image/gif"), role="animation")

        assert transcode(sticker, WHATSAPP).steps[0].media[0].role == "image"
        assert transcode(moving, MESSENGER).steps[0].media[0].role == "video"
        assert transcode(moving, X_DIRECT).steps[0].media[0].role == "animation"

    @pytest.mark.parametrize(
        "media",
        [
            Media(url="https://example.com/p.tiff", mime="image/tiff"),
            Media(url="https://example.com/p.tiff"),
            Media(url="https://example.com/p.jpg", mime="image/jpeg", size=6 * 1024 * 1024),
        ],
        ids=["type", "type by its name", "size"],
    )
    def test_an_image_that_is_no_image_to_the_channel_goes_as_a_document(self, media):
        assert transcode(Message.image(media), WHATSAPP).steps[0].media[0].role == "document"

    def test_dimensions_and_duration_are_looked_at(self):
        wide = Media(url="https://example.com/a.gif", mime="image/gif", width=2000)
        long = Media(url="https://example.com/a.mp4", mime="video/mp4", duration_ms=150_000)

        for role, media in (("animation", wide), ("video", long)):
            plan = transcode(Message.file(media, role=role), X_DIRECT)
            assert texts(plan) == [media.url]
            assert losses(plan) == [("D13", "affordance", "/parts/0")]

    def test_a_picture_that_was_to_be_seen_once_says_so(self):
        plan = transcode(Message.of(MediaPart(role="image", media=MUG, view_once=True)), WHATSAPP)

        assert losses(plan) == [("D13", "affordance", "/parts/0/view_once")]


class TestD14Links:
    STORED = Media(blob="blob-TEST", mime="image/png", filename="mug.png")

    def test_a_file_that_the_channel_takes_by_link_goes_if_we_can_serve_one(self):
        plan = transcode(Message.image(self.STORED), LINE, situation=Situation(can_serve_links=True))

        assert plan.steps[0].media[0].media.blob == "blob-TEST"
        assert plan.losses == ()

    def test_a_file_without_a_link_is_refused(self):
        with pytest.raises(Unsupported, match="by link only, and there is no link to give"):
            transcode(Message.image(self.STORED), LINE)

    def test_the_link_in_a_text_is_the_one_that_we_serve(self):
        serving = Situation(can_serve_links=True, links={"blob-TEST": "https://hooks.example.com/media/1"})

        plan = transcode(Message.image(self.STORED, caption="A mug"), SMS, situation=serving)

        assert texts(plan) == ["A mug\nmug.png: https://hooks.example.com/media/1"]

    def test_a_link_that_needs_our_credential_is_no_public_link(self):
        media = Media(url="https://example.com/x.png", auth="channel", mime="image/png")

        with pytest.raises(Unsupported):
            transcode(Message.image(media), SMS)


class TestD15Locations:
    DAM = Location(lat=52.373, lon=4.8925, name="Dam", address="Dam 1, Amsterdam")

    def test_a_place_is_native_where_there_are_places(self):
        assert transcode(Message.of(self.DAM), LINE).losses == ()

    def test_a_place_becomes_its_name_and_a_map(self):
        plan = transcode(Message.of(self.DAM), SMS)

        assert texts(plan) == ["Dam, Dam 1, Amsterdam\nhttps://maps.google.com/?q=52.373000,4.892500"]
        assert losses(plan) == [("D15", "presentation", "/parts/0")]

    def test_its_buttons_follow(self):
        plan = transcode(Message.of(self.DAM.replace(actions=(Action(label="Go"),))), WHATSAPP)

        assert [step.parts[0].kind for step in plan.steps] == ["location", "text"]
        assert texts(plan)[1] == "Please choose:"

    def test_a_position_that_moves_stands_still_where_it_must(self):
        moving = self.DAM.replace(live=Live(heading=90))

        assert transcode(Message.of(moving), TELEGRAM).losses == ()
        assert losses(transcode(Message.of(moving), LINE)) == [("D15", "affordance", "/parts/0/live")]

    def test_quick_replies_follow_what_they_cannot_stand_under(self):
        channel = MESSENGER.replace(location=Feature())

        plan = transcode(Message.of(self.DAM, quick_replies=["Go"]), channel)

        assert [len(step.quick_replies) for step in plan.steps] == [0, 1]


class TestD16Contacts:
    ADA = ContactCard(name="Ada; Test", phones=(Labeled(value="+12025550123", type="work"),), org="Example")

    def test_a_card_is_native_where_there_are_cards(self):
        assert transcode(Message.of(Contacts(contacts=(self.ADA,))), WHATSAPP).losses == ()

    def test_a_card_becomes_a_vcard_file(self):
        plan = transcode(Message.of(Contacts(contacts=(self.ADA,))), MESSENGER)

        [file] = plan.steps[0].media
        assert (file.role, file.media.mime) == ("document", "text/vcard")
        assert b"FN:Ada\\; Test\r\n" in file.media.data
        assert b"TEL;TYPE=WORK:+12025550123\r\n" in file.media.data

    def test_a_card_becomes_lines(self):
        plan = transcode(Message.of(Contacts(contacts=(self.ADA,))), SMS)

        assert texts(plan) == ["Ada; Test\nExample\n+12025550123"]
        assert plan.loss == "affordance"

    VCARD = (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\r\nTEL;TYPE=WORK:+1202555\r\n 0123\r\n"
        "item1.EMAIL;type=INTERNET:ada@example.com\r\nORG:Example\\, Ltd;QA\r\n"
        "ADR;TYPE=HOME:;;1 St;T;NY;1;USA\r\nEND:VCARD"
    )

    def test_a_card_that_is_a_vcard_only_is_read(self):
        part = Contacts(contacts=(ContactCard(name="Ada", vcard=self.VCARD),))

        [shown] = transcode(Message.of(part), WHATSAPP).steps[0].parts[0].contacts

        assert texts(transcode(Message.of(part), SMS)) == [
            "Ada\nExample, Ltd, QA\n+12025550123\nada@example.com\n1 St, 1 T, NY, USA"
        ]
        assert shown.phones == (Labeled(value="+12025550123", type="work"),)
        assert shown.emails[0].value == "ada@example.com"
        assert shown.addresses[0].region == "NY"

    def test_what_the_author_gave_stays_beside_a_vcard(self):
        own = ContactCard(name="Ada", phones=(Labeled(value="+12025550199"),), vcard=self.VCARD)

        [said] = texts(transcode(Message.of(Contacts(contacts=(own,))), SMS))

        assert "+12025550199" in said
        assert "+12025550123" not in said

    @staticmethod
    def card(*lines, name=""):
        written = "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD", ""])
        return Contacts(contacts=(ContactCard(name=name, vcard=written),))

    TWO = ContactCard(
        name="Given",
        vcard="BEGIN:VCARD\nFN:One\nTEL:+12025550142\nEND:VCARD\n"
        "BEGIN:VCARD\nFN:Two\\, Second\nTEL;VALUE=uri:tel:+12025550144\nEND:VCARD",
    )

    def test_each_vcard_in_a_text_is_a_contact_of_its_own(self):
        plan = transcode(Message.of(Contacts(contacts=(self.TWO, self.ADA))), WHATSAPP)

        said = [
            (card.name, [phone.value for phone in card.phones]) for card in plan.steps[0].parts[0].contacts
        ]
        assert said == [
            ("Given", ["+12025550142"]),
            ("Two, Second", ["+12025550144"]),
            ("Ada; Test", ["+12025550123"]),
        ]
        assert plan.losses == ()

    def test_the_contacts_of_one_text_are_lines_and_a_file_of_their_own(self):
        part = Contacts(contacts=(self.TWO,))

        [file] = transcode(Message.of(part), MESSENGER).steps[0].media

        assert texts(transcode(Message.of(part), SMS)) == ["Given\n+12025550142\n\nTwo, Second\n+12025550144"]
        assert file.media.data.count(b"BEGIN:VCARD") == file.media.data.count(b"END:VCARD") == 2

    @pytest.mark.parametrize(
        ("line", "name"),
        [
            ("FN:Only Card", "Only Card"),
            ("FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=BCr=\r\ngen", "J\u00fcrgen"),
            ("NOTE;QUOTED-PRINTABLE:x\r\nPHOTO;ENCODING=BASE64:AAA=\r\nFN:Ada", "Ada"),
            ("N:Roe;Jane;;;", "Jane Roe"),
            ("ORG:Example", "Example"),
            ("TEL:+12025550142", "+12025550142"),
        ],
    )
    def test_a_contact_without_a_name_is_called_what_its_vcard_says(self, line, name):
        [shown] = transcode(Message.of(self.card(line)), WHATSAPP).steps[0].parts[0].contacts

        assert shown.name == name

    @pytest.mark.parametrize(
        "line",
        [
            "URL:javascript:alert(1)",
            "URL:java\r\n script:alert(1)",
            "item1.URL;TYPE=WORK: JavaScript\\:alert(1)",
            "URL;ENCODING=QUOTED-PRINTABLE:=6Aavascript:alert(1)",
            "URL:data:text/html;base64,AAAA",
            "URL:file:///etc/passwd",
            "TEL:javascript:alert(1)",
        ],
    )
    @pytest.mark.parametrize("channel", [WHATSAPP, SMS, MESSENGER], ids=lambda c: c.channel)
    def test_a_link_of_a_vcard_that_runs_something_is_left_out(self, channel, line):
        part = self.card("FN:Ada", line, "URL:https://example.com")

        plan = transcode(Message.of(part), channel)

        [shown] = plan.steps[0].parts
        said = repr(shown).lower()
        assert "https://example.com" in said
        assert [word for word in ("alert", "text/html", "passwd") if word in said] == []
        assert ("D16", "affordance", "/parts/0/contacts/0/vcard") in losses(plan)

    @pytest.mark.parametrize("channel", [WHATSAPP, SMS, MESSENGER], ids=lambda c: c.channel)
    def test_what_is_no_vcard_is_told(self, channel):
        named = Message.of(Contacts(contacts=(ContactCard(name="Ada", vcard="nonsense"),)))
        nameless = Message.of(Contacts(contacts=(ContactCard(name="", vcard="Note: nonsense"),)))

        plan = transcode(named, channel, Policy(max_loss="content"))
        for message in (named, nameless):
            with pytest.raises(Unsupported, match="nothing in it can be read as a vCard"):
                transcode(message, channel)

        assert ("D16", "content", "/parts/0/contacts/0/vcard") in losses(plan)
        assert "Ada" in repr(plan.steps[0].parts)
        assert "nonsense" not in repr(plan.steps[0].parts)

    def test_all_that_a_card_says_is_in_its_lines(self):
        card = self.ADA.replace(
            department="QA",
            birthday="1990-01-31",
            addresses=(PostalAddress(street="1 St", city="T", region="NY", postal_code="1", country="USA"),),
        )

        [said] = texts(transcode(Message.of(Contacts(contacts=(card,))), SMS))

        assert [word for word in ("QA", "1990-01-31", "NY") if word not in said] == []

    def test_vcards_in_one_file_are_lines_of_their_own(self):
        cards = (ContactCard(name="Ada", vcard=self.VCARD), self.ADA.replace(department="QA"))

        data = transcode(Message.of(Contacts(contacts=cards)), MESSENGER).steps[0].media[0].media.data

        assert data.count(b"\r\nEND:VCARD\r\n") == data.count(b"BEGIN:VCARD\r\n") == 2
        assert b"ORG:Example;QA\r\n" in data

    def test_more_cards_than_the_channel_takes_are_no_cards(self):
        plan = transcode(Message.of(Contacts(contacts=(self.ADA, self.ADA))), TELEGRAM)

        assert plan.steps[0].media[0].media.filename == "contacts.vcf"


class TestD17Gestures:
    TO = Conversation(address="test:1", account="a")
    NOW = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)

    @pytest.mark.parametrize("kind", ["typing", "read", "reaction", "edit", "delete"])
    def test_what_a_channel_cannot_do_is_a_loss_and_no_message(self, kind):
        loss = plan_gesture(Gesture(kind=kind, to=self.TO), SMS)

        assert (loss.rule, loss.path) == ("D17", f"/{kind}")

    def test_what_it_can_do_is_allowed(self):
        assert plan_gesture(Gesture(kind="typing", to=self.TO), WHATSAPP) is None
        assert plan_gesture(Gesture(kind="reaction", to=self.TO, emoji="👍"), WHATSAPP) is None

    def test_an_edit_must_have_the_steps_of_the_original(self):
        one = transcode(Message.text("Hello"), TELEGRAM).steps
        two = transcode(Message.text("x" * 5000), TELEGRAM).steps
        edit = Gesture(kind="edit", to=self.TO, now=self.NOW)

        assert plan_gesture(edit, TELEGRAM, one, one) is None
        assert "no longer has the steps" in plan_gesture(edit, TELEGRAM, one, two).reason

    def test_an_edit_that_comes_too_late_is_a_loss(self):
        steps = transcode(Message.text("Hello"), TELEGRAM).steps
        edit = Gesture(kind="edit", to=self.TO, now=self.NOW)

        loss = plan_gesture(edit, TELEGRAM, steps, steps, sent_at=self.NOW - dt.timedelta(days=3))

        assert "older than 172800 seconds" in loss.reason

    def test_a_reaction_that_the_channel_does_not_have_is_a_loss(self):
        reaction = WHATSAPP.relation.reaction.replace(allowed=("❤",))
        channel = WHATSAPP.replace(relation=WHATSAPP.relation.replace(reaction=reaction))

        assert plan_gesture(Gesture(kind="reaction", to=self.TO, emoji="👍"), channel).rule == "D17"

    def test_a_message_may_be_edited_so_many_times(self):
        edit = TELEGRAM.relation.edit.replace(max_count=2)
        channel = TELEGRAM.replace(relation=TELEGRAM.relation.replace(edit=edit))
        steps = transcode(Message.text("Hello"), TELEGRAM).steps
        gesture = Gesture(kind="edit", to=self.TO)

        assert plan_gesture(gesture, channel, steps, steps, edits=1) is None
        assert "2 times" in plan_gesture(gesture, channel, steps, steps, edits=2).reason

    def test_a_reaction_stays_where_it_cannot_be_taken_back(self):
        reaction = WHATSAPP.relation.reaction.replace(remove=False)
        channel = WHATSAPP.replace(relation=WHATSAPP.relation.replace(reaction=reaction))

        assert plan_gesture(Gesture(kind="reaction", to=self.TO, on=False), channel).rule == "D17"


class TestD18Relations:
    ANSWER = Relation(reply_to=Ref(id="m0"), thread="t1")

    def test_a_reply_is_native_where_there_are_replies(self):
        plan = transcode(Message.text("Yes", relation=self.ANSWER), TELEGRAM)

        assert plan.steps[0].reply_to == Ref(id="m0")
        assert plan.steps[0].thread == "t1"
        assert plan.losses == ()

    def test_elsewhere_the_relation_is_dropped(self):
        plan = transcode(Message.text("Yes", relation=self.ANSWER), SMS)

        assert plan.steps[0].reply_to is None
        assert losses(plan) == [
            ("D18", "presentation", "/relation/reply_to"),
            ("D18", "presentation", "/relation/thread"),
        ]
        assert plan.loss == "presentation"

    def test_a_message_that_was_to_replace_another_says_that_it_does_not(self):
        plan = transcode(Message.text("Yes", relation=Relation(replaces=Ref(id="m0"))), TELEGRAM)

        assert losses(plan) == [("D17", "affordance", "/relation/replaces")]

    def test_only_the_first_step_is_a_reply(self):
        plan = transcode(Message.text("x" * 5000, relation=self.ANSWER), TELEGRAM)

        assert [step.reply_to for step in plan.steps] == [Ref(id="m0"), None]
        assert [step.thread for step in plan.steps] == ["t1", "t1"]

    def test_an_account_may_want_the_words_quoted(self):
        quoting = Situation(quoted="Is my parcel here?\nSecond line")

        plan = transcode(Message.text("Yes", relation=self.ANSWER), SMS, Policy(quote_replies=True), quoting)

        assert texts(plan) == ["> Is my parcel here?\nYes"]


HELLO = Template(
    name="hello", language="en", parameters={"body.1": "Ada"}, preview=(Text(text="Hello {{1}}"),)
)
CLOSED = Situation(window_open=False)


class TestD19Window:
    def test_outside_the_window_the_given_template_is_used(self):
        message = Message.text("Hello Ada", alternatives=(Alternative(parts=(HELLO,)),))

        plan = transcode(message, WHATSAPP, situation=CLOSED)

        assert plan.steps[0].parts[0].name == "hello"
        assert plan.steps[0].carries == ("alt0.p0", "p0")

    def test_without_a_template_the_message_is_refused(self):
        with pytest.raises(Unsupported) as refused:
            transcode(Message.text("Hello", fallback_text="Hi"), WHATSAPP, situation=CLOSED)

        assert (refused.value.code, refused.value.fix) == ("window_closed", "template")

    def test_a_channel_without_a_window_does_not_mind(self):
        assert texts(transcode(Message.text("Hello"), SMS, situation=CLOSED)) == ["Hello"]

    def test_inside_the_window_the_words_go_out(self):
        message = Message.text("Hello Ada", alternatives=(Alternative(parts=(HELLO,)),))

        assert texts(transcode(message, WHATSAPP)) == ["Hello Ada"]


class TestD20Previews:
    def test_a_template_is_native_where_there_are_templates(self):
        assert transcode(Message.of(HELLO), WHATSAPP).steps[0].parts[0].kind == "template"

    def test_its_buttons_have_their_payloads(self):
        part = HELLO.replace(actions=(Action(id="yes", label="Yes"), Action(label="No", payload="NO")))

        plan = transcode(Message.of(part), WHATSAPP)

        assert [action.payload for action in plan.steps[0].actions] == ["yes", "NO"]
        assert [option.action_id for option in plan.reply_map.entries] == ["yes", "p0.a1"]

    @pytest.mark.parametrize("sent", ["STOP_17", "p" * 300])
    def test_a_payload_among_its_parameters_is_the_one_that_comes_back(self, sent):
        parameters = {"button.0": "track/17", "button.2": {"type": "quick_reply", "payload": sent}}
        actions = (Action(id="no", label="No", payload="NO"), Action(id="yes", label="Yes", payload="YES"))
        part = HELLO.replace(parameters=HELLO.parameters | parameters, actions=actions)

        for channel in (WHATSAPP, SMS):
            plan = transcode(Message.of(part), channel)
            tapped = [resolve(Inbound(payload=sent), [OpenMap(map=plan.reply_map)])]
            typed = [resolve(Inbound(text="Yes"), [OpenMap(map=plan.reply_map)])]

            assert [(one.action_id, one.payload, one.label) for one in tapped + typed] == [
                ("yes", sent, "Yes")
            ] * 2

    def test_a_payload_among_its_parameters_is_sent_also_if_another_button_has_it(self):
        actions = (Action(id="yes", label="Yes", payload="YES"), Action(id="no", label="No"))
        parameters = {"button.1": {"type": "payload", "payload": "YES"}}
        part = HELLO.replace(parameters=HELLO.parameters | parameters, actions=actions)

        plan = transcode(Message.of(part), WHATSAPP)

        first, second = plan.steps[0].actions
        assert second.payload == "YES"
        assert first.payload not in ("", "YES")
        assert [(option.action_id, option.token or option.payload) for option in plan.reply_map.entries] == [
            ("yes", first.payload),
            ("no", "YES"),
        ]

    def test_a_quick_reply_beside_it_has_no_place_and_makes_no_message_of_its_own(self):
        message = Message.of(HELLO, quick_replies=["Yes"])

        with pytest.raises(Unsupported, match="/quick_replies/0: a template has only its own buttons"):
            transcode(message, WHATSAPP)
        plan = transcode(message, WHATSAPP, Policy(max_loss="content"))

        assert [[part.kind for part in step.parts] for step in plan.steps] == [["template"]]
        assert plan.reply_map is None

    def test_its_actions_stand_under_its_preview_in_one_message(self):
        part = HELLO.replace(actions=(Action(id="yes", label="Yes"), Action(label="No")))

        plan = transcode(Message.of(part), SMS)

        assert texts(plan) == ["Hello Ada\n\n1) Yes\n2) No\nReply with a number."]
        assert [option.action_id for option in plan.reply_map.entries] == ["yes", "p0.a1"]

    def test_elsewhere_its_preview_is_filled_in(self):
        plan = transcode(Message.of(HELLO), SMS)

        assert texts(plan) == ["Hello Ada"]
        assert plan.steps[0].carries == ("p0",)

    def test_named_variables_and_objects_are_read(self):
        part = HELLO.replace(
            parameters={
                "body.who": "Ada",
                "header": "Hi",
                "body.sum": {"type": "currency", "fallback_value": "5 EUR"},
            },
            preview=(Text(text="{{header}} {{ who }}: {{sum}}", actions=(Action(label="Pay {{sum}}"),)),),
        )

        assert texts(transcode(Message.of(part), SMS)) == [
            "Hi Ada: 5 EUR\n\n1) Pay 5 EUR\nReply with a number."
        ]

    def test_a_variable_without_a_value_is_refused_with_its_path(self):
        with pytest.raises(Unsupported, match=r"/parts/0/preview/0/text: \{\{1\}\} has no value") as refused:
            transcode(Message.of(HELLO.replace(parameters={})), SMS)

        assert refused.value.code == "template_invalid"

    def test_a_value_cannot_bring_markup_of_its_own(self):
        part = HELLO.replace(
            parameters={"body.1": "<b>*x*"}, preview=(Text(text="<i>{{1}}</i>", format="html"),)
        )

        assert texts(transcode(Message.of(part), TELEGRAM)) == ["<i>&lt;b&gt;*x*</i>"]

    def test_without_a_preview_it_is_refused(self):
        with pytest.raises(Unsupported) as refused:
            transcode(Message.of(HELLO.replace(preview=())), SMS)

        assert refused.value.code == "template_invalid"


class TestD21Mail:
    def test_everything_is_one_step_with_plain_and_html_words(self):
        message = Message.of(
            Text(text="**Hello**", format="markdown"),
            MediaPart(role="image", media=MUG, caption=Text(text="A mug"), alt='A "mug"'),
            MediaPart(role="document", media=Media(url="https://example.com/a.pdf")),
            quick_replies=["Yes", URL],
        )

        [step] = transcode(message, EMAIL, situation=Situation(subject="Your order")).steps

        assert step.parts[0].text == (
            "Hello\n\nA mug\n\n1) Yes\nTrack: https://example.com/t\n\nReply with a number."
        )
        assert "<b>Hello</b>" in step.html
        assert '<img src="cid:p1" alt="A &quot;mug&quot;"' in step.html
        assert '<a href="https://example.com/t">https://example.com/t</a>' in step.html
        assert [part.role for part in step.media] == ["image", "document"]
        assert step.carries == ("p0", "p1", "p2")
        assert step.email.subject == "Re: Your order"

    def test_the_authors_subject_stands_and_without_any_the_first_words_do(self):
        named = Message.text("Hello", email=EmailProfile(subject="Hi"))

        assert transcode(named, EMAIL).steps[0].email.subject == "Hi"
        assert transcode(Message.text("Hello there\nmore"), EMAIL).steps[0].email.subject == "Hello there"

    def test_words_cannot_bring_html_of_their_own(self):
        [step] = transcode(Message.text("<script>x</script>"), EMAIL).steps

        assert step.html == "<div>&lt;script&gt;x&lt;/script&gt;</div>"

    def test_a_file_that_would_make_the_mail_too_large_becomes_a_link(self):
        big = Media(url="https://example.com/film.mp4", mime="video/mp4", size=20 * 1024 * 1024)

        plan = transcode(Message.file(big, role="video", alt="Film"), EMAIL)

        assert plan.steps[0].text == "Film: https://example.com/film.mp4"
        assert losses(plan) == [("D13", "affordance", "/parts/0")]

    def test_a_mail_over_its_limit_is_refused(self):
        channel = EMAIL.replace(text=EMAIL.text.replace(max=10))

        with pytest.raises(Unsupported, match="the mail is too long"):
            transcode(Message.text("more than ten"), channel)

    def test_copies_go_out_by_mail_only(self):
        copied = Message.text(
            "Hi", recipients=(Recipient(contact=Contact(address="email:bo@example.com"), role="cc"),)
        )

        assert transcode(copied, EMAIL).losses == ()
        with pytest.raises(Unsupported, match="/recipients/0: the channel has no cc"):
            transcode(copied, SMS)


class TestD22FormsAndPolls:
    POLL = Poll(question="Tea?", options=(PollOption(id="y", label="Yes"), PollOption(id="n", label="No")))

    def test_a_poll_is_native_where_there_are_polls(self):
        assert transcode(Message.of(self.POLL), TELEGRAM).steps[0].parts[0].kind == "poll"

    def test_a_poll_becomes_a_question_with_options(self):
        assert texts(transcode(Message.of(self.POLL), SMS)) == ["Tea?\n\n1) Yes\n2) No\nReply with a number."]
        assert [action.id for action in transcode(Message.of(self.POLL), WHATSAPP).steps[0].actions] == [
            "y",
            "n",
        ]

    def test_a_poll_with_too_many_options_becomes_a_question(self):
        channel = TELEGRAM.replace(poll=Feature(max=1))

        plan = transcode(Message.of(self.POLL.replace(multiple=True)), channel)

        assert [action.label for action in plan.steps[0].actions] == ["Yes", "No"]
        assert ("D22", "affordance", "/parts/0/multiple") in losses(plan)

    def test_a_form_or_payment_becomes_a_link(self):
        form = Form(title="Sign up", url="https://example.com/f")
        payment = Payment(
            body="Invoice 7", amount=Money(currency="EUR", minor=1250), url="https://example.com/p"
        )

        assert texts(transcode(Message.of(form), SMS)) == ["Sign up\nhttps://example.com/f"]
        assert texts(transcode(Message.of(payment), SMS)) == ["Invoice 7\n12.50 EUR\nhttps://example.com/p"]

    def test_without_a_link_it_is_refused(self):
        with pytest.raises(Unsupported, match="takes no form, and it has no link"):
            transcode(Message.of(Form(title="Sign up")), SMS)

    def test_an_order_becomes_its_lines(self):
        item = LineItem(sku="M1", name="Mug", qty=2, unit_price=Money(currency="JPY", minor=500))

        plan = transcode(Message.of(Order(items=(item,), total=Money(currency="JPY", minor=1000))), SMS)

        assert texts(plan) == ["2 x Mug 500 JPY\n1000 JPY"]


class TestLadder:
    def test_the_override_of_the_channel_goes_out_as_it_is(self):
        message = Message.text("Hi", buttons=["A"] * 20, overrides={"line": {"type": "flex"}})

        plan = transcode(message, LINE, channel="line")

        assert plan.steps[0].override == {"type": "flex"}
        assert plan.losses == ()

    @pytest.mark.parametrize("channel", [WHATSAPP, SMS], ids=lambda c: c.channel)
    def test_an_override_that_only_adds_is_laid_over_each_step_of_the_plan(self, channel):
        channel = channel.replace(replaced_by=("type",))
        message = Message.of(Text(text="**Hi**", format="markdown"), MUG_CARD, quick_replies=["Yes", "No"])

        plain = transcode(message, channel)
        over = transcode(message.replace(overrides={channel.channel: {"x": 1}}), channel)
        instead = transcode(message.replace(overrides={channel.channel: {"type": "x"}}), channel)

        assert len(plain.steps) > 1
        assert over == plain.replace(steps=tuple(step.replace(override={"x": 1}) for step in plain.steps))
        assert [step.override for step in instead.steps] == [{"type": "x"}]

    NATIVE = WHATSAPP.replace(replaced_by=("type",), window=WHATSAPP.window.replace(opened_by=("category",)))

    @pytest.mark.parametrize("override", [{"category": "utility"}, {"type": "sticker"}], ids=str)
    def test_a_closed_window_is_no_matter_where_the_author_replaces_the_message_or_opens_it(self, override):
        message = Message.text("Hi", overrides={"whatsapp": override})

        [step] = transcode(message, self.NATIVE, situation=CLOSED).steps

        assert (step.text, step.override) == ("Hi", override)

    @pytest.mark.parametrize("override", [{"x": 1}, {}], ids=str)
    def test_an_override_that_only_adds_leaves_a_closed_window_closed(self, override):
        message = Message.text("Hi", overrides={"whatsapp": override})
        given = message.replace(alternatives=(Alternative(parts=(HELLO,)),))

        [step] = transcode(given, self.NATIVE, situation=CLOSED).steps
        with pytest.raises(Unsupported) as refused:
            transcode(message, self.NATIVE, situation=CLOSED)

        assert (step.parts[0].name, step.override) == ("hello", override)
        assert (refused.value.code, refused.value.fix) == ("window_closed", "template")

    def test_the_override_of_another_channel_does_not(self):
        plan = transcode(Message.text("Hi", overrides={"line": {"type": "flex"}}), SMS, channel="sms")

        assert plan.steps[0].override is None

    def test_an_alternative_that_fits_is_better_than_a_rule(self):
        message = Message.text(
            "Pick",
            buttons=["Yes", "No"],
            alternatives=(Alternative(parts=(Text(text="Call us: +12025550123"),)),),
        )

        assert texts(transcode(message, SMS)) == ["Call us: +12025550123"]
        assert len(transcode(message, WHATSAPP).steps[0].actions) == 2

    def test_a_part_that_cannot_go_is_replaced_by_its_fallback_text(self):
        plan = transcode(Message.of(OtherPart(type="hologram", fallback_text="A picture of it")), SMS)

        assert texts(plan) == ["A picture of it"]
        assert plan.loss == "affordance"

    def test_numbers_begin_anew_when_a_part_is_replaced(self):
        channel = SMS.replace(text=SMS.text.replace(max=60, split="forbid"))
        part = Text(text="long " * 20, actions=(Action(label="Yes"),), fallback_text="Short?")

        assert texts(transcode(Message.of(part), channel)) == ["Short?\n\n1) Yes\nReply with a number."]

    def test_a_message_that_cannot_go_is_replaced_by_its_fallback_text(self):
        message = Message.of(Form(title="Sign up"), Text(text="Please"), fallback_text="Sign up on our site.")

        plan = transcode(message, SMS)

        assert texts(plan) == ["Sign up on our site."]
        assert plan.steps[0].carries == ("p0", "p1")

    def test_else_it_is_refused_and_says_where_and_what_to_do(self):
        with pytest.raises(Unsupported) as refused:
            transcode(Message.of(Story(mode="mention")), SMS)

        assert str(refused.value) == (
            "unsupported_content: /parts/0: a story cannot be sent (D13): "
            "give an alternative or a fallback_text, or allow more loss"
        )

    def test_how_much_may_be_lost_is_the_accounts_choice(self):
        message = Message.text("?", buttons=["A"])

        with pytest.raises(Unsupported):
            transcode(message, SMS, Policy(max_loss="presentation"))

    def test_what_a_channel_drops_is_a_content_loss(self):
        channel = SMS.replace(outbound=Direction(parts={"location": "drop"}))
        message = Message.of(Text(text="Here"), Location(lat=1, lon=2))

        assert texts(transcode(message, channel, Policy(max_loss="content"))) == ["Here"]
        with pytest.raises(Unsupported):
            transcode(message, channel)

    def test_an_empty_text_is_refused(self):
        with pytest.raises(Unsupported, match="the text is empty"):
            transcode(Message.text("  "), SMS)

    def test_look_alikes_are_used_only_if_the_account_wants_them(self):
        message = Message.text("It’s “here” – now…")

        assert texts(transcode(message, SMS)) == ["It’s “here” – now…"]
        smart = transcode(message, SMS, Policy(sms_encoding="smart"))
        assert texts(smart) == ['It\'s "here" - now...']
        assert smart.loss == "presentation"


@pytest.mark.parametrize(
    "channel", [WHATSAPP, MESSENGER, LINE, SMS, X_PUBLIC, TELEGRAM], ids=lambda c: c.channel
)
@pytest.mark.parametrize(
    "text",
    [
        "您好，请问有什么可以帮您？",
        "สวัสดีครับ",
        "مرحبا بكم في متجرنا. ",
        "नमस्ते क्षमा। ",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 ",
        "Words & <more> words. ",
    ],
    ids=["Chinese", "Thai", "Arabic", "Hindi", "emoji", "English"],
)
def test_thirty_thousand_characters_arrive_whole(text, channel):
    text = (text * 30_000)[:30_000]

    plan = transcode(Message.text(text), channel)

    assert not [broken for step in plan.steps for broken in violations(step, channel)]
    arrived = "".join(html.unescape(step.text) if channel is TELEGRAM else step.text for step in plan.steps)
    assert "".join(arrived.split()) == "".join(text.split())
