"""Errors of the command line: one line, on standard error, naming the option; and the exit code."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

import chanbridge as cb
from chanbridge.cli.app import exit_code

SESSION = (Path(__file__).parent / "errors.txt").read_text().splitlines()


@pytest.mark.parametrize(("typed", "said"), list(zip(SESSION[::2], SESSION[1::2], strict=True)))
def test_wrong_usage_is_one_line_that_says_what_to_do(cli, typed, said):
    ran = cli(*shlex.split(typed.removeprefix("$ chanbridge ")))

    assert (ran.code, ran.out, ran.err) == (2, "", said + "\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (cb.ConfigError("x"), 2),
        (cb.PluginError("p", "x"), 2),
        (cb.ValidationError("", "x"), 2),
        (cb.Unsupported("x"), 1),
        (cb.SendError("recipient_invalid"), 1),
        (cb.SendError("rate_limited"), 75),
        (cb.SendError("channel_unavailable"), 75),
        (cb.SignatureError("x"), 1),
    ],
)
def test_the_exit_code_says_whether_trying_again_may_help(error, code):
    assert exit_code(error) == code


def test_a_bug_is_one_line_with_its_place_and_without_its_words(cli, monkeypatch):
    def broken(*args):
        raise RuntimeError("a secret")

    monkeypatch.setattr("chanbridge.cli.channels.records_of", broken)

    ran = cli("channels")

    assert ran.code == 1
    assert ran.err.startswith("chanbridge: internal error: RuntimeError at ")
    assert "test_errors.py" in ran.err
    assert "a secret" not in ran.err


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b'{"parts": [\n {"kind": }]}', "is no JSON: invalid character: line 2, byte 11"),
        (b'{"parts": [\n', "is no JSON: it ends too early: line 2, byte 1"),
        (b'{"a": "x\xff"}', "is no JSON: not UTF-8: line 1, byte 9"),
        (
            rb'["\ud83d\ude00 \\ud800", "\ud800 x"]',
            r"is no JSON: half of a surrogate pair (\ud800 to \udfff): line 1, byte 27",
        ),
    ],
)
def test_json_that_is_none_is_told_with_its_place_and_the_option(cli, written, said):
    sent = cli("send", "pigeon:+12025550123", "--json", "-", "--plan", stdin=written)
    validated = cli("validate", "-", stdin=written)

    assert (sent.code, sent.err) == (2, f"chanbridge send: --json: standard input {said}\n")
    assert (validated.code, validated.json[0]["problems"]) == (1, [said])


def test_a_document_that_is_no_message_is_told_with_its_option(cli):
    ran = cli("send", "pigeon:+12025550123", "--json", "-", "--plan", stdin=b'{"parts": 1}')

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("chanbridge send: --json: standard input: parts")


@pytest.mark.parametrize(
    ("piped", "said"),
    [
        (b"a\0b", "standard input is no text: it has a zero byte"),
        (b"ab\n\xff", "standard input is not UTF-8: line 2, byte 1"),
        (b" \n\t\n", "there is nothing to send"),
        (b"\xef\xbb\xbf\n", "there is nothing to send"),
    ],
)
def test_what_is_piped_and_is_no_text_is_refused(cli, piped, said):
    ran = cli("send", "pigeon:+12025550123", "--plan", stdin=piped)

    assert (ran.code, ran.out, ran.err) == (2, "", f"chanbridge send: TEXT: {said}\n")


def test_the_byte_order_mark_of_an_editor_is_not_sent(cli):
    ran = cli("send", "pigeon:+12025550123", "--plan", stdin=b"\xef\xbb\xbfHi\n")

    assert ran.json[0]["steps"][0]["parts"][0]["text"] == "Hi"
