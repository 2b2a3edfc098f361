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
