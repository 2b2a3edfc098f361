"""The WhatsApp Business Platform on a loopback port: messages, media, templates, webhooks, customers.

A phone's ``profile`` may hold ``username``, ``hidden`` (the number is not shared with businesses),
``unscoped`` (webhooks as before the scoped ids) and ``stopped_marketing``. ``send_raw`` takes what a
message has of its own (``{"type": "order", "order": ...}``), or a whole change of another webhook field
(``{"field": "calls", "value": ...}``). Webhooks are named ``message``, ``status``, ``template``,
``group``, ``call``, ``account`` or as their field is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

import chanbridge as cb
from chanbridge.sandbox import Call, Clock, Fault, File, Phone, Route, Said, Seen, Simulator, Webhook, fetch
from chanbridge.sandbox.faults import retry_after
from chanbridge_whatsapp.simulator import received
from chanbridge_whatsapp.simulator.extras import Extras
from chanbridge_whatsapp.simulator.graph import Refused, absent, node, success, unversioned
from chanbridge_whatsapp.simulator.management import Management
from chanbridge_whatsapp.simulator.media import Files
from chanbridge_whatsapp.simulator.messages import Messages
from chanbridge_whatsapp.simulator.platform import Platform, contact, digits, wanted_fields, wrong_token
from chanbridge_whatsapp.simulator.screen import tapped
from chanbridge_whatsapp.simulator.state import RECEIVED_DAYS, Callback, Number, Template, Waba
from chanbridge_whatsapp.simulator.templates import Templates
from chanbridge_whatsapp.simulator.webhook import Notice, post

__all__ = ["WhatsAppSimulator"]

VERIFY_TOKEN = "TEST-verify-token"  # noqa: S105 - invented
HANDSHAKE_SECONDS = 10.0


class WhatsAppSimulator(Simulator):
    """The Graph API for WhatsApp. Give the business numbers; ``platform`` adds apps and accounts."""

    name = "whatsapp"
    signature_header = "x-hub-signature-256"

    def __init__(self, numbers: Sequence[str] = ("+12025550100",), *, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.platform = Platform(self)
        self.approves = True  # new templates at once; else only when `decide` says so
        self._messages = Messages(self)
        self._files = Files(self)
        self._templates = Templates(self)
        self._management = Management(self)
        self._extras = Extras(self)
        for number in numbers:
            self.platform.add_number(number)

    # what the engine asks

    def routes(self) -> Iterable[Route]:
        groups = (self._messages, self._files, self._templates, self._management, self._extras)
        found = [route for group in groups for route in group.routes()]
        found += [
            Route(method, "/{id}", f"node.{method.lower()}", self._node)
            for method in ("GET", "POST", "DELETE")
        ]
        return found

    def path(self, request: cb.HttpRequest) -> str:
        return unversioned(request.path)

    def admit(self, call: Call) -> None:
        if self.platform.app_of(call) is None:
            raise wrong_token()

    def refuse(self, fault: Fault) -> cb.HttpResponse:
        match fault.kind:
            case "rate_limited":
                refused = Refused(fault.code or 130429, "Too many messages were sent.", status=429)
                return refused.response(**{"retry-after": retry_after(fault, self.clock())})
            case "expired_token":
                return wrong_token().response()
            case "expired_media":
                return Refused(100, "The media has expired.", subcode=33, status=404).response()
        return Refused(fault.code or 131000, status=fault.status or (0 if fault.code else 500)).response()

    def unknown(self, request: cb.HttpRequest) -> cb.HttpResponse:
        return Refused(100, f"Unsupported {request.method.lower()} request.", subcode=33).response()

    def compose(self, webhooks: Sequence[Webhook], spoil: int | None) -> list[cb.HttpRequest]:
        requests: list[cb.HttpRequest] = []
        apart: dict[tuple[str, str], list[tuple[int, Notice]]] = {}
        for place, webhook in enumerate(webhooks):
            key = (webhook.url, webhook.item.waba.app.id)
            apart.setdefault(key, []).append((place, webhook.item))
        for (url, _), found in apart.items():
            places = [place for place, _ in found]
            broken = places.index(spoil) if spoil in places else None
            requests.append(post(url, [notice for _, notice in found], broken))
        return requests

    def settings(self) -> dict[str, dict[str, str]]:
        return {number.account: self._settings(number) for number in self.platform.numbers.values()}

    def _settings(self, number: Number) -> dict[str, str]:
        return {
            "channel": self.name,
            "phone_number_id": number.id,
            "waba_id": number.waba.id,
            "app_id": number.waba.app.id,
            "access_token": next(iter(number.waba.app.tokens), ""),
            "app_secret": number.waba.app.secret,
            "verify_token": VERIFY_TOKEN,
            "base_url": self.base_url,
        }

    async def connect(self, account: str, url: str) -> None:
        number = self.platform.sender(account)
        if await self.handshake(url, VERIFY_TOKEN) is False:
            raise ValueError(f"{url} did not answer the challenge with verify token {VERIFY_TOKEN}")
        number.callback = Callback(url, VERIFY_TOKEN)

    async def handshake(self, url: str, token: str) -> bool | None:
        """Ask a callback to prove that it knows the verify token; None: nobody is there yet."""
        challenge = self.platform.id()
        request = cb.HttpRequest(method="GET", url=url).with_query(
            **{"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": token}
        )
        try:
            answer = await fetch(request, within=HANDSHAKE_SECONDS)
        except (OSError, ValueError, TimeoutError):
            return None
        return answer.status == 200 and answer.body.decode("utf-8", "replace") == challenge

    # customers

    def phone(self, number: str, name: str = "") -> Phone:
        return super().phone(f"+{digits(number)}", name)

    def say(self, phone: Phone, said: Said) -> str:
        number = self._addressee(phone, said.to)
        if said.kind == "raw" and "field" in said.data:
            self.notify(number, said.data["field"], said.data["value"], name=said.data["field"])
            return ""
        if said.kind == "media":
            shown = [
                self._media(number, file, said.text if not n else "") for n, file in enumerate(said.files)
            ]
        elif said.kind == "tap":
            seen, option = phone.option(said.option, said.message)
            number = self.platform.sent[seen.id].number
            shown = [tapped(seen, option, said.data)]
            said = Said(kind="tap", message=seen.id)
        else:
            shown = [received.content(said)]
        ids = [self._receive(phone, number, said, content) for content in shown]
        return ids[0]

    def _addressee(self, phone: Phone, to: str) -> Number:
        newest = phone.inbox[-1].sender if phone.inbox else ""
        return self.platform.sender(to or newest)

    def _media(self, number: Number, file: File, caption: str) -> dict[str, Any]:
        stored = self.platform.store(number.waba, file, days=RECEIVED_DAYS)
        return received.media(file, stored, self.platform.link(stored, self.base_url), caption)

    def _receive(self, phone: Phone, number: Number, said: Said, content: dict[str, Any]) -> str:
        id, at = self.platform.id("wamid.TEST"), self.clock.seconds
        message = {**received.envelope(phone, id, at), **content}
        if said.message and said.kind != "reaction":
            ours = said.message in self.platform.sent
            message["context"] = {
                "from": digits(number.display if ours else phone.number),
                "id": said.message,
            }
        self.platform.received[id] = phone.number
        self.platform.windows[number.id, phone.number] = at
        if digits(phone.number) not in number.blocked:
            value = {"contacts": [contact(phone)], "messages": [message]}
            self.notify(number, "messages", value, name="message")
        return id

    def was_read(self, phone: Phone, seen: Seen) -> None:
        if seen.kind != "reaction":
            self._messages.tell(self.platform.sent[seen.id], "read", phone)

    # what the platform tells

    def notify(self, number: Number, field: str, value: dict[str, Any], *, name: str) -> None:
        """Queue a webhook about a number."""
        whole = {"messaging_product": "whatsapp", "metadata": number.metadata, **value}
        notice = Notice(number.waba, field, whole, self.clock.seconds)
        self.webhooks.put(Webhook(name, number.destination, notice))

    def notify_waba(self, waba: Waba, field: str, value: dict[str, Any], *, name: str = "account") -> None:
        """Queue a webhook about a business account: to its own callback, or its app's."""
        url = waba.callback.url or waba.app.callback.url or self._any_callback(waba)
        self.webhooks.put(
            Webhook(name, url if waba.subscribed else "", Notice(waba, field, value, self.clock.seconds))
        )

    def _any_callback(self, waba: Waba) -> str:
        """A sandbox connects numbers: what is about their account goes where the first one's goes."""
        numbers = (number for number in self.platform.numbers.values() if number.waba is waba)
        return next((number.destination for number in numbers if number.destination), "")

    def decide(self, template: Template, status: str, reason: str = "NONE") -> None:
        """Approve, reject or pause a template, and tell the application."""
        self._templates.decide(template, status, reason)

    def join_group(self, group_id: str, phone: Phone) -> None:
        """Let a customer join a group by its invite link."""
        self._extras.joined(group_id, phone)

    def expire_token(self, token: str) -> None:
        """Make an access token invalid: every call that bears it is refused from now on."""
        for app in self.platform.apps.values():
            app.tokens.discard(token)

    def issue_token(self, number: Number) -> str:
        """Give the app of a number another access token."""
        token = self.platform.id("TEST-access-token-")
        number.waba.app.tokens.add(token)
        return token

    # objects by their id alone

    def _node(self, call: Call) -> cb.HttpResponse | Awaitable[cb.HttpResponse]:
        id, method = call.params["id"], call.request.method
        if id in self.platform.numbers:
            return self._number_node(call, self.platform.number(call))
        if id in self.platform.wabas:
            return node(self.platform.waba(call).node(), wanted_fields(call))
        if stored := self.platform.file(id, self.platform.app_of(call)):
            return self._files.delete(stored) if method == "DELETE" else self._files.show(call, stored)
        if template := self._template(call):
            return (
                self._templates.edit(call, template)
                if method == "POST"
                else node(template.node(), wanted_fields(call))
            )
        if id in self._extras.flows:
            return self._extras.flow_node(call, method)
        if self._extras.find_group(id):
            return self._extras.group_node(call, method)
        raise absent(id)

    def _number_node(self, call: Call, number: Number) -> cb.HttpResponse | Awaitable[cb.HttpResponse]:
        if call.request.method == "POST":
            if asked := call.fields.get("webhook_configuration"):
                return self._management.override(number, asked)
            number.name = call.fields.get("new_display_name", number.name)
            return success()
        return node(number.node(), wanted_fields(call))

    def _template(self, call: Call) -> Template | None:
        app = self.platform.app_of(call)
        for waba in self.platform.wabas.values():
            if waba.app is app and call.params["id"] in waba.templates:
                return waba.templates[call.params["id"]]
        return None
