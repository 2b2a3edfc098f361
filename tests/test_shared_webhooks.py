"""Several accounts behind one URL, and the URL that a provider signed: with the real plugins, over ASGI."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

import chanbridge as cb
from chanbridge.bridge import Bridge
from chanbridge_sms import Sms, SmsConfig
from chanbridge_whatsapp import WhatsApp, WhatsAppConfig
from tests.asgi_client import request
from tests.runtime import eventually

ONE, TWO = "1" * 32, "2" * 32
NUMBERS = {"sales": "100000000000001", "support": "100000000000002"}
TOKEN = "f00dfeedc0ffee00d15ea5e0facade42"


def whatsapp(name, secret=ONE):
    return (
        name,
        WhatsApp,
        WhatsAppConfig(
            phone_number_id=NUMBERS[name],
            waba_id="200000000000001",
            access_token=cb.Secret("TEST-token"),
            app_secret=cb.Secret(secret),
            verify_token=cb.Secret("TEST-verify"),
        ),
    )


def entry(name, text):
    """One change of a body: a text to the number of an account."""
    message = {
        "from": "12025550123", "id": f"wamid.TEST-{name}-{text}", "timestamp": "1795167000", "type": "text",
        "text": {"body": text},
    }  # fmt: skip
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "12025550100", "phone_number_id": NUMBERS[name]},
        "contacts": [{"wa_id": "12025550123", "profile": {"name": "Ada"}}],
        "messages": [message],
    }
    return {"id": "200000000000001", "changes": [{"field": "messages", "value": value}]}


async def post(bridge, to, *entries, secret=ONE, content_type="application/json"):
    """Bring a webhook that an app signed."""
    body = json.dumps({"object": "whatsapp_business_account", "entry": list(entries)}).encode()
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"content-type": content_type, "x-hub-signature-256": signature}
    return await request(bridge.asgi(), "POST", f"/in/{to}", headers=headers, body=body)


@pytest.mark.parametrize(("kind", "status"), [("text/plain", 415), ("application/json; charset=utf-8", 200)])
async def test_a_signed_body_of_a_wrong_content_type_is_refused_and_counted(tmp_path, kind, status):
    bridge, _ = watched(tmp_path, whatsapp("sales"))
    async with bridge:
        answer = await post(bridge, "sales", entry("sales", "A price"), content_type=kind)
        counters = await kept_counts(bridge)
        kept = await bridge.runtime.store.journal.requests()

    assert answer.status == status
    assert counters == ({"refused.content_type": 1} if status == 415 else {})
    assert len(kept) == (status == 200)


def watched(tmp_path, *accounts, **settings):
    bridge = Bridge(accounts, folder=tmp_path, **settings)
    seen = []
    bridge.on(cb.MessageReceived)(lambda event: seen.append((event.account, event.message.plain)))
    return bridge, seen


async def kept_counts(bridge):
    await bridge.runtime.receiver.tally.flush()
    return await bridge.runtime.store.journal.counters()


async def test_two_accounts_of_one_app_share_a_url(tmp_path):
    bridge, seen = watched(tmp_path, whatsapp("sales"), whatsapp("support"))
    async with bridge:
        answer = await post(bridge, "sales", entry("support", "A box"), entry("sales", "A price"))
        await eventually(lambda: len(seen) == 2)
        kept = {e.event.key for e in await bridge.runtime.store.journal.events()}

    assert answer.status == 200
    assert sorted(seen) == [("sales", "A price"), ("support", "A box")]
    assert kept == {"sales/+12025550123", "support/+12025550123"}


async def test_the_same_webhook_at_both_urls_is_one_event(tmp_path):
    bridge, seen = watched(tmp_path, whatsapp("sales"), whatsapp("support"))
    async with bridge:
        for url in ("sales", "support", "sales"):
            await post(bridge, url, entry("support", "A box"))
        await post(bridge, "sales", entry("support", "Last"))
        await eventually(lambda: ("support", "Last") in seen)

    assert seen == [("support", "A box"), ("support", "Last")]


async def test_an_app_speaks_for_no_number_of_another_app(tmp_path):
    bridge, seen = watched(tmp_path, whatsapp("sales", ONE), whatsapp("support", TWO))
    async with bridge:
        forged = await post(bridge, "sales", entry("support", "Refund it"), secret=ONE)
        refused = await post(bridge, "support", entry("support", "Refund it"), secret=ONE)
        await post(bridge, "support", entry("support", "Real"), secret=TWO)
        await eventually(lambda: seen)
        counters = await kept_counts(bridge)
        [kept] = await bridge.runtime.store.journal.requests("unowned")
        await bridge.replay()

    assert (forged.status, refused.status) == (200, 403)
    assert seen == [("support", "Real")]
    assert (counters["unowned"], counters["refused.signature"]) == (1, 1)
    assert (kept.account, kept.state) == ("sales", "unowned")


async def test_what_nobody_owns_reaches_its_account_when_that_is_configured(tmp_path):
    bridge, _ = watched(tmp_path, whatsapp("sales"))
    async with bridge:
        await post(bridge, "sales", entry("support", "Is anybody there?"), entry("sales", "Hello"))

    later, seen = watched(tmp_path, whatsapp("sales"), whatsapp("support"))
    async with later:
        assert await later.replay() == 1
        await eventually(lambda: ("support", "Is anybody there?") in seen)


# the URL that Twilio signed


def sms(name="sms-main"):
    config = SmsConfig(
        provider="twilio", account_sid="AC00000000000000000000000000000001", auth_token=cb.Secret(TOKEN),
        sender="+12025550111",
    )  # fmt: skip
    return name, Sms, config


FORM = {
    "MessageSid": "SM00000000000000000000000000000001",
    "AccountSid": "AC00000000000000000000000000000001",
    "From": "+12025550100",
    "To": "+12025550111",
    "Body": "Hi",
    "NumMedia": "0",
    "SmsStatus": "received",
}


def twilio_signature(url):
    text = url + "".join(name + FORM[name] for name in sorted(FORM))
    return base64.b64encode(hmac.new(TOKEN.encode(), text.encode(), hashlib.sha1).digest()).decode()


async def twilio(app, path, signed_url, **scope):
    """Bring a webhook as it arrives behind a proxy: plain http, another host, another port."""
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": twilio_signature(signed_url),
        "host": "10.0.0.7:8080",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "evil.example.com",
    }
    answer = await request(app, "POST", path, headers=headers, body=urlencode(FORM).encode(), **scope)
    return answer.status


async def test_a_text_message_is_a_form_or_it_is_refused(tmp_path):
    bridge, _ = watched(tmp_path, sms(), public_url="https://hooks.example.com")
    url = "https://hooks.example.com/in/sms-main"
    headers = {"content-type": "text/plain", "x-twilio-signature": twilio_signature(url)}
    async with bridge:
        answer = await request(
            bridge.asgi(), "POST", "/in/sms-main", headers=headers, body=urlencode(FORM).encode()
        )

    assert (answer.status, answer.json()) == (415, {"error": "content_type"})


@pytest.mark.parametrize(
    ("public_url", "signed", "status"),
    [
        ("https://hooks.example.com", "https://hooks.example.com/in/sms-main", 200),
        ("https://hooks.example.com", "https://hooks.example.com:443/in/sms-main", 200),
        ("https://hooks.example.com/channels", "https://hooks.example.com/channels/in/sms-main", 200),
        ("https://hooks.example.com/channels", "https://hooks.example.com/in/sms-main", 403),
        ("https://hooks.example.com", "https://evil.example.com/in/sms-main", 403),
        ("https://hooks.example.com", "http://10.0.0.7:8080/in/sms-main", 403),
    ],
)
async def test_behind_a_proxy_public_url_makes_the_url_that_was_signed(tmp_path, public_url, signed, status):
    bridge, _ = watched(tmp_path, sms(), public_url=public_url)
    async with bridge:
        assert await twilio(bridge.asgi(), "/in/sms-main", signed) == status


@pytest.mark.parametrize(
    ("signed", "status"),
    [
        ("https://hooks.example.com/channels/in/sms-main", 200),
        ("https://hooks.example.com/app/channels/in/sms-main", 403),
    ],
)
async def test_mounted_under_a_prefix_too(tmp_path, signed, status):
    bridge, seen = watched(tmp_path, sms(), public_url="https://hooks.example.com/channels")
    outer = Starlette(routes=[Mount("/app", routes=[Mount("/channels", app=bridge.asgi())])])
    async with bridge:
        assert await twilio(outer, "/app/channels/in/sms-main", signed) == status
        if status == 200:
            await eventually(lambda: seen == [("sms-main", "Hi")])


async def test_the_query_of_the_signed_url_counts(tmp_path):
    bridge, _ = watched(tmp_path, sms(), public_url="https://hooks.example.com")
    signed = "https://hooks.example.com/in/sms-main?b=2&a=%2B1"
    async with bridge:
        assert await twilio(bridge.asgi(), "/in/sms-main?b=2&a=%2B1", signed) == 200
        assert await twilio(bridge.asgi(), "/in/sms-main?a=%2B1&b=2", signed) == 403


async def test_mounted_and_not_started_it_answers_later(tmp_path):
    bridge, _ = watched(tmp_path, sms(), public_url="https://hooks.example.com/channels")
    outer = Starlette(routes=[Mount("/channels", app=bridge.asgi())])
    signed = "https://hooks.example.com/channels/in/sms-main"

    assert await twilio(outer, "/channels/in/sms-main", signed) == 503
    async with bridge:
        assert await twilio(outer, "/channels/in/sms-main", signed) == 200
