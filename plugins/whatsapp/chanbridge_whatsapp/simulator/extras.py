"""Groups, calls, thread control, QR codes and flows, as far as clients need an answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import chanbridge as cb
from chanbridge.sandbox import Call, Phone, Route
from chanbridge_whatsapp.simulator.graph import Refused, absent, missing, node, page, success
from chanbridge_whatsapp.simulator.platform import digits, ids, wanted_fields
from chanbridge_whatsapp.simulator.state import Number

if TYPE_CHECKING:
    from chanbridge_whatsapp.simulator import WhatsAppSimulator

CALL_ACTIONS = {"pre_accept", "accept", "reject", "terminate"}
MAX_SUBJECT = 128


class Extras:
    """The rest of the API."""

    def __init__(self, simulator: WhatsAppSimulator) -> None:
        self._simulator = simulator
        self._platform = simulator.platform
        self._codes: dict[str, dict[str, Any]] = {}
        self.flows: dict[str, dict[str, Any]] = {}

    def routes(self) -> Iterable[Route]:
        """The calls that are left."""
        return [
            Route("GET", "/{id}/groups", "groups.list", self._groups),
            Route("POST", "/{id}/groups", "groups.create", self._create_group),
            Route("GET", "/{id}/invite_link", "groups.link", self._invite),
            Route("POST", "/{id}/invite_link", "groups.link", self._invite),
            Route("GET", "/{id}/join_requests", "groups.requests", self._requests),
            Route("DELETE", "/{id}/participants", "groups.remove", self._remove),
            Route("POST", "/{id}/calls", "calls", self._call),
            Route("GET", "/{id}/call_permissions", "calls.permissions", self._permissions),
            Route("POST", "/{id}/thread_control", "thread_control", self._thread),
            Route("POST", "/{id}/smb_app_data", "smb_app_data", self._thread),
            Route("GET", "/{id}/message_qrdls", "codes.list", self._list_codes),
            Route("POST", "/{id}/message_qrdls", "codes.write", self._write_code),
            Route("GET", "/{id}/message_qrdls/{code}", "codes.get", self._get_code),
            Route("DELETE", "/{id}/message_qrdls/{code}", "codes.delete", self._delete_code),
            Route("GET", "/{id}/flows", "flows.list", self._list_flows),
            Route("POST", "/{id}/flows", "flows.create", self._create_flow),
            Route("POST", "/{id}/publish", "flows.publish", self._set_flow),
            Route("POST", "/{id}/deprecate", "flows.deprecate", self._set_flow),
            Route("POST", "/{id}/assets", "flows.assets", self._set_flow),
        ]

    # groups

    def _groups(self, call: Call) -> cb.HttpResponse:
        groups = [
            {"id": group["id"], "subject": group["subject"], "created_at": group["creation_timestamp"]}
            for group in self._platform.number(call).groups.values()
        ]
        return cb.HttpResponse.of_json({"data": {"groups": groups}, "paging": {"cursors": {}}})

    def _create_group(self, call: Call) -> cb.HttpResponse:
        number, asked = self._platform.number(call), call.fields
        subject = str(asked.get("subject", ""))
        if not subject:
            raise missing("subject")
        if len(subject) > MAX_SUBJECT:
            raise Refused(131009, f"subject is longer than {MAX_SUBJECT} characters.")
        request_id = self._platform.id("REQTEST")
        call.later(lambda: self._group_created(number, asked, request_id))
        return cb.HttpResponse.of_json({"messaging_product": "whatsapp", "request_id": request_id})

    async def _group_created(self, number: Number, asked: dict[str, Any], request_id: str) -> None:
        id = self._platform.id("GROUPTEST")
        shown = {
            "subject": asked["subject"],
            "description": asked.get("description", ""),
            "join_approval_mode": asked.get("join_approval_mode", "auto_approve"),
            "invite_link": f"https://chat.example.com/{id}",
        }
        at = self._simulator.clock.seconds
        number.groups[id] = {
            **shown,
            "id": id,
            "participants": [],
            "suspended": False,
            "creation_timestamp": at,
        }
        self._tell(number, id, "group_lifecycle_update", "group_create", request_id=request_id, **shown)

    def _tell(self, number: Number, group_id: str, field: str, kind: str, **extra: Any) -> None:
        at = str(self._simulator.clock.seconds)
        told = {"timestamp": at, "group_id": group_id, "type": kind, **extra}
        self._simulator.notify(number, field, {"groups": [told]}, name="group")

    def _requested(
        self, call: Call, number: Number, group_id: str, field: str, kind: str, **extra: Any
    ) -> cb.HttpResponse:
        """Answer a change of a group: it is told of by webhook, under the id of the request."""
        request_id = self._platform.id("REQTEST")

        async def tell() -> None:
            self._tell(number, group_id, field, kind, request_id=request_id, **extra)

        call.later(tell)
        return cb.HttpResponse.of_json({"messaging_product": "whatsapp", "request_id": request_id})

    def find_group(self, id: str) -> tuple[Number, dict[str, Any]] | None:
        """Find a group and the number it is of."""
        for number in self._platform.numbers.values():
            if id in number.groups:
                return number, number.groups[id]
        return None

    def _group(self, call: Call) -> tuple[Number, dict[str, Any]]:
        found = self.find_group(call.params["id"])
        if found is None or found[0].waba.app is not self._platform.app_of(call):
            raise absent(call.params["id"])
        return found

    def group_node(self, call: Call, method: str) -> cb.HttpResponse:
        """Show, change or delete a group."""
        number, group = self._group(call)
        if method == "GET":
            shown = {**group, "total_participant_count": len(group["participants"])}
            return node({"messaging_product": "whatsapp", **shown}, wanted_fields(call))
        if method == "DELETE":
            del number.groups[group["id"]]
            return self._requested(call, number, group["id"], "group_lifecycle_update", "group_delete")
        changed: dict[str, Any] = {
            name: call.fields[name] for name in ("subject", "description") if name in call.fields
        }
        group.update(changed)
        told = {f"group_{name}": {"text": text, "update_successful": True} for name, text in changed.items()}
        kind = "group_settings_update"
        return self._requested(call, number, group["id"], kind, kind, **told)

    def joined(self, group_id: str, phone: Phone) -> None:
        """Let a customer join by the invite link."""
        found = self.find_group(group_id)
        if found is None:
            raise LookupError(f"no group {group_id}")
        number, group = found
        person = ids(phone, "wa_id", "user_id")
        group["participants"].append(person)
        field, kind = "group_participants_update", "group_participants_add"
        self._tell(number, group_id, field, kind, reason="invite_link", added_participants=[person])

    def _invite(self, call: Call) -> cb.HttpResponse:
        _, group = self._group(call)
        if call.request.method == "POST":
            group["invite_link"] = f"https://chat.example.com/{self._platform.id()}"
        link = group["invite_link"]
        return cb.HttpResponse.of_json({"messaging_product": "whatsapp", "invite_link": link})

    def _requests(self, call: Call) -> cb.HttpResponse:
        self._group(call)
        return page([], call.request.query)

    def _remove(self, call: Call) -> cb.HttpResponse:
        number, group = self._group(call)
        wanted = {one.get("user_id") or digits(str(one.get("user"))) for one in call.fields["participants"]}
        gone = [one for one in group["participants"] if wanted & set(one.values())]
        group["participants"] = [one for one in group["participants"] if one not in gone]
        told = {"removed_participants": gone, "initiated_by": "business"}
        field, kind = "group_participants_update", "group_participants_remove"
        return self._requested(call, number, group["id"], field, kind, **told)

    # calls and threads

    def _call(self, call: Call) -> cb.HttpResponse:
        number, asked = self._platform.number(call), call.fields
        action = asked.get("action")
        if action in CALL_ACTIONS:
            return success(messaging_product="whatsapp")
        if action != "connect":
            raise Refused(131009, "action is none of a call.")
        id = self._platform.id("wacid.TEST")
        status: dict[str, Any] = {
            "id": id,
            "type": "call",
            "status": "RINGING",
            "timestamp": str(self._simulator.clock.seconds),
            "recipient_id": digits(str(asked.get("to", ""))),
        }
        if "biz_opaque_callback_data" in asked:
            status["biz_opaque_callback_data"] = asked["biz_opaque_callback_data"]

        async def ring() -> None:
            self._simulator.notify(number, "calls", {"statuses": [status]}, name="call")

        call.later(ring)
        return success(messaging_product="whatsapp", calls=[{"id": id}])

    def _permissions(self, call: Call) -> cb.HttpResponse:
        self._platform.number(call)
        limits = [{"time_period": "PT24H", "max_allowed": 5, "current_usage": 0}]
        actions = [
            {"action_name": name, "can_perform_action": name != "start_call", "limits": limits}
            for name in ("send_call_permission_request", "start_call")
        ]
        found = {
            "messaging_product": "whatsapp",
            "permission": {"status": "no_permission"},
            "actions": actions,
        }
        return cb.HttpResponse.of_json(found)

    def _thread(self, call: Call) -> cb.HttpResponse:
        self._platform.number(call)
        answer = {"messaging_product": "whatsapp"}
        if call.name == "smb_app_data":
            answer["request_id"] = self._platform.id("REQTEST")
        return cb.HttpResponse.of_json(answer)

    # QR codes

    def _write_code(self, call: Call) -> cb.HttpResponse:
        self._platform.number(call)
        asked = call.fields
        code = str(asked.get("code") or self._platform.id("QRTEST"))
        found = self._codes.setdefault(
            code, {"code": code, "deep_link_url": f"https://wa.example.com/{code}"}
        )
        found["prefilled_message"] = asked.get("prefilled_message", "")
        if asked.get("generate_qr_image"):
            found["qr_image_url"] = f"https://wa.example.com/{code}.png"
        return cb.HttpResponse.of_json(found)

    def _list_codes(self, call: Call) -> cb.HttpResponse:
        self._platform.number(call)
        return page(self._codes.values(), call.request.query)

    def _get_code(self, call: Call) -> cb.HttpResponse:
        self._platform.number(call)
        return page([self._code(call)])

    def _delete_code(self, call: Call) -> cb.HttpResponse:
        self._platform.number(call)
        del self._codes[self._code(call)["code"]]
        return success()

    def _code(self, call: Call) -> dict[str, Any]:
        if call.params["code"] not in self._codes:
            raise absent(call.params["code"])
        return self._codes[call.params["code"]]

    # flows

    def _create_flow(self, call: Call) -> cb.HttpResponse:
        self._platform.waba(call)
        id, asked = self._platform.id(), call.fields
        self.flows[id] = {
            "id": id,
            "name": asked.get("name", ""),
            "status": "PUBLISHED" if asked.get("publish") else "DRAFT",
            "categories": asked.get("categories", []),
            "validation_errors": [],
        }
        return success(id=id, validation_errors=[])

    def _list_flows(self, call: Call) -> cb.HttpResponse:
        self._platform.waba(call)
        return page(self.flows.values(), call.request.query)

    def _set_flow(self, call: Call) -> cb.HttpResponse:
        flow = self.flows.get(call.params["id"])
        if flow is None:
            raise absent(call.params["id"])
        fate = {"flows.publish": "PUBLISHED", "flows.deprecate": "DEPRECATED"}.get(call.name)
        flow["status"] = fate or flow["status"]
        return success(validation_errors=[])

    def flow_node(self, call: Call, method: str) -> cb.HttpResponse:
        """Show, change or delete a flow."""
        flow = self.flows[call.params["id"]]
        if method == "GET":
            return node(flow, wanted_fields(call))
        if method == "DELETE":
            del self.flows[flow["id"]]
        else:
            flow.update({name: call.fields[name] for name in ("name", "categories") if name in call.fields})
        return success()
