"""One configured account, and a way to wrap what the provider sends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import chanbridge as cb
from chanbridge.testing import drive, ok
from chanbridge_whatsapp import WhatsApp, WhatsAppConfig

NUMBER_ID = "100000000000001"
WABA_ID = "200000000000001"
SECRET = "0123456789abcdef0123456789abcdef"


def make(**changes: Any) -> WhatsApp:
    settings: dict[str, Any] = {
        "access_token": cb.Secret("TEST-token"),
        "app_secret": cb.Secret(SECRET),
        "verify_token": cb.Secret("TEST-verify"),
        "phone_number_id": NUMBER_ID,
        "waba_id": WABA_ID,
    }
    return WhatsApp(cb.Account("support", WhatsAppConfig(**{**settings, **changes})))


@pytest.fixture
def channel() -> WhatsApp:
    return make()


@pytest.fixture
def account() -> Callable[..., WhatsApp]:
    return make


def post(body: object) -> cb.HttpRequest:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return cb.HttpRequest(method="POST", url="https://hooks.example.com/in/support", body=content)


@pytest.fixture
def webhook() -> Callable[..., cb.HttpRequest]:
    """Wrap items of ``messages`` (or of another key) as the provider does."""

    def wrap(*items: object, key: str = "messages", field: str = "messages", **more: Any) -> cb.HttpRequest:
        metadata = {"display_phone_number": "12025550100", "phone_number_id": NUMBER_ID}
        value = {"messaging_product": "whatsapp", "metadata": metadata, **more}
        if items:
            value[key] = list(items)
        entry = {"id": WABA_ID, "changes": [{"field": field, "value": value}]}
        return post({"object": "whatsapp_business_account", "entry": [entry]})

    return wrap


@pytest.fixture
def step() -> Callable[..., cb.Step]:
    """Make a step to a contact, with our key."""

    def make_step(*parts: cb.Part, **fields: Any) -> cb.Step:
        to = cb.Conversation(address="whatsapp:+12025550123")
        return cb.Step(parts=parts, **{"to": to, "key": "job-17", **fields})

    return make_step


HEAD = ("messaging_product", "recipient_type", "to", "biz_opaque_callback_data")


@pytest.fixture
def content(channel: WhatsApp) -> Callable[[cb.Step], dict[str, Any]]:
    """Give what a step says, without its head."""

    def said(step: cb.Step) -> dict[str, Any]:
        [request] = drive(channel.send(step), ok(messages=[{"id": "wamid.1"}]), channel=channel).requests
        body: dict[str, Any] = request.json()
        return {key: value for key, value in body.items() if key not in HEAD}

    return said


@pytest.fixture
def interactive(content: Callable[[cb.Step], dict[str, Any]]) -> Callable[[cb.Step], dict[str, Any]]:
    """Give the interactive object of a step that is nothing else."""

    def shown(step: cb.Step) -> Any:
        said = content(step)
        assert said.keys() == {"type", "interactive"}
        assert said["type"] == "interactive"
        return said["interactive"]

    return shown
