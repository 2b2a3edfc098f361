"""SMS text: the alphabet, segments and look-alikes, against published tables and vectors."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanbridge.transcode import gsm

DATA = json.loads(Path(__file__).with_name("gsm_vectors.json").read_text())
TEXTS = [
    "a" * 160,
    "a" * 161,
    "a" * 306,
    "a" * 307,
    "a" * 159 + "€",
    "a" * 152 + "€" + "a" * 10,
    "€" * 80,
    "€" * 81,
    "ж" * 70,
    "ж" * 71,
    "ж" * 134,
    "ж" * 135,
    "😀" * 35,
    "😀" * 36,
    "ж" * 66 + "😀" + "ж" * 5,
    "a" * 160 + "\u2019",
]


def test_the_alphabet_is_that_of_the_standard():
    basic = [None if code == "ESC" else chr(int(code, 16)) for code in DATA["gsm7_basic"]]
    extension = {int(key, 16): chr(int(code, 16)) for key, code in DATA["gsm7_extension"].items()}

    assert [None if c == "\x1b" else c for c in gsm.BASIC] == basic
    assert extension == gsm.EXTENSION


@pytest.mark.parametrize(
    ("text", "vector"), list(zip(TEXTS, DATA["segmentation"], strict=True)), ids=lambda v: str(v)[:30]
)
def test_a_text_is_cut_into_segments_as_the_network_does(text, vector):
    found = gsm.segments(text)

    assert (found.encoding, found.units, list(found.parts)) == (
        vector["encoding"],
        vector["units"],
        vector["parts"],
    )


@pytest.mark.parametrize(("text", "parts"), [("a" * 305, (152, 152, 1)), ("ж" * 133, (66, 66, 1))])
def test_a_wide_reference_leaves_one_unit_less(text, parts):
    assert gsm.segments(text, wide_reference=True).parts == parts


@pytest.mark.parametrize("character", "`çáíóúâêîôûãõ\tΑ")
def test_what_is_often_taken_for_gsm_is_not(character):
    assert not gsm.is_gsm(character)


@pytest.mark.parametrize(
    ("text", "octets"), [("hello", "E8329BFD06"), ("hellohello", "E8329BFD4697D9EC37"), ("€", "9B32")]
)
def test_septets_are_packed(text, octets):
    assert gsm.pack(gsm.encode(text)).hex().upper() == octets


@pytest.mark.parametrize(("text", "septets"), [("a{€}", "611B281B651B29"), ("@£$§", "0001025F")])
def test_a_text_is_written_in_septets_and_read_back(text, septets):
    assert gsm.encode(text).hex().upper() == septets
    assert gsm.decode(bytes.fromhex(septets)) == text


def test_seven_spare_bits_hold_a_carriage_return():
    assert gsm.pack(gsm.encode("aaaaaaa"))[-1] >> 1 == 0x0D


def test_an_unknown_extension_is_shown_as_the_basic_character():
    assert gsm.decode(b"\x1b\x61") == "a"


def test_a_text_outside_the_alphabet_has_no_septets():
    with pytest.raises(ValueError, match="outside the GSM alphabet"):
        gsm.encode("ж")


@pytest.mark.parametrize("table", ["replace", "own_additions"])
def test_every_look_alike_of_the_table_is_replaced(table):
    for written, codes in DATA["smart_encoding"][table].items():
        for code in codes.split():
            character = chr(int(code, 16))
            if not gsm.is_gsm(character) and unicodedata.is_normalized("NFC", character):
                assert gsm.smart(character) == written, code


@pytest.mark.parametrize(
    ("text", "smart", "accents"),
    [
        ("It’s “here” – now…", 'It\'s "here" - now...', 'It\'s "here" - now...'),
        ("ＡＢＣ１２３", "ABC123", "ABC123"),
        ("vóór é", "vóór é", "voor é"),
        ("e\u0301", "é", "é"),
        ("“жук”", "“жук”", "“жук”"),
        ("€ stays", "€ stays", "€ stays"),
    ],
)
def test_look_alikes_are_used_only_if_the_whole_text_becomes_gsm(text, smart, accents):
    assert gsm.smart(text) == smart
    assert gsm.smart(text, accents=True) == accents


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=400))
def test_the_parts_add_up_and_each_keeps_to_its_size(text):
    found = gsm.segments(text)
    most = (gsm.SINGLE_MAX if len(found.parts) == 1 else gsm.PART_MAX)[found.encoding]

    assert sum(found.parts) == found.units == gsm.units(text)
    assert all(part <= most for part in found.parts)


@given(st.text(st.sampled_from(sorted(gsm.ALPHABET)), max_size=60))
def test_what_is_encoded_is_decoded(text):
    assert gsm.decode(gsm.encode(text)) == text
