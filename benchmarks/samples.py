"""Signed webhooks as WhatsApp sends them, with invented people."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import os
import time
from typing import Any

import msgspec

import chanbridge as cb
from chanbridge.registry import Registry

SECRET = "TEST-app-secret"
ACCOUNT = "support"
PEOPLE = 1_000
_numbers = itertools.count()


def account() -> tuple[str, type[cb.Channel[Any]], Any]:
    """Give a WhatsApp account for `Bridge`."""
    channel = Registry().channel("whatsapp")
    config = channel.Config(
        access_token=cb.Secret("TEST-token"),
        app_secret=cb.Secret(SECRET),
        verify_token=cb.Secret("TEST-verify"),
        phone_number_id="100000000000001",
        waba_id="200000000000001",
    )
    return ACCOUNT, channel, config


def body(messages: int = 1, *, person: int | None = None, people: int = PEOPLE) -> bytes:
    """Write a webhook with some new messages of one person."""
    first = next(_numbers)
    who = first % people if person is None else person
    number, user = f"1202555{who:07d}", f"US.TEST{who:07d}"
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "12025550100", "phone_number_id": "100000000000001"},
        "contacts": [
            {"profile": {"name": "Ada Test", "username": "ada.test"}, "wa_id": number, "user_id": user}
        ],
        "messages": [_message(number, user) for _ in range(messages)],
    }
    change = {"field": "messages", "value": value}
    entry = {"id": "200000000000001", "changes": [change]}
    return msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})


def wamid(number: str) -> str:
    """Write a new id of a message as WhatsApp's look: base64 of the person's number and random characters."""
    drawn = b"TEST" + os.urandom(8).hex().upper().encode()
    plain = (
        b"\x1c\x18" + bytes([len(number)]) + number.encode() + b"\x15\x02\x00\x12\x18\x14" + drawn + b"\x00"
    )
    return f"wamid.{base64.b64encode(plain).decode()}"


def _message(number: str, user: str) -> dict[str, Any]:
    return {
        "from": number,
        "from_user_id": user,
        "id": wamid(number),
        "timestamp": str(int(time.time())),
        "type": "text",
        "text": {"body": "Hello, the box came damaged. Can you help me?"},
    }


def signature(content: bytes) -> str:
    """Sign a body as WhatsApp does."""
    return "sha256=" + hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()


def headers(content: bytes) -> dict[str, str]:
    """Give the header fields of a webhook."""
    return {
        "Host": "hooks.example.com",
        "User-Agent": "facebookexternalua",
        "Accept": "*/*",
        "Content-Type": "application/json",
        "X-Hub-Signature-256": signature(content),
        "Content-Length": str(len(content)),
    }


def wire(content: bytes) -> bytes:
    """Write a webhook as it goes over the connection."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers(content).items())
    return f"POST /in/{ACCOUNT} HTTP/1.1\r\n{fields}\r\n".encode() + content


def webhooks(count: int, messages: int = 1, people: int = PEOPLE) -> list[bytes]:
    """Write as many new webhooks, ready to be sent."""
    return [wire(body(messages, people=people)) for _ in range(count)]


def request(content: bytes) -> cb.HttpRequest:
    """Make the request that a webhook becomes."""
    url = f"https://hooks.example.com/in/{ACCOUNT}"
    return cb.HttpRequest(method="POST", url=url, headers=cb.Headers(headers(content)), body=content)
