"""The channel: what the contract asks for, each method a line or two into the module of its subject."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import chanbridge as cb
from chanbridge_whatsapp import identity, inbound, outbound
from chanbridge_whatsapp.capabilities import CAPABILITIES, opened
from chanbridge_whatsapp.checks import findings
from chanbridge_whatsapp.config import WhatsAppConfig
from chanbridge_whatsapp.errors import error_of

_same = cb.same  # bound once: `chanbridge` is lazy, and slow to ask


class WhatsApp(cb.Channel[WhatsAppConfig]):
    """WhatsApp, by the Cloud API, as of Graph v26.0."""

    name = identity.CHANNEL
    Config = WhatsAppConfig
    capabilities = CAPABILITIES
    content_types = ("application/json",)
    hosts = ("graph.facebook.com", "lookaside.fbsbx.com")

    def __init__(self, account: cb.Account[WhatsAppConfig]) -> None:
        super().__init__(account)
        self._key = self.config.app_secret.reveal().encode() if self.config.app_secret else b""
        self._may_see = {*self.hosts, urlsplit(self.config.base_url).hostname}

    def owns(self, account_id: str) -> bool:
        return not account_id or account_id in (self.config.phone_number_id, self.config.waba_id)

    def variant(self, to: cb.Conversation) -> str:
        return "group" if to.kind == "group" or identity.is_group(to.id) else "direct"

    def capabilities_for(self, to: cb.Conversation) -> cb.Capabilities:
        record = super().capabilities_for(to)
        return opened(record) if self.config.direct_send and self.variant(to) == "direct" else record

    def normalise(self, id: str) -> str:
        return identity.normalise(id)

    def recipient(self, id: str) -> str:
        """Write whom a message goes to: the ids of the account itself look like numbers, but are none."""
        if id.strip().removeprefix("+") in (self.config.phone_number_id, self.config.waba_id):
            raise cb.ValidationError(
                "to", f"{id.strip()} is an id of this account itself: give a number, as in +12025550123"
            )
        return self.normalise(id)

    def challenge(self, request: cb.HttpRequest) -> cb.HttpResponse | None:
        if request.method != "GET":
            return None
        query = request.query
        if query.get("hub.mode") != "subscribe":
            return None
        expected = self.config.verify_token
        if not (expected and cb.same(query.get("hub.verify_token", ""), expected.reveal())):
            return cb.HttpResponse.text("the verify token is another one", status=403)
        return cb.HttpResponse.text(query.get("hub.challenge", ""), content_type="text/plain")

    def verify(self, request: cb.HttpRequest) -> None:
        signed = request.headers.get("x-hub-signature-256", "")
        if not signed:
            raise cb.SignatureError("X-Hub-Signature-256 is missing: only WhatsApp posts here")
        if not self._key:
            raise cb.SignatureError("app_secret is empty: nothing can be verified")
        expected = hmac.digest(self._key, request.content, "sha256").hex()
        if not _same(signed, f"sha256={expected}"):
            raise cb.SignatureError("X-Hub-Signature-256 does not match the body: compare app_secret")

    def parse(self, request: cb.HttpRequest) -> Iterator[Any]:
        return inbound.parse(request.content)

    def send(self, step: cb.Step) -> cb.Flow[cb.Sent]:
        return outbound.send(self.config, step)

    def gesture(self, gesture: cb.Gesture) -> cb.Flow[None]:
        return outbound.gesture(self.config, gesture)

    def fetch(self, media: cb.Media) -> cb.Flow[cb.Content]:
        return outbound.fetch(self.config, media)

    def check(self) -> cb.Flow[list[cb.Finding]]:
        return findings(self.config)

    def validate(self, message: cb.Message) -> Iterable[cb.ValidationError]:
        return outbound.objections(message)

    def sign(self, request: cb.HttpRequest, grant: cb.Grant | None) -> cb.HttpRequest:
        if request.host not in self._may_see:
            return request
        return request.with_headers(authorization=f"Bearer {self.config.access_token.reveal()}")

    def error(self, response: cb.HttpResponse) -> cb.SendError | None:
        return error_of(response)
