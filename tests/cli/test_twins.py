"""Accounts that are the same at their provider, told by what they own."""

from __future__ import annotations

from typing import Any

import pytest

import chanbridge as cb
from chanbridge.cli.twins import twins
from chanbridge_sms import Sms, SmsConfig
from chanbridge_whatsapp import WhatsApp, WhatsAppConfig

SECRETS = dict.fromkeys(("access_token", "app_secret", "verify_token"), cb.Secret("TEST"))


def whatsapp(name: str, **settings: Any) -> WhatsApp:
    return WhatsApp(cb.Account(name, WhatsAppConfig(**SECRETS, **settings)))


def sms(name: str, sid: str = "ACTEST", **settings: Any) -> Sms:
    config = SmsConfig(provider="twilio", account_sid=sid, auth_token=cb.Secret("TEST"), **settings)
    return Sms(cb.Account(name, config))


@pytest.mark.parametrize(
    ("first", "second", "both_own"),
    [
        (whatsapp("a", phone_number_id="1"), whatsapp("b", phone_number_id="1"), "1"),
        (whatsapp("a", phone_number_id="1", waba_id="2"), whatsapp("b", phone_number_id="1"), "1"),
        (sms("a", sender="+12025550100"), sms("b", sender="+12025550100"), "+12025550100"),
        (sms("a", sender="+1 202 555 0100"), sms("b", sender="+12025550100"), "+12025550100"),
        (sms("a", sender="MGTEST"), sms("b", messaging_service_sid="MGTEST"), "MGTEST"),
    ],
)
def test_two_accounts_are_the_same_if_one_owns_all_that_the_other_does(first, second, both_own):
    assert list(twins({"a": first, "b": second})) == [("a", "b", both_own)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            whatsapp("a", phone_number_id="1", waba_id="9"),
            whatsapp("b", phone_number_id="2", waba_id="9"),
        ),
        (sms("a", sender="+12025550100"), sms("b", sender="+12025550101")),
        (sms("a"), sms("b", sid="ACOTHER")),
        (sms("a", sender="MGTEST"), sms("b", sender="MGOTHER")),
        (whatsapp("a", phone_number_id="1"), sms("b", sender="+12025550100")),
    ],
)
def test_what_is_shared_in_part_or_named_by_nobody_is_no_mistake(first, second):
    assert list(twins({"a": first, "b": second})) == []


def test_a_plugin_that_fails_to_say_what_it_owns_is_passed_over():
    class Broken(WhatsApp):
        def owns(self, account_id: str) -> bool:
            raise RuntimeError

    broken = Broken(whatsapp("a", phone_number_id="1").account)

    assert list(twins({"a": broken, "b": whatsapp("b", phone_number_id="1")})) == []
