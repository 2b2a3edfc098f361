"""Addresses: numbers in one spelling, other ids untouched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge import planner
from chanbridge_whatsapp import identity


@pytest.mark.parametrize(
    ("given_id", "expected"),
    [
        ("+12025550123", "+12025550123"),
        ("12025550123", "+12025550123"),
        ("+1 (202) 555-0123", "+12025550123"),
        ("5215512345678", "+525512345678"),
        ("+52 55 1234 5678", "+525512345678"),
        ("+54 11 1234 5678", "+5491112345678"),
        ("5491112345678", "+5491112345678"),
        ("+54 11 15 1234 5678", "+5491112345678"),
        ("558181234567", "+5581981234567"),
        ("+55 81 98123-4567", "+5581981234567"),
        ("+55 71 2345-6789", "+557123456789"),
        ("US.TESTBSUID0001", "US.TESTBSUID0001"),
        ("US.ENT.TESTPARENT0001", "US.ENT.TESTPARENT0001"),
        ("GROUPTEST0001", "GROUPTEST0001"),
        ("group:GROUPTEST0001", "GROUPTEST0001"),
        ("120363000000000000", "120363000000000000"),
    ],
)
def test_an_address_has_one_spelling(channel, given_id, expected):
    assert channel.normalise(given_id) == expected


@pytest.mark.parametrize("id", ["", " ", "ann", "+123", "+", "a b c d e f g h", "+12025550123x"])
def test_what_is_no_address_is_refused_with_the_mend(channel, id):
    with pytest.raises(cb.ValidationError):
        channel.normalise(id)


@given(digits=st.from_regex(r"[1-9]\d{6,14}", fullmatch=True))
def test_the_spelling_of_a_spelling_is_itself(digits):
    once = identity.canonical(digits)

    assert identity.canonical(once.removeprefix("+")) == once


@given(local=st.from_regex(r"[1-9]\d{9}", fullmatch=True))
def test_both_spellings_of_a_mexican_number_are_one(local):
    assert identity.canonical(f"52{local}") == identity.canonical(f"521{local}")


@given(area=st.from_regex(r"[1-9][1-9]", fullmatch=True), local=st.from_regex(r"[6-9]\d{7}", fullmatch=True))
def test_both_spellings_of_a_brazilian_mobile_are_one(area, local):
    assert identity.canonical(f"55{area}{local}") == identity.canonical(f"55{area}9{local}")


@pytest.mark.parametrize(
    ("to", "variant"),
    [
        (cb.Conversation(address="whatsapp:+12025550123"), "direct"),
        (cb.Conversation(address="whatsapp:US.TESTBSUID0001"), "direct"),
        (cb.Conversation(address="whatsapp:GROUPTEST0001", kind="group"), "group"),
        (cb.Conversation(address="whatsapp:GROUPTEST0001"), "group"),
    ],
)
def test_a_group_has_capabilities_of_its_own(channel, to, variant):
    assert channel.variant(to) == variant
    assert bool(channel.capabilities_for(to).actions) == (variant == "direct")


def test_an_account_owns_its_number_and_its_business_account(channel):
    owned = ["", "100000000000001", "200000000000001"]

    assert all(channel.owns(id) for id in owned)
    assert not channel.owns("100000000000002")


def test_an_account_without_a_business_account_owns_no_stranger(account):
    assert not account(waba_id="").owns("200000000000001")


def test_a_contact_is_known_by_all_its_ids():
    known = identity.identities("12025550123", "US.TESTBSUID0001", "US.ENT.TESTPARENT0001")

    assert [(one.kind, one.value) for one in known] == [
        ("bsuid", "US.TESTBSUID0001"),
        ("parent_bsuid", "US.ENT.TESTPARENT0001"),
        ("phone", "+12025550123"),
        ("wa_id", "12025550123"),
    ]
    assert identity.address_of(known) == "whatsapp:US.TESTBSUID0001"


@pytest.mark.parametrize("id", ["100000000000001", "+100000000000001", "200000000000001"])
def test_nothing_is_sent_to_an_id_of_the_account_itself(channel, id):
    with pytest.raises(cb.ValidationError, match=r"^to: .* id of this account itself.*\+12025550123"):
        planner.recipient(channel, "support", f"whatsapp:{id}")


def test_an_address_that_is_none_is_refused_with_an_example(channel):
    with pytest.raises(cb.ValidationError, match=r"^to: 'abc' is no WhatsApp address.*\+12025550123"):
        planner.recipient(channel, "support", "whatsapp:abc")
