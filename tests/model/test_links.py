"""What a link may not begin with: the published schema alone refuses it, and nothing that `check` accepts."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import chanbridge as cb
from chanbridge.model import links
from chanbridge.model.check import problems
from chanbridge.model.codec import to_wire
from chanbridge.model.rules import RULES, _action, _link, _media
from chanbridge.model.validate import validate

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "message.json").read_text())
PUBLISHED = Draft202012Validator(SCHEMA)
HOLDERS = {
    cb.Action: lambda url: cb.Text(text="Hi", actions=(cb.Action(kind="url", label="Go", url=url),)),
    cb.Form: lambda url: cb.Form(ref="form-TEST", url=url),
    cb.Link: lambda url: cb.Link(url=url),
    cb.Location: lambda url: cb.Location(lat=0, lon=0, url=url),
    cb.Payment: lambda url: cb.Payment(url=url),
    cb.Product: lambda url: cb.Product(url=url),
}
REST = st.sampled_from(["", "x", "//x", "//example.com/x", "///x", "//ann:pw@example.com/", "text/html,x"])
SCHEMES = st.sampled_from([*links.OPENED, *links.RUNS, "shop", "ftp", "xdata", "javascripts", ""])
PIECES = st.sampled_from(["", "", "\t", "\n", "\r", " ", "\x00", "\x0b", ":"])


@st.composite
def urls(draw):
    scheme = "".join(draw(st.sampled_from([char, char.upper()])) + draw(PIECES) for char in draw(SCHEMES))
    return draw(PIECES) + scheme + draw(st.sampled_from([":", ""])) + draw(REST)


def refused(part):
    return not PUBLISHED.is_valid(to_wire(cb.Message.of(part)))


def test_the_schema_speaks_of_every_link_that_has_a_rule():
    ruled = {cls for cls, rules in RULES.items() if {_link, _action} & set(rules)}
    files = {cls.__name__ for cls, rules in RULES.items() if _media in rules} - {"LocalFile"}
    named = {
        name: definition["properties"]["url"]["$ref"].rpartition("/")[2]
        for name, definition in SCHEMA["$defs"].items()
        if "$ref" in definition.get("properties", {}).get("url", {})
    }

    assert ruled == set(HOLDERS)
    assert named == {cls.__name__: "OpenedUrl" for cls in ruled} | dict.fromkeys(files, "FileUrl")


@pytest.mark.parametrize("holder", HOLDERS.values(), ids=lambda holder: type(holder("")).__name__)
@pytest.mark.parametrize("scheme", links.RUNS)
def test_what_runs_or_reads_something_is_refused_by_the_schema_alone(holder, scheme):
    spelt = f" {scheme[0]}\n{scheme[1:].upper()}\t"

    assert refused(holder(f"{scheme}:x"))
    assert refused(holder(f"{scheme}://example.com/x"))
    assert refused(holder(f"{spelt}:x"))


@pytest.mark.parametrize(
    "url", ["file:///etc/hosts", "data:image/png;base64,AA==", "ftp://e.com/x", "mug.png"]
)
def test_a_file_is_named_by_a_web_address(url):
    assert refused(cb.MediaPart(role="image", media=cb.Media(url=url)))


@given(urls(), st.sampled_from(list(HOLDERS.values())))
def test_the_schema_refuses_no_link_that_check_accepts(url, holder):
    part = holder(url)

    assert not refused(part) or problems(cb.Message.of(part))


@given(urls())
@example("\tfile:")
@example("\nfile:///tmp/x")
@example(" FILE:///tmp/x")
@example("\x00file:///tmp/x")
@example("fi\tle:///tmp/x")
def test_the_schema_refuses_no_file_that_check_accepts(url):
    part = cb.MediaPart(role="image", media=cb.Media(url=url))

    assert not refused(part) or problems(cb.Message.of(part))


def test_a_refusal_says_what_a_link_may_begin_with():
    link, file = cb.Link(url="javascript:x"), cb.MediaPart(role="image", media=cb.Media(url="ftp://e.com/x"))

    assert validate(to_wire(cb.Message.of(link, file)), "message") == [
        f"parts[0].url: {links.NO_LINK}",
        f"parts[1].media.url: {links.NO_FILE}",
    ]


def test_what_came_in_is_an_event_whatever_it_links_to():
    sender = cb.Contact(address="sms:+12025550123")
    event = cb.MessageReceived.of(
        cb.Location(lat=0, lon=0, url="javascript:x"), sender=sender, account="main", id="event-TEST-1"
    )

    assert validate(to_wire(event), "event") == []
