"""How a kind of part fares on a channel."""

from __future__ import annotations

import pytest

import chanbridge as cb
from chanbridge.model.parts import PARTS


@pytest.mark.parametrize("kind", [*PARTS, "hologram", "window", "relation"])
def test_what_is_named_nowhere_is_rejected(kind):
    assert cb.Capabilities().level(kind) == "reject"


@pytest.mark.parametrize(
    ("capabilities", "kind"),
    [
        (cb.Capabilities(text=cb.TextLimits()), "text"),
        (cb.Capabilities(media={"image": cb.MediaLimits()}), "media"),
        (cb.Capabilities(list=cb.ListLimits(items_max=10)), "list"),
        (cb.Capabilities(card=cb.CardLimits()), "card"),
        (cb.Capabilities(carousel=cb.CarouselLimits(max=10)), "carousel"),
        (cb.Capabilities(contact=cb.Feature()), "contacts"),
        (cb.Capabilities(template=cb.TemplateLimits()), "template"),
    ],
)
def test_a_kind_with_limits_is_native_without_being_listed(capabilities, kind):
    assert capabilities.level(kind) == "native"


@pytest.mark.parametrize("kind", ["location", "poll", "form", "product", "order", "payment"])
def test_a_feature_has_the_level_it_says(kind):
    assert cb.Capabilities(**{kind: cb.Feature(level="convert")}).level(kind) == "convert"


def test_what_is_listed_comes_before_what_its_limits_say():
    listed = cb.Direction(parts={"text": "partial", "story": "convert", "poll": "reject"})

    capabilities = cb.Capabilities(outbound=listed, text=cb.TextLimits(), poll=cb.Feature())

    assert [capabilities.level(kind) for kind in ("text", "story", "poll")] == [
        "partial",
        "convert",
        "reject",
    ]
