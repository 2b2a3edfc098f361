"""Addresses: numbers in E.164, and what is no number left as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge import planner
from chanbridge_sms import addresses


@pytest.mark.parametrize(
    ("given_", "country", "normal"),
    [
        ("+1 (202) 555-0123", "", "+12025550123"),
        ("202.555.0123", "US", "+12025550123"),
        ("011 44 20 7946 0000", "US", "+442079460000"),
        ("0044 20 7946 0000", "", "+442079460000"),
        ("020 7946 0000", "GB", "+442079460000"),
        ("20 12 34 56", "DK", "+4520123456"),
        ("20123456", "DK", "+4520123456"),
        ("20123456", "US", "20123456"),
        ("20123456", "", "20123456"),
        ("70123", "US", "70123"),
        (" 70123 ", "DK", "70123"),
        ("ACME Corp", "", "ACME Corp"),
        ("whatsapp:+1 202 555 0123", "", "whatsapp:+12025550123"),
        ("whatsapp:202 555 0123", "US", "whatsapp:+12025550123"),
        ("rcs:+12025550123", "", "rcs:+12025550123"),
        ("messenger:1234567890", "", "messenger:1234567890"),
    ],
)
def test_an_address_is_written_as_the_provider_wants_it(make, given_, country, normal):
    assert make(country=country).normalise(given_) == normal


@pytest.mark.parametrize(
    "id",
    ["", " ", "12", "2025550123", "+1", "+12", "ann@example.com", "whatsapp:", "messenger:", "202 555"],
)
def test_what_is_no_address_is_refused(sms, id):
    with pytest.raises(cb.ValidationError):
        sms.normalise(id)


@pytest.mark.parametrize(
    ("came", "written"),
    [
        ("+12025550100", "+12025550100"),
        (" 12025550100", "+12025550100"),
        ("70123", "70123"),
        ("20123456", "20123456"),
        ("ACME", "ACME"),
        ("+266696687", "+266696687"),
        ("whatsapp:12025550100", "whatsapp:+12025550100"),
        ("messenger:1234567890", "messenger:1234567890"),
        ("", "unknown"),
    ],
)
def test_a_sender_is_taken_as_it_comes(came, written):
    assert addresses.received(came) == written


@given(st.text(max_size=20), st.sampled_from(["", "US", "DK"]))
def test_normalising_is_final_and_fails_only_with_a_reason(id, country):
    try:
        once = addresses.normalise(id, country)
    except cb.ValidationError:
        return

    assert addresses.normalise(once, country) == once


@pytest.mark.parametrize(
    ("id", "kind", "region"),
    [
        ("+12025550100", "phone", "US"),
        ("+14165550100", "phone", "CA"),
        ("+4520123456", "phone", "DK"),
        ("+999123456789", "phone", ""),
        ("70123", "short_code", ""),
        ("ACME", "name", ""),
        ("whatsapp:+12025550100", "app", ""),
        ("?", "unknown", ""),
    ],
)
def test_kind_and_country_are_read_from_an_address(id, kind, region):
    assert (addresses.kind(id), addresses.region(id)) == (kind, region)


@pytest.mark.parametrize(
    ("id", "problem"),
    [
        ("abc", "'abc' is a name, and names only send"),
        ("+12025550100", r"\+12025550100 is this account's own number"),
        ("2025550123", "'2025550123' is no phone number: write"),
        ("+1202555012", r"'\+1202555012' is too long or too short"),
    ],
)
def test_where_nothing_can_be_sent_is_refused_with_the_mend(make, id, problem):
    with pytest.raises(cb.ValidationError, match=rf"^to: {problem}.*\+12025550123") as refused:
        planner.recipient(make(sender="+1 202 555 0100"), "texts", f"sms:{id}")

    assert refused.value.path == "to"


def test_others_than_our_own_number_can_be_sent_to_and_names_may_write(make):
    channel = make(sender="+12025550100")

    assert planner.recipient(channel, "texts", "sms:+1 202 555 0123").address == "sms:+12025550123"
    assert channel.normalise("ABC Bank") == "ABC Bank"
