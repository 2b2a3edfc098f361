"""A message is checked once, with the path and the rule of what is wrong."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge.model.check import check, problems, with_ids
from chanbridge.model.parts import PARTS

IMAGE = cb.Media(url="https://example.com/mug.png", mime="image/png")
NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
ANN = cb.Contact(address="whatsapp:+12025550123")


def only(part: cb.Part, **fields: object) -> cb.Message:
    return cb.Message.of(part, **fields)


def action(**fields: object) -> cb.Message:
    return cb.Message.text("Hi", buttons=[cb.Action(**{"label": "Go", **fields})])


GOOD = [
    cb.Message.text("Hi", buttons=["Yes"], quick_replies=["No"], locale="pt-BR", metadata={"case": "7"}),
    cb.Message.text("Hi", overrides={"whatsapp": {"type": "text"}}, extra={"x-a": [1, None, {"b": 2.5}]}),
    cb.Message.text("Hi", not_before=NOW, expires_at=NOW + dt.timedelta(hours=1), sender=ANN),
    cb.Message.image(IMAGE, caption="A mug"),
    cb.Message.file("notes.pdf"),
    cb.Message.location(90, -180, name="Pole"),
    cb.Message.menu("Pick", ["Red", "Blue"]),
    cb.Message.template("hello", language="en", preview="Hello"),
    action(kind="url", url="https://example.com"),
    *(
        action(kind="url", url=url)
        for url in (
            "mailto:ann@example.com",
            "tel:+12025550100",
            "sms:+12025550100",
            "geo:1,2",
            "shop://order/7",
        )
    ),
    only(cb.Link(url="http://example.com")),
    action(kind="call", phone="+12025550100"),
    action(kind="teleport"),
    only(cb.OtherPart(type="hologram", fallback_text="A hologram")),
    only(cb.UnsupportedPart(provider_type="ephemeral", raw=cb.Raw(body="{}"))),
    only(cb.Text(text="Hi there", entities=[cb.Entity(type="bold", start=0, end=8)])),
    only(cb.MediaPart(role="image", media=cb.Media(provider_id="7", auth="channel"))),
]

NO_LINK = "url: must begin with http:, https:, mailto:, tel:, sms:, geo: or an app's own ://"
RUN = [
    "javascript:alert(1)", "JAVASCRIPT://%0aalert(1)", "java\nscript:alert(1)", "data:text/html,x",
    "vbscript:x", "file:///etc/hosts", "file://host/x", "shop:order",
]  # fmt: skip

BAD = [
    (cb.Message(parts=()), "parts: must not be empty"),
    (cb.Message(parts="Hi"), "parts: must be a tuple, not str"),
    (cb.Message(parts=("Hi",)), "parts[0]: must be a Part, not str"),
    (only(cb.Part()), "parts[0]: must be of a kind of part: Text, MediaPart, ..."),
    (cb.Message.text(5), "parts[0].text: must be a string, not int"),
    (cb.Message.text(""), "parts[0].text: must not be empty"),
    (cb.Message.text("a\0b"), "parts[0].text: must hold no NUL character"),
    (cb.Message.text("Hi", buttons=["a\0b"]), "parts[0].actions[0].label: must hold no NUL character"),
    (cb.Message.text("\ud83d"), "parts[0].text: must be valid Unicode: it holds half of a surrogate pair"),
    (
        only(cb.Text(text="Hi", entities=(cb.Entity(type="bold", start=0, end=3),))),
        "parts[0].entities[0].end: must be within the text, which has 2 code points",
    ),
    (
        only(cb.Text(text="Hi", entities=(cb.Entity(type="bold", start=1, end=1),))),
        "parts[0].entities[0].end: must be greater than start",
    ),
    (
        cb.Message.image(cb.Media()),
        "parts[0].media: must have exactly one of url, provider_id, blob and data, has none of them",
    ),
    (
        cb.Message.image(cb.Media(url="https://example.com/x", blob="b")),
        "parts[0].media: must have exactly one of url, provider_id, blob and data, has url and blob",
    ),
    (
        cb.Message.image(cb.Media(url="https://example.com/mug.png", size=0)),
        "parts[0].media.size: the file is empty: send one that has something in it",
    ),
    (cb.Message.image(cb.Media(data=b"x" * 65537)), "parts[0].media.data: must be at most 65536 long"),
    (
        cb.Message.image(cb.Media(url="mug.png")),
        "parts[0].media.url: must be a whole URL, as in https://example.com/mug.png",
    ),
    (cb.Message.image(cb.Media(url="https://[")), "parts[0].media.url: must be a URL"),
    (
        cb.Message.image(cb.Media(url="https://ann:hunter2@example.com/x")),
        "parts[0].media.url: must hold no password: use auth='channel' with provider_id",
    ),
    *(
        (cb.Message.image(cb.Media(url=url)), "parts[0].media.url: must begin with http: or https:")
        for url in ("data:image/png;base64,AA==", "ftp://example.com/x", "JavaScript:alert(1)", "tel:+1")
    ),
    (
        cb.Message.image(cb.Media(url="https:mug.png")),
        "parts[0].media.url: must be a whole URL, as in https://example.com/mug.png",
    ),
    *((action(kind="url", url=url), f"parts[0].actions[0].{NO_LINK}") for url in RUN),
    (only(cb.Link(url="javascript:alert(1)")), f"parts[0].{NO_LINK}"),
    (only(cb.Form(url="data:text/html,x")), f"parts[0].{NO_LINK}"),
    (only(cb.Location(lat=0, lon=0, url="vbscript:x")), f"parts[0].{NO_LINK}"),
    (cb.Message.location(90.1, 0), "parts[0].lat: must be 90 or less"),
    (cb.Message.location(0, -180.5), "parts[0].lon: must be -180 or more"),
    (cb.Message.location(float("nan"), 0), "parts[0].lat: must be finite"),
    (cb.Message.location(True, 0), "parts[0].lat: must be a number, not bool"),
    (action(label=""), "parts[0].actions[0].label: must not be empty"),
    (action(payload="x" * 2049), "parts[0].actions[0].payload: must be at most 2048 long"),
    (action(kind="url"), "parts[0].actions[0].url: is required for an action of kind url"),
    (
        action(kind="url", url="example.com"),
        "parts[0].actions[0].url: must be a whole URL, as in https://example.com/mug.png",
    ),
    (action(kind="call"), "parts[0].actions[0].phone: is required for an action of kind call"),
    (action(kind="calendar"), "parts[0].actions[0].event: is required for an action of kind calendar"),
    (action(disabled=1), "parts[0].actions[0].disabled: must be true or false, not int"),
    (
        action(id="a").replace(quick_replies=(cb.Action(id="a", label="Go"),)),
        "quick_replies[0].id: 'a' is taken by parts[0].actions[0]: give each its own",
    ),
    (
        cb.Message.of(cb.Text(text="a", id="t"), cb.Text(text="b", id="t")),
        "parts[1].id: 't' is taken by parts[0]: give each its own",
    ),
    (cb.Message.menu("Pick", []), "parts[0].sections[0].items: must not be empty"),
    (cb.Message.menu("Pick", [""]), "parts[0].sections[0].items[0].title: must not be empty"),
    (only(cb.Card()), "parts[0]: must have a title, a body or media"),
    (only(cb.Carousel(cards=(cb.Text(text="x"),))), "parts[0].cards[0]: must be a Card, not Text"),
    (only(cb.Form()), "parts[0]: must have a ref, fields or a url"),
    (only(cb.Poll(question="?", options=())), "parts[0].options: must not be empty"),
    (only(cb.Link(url="example.com")), "parts[0].url: must be a whole URL, as in https://example.com/mug.png"),
    (only(cb.Order(items=(cb.LineItem(sku="m", qty=0),))), "parts[0].items[0].qty: must be greater than 0"),
    (
        only(cb.Order(total=cb.Money(currency="eur", minor=5))),
        "parts[0].total.currency: must match ^[A-Z]{3}$, as in EUR",
    ),
    (only(cb.Poll(question="?", options=[cb.PollOption(label="a", votes=1.5)])),
     "parts[0].options[0].votes: must be a whole number, not float"),
    (
        only(cb.OtherPart(type="hologram")),
        "parts[0].fallback_text: is required, since not every reader knows parts of kind 'hologram'",
    ),
    (only(cb.OtherPart(type="text", fallback_text="x")), "parts[0].kind: 'text' is known: use Text"),
    (
        only(cb.UnsupportedPart(provider_type="ephemeral")),
        "parts[0].raw: is required: nothing that came in is lost",
    ),
    (
        cb.Message.text("Hi", alternatives=(cb.Alternative(parts=()),)),
        "alternatives[0].parts: must not be empty",
    ),
    (
        cb.Message.text("Hi", metadata={"a": "é" * 2048}),
        "metadata: must be at most 4096 bytes in all, is 4097",
    ),
    (cb.Message.text("Hi", metadata={"a": 1}), "metadata.a: must be a string, not int"),
    (cb.Message.text("Hi", metadata={1: "a"}), "metadata: must have strings as keys, not int"),
    (cb.Message.text("Hi", metadata=[]), "metadata: must be a dict, not list"),
    (cb.Message.text("Hi", idempotency_key="k" * 129), "idempotency_key: must be at most 128 long"),
    (
        cb.Message.text("Hi", locale="pt_BR"),
        "locale: must match ^$|^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$, as in pt-BR",
    ),
    (
        cb.Message.text("Hi", expires_at=NOW.replace(tzinfo=None)),
        "expires_at: must have a zone: give it tzinfo=dt.UTC",
    ),
    (cb.Message.text("Hi", expires_at="soon"), "expires_at: must be a datetime, not str"),
    (cb.Message.text("Hi", not_before=NOW, expires_at=NOW), "expires_at: must be later than not_before"),
    (
        cb.Message.text("Hi", sender=cb.Contact(address="+12025550123")),
        "sender.address: must match ^[^:]+:., as in sms:+12025550123",
    ),
    (
        cb.Message.text("Hi", overrides={"line": "x"}),
        "overrides.line: must be an object: the native payload for this channel",
    ),
    (cb.Message.text("Hi", extra={"x-a": [{1}]}), "extra.x-a[0]: must be a JSON value, not set"),
    (cb.Message.text("Hi", extra={"locale": "en"}), "extra.locale: is a field of Message: set it there"),
    (only(cb.Text(text="Hi", extra={"kind": "x"})), "parts[0].extra.kind: is a field of Text: set it there"),
]  # fmt: skip


@pytest.mark.parametrize("message", GOOD)
def test_a_good_message_passes(message):
    check(message)
    check(with_ids(message))


@pytest.mark.parametrize(("message", "problem"), BAD, ids=[problem for _, problem in BAD])
def test_a_bad_message_is_refused_with_the_path_and_the_rule(message, problem):
    with pytest.raises(cb.ValidationError) as raised:
        check(message)

    assert str(raised.value) == problem


def test_all_problems_are_given_at_once():
    message = cb.Message.of(cb.Text(text=""), cb.Link(url=""), metadata={"a": 1})

    assert [problem.path for problem in problems(message)] == ["parts[0].text", "parts[1].url", "metadata.a"]


def test_an_alternative_may_use_the_ids_of_the_message_it_stands_for():
    yes = cb.Action(id="yes", label="Yes")
    poorer = cb.Alternative(parts=(cb.Text(text="Well?", id="ask"),), quick_replies=(yes,))

    check(cb.Message.of(cb.Text(text="Well?", id="ask", actions=(yes,)), alternatives=(poorer,)))


def test_an_error_never_quotes_a_message():
    message = cb.Message.text("the secret plan", buttons=[cb.Action(label="", payload="hunter2" * 999)])

    text = "\n".join(map(str, problems(message)))

    assert "secret" not in text
    assert "hunter2" not in text


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from([*PARTS.values(), cb.Message, cb.OtherPart, cb.Action, cb.Media]),
    st.data(),
)
def test_no_value_of_any_field_makes_the_check_itself_fail(cls, data):
    odd = (
        st.none()
        | st.integers()
        | st.text(max_size=3)
        | st.lists(st.integers(), max_size=1)
        | st.builds(object)
    )
    broken = cls(**{name: data.draw(odd) for name in cls.__struct_fields__})
    message = broken if cls is cb.Message else cb.Message(parts=(broken,))

    assert all(isinstance(problem, cb.ValidationError) for problem in problems(message))
