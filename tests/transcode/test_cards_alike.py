"""D10: where a carousel's cards must be alike, a card that can be tapped is not like one that cannot."""

import chanbridge as cb
from chanbridge.transcode import transcode

RECORD = cb.Capabilities(
    text=cb.TextLimits(max=1000),
    actions={"card_button": cb.ActionLimits(kinds=("reply", "url"), max=2)},
    card=cb.CardLimits(title_max=60),
    carousel=cb.CarouselLimits(max=10, homogeneous=True),
)
OPEN = cb.Action(id="open", kind="url", label="Open", url="https://example.com/card")


def kinds(*cards):
    plan = transcode(cb.Message.of(cb.Carousel(cards=cards)), RECORD)
    return [part.kind for step in plan.steps for part in step.parts]


def test_cards_of_which_one_is_a_link_do_not_stand_side_by_side():
    assert "carousel" not in kinds(cb.Card(title="One"), cb.Card(title="Two", tap=OPEN))


def test_cards_that_are_all_links_do():
    assert kinds(cb.Card(title="One", tap=OPEN.replace(id="one")), cb.Card(title="Two", tap=OPEN)) == [
        "carousel"
    ]
