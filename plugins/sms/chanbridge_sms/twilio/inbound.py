"""What Twilio posts to us, as events: texts, picture messages, delivery reports, taps, opt-outs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

import chanbridge as cb
from chanbridge.mime import bare, readable
from chanbridge.transcode.gsm import is_gsm
from chanbridge_sms import keywords
from chanbridge_sms.addresses import received, split_app
from chanbridge_sms.config import SmsConfig
from chanbridge_sms.twilio import callback, errors, signature
from chanbridge_sms.twilio.callback import Callback

FACTS: dict[str, cb.Fact] = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending"), "submitted"),
    "sent": "sent",
    **dict.fromkeys(("delivered", "partially_delivered"), "delivered"),
    "read": "read",
    **dict.fromkeys(("undelivered", "failed"), "failed"),
    "canceled": "canceled",
}  # fmt: skip
"""Twilio's status words; ``receiving`` and ``received`` are of messages to us."""
OUR_KEY = "key"  # our id, in the query of a status callback
ROLES: dict[str, cb.MediaRole] = {"image": "image", "video": "video", "audio": "audio"}
_LAYOUT = frozenset({"application/smil", "application/smil+xml"})
_OPT_OUT_TYPES: dict[str, Literal["stop", "start", "help"]] = {
    "STOP": "stop",
    "START": "start",
    "HELP": "help",
}


def parse(request: cb.HttpRequest, config: SmsConfig) -> Iterator[cb.Found]:
    """Give every event of a webhook; what is no message and no report of one is a `ProviderEvent`."""
    if request.method != "GET" and not signature.is_form(request):
        several = request.content.lstrip().startswith(b"[")  # an event stream posts an array
        items = request.json(list[msgspec.Raw]) if several else [msgspec.Raw(request.content)]
        return cb.each(items, _notice, path="[]" if several else "")
    payload = urlsplit(request.url).query.encode() if request.method == "GET" else request.content
    raw = cb.Raw.of(payload, signature.FORM)
    return cb.each([raw], lambda raw: _Reader(config, raw, request).events(), path="")


def own_id(number: str, service: str) -> str:
    """Write whom of ours a callback names: the number, behind the Messaging Service if there is one."""
    return f"{service}/{number}" if service else number


def owned(account_id: str, config: SmsConfig) -> bool:
    """Say whether a callback names this account: by its number if it has one, else by its service."""
    if not account_id:
        return True
    service, _, number = account_id.rpartition("/")
    if not config.number:  # one that names nothing takes what comes
        return not config.service or config.service in (service, account_id)
    our_app, ours = split_app(config.number)
    app, theirs = split_app(number)
    return ours == theirs and our_app in ("", app)


class _Reader:
    """Reads one form for one account."""

    def __init__(self, config: SmsConfig, raw: cb.Raw, request: cb.HttpRequest) -> None:
        self._config = config
        self._raw = raw
        self._fields: Mapping[str, str] = dict(signature.fields(request) or ())
        self._call = Callback.of(self._fields)
        self._key = request.query.get(OUR_KEY, "")

    def events(self) -> Iterable[cb.Event]:
        call = self._call
        if call.reports:
            return self._report()
        if call.speaks:
            return [self._message()]
        return [cb.ProviderEvent(provider_type=call.type, data=dict(self._fields))]

    def _frame(self, theirs: str, ours: str, provider_id: str) -> dict[str, Any]:
        """Give what every event says of where it belongs."""
        return {
            "account_id": own_id(received(ours) if ours else "", self._call.messaging_service_sid),
            "conversation": cb.Conversation(address=cb.address("sms", received(theirs))),
            "provider_id": provider_id,
        }

    # messages

    def _message(self) -> cb.Event:
        call = self._call
        text, decoded = callback.words(call)
        keyword, handled = self._keyword(text)
        sender = callback.contact(call)
        details = _details(call, text, decoded=decoded, keyword=keyword, handled=handled)
        message = cb.incoming(
            *self._parts(text),
            sender=sender,
            provider_id=call.sid,
            relation=callback.relation(call),
            extra={"x-sms": details},
        )
        frame = self._frame(call.sender, call.to, call.sid)
        if keyword in ("stop", "start"):
            granted = keyword == "start"
            return cb.ConsentChanged(
                granted=granted, via="keyword", evidence=text, handled=handled, message=message, **frame
            )
        if call.choice:
            return _interaction(call, message, frame)
        return cb.MessageReceived(message=message, **frame)

    def _keyword(self, text: str) -> tuple[keywords.Keyword | None, bool]:
        """Say which keyword it is, and whether Twilio has answered it."""
        said = _OPT_OUT_TYPES.get(self._call.opt_out_type.strip().upper())
        if said:
            return said, True
        handling = self._config.opt_out_handling
        found = keywords.match(text, keywords.stop_words(handling, self._config.keywords))
        is_sms = not split_app(self._call.sender)[0]
        return found, handling != "local" and is_sms and keywords.enforced_by_twilio(text)

    def _parts(self, text: str) -> list[cb.Part]:
        shown: list[cb.Part] = [*self._place(), *self._files()]
        return [cb.Text(text=text), *shown] if text or not shown else shown

    def _place(self) -> Iterator[cb.Part]:
        if place := callback.location(self._call):
            yield place
        elif self._call.latitude or self._call.longitude:
            yield cb.UnsupportedPart(provider_type="location", reason="it is no place", raw=self._raw)

    def _files(self) -> Iterator[cb.Part]:
        found = 0
        while url := self._fields.get(f"MediaUrl{found}"):
            mime = readable(bare(self._fields.get(f"MediaContentType{found}", "")))
            found += 1
            if mime not in _LAYOUT:
                media = cb.Media(url=url, mime=mime, auth="channel" if self._config.media_auth else "none")
                yield cb.MediaPart(role=ROLES.get(mime.partition("/")[0], "document"), media=media)
        announced = callback.count(self._call.num_media) or 0
        if announced > found:
            reason = f"{announced} files were announced and {found} named"
            yield cb.UnsupportedPart(provider_type="media", reason=reason, raw=self._raw)

    # reports

    def _report(self) -> Iterator[cb.Event]:
        call = self._call
        frame = self._frame(call.to, call.sender, f"{call.sid}:{call.status}")
        fact = FACTS.get(call.status)
        if fact is None:
            yield cb.ProviderEvent(provider_type=f"status.{call.status}", data=dict(self._fields), **frame)
            return
        failure = None
        if fact == "failed":
            failure = errors.of_code(call.error_code, call.error_message or call.channel_status_message)
        yield cb.MessageStatus(
            target=cb.Ref(id=self._key, external=call.sid),
            fact="expired" if failure and failure.code == "expired" else fact,
            error=failure,
            price=callback.price(call),
            extra=_done(call),
            **frame,
        )
        if failure and call.error_code == errors.OPTED_OUT:
            evidence = f"Twilio refused with {errors.OPTED_OUT}: they had opted out"
            yield cb.ConsentChanged(
                granted=False, via="unsubscribe", evidence=evidence, handled=True, **frame
            )


def _done(call: Callback) -> dict[str, Any]:
    """Keep when the carrier says it was done: in minutes of a zone it does not name, no event's time."""
    return {"x-sms": {"carrier_done": call.raw_dlr_done_date}} if call.raw_dlr_done_date else {}


def _interaction(call: Callback, message: cb.Message, frame: dict[str, Any]) -> cb.InteractionReceived:
    """Give a tap in an app behind Twilio; its payload is what the template's author gave it."""
    return cb.InteractionReceived(
        action_id=call.choice,
        payload=call.button_payload or call.list_id,
        label=call.button_text or call.list_title,
        source=message.relation.reply_to if message.relation else None,
        sender=message.sender,
        message=message,
        **frame,
    )


def _details(
    call: Callback, text: str, *, decoded: bool, keyword: keywords.Keyword | None, handled: bool
) -> dict[str, Any]:
    """Give what only texts have, for ``x-sms`` of the message."""
    details: dict[str, Any] = {}
    if not split_app(call.sender)[0]:
        details["encoding"] = "gsm7" if is_gsm(text) else "ucs2"
    segments = callback.count(call.num_segments)
    if segments is not None:
        details["segments"] = segments
    if call.add_ons:
        details["add_ons"] = callback.add_ons(call)
    if decoded:
        details["decoded"] = "base64"
    if keyword:
        details["keyword"] = keyword
    elif keywords.mentions_stop(text):
        details["review"] = "opt_out"
    if handled:
        details["handled"] = True
    return details


def _notice(item: msgspec.Raw) -> cb.ProviderEvent:
    try:
        notice: _Notice = cb.decode_json(bytes(item), _Notice)
    except cb.PayloadError as error:
        raise cb.PayloadError("the body is no JSON object that Twilio would send") from error
    return cb.ProviderEvent(provider_type=notice.type or "unknown", provider_id=notice.id, time=notice.time)


class _Notice(msgspec.Struct):
    """A CloudEvent of an event stream."""

    type: str = ""
    id: str = ""
    time: dt.datetime | None = None
