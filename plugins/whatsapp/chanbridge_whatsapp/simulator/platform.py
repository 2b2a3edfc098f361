"""The simulated platform's memory, and who may see what of it."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

import chanbridge as cb
from chanbridge.sandbox import Call, Clock, File, Phone, Simulator, bearer
from chanbridge_whatsapp.simulator.graph import Refused, absent
from chanbridge_whatsapp.simulator.state import (
    LINK_SECONDS,
    WINDOW_SECONDS,
    App,
    Callback,
    Number,
    Stored,
    Template,
    Waba,
)

DAY = 24 * 3600
_DIGITS = re.compile(r"\D")


class Outgoing(Struct, kw_only=True):
    """A message that the platform has accepted."""

    id: str
    number: Number
    phones: list[Phone]
    message: dict[str, Any]
    template: Template | None = None
    group: str = ""


class Platform:
    """Apps, accounts, numbers and everything on them."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.apps: dict[str, App] = {}
        self.wabas: dict[str, Waba] = {}
        self.numbers: dict[str, Number] = {}
        self.files: dict[str, Stored] = {}
        self.sent: dict[str, Outgoing] = {}
        self.received: dict[str, str] = {}  # message id -> the phone that sent it
        self.windows: dict[tuple[str, str], int] = {}
        self.uploads: dict[str, bytes] = {}
        self._run = simulator.run
        self._count = 0

    @property
    def clock(self) -> Clock:
        return self._simulator.clock

    def id(self, prefix: str = "") -> str:
        """Make an id: of the start and a count, so that none comes twice for an application that stays."""
        self._count += 1
        return f"{prefix}{self._run}{self._count:04}"

    def add_app(self, *, secret: str = "", token: str = "") -> App:
        """Create an app; its secret and token are invented where not given."""
        id = f"5000000000000{len(self.apps) + 1:02}"
        app = App(
            id=id,
            secret=secret or f"TEST-app-secret-{id}",
            tokens={token or f"TEST-access-token-{id}"},
            callback=Callback(),
        )
        self.apps[id] = app
        return app

    def add_waba(self, app: App | None = None) -> Waba:
        """Create a business account of an app (default: the first, or a new one)."""
        app = app or next(iter(self.apps.values()), None) or self.add_app()
        id = f"2000000000000{len(self.wabas) + 1:02}"
        waba = Waba(id=id, app=app, callback=Callback(), templates={})
        self.wabas[id] = waba
        hello = [
            {"type": "BODY", "text": "Hello {{1}}, welcome.", "example": {"body_text": [["Ada"]]}},
            {"type": "FOOTER", "text": "Example Ltd"},
        ]
        self.add_template(waba, name="hello", language="en_US", category="UTILITY", components=hello)
        return waba

    def add_number(self, display: str, waba: Waba | None = None) -> Number:
        """Create a business number (default: on the first account, or a new one)."""
        waba = waba or next(iter(self.wabas.values()), None) or self.add_waba()
        place = len(self.numbers) + 1
        number = Number(
            id=f"1000000000000{place:02}",
            account="whatsapp" if place == 1 else f"whatsapp-{place}",
            display=display,
            waba=waba,
            callback=Callback(),
            blocked={},
            groups={},
            edges={},
        )
        self.numbers[number.id] = number
        return number

    def add_template(self, waba: Waba, **fields: Any) -> Template:
        """Put a template on a business account; approved, where nothing else is said."""
        template = Template(id=self.id(), **fields)
        waba.templates[template.id] = template
        return template

    def store(self, waba: Waba, file: File, *, days: int) -> Stored:
        """Keep a file."""
        expires = self.clock.seconds + days * DAY
        stored = Stored(
            id=self.id(),
            waba=waba,
            mime=file.mime,
            data=file.data,
            filename=file.filename,
            expires=expires,
        )
        self.files[stored.id] = stored
        return stored

    def link(self, stored: Stored, base_url: str) -> str:
        """Make the short-lived link of a file."""
        expires = self.clock.seconds + LINK_SECONDS
        seal = self._seal(stored, str(expires))
        return f"{base_url}/whatsapp_business/attachments/?mid={stored.id}&ext={expires}&hash={seal}"

    def linked(self, call: Call) -> Stored | None:
        """Give the file of a link; None if the link is wrong or over."""
        query = call.request.query
        stored, expires = self.files.get(query.get("mid", "")), query.get("ext", "")
        if stored is None or not cb.same(query.get("hash", ""), self._seal(stored, expires)):
            return None
        return stored if int(expires) > self.clock.seconds else None

    def _seal(self, stored: Stored, expires: str) -> str:
        text = f"{stored.id}|{expires}".encode()
        return hmac.new(stored.waba.app.secret.encode(), text, hashlib.sha256).hexdigest()[:32]

    # who asks

    def app_of(self, call: Call) -> App | None:
        """The app whose token a call bears."""
        token = bearer(call.request) or call.request.query.get("access_token", "")
        for app in self.apps.values():
            if token and (token in app.tokens or token == f"{app.id}|{app.secret}"):
                return app
        return None

    def number(self, call: Call) -> Number:
        """The number a call is about; raise `Refused` if its token may not see it."""
        number = self.numbers.get(call.params["id"])
        if number is None or number.waba.app is not self.app_of(call):
            raise absent(call.params["id"])
        return number

    def waba(self, call: Call) -> Waba:
        """The business account a call is about; raise `Refused` if its token may not see it."""
        waba = self.wabas.get(call.params["id"])
        if waba is None or waba.app is not self.app_of(call):
            raise absent(call.params["id"])
        return waba

    def file(self, id: str, app: App | None) -> Stored | None:
        """A file that an app may see and that has not expired."""
        stored = self.files.get(id)
        fits = stored and stored.waba.app is app and stored.expires > self.clock.seconds
        return stored if fits else None

    # who is asked for

    def sender(self, wanted: str) -> Number:
        """Find a business number by its number, id or account name; empty: the first."""
        for number in self.numbers.values():
            if wanted in {"", number.id, number.account} or digits(wanted) == digits(number.display):
                return number
        raise LookupError(f"no business number {wanted}")

    def window_open(self, number: Number, phone: Phone) -> bool:
        """Say whether the customer wrote within the last day."""
        last = self.windows.get((number.id, phone.number))
        return last is not None and self.clock.seconds - last < WINDOW_SECONDS


def digits(number: str) -> str:
    """A phone number as the platform names it."""
    return _DIGITS.sub("", number)


def user_id(phone: Phone) -> str:
    """The business-scoped id of a customer (digits, since some clients know no other); empty if unscoped."""
    return "" if phone.profile.get("unscoped") else f"US.99{digits(phone.number)}"


def ids(phone: Phone, number: str, scoped: str) -> dict[str, str]:
    """What webhooks call a customer, under the given names: the number if it is shown, and the scoped id."""
    shown = {} if phone.profile.get("hidden") else {number: digits(phone.number)}
    return {**shown, scoped: user_id(phone)} if user_id(phone) else shown


def contact(phone: Phone) -> dict[str, Any]:
    """A customer as webhooks show them; without the number if it is hidden."""
    profile = {"name": phone.name or phone.number}
    if username := phone.profile.get("username"):
        profile["username"] = username
    return {"profile": profile, **ids(phone, "wa_id", "user_id")}


def wanted_fields(call: Call) -> str:
    """The ``fields`` that a call asks for."""
    return str(call.request.query.get("fields", ""))


def links(content: Any) -> list[str]:
    """Every ``link`` anywhere in a message, in order."""
    if isinstance(content, Mapping):
        own = [content["link"]] if isinstance(content.get("link"), str) else []
        return own + [link for value in content.values() for link in links(value)]
    return [link for value in content for link in links(value)] if isinstance(content, list) else []


def media_ids(content: Any) -> list[tuple[str, str]]:
    """Every media id anywhere in a message, with the role it has."""
    if isinstance(content, Mapping):
        roles = ("image", "video", "audio", "sticker", "document")
        own = [(role, content[role]["id"]) for role in roles if _has_id(content.get(role))]
        return own + [pair for value in content.values() for pair in media_ids(value)]
    return [pair for value in content for pair in media_ids(value)] if isinstance(content, list) else []


def _has_id(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value.get("id"))


def wrong_token() -> Refused:
    """Refuse a call without a valid token."""
    return Refused(190, "The access token is missing, expired or revoked.", subcode=463)
