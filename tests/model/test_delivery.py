"""Where a message stands is a function of the set of facts: order and repetition change nothing."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge.model.delivery import RANK

FACTS = get_args(cb.Fact)
NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
SETS = st.lists(st.sampled_from(FACTS), max_size=len(FACTS))
ENDS = ["failed", "expired", "canceled"]


@pytest.mark.parametrize("facts", list(itertools.permutations(["sent", "delivered", "read"])))
def test_sent_delivered_and_read_are_read_in_every_order(facts):
    assert cb.state_of(facts) == "read"


@given(SETS.flatmap(lambda facts: st.tuples(st.just(facts), st.permutations(facts * 2))))
def test_no_order_and_no_repetition_changes_the_state(pair):
    facts, shuffled = pair

    assert cb.state_of(shuffled) == cb.state_of(facts)


@given(SETS, st.sampled_from(FACTS))
def test_a_further_fact_never_moves_the_state_backwards(facts, further):
    assert RANK.index(cb.state_of([*facts, further])) >= RANK.index(cb.state_of(facts))


@given(SETS, SETS)
def test_facts_can_be_joined_from_anywhere(some, others):
    assert cb.state_of([*some, *others]) == cb.state_of([cb.state_of(some), cb.state_of(others)])


@pytest.mark.parametrize("end", ENDS)
def test_what_was_delivered_did_arrive_whatever_failed_before(end):
    assert cb.state_of([end, "delivered"]) == "delivered"
    assert cb.state_of([end, "sent"]) == end


def test_nothing_known_is_queued():
    assert cb.state_of([]) == "queued"
    assert cb.state_of(["twinkled"]) == "queued"


def test_an_inferred_delivery_counts_as_sent_so_that_a_late_bounce_shows():
    inferred = frozenset({"delivered"})

    assert cb.state_of(["delivered"], inferred=inferred) == "sent"
    assert cb.state_of(["delivered", "failed"], inferred=inferred) == "failed"
    assert cb.state_of(["delivered", "read"], inferred=inferred) == "read"


def test_a_delivery_stands_where_its_facts_are():
    delivery = cb.Delivery(message="m", facts={"read_at": NOW, "queued_at": NOW, "sent_at": NOW})

    assert delivery.state == "read"


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ([], "queued"),
        (["read"], "read"),
        (["read", "sent"], "sent"),
        (["delivered", "queued"], "queued"),
        (["failed"], "failed"),
        (["failed", "canceled"], "canceled"),
        (["failed", "delivered"], "partial"),
        (["queued", "canceled"], "partial"),
    ],
)
def test_a_message_stands_at_its_least_advanced_step(steps, state):
    assert cb.message_state(steps) == state


@given(
    st.lists(st.sampled_from(RANK), max_size=5).flatmap(lambda s: st.tuples(st.just(s), st.permutations(s)))
)
def test_the_order_of_steps_changes_nothing(pair):
    steps, shuffled = pair

    assert cb.message_state(shuffled) == cb.message_state(steps)


@pytest.mark.parametrize(
    ("state", "fact", "holds"),
    [
        ("read", "delivered", True),
        ("read", "played", False),
        ("sent", "sent", True),
        ("queued", "submitted", False),
        ("delivered", "failed", False),
        ("failed", "sent", False),
        ("failed", "failed", True),
        ("partial", "submitted", False),
    ],
)
def test_a_state_implies_the_weaker_facts(state, fact, holds):
    assert cb.reached(state, fact) == holds


def test_what_has_ended_cannot_be_delivered_in_whole():
    assert [state for state in (*RANK, "partial") if cb.ended(state)] == [
        "canceled",
        "expired",
        "failed",
        "partial",
    ]
