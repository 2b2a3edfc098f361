"""What Twilio posts becomes the events that it means, and nothing that it posts is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge.model.codec import to_wire
from chanbridge.model.validate import validate
from chanbridge.testing import vectors
from chanbridge_sms import Sms, SmsConfig
from chanbridge_sms.twilio.inbound import FACTS

VECTORS = vectors.vectors(Path(__file__).parent / "vectors")
TOKEN = "f00dfeedc0ffee00d15ea5e0facade42"
SERVICE = "MG00000000000000000000000000000001"


def said(sms: Sms, request: cb.HttpRequest) -> Any:
    [event] = sms.parse(request)
    return event


@pytest.mark.parametrize("file", VECTORS, ids=lambda file: file.stem)
def test_every_recorded_request_is_signed_and_becomes_its_events(sms, file):
    sms.verify(vectors.read_request(file))

    vectors.check(sms, file)


@pytest.mark.parametrize("file", VECTORS, ids=lambda file: file.stem)
def test_every_request_is_answered_with_empty_twiml(sms, file):
    request = vectors.read_request(file)

    answer = sms.acknowledge(request, list(sms.parse(request)))

    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "text/xml", b"<Response/>")


@pytest.mark.parametrize("file", VECTORS, ids=lambda file: file.stem)
def test_every_event_keeps_what_came(sms, file):
    request = vectors.read_request(file)
    came = request.url.partition("?")[2].encode() if request.method == "GET" else request.content

    events = list(sms.parse(request))

    assert all(event.raw.content and event.raw.content in came for event in events)


@pytest.mark.parametrize(("word", "fact"), FACTS.items())
def test_every_status_word_is_a_fact(sms, form, word, fact):
    event = said(sms, form(Body=None, NumMedia=None, SmsStatus=word, MessageStatus=word))

    assert isinstance(event, cb.MessageStatus)
    assert event.fact == fact


def test_a_report_without_a_reason_is_a_failure_of_unknown_reason(sms, form):
    event = said(sms, form(MessageStatus="failed"))

    assert (event.error.code, event.error.retryable) == ("internal", True)


def test_a_report_names_our_key_from_the_query_that_we_gave(sms, form):
    url = "https://hooks.example.com/channels/in/sms-main?key=TEST%2F1"

    event = said(sms, form(url, MessageStatus="sent"))

    assert event.target == cb.Ref(id="TEST/1", external="SM00000000000000000000000000000001")


def test_a_carriers_minute_of_no_zone_is_kept_and_is_not_the_time_of_the_event(sms, form):
    event = said(sms, form(MessageStatus="delivered", RawDlrDoneDate="2601051001"))

    assert (event.time, event.extra) == (None, {"x-sms": {"carrier_done": "2601051001"}})


def test_a_price_in_whole_cents_is_money(sms, form):
    event = said(sms, form(MessageStatus="sent", Price="-0.02", PriceUnit="usd"))

    assert event.price.amount == cb.Money(currency="USD", minor=2)


def test_the_words_of_a_failure_hold_no_number(sms, form):
    event = said(sms, form(MessageStatus="failed", ErrorCode="63024", ChannelStatusMessage="no +12025550100"))

    assert event.error.provider.title == "no (number)"


def test_zero_bytes_are_taken_out_of_a_text(sms, form):
    event = said(sms, form(Body="a\0b"))

    assert event.message.parts[0].text == "ab"


@pytest.mark.parametrize("body", ["aGVsbG8=", "A" * 60, "x" * 61, "ordinary words " * 10])
def test_a_picture_message_whose_text_only_looks_encoded_stays_as_it_is(sms, form, body):
    event = said(sms, form(MessageSid="MM00000000000000000000000000000001", Body=body))

    assert event.message.parts[0].text == body


def test_files_need_our_credential_unless_the_account_says_otherwise(make, form):
    request = form(NumMedia="1", MediaUrl0="https://api.twilio.com/m", MediaContentType0="image/png")

    auth = [said(make(media_auth=flag), request).message.parts[1].media.auth for flag in (True, False)]

    assert auth == ["channel", "none"]


def test_a_file_that_is_named_but_not_counted_is_kept(sms, form):
    event = said(sms, form(NumMedia="many", MediaUrl0="https://api.twilio.com/m", Body=""))

    assert [part.kind for part in event.message.parts] == ["media"]


@pytest.mark.parametrize(("lat", "lon"), [("nan", "1"), ("1", "inf"), ("north", "1"), ("91", "1"), ("1", "")])
def test_a_place_that_is_none_on_earth_costs_no_message(sms, form, lat, lon):
    event = said(sms, form(Body="Here", Latitude=lat, Longitude=lon))

    assert [part.kind for part in event.message.parts] == ["text", "unsupported"]


@pytest.mark.parametrize("price", ["", "free", "nan", "inf", "1e999999"])
def test_a_price_that_is_no_amount_is_none(sms, form, price):
    assert said(sms, form(MessageStatus="sent", Price=price, PriceUnit="USD")).price is None


# opting out


@pytest.mark.parametrize(
    ("handling", "word", "out", "handled"),
    [
        ("provider", "stop", True, True),
        ("provider", "AFMELDEN", False, False),
        ("provider", "basta", False, False),
        ("local", "stop", True, False),
        ("local", "afmelden", True, False),
        ("both", "Quit.", True, True),
        ("both", "«ARRÊT»", True, False),
        ("both", "Basta!", True, False),
        ("both", "stop it", False, False),
    ],
)
def test_whose_words_opt_out_is_configured(make, form, handling, word, out, handled):
    channel = make(opt_out_handling=handling, keywords=("basta",))

    event = said(channel, form(Body=word))

    assert isinstance(event, cb.ConsentChanged) == out
    assert getattr(event, "handled", False) == handled


def test_what_twilio_calls_an_opt_out_is_one_whatever_the_words(make, form):
    event = said(make(opt_out_handling="local"), form(Body="no more, thanks", OptOutType="STOP"))

    assert (event.granted, event.handled, event.evidence) == (False, True, "no more, thanks")


def test_yes_opts_in_where_twilio_says_so(sms, form):
    event = said(sms, form(Body="YES", OptOutType="START"))

    assert isinstance(event, cb.ConsentChanged)
    assert event.granted


def test_twilio_answers_no_keyword_of_another_app(sms, form):
    event = said(sms, form(Body="STOP", From="whatsapp:+12025550100", To="whatsapp:+12025550111"))

    assert isinstance(event, cb.ConsentChanged)
    assert not event.handled


# whose it is


@pytest.mark.parametrize(
    ("over", "fields", "owned"),
    [
        ({}, {}, True),
        ({}, {"To": "+12025550112"}, False),
        ({}, {"To": "+12025550112", "MessagingServiceSid": SERVICE}, False),
        ({}, {"To": "+12025550111", "MessagingServiceSid": SERVICE}, True),
        ({"sender": "+1 (202) 555-0111"}, {}, True),
        ({"sender": SERVICE}, {"To": "+12025550112", "MessagingServiceSid": SERVICE}, True),
        ({"sender": "", "messaging_service_sid": SERVICE}, {"MessagingServiceSid": SERVICE}, True),
        ({"sender": SERVICE}, {}, False),
        ({"sender": SERVICE}, {"MessagingServiceSid": SERVICE[:-1] + "2"}, False),
        ({"messaging_service_sid": SERVICE}, {"To": "+12025550112", "MessagingServiceSid": SERVICE}, False),
        ({"sender": "70123"}, {"To": "70123"}, True),
        ({"sender": ""}, {"To": "+12025550112"}, True),
        ({}, {"To": "whatsapp:+12025550111", "From": "whatsapp:+12025550100"}, True),
        ({"sender": "whatsapp:+12025550111"}, {"To": "+12025550111"}, False),
        ({"sender": "messenger:987"}, {"To": "messenger:987", "From": "messenger:1"}, True),
        ({"sender": "ACME"}, {"From": "ACME", "To": "+12025550100", "MessageStatus": "sent"}, True),
        ({}, {"From": "+12025550111", "To": "+12025550100", "MessageStatus": "sent"}, True),
        ({}, {"From": "+12025550100", "To": "+12025550111", "MessageStatus": "sent"}, False),
    ],
)
def test_an_account_owns_what_names_its_number_or_else_its_service(make, form, over, fields, owned):
    channel = make(**over)

    event = said(make(), form(**fields))

    assert channel.owns(event.account_id) == owned


def test_a_callback_that_names_nobody_stays_where_it_came(sms):
    request = cb.HttpRequest.post_form(
        "https://hooks.example.com/", {"Level": "ERROR", "AccountSid": "ACTEST"}
    )

    event = said(sms, request)

    assert event.provider_type == "debugger"
    assert sms.owns(event.account_id)


# what nobody expects


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"17", b'"x"', b'{"type": 5}', b""])
def test_json_that_twilio_would_not_send_is_kept_and_can_be_replayed(sms, body):
    headers = cb.Headers({"content-type": "application/json"})
    request = cb.HttpRequest(method="POST", url="https://hooks.example.com/", headers=headers, body=body)

    event = said(sms, request)

    assert isinstance(event, cb.ProviderEvent)
    assert event.error
    assert event.raw.content == body


def test_a_form_that_is_no_utf8_is_kept_and_can_be_replayed(sms):
    headers = cb.Headers({"content-type": "application/x-www-form-urlencoded"})
    request = cb.HttpRequest(
        method="POST", url="https://hooks.example.com/", headers=headers, body=b"Body=\xff"
    )

    event = said(sms, request)

    assert event.error.startswith("PayloadError")
    assert event.raw.content == b"Body=\xff"


NAMES = st.sampled_from(
    ["MessageSid", "SmsSid", "From", "To", "Body", "NumMedia", "NumSegments", "MessageStatus", "SmsStatus",
     "ErrorCode", "OptOutType", "MediaUrl0", "MediaContentType0", "MediaUrl1", "RawDlrDoneDate", "Price",
     "PriceUnit", "Latitude", "Longitude", "ButtonPayload", "ListId", "AddOns", "MessagingServiceSid", "WaId"]
)  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["STOP", "+12025550100", "whatsapp:+12025550100", "failed", "delivered", "nan",
                     "1e999999", "-0.1", "99999999999999999999", "30005", "٣", "²",
                     "[" * 5000, "whatsapp:", ":"]),
)  # fmt: skip
CHANNEL = Sms(
    cb.Account(
        "a", SmsConfig(provider="twilio", account_sid="ACTEST", auth_token=cb.Secret("TEST"), sender="70123")
    )
)


@given(fields=st.dictionaries(NAMES, VALUES), method=st.sampled_from(["GET", "POST"]))
def test_whatever_is_posted_becomes_events_that_can_be_written_down(fields, method):
    query = urlencode({name: value.encode("utf-8", "replace") for name, value in fields.items()})
    form = {
        "headers": cb.Headers({"content-type": "application/x-www-form-urlencoded"}),
        "body": query.encode(),
    }
    url = "https://hooks.example.com/in/a"
    request = (
        cb.HttpRequest(method="GET", url=f"{url}?{query}")
        if method == "GET"
        else cb.HttpRequest(method="POST", url=url, **form)
    )

    events = list(CHANNEL.parse(request))

    assert events
    assert all(to_wire(event) for event in events)
    wrong = [event.error for event in events if isinstance(event, cb.ProviderEvent) and event.error]
    assert all(error.startswith("PayloadError") for error in wrong)
    assert all(isinstance(CHANNEL.owns(event.account_id), bool) for event in events)


@given(body=st.binary(max_size=200), content_type=st.sampled_from(["application/json", "text/plain", ""]))
def test_whatever_the_body_it_is_kept(body, content_type):
    headers = cb.Headers({"content-type": content_type})
    request = cb.HttpRequest(method="POST", url="https://hooks.example.com/in/a", headers=headers, body=body)

    try:
        events = list(CHANNEL.parse(request))
    except cb.PayloadError:
        return  # the core quarantines the request

    assert events or body.strip() == b"[]"


@pytest.mark.parametrize("said_to_be", ["garbage", "image", "/png", "image/", "nan"])
def test_a_file_whose_label_is_garbage_is_kept_without_it(sms, form, said_to_be):
    event = said(sms, form(NumMedia="1", MediaUrl0="https://api.twilio.com/m", MediaContentType0=said_to_be))

    wire = to_wire(event.replace(id="event-TEST-1", account="sms-main"))
    assert [part.media.mime for part in event.message.parts if isinstance(part, cb.MediaPart)] == [""]
    assert validate(wire, "event") == []
