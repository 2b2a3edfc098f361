"""Opt-out words: the whole text, in any case, in several languages, and nothing else."""

from __future__ import annotations

import pytest

from chanbridge_sms import keywords

BOTH = keywords.stop_words("both", ("Basta ya",))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *((word, "stop") for word in keywords.ENGLISH["stop"]),
        *((word, "stop") for words in keywords.LOCAL_STOP.values() for word in words),
        *((word.lower() + "!", "start") for word in keywords.ENGLISH["start"]),
        *((word.title(), "help") for word in keywords.ENGLISH["help"]),
        ("  stop \n", "stop"),
        ("'Stop.'", "stop"),
        ("ｓｔｏｐ", "stop"),
        ("stop   all", "stop"),
        ("basta YA", "stop"),
        ("arre\u0302t", "stop"),
        ("Yes", "maybe_start"),
        ("stop please", None),
        ("STOPP it", None),
        ("nonstop", None),
        ("", None),
        ("🙂", None),
    ],
)
def test_a_text_is_a_keyword_only_as_a_whole(text, found):
    assert keywords.match(text, BOTH) == found


def test_the_provider_alone_knows_english_only():
    stops = keywords.stop_words("provider", ("basta",))

    assert [keywords.match(word, stops) for word in ("QUIT", "ABMELDEN", "basta", "opt out")] == [
        "stop",
        None,
        None,
        None,
    ]


def test_words_of_the_account_are_reserved_and_yes_is_not():
    reserved = keywords.reserved(("BASTA",))

    assert {"STOP", "ABMELDEN", "START", "HELP", "BASTA"} <= set(reserved)
    assert "YES" not in reserved


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("please STOP writing", True),
        ("I want to opt   out", True),
        ("Unsubscribe me, now", True),
        ("a nonstop flight", False),
        ("this weekend", False),
    ],
)
def test_a_stop_word_among_others_is_noticed(text, mentions):
    assert keywords.mentions_stop(text) == mentions
