"""How a kind of part fares on a channel."""

from __future__ import annotations

import pytest

import chanbridge as cb
from chanbridge.cli.validate import kind_of
from chanbridge.model.codec import to_wire
from chanbridge.model.parts import PARTS
from chanbridge.model.validate import validate


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


@pytest.mark.parametrize("extra", [{}, {"x-a": 1}])
def test_a_record_always_says_on_the_wire_what_it_is(extra):
    written = to_wire(cb.Capabilities(channel="pigeon", extra=extra))

    assert written == {"schema": "chanbridge/capabilities/1", "channel": "pigeon", **extra}
    assert kind_of(written) == "capabilities"
    assert validate(written, "capabilities") == []
