"""The configuration: four keys are enough, and what contradicts itself is said before anything runs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import chanbridge as cb
from chanbridge.registry import Registry
from chanbridge_sms import QuietHours, Sms, SmsConfig

SERVICE = "MG00000000000000000000000000000001"


def test_the_plugin_is_found_by_its_name():
    assert Registry().channel("sms") is Sms


def test_every_key_says_what_it_means():
    schema = msgspec.json.schema(SmsConfig, schema_hook=lambda _: {"type": "string"})
    tables = [schema["$defs"][name]["properties"] for name in ("SmsConfig", "QuietHours")]

    silent = [name for table in tables for name, key in table.items() if not key.get("description")]

    assert silent == []


@pytest.mark.parametrize(
    ("over", "problem"),
    [
        ({"provider": "vonage_sms"}, "provider: 'vonage_sms' is not available; available: twilio"),
        ({"api_key_sid": "SKTEST"}, "api_key_sid: an API key needs both"),
        ({"api_key_secret": cb.Secret("x")}, "api_key_sid: an API key needs both"),
        ({"encoding": "ucs2"}, "encoding: Twilio chooses"),
        ({"sender": "202 555"}, "sender: '202 555' is no phone number"),
        ({"sender": "ACME", "mms": "always"}, "mms: an alphanumeric sender"),
        ({"keywords": ("stop", " ")}, "keywords: an empty word"),
        ({"quiet_hours": QuietHours(start="21:00", end="09:00")}, "quiet_hours.start: 21:00 is not before"),
        ({"quiet_hours": QuietHours(tz="Mars/Base")}, "quiet_hours.tz: no time zone 'Mars/Base'"),
    ],
)
def test_what_contradicts_itself_is_named_with_its_mend(make, over: dict[str, Any], problem: str):
    with pytest.raises(cb.ConfigError) as wrong:
        make(**over)

    [said] = wrong.value.problems
    assert said.startswith(problem)


def test_every_problem_is_told_at_once(make):
    with pytest.raises(cb.ConfigError) as wrong:
        make(encoding="ucs2", sender="12", keywords=("",))

    assert [problem.partition(":")[0] for problem in wrong.value.problems] == [
        "encoding",
        "sender",
        "keywords",
    ]


@pytest.mark.parametrize(
    ("over", "service", "number"),
    [
        ({}, "", "+12025550111"),
        ({"sender": "(202) 555-0111", "country": "US"}, "", "+12025550111"),
        ({"sender": SERVICE}, SERVICE, ""),
        ({"sender": "70123", "messaging_service_sid": SERVICE}, SERVICE, "70123"),
        ({"sender": ""}, "", ""),
    ],
)
def test_the_sender_is_a_number_or_a_service(make, over, service, number):
    config = make(**over).config

    assert (config.service, config.number) == (service, number)


def test_no_secret_is_shown(make):
    config = make(webhook_key=cb.Secret("the-shared-key")).config

    assert "f00dfeed" not in repr(config)
    assert "the-shared-key" not in repr(config)
