"""``calls[]``, and the statuses of calls."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

import chanbridge as cb
from chanbridge.mime import readable
from chanbridge_whatsapp.inbound.scope import Scope, exact_number, moment
from chanbridge_whatsapp.inbound.wire import File, Stamp, Status

WINDOW = dt.timedelta(hours=24)
Change = Literal["offered", "accepted", "ended", "missed"]
STATUSES: dict[str, Change] = {"RINGING": "offered", "ACCEPTED": "accepted", "REJECTED": "missed"}


class Recording(Struct, frozen=True):
    audio: File | None = None
    document: File | None = None


class Call(Struct, frozen=True):
    id: str
    event: str = ""
    timestamp: Stamp = None
    from_: str | None = field(name="from", default=None)
    from_user_id: str | None = None
    from_parent_user_id: str | None = None
    to: str | None = None
    to_user_id: str | None = None
    direction: str | None = None
    status: str | list[str] | None = None
    start_time: Stamp = None
    end_time: Stamp = None
    duration: float | str | None = None
    session: dict[str, Any] | None = None
    deeplink_payload: str | None = None
    cta_payload: str | None = None
    biz_opaque_callback_data: str | None = None
    call_recording: Recording | None = None
    call_transcript: Recording | None = None

    @property
    def inbound(self) -> bool:
        return self.direction != "BUSINESS_INITIATED"

    @property
    def outcome(self) -> str:
        """How it ended, in whatever case and shape it came."""
        said = self.status[0] if isinstance(self.status, list) and self.status else self.status
        return said.upper() if isinstance(said, str) else ""


_call = msgspec.json.Decoder(Call)


def call_event(scope: Scope, raw: cb.Raw) -> cb.Event:
    """Give the event of one item of ``calls[]``."""
    call = _call.decode(raw.body or raw.content)
    contact = _contact(scope, call)
    time = moment(call.timestamp)
    base: dict[str, Any] = {
        "account_id": scope.account_id,
        "conversation": scope.conversation(contact),
        "time": time,
        "provider_id": f"{call.id}|{call.event}",
        "raw": raw,
        "passive": scope.passive,
        "context": exact_number(contact),
    }
    change = _change(call)
    if change is None:
        return cb.ProviderEvent(provider_type=f"calls.{call.event or 'untyped'}", **base)
    return cb.CallChanged(
        change=change,
        call_id=call.id,
        inbound=call.inbound,
        status=call.outcome or call.event,
        started_at=moment(call.start_time),
        ended_at=moment(call.end_time),
        duration_s=float(call.duration) if call.duration is not None else None,
        payload=call.deeplink_payload or call.cta_payload or call.biz_opaque_callback_data or "",
        session=call.session or {},
        media=_file(call),
        window=_window(change, call.inbound, bool(call.start_time), time),
        **base,
    )


def _contact(scope: Scope, call: Call) -> cb.Contact | None:
    """Find the contact: who called, or whom we called (both directions have named them ``from``)."""
    if call.inbound or ((call.from_user_id or call.from_) and call.from_ != scope.number):
        return scope.contact(call.from_, call.from_user_id, call.from_parent_user_id)
    return scope.contact(call.to, call.to_user_id)


def _change(call: Call) -> Change | None:
    """Say what happened; a recording or transcript of a call belongs to its end."""
    match call.event:
        case "connect":
            return "offered" if call.inbound else "accepted"
        case "call_created":
            return "offered"
        case "terminate":
            return "ended" if call.start_time or call.duration else "missed"
        case "call_recording_available" | "call_transcription_available":
            return "ended"
        case _:
            return None


def _file(call: Call) -> cb.Media | None:
    of = call.call_recording or call.call_transcript
    file = (of.audio or of.document) if of else None
    if file is None or not file.id:
        return None
    return cb.Media(
        provider_id=file.id, mime=readable(file.mime_type or ""), filename=file.filename or "", auth="channel"
    )


def _window(change: Change, inbound: bool, picked_up: bool, time: dt.datetime | None) -> cb.Window | None:
    """Say which window a call opens: one that connected, or one of theirs that we missed."""
    opens = change == "accepted" or (change == "ended" and picked_up) or (change == "missed" and inbound)
    return cb.Window(expires_at=time + WINDOW, opened_by="call") if opens and time else None


def call_status(status: Status, base: dict[str, Any]) -> cb.Event:
    """Give the event of a status of a call that we began."""
    change = STATUSES.get(status.status.upper())
    provider_id = f"{status.id}|{status.status}"
    if change is None:
        return cb.ProviderEvent(
            provider_type=f"statuses.call.{status.status}", provider_id=provider_id, **base
        )
    return cb.CallChanged(
        change=change,
        call_id=status.id,
        inbound=False,
        status=status.status,
        payload=status.biz_opaque_callback_data or "",
        provider_id=provider_id,
        window=_window(change, False, False, base["time"]),
        **base,
    )
