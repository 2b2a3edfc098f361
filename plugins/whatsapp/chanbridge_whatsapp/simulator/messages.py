"""``POST /{number}/messages``: accept, carry to the phones, tell how it went."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import chanbridge as cb
from chanbridge.sandbox import Call, File, Phone, Route, Seen
from chanbridge_whatsapp.simulator import rules
from chanbridge_whatsapp.simulator.graph import Refused, status_error, success
from chanbridge_whatsapp.simulator.platform import Outgoing, contact, digits, ids, links, media_ids, user_id
from chanbridge_whatsapp.simulator.screen import show
from chanbridge_whatsapp.simulator.state import Number, Template

if TYPE_CHECKING:
    from chanbridge_whatsapp.simulator import WhatsAppSimulator

SHORTEST_NUMBER, LONGEST_NUMBER = 7, 15


class Messages:
    """What a number sends."""

    def __init__(self, simulator: WhatsAppSimulator) -> None:
        self._simulator = simulator
        self._platform = simulator.platform

    def routes(self) -> Iterable[Route]:
        """The calls that send."""
        return [
            Route("POST", "/{id}/messages", "messages", self._send),
            Route("POST", "/{id}/marketing_messages", "marketing_messages", self._market),
        ]

    def _market(self, call: Call) -> cb.HttpResponse:
        if call.fields.get("type") != "template":
            raise Refused(131055, "Only templates can be sent here.")
        template = self._template(self._platform.number(call), call.fields)
        if template and template.category != "MARKETING":
            raise Refused(134100, "Only marketing templates can be sent here.")
        return self._send(call)

    def _send(self, call: Call) -> cb.HttpResponse:
        number, message = self._platform.number(call), call.fields
        if "status" in message:
            return self._looked_at(number, message)
        rules.check(message)
        if not number.registered:
            raise Refused(133010, "The phone number is not registered.")
        template = self._template(number, message)
        rules.check_recipient(message, template)
        self._check_files(number, message)
        outgoing = self._accept(number, message, template)
        call.later(lambda: self._carry(outgoing))
        return cb.HttpResponse.of_json(self._receipt(outgoing))

    def _looked_at(self, number: Number, message: dict[str, Any]) -> cb.HttpResponse:
        id = str(message.get("message_id", ""))
        writer = self._platform.received.get(id)
        if message["status"] != "read" or writer is None:
            raise Refused(131009, "message_id is no message that this number has received.")
        phone = self._simulator.phone(writer)
        phone.ticks.add(id)
        phone.typing = "typing_indicator" in message
        return success()

    def _template(self, number: Number, message: dict[str, Any]) -> Template | None:
        if message.get("type") != "template":
            return None
        given = message["template"]
        name, language = given["name"], given["language"]["code"]
        template = number.waba.template(name, language)
        if template is None:
            raise Refused(132001, f"template name ({name}) does not exist in {language}")
        rules.check_template(template, given)
        return template

    def _check_files(self, number: Number, message: dict[str, Any]) -> None:
        for role, id in media_ids(message):
            stored = self._platform.file(id, number.waba.app)
            if stored is None:
                raise Refused(100, f"{role}.id is no media of this business account, or it has expired.")
            rules.check_file(role, stored.mime, len(stored.data))

    def _accept(self, number: Number, message: dict[str, Any], template: Template | None) -> Outgoing:
        group = message["to"] if message.get("recipient_type") == "group" else ""
        phones = self._group(number, group) if group else [self._recipient(number, message)]
        outgoing = Outgoing(
            id=self._platform.id("wamid.TEST"),
            number=number,
            phones=phones,
            message=message,
            template=template,
            group=group,
        )
        self._platform.sent[outgoing.id] = outgoing
        return outgoing

    def _group(self, number: Number, group: str) -> list[Phone]:
        if group not in number.groups:
            raise Refused(131041, "The group does not exist.")
        members = number.groups[group]["participants"]
        phones = self._simulator.phones.values()
        return [phone for phone in phones if ids(phone, "wa_id", "user_id") in members]

    def _recipient(self, number: Number, message: dict[str, Any]) -> Phone:
        if not message.get("to"):
            for phone in self._simulator.phones.values():
                if user_id(phone) == message["recipient"]:
                    return phone
            raise Refused(131026, "There is no such user.")
        to = digits(str(message["to"]))
        if not SHORTEST_NUMBER <= len(to) <= LONGEST_NUMBER:
            raise Refused(131009, "to is no phone number.")
        if to == digits(number.display):
            raise Refused(131021, "The recipient is the sender.")
        if number.allowed is not None and to not in {digits(allowed) for allowed in number.allowed}:
            raise Refused(131030, "The recipient is not in the list of the test number.")
        return self._simulator.phone(to)

    def _receipt(self, outgoing: Outgoing) -> dict[str, Any]:
        sent: dict[str, Any] = {"id": outgoing.id}
        if outgoing.template:
            sent["message_status"] = "accepted"
        if outgoing.group:
            sent["group_id"] = outgoing.group
        message = outgoing.message
        if message.get("to"):
            to = str(message["to"])
            person = {"input": to, "wa_id": to if outgoing.group else digits(to)}
        else:
            person = {"input": message["recipient"], "user_id": message["recipient"]}
        return {"messaging_product": "whatsapp", "contacts": [person], "messages": [sent]}

    async def _carry(self, outgoing: Outgoing) -> None:
        files = await self._files(outgoing)
        error = files if isinstance(files, dict) else self._objection(outgoing)
        if error or isinstance(files, dict):
            self.tell(outgoing, "failed", error=error)
            return
        self.tell(outgoing, "sent")
        shown = show(outgoing.message, files, outgoing.template)
        for phone in outgoing.phones:
            self._hand_over(outgoing, phone, shown)

    async def _files(self, outgoing: Outgoing) -> tuple[File, ...] | dict[str, Any]:
        """Give the files of a message, or the error that its links make."""
        files = []
        for role, id in media_ids(outgoing.message):
            stored = self._platform.files[id]
            files.append(File(role=role, mime=stored.mime, filename=stored.filename, data=stored.data))
        kind = str(outgoing.message.get("type"))
        for link in links(outgoing.message):
            file = await self._simulator.download(link)
            if file is None:
                return status_error(131052, "The link could not be fetched.")
            role = kind if kind in rules.MEDIA else file.role
            try:
                rules.check_file(role, file.mime, len(file.data))
            except Refused as refused:
                return status_error(refused.code, refused.details)
            filename = str(outgoing.message.get(kind, {}).get("filename", ""))
            files.append(File(role=role, mime=file.mime, filename=filename, data=file.data, url=link))
        return tuple(files)

    def _objection(self, outgoing: Outgoing) -> dict[str, Any] | None:
        if outgoing.group:
            return None
        phone = outgoing.phones[0]
        if phone.refuses:
            return status_error(phone.refuses)
        stopped = phone.profile.get("stopped_marketing")
        if outgoing.template:
            marketing = outgoing.template.category == "MARKETING"
            return status_error(131050) if marketing and stopped else None
        if not self._platform.window_open(outgoing.number, phone):
            return status_error(131047, "The customer has not written in the last 24 hours.")
        return None

    def _hand_over(self, outgoing: Outgoing, phone: Phone, shown: dict[str, Any]) -> None:
        async def arrive() -> None:
            seen = Seen(
                id=outgoing.id, sender=outgoing.number.display, at=self._simulator.clock.seconds, **shown
            )
            phone.typing = False
            if shown["kind"] != "reaction":  # the platform reports no more than sent of a reaction
                self.tell(outgoing, "delivered", phone)
            phone.show(seen)

        if phone.online:
            self._simulator.later(arrive)
        else:
            self._simulator.waiting.setdefault(phone.number, []).append(arrive)

    def tell(
        self,
        outgoing: Outgoing,
        fact: str,
        phone: Phone | None = None,
        *,
        error: dict[str, Any] | None = None,
    ) -> None:
        """Queue the webhook of a status."""
        who = phone or outgoing.phones[0]
        status: dict[str, Any] = {
            "id": outgoing.id,
            "status": fact,
            "timestamp": str(self._simulator.clock.seconds),
            **self._addressed(outgoing, who, phone),
        }
        if "biz_opaque_callback_data" in outgoing.message:
            status["biz_opaque_callback_data"] = outgoing.message["biz_opaque_callback_data"]
        if error:
            status["errors"] = [error]
        elif fact in {"sent", "delivered"}:
            status["pricing"] = _price(outgoing)
        value: dict[str, Any] = {"statuses": [status]}
        if not error:
            value["contacts"] = [contact(who)]
        self._simulator.notify(outgoing.number, "messages", value, name="status")

    def _addressed(self, outgoing: Outgoing, who: Phone, phone: Phone | None) -> dict[str, Any]:
        if not outgoing.group:
            return ids(who, "recipient_id", "recipient_user_id")
        shown = {"recipient_type": "group", "recipient_id": outgoing.group}
        if phone is None:
            return shown
        return {**shown, **ids(phone, "recipient_participant_id", "recipient_participant_user_id")}


def _price(outgoing: Outgoing) -> dict[str, Any]:
    category = outgoing.template.category.lower() if outgoing.template else "service"
    free = category == "service"
    kind = "free_customer_service" if free else "regular"
    return {"billable": not free, "pricing_model": "PMP", "type": kind, "category": category}
