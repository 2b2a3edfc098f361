"""Ids by position."""

from __future__ import annotations

import chanbridge as cb
from chanbridge.model.check import with_ids

MENU = cb.Message.menu("Pick", ["Red", cb.ListItem(id="blue", title="Blue"), "Green"], quick_replies=["None"])


def test_parts_and_actions_are_named_by_where_they_stand():
    named = with_ids(cb.Message.text("Well?", buttons=["Yes", "No"], quick_replies=["Later"]))

    assert named.parts[0].id == "p0"
    assert [action.id for action in named.parts[0].actions] == ["p0.a0", "p0.a1"]
    assert [action.id for action in named.quick_replies] == ["q0"]


def test_rows_count_through_their_sections_and_keep_their_own_ids():
    sections = (
        cb.Section(items=(cb.ListItem(title="Red"), cb.ListItem(id="blue", title="Blue"))),
        cb.Section(items=(cb.ListItem(title="Green"),)),
    )

    [menu] = with_ids(cb.Message.of(cb.ListPart(body="Pick", sections=sections))).parts

    assert [item.id for section in menu.sections for item in section.items] == ["p0.r0", "blue", "p0.r2"]


def test_what_stands_inside_a_part_is_named_after_it():
    card = cb.Card(title="Mug", tap=cb.Action(label="See"), actions=(cb.Action(label="Buy"),))
    poll = cb.Poll(id="mood", question="Well?", options=(cb.PollOption(label="Good"),))
    template = cb.Template(name="hello", preview=(cb.Text(text="Hello"),))

    named = with_ids(cb.Message.of(cb.Carousel(cards=(card,)), poll, template))

    [inner] = named.parts[0].cards
    assert (inner.id, inner.tap.id, inner.actions[0].id) == ("p0.c0", "p0.c0.tap", "p0.c0.a0")
    assert named.parts[1].options[0].id == "mood.o0"
    assert named.parts[2].preview[0].id == "p2.v0"


def test_alternatives_have_names_of_their_own():
    poorer = cb.Alternative(parts=(cb.Text(text="Well?"),), quick_replies=(cb.Action(label="Yes"),))

    [named] = with_ids(cb.Message.text("Well?", quick_replies=["Yes"], alternatives=(poorer,))).alternatives

    assert (named.parts[0].id, named.quick_replies[0].id) == ("alt0.p0", "alt0.q0")


def test_a_name_that_the_author_uses_elsewhere_is_not_taken():
    named = with_ids(cb.Message.of(cb.Text(text="One"), cb.Text(text="Two", id="p0")))

    assert [part.id for part in named.parts] == ["p0_", "p0"]


def test_an_option_under_a_part_of_the_same_name_in_an_alternative_has_its_own_name():
    ask = cb.Text(text="Well?", id="ask", actions=(cb.Action(label="Yes"),))

    named = with_ids(cb.Message.of(ask, alternatives=(cb.Alternative(parts=(ask,)),)))

    assert named.parts[0].actions[0].id == "ask.a0"
    assert named.alternatives[0].parts[0].actions[0].id == "ask.a0_"


def test_naming_twice_changes_nothing():
    once = with_ids(MENU)

    assert with_ids(once) == once
