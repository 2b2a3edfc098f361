"""Message templates: create, list, edit, delete; their fate is told by webhook."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import chanbridge as cb
from chanbridge.sandbox import Call, Route
from chanbridge_whatsapp.simulator.graph import Refused, missing, page, success
from chanbridge_whatsapp.simulator.state import Template, Waba

if TYPE_CHECKING:
    from chanbridge_whatsapp.simulator import WhatsAppSimulator

CATEGORIES = {"MARKETING", "UTILITY", "AUTHENTICATION"}
NAME = re.compile(r"[a-z0-9_]{1,512}")
MOST = 6000  # templates of one business account
FILTERS = ("name", "status", "category", "language")


class Templates:
    """A business account's templates."""

    def __init__(self, simulator: WhatsAppSimulator) -> None:
        self._simulator = simulator
        self._platform = simulator.platform

    def routes(self) -> Iterable[Route]:
        """The calls about templates."""
        path = "/{id}/message_templates"
        return [
            Route("GET", path, "templates.list", self._list),
            Route("POST", path, "templates.create", self._create),
            Route("DELETE", path, "templates.delete", self._delete),
        ]

    def _list(self, call: Call) -> cb.HttpResponse:
        asked = call.request.query
        found = [template.node() for template in self._platform.waba(call).templates.values()]
        for name in FILTERS:
            if name in asked:
                found = [one for one in found if str(one[name]).lower() == asked[name].lower()]
        return page(
            found,
            asked,
            total_count=len(found),
            message_template_count=len(found),
            message_template_limit=MOST,
            are_translations_complete=True,
        )

    def _create(self, call: Call) -> cb.HttpResponse:
        waba, asked = self._platform.waba(call), call.fields
        for name in ("name", "language", "category", "components"):
            if not asked.get(name):
                raise missing(name)
        self._check(waba, asked)
        template = self._platform.add_template(
            waba,
            name=asked["name"],
            language=asked["language"],
            category=asked["category"].upper(),
            components=asked["components"],
            parameter_format=str(asked.get("parameter_format", "POSITIONAL")).upper(),
            status="PENDING",
        )
        if self._simulator.approves:
            template.status = "APPROVED"
            call.later(lambda: self._tell(waba, template, "NONE"))
        return cb.HttpResponse.of_json(
            {"id": template.id, "status": template.status, "category": template.category}
        )

    def _check(self, waba: Waba, asked: dict[str, Any]) -> None:
        if not NAME.fullmatch(asked["name"]):
            raise Refused(100, "name may hold a-z, 0-9 and _ only.")
        if str(asked["category"]).upper() not in CATEGORIES:
            raise Refused(100, f"category is one of {', '.join(sorted(CATEGORIES))}.")
        if not any(one.get("type", "").upper() == "BODY" for one in asked["components"]):
            raise Refused(100, "A template needs a BODY component.")
        if waba.template(asked["name"], asked["language"]):
            raise Refused(100, "There is a template of this name in this language.", subcode=2388024)

    def edit(self, call: Call, template: Template) -> cb.HttpResponse:
        """Change a template's components or category."""
        template.components = call.fields.get("components", template.components)
        template.category = str(call.fields.get("category", template.category)).upper()
        return success(id=template.id, name=template.name, category=template.category)

    def _delete(self, call: Call) -> cb.HttpResponse:
        waba, asked = self._platform.waba(call), call.request.query
        gone = [
            one
            for one in waba.templates.values()
            if one.name == asked.get("name") and asked.get("hsm_id", one.id) == one.id
        ]
        if not gone:
            raise Refused(100, "There is no such template.", subcode=2593002)
        for template in gone:
            del waba.templates[template.id]
        return success()

    def decide(self, template: Template, status: str, reason: str) -> None:
        """Give a template another status, and tell the application."""
        template.status = status
        for waba in self._platform.wabas.values():
            if template.id in waba.templates:
                self._simulator.later(partial(self._tell, waba, template, reason))

    async def _tell(self, waba: Waba, template: Template, reason: str) -> None:
        value = {
            "event": template.status,
            "message_template_id": int(template.id),
            "message_template_name": template.name,
            "message_template_language": template.language,
            "message_template_category": template.category,
            "reason": reason,
        }
        self._simulator.notify_waba(waba, "message_template_status_update", value, name="template")
