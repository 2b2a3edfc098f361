"""What the simulated Twilio knows: accounts, numbers, services, templates, messages."""

from __future__ import annotations

import datetime as dt
from typing import Any

from msgspec import Struct, field

from chanbridge.sandbox import File
from chanbridge_sms.simulator.rest import API, date, iso

CAPABILITIES = {"sms": True, "mms": True, "voice": False, "fax": False}


class Number(Struct, kw_only=True):
    """A phone number, short code or name that an account sends from."""

    sid: str
    account: str
    number: str
    name: str = ""  # of its account table in chanbridge.toml
    service: str = ""
    sms_url: str = ""
    sms_method: str = "POST"
    status_callback: str = ""

    def node(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "sid": self.sid,
            "account_sid": self.account,
            "phone_number": self.number,
            "friendly_name": self.number,
            "sms_url": self.sms_url,
            "sms_method": self.sms_method,
            "status_callback": self.status_callback,
            "capabilities": CAPABILITIES,
            "api_version": API,
            "uri": f"/{API}/Accounts/{self.account}/IncomingPhoneNumbers/{self.sid}.json",
        }


class Service(Struct, kw_only=True):
    """A Messaging Service. With ``advanced_opt_out`` its webhooks say STOP, START or HELP."""

    sid: str
    account: str
    name: str = "Test service"
    inbound_url: str = ""
    status_callback: str = ""
    use_number_webhook: bool = False
    advanced_opt_out: bool = False

    def node(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "sid": self.sid,
            "account_sid": self.account,
            "friendly_name": self.name,
            "inbound_request_url": self.inbound_url,
            "inbound_method": "POST",
            "status_callback": self.status_callback,
            "use_inbound_webhook_on_number": self.use_number_webhook,
            "sticky_sender": True,
            "smart_encoding": True,
            "validity_period": 36000,
            "links": {},
        }


class Content(Struct, kw_only=True):
    """A content template."""

    sid: str
    account: str
    name: str
    language: str
    variables: dict[str, str]
    types: dict[str, dict[str, Any]]
    at: dt.datetime

    def node(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "sid": self.sid,
            "account_sid": self.account,
            "friendly_name": self.name,
            "language": self.language,
            "variables": self.variables,
            "types": self.types,
            "date_created": iso(self.at),
            "date_updated": iso(self.at),
            "links": {},
        }


class Record(Struct, kw_only=True):
    """One message, either way, as Twilio keeps it."""

    sid: str
    account: str
    sender: str
    to: str
    body: str
    direction: str
    status: str
    at: dt.datetime
    service: str = ""
    segments: int = 1
    media: dict[str, File] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    error: int = 0
    sent_at: dt.datetime | None = None
    callback: str = ""
    due: dt.datetime | None = None
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        return f"/{API}/Accounts/{self.account}/Messages/{self.sid}"

    def node(self, error_message: str) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "account_sid": self.account,
            "api_version": API,
            "body": self.body,
            "date_created": date(self.at),
            "date_sent": date(self.sent_at) if self.sent_at else None,
            "date_updated": date(self.sent_at or self.at),
            "direction": self.direction,
            "error_code": self.error or None,
            "error_message": error_message or None,
            "from": self.sender or None,
            "messaging_service_sid": self.service or None,
            "num_media": str(len(self.media) or len(self.links)),
            "num_segments": str(self.segments),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{self.uri}/Media.json"},
            "to": self.to,
            "uri": f"{self.uri}.json",
        }

    def media_node(self, sid: str) -> dict[str, Any]:
        """One of its files, as the API shows it."""
        return {
            "sid": sid,
            "account_sid": self.account,
            "parent_sid": self.sid,
            "content_type": self.media[sid].mime,
            "date_created": date(self.at),
            "date_updated": date(self.at),
            "uri": f"{self.uri}/Media/{sid}.json",
        }


class Account(Struct, kw_only=True):
    """A Twilio account. ``media_auth``: files are only given to who shows the credential."""

    sid: str
    token: str
    keys: dict[str, str] = field(default_factory=dict)
    media_auth: bool = True
    numbers: dict[str, Number] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    contents: dict[str, Content] = field(default_factory=dict)
    messages: dict[str, Record] = field(default_factory=dict)
    stopped: set[tuple[str, str]] = field(default_factory=set)

    def scope(self, number: str) -> str:
        """What a customer stops: the number, or the whole service that it is in."""
        found = self.numbers.get(number)
        return (found.service or number) if found else number
