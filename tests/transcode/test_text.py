"""Characters, lengths, cutting and formatting, on real text."""

from __future__ import annotations

import re
import unicodedata

import pytest
import regex
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chanbridge.model.parts import Entity
from chanbridge.testing.strategies import FORMATTING, words
from chanbridge.transcode.text import html, markdown
from chanbridge.transcode.text.dialects import DIALECTS, write
from chanbridge.transcode.text.graphemes import boundaries, clusters
from chanbridge.transcode.text.lengths import length, urls
from chanbridge.transcode.text.rich import ATOM, Rich, Span, from_entities, line, nested
from chanbridge.transcode.text.split import TooLong, split

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
FLAG = "\U0001f1f3\U0001f1f1"
THUMB = "\U0001f44d\U0001f3fd"
quick = settings(max_examples=150, deadline=None)


class TestGraphemes:
    @pytest.mark.parametrize(
        ("text", "count"),
        [
            ("", 0),
            ("a\r\nb", 3),
            (FAMILY, 1),
            (FLAG * 2, 2),
            (FLAG + "\U0001f1e7", 2),
            (THUMB, 1),
            ("1\ufe0f\u20e3", 1),
            ("e\u0301\u0323", 1),
            ("한국어", 3),
            ("\u1112\u1161\u11ab", 1),
            ("नमस्ते", 3),
            ("สวัสดี", 4),
            ("กำ", 1),
            ("مرحبا", 5),
            ("您好", 2),
            ("\u0600\u0661", 1),
            (f"a{FAMILY}b", 3),
        ],
    )
    def test_a_cluster_is_what_a_reader_takes_for_one_character(self, text, count):
        assert len(boundaries(text)) == count

    ALPHABET = (
        st.characters(exclude_categories=("Cs", "Cn", "Co"))
        | st.sampled_from(
            ["\u200d", "\ufe0f", "\u0301", "\r", "\n", "\U0001f468", "\U0001f1e6", "\U0001f3fd", "©"]
        )
        | st.sampled_from(
            ["\u1100", "\u1161", "\u11a8", "가", "각", "क", "\u094d", "\u093c", "\u0600", "\u0e33"]
        )
    )

    @settings(max_examples=500, deadline=None)
    @given(st.text(ALPHABET, max_size=12))
    def test_the_clusters_are_those_of_the_standard(self, text):
        assume(all(unicodedata.category(character) != "Cn" for character in text))
        # the reference joins a virama to a consonant even where no consonant stands before it
        assume(
            not regex.search(r"(?<!\p{InCB=Consonant}[\p{InCB=Extend}\p{InCB=Linker}]*)\p{InCB=Linker}", text)
        )

        assert clusters(text) == regex.findall(r"\X", text)

    @given(st.text(ALPHABET, max_size=20))
    def test_nothing_is_lost_between_clusters(self, text):
        assert "".join(clusters(text)) == text


class TestLengths:
    @pytest.mark.parametrize(
        ("text", "graphemes", "codepoints", "utf16", "bytes"),
        [
            ("abc", 3, 3, 3, 3),
            (FAMILY, 1, 7, 11, 25),
            ("e\u0301", 1, 2, 2, 3),
            ("您好", 2, 2, 2, 6),
            (FLAG, 1, 2, 4, 8),
        ],
    )
    def test_each_unit_counts_in_its_own_way(self, text, graphemes, codepoints, utf16, bytes):
        units = ("graphemes", "codepoints", "utf16", "bytes")

        assert [length(text, unit) for unit in units] == [graphemes, codepoints, utf16, bytes]

    @pytest.mark.parametrize(
        ("text", "weight"),
        [
            ("a" * 280, 280),
            ("字", 2),
            ("é", 1),
            ("e\u0301", 1),
            (FAMILY, 2),
            (FLAG, 2),
            (THUMB, 2),
            ("1\ufe0f\u20e3", 2),
            ("😀", 2),
            ("“hi”", 4),
            ("see https://example.com/" + "x" * 300, 27),
            ("https://a.nl", 23),
            ("…", 2),
        ],
    )
    def test_x_weighs_characters_links_and_emoji(self, text, weight):
        assert length(text, "weighted") == weight

    def test_a_lone_surrogate_can_be_measured(self):
        assert [length("\ud83d", unit) for unit in ("utf16", "bytes", "gsm", "graphemes")] == [1, 3, 1, 1]

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("go to https://example.com/a?b=(c).", ["https://example.com/a?b=(c"]),
            ("访问https://example.com/路径，谢谢", ["https://example.com/"]),
            ("(http://example.com), tel:+12025550123!", ["http://example.com", "tel:+12025550123"]),
            ("no links: here", []),
        ],
    )
    def test_links_are_found_without_the_punctuation_behind_them(self, text, found):
        assert [text[start:end] for start, end in urls(text)] == found


def at_most(limit, unit="codepoints"):
    return lambda piece: length(piece.text, unit) <= limit


def cut(text, limit, unit="codepoints"):
    return [piece.text for piece in split(Rich(text), at_most(limit, unit)).pieces]


class TestSplitting:
    def test_what_fits_is_left_as_it_is(self):
        assert cut("  two  ", 10) == ["  two  "]

    def test_a_paragraph_is_the_best_place(self):
        assert cut("One two.\nThree.\n\nFour five six.", 24) == ["One two.\nThree.", "Four five six."]

    def test_then_a_line_then_a_sentence_then_a_word(self):
        assert cut("One two three\nfour five six", 20) == ["One two three", "four five six"]
        assert cut("One two. Three four five", 16) == ["One two.", "Three four five"]
        assert cut("One two three four", 10) == ["One two", "three four"]

    def test_a_piece_at_a_sentence_must_be_worth_it(self):
        assert cut("No. The rest is a long run of words", 30)[0] == "No. The rest is a long run of"

    def test_chinese_is_cut_behind_its_own_punctuation(self):
        assert cut("您好。请问有什么可以帮您，谢谢。", 14) == ["您好。请问有什么可以帮您，", "谢谢。"]

    @pytest.mark.parametrize(
        "text", ["สวัสดีครับ" * 40, FAMILY * 40, FLAG * 60, "e\u0301\u0323" * 80, "क्षि" * 60, "각" * 200]
    )
    @pytest.mark.parametrize("unit", ["codepoints", "utf16", "bytes", "graphemes", "weighted", "gsm"])
    def test_no_cluster_is_cut(self, text, unit):
        pieces = cut(text, 40, unit)

        assert [c for piece in pieces for c in clusters(piece)] == clusters(text)
        assert all(length(piece, unit) <= 40 for piece in pieces)

    def test_a_link_is_not_cut_if_it_fits_by_itself(self):
        link = "https://example.com/a-b_c?d=e.f"

        assert cut(f"Your parcel is here: {link} and there", 40) == [
            "Your parcel is here:",
            f"{link} and",
            "there",
        ]

    def test_a_link_without_spaces_around_it_is_not_cut_either(self):
        assert cut("请看这里的说明https://example.com/abc谢谢", 24) == [
            "请看这里的说明",
            "https://example.com/abc谢",
            "谢",
        ]

    def test_a_link_with_a_label_is_not_cut_within_its_label(self):
        rich = markdown.parse("Read it [here and now](https://example.com) please")

        pieces = split(rich, at_most(16)).pieces

        assert [piece.text for piece in pieces] == ["Read it", "here and now", "please"]

    def test_a_link_that_is_too_long_is_cut_after_all(self):
        link = "https://example.com/" + "x" * 100

        assert "".join(cut(link, 50)) == link
        assert split(Rich(f"See {link}"), at_most(50)).broken == ("link",)

    @pytest.mark.parametrize(
        ("source", "broken"),
        [
            ("plain words " * 20, ()),
            ("x" * 100, ()),
            ("See https://example.com/ab and " * 9, ()),
            ("[a label that is long enough to be cut](https://example.com/a) " * 3, ()),
            (f"`https://example.com/{'x' * 60}`", ("link",)),
            (f"<https://example.com/{'x' * 60}>", ("link",)),
            (f"[label](https://example.com/{'x' * 60})", ("link",)),
            ("a" + "\u0301" * 80, ("character",)),
            (f"https://example.com/{'x' * 60} a" + "\u0301" * 80, ("link", "character")),
        ],
    )
    @pytest.mark.parametrize("dialect", ["plain", "markdown", "html"])
    def test_what_did_not_stay_whole_is_named(self, source, broken, dialect):
        found = split(markdown.parse(source), lambda piece: len(write(piece, dialect, FORMATTING).text) <= 72)

        assert found.broken == broken
        assert len(found.pieces) < 10

    def test_a_line_that_must_stay_whole_does(self):
        lines = [line(f"{n}) A rather long option") for n in range(1, 6)]
        text = "\n".join(piece.text for piece in lines)
        spans = [Span(m.start(), m.end(), ATOM) for m in re.finditer(".+", text)]

        pieces = split(Rich(text, tuple(spans)), at_most(60)).pieces

        assert "\n".join(piece.text for piece in pieces) == text

    def test_a_code_block_stays_whole_and_formatting_is_opened_again(self):
        rich = markdown.parse(
            "Some words before it\n```\na b c\nd e f\n```\n**bold words that go on and on**"
        )

        pieces = split(rich, lambda piece: len(write(piece, "markdown", FORMATTING).text) <= 24).pieces
        written = [write(piece, "markdown", FORMATTING).text for piece in pieces]

        assert "```\na b c\nd e f\n```" in written
        assert written[-2:] == ["**bold words that go**", "**on and on**"]

    def test_a_code_block_that_fits_by_itself_begins_a_piece(self):
        rich = markdown.parse("Hi\n```\naaaa bbbb\ncccc dddd\neeee ffff\n```")

        assert [piece.text for piece in split(rich, at_most(30)).pieces] == [
            "Hi",
            "aaaa bbbb\ncccc dddd\neeee ffff",
        ]

    def test_a_cluster_longer_than_the_limit_is_cut_by_code_point(self):
        assert cut("a" + "\u0301" * 50, 20) == ["a" + "\u0301" * 19, "\u0301" * 20, "\u0301" * 11]

    def test_a_character_longer_than_the_limit_is_an_error(self):
        with pytest.raises(TooLong):
            cut("😀😀", 1, "utf16")

    def test_no_measuring_grows_with_the_whole_text(self):
        measured = []

        def fits(piece):
            measured.append(len(piece.text))
            return len(piece.text) <= 160

        for text in ("x" * 30_000, "Hello there. " * 2_400, FAMILY * 4_200, "您好，谢谢。" * 5_000):
            measured.clear()
            split(Rich(text), fits)
            assert sum(measured[1:]) < 25 * len(text)

    @quick
    @given(
        words(30),
        st.integers(1, 60),
        st.sampled_from(("codepoints", "utf16", "bytes", "graphemes", "gsm", "weighted")),
    )
    def test_every_piece_fits_and_no_character_is_lost(self, text, limit, unit):
        try:
            pieces = cut(text, limit, unit)
        except TooLong:
            assume(False)

        assert all(length(piece, unit) <= limit for piece in pieces)
        assert "".join("".join(pieces).split()) == "".join(text.split())


EVERYTHING = (*FORMATTING, "mention")


class TestReading:
    @pytest.mark.parametrize(
        ("source", "text", "spans"),
        [
            ("**a _b_ c**", "a b c", [("bold", "a b c"), ("italic", "b")]),
            ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4", []),
            ("`a*b*` ``c`d``", "a*b* c`d", [("code", "a*b*"), ("code", "c`d")]),
            ("\\*not\\*", "*not*", []),
            (
                "[a](https://e.com/b_(c)) <https://e.com>",
                "a https://e.com",
                [("link", "a"), ("link", "https://e.com")],
            ),
            ("[x](javascript:alert)", "x", []),
            (
                "# T\n> q\n> r\n- i\n2. j",
                "T\nq\nr\ni\nj",
                [("heading", "T"), ("quote", "q\nr"), ("ul", "i"), ("ol", "j")],
            ),
            ("```py\na **b**\n```", "a **b**", [("codeblock", "a **b**")]),
            ("```py\na\nb", "a\nb", [("codeblock", "a\nb")]),
            ("```a b```\nmore", "a b\nmore", [("code", "a b")]),
            ("```a\nb```\nmore", "a\nb\nmore", [("code", "a\nb")]),
            ("See ```\na\nb\n``` ok", "See a\nb ok", [("code", "a\nb")]),
            ("```\na\n```b\n```", "a\n```b", [("codeblock", "a\n```b")]),
            ("| a | b |\n|---|---|\n| c | d |", "a | b\nc | d", [("table", "a | b\nc | d")]),
            ("a\n\nb", "a\n\nb", []),
            ("~~no~~", "no", [("strike", "no")]),
            ("**open", "**open", []),
        ],
    )
    def test_markdown(self, source, text, spans):
        rich = markdown.parse(source)

        assert rich.text == text
        assert [(span.type, text[span.start : span.end]) for span in rich.spans] == spans

    @pytest.mark.parametrize(
        ("source", "text", "spans"),
        [
            ("<p>a <b>b <i>c</i></b></p><p>d<br>e</p>", "a b c\n\nd\ne", [("bold", "b c"), ("italic", "c")]),
            ("<script>x()</script><style>y</style>a", "a", []),
            ('<a href="javascript:x">a</a> <a href="https://e.com">b</a>', "a b", [("link", "b")]),
            ("<ul><li>a<li>b</ul><ol><li>c</li></ol>", "a\nb\nc", [("ul", "a"), ("ul", "b"), ("ol", "c")]),
            ("<pre>a\n  b</pre>", "a\n  b", [("codeblock", "a\n  b")]),
            ("<pre><code>a\n b</code></pre>", "a\n b", [("codeblock", "a\n b"), ("code", "a\n b")]),
            ("a &lt;b&gt; &amp; c", "a <b> & c", []),
            ("  a \n\n  b  ", "a b", []),
            ('<img src="x" alt="a mug">', "a mug", []),
            (
                "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
                "a | b\nc",
                [("table", "a | b\nc")],
            ),
            ("<b>a", "a", [("bold", "a")]),
            ("a</b></p></ul>", "a", []),
        ],
    )
    def test_html(self, source, text, spans):
        rich = html.parse(source)

        assert rich.text == text
        assert [(span.type, text[span.start : span.end]) for span in rich.spans] == spans

    def test_entities_are_taken_by_code_points_and_unknown_ones_are_words(self):
        entities = (Entity(type="bold", start=0, end=1), Entity(type="cashtag", start=1, end=3))

        assert from_entities("😀ab", entities).spans == (Span(0, 1, "bold"),)

    @pytest.mark.parametrize(
        "source", ["[" * 5_000, "*a " * 10_000, "`a" * 10_000, "<b>" * 5_000, "> " * 10_000, "\\" * 30_001]
    )
    def test_nasty_sources_are_read_without_trouble(self, source):
        assert isinstance(markdown.parse(source), Rich)
        assert isinstance(html.parse(source), Rich)


class TestWriting:
    SOURCE = "# T\n**b** _i_ ~~s~~ `c` [l](https://e.com)\n> q\n- u\n1. o\n```\nx\n```\n| a | b |\n| c | d |"

    @pytest.mark.parametrize(
        ("dialect", "written"),
        [
            ("plain", "T\nb i s c l (https://e.com)\n> q\n- u\n1. o\nx\na | b\nc | d"),
            ("whatsapp", "*T*\n*b* _i_ ~s~ `c` l (https://e.com)\n> q\n- u\n1. o\n```x```\na | b\nc | d"),
            (
                "markdown",
                "# T\n**b** *i* ~~s~~ `c` [l](https://e.com)\n> q\n- u\n1. o\n```\nx\n```\n"
                "| a | b |\n| --- | --- |\n| c | d |",
            ),
            (
                "html",
                '<b>T</b>\n<b>b</b> <i>i</i> <s>s</s> <code>c</code> <a href="https://e.com">l</a>\n'
                "<blockquote>q</blockquote>\n• u\n1. o\n<pre>x</pre>\na | b\nc | d",
            ),
        ],
    )
    def test_each_dialect_writes_in_its_own_way(self, dialect, written):
        assert write(markdown.parse(self.SOURCE), dialect, EVERYTHING) == (written, ())

    def test_an_address_cannot_leave_its_quotes(self):
        rich = Rich("x", (Span(0, 1, "link", 'https://e.com/?a="b&c'),))

        assert write(rich, "html", EVERYTHING).text == '<a href="https://e.com/?a=&quot;b&amp;c">x</a>'

    def test_whatsapp_marks_hug_their_words_and_stay_on_a_line(self):
        bold = Rich("a  b\nc  d", (Span(1, 8, "bold"),))

        assert write(bold, "whatsapp", EVERYTHING).text == "a  *b*\n*c*  d"

    @pytest.mark.parametrize("rich", [Rich("abc", (Span(1, 2, "bold"),)), Rich("a*b", (Span(0, 3, "bold"),))])
    def test_marks_that_whatsapp_would_show_as_they_are_are_left_out(self, rich):
        assert write(rich, "whatsapp", EVERYTHING) == (rich.text, ("bold",))

    @quick
    @given(words())
    def test_escaped_words_are_read_back_as_they_were(self, text):
        text = text.replace("\r", "")

        assert markdown.parse(write(Rich(text), "markdown", ()).text).text.split() == text.split()
        assert html.parse(write(Rich(text), "html", ()).text).text.split() == text.split()

    @quick
    @given(words(), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.sampled_from(EVERYTHING))))
    def test_what_cannot_be_kept_is_named_and_the_words_stay(self, text, found):
        rich = nested(text, (Span(min(a, b), max(a, b), type) for a, b, type in found))

        for dialect in DIALECTS:
            written = write(rich, dialect, ())
            assert set(written.dropped) == {s.type for s in rich.spans if s.type != "link"}


class TestBrokenHtml:
    PIECES = (
        "<",
        "<a ",
        "</b",
        "<b>",
        "</b>",
        'b="',
        "'",
        ">",
        "<!--",
        "-->",
        "<!",
        "<?",
        "&lt;",
        "a",
        " ",
        "3",
    )

    @given(st.lists(st.sampled_from(PIECES)).map("".join))
    def test_every_tag_that_the_parser_meets_ends_before_the_next_begins(self, source):
        _, *tags = html.whole_tags(source).split("<")

        assert all(">" in tag for tag in tags)

    @given(st.lists(st.sampled_from(PIECES)).map("".join))
    def test_whole_tags_stay_what_they_are(self, source):
        once = html.whole_tags(source)

        assert html.whole_tags(once) == once

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("I <3 you, 1 < 2", "I <3 you, 1 < 2"),
            ("<b>Hello</b> <a href='x", "Hello <a href='x"),
            ("<a <b>Hello</b>", "<a Hello"),
            ('<img alt="a > b">', "a > b"),
            ("One<!-- <b>no</b> > -->Two<!-- no end", "OneTwo<!-- no end"),
            ("<!DOCTYPE html><p>Hello</p>", "Hello"),
        ],
    )
    def test_what_is_no_tag_is_words(self, source, words):
        assert html.parse(source).text == words
