"""Routes, forms and credentials: pure."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanbridge.http import Headers, HttpRequest, HttpResponse
from chanbridge.sandbox import Route, basic, bearer, multipart
from chanbridge.sandbox.routing import Router, body_fields


def answer(call: object) -> HttpResponse:
    return HttpResponse()


def found(method: str, path: str, *routes: str) -> object:
    router = Router(
        Route(method, path, name, answer) for name, method, path in (route.split() for route in routes)
    )
    match = router.find(method, path)
    return match and (match[0].name, match[1])


def test_the_first_route_that_fits_is_taken() -> None:
    routes = ("fixed GET /a/b", "any GET /a/{x}", "json GET /{account}/Messages/{sid}.json")

    assert found("GET", "/a/b", *routes) == ("fixed", {})
    assert found("GET", "/a/c/", *routes) == ("any", {"x": "c"})
    assert found("GET", "/AC1/Messages/SM1.json", *routes) == ("json", {"account": "AC1", "sid": "SM1"})
    assert found("POST", "/a/b", *routes) is None
    assert found("GET", "/a/b/c", *routes) is None


def form(**files: tuple[str, bytes, str]) -> HttpRequest:
    """A multipart request, as another client writes it."""
    theirs = httpx.Request("POST", "http://x/", files=files, data={"type": "image/png"})
    headers = Headers({"content-type": theirs.headers["content-type"]})
    return HttpRequest(method="POST", url="http://x/", headers=headers, body=theirs.read())


@given(st.binary())
def test_a_file_arrives_byte_for_byte(data: bytes) -> None:
    [text, file] = multipart(form(file=("box.png", data, "image/png")))

    assert (file.name, file.filename, file.content_type, file.data) == ("file", "box.png", "image/png", data)
    assert (text.name, text.text) == ("type", "image/png")


@pytest.mark.parametrize("name", ["箱子.png", "a b.png", 'quo"te.png', "semi;colon.png"])
def test_a_files_name_arrives_as_it_was(name: str) -> None:
    [_, file] = multipart(form(file=(name, b"1", "image/png")))

    assert file.filename.replace("%22", '"') == name


def test_a_name_in_the_extended_notation_is_decoded() -> None:
    body = b"--X\r\nContent-Disposition: form-data; name=f; filename*=UTF-8''%C3%A9.png\r\n\r\n1\r\n--X--\r\n"
    request = HttpRequest(
        method="POST",
        url="http://x/",
        headers=Headers({"content-type": "multipart/form-data; boundary=X"}),
        body=body,
    )

    assert multipart(request)[0].filename == "é.png"


def test_what_is_no_form_has_no_fields() -> None:
    json = HttpRequest.post_json("http://x/", ["not an object"])
    broken = HttpRequest(method="POST", url="http://x/", body=b"\xff{")

    assert (body_fields(json), body_fields(broken), multipart(json)) == ({}, {}, [])


@pytest.mark.parametrize(
    ("header", "token", "pair"),
    [
        ("Bearer T1", "T1", ("", "")),
        ("OAuth T1", "T1", ("", "")),
        ("Basic YTpiOmM=", "", ("a", "b:c")),
        ("Basic ???", "", ("", "")),
        ("Basic /w==", "", ("", "")),
        ("", "", ("", "")),
    ],
)
def test_a_credential_is_read(header: str, token: str, pair: tuple[str, str]) -> None:
    request = HttpRequest.get("http://x/").with_headers(authorization=header)

    assert (bearer(request), basic(request)) == (token, pair)
