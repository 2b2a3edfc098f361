"""Received files: where they are, and who may see the token on the way."""

from __future__ import annotations

import pytest

import chanbridge as cb
from chanbridge.testing import drive, ok

DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
LINK = "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=900000000000001"
LOCATED = ok(url=LINK, mime_type="image/jpeg", sha256=DIGEST, file_size="3", id="900000000000001")
PHOTO = cb.Media(provider_id="900000000000001", filename="box.jpg", auth="channel")


def downloaded(sha256: str = DIGEST) -> cb.HttpResponse:
    return cb.HttpResponse(blob=cb.Media(blob="b1", size=3, sha256=sha256))


def lapsed(status: int = 404) -> cb.HttpResponse:
    return cb.HttpResponse(status=status, body=b"<html>")


def test_a_file_is_located_and_then_downloaded(channel):
    result, [locate, download] = drive(channel.fetch(PHOTO), LOCATED, downloaded(), channel=channel)

    assert locate.url == ("https://graph.facebook.com/v26.0/900000000000001?phone_number_id=100000000000001")
    assert (download.url, download.stream) == (LINK, True)
    assert download.headers["user-agent"].startswith("chanbridge-whatsapp/")
    assert result.media == cb.Media(blob="b1", size=3, sha256=DIGEST, mime="image/jpeg", filename="box.jpg")


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_lapsed_link_is_asked_for_again(channel, status):
    result, requests = drive(
        channel.fetch(PHOTO), LOCATED, lapsed(status), LOCATED, downloaded(), channel=channel
    )

    assert len(requests) == 4
    assert result.media.blob == "b1"


def test_a_link_that_lapses_twice_is_given_up_without_blaming_the_token(channel):
    with pytest.raises(cb.SendError) as caught:
        drive(channel.fetch(PHOTO), LOCATED, lapsed(401), LOCATED, lapsed(401), channel=channel)

    assert (caught.value.code, caught.value.scope) == ("media_unavailable", "message")


def test_a_busy_file_host_is_left_to_the_core(channel):
    with pytest.raises(cb.SendError, match="channel_unavailable"):
        drive(channel.fetch(PHOTO), LOCATED, lapsed(503), channel=channel)


def test_a_media_id_that_expired_is_gone(channel):
    gone = cb.HttpResponse.of_json({"error": {"code": 100, "error_subcode": 33}}, status=400)

    with pytest.raises(cb.SendError, match="target_gone"):
        drive(channel.fetch(PHOTO), gone, channel=channel)


def test_a_file_that_is_not_the_announced_one_is_refused(channel):
    with pytest.raises(cb.SendError, match="sha256 differs"):
        drive(channel.fetch(PHOTO), LOCATED, downloaded("0" * 64), channel=channel)


def test_a_file_known_by_its_link_needs_no_locating(channel):
    _, [download] = drive(channel.fetch(cb.Media(url=LINK, auth="channel")), downloaded(), channel=channel)

    assert download.url == LINK


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://graph.facebook.com/v26.0/1", True),
        (LINK, True),
        ("https://evil.example/whatsapp_business/", False),
        ("https://graph.facebook.com.evil.example/", False),
        ("http://localhost:8400/v26.0/1", False),
    ],
)
def test_only_the_providers_hosts_see_the_token(channel, url, signed):
    request = channel.sign(cb.HttpRequest.get(url), None)

    assert request.headers.get("authorization") == ("Bearer TEST-token" if signed else None)


def test_a_simulator_sees_the_token_that_was_made_for_it(account):
    channel = account(base_url="http://localhost:8400")

    assert "authorization" in channel.sign(cb.HttpRequest.get("http://localhost:8400/v26.0/1"), None).headers
