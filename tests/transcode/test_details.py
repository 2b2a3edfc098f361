"""What parts hold beside their words is shown, or said to be lost."""

import datetime as dt

import pytest

import chanbridge as cb
from chanbridge.model.capabilities import ActionLimits, Feature, ListLimits, MediaLimits, TextLimits
from chanbridge.transcode import transcode

PICTURE = cb.Media(url="https://example.com/mug.jpg", mime="image/jpeg")
PLAIN = cb.Capabilities(text=TextLimits(max=1000))
RICH = cb.Capabilities(
    text=TextLimits(max=1000),
    media={"image": MediaLimits(mimes={"image/*": "native"}, by=("url",))},
    actions={"button": ActionLimits(max=3)},
    list=ListLimits(items_max=10),
    location=Feature(),
    poll=Feature(),
    order=Feature(),
)
ALL = {
    "media": ("alt", "spoiler"),
    "location": ("url", "accuracy_m"),
    "poll": ("multiple", "anonymous", "closes_at"),
    "order": ("items", "total"),
    "row": ("media",),
    "action": ("image",),
}
LINES = (cb.LineItem(sku="MUG-1", name="Mug", qty=2),)
ROWS = (cb.Section(items=(cb.ListItem(title="Mug", media=PICTURE), cb.ListItem(title="Cup"))),)
CASES = [
    (cb.MediaPart(role="image", media=PICTURE, alt="A mug"), ["/alt"], []),
    (cb.MediaPart(role="image", media=PICTURE, spoiler=True), ["/spoiler"], ["/spoiler"]),
    (cb.Location(lat=40.5, lon=-74.25, url="https://example.com/cafe"), ["/url"], []),
    (cb.Location(lat=40.5, lon=-74.25, accuracy_m=20), ["/accuracy_m"], []),
    (
        cb.Poll(
            question="Tea?", options=(cb.PollOption(label="Yes"), cb.PollOption(label="No")),
            multiple=True, anonymous=True, closes_at=dt.datetime(2026, 12, 1, tzinfo=dt.UTC),
        ),
        ["/multiple", "/anonymous", "/closes_at"],
        ["/multiple", "/anonymous", "/closes_at"],
    ),
    (
        cb.Order(items=LINES, total=cb.Money(currency="EUR", minor=1200), status="shipped"),
        ["/items", "/total"],
        [],
    ),
    (cb.ListPart(body="Which?", sections=ROWS), ["/sections/0/items/0/media"], ["/sections/0/items/0/media"]),
    (
        cb.Text(text="Which?", actions=(cb.Action(label="Mug", image=PICTURE), cb.Action(label="Cup"))),
        ["/actions/0/image"],
        ["/actions/0/image"],
    ),
]  # fmt: skip
IDS = [case[1][0] for case in CASES]


def lost(message, capabilities, details):
    """Give the paths of losses of details."""
    losses = transcode(message, capabilities.replace(details=details)).losses
    fields = {f"/{field}" for fields in ALL.values() for field in fields}
    return [loss.path for loss in losses if loss.path.endswith(tuple(fields)) and loss.rule != "D6"]


@pytest.mark.parametrize(("part", "paths", "_"), CASES, ids=IDS)
def test_what_a_channel_has_no_place_for_is_a_loss(part, paths, _):
    assert lost(cb.Message(parts=(part,)), RICH, {}) == [f"/parts/0{path}" for path in paths]


@pytest.mark.parametrize(("part", "paths", "_"), CASES, ids=IDS)
def test_what_it_shows_is_none(part, paths, _):
    assert lost(cb.Message(parts=(part,)), RICH, ALL) == []


@pytest.mark.parametrize(("part", "_", "paths"), CASES, ids=IDS)
def test_what_became_words_is_a_loss_unless_they_say_it(part, _, paths):
    assert lost(cb.Message(parts=(part,)), PLAIN, ALL) == [f"/parts/0{path}" for path in paths]


def test_a_quick_reply_and_a_button_of_a_card_have_pictures_too():
    card = cb.Card(title="Mug", actions=(cb.Action(label="Buy", image=PICTURE),))
    quick = (cb.Action(label="Help", image=PICTURE),)
    surfaces = {"quick_reply": ActionLimits(max=3), "card_button": ActionLimits(max=3), **RICH.actions}
    channel = RICH.replace(actions=surfaces, card=cb.CardLimits())
    message = cb.Message(parts=(card,), quick_replies=quick)

    assert lost(message, channel, {}) == ["/parts/0/actions/0/image", "/quick_replies/0/image"]
    assert lost(message, channel, {"action": ("image",)}) == []


def test_what_the_preview_of_a_template_holds_is_told_where_it_stands():
    shown = cb.MediaPart(role="image", media=PICTURE, spoiler=True)
    template = cb.Template(name="offer", preview=(shown,))

    assert lost(cb.Message(parts=(template,)), RICH, {}) == ["/parts/0/preview/0/spoiler"]
