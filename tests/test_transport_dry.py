"""A dry run shows every request and no secret."""

from __future__ import annotations

import msgspec

from chanbridge.http import Field, Flow, HttpRequest, MediaBody, Pause
from chanbridge.model.media import Media
from chanbridge.transport.dry import dry_run, request_as_json

BASE = "https://api.pigeon.example"


class Created(msgspec.Struct):
    id: str


def test_each_request_is_answered_by_a_stand_in():
    def flow() -> Flow[None]:
        media = yield HttpRequest.post_json(f"{BASE}/media", {})
        yield Pause(60)
        yield HttpRequest.post_json(f"{BASE}/messages", {"media": media.json(Created).id})

    requests = dry_run(flow())

    assert [request.path for request in requests] == ["/media", "/messages"]
    assert requests[1].json() == {"media": "<id>"}


def test_a_flow_that_asks_until_it_is_ready_ends():
    def flow() -> Flow[None]:
        while (yield HttpRequest.get(f"{BASE}/status")).json(dict[str, str]).get("state") != "ready":
            yield Pause(1)

    assert [request.path for request in dry_run(flow())] == ["/status"]


def test_a_flow_that_only_waits_ends():
    def flow() -> Flow[None]:
        while True:
            yield Pause(1)

    assert dry_run(flow()) == []


def test_a_download_gives_a_file():
    def flow() -> Flow[None]:
        answer = yield HttpRequest.get(f"{BASE}/file").download()
        assert answer.blob is not None
        yield HttpRequest(method="PUT", url=BASE, body=MediaBody(answer.blob))

    assert len(dry_run(flow())) == 2


def test_json_is_shown_as_json_without_credentials():
    request = HttpRequest.post_json(f"{BASE}/m?access_token=topsecret", {"to": "x", "secret": "topsecret"})

    shown = request_as_json(request.with_headers(authorization="Bearer topsecret"))

    assert shown == {
        "method": "POST",
        "url": f"{BASE}/m?access_token=***",
        "headers": {"content-type": "application/json", "authorization": "***"},
        "json": {"to": "x", "secret": "***"},
    }


def test_a_form_is_shown_field_by_field():
    request = HttpRequest.post_form(BASE, [("To", "+12025550123"), ("MediaUrl", "a"), ("MediaUrl", "b")])

    assert request_as_json(request)["form"] == [["To", "+12025550123"], ["MediaUrl", "a"], ["MediaUrl", "b"]]


def test_a_credential_in_a_form_is_masked():
    request = HttpRequest.post_form(BASE, {"refresh_token": "topsecret"})

    assert request_as_json(request)["form"] == [["refresh_token", "***"]]


def test_an_upload_is_described_and_not_read():
    picture = Media(blob="a" * 64, mime="image/jpeg", filename="box.jpg", size=7)
    request = HttpRequest.post_multipart(
        BASE,
        Field(name="product", value="whatsapp"),
        Field(name="raw", value=b"\xff\x00"),
        Field(name="file", value=MediaBody(picture, start=2), filename="b.jpg", content_type="image/jpeg"),
    )

    assert request_as_json(request)["multipart"] == [
        {"name": "product", "value": "whatsapp"},
        {"name": "raw", "value": {"base64": "/wA="}},
        {
            "name": "file",
            "filename": "b.jpg",
            "content_type": "image/jpeg",
            "file": {"blob": "a" * 64, "mime": "image/jpeg", "filename": "box.jpg", "size": 7, "start": 2},
        },
    ]


def test_bytes_that_are_no_text_are_base64():
    assert request_as_json(HttpRequest(method="PUT", url=BASE, body=b"\xff\x00"))["body"] == {
        "base64": "/wA="
    }
    assert request_as_json(HttpRequest(method="PUT", url=BASE, body=b"Hi"))["body"] == "Hi"


def test_a_request_without_a_body_shows_none():
    assert request_as_json(HttpRequest.get(BASE, a=1)) == {"method": "GET", "url": f"{BASE}?a=1"}


def test_what_is_shown_is_json():
    request = HttpRequest(method="PUT", url=BASE, body=MediaBody(Media(data=b"abc"), end=2))

    assert msgspec.json.decode(msgspec.json.encode(request_as_json(request)))["file"] == {"size": 3, "end": 2}
