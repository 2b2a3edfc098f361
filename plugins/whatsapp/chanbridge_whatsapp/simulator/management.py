"""Numbers, accounts, webhooks, blocking, settings: what is set up rather than sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import chanbridge as cb
from chanbridge.sandbox import Call, Route
from chanbridge_whatsapp.simulator.graph import Refused, absent, missing, node, page, success
from chanbridge_whatsapp.simulator.platform import digits, wanted_fields
from chanbridge_whatsapp.simulator.state import Callback, Number

if TYPE_CHECKING:
    from chanbridge_whatsapp.simulator import WhatsAppSimulator

EMPTY = {"whatsapp_business_profile": {"vertical": "OTHER"}}
LISTED_EDGES = ("whatsapp_business_profile", "whatsapp_commerce_settings", "whatsapp_business_encryption")
EDGES = (*LISTED_EDGES, "settings", "conversational_automation", "username")
STEPS = ("deregister", "request_code", "verify_code")


class Management:
    """What an administrator does."""

    def __init__(self, simulator: WhatsAppSimulator) -> None:
        self._simulator = simulator
        self._platform = simulator.platform

    def routes(self) -> Iterable[Route]:
        """The calls that set things up."""
        edges = [
            Route(method, f"/{{id}}/{edge}", f"settings.{edge}", handler)
            for edge in EDGES
            for method, handler in (("GET", self._get_edge), ("POST", self._set_edge))
        ]
        steps = [Route("POST", f"/{{id}}/{step}", f"number.{step}", self._step) for step in STEPS]
        return [
            Route("GET", "/oauth/access_token", "token", self._app_token, public=True),
            Route("GET", "/debug_token", "token.debug", self._debug_token),
            Route("POST", "/{id}/subscriptions", "webhook.app", self._subscribe_app),
            Route("GET", "/{id}/subscribed_apps", "webhook.list", self._subscriptions),
            Route("POST", "/{id}/subscribed_apps", "webhook.waba", self._subscribe_waba),
            Route("DELETE", "/{id}/subscribed_apps", "webhook.delete", self._unsubscribe_waba),
            Route("GET", "/{id}/phone_numbers", "numbers", self._numbers),
            Route("POST", "/{id}/register", "number.register", self._register),
            Route("GET", "/{id}/block_users", "block.list", self._blocked),
            Route("POST", "/{id}/block_users", "block", self._block),
            Route("DELETE", "/{id}/block_users", "unblock", self._unblock),
            *edges,
            *steps,
        ]

    def _app_token(self, call: Call) -> cb.HttpResponse:
        asked = call.request.query
        app = self._platform.apps.get(asked.get("client_id", ""))
        if app is None or asked.get("client_secret") != app.secret:
            raise Refused(1, "client_id or client_secret is wrong.")
        token = next(iter(app.tokens)) if "code" in asked else f"{app.id}|{app.secret}"
        return cb.HttpResponse.of_json({"access_token": token, "token_type": "bearer"})

    def _debug_token(self, call: Call) -> cb.HttpResponse:
        token = call.request.query.get("input_token", "")
        app = next((app for app in self._platform.apps.values() if token in app.tokens), None)
        scopes = ["whatsapp_business_management", "whatsapp_business_messaging"] if app else []
        found: dict[str, Any] = {"is_valid": app is not None, "scopes": scopes, "type": "SYSTEM_USER"}
        if app:
            found["app_id"] = app.id
        return cb.HttpResponse.of_json({"data": found})

    # webhooks

    async def _subscribe_app(self, call: Call) -> cb.HttpResponse:
        app = self._platform.app_of(call)
        if app is None or app.id != call.params["id"]:
            raise absent(call.params["id"])
        asked = call.fields
        app.callback = await self._proven(asked.get("callback_url", ""), asked.get("verify_token", ""))
        return success()

    async def _subscribe_waba(self, call: Call) -> cb.HttpResponse:
        waba, asked = self._platform.waba(call), call.fields
        url = asked.get("override_callback_uri", "")
        waba.callback = await self._proven(url, asked.get("verify_token", "")) if url else Callback()
        waba.subscribed = True
        return success()

    def _unsubscribe_waba(self, call: Call) -> cb.HttpResponse:
        self._platform.waba(call).subscribed = False
        return success()

    def _subscriptions(self, call: Call) -> cb.HttpResponse:
        waba = self._platform.waba(call)
        found: dict[str, Any] = {"whatsapp_business_api_data": {"id": waba.app.id, "name": "Test app"}}
        if waba.callback.url:
            found["override_callback_uri"] = waba.callback.url
        return cb.HttpResponse.of_json({"data": [found] if waba.subscribed else []})

    async def override(self, number: Number, asked: dict[str, Any]) -> cb.HttpResponse:
        """Give a number its own callback; an empty URL takes it away."""
        url = asked.get("override_callback_uri", "")
        number.callback = await self._proven(url, asked.get("verify_token", "")) if url else Callback()
        return success()

    async def _proven(self, url: str, token: str) -> Callback:
        if not url:
            raise missing("callback_url")
        if not await self._simulator.handshake(url, token):
            raise Refused(2200, "The callback did not answer the challenge.")
        return Callback(url, token)

    # numbers

    def _numbers(self, call: Call) -> cb.HttpResponse:
        waba = self._platform.waba(call)
        found = [number.node() for number in self._platform.numbers.values() if number.waba is waba]
        return page(found, call.request.query)

    def _register(self, call: Call) -> cb.HttpResponse:
        pin = str(call.fields.get("pin", ""))
        if not (pin.isdigit() and len(pin) == len("123456")):
            raise Refused(133005, "pin has six digits.")
        self._platform.number(call).registered = True
        return success()

    def _step(self, call: Call) -> cb.HttpResponse:
        number = self._platform.number(call)
        if call.name == "number.deregister":
            number.registered = False
        return success()

    def _get_edge(self, call: Call) -> cb.HttpResponse:
        edge = call.name.partition(".")[2]
        found = {
            **EMPTY.get(edge, {}),
            **self._platform.number(call).edges.get(edge, {}),
            "id": call.params["id"],
        }
        if edge in LISTED_EDGES:
            return cb.HttpResponse.of_json({"data": [{"messaging_product": "whatsapp", **found}]})
        return node(found, wanted_fields(call))

    def _set_edge(self, call: Call) -> cb.HttpResponse:
        edge = call.name.partition(".")[2]
        self._platform.number(call).edges.setdefault(edge, {}).update(call.fields)
        return success()

    # blocking

    def _blocked(self, call: Call) -> cb.HttpResponse:
        blocked = self._platform.number(call).blocked.values()
        return page([{"messaging_product": "whatsapp", **one} for one in blocked], call.request.query)

    def _block(self, call: Call) -> cb.HttpResponse:
        number, users = self._platform.number(call), _users(call)
        number.blocked.update({user["wa_id"]: user for user in users})
        return _block_answer("added_users", users)

    def _unblock(self, call: Call) -> cb.HttpResponse:
        number, users = self._platform.number(call), _users(call)
        for user in users:
            number.blocked.pop(user["wa_id"], None)
        return _block_answer("removed_users", users)


def _users(call: Call) -> list[dict[str, str]]:
    asked = call.fields.get("block_users") or []
    inputs = [str(user.get("user") or user.get("user_id")) for user in asked]
    return [{"input": user, "wa_id": digits(user)} for user in inputs]


def _block_answer(name: str, users: list[dict[str, str]]) -> cb.HttpResponse:
    return cb.HttpResponse.of_json(
        {"messaging_product": "whatsapp", "block_users": {name: users, "failed_users": []}}
    )
