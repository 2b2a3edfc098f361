"""Invented channels for tests of the runtime, each with a provider that lives in memory.

`Pigeon` is an easy one: signed webhooks that may hold events of several numbers, an upload before a
message. `Magpie` is as awkward as providers get: tokens that expire and rotate, a cursor, a reply
token that lapses, an API that answers 200 to everything, three requests to send a picture.
`Sparrow` signs nothing; `Wren` holds a session.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
from msgspec import Struct

import chanbridge as cb

NOW = dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.UTC)
ADA = "+12025550123"
FACTS: dict[str, cb.Fact] = {
    "SUBMITTED": "submitted",
    "SENT": "sent",
    "DLVRD": "delivered",
    "READ": "read",
    "UNDELIV": "failed",
}


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self, now: dt.datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)


def hmac_hex(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


# Pigeon


class PigeonConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    number: str = "+12025550100"
    api_key: cb.Secret = cb.Secret("TEST-api-key")
    webhook_secret: cb.Secret = cb.Secret("TEST-webhook-secret")
    base_url: str = "https://api.pigeon.example/v2"


class Pigeon(cb.Channel[PigeonConfig]):
    """Texts, pictures, statuses; a body is a list of callbacks, for any number of the app."""

    name = "pigeon"
    Config = PigeonConfig
    capabilities = cb.Capabilities(
        text=cb.TextLimits(max=1600),
        media={"image": cb.MediaLimits(mimes={"image/jpeg": "native"}, by=("url",))},
        receipts=cb.Receipts(sent="native", delivered="native", read="native", failed="native"),
    )
    errors: dict[int, cb.ErrorCode] = {21: "recipient_invalid", 34: "recipient_opted_out", 40: "auth_failed"}

    def owns(self, account_id: str) -> bool:
        return account_id == self.config.number

    def send(self, step: cb.Step) -> cb.Flow[cb.Sent]:
        media = []
        for part in step.media:
            uploaded = yield self._post("/media", {"url": part.media.url}, idempotent=True)
            media.append(uploaded.json()["id"])
        body = {"from": self.config.number, "to": step.to.id, "body": step.text, "media": media}
        accepted = yield self._post("/messages", {**body, "ref": step.key})
        return cb.Sent(accepted.json()["id"])

    def gesture(self, gesture: cb.Gesture) -> cb.Flow[None]:
        yield self._post("/gestures", {"kind": gesture.kind, "to": gesture.to.id})

    def fetch(self, media: cb.Media) -> cb.Flow[cb.Content]:
        answer = yield cb.HttpRequest.get(f"{self.config.base_url}/media/{media.provider_id}").download()
        assert answer.blob is not None
        return cb.Content(media=answer.blob)

    def sign(self, request: cb.HttpRequest, grant: cb.Grant | None) -> cb.HttpRequest:
        return request.with_headers(authorization=f"Bearer {self.config.api_key.reveal()}")

    def error(self, response: cb.HttpResponse) -> cb.SendError | None:
        if response.ok:
            return None
        code = response.json_or({}).get("code", 0)
        return cb.SendError.of(response, code=self.errors.get(code), provider=code)

    def challenge(self, request: cb.HttpRequest) -> cb.HttpResponse | None:
        if request.method != "GET":
            return None
        if not cb.same(request.query.get("token", ""), self.config.webhook_secret.reveal()):
            raise cb.SignatureError("the token is not ours")
        return cb.HttpResponse.text(request.query.get("echo", ""))

    def verify(self, request: cb.HttpRequest) -> None:
        expected = hmac_hex(self.config.webhook_secret.reveal(), request.content)
        if not cb.same(request.headers.get("x-pigeon-signature", ""), expected):
            raise cb.SignatureError("X-Pigeon-Signature does not match the body")

    def parse(self, request: cb.HttpRequest) -> Iterator[cb.Found]:
        return cb.each(request.json(list[msgspec.Raw]), self.event)

    def event(self, raw: msgspec.Raw) -> cb.Found:
        call = cb.HttpRequest(method="POST", url="", body=bytes(raw)).json(PigeonCall)
        about: dict[str, Any] = {"account_id": call.to, "time": call.at, "provider_id": call.id}
        match call.kind:
            case "message":
                return cb.MessageReceived.of(*call.parts(), sender=self.contact(call.sender), **about)
            case "status" if fact := FACTS.get(call.status):
                target = cb.Ref(id=call.ref, external=call.id)
                return cb.MessageStatus(target=target, fact=fact, account_id=call.to, time=call.at)
            case "bell":
                return cb.Wake(key=call.id)
            case _:
                return cb.ProviderEvent(provider_type=call.kind, **about)

    def _post(self, path: str, body: object, *, idempotent: bool = False) -> cb.HttpRequest:
        return cb.HttpRequest.post_json(self.config.base_url + path, body, idempotent=idempotent)


class PigeonCall(Struct, kw_only=True):
    """A callback; ``picture`` is a media id, ``inline`` the bytes of one."""

    kind: str
    id: str
    at: dt.datetime
    to: str = ""
    sender: str = msgspec.field(name="from", default="")
    body: str = ""
    status: str = ""
    ref: str = ""
    picture: str = ""
    inline: bytes = b""

    def parts(self) -> list[cb.Part]:
        parts: list[cb.Part] = [cb.Text(text=self.body)] if self.body else []
        if self.picture:
            media = cb.Media(provider_id=self.picture, mime="image/jpeg", auth="channel")
            parts.append(cb.MediaPart(role="image", media=media))
        if self.inline:
            parts.append(
                cb.MediaPart(
                    role="image", media=cb.Media(data=self.inline, mime="image/jpeg", filename="box.jpg")
                )
            )
        return parts


def call(id: str = "msg-TEST-1", body: str = "Hello", **fields: Any) -> dict[str, Any]:
    """What Pigeon sends for a text from Ada to the first number; ``fields`` replace some."""
    base = {"kind": "message", "id": id, "at": "2026-11-20T09:29:00Z", "from": ADA, "to": "+12025550100"}
    return {**base, "body": body, **{name.rstrip("_"): value for name, value in fields.items()}}


def pigeon_webhook(
    *items: Any, account: str = "main", secret: str = "TEST-webhook-secret", body: bytes | None = None
) -> cb.HttpRequest:
    """A signed webhook of callbacks (or of a body that is none)."""
    content = msgspec.json.encode(items) if body is None else body
    headers = {"content-type": "application/json", "x-pigeon-signature": hmac_hex(secret, content)}
    url = f"https://hooks.example.com/in/{account}"
    return cb.HttpRequest(method="POST", url=url, headers=cb.Headers(headers), body=content, peer="192.0.2.7")


class PigeonProvider:
    """Pigeon's API in memory: records what was asked; ``script`` holds answers that come first."""

    def __init__(self, *script: cb.HttpResponse | Exception) -> None:
        self.script = list(script)
        self.requests: list[cb.HttpRequest] = []

    async def __call__(self, request: cb.HttpRequest, *, foreign: bool = False) -> cb.HttpResponse:
        self.requests.append(request)
        if self.script:
            answer = self.script.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return cb.HttpResponse.of_json({"id": f"{request.path.rsplit('/', 1)[-1]}-TEST-{len(self.requests)}"})

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The messages that were accepted or tried."""
        return [request.json() for request in self.requests if request.path.endswith("/messages")]


# Magpie


class MagpieConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    app_secret: cb.Secret = cb.Secret("TEST-app-secret")
    base_url: str = "https://api.magpie.example"


class Magpie(cb.Channel[MagpieConfig]):
    """A channel that is polled, with all that is awkward. Its webhook is a bell without content."""

    name = "magpie"
    Config = MagpieConfig
    capabilities = cb.Capabilities(
        text=cb.TextLimits(max=500),
        media={
            "image": cb.MediaLimits(mimes={"image/*": "native"}, caption="native", by=("upload", "inline"))
        },
        receipts=cb.Receipts(delivered="native"),
    )
    errors: dict[int, cb.ErrorCode] = {
        1: "auth_failed",
        2: "rate_limited",
        3: "target_gone",  # the reply token was used, or has lapsed
        4: "recipient_invalid",
        5: "channel_unavailable",
    }

    def authorize(self, grant: cb.Grant | None) -> cb.Flow[cb.Grant]:
        given = yield self._post("/token", {"refresh": grant.refresh if grant else ""})
        token = given.json()
        until = self.account.now() + dt.timedelta(seconds=token["expires_in"])
        return cb.Grant(token=token["token"], refresh=token["refresh"], expires_at=until)

    def sign(self, request: cb.HttpRequest, grant: cb.Grant | None) -> cb.HttpRequest:
        if request.path == "/token":
            return request.with_headers(x_app_secret=self.config.app_secret.reveal())
        return request.with_headers(authorization=f"Bearer {grant.token}") if grant else request

    def error(self, response: cb.HttpResponse) -> cb.SendError | None:
        if not response.ok:
            return cb.SendError.of(response)
        said = response.json_or({})
        if said.get("ok", True):
            return None
        return cb.SendError.of(
            response, code=self.errors.get(said["code"], "internal"), provider=said["code"]
        )

    def send(self, step: cb.Step) -> cb.Flow[cb.Sent]:
        """Upload, wait until the provider has processed it, post."""
        files = []
        for part in step.media:
            field = cb.Field(name="file", value=cb.MediaBody(part.media), content_type=part.media.mime)
            uploaded = yield cb.HttpRequest.post_multipart(f"{self.config.base_url}/upload", field)
            files.append(uploaded.json()["file"])
            yield from self._processed(files[-1])
        body = {"to": step.to.id, "text": step.text, "files": files, "ref": step.key}
        token = step.context.get("reply_token")
        if token:
            try:
                answered = yield self._post("/reply", {**body, "reply_token": token})
                return cb.Sent(answered.json()["id"])
            except cb.SendError as error:
                if error.code != "target_gone":
                    raise
        answered = yield self._post("/push", body)
        return cb.Sent(answered.json()["id"])

    def _processed(self, file: str) -> cb.Flow[None]:
        while True:
            answer = yield cb.HttpRequest.get(f"{self.config.base_url}/files/{file}")
            if answer.json()["ready"]:
                return
            yield cb.Pause(0.001)

    def poll(self, cursor: str | None, wake: cb.Wake | None) -> cb.Flow[cb.Batch]:
        answer = yield cb.HttpRequest.get(f"{self.config.base_url}/updates", after=cursor or "0")
        said = answer.json()
        bodies = tuple(msgspec.json.encode(update) for update in said["updates"])
        return cb.Batch(bodies=bodies, cursor=said["cursor"], more=said["more"])

    def verify(self, request: cb.HttpRequest) -> None:
        expected = hmac_hex(self.config.app_secret.reveal(), request.content)
        if not cb.same(request.headers.get("x-magpie-signature", ""), expected):
            raise cb.SignatureError("X-Magpie-Signature does not match the body")

    def parse(self, request: cb.HttpRequest) -> Iterator[cb.Found]:
        update = request.json(MagpieUpdate)
        if update.bell:
            yield cb.Wake(key=update.bell)
        elif update.fact:
            yield cb.MessageStatus(
                target=cb.Ref(id=update.ref, external=update.id), fact=FACTS[update.fact], time=update.at
            )
        else:
            yield cb.MessageReceived.text(
                update.text,
                sender=self.contact(update.sender),
                provider_id=update.id,
                time=update.at,
                raw=cb.Raw.of(request.content),
                context=cb.Context(values={"reply_token": update.reply_token}, expires_at=update.reply_until),
            )

    def _post(self, path: str, body: object) -> cb.HttpRequest:
        return cb.HttpRequest.post_json(self.config.base_url + path, body)


class MagpieUpdate(Struct, kw_only=True):
    id: str = ""
    at: dt.datetime | None = None
    sender: str = msgspec.field(name="from", default="ada")
    text: str = ""
    reply_token: str = ""
    reply_until: dt.datetime | None = None
    fact: str = ""
    ref: str = ""
    bell: str = ""


def update(id: str, text: str = "Hello", **fields: Any) -> dict[str, Any]:
    """What Magpie gives for a text from Ada."""
    return {"id": id, "at": "2026-11-20T09:29:00Z", "from": "ada", "text": text, **fields}


def magpie_bell(key: str = "bell-TEST-1", *, account: str = "magpie") -> cb.HttpRequest:
    """A signed webhook without content."""
    body = msgspec.json.encode({"bell": key})
    headers = cb.Headers({"x-magpie-signature": hmac_hex("TEST-app-secret", body)})
    return cb.HttpRequest(
        method="POST", url=f"https://hooks.example.com/in/{account}", headers=headers, body=body
    )


class MagpieProvider:
    """Magpie's API in memory: one live token at a time, one use of a reply token, 200 to everything.

    ``script`` holds answers by path that come first; ``pending`` says how often a file is not ready yet.
    """

    def __init__(self, *, pending: int = 1, page: int = 2) -> None:
        self.requests: list[cb.HttpRequest] = []
        self.script: dict[str, list[cb.HttpResponse | Exception]] = {}
        self.updates: list[dict[str, Any]] = []
        self.posted: list[dict[str, Any]] = []
        self.reply_tokens: set[str] = set()
        self.token = ""
        self.refresh = ""
        self.revoked = False  # no new token is given
        self.pending = pending
        self.page = page
        self._tokens = 0

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    async def __call__(self, request: cb.HttpRequest, *, foreign: bool = False) -> cb.HttpResponse:
        self.requests.append(request)
        if script := self.script.get(request.path):
            answer = script.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if request.path != "/token" and request.headers.get("authorization") != f"Bearer {self.token}":
            return magpie_error(1)
        return self._answer(request)

    def _answer(self, request: cb.HttpRequest) -> cb.HttpResponse:
        match request.path:
            case "/token":
                return self._trade(request)
            case "/upload":
                return cb.HttpResponse.of_json({"ok": True, "file": f"file-TEST-{len(self.requests)}"})
            case "/updates":
                return self._page(int(request.query["after"]))
            case "/reply" | "/push":
                return self._post(request)
            case _:
                self.pending -= 1
                return cb.HttpResponse.of_json({"ok": True, "ready": self.pending < 0})

    def _trade(self, request: cb.HttpRequest) -> cb.HttpResponse:
        if self.revoked or request.json()["refresh"] != self.refresh:
            return magpie_error(1)
        self._tokens += 1
        self.token, self.refresh = f"TEST-token-{self._tokens}", f"TEST-refresh-{self._tokens}"
        given = {"ok": True, "token": self.token, "refresh": self.refresh, "expires_in": 3600}
        return cb.HttpResponse.of_json(given)

    def _page(self, after: int) -> cb.HttpResponse:
        page = self.updates[after : after + self.page]
        upto = after + len(page)
        more = upto < len(self.updates)
        return cb.HttpResponse.of_json({"ok": True, "updates": page, "cursor": str(upto), "more": more})

    def _post(self, request: cb.HttpRequest) -> cb.HttpResponse:
        body = request.json()
        if request.path == "/reply":
            if body["reply_token"] not in self.reply_tokens:
                return magpie_error(3)
            self.reply_tokens.remove(body["reply_token"])
        self.posted.append({"path": request.path, **body})
        return cb.HttpResponse.of_json({"ok": True, "id": f"mag-TEST-{len(self.posted)}"})


def magpie_error(code: int) -> cb.HttpResponse:
    """A failure in Magpie's manner: a 200."""
    return cb.HttpResponse.of_json({"ok": False, "code": code})


# Sparrow and Wren


class PlainConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    base_url: str = "https://api.sparrow.example"


class Sparrow(cb.Channel[PlainConfig]):
    """Signs nothing; its webhooks may come by GET, the text in the query."""

    name = "sparrow"
    Config = PlainConfig
    methods = ("GET", "POST")
    verify = cb.unsigned("Sparrow signs nothing")  # type: ignore[assignment]

    def parse(self, request: cb.HttpRequest) -> Iterator[cb.Found]:
        said = request.query
        yield cb.MessageReceived.text(said["text"], sender=self.contact(said["from"]), provider_id=said["id"])


class Wren(cb.Channel[PlainConfig]):
    """Holds a session: each body is the text of a message, numbered by the cursor."""

    name = "wren"
    Config = PlainConfig
    mailbox: list[str] = []  # what waits at the provider, set by a test

    async def listen(self, io: cb.Session) -> AsyncIterator[cb.Inbound]:  # type: ignore[override]
        for index in range(int(io.cursor or 0), len(self.mailbox)):
            yield cb.Inbound(body=self.mailbox[index].encode(), cursor=str(index + 1))

    def parse(self, request: cb.HttpRequest) -> Iterator[cb.Found]:
        text = request.content.decode()
        yield cb.MessageReceived.text(text, sender=self.contact("ada"), provider_id=f"wren-{text}")
