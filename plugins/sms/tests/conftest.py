"""What the tests of this plugin share: one account, and the requests that Twilio would make to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

import chanbridge as cb
from chanbridge_sms import Sms, SmsConfig

TOKEN = "f00dfeedc0ffee00d15ea5e0facade42"
ACCOUNT_SID = "AC00000000000000000000000000000001"
WEBHOOK = "https://hooks.example.com/channels/in/sms-main"
NOW = dt.datetime(2026, 1, 5, 15, 0, tzinfo=dt.UTC)  # ten in the morning in New York

MakeSms = Callable[..., Sms]
MakeForm = Callable[..., cb.HttpRequest]


@pytest.fixture
def make() -> MakeSms:
    """Make a channel of the minimal configuration, with some keys changed."""

    def make(webhook_url: str = WEBHOOK, **over: Any) -> Sms:
        keys: dict[str, Any] = {
            "provider": "twilio",
            "account_sid": ACCOUNT_SID,
            "auth_token": cb.Secret(TOKEN),
            "sender": "+12025550111",
        }
        return Sms(cb.Account("sms-main", SmsConfig(**{**keys, **over}), webhook_url=webhook_url))

    return make


@pytest.fixture
def sms(make: MakeSms) -> Sms:
    return make()


@pytest.fixture
def form() -> MakeForm:
    """Make a webhook request of form fields, unsigned: an inbound text unless fields say otherwise."""

    def form(url: str = WEBHOOK, **fields: str | None) -> cb.HttpRequest:
        inbound = {
            "MessageSid": "SM00000000000000000000000000000001",
            "AccountSid": ACCOUNT_SID,
            "From": "+12025550100",
            "To": "+12025550111",
            "Body": "Hi",
            "NumMedia": "0",
            "SmsStatus": "received",
        }
        named = {name: value for name, value in {**inbound, **fields}.items() if value is not None}
        headers = cb.Headers({"content-type": "application/x-www-form-urlencoded"})
        return cb.HttpRequest(method="POST", url=url, headers=headers, body=urlencode(named).encode())

    return form


@pytest.fixture
def step() -> Callable[..., cb.Step]:
    """Make a step to a number in Washington."""

    def step(*parts: cb.Part, to: str = "+12025550100", **fields: Any) -> cb.Step:
        fields = {"now": NOW, "key": "TESTKEY.0", **fields}
        return cb.Step(parts=parts, to=cb.Conversation(address=f"sms:{to}"), **fields)

    return step
