"""The capability records: what holds where, and what an account's configuration narrows."""

from __future__ import annotations

import msgspec
import pytest

import chanbridge as cb
from chanbridge_sms import Sms
from chanbridge_sms.limits import records


def to(id: str) -> cb.Conversation:
    return cb.Conversation(address=f"sms:{id}")


@pytest.mark.parametrize(
    ("over", "id", "variant"),
    [
        ({}, "+12025550100", "mms"),
        ({}, "+14165550100", "mms"),
        ({}, "+18765550100", "sms"),  # Jamaica has +1, too
        ({}, "+4520123456", "sms"),
        ({}, "70123", "sms"),
        ({"mms": "never"}, "+12025550100", "sms"),
        ({"mms": "always"}, "+4520123456", "mms"),
        ({"sender": "ACME"}, "+12025550100", "sms"),
        ({}, "whatsapp:+12025550100", "whatsapp"),
        ({}, "messenger:123", "messenger"),
        ({}, "rcs:+12025550100", "rcs"),
    ],
)
def test_pictures_go_where_they_can(make, over, id, variant):
    channel = make(**over)

    assert channel.variant(to(id)) == variant
    assert channel.capabilities_for(to(id)) == channel.capabilities[variant]


def test_every_record_states_its_date_and_sources():
    for record in records().values():
        assert record.as_of is not None
        assert record.sources


def test_only_texts_without_pictures_take_no_media():
    takes = {name: bool(record.media) for name, record in records().items()}

    assert takes == {"sms": False, "mms": True, "whatsapp": True, "messenger": True, "rcs": True}


def test_files_go_by_link_alone():
    ways = {limits.by for record in records().values() for limits in record.media.values()}

    assert ways == {("url",)}


def test_the_configuration_narrows_the_records(make):
    channel = make(max_parts=3, max_media=4, status_callbacks=False, keywords=("BASTA",), media_auth=False)

    sms, mms = channel.capabilities["sms"], channel.capabilities["mms"]

    assert sms.text.max_segments == 3
    assert mms.album.max == 4
    assert mms.media["image"].inbound_needs_auth is False
    assert (sms.receipts.delivered, sms.receipts.failed) == ("none", "none")
    assert "BASTA" in sms.reply_matching.reserved_keywords


def test_one_file_a_message_is_no_album(make):
    assert make(max_media=1).capabilities["mms"].album is None


@pytest.mark.parametrize(
    ("over", "per_second"),
    [
        ({}, 1),
        ({"sender": "+18885550100"}, 3),
        ({"sender": "70123"}, 100),
        ({"sender": "ACME"}, 10),
        ({"sender": "MGTEST"}, 1),
        ({"messages_per_second": 25}, 25),
    ],
)
def test_the_rate_is_that_of_the_sender(make, over, per_second):
    [rate] = make(**over).capabilities["sms"].limits.rate

    assert (rate.scope, rate.count, rate.per_s) == ("account", per_second, 1)


def test_nothing_but_messages_is_sent():
    assert not any(Sms.can(role) for role in ("gesture", "poll", "authorize", "listen"))
    assert all(record.relation == cb.Relations() for record in records().values())


def test_the_records_can_be_written_and_read():
    for record in records().values():
        assert msgspec.json.decode(msgspec.json.encode(record), type=cb.Capabilities) == record
