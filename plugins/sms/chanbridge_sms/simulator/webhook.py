"""Twilio's webhooks: what is in them, how they are signed, how the answer is read. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from msgspec import Struct

import chanbridge as cb
from chanbridge_sms.simulator.rest import API
from chanbridge_sms.simulator.state import Account, Record

BROKEN = [("AccountSid", "7"), ("NumMedia", "many"), ("MessageStatus", "")]
HEADER = "x-twilio-signature"


class Notice(Struct, frozen=True):
    """One webhook to write. ``record`` is the message it is about."""

    url: str
    method: str
    token: str
    account: str
    record: Record
    params: list[tuple[str, str]]


class Answer(Struct, frozen=True):
    """One message that an application answered with."""

    text: str
    files: tuple[str, ...] = ()
    to: str = ""
    sender: str = ""
    callback: str = ""


def inbound(
    account: Account, record: Record, base_url: str, extra: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The parameters of a received message."""
    files = list(record.media.items())
    service = [("MessagingServiceSid", record.service)] if record.service else []
    media = [
        pair
        for place, (sid, file) in enumerate(files)
        for pair in (
            (f"MediaUrl{place}", f"{base_url}{record.uri}/Media/{sid}"),
            (f"MediaContentType{place}", file.mime),
        )
    ]
    fixed = [
        ("ToCountry", "US"),
        ("SmsMessageSid", record.sid),
        ("NumMedia", str(len(files))),
        ("SmsSid", record.sid),
        ("SmsStatus", "received"),
        ("Body", record.body),
        ("FromCountry", "US"),
        ("To", record.to),
        ("NumSegments", str(record.segments)),
        ("MessageSid", record.sid),
        ("AccountSid", account.sid),
        ("From", record.sender),
        ("ApiVersion", API),
    ]
    return list(dict([*fixed, *service, *media, *extra]).items())


def status(account: Account, record: Record) -> list[tuple[str, str]]:
    """The parameters of a status."""
    found = {
        "SmsSid": record.sid,
        "SmsStatus": record.status,
        "MessageStatus": record.status,
        "To": record.to,
        "MessageSid": record.sid,
        "AccountSid": account.sid,
        "From": record.sender,
        "ApiVersion": API,
    }
    if record.service:
        found["MessagingServiceSid"] = record.service
    if record.error:
        found["ErrorCode"] = str(record.error)
    if record.status == "delivered" and record.sent_at:
        found["RawDlrDoneDate"] = record.sent_at.strftime("%y%m%d%H%M")
    return list(found.items())


def request(notice: Notice, *, spoiled: bool = False) -> cb.HttpRequest:
    """Write one signed webhook; the URL keeps its fragment, which only the sender heeds."""
    params = BROKEN if spoiled else notice.params
    url, _, fragment = notice.url.partition("#")
    headers = {
        "user-agent": "TwilioProxy/1.1",
        "i-twilio-idempotency-token": f"{notice.record.sid}-{notice.record.status}",
        **_credential(url),
    }
    body = b""
    if notice.method == "GET":
        url += ("&" if "?" in url else "?") + urlencode(params)
        params = []
    else:
        headers["content-type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        body = urlencode(params).encode()
    headers[HEADER] = signature(url, params, notice.token)
    whole = f"{url}#{fragment}" if fragment else url
    return cb.HttpRequest(method=notice.method, url=whole, headers=cb.Headers(headers), body=body)


def signature(url: str, params: Iterable[tuple[str, str]], token: str) -> str:
    """Sign a URL and the parameters of a form."""
    text = url + "".join(name + value for name, value in sorted(set(params)))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def _credential(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    if not parts.username:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def tries(url: str, *, connected: bool) -> int:
    """How often a webhook is tried again: what the URL's fragment says, else once if nobody answered."""
    wanted = parse_qs(urlsplit(url).fragment)
    policies = set(",".join(wanted.get("rp", ["ct"])).split(","))
    heeded = {"4xx", "5xx", "all"} if connected else {"ct", "rt", "all"}
    return int(wanted.get("rc", ["1"])[0]) if policies & heeded else 0


def answers(response: cb.HttpResponse) -> list[Answer] | None:
    """Read the answer to a received message; None if its type is none that Twilio takes."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    text = response.body.decode("utf-8", "replace")
    if not text.strip():
        return []
    if kind == "text/plain":
        return [Answer(text)]
    if kind not in {"text/xml", "application/xml"}:
        return None
    try:
        root = ET.fromstring(text)  # noqa: S314 - see above
    except ET.ParseError:
        return None
    return [_message(element) for element in root if element.tag in {"Message", "Sms"}]


def _message(element: ET.Element) -> Answer:
    body = element.find("Body")
    text = (body.text if body is not None else element.text) or ""
    return Answer(
        text.strip(),
        tuple((media.text or "").strip() for media in element.findall("Media")),
        element.get("to", ""),
        element.get("from", ""),
        element.get("statusCallback", "") or element.get("action", ""),
    )
