"""``chanbridge init``: a configuration without a secret in it."""

from __future__ import annotations

import click
import pytest

from chanbridge.cli import init
from chanbridge.config import load_settings
from chanbridge.registry import Registry
from tests.cli.conftest import CONFIG

NEW = ["init", "--channel", "pigeon", "--account", "loft", "--set", "number=+12025550100"]


def test_secrets_become_references_to_the_environment(cli, tmp_path):
    ran = cli(*NEW)

    text = (tmp_path / "chanbridge.toml").read_text()
    assert ran.json == [
        {"path": "chanbridge.toml", "account": "loft", "env": ["LOFT_API_KEY", "LOFT_WEBHOOK_SECRET"]}
    ]
    assert 'api_key = "env:LOFT_API_KEY"' in text


def test_what_is_written_can_be_read(cli, tmp_path):
    cli(*NEW, "--public-url", "https://hooks.example.com")

    environ = {"LOFT_API_KEY": "a", "LOFT_WEBHOOK_SECRET": "b"}
    settings = load_settings(tmp_path / "chanbridge.toml", registry=Registry(), environ=environ)

    assert settings.public_url == "https://hooks.example.com"
    assert settings.accounts["loft"].config.number == "+12025550100"


def test_another_account_is_added_to_a_file_that_is_there(configured, tmp_path):
    ran = configured("init", "--channel", "pigeon", "--account", "barn.2", "--set", "number=+12025550101")

    text = (tmp_path / "chanbridge.toml").read_text()
    assert ran.code == 0
    assert text.startswith(CONFIG.rstrip("\n"))
    assert '[accounts."barn.2"]' in text


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--account", "loft"], "--account: 'loft' is in chanbridge.toml already"),
        (["--account", "x", "--set", "api_key=hunter2"], "api_key: is a secret: write env:NAME or file:PATH"),
        (
            ["--account", "x", "--set", "nmber=1"],
            "--set: pigeon has no 'nmber'; known are: api_key",
        ),
        (["--account", 'a b/c"x'], """--account: 'a b/c"x' is no name for an account: use letters, digits"""),
        (["--account", "x", "--set", "number=202"], "chanbridge: --set: number: '202' does not match"),
        (
            ["--account", "x", "--set", "number=+12025550101", "--public-url", "ftp://x"],
            "chanbridge: --public-url: 'ftp://x' does not match",
        ),
        (["--account", "x"], "--set number=...: is needed where nobody can be asked"),
    ],
)
def test_what_cannot_be_written_is_refused_and_the_file_stays(configured, tmp_path, args, said):
    ran = configured("init", "--channel", "pigeon", *args)

    assert ran.code == 2
    assert said in ran.err
    assert "hunter2" not in ran.err
    assert (tmp_path / "chanbridge.toml").read_text() == CONFIG


def test_a_file_that_is_no_toml_is_left_alone(cli, tmp_path):
    (tmp_path / "chanbridge.toml").write_text("[[[")

    ran = cli(*NEW)

    assert (ran.code, (tmp_path / "chanbridge.toml").read_text()) == (2, "[[[")


def test_somebody_at_a_terminal_is_asked_for_what_is_missing(cli, tmp_path, monkeypatch):
    answers = iter(["pigeon", "loft", "+12025550100", "env:KEY", "file:secret", ""])
    asked = []

    def prompt(question, **kwargs):
        asked.append(question)
        answer = next(answers)
        return kwargs["value_proc"](answer) if kwargs.get("value_proc") else answer

    monkeypatch.setattr(click, "prompt", prompt)
    monkeypatch.setattr(init, "_is_asked", lambda: True)

    ran = cli("init")

    assert ran.code == 0
    assert asked[2:4] == [
        "number (Sender, E.164)",
        "api_key (Key from Settings > API): write env:NAME or file:PATH",
    ]
    assert 'webhook_secret = "file:secret"' in (tmp_path / "chanbridge.toml").read_text()
