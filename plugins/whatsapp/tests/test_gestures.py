"""Typing, read marks, reactions; and what WhatsApp has none of."""

from __future__ import annotations

import pytest

import chanbridge as cb
from chanbridge.testing import drive, ok

ADA = cb.Conversation(address="whatsapp:+12025550123")
GROUP = cb.Conversation(address="whatsapp:GROUPTEST0001", kind="group")
TARGET = cb.Ref(external="wamid.TEST0001")
DONE = ok(success=True)


def gesture(kind, **fields) -> cb.Gesture:
    return cb.Gesture(kind=kind, **{"to": ADA, "target": TARGET, **fields})


def test_typing_marks_the_message_read_and_may_be_repeated(channel):
    [request] = drive(channel.gesture(gesture("typing")), DONE).requests

    assert request.repeatable
    assert request.json() == {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": "wamid.TEST0001",
        "typing_indicator": {"type": "text"},
    }


def test_typing_ends_by_itself(channel):
    assert drive(channel.gesture(gesture("typing", on=False))).requests == []


def test_a_read_mark(channel):
    [request] = drive(channel.gesture(gesture("read")), DONE).requests

    assert request.json() == {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": "wamid.TEST0001",
    }


@pytest.mark.parametrize(("on", "emoji"), [(True, "😀"), (False, "")])
def test_a_reaction_is_set_and_taken_back(channel, on, emoji):
    one = gesture("reaction", emoji="😀", on=on, key="job-18")

    [request] = drive(channel.gesture(one), DONE).requests

    assert not request.repeatable
    assert request.json() == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+12025550123",
        "type": "reaction",
        "reaction": {"message_id": "wamid.TEST0001", "emoji": emoji},
        "biz_opaque_callback_data": "job-18",
    }


@pytest.mark.parametrize("kind", ["typing", "read", "reaction"])
def test_a_gesture_needs_the_message_it_is_about(channel, kind):
    with pytest.raises(cb.SendError, match="target_gone"):
        drive(channel.gesture(gesture(kind, target=None)))


@pytest.mark.parametrize("kind", ["edit", "delete"])
def test_a_message_cannot_be_edited_or_deleted(channel, kind):
    with pytest.raises(cb.Unsupported, match=f"no {kind}"):
        drive(channel.gesture(gesture(kind)))


@pytest.mark.parametrize("kind", ["typing", "read", "reaction"])
def test_groups_have_no_gestures(channel, kind):
    with pytest.raises(cb.Unsupported, match="in groups"):
        drive(channel.gesture(gesture(kind, to=GROUP)))
