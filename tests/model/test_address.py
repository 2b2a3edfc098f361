"""Addresses and conversation keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chanbridge as cb

NAMES = st.text(min_size=1)
CHANNELS = st.from_regex("[a-z][a-z0-9-]*", fullmatch=True)


@given(CHANNELS, NAMES)
def test_an_address_is_split_as_it_was_written(channel, id):
    assert cb.split_address(cb.address(channel, id)) == (channel, id)


@pytest.mark.parametrize("text", ["", "sms", ":+12025550123", "sms:", "+12025550123"])
def test_what_is_no_address_is_refused_with_an_example(text):
    with pytest.raises(cb.ValidationError, match="write CHANNEL:ID, as in sms:"):
        cb.split_address(text)


@given(NAMES, NAMES, st.text())
def test_a_key_is_read_as_it_was_written(account, id, thread):
    conversation = cb.Conversation(address=cb.address("x", id), account=account, thread=thread)

    assert cb.parse_key(conversation.key) == cb.Key(account, id, thread)


@given(st.lists(st.tuples(NAMES, NAMES, st.text()), min_size=2, max_size=2, unique=True))
def test_different_conversations_have_different_keys(pair):
    first, second = (
        cb.Conversation(address=cb.address("x", id), account=account, thread=thread)
        for account, id, thread in pair
    )

    assert first.key != second.key


def test_a_key_is_readable_where_it_can_be():
    group = cb.Conversation(address="telegram:-100777", account="support", thread="topic 7#a/b")

    assert cb.Conversation(address="sms:+12025550123", account="sms-main").key == "sms-main/+12025550123"
    assert group.key == "support/-100777#topic%207%23a%2Fb"


@pytest.mark.parametrize("key", ["", "account", "account/", "/id", "account/#thread"])
def test_what_is_no_key_is_refused_with_an_example(key):
    with pytest.raises(cb.ValidationError, match="write ACCOUNT/ID or ACCOUNT/ID#THREAD"):
        cb.parse_key(key)


def test_an_event_of_no_conversation_is_in_the_order_of_its_account():
    assert cb.AccountStatus(topic="token", account="my account").key == "my%20account/"


def test_contacts_and_conversations_know_the_pieces_of_their_address():
    for holder in (
        cb.Contact(address="email:ann@example.com"),
        cb.Conversation(address="email:ann@example.com"),
    ):
        assert (holder.channel, holder.id) == ("email", "ann@example.com")
    assert cb.Contact(address="x:a:b").id == "a:b"
