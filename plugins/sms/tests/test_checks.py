"""What the doctor asks Twilio, and what it says."""

from __future__ import annotations

import pytest

import chanbridge as cb
from chanbridge.testing import drive, ok

ACCOUNT = "https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000001"
WEBHOOK = "https://hooks.example.com/channels/in/sms-main"


def number(url: str = WEBHOOK, **capabilities: bool) -> cb.HttpResponse:
    able = {"sms": True, "mms": True, "voice": True, **capabilities}
    return ok(incoming_phone_numbers=[{"sms_url": url, "capabilities": able}])


def findings(channel, *answers) -> list[tuple[str, str]]:
    found, _ = drive(channel.check(), *answers, channel=channel)
    return [(finding.level, finding.what) for finding in found]


def test_it_asks_for_the_account_and_the_number(sms):
    _, requests = drive(sms.check(), ok(status="active", type="Full"), number())

    assert [request.url for request in requests] == [
        f"{ACCOUNT}.json",
        f"{ACCOUNT}/IncomingPhoneNumbers.json?PhoneNumber=%2B12025550111",
    ]


def test_all_is_well(sms):
    assert findings(sms, ok(status="active", type="Full"), number(WEBHOOK + "#rc=3")) == [
        ("ok", "the account is active"),
        ("ok", "the number is ours, and its webhook reaches us"),
    ]


def test_a_refused_credential_is_an_error(sms):
    refused = cb.HttpResponse(status=401, body=b'{"code": 20003, "message": "Authenticate", "status": 401}')

    assert findings(sms, refused) == [("error", "Twilio refuses the credential (auth_failed)")]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (ok(incoming_phone_numbers=[]), ("error", "the sender is no number of this account")),
        (number(sms=False), ("error", "the number cannot send SMS")),
        (number(mms=False), ("warning", "the number cannot send MMS")),
        (number(url="https://old.example.com/"), ("warning", "the number's webhook is another URL")),
        (number(url=""), ("warning", "the number's webhook is another URL")),
    ],
)
def test_what_is_wrong_with_the_number_is_told(sms, answer, told):
    assert findings(sms, ok(status="active"), answer)[1:] == [told]


@pytest.mark.parametrize(
    ("over", "account", "told"),
    [
        ({}, {"status": "suspended"}, ("error", "the account is suspended")),
        (
            {},
            {"status": "active", "type": "Trial"},
            ("ok", "the account is active (a trial: it reaches verified numbers only)"),
        ),
        (
            {"webhook_url": "https://my_host.example.com/in/a"},
            {"status": "active"},
            ("error", "Twilio refuses status callbacks to a host name with _"),
        ),
        (
            {"webhook_url": ""},
            {"status": "active"},
            ("warning", "no webhook URL is known: no messages, no reports"),
        ),
        ({"sender": ""}, {"status": "active"}, ("warning", "the account only receives")),
    ],
)
def test_what_is_wrong_with_the_account_is_told(make, over, account, told):
    channel = make(**{"sender": "70123", **over})

    assert told in findings(channel, ok(**account))
