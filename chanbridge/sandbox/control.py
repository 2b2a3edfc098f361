"""The control API under ``/_sandbox`` on every simulator's port: a second process plays the customer.

It answers only to a loopback host name and takes only JSON, so that no web page from elsewhere can use it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Struct

from chanbridge.http import HttpRequest, HttpResponse
from chanbridge.model.errors import PayloadError
from chanbridge.sandbox.faults import fault_of
from chanbridge.sandbox.phones import Phone, Said, Seen
from chanbridge.sandbox.routing import Call, Route, Router

if TYPE_CHECKING:
    from chanbridge.sandbox.engine import Sandbox
    from chanbridge.sandbox.simulator import Simulator

LOOPBACK = frozenset({"127.0.0.1", "localhost"})
LONGEST_WAIT = 60.0


class PhoneSettings(Struct, forbid_unknown_fields=True):
    """What can be set on a phone; what is left out stays."""

    name: str | None = None
    online: bool | None = None
    reads: bool | None = None
    refuses: int | None = None
    profile: dict[str, Any] | None = None


class Connection(Struct, forbid_unknown_fields=True):
    """Where an account's webhooks shall go."""

    account: str
    url: str


class Advance(Struct, forbid_unknown_fields=True):
    """How far to move the clock on."""

    seconds: float


class ReadUpTo(Struct, forbid_unknown_fields=True):
    """The message that was looked at last; empty: all."""

    message: str = ""


class Control:
    """Answers ``/_sandbox`` for a sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        phone = "/_sandbox/{simulator}/phones/{number}"
        self._router = Router(
            [
                Route("GET", "/_sandbox", "overview", self._overview),
                Route("POST", "/_sandbox/clock", "clock", self._clock),
                Route("POST", "/_sandbox/settle", "settle", self._settle),
                Route("GET", "/_sandbox/{simulator}/phones", "phones", self._phones),
                Route("POST", phone, "phone", self._set),
                Route("GET", phone + "/inbox", "inbox", self._inbox),
                Route("POST", phone + "/say", "say", self._say),
                Route("POST", phone + "/read", "read", self._read),
                Route("GET", "/_sandbox/{simulator}/faults", "faults", self._faults),
                Route("POST", "/_sandbox/{simulator}/faults", "arm", self._arm),
                Route("DELETE", "/_sandbox/{simulator}/faults", "disarm", self._disarm),
                Route("POST", "/_sandbox/{simulator}/connect", "connect", self._connect),
                Route("GET", "/_sandbox/{simulator}/deliveries", "deliveries", self._deliveries),
            ]
        )

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        if refusal := _refusal(request):
            return _problem(403, refusal)
        found = self._router.find(request.method, request.path)
        if found is None:
            return _problem(404, f"the sandbox has no {request.method} {request.path}")
        route, params = found
        call = Call(request, route.name, {key: unquote(value) for key, value in params.items()})
        try:
            answer = route.handler(call)
            return await answer if isinstance(answer, Awaitable) else answer
        except LookupError as error:
            return _problem(404, str(error.args[0] if error.args else error))
        except (PayloadError, msgspec.ValidationError, ValueError) as error:
            return _problem(400, str(error))
        except TimeoutError:
            return _problem(504, "it did not happen in time")
        except Exception as error:  # the sandbox's own mistake, which settle() raises
            return _problem(500, f"{type(error).__name__}: {error}")

    def _overview(self, call: Call) -> HttpResponse:
        simulators = {
            name: {
                "base_url": found.base_url,
                "phones": sorted(found.phones),
                "accounts": sorted(found.settings()),
            }
            for name, found in self._sandbox.simulators.items()
        }
        return HttpResponse.of_json({"now": self._sandbox.clock(), "simulators": simulators})

    def _clock(self, call: Call) -> HttpResponse:
        self._sandbox.clock.advance(seconds=call.request.json(Advance).seconds)
        return HttpResponse.of_json({"now": self._sandbox.clock()})

    async def _settle(self, call: Call) -> HttpResponse:
        await self._sandbox.settle(within=_wait(call, 10.0))
        return HttpResponse.of_json({})

    def _phones(self, call: Call) -> HttpResponse:
        return HttpResponse.of_json([_shown(phone) for phone in self._simulator(call).phones.values()])

    def _set(self, call: Call) -> HttpResponse:
        phone = self._phone(call)
        wanted: PhoneSettings = call.request.json(PhoneSettings)
        for name in wanted.__struct_fields__:
            if (value := getattr(wanted, name)) is not None:
                setattr(phone, name, value)
        return HttpResponse.of_json(_shown(phone))

    async def _inbox(self, call: Call) -> HttpResponse:
        phone, after = self._phone(call), int(call.request.query.get("after", "0"))
        seen: list[Seen] = phone.inbox[after:]
        if not seen and (wait := _wait(call, 0.0)):
            seen = await phone.arrivals(after, within=wait)
        return HttpResponse.of_json(seen)

    def _say(self, call: Call) -> HttpResponse:
        return HttpResponse.of_json({"id": self._phone(call).say(call.request.json(Said))})

    def _read(self, call: Call) -> HttpResponse:
        self._phone(call).read(call.request.json(ReadUpTo).message)
        return HttpResponse.of_json({})

    def _faults(self, call: Call) -> HttpResponse:
        return HttpResponse.of_json(self._simulator(call).faults.armed)

    def _arm(self, call: Call) -> HttpResponse:
        wanted = {"kind": "", **call.request.json(dict[str, Any])}
        return HttpResponse.of_json(self._simulator(call).faults.add(fault_of(**wanted)))

    def _disarm(self, call: Call) -> HttpResponse:
        self._simulator(call).faults.clear()
        return HttpResponse.of_json({})

    async def _connect(self, call: Call) -> HttpResponse:
        wanted: Connection = call.request.json(Connection)
        await self._simulator(call).connect(wanted.account, wanted.url)
        return HttpResponse.of_json({})

    def _deliveries(self, call: Call) -> HttpResponse:
        found: list[dict[str, Any]] = [
            {"url": one.request.url, "names": one.names, "tries": one.tries}
            for one in self._simulator(call).webhooks.log
        ]
        return HttpResponse.of_json(found)

    def _simulator(self, call: Call) -> Simulator:
        return self._sandbox[call.params["simulator"]]

    def _phone(self, call: Call) -> Phone:
        return self._simulator(call).phone(call.params["number"])


def _wait(call: Call, default: float) -> float:
    return min(float(call.request.query.get("wait", default)), LONGEST_WAIT)


def _shown(phone: Phone) -> dict[str, Any]:
    return {
        "number": phone.number,
        "name": phone.name,
        "online": phone.online,
        "typing": phone.typing,
        "ticks": sorted(phone.ticks),
        "messages": len(phone.inbox),
    }


def _refusal(request: HttpRequest) -> str:
    if request.host not in LOOPBACK:
        return "the sandbox is controlled by the names 127.0.0.1 and localhost only"
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).hostname not in LOOPBACK:
        return "the sandbox is not controlled from other web pages"
    kind = request.headers.get("content-type", "").partition(";")[0]
    if request.method == "POST" and kind != "application/json":
        return "the sandbox takes application/json"
    return ""


def _problem(status: int, detail: str) -> HttpResponse:
    return HttpResponse.of_json({"error": detail}, status=status)
