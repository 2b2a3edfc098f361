"""From a message to what Twilio is asked: what each country's phones can show."""

from __future__ import annotations

import pytest

import chanbridge as cb
from chanbridge.testing import drive, ok
from chanbridge.transcode import Situation, transcode

WASHINGTON, COPENHAGEN = "+12025550100", "+4520123456"
PHOTO = "https://example.com/box.jpg"


def forms(channel, message: cb.Message, id: str) -> list[dict[str, list[str]]]:
    """Plan a message and give the content of each request."""
    to = cb.Conversation(address=f"sms:{id}")
    plan = transcode(message, channel.capabilities_for(to), situation=Situation(), channel="sms")
    asked = []
    for step in plan.steps:
        _, [request] = drive(channel.send(step.replace(to=to)), ok(sid="SM1"))
        fields: dict[str, list[str]] = {}
        for name, value in request.form():
            if name in ("Body", "MediaUrl", "ContentSid"):
                fields.setdefault(name, []).append(value)
        asked.append(fields)
    return asked


@pytest.mark.parametrize(
    ("id", "asked"),
    [
        (WASHINGTON, [{"Body": ["The box"], "MediaUrl": [PHOTO]}]),
        (COPENHAGEN, [{"Body": [f"The box\n{PHOTO}"]}]),
    ],
)
def test_a_picture_is_an_mms_or_a_link(sms, id, asked):
    message = cb.Message.image(cb.Media(url=PHOTO, mime="image/jpeg"), caption="The box")

    assert forms(sms, message, id) == asked


@pytest.mark.parametrize(("most", "sizes"), [(10, [3]), (1, [1, 1, 1])])
def test_several_pictures_are_one_mms_up_to_the_accounts_limit(make, most, sizes):
    media = [cb.Media(url=f"{PHOTO}?{n}", mime="image/jpeg") for n in range(3)]
    message = cb.Message.of(*(cb.MediaPart(role="image", media=file) for file in media))

    asked = forms(make(max_media=most), message, WASHINGTON)

    assert [len(form["MediaUrl"]) for form in asked] == sizes


def test_options_are_numbered_in_letters_that_every_phone_has(sms):
    [form] = forms(sms, cb.Message.text("Pick", quick_replies=["Refund", "Replace"]), COPENHAGEN)

    assert form["Body"][0].startswith("Pick\n\n1) Refund\n2) Replace\n")


def test_a_long_text_is_cut_at_the_accounts_number_of_segments(make):
    asked = forms(make(max_parts=2), cb.Message.text("word " * 100), COPENHAGEN)

    assert len(asked) == 2
    assert all(len(form["Body"][0]) <= 2 * 153 for form in asked)


def test_a_template_goes_as_it_is(sms):
    message = cb.Message.template("HX00000000000000000000000000000001", language="en")

    assert forms(sms, message, COPENHAGEN) == [{"ContentSid": ["HX00000000000000000000000000000001"]}]


def test_options_are_not_lost_where_fields_of_twilios_own_are_added(sms):
    message = cb.Message.text("Pick", quick_replies=["Yes", "No"])

    added = forms(sms, message.replace(overrides={"sms": {"ShortenUrls": True}}), COPENHAGEN)
    instead = forms(sms, message.replace(overrides={"sms": {"Body": "Yes or no?"}}), COPENHAGEN)

    assert (
        added
        == forms(sms, message, COPENHAGEN)
        == [{"Body": ["Pick\n\n1) Yes\n2) No\nReply with a number."]}]
    )
    assert instead == [{"Body": ["Yes or no?"]}]
