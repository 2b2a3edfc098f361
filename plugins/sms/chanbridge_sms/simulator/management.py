"""Accounts, numbers, Messaging Services and content templates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import chanbridge as cb
from chanbridge.sandbox import Call, Route
from chanbridge_sms.simulator.rest import API, Refused, created, gone, listed, page
from chanbridge_sms.simulator.state import Content, Service

if TYPE_CHECKING:
    from chanbridge_sms.simulator import TwilioSimulator

ACCOUNT = f"/{API}/Accounts/{{account}}"
NUMBERS = f"{ACCOUNT}/IncomingPhoneNumbers"
NUMBER_FIELDS = {"SmsUrl": "sms_url", "SmsMethod": "sms_method", "StatusCallback": "status_callback"}
SERVICE_FIELDS = {
    "FriendlyName": "name",
    "InboundRequestUrl": "inbound_url",
    "StatusCallback": "status_callback",
}


class Management:
    """What is set up rather than sent."""

    def __init__(self, simulator: TwilioSimulator) -> None:
        self._simulator = simulator

    def routes(self) -> Iterable[Route]:
        """The calls that set things up."""
        return [
            Route("GET", f"{ACCOUNT}.json", "account", self._account),
            Route("GET", f"{NUMBERS}.json", "numbers.list", self._numbers),
            Route("GET", f"{NUMBERS}/{{sid}}.json", "numbers.get", self._number),
            Route("POST", f"{NUMBERS}/{{sid}}.json", "numbers.update", self._number),
            Route("GET", "/v1/Services", "services.list", self._services),
            Route("POST", "/v1/Services", "services.create", self._create_service),
            Route("GET", "/v1/Services/{sid}", "services.get", self._service),
            Route("POST", "/v1/Services/{sid}", "services.update", self._service),
            Route("GET", "/v1/Services/{sid}/PhoneNumbers", "services.numbers", self._service_numbers),
            Route("POST", "/v1/Services/{sid}/PhoneNumbers", "services.add", self._add_number),
            Route("GET", "/v1/Content", "content.list", self._contents),
            Route("POST", "/v1/Content", "content.create", self._create_content),
            Route("GET", "/v1/Content/{sid}", "content.get", self._content),
            Route("DELETE", "/v1/Content/{sid}", "content.delete", self._delete_content),
        ]

    def _account(self, call: Call) -> cb.HttpResponse:
        account = self._simulator.account(call)
        found = {"sid": account.sid, "friendly_name": "Test account", "status": "active", "type": "Full"}
        return cb.HttpResponse.of_json({**found, "uri": f"/{API}/Accounts/{account.sid}.json"})

    def _numbers(self, call: Call) -> cb.HttpResponse:
        query = call.request.query
        numbers = self._simulator.account(call).numbers.values()
        found = [one.node() for one in numbers if query.get("PhoneNumber", one.number) == one.number]
        return page("incoming_phone_numbers", found, query, call.request.path)

    def _number(self, call: Call) -> cb.HttpResponse:
        numbers = self._simulator.account(call).numbers.values()
        number = next((one for one in numbers if one.sid == call.params["sid"]), None)
        if number is None:
            raise Refused(20404, call.request.path)
        if call.request.method == "POST":
            _set(number, call.fields, NUMBER_FIELDS)
        return cb.HttpResponse.of_json(number.node())

    def _services(self, call: Call) -> cb.HttpResponse:
        return listed("services", [one.node() for one in self._simulator.account(call).services.values()])

    def _create_service(self, call: Call) -> cb.HttpResponse:
        service = self._simulator.add_service(self._simulator.account(call))
        _set(service, call.fields, SERVICE_FIELDS)
        return created(service.node())

    def _service(self, call: Call) -> cb.HttpResponse:
        service = self._found(call)
        if call.request.method == "POST":
            _set(service, call.fields, SERVICE_FIELDS)
        return cb.HttpResponse.of_json(service.node())

    def _service_numbers(self, call: Call) -> cb.HttpResponse:
        service = self._found(call)
        numbers = self._simulator.account(call).numbers.values()
        return listed(
            "phone_numbers",
            [{**one.node(), "service_sid": service.sid} for one in numbers if one.service == service.sid],
        )

    def _add_number(self, call: Call) -> cb.HttpResponse:
        service, sid = self._found(call), call.fields.get("PhoneNumberSid")
        for number in self._simulator.account(call).numbers.values():
            if number.sid == sid:
                number.service = service.sid
                return created({**number.node(), "service_sid": service.sid})
        raise Refused(20404, str(sid))

    def _found(self, call: Call) -> Service:
        services = self._simulator.account(call).services
        if call.params["sid"] not in services:
            raise Refused(20404, call.request.path)
        return services[call.params["sid"]]

    def _contents(self, call: Call) -> cb.HttpResponse:
        return listed("contents", [one.node() for one in self._simulator.account(call).contents.values()])

    def _create_content(self, call: Call) -> cb.HttpResponse:
        asked = call.fields
        types = {kind: shape for kind, shape in (asked.get("types") or {}).items() if shape}
        if not types:
            raise Refused(20001, "types is required")
        content = self._simulator.add_content(
            self._simulator.account(call),
            types=types,
            name=str(asked.get("friendly_name", "")),
            language=str(asked.get("language", "en")),
            variables=asked.get("variables") or {},
        )
        return created(content.node())

    def _content(self, call: Call) -> cb.HttpResponse:
        return cb.HttpResponse.of_json(self._found_content(call).node())

    def _delete_content(self, call: Call) -> cb.HttpResponse:
        content = self._found_content(call)
        del self._simulator.account(call).contents[content.sid]
        return gone()

    def _found_content(self, call: Call) -> Content:
        contents = self._simulator.account(call).contents
        if call.params["sid"] not in contents:
            raise Refused(20404, call.request.path)
        return contents[call.params["sid"]]


def _set(target: object, fields: dict[str, Any], names: dict[str, str]) -> None:
    for theirs, ours in names.items():
        if theirs in fields:
            setattr(target, ours, str(fields[theirs]))
