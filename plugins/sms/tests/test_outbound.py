"""What leaves for Twilio: the exact form, who is answered, and what never leaves."""

from __future__ import annotations

import base64
import datetime as dt

import pytest

import chanbridge as cb
from chanbridge.testing import drive, ok

URL = "https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json"
CALLBACK = "https://hooks.example.com/channels/in/sms-main?key=TESTKEY.0"
SERVICE = "MG00000000000000000000000000000001"
SID = "SM00000000000000000000000000000002"
PHOTO = "https://hooks.example.com/media/box.jpg"
TEMPLATE = "HX00000000000000000000000000000001"
HEAD = [("To", "+12025550100"), ("From", "+12025550111")]
TAIL = [("StatusCallback", CALLBACK)]


def text(words: str) -> cb.Text:
    return cb.Text(text=words)


def picture(url: str = PHOTO, caption: str = "") -> cb.MediaPart:
    return cb.MediaPart(
        role="image", media=cb.Media(url=url, mime="image/jpeg"), caption=text(caption) if caption else None
    )


def sent_form(channel, step) -> list[tuple[str, str]]:
    _, requests = drive(channel.send(step), ok(sid=SID))
    return requests[0].form()


def test_a_text_is_one_post_that_may_not_be_repeated(sms, step):
    sent, requests = drive(sms.send(step(text("Hi, café ☕ & more"))), ok(sid=SID, status="queued"))

    assert sent == cb.Sent(SID)
    assert [(request.method, request.url) for request in requests] == [("POST", URL)]
    assert requests[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert requests[0].form() == [*HEAD, ("Body", "Hi, café ☕ & more"), *TAIL]
    assert not requests[0].repeatable


def test_pictures_are_urls_each_in_a_field_of_its_own(sms, step):
    form = sent_form(sms, step(picture(caption="Two boxes"), picture(PHOTO + "?2")))

    assert form == [*HEAD, ("Body", "Two boxes"), ("MediaUrl", PHOTO), ("MediaUrl", PHOTO + "?2"), *TAIL]


@pytest.mark.parametrize(
    ("parameters", "sent"),
    [
        ({}, []),
        (
            {"body.1": "Ann", "2": 7, "name": {"type": "text", "text": "é"}},
            [("ContentVariables", '{"1": "Ann", "2": "7", "name": "é"}')],
        ),
    ],
)
def test_a_template_is_its_content_sid_and_variables(sms, step, parameters, sent):
    form = sent_form(sms, step(cb.Template(name=TEMPLATE, parameters=parameters)))

    assert form == [*HEAD, ("ContentSid", TEMPLATE), *sent, *TAIL]


@pytest.mark.parametrize(
    ("over", "to", "senders"),
    [
        ({"sender": SERVICE}, "+12025550100", [("MessagingServiceSid", SERVICE)]),
        (
            {"sender": "", "messaging_service_sid": SERVICE},
            "+12025550100",
            [("MessagingServiceSid", SERVICE)],
        ),
        (
            {"messaging_service_sid": SERVICE},
            "+12025550100",
            [("From", "+12025550111"), ("MessagingServiceSid", SERVICE)],
        ),
        ({"sender": "70123"}, "+12025550100", [("From", "70123")]),
        ({"sender": "ACME Corp"}, "+4520123456", [("From", "ACME Corp")]),
        ({}, "whatsapp:+12025550100", [("From", "whatsapp:+12025550111")]),
        ({"sender": "messenger:987"}, "messenger:123", [("From", "messenger:987")]),
    ],
)
def test_the_sender_is_a_number_a_service_or_both_on_the_recipients_app(make, step, over, to, senders):
    form = sent_form(make(**over), step(text("Hi"), to=to))

    assert form == [("To", to), *senders, ("Body", "Hi"), *TAIL]


def test_reports_are_asked_for_only_if_the_account_wants_them_and_is_known(make, step):
    unwanted = sent_form(make(status_callbacks=False), step(text("Hi")))
    unknown = sent_form(make(webhook_url=""), step(text("Hi")))

    assert unwanted == unknown == [*HEAD, ("Body", "Hi")]


def test_our_key_is_added_to_a_query_that_is_there_and_escaped(make, step):
    channel = make(webhook_url="https://hooks.example.com/in/a?x=1")

    form = sent_form(channel, step(text("Hi"), key="a/b c"))

    assert form[-1] == ("StatusCallback", "https://hooks.example.com/in/a?x=1&key=a%2Fb+c")


@pytest.mark.parametrize(
    ("seconds", "sent"),
    [(90, [("ValidityPeriod", "90")]), (35_999, [("ValidityPeriod", "35999")]), (36_000, [])],
)
def test_what_expires_has_a_validity_period_counted_from_the_steps_own_time(sms, step, seconds, sent):
    plain = step(text("Hi"))

    form = sent_form(sms, plain.replace(expires_at=plain.now + dt.timedelta(seconds=seconds)))

    assert form == [*HEAD, ("Body", "Hi"), *TAIL, *sent]


def test_what_has_expired_does_not_leave(sms, step):
    expired = step(text("Hi"))

    with pytest.raises(cb.SendError) as refused:
        drive(sms.send(expired.replace(expires_at=expired.now)))

    assert refused.value.code == "expired"


def test_overrides_add_twilios_own_fields(sms, step):
    override = {"ShortenUrls": True, "SendAsMms": True, "PersistentAction": ["a", "b"], "ValidityPeriod": 60}
    short = step(text("Hi"), override=override)

    form = sent_form(sms, short.replace(expires_at=short.now + dt.timedelta(seconds=90)))

    added = [("ShortenUrls", "true"), ("SendAsMms", "true"), ("PersistentAction", "a")]
    added += [("PersistentAction", "b"), ("ValidityPeriod", "60")]
    assert form == [*HEAD, ("Body", "Hi"), *TAIL, *added]


def test_overrides_of_content_replace_all_of_it_and_never_the_sender(sms, step):
    override = {"ContentSid": TEMPLATE, "ContentVariables": {"1": "Ann"}, "From": "+12025550199"}

    form = sent_form(sms, step(picture(caption="Hi"), override=override))

    assert form == [*HEAD, ("ContentSid", TEMPLATE), ("ContentVariables", '{"1": "Ann"}'), *TAIL]


@pytest.mark.parametrize(
    ("encoding", "words", "sent"),
    [
        ("auto", "It’s “fine”…", "It’s “fine”…"),
        ("smart", "It’s “fine”…", 'It\'s "fine"...'),
        ("smart", "It’s 好", "It’s 好"),
        ("gsm7", "It’s", "It's"),
    ],
)
def test_smart_encoding_is_applied_where_it_saves_the_whole_text(make, step, encoding, words, sent):
    form = sent_form(make(encoding=encoding), step(text(words)))

    assert ("Body", sent) in form


@pytest.mark.parametrize(
    ("over", "part", "code"),
    [
        ({"encoding": "gsm7"}, text("好"), "unsupported_content"),
        ({"encoding": "smart"}, text("…" * 1000), "too_large"),
        ({}, picture(url=""), "unsupported_content"),
        ({}, cb.Location(lat=1, lon=2), "unsupported_content"),
        ({"sender": ""}, text("Hi"), "invalid_request"),
    ],
)
def test_what_cannot_go_is_refused_before_the_network(make, step, over, part, code):
    with pytest.raises(cb.SendError) as refused:
        drive(make(**over).send(step(part)))

    assert refused.value.code == code


def test_a_message_that_twilio_takes_and_fails_at_once_has_failed(sms, step):
    answer = ok(sid=SID, error_code=30007, error_message="filtered")

    with pytest.raises(cb.SendError) as refused:
        drive(sms.send(step(text("Hi"))), answer)

    assert refused.value.code == "policy_rejected"


def test_a_dry_run_gets_by_with_a_stand_in(sms, step):
    sent, _ = drive(sms.send(step(text("Hi"))), cb.HttpResponse(placeholder=True))

    assert sent == cb.Sent("<sid>")


# before it is planned


def problems(channel, message: cb.Message) -> list[str]:
    return [str(error).partition(":")[0] for error in channel.validate(message)]


@pytest.mark.parametrize(
    ("over", "message", "paths"),
    [
        ({}, cb.Message.text("Hi"), []),
        ({}, cb.Message.template(TEMPLATE, language="en", parameters={"1": "Ann"}), []),
        ({}, cb.Message.template("order_shipped", language="en"), ["parts[0].name"]),
        (
            {},
            cb.Message.template(TEMPLATE, language="en", parameters={"1": None, "2": ["x"], "3": True}),
            ["parts[0].parameters.1", "parts[0].parameters.2", "parts[0].parameters.3"],
        ),
        ({"encoding": "gsm7"}, cb.Message.text("It’s"), []),
        ({"encoding": "gsm7"}, cb.Message.text("好"), ["parts[0].text"]),
        ({"encoding": "gsm7"}, cb.Message.image(PHOTO, caption="好"), ["parts[0].caption.text"]),
        ({}, cb.Message.text("Hi", overrides={"sms": {"To": "x", "SendAsMms": True}}), ["overrides.sms.To"]),
        ({}, cb.Message.text("Hi", overrides={"sms": "x", "whatsapp": {}}), ["overrides.sms"]),
        ({"sender": ""}, cb.Message.text("Hi"), ["the account cannot send"]),
    ],
)
def test_what_only_this_plugin_knows_is_checked_with_its_path(make, over, message, paths):
    assert problems(make(**over), message) == paths


# the credential


def basic(user: str, secret: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"


def test_requests_are_signed_with_the_token_or_the_api_key(make, step):
    request = cb.HttpRequest.get(URL)

    by_token = make().sign(request, None)
    by_key = make(api_key_sid="SKTEST", api_key_secret=cb.Secret("key-secret")).sign(request, None)

    token = "f00dfeedc0ffee00d15ea5e0facade42"
    assert by_token.headers["authorization"] == basic("AC00000000000000000000000000000001", token)
    assert by_key.headers["authorization"] == basic("SKTEST", "key-secret")


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://api.twilio.com/2010-04-01/x", True),
        ("http://127.0.0.1:8000/2010-04-01/x", True),
        ("http://api.twilio.com/2010-04-01/x", False),
        ("https://api.twilio.com.example.com/x", False),
        ("https://api.twilio.com@example.com/x", False),
        ("https://media.example.com/x", False),
        ("http://127.0.0.1:8001/x", False),
    ],
)
def test_the_credential_goes_to_the_api_alone(make, url, signed):
    request = make(base_url="http://127.0.0.1:8000").sign(cb.HttpRequest.get(url), None)

    assert ("authorization" in request.headers) == signed


def test_no_request_of_a_flow_holds_the_credential(sms, step):
    _, [request] = drive(sms.send(step(text("Hi"))), ok(sid=SID))

    assert "authorization" not in request.headers
    assert b"f00dfeed" not in request.content


def test_a_received_file_is_streamed_into_the_store(sms):
    blob = cb.Media(blob="TESTBLOB", mime="image/jpeg")

    content, [request] = drive(sms.fetch(cb.Media(url=PHOTO)), cb.HttpResponse(blob=blob))

    assert content == cb.Content(media=blob)
    assert (request.url, request.stream) == (PHOTO, True)


def test_a_file_that_is_gone_says_so(sms):
    gone = cb.HttpResponse(status=404, body=b'{"code": 20404, "message": "not found", "status": 404}')

    with pytest.raises(cb.SendError) as refused:
        drive(sms.fetch(cb.Media(url=PHOTO)), gone, channel=sms)

    assert refused.value.code == "target_gone"
