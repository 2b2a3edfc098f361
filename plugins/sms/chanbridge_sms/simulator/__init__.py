"""Twilio's messaging API on a loopback port: SMS, MMS, opt-outs, webhooks, customers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import chanbridge as cb
from chanbridge.sandbox import (
    Call,
    Clock,
    Delivery,
    Fault,
    File,
    Phone,
    Route,
    Said,
    Seen,
    Simulator,
    Webhook,
    basic,
)
from chanbridge.sandbox.faults import retry_after
from chanbridge_sms.keywords import TWILIO
from chanbridge_sms.simulator import webhook
from chanbridge_sms.simulator.management import Management
from chanbridge_sms.simulator.media import Files
from chanbridge_sms.simulator.messages import Messages, count
from chanbridge_sms.simulator.rest import Refused
from chanbridge_sms.simulator.state import Account, Content, Number, Record, Service
from chanbridge_sms.simulator.webhook import Notice

__all__ = ["TwilioSimulator"]

NOTICES = {
    "stop": "You are unsubscribed and get no more messages. Reply START to return.",
    "start": "You are subscribed again. Reply HELP for help, STOP to leave.",
    "help": "Reply STOP to leave. Message and data rates may apply.",
}


class TwilioSimulator(Simulator):
    """Twilio. Give the numbers of its first account; ``add_account`` and the like make more.

    With ``separate_cdn`` a file is a redirect to another host, as at Twilio. It is off by default, since
    that host is ``localhost``, and who guards against forged links rightly does not follow there.
    """

    name = "sms"
    signature_header = webhook.HEADER

    def __init__(self, numbers: Sequence[str] = ("+12025550111",), *, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.accounts: dict[str, Account] = {}
        self.separate_cdn = False
        self.alerts: list[int] = []  # what Twilio's debugger would show: error codes of answers to webhooks
        self.messages = Messages(self)
        self._files = Files(self)
        self._management = Management(self)
        account = self.add_account()
        for number in numbers:
            self.add_number(number, account)

    def sid(self, prefix: str) -> str:
        """Make an id as Twilio's are: two letters, 32 hexadecimal digits."""
        return f"{prefix}{self.run:016x}{self.next():016x}"

    def add_account(self, token: str = "") -> Account:
        """Create an account."""
        sid = f"AC{len(self.accounts) + 1:032x}"
        self.accounts[sid] = Account(sid=sid, token=token or f"TEST-auth-token-{len(self.accounts) + 1}")
        return self.accounts[sid]

    def add_number(self, number: str, account: Account | None = None) -> Number:
        """Give a number to an account (default: the first)."""
        account = account or next(iter(self.accounts.values()))
        place = sum(len(one.numbers) for one in self.accounts.values()) + 1
        name = "sms" if place == 1 else f"sms-{place}"
        account.numbers[number] = Number(sid=self.sid("PN"), account=account.sid, number=number, name=name)
        return account.numbers[number]

    def add_service(self, account: Account, *numbers: str) -> Service:
        """Create a Messaging Service with some of the account's numbers."""
        service = Service(sid=self.sid("MG"), account=account.sid)
        account.services[service.sid] = service
        for number in numbers:
            account.numbers[number].service = service.sid
        return service

    def add_content(self, account: Account, **fields: Any) -> Content:
        """Create a content template."""
        content = Content(sid=self.sid("HX"), account=account.sid, at=self.clock(), **fields)
        account.contents[content.sid] = content
        return content

    def send_scheduled(self) -> None:
        """Send what was scheduled for now or before."""
        for account in self.accounts.values():
            for record in account.messages.values():
                if record.status == "scheduled" and record.due and record.due <= self.clock():
                    record.status = "accepted"
                    self.later(partial(self.messages.carry, account, record))

    # what the engine asks

    def routes(self) -> Iterable[Route]:
        return [*self.messages.routes(), *self._files.routes(), *self._management.routes()]

    def admit(self, call: Call) -> None:
        account = self._authorised(call)
        wanted = call.params.get("account", account.sid if account else "")
        if account is None or account.sid != wanted:
            raise Refused(20003)

    def _authorised(self, call: Call) -> Account | None:
        user, password = basic(call.request)
        for account in self.accounts.values():
            known = {account.sid: account.token, **account.keys}.get(user)
            if known and cb.same(password, known):
                return account
        return None

    def account(self, call: Call) -> Account:
        """The account a call is about."""
        found = self.accounts.get(call.params.get("account", "")) or self._authorised(call)
        if found is None:
            raise Refused(20404, call.request.path)
        return found

    def refuse(self, fault: Fault) -> cb.HttpResponse:
        match fault.kind:
            case "rate_limited":
                refused = Refused(fault.code or 20429, status=429)
                return refused.response(**{"retry-after": retry_after(fault, self.clock())})
            case "expired_token":
                return Refused(20003).response()
            case "expired_media":
                return Refused(20404).response()
        return Refused(fault.code or 20500, status=fault.status).response()

    def unknown(self, request: cb.HttpRequest) -> cb.HttpResponse:
        return Refused(20404, request.path).response()

    def compose(self, webhooks: Sequence[Webhook], spoil: int | None) -> list[cb.HttpRequest]:
        return [webhook.request(one.item, spoiled=place == spoil) for place, one in enumerate(webhooks)]

    def retry_in(self, delivery: Delivery, response: cb.HttpResponse | None) -> float | None:
        done = len(delivery.tries)
        more = done <= webhook.tries(delivery.request.url, connected=response is not None)
        return self.retries[min(done, len(self.retries)) - 1] if more else None

    def settings(self) -> dict[str, dict[str, str]]:
        return {
            number.name: {
                "channel": self.name,
                "provider": "twilio",
                "account_sid": account.sid,
                "auth_token": account.token,
                "sender": number.number,
                "base_url": self.base_url,
            }
            for account in self.accounts.values()
            for number in account.numbers.values()
        }

    async def connect(self, account: str, url: str) -> None:
        self._number(account)[1].sms_url = url

    def _number(self, wanted: str) -> tuple[Account, Number]:
        """Find a number by itself, its sid or its account table; empty: the first."""
        for account in self.accounts.values():
            for number in account.numbers.values():
                if wanted in {"", number.number, number.name, number.sid}:
                    return account, number
        raise LookupError(f"no business number {wanted}")

    # customers

    def say(self, phone: Phone, said: Said) -> str:
        newest = phone.inbox[-1].sender if phone.inbox else ""
        account, number = self._number(said.to or newest)
        text, files, extra = _written(said)
        record = Record(
            sid=self.sid("MM" if files else "SM"),
            account=account.sid,
            sender=phone.number,
            to=number.number,
            body=text,
            direction="inbound",
            status="received",
            at=self.clock(),
            service=number.service,
            segments=count(text, files),
            media={self.sid("ME"): file for file in files},
        )
        account.messages[record.sid] = record
        keyword = self._heed(account, number, phone, text)
        self._tell_received(account, number, record, keyword, extra)
        return record.sid

    def _heed(self, account: Account, number: Number, phone: Phone, text: str) -> str:
        """Act on STOP, START and HELP as Twilio does by default; give the keyword."""
        scope = (account.scope(number.number), phone.number)
        word = text.strip().rstrip(".!").upper()
        if word == "YES" and scope in account.stopped:
            word = "START"
        keyword = next((name for name, words in TWILIO.items() if word in words), "")
        if keyword == "stop" and scope in account.stopped:
            return keyword
        if keyword == "stop":
            account.stopped.add(scope)
        elif keyword == "start":
            account.stopped.discard(scope)
        if keyword:
            self.later(lambda: self._notify(phone, number, NOTICES[keyword]))
        return keyword

    async def _notify(self, phone: Phone, number: Number, text: str) -> None:
        phone.show(Seen(id=self.sid("SM"), sender=number.number, text=text, at=self.clock.seconds))

    def _tell_received(
        self, account: Account, number: Number, record: Record, keyword: str, extra: dict[str, str]
    ) -> None:
        service = account.services.get(number.service)
        if service and service.advanced_opt_out and keyword:
            extra = {**extra, "OptOutType": keyword.upper()}
        by_service = service and service.inbound_url and not service.use_number_webhook
        url = service.inbound_url if service and by_service else number.sms_url
        params = webhook.inbound(account, record, self.base_url, extra.items())
        notice = Notice(url, number.sms_method, account.token, account.sid, record, params)
        self.webhooks.put(Webhook("message", url, notice))

    def tell_status(self, account: Account, record: Record) -> None:
        """Queue the webhook of a status, where one was asked for."""
        params = webhook.status(account, record)
        notice = Notice(record.callback, "POST", account.token, account.sid, record, params)
        self.webhooks.put(Webhook("status", record.callback, notice))

    def answered(self, delivery: Delivery, response: cb.HttpResponse) -> None:
        if delivery.names[0] != "message":
            return
        found = webhook.answers(response)
        if found is None:
            self.alerts.append(12300)
        params = dict(delivery.request.form() or delivery.request.query.items())
        account = self.accounts.get(params.get("AccountSid", ""))
        for answer in found or []:
            if account:
                sender, to = answer.sender or params["To"], answer.to or params["From"]
                self.messages.reply(account, sender, to, answer.text, list(answer.files), answer.callback)


def _written(said: Said) -> tuple[str, tuple[File, ...], dict[str, str]]:
    """What a customer's doing is as a text message; raise `ValueError` where it is none."""
    match said.kind:
        case "text" | "media":
            return said.text, said.files, {}
        case "contacts":
            card = f"BEGIN:VCARD\nVERSION:3.0\nFN:{said.data['name']}\nTEL:{said.data['phone']}\nEND:VCARD\n"
            return "", (File(mime="text/vcard", filename="contact.vcf", data=card.encode()),), {}
        case "raw":
            fields = {name: str(value) for name, value in said.data.items()}
            return fields.get("Body", ""), (), fields
        case "tap":
            raise ValueError(f"a text message shows nothing to tap: type it, as send_text({said.option!r})")
    raise ValueError(f"a text message carries no {said.kind}")
