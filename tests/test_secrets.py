"""No credential gets out: not into a log, an error, an event, a file, a hook, or what is printed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import time
import traceback
from urllib.parse import urlencode

import pytest

import chanbridge as cb
from chanbridge.bridge import Bridge
from chanbridge.cli.app import run
from chanbridge.hooks import Hooks
from chanbridge.model.codec import encode_event
from chanbridge_sms import Sms, SmsConfig
from chanbridge_whatsapp import WhatsApp, WhatsAppConfig
from tests.asgi_client import request
from tests.channels import (
    ADA,
    Magpie,
    MagpieConfig,
    MagpieProvider,
    Pigeon,
    PigeonConfig,
    PlainConfig,
    Sparrow,
    call,
    pigeon_webhook,
    update,
)
from tests.runtime import eventually

NUMBER_ID = "100000000000001"
SID = "AC00000000000000000000000000000001"
CANARIES = {
    name: f"CANARY{name}{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    for name in (
        "waAccessToken", "waAppSecret", "waVerifyToken", "waPin", "smsAuthToken", "smsSecondToken",
        "pigeonKey", "pigeonHook", "magpieApp", "magpieToken", "magpieRefresh",
        "sparrowPath",
    )
}  # fmt: skip


def secret(name):
    return cb.Secret(CANARIES[name])


def whatsapp_config():
    return WhatsAppConfig(
        phone_number_id=NUMBER_ID, waba_id="200000000000001", access_token=secret("waAccessToken"),
        app_secret=secret("waAppSecret"), verify_token=secret("waVerifyToken"), pin=secret("waPin"),
    )  # fmt: skip


def sms_config():
    return SmsConfig(
        provider="twilio", account_sid=SID, sender="+12025550111", auth_token=secret("smsAuthToken"),
        auth_token_secondary=secret("smsSecondToken"),
    )  # fmt: skip


class Clumsy(Pigeon):
    """A plugin whose mistakes quote what they should not."""

    name = "clumsy"

    def send(self, step):
        raise RuntimeError(f"cannot use {self.config.api_key.reveal()}")
        yield

    def acknowledge(self, request, events):
        raise RuntimeError(f"cannot use {self.config.webhook_secret.reveal()}")

    def parse(self, request):
        raise RuntimeError(f"cannot use {self.config.webhook_secret.reveal()} {request!r}")


class Provider:
    """Every provider at once: it answers as ``script`` says, else as if all were well."""

    def __init__(self):
        self.script = []
        self.signed = []
        self.magpie = MagpieProvider()
        self.magpie.updates = [update("up-TEST-1")]

    async def __call__(self, request, *, foreign=False):
        self.signed.append(f"{request.url} {dict(request.headers)} {request.content!r}")
        if request.host == "api.magpie.example":
            return self._magpie(request) or await self.magpie(request)
        if self.script:
            answer = self.script.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if "twilio" in request.host:
            return cb.HttpResponse.of_json(
                {"sid": "SM00000000000000000000000000000001", "status": "queued"}, status=201
            )
        return cb.HttpResponse.of_json({"id": "out-TEST-1", "messages": [{"id": "wamid.TEST-out"}]})

    def _magpie(self, request):
        if request.path != "/token":
            return None
        self.magpie.token = CANARIES["magpieToken"]
        given = {"token": self.magpie.token, "refresh": CANARIES["magpieRefresh"], "expires_in": 3600}
        return cb.HttpResponse.of_json({"ok": True, **given})


class Net:
    """A bridge with all channels, and everything that can be seen of it from outside."""

    def __init__(self, folder, caplog):
        self.folder = folder
        self.caplog = caplog
        self.provider = Provider()
        self.seen = []
        hooks = Hooks()
        pigeon = PigeonConfig(api_key=secret("pigeonKey"), webhook_secret=secret("pigeonHook"))
        hooks.add(Observer(self.seen), "observer")
        self.bridge = Bridge(
            [
                ("wa", WhatsApp, whatsapp_config()),
                ("sms", Sms, sms_config()),
                ("main", Pigeon, pigeon),
                ("clumsy", Clumsy, pigeon),
                ("magpie", Magpie, MagpieConfig(app_secret=secret("magpieApp"))),
                ("sparrow", Sparrow, PlainConfig(), secret("sparrowPath")),
            ],
            folder=folder, transport=self.provider, hooks=hooks, public_url="https://hooks.example.com",
        )  # fmt: skip
        self.bridge.on(passive=True)(lambda event: self.seen.append(event))

    async def post(self, account, body, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await request(self.bridge.asgi(), "POST", f"/in/{account}", headers=named, body=body)
        self.seen.append(answer)
        return answer.status

    async def send(self, to, words="Hello", **fields):
        """Send, and give what came of it."""
        try:
            receipt = await self.bridge.send(to, words, **fields)
            state = await receipt.until("submitted", timeout=2)
        except (cb.ChanbridgeError, TimeoutError) as error:
            self.seen += ["".join(traceback.format_exception(error)), repr(error), vars(error)]
            return getattr(error, "code", type(error).__name__)
        finally:
            self.seen.append(await self.bridge.runtime.store.outbox.list("failed"))
        return state

    def caught(self, *more):
        """Name the canaries that got out, and where."""
        places = {
            "log": [
                repr(vars(record)) + self.caplog.handler.format(record) for record in self.caplog.records
            ],
            "seen": [repr(thing) for thing in (*self.seen, *more)],
            "events": [encode_event(e).decode() for e in self.seen if isinstance(e, cb.Event)],
            **{
                path.name: [path.read_bytes().decode("latin-1")]
                for path in self.folder.rglob("*")
                if path.is_file() and path.suffix != ".vault" and not path.name.startswith(".draft-")
            },
        }
        return {
            (name, place)
            for name, canary in CANARIES.items()
            for place, texts in places.items()
            for shape in (canary, base64.b64encode(canary.encode()).decode().rstrip("=")[:-1])
            if any(shape in text for text in texts)
        }


class Observer:
    """A hook that keeps all it is told."""

    def __init__(self, seen):
        self.seen = seen

    @cb.hookimpl
    def chanbridge_received(self, account, event):
        self.seen += [account, account.config, event]

    @cb.hookimpl
    def chanbridge_request(self, account, request, response):
        self.seen += [account, request, request.url, dict(request.headers), request.content, response]
        self.seen += [dict(response.headers), response.body]

    @cb.hookimpl
    def chanbridge_parked(self, item):
        self.seen.append(item)


@pytest.fixture
async def net(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    net = Net(tmp_path, caplog)
    async with net.bridge:
        yield net
        assert net.caught() == set()
    assert net.caught() == set()
    assert list(tmp_path.glob(".draft-*")) == []


def test_the_net_catches(tmp_path, caplog):
    net = Net(tmp_path, caplog)
    logging.getLogger("test").warning("an unlucky line", extra={"token": CANARIES["waAppSecret"]})
    net.seen.append({"authorization": CANARIES["pigeonKey"]})
    (tmp_path / "chanbridge.db").write_text(CANARIES["magpieToken"])

    assert net.caught() == {("waAppSecret", "log"), ("pigeonKey", "seen"), ("magpieToken", "chanbridge.db")}


def wa_signed(body, key="waAppSecret"):
    digest = hmac.new(CANARIES[key].encode(), body, hashlib.sha256).hexdigest()
    return {"content_type": "application/json", "x_hub_signature_256": f"sha256={digest}"}


def wa_body(**message):
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "12025550100", "phone_number_id": NUMBER_ID},
        "contacts": [{"wa_id": "12025550123"}],
        "messages": [
            {"from": "12025550123", "id": "wamid.TEST", "timestamp": str(int(time.time())), **message}
        ],
    }
    entry = {"id": "200000000000001", "changes": [{"field": "messages", "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


async def test_whatsapp_inbound(net):
    good, odd = wa_body(type="text", text={"body": "Hello"}), wa_body(type="text", text=7)
    answers = [
        await net.post("wa", good, **wa_signed(good)),
        await net.post("wa", good, **wa_signed(good, "pigeonKey")),
        await net.post("wa", good),
        await net.post("wa", odd, **wa_signed(odd)),
        await net.post("wa", b"{", **wa_signed(b"{")),
    ]
    for token in (CANARIES["waVerifyToken"], "wrong"):
        query = urlencode({"hub.mode": "subscribe", "hub.challenge": "17", "hub.verify_token": token})
        net.seen.append(await request(net.bridge.asgi(), "GET", f"/in/wa?{query}"))

    assert answers == [200, 403, 403, 200, 200]


async def test_sms_inbound(net):
    form = {
        "MessageSid": "SM1",
        "AccountSid": SID,
        "From": ADA,
        "To": "+12025550111",
        "Body": "Hi",
        "NumMedia": "0",
    }
    for key in ("smsAuthToken", "smsSecondToken", "pigeonKey"):
        text = "https://hooks.example.com/in/sms" + "".join(name + form[name] for name in sorted(form))
        signature = base64.b64encode(hmac.new(CANARIES[key].encode(), text.encode(), hashlib.sha1).digest())
        status = await net.post(
            "sms", urlencode(form).encode(), content_type="application/x-www-form-urlencoded",
            x_twilio_signature=signature.decode(),
        )  # fmt: skip
        assert status == (403 if key == "pigeonKey" else 200)


async def test_other_inbound_and_a_path_that_is_a_secret(net):
    for account in ("main", "clumsy"):
        webhook = pigeon_webhook(call(), call("2", at="odd"), secret=CANARIES["pigeonHook"])
        assert await net.post(account, webhook.content, **dict(webhook.headers)) == 200
        assert await net.post(account, webhook.content) == 403
    token = CANARIES["sparrowPath"]
    for path in (
        f"/in/sparrow/{token}?text=Hi&from=ada&id=1",
        f"/in/sparrow/{token}?odd",
        f"/in/sparrow/{token}x",
    ):
        net.seen.append(await request(net.bridge.asgi(), "POST", path))
    await eventually(lambda: any(getattr(event, "provider_id", "") == "up-TEST-1" for event in net.seen))


QUOTING = {
    "meta": lambda: cb.HttpResponse.of_json(
        {"error": {"code": 190, "message": f"Malformed access token {CANARIES['waAccessToken']}"}}, status=401
    ),
    "plain": lambda: cb.HttpResponse.text(f"bad key {CANARIES['pigeonKey']}", status=400),
    "twilio": lambda: cb.HttpResponse.of_json(
        {"code": 21211, "message": f"No {CANARIES['smsAuthToken']}", "status": 400}, status=400
    ),
}


@pytest.mark.parametrize(
    ("to", "account", "script", "ends"),
    [
        ("whatsapp:+12025550123", "wa", [], "window_closed"),
        ("sms:+12025550123", "sms", [], "submitted"),
        ("sms:+12025550123", "sms", ["twilio"], "recipient_invalid"),
        ("pigeon:+12025550123", "main", [], "submitted"),
        ("pigeon:+12025550123", "main", ["plain"], "invalid_request"),
        ("clumsy:+12025550123", "clumsy", [], "TimeoutError"),
        ("magpie:ada", "magpie", [], "submitted"),
    ],
)
async def test_sends_good_and_bad(net, to, account, script, ends):
    net.provider.script = [QUOTING[name]() for name in script]

    assert await net.send(to, account=account) == ends


async def test_a_token_that_the_provider_refuses_and_quotes(net):
    hello = wa_body(type="text", text={"body": "Hello"})
    await net.post("wa", hello, **wa_signed(hello))
    net.provider.script = [QUOTING["meta"]()]

    assert await net.send("whatsapp:+12025550123", account="wa", idempotency_key="k") == "TimeoutError"
    await eventually(lambda: any(isinstance(event, cb.AccountStatus) for event in net.seen))

    assert any(CANARIES["waAccessToken"] in signed for signed in net.provider.signed)


def test_representations_say_nothing(tmp_path, caplog):
    net = Net(tmp_path, caplog)
    configs = [channel.config for channel in net.bridge.accounts.values()]
    grant = cb.Grant(token=CANARIES["magpieToken"], refresh=CANARIES["magpieRefresh"])

    assert net.caught(*configs, *map(str, configs), grant, str(grant), net.bridge.settings) == set()


CONFIG = f"""\
public_url = "https://hooks.example.com"

[accounts.wa]
channel = "whatsapp"
base_url = "http://127.0.0.1:9"
phone_number_id = "{NUMBER_ID}"
waba_id = "200000000000001"
access_token = "env:WA_ACCESS_TOKEN"
app_secret = "env:WA_APP_SECRET"
verify_token = "env:WA_VERIFY_TOKEN"

[accounts.sms]
channel = "sms"
provider = "twilio"
base_url = "http://127.0.0.1:9"
account_sid = "{SID}"
auth_token = "env:SMS_AUTH_TOKEN"
sender = "+12025550111"
"""


@pytest.mark.parametrize(
    "command",
    [
        ["doctor"],
        ["doctor", "--json"],
        ["send", "sms:+12025550123", "Hello", "--dry-run"],
        ["send", "whatsapp:+12025550123", "Hello", "--dry-run"],
        ["send", "whatsapp:+12025550123", "Hello", "--plan"],
        ["channels", "--json"],
        ["schema", "whatsapp"],
    ],
    ids=" ".join,
)
def test_commands_print_none(command, tmp_path, monkeypatch, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    (tmp_path / "chanbridge.toml").write_text(CONFIG)
    for name, canary in (
        ("WA_ACCESS_TOKEN", "waAccessToken"), ("WA_APP_SECRET", "waAppSecret"),
        ("WA_VERIFY_TOKEN", "waVerifyToken"), ("SMS_AUTH_TOKEN", "smsAuthToken"),
    ):  # fmt: skip
        monkeypatch.setenv(name, CANARIES[canary])
    monkeypatch.delenv("CHANBRIDGE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)

    run(command)

    out, err = capfd.readouterr()
    assert out or err
    assert [canary for canary in CANARIES.values() if canary in out + err + caplog.text] == []
