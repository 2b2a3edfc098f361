"""``/Messages``: create, carry to the phones, look up, cancel, delete."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import chanbridge as cb
from chanbridge.sandbox import Call, File, Phone, Route, Seen
from chanbridge.transcode import gsm
from chanbridge_sms.simulator import rules
from chanbridge_sms.simulator.rest import API, Refused, created, gone, message, page
from chanbridge_sms.simulator.state import Account, Record

if TYPE_CHECKING:
    from chanbridge_sms.simulator import TwilioSimulator

LIST = f"/{API}/Accounts/{{account}}/Messages.json"
ONE = f"/{API}/Accounts/{{account}}/Messages/{{sid}}.json"
ENDED = {"delivered", "undelivered", "failed", "canceled"}


class Messages:
    """What an account sends, and what it has sent and received."""

    def __init__(self, simulator: TwilioSimulator) -> None:
        self._simulator = simulator

    def routes(self) -> Iterable[Route]:
        """The calls about messages."""
        return [
            Route("POST", LIST, "messages.create", self._create),
            Route("GET", LIST, "messages.list", self._list),
            Route("GET", ONE, "messages.get", self._get),
            Route("POST", ONE, "messages.update", self._update),
            Route("DELETE", ONE, "messages.delete", self._delete),
        ]

    def _create(self, call: Call) -> cb.HttpResponse:
        account, fields = self._simulator.account(call), call.fields
        record = self._record(account, fields)
        account.messages[record.sid] = record
        if record.status != "scheduled":
            call.later(lambda: self.carry(account, record))
        return created(record.node(""))

    def _record(self, account: Account, fields: dict[str, Any]) -> Record:
        to = rules.recipient(fields)
        number, service = rules.sender(fields)
        self._check_sender(account, number, service, to)
        text, files = self._content(account, fields)
        rules.options(fields)
        due = _due(fields)
        if due and not service:
            raise Refused(21701, "a scheduled message needs a Messaging Service")
        if fields.get("SmartEncoded") == "true":
            text = gsm.smart(text)
        status = "scheduled" if due else "accepted" if service else "queued"
        return Record(
            sid=self._simulator.sid("MM" if files else "SM"),
            account=account.sid,
            sender=number,
            to=to,
            body=text,
            direction="outbound-api",
            status=status,
            at=self._simulator.clock(),
            service=service,
            segments=0 if service else count(text, files),
            links=files,
            callback=str(fields.get("StatusCallback", "")) or self._callback(account, number, service),
            due=due,
        )

    def _check_sender(self, account: Account, number: str, service: str, to: str) -> None:
        if service and service not in account.services:
            raise Refused(21701, service)
        if number and number not in account.numbers:
            raise Refused(21606, number)
        if number == to:
            raise Refused(21266)
        if not service and (account.scope(number), to) in account.stopped:
            raise Refused(21610)

    def _content(self, account: Account, fields: dict[str, Any]) -> tuple[str, list[str]]:
        sid = fields.get("ContentSid")
        if not sid:
            files = rules.links(fields)
            return rules.body(fields, files), files
        if sid not in account.contents:
            raise Refused(21655, sid)
        return rules.rendered(account.contents[sid], str(fields.get("ContentVariables", "")))

    def _callback(self, account: Account, number: str, service: str) -> str:
        return (
            account.services[service].status_callback if service else account.numbers[number].status_callback
        )

    # delivery

    async def carry(self, account: Account, record: Record) -> None:
        """Bring an accepted message to its phone, and tell how it goes."""
        if record.service:
            self._assign(account, record)
            self._tell(account, record, "queued")
        self._tell(account, record, "sending")
        phone = self._simulator.phone(record.to)
        if error := await self._objection(account, record, phone):
            unreachable = 30000 <= error < 31000
            self._tell(account, record, "undelivered" if unreachable else "failed", error)
            return
        record.sent_at = self._simulator.clock()
        self._tell(account, record, "sent")

        async def arrive() -> None:
            self._tell(account, record, "delivered")
            phone.show(self._seen(record))

        if phone.online:
            self._simulator.later(arrive)
        else:
            self._simulator.waiting.setdefault(phone.number, []).append(arrive)

    def _assign(self, account: Account, record: Record) -> None:
        """Let the service pick a number, where none was named."""
        numbers = [number.number for number in account.numbers.values() if number.service == record.service]
        record.sender = record.sender or next(iter(numbers), "")
        record.segments = count(record.body, record.links)

    async def _objection(self, account: Account, record: Record, phone: Phone) -> int:
        if not record.sender:
            return 21704
        if (account.scope(record.sender), record.to) in account.stopped:
            return 21610
        if phone.refuses:
            return phone.refuses
        return await self._fetch(record)

    async def _fetch(self, record: Record) -> int:
        """Get the files of a message; give an error code, or 0."""
        for link in record.links:
            file = await self._simulator.download(link)
            if file is None:
                return 11200
            record.media[self._simulator.sid("ME")] = file
        too_large = sum(len(file.data) for file in record.media.values()) > rules.MEDIA_BYTES
        return 11751 if too_large else 0

    def _tell(self, account: Account, record: Record, status: str, error: int = 0) -> None:
        record.status, record.error = status, error
        self._simulator.tell_status(account, record)

    def _seen(self, record: Record) -> Seen:
        return Seen(
            id=record.sid,
            sender=record.sender,
            kind="media" if record.media else "text",
            text=record.body,
            media=tuple(record.media.values()),
            at=self._simulator.clock.seconds,
            raw={"From": record.sender, "To": record.to, "Body": record.body},
        )

    def reply(
        self, account: Account, sender: str, to: str, text: str, files: list[str], callback: str
    ) -> None:
        """Send what an application answered to a webhook."""
        record = Record(
            sid=self._simulator.sid("MM" if files else "SM"),
            account=account.sid,
            sender=sender,
            to=to,
            body=text,
            direction="outbound-reply",
            status="queued",
            at=self._simulator.clock(),
            segments=count(text, files),
            links=files,
            callback=callback,
        )
        account.messages[record.sid] = record
        self._simulator.later(lambda: self.carry(account, record))

    # looking up

    def find(self, call: Call) -> tuple[Account, Record]:
        """The message a call is about."""
        account = self._simulator.account(call)
        if call.params["sid"] not in account.messages:
            raise Refused(20404, call.request.path)
        return account, account.messages[call.params["sid"]]

    def _get(self, call: Call) -> cb.HttpResponse:
        _, record = self.find(call)
        return cb.HttpResponse.of_json(_node(record))

    def _list(self, call: Call) -> cb.HttpResponse:
        query = call.request.query
        found = [
            _node(record)
            for record in reversed(self._simulator.account(call).messages.values())
            if query.get("To", record.to) == record.to
            and query.get("From", record.sender) == record.sender
            and _within(record, query)
        ]
        return page("messages", found, query, call.request.path)

    def _update(self, call: Call) -> cb.HttpResponse:
        account, record = self.find(call)
        fields = call.fields
        if fields.get("Status") == "canceled":
            if record.status not in {"scheduled", "accepted"}:
                raise Refused(30409, "the message can no longer be canceled")
            self._tell(account, record, "canceled")
        elif fields.get("Body") == "":
            record.body = ""
        return cb.HttpResponse.of_json(_node(record))

    def _delete(self, call: Call) -> cb.HttpResponse:
        account, record = self.find(call)
        if record.direction != "inbound" and record.status not in ENDED:
            raise Refused(20009, "the message is not finished yet", status=409)
        del account.messages[record.sid]
        return gone()


def count(text: str, files: Iterable[str | File]) -> int:
    """The segments of a text; an MMS is one."""
    return 1 if list(files) else len(gsm.segments(text).parts)


def _node(record: Record) -> dict[str, Any]:
    return record.node(message(record.error) if record.error else "")


def _due(fields: dict[str, Any]) -> dt.datetime | None:
    if fields.get("ScheduleType") != "fixed":
        return None
    try:
        return dt.datetime.fromisoformat(str(fields.get("SendAt", "")))
    except ValueError as error:
        raise Refused(21604, "SendAt is no ISO 8601 time") from error


def _within(record: Record, query: dict[str, str]) -> bool:
    """Say whether a message was sent when the query asks for: ``DateSent``, ``DateSent<`` or ``>``."""
    day = (record.sent_at or record.at).date().isoformat()
    after, before = query.get("DateSent>", day)[:10], query.get("DateSent<", day)[:10]
    return query.get("DateSent", day)[:10] == day and after <= day <= before
