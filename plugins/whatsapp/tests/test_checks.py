"""``doctor``: what is wrong with an account, and the mend."""

from __future__ import annotations

import pytest

import chanbridge as cb
from chanbridge.testing import drive, ok

HEALTHY = ok(display_phone_number="+1 202-555-0100", verified_name="Example", quality_rating="GREEN")
SUBSCRIBED = ok(data=[{"whatsapp_business_api_data": {"id": "300", "name": "Test app"}}])


def refused(code: int) -> cb.HttpResponse:
    return cb.HttpResponse.of_json({"error": {"code": code, "message": "refused"}}, status=400)


def found(channel, *answers: cb.HttpResponse) -> list[cb.Finding]:
    return drive(channel.check(), *answers, channel=channel).result


def test_a_healthy_account_has_nothing_to_mend(channel):
    result, [health, apps] = drive(channel.check(), HEALTHY, SUBSCRIBED, channel=channel)

    assert [finding.level for finding in result] == ["ok", "ok"]
    assert health.path == "/v26.0/100000000000001"
    assert "quality_rating" in health.query["fields"]
    assert apps.path == "/v26.0/200000000000001/subscribed_apps"


def test_a_dead_token_is_named_with_its_mend(channel):
    [finding] = found(channel, refused(190))

    assert finding.level == "error"
    assert "access_token" in finding.mend


def test_an_unknown_number_is_not_blamed_on_the_token(channel):
    [finding] = found(channel, refused(33))

    assert "compare phone_number_id" in finding.mend


@pytest.mark.parametrize(("rating", "level"), [("YELLOW", "warning"), ("RED", "error")])
def test_poor_quality_is_told(channel, rating, level):
    findings = found(channel, ok(quality_rating=rating), SUBSCRIBED)

    assert [finding.level for finding in findings] == ["ok", level, "ok"]


def test_a_number_that_is_not_connected_is_told(channel):
    findings = found(channel, ok(status="PENDING"), SUBSCRIBED)

    assert findings[1].level == "error"
    assert "register" in findings[1].mend


def test_a_missing_subscription_is_told(channel):
    findings = found(channel, HEALTHY, ok(data=[]))

    assert findings[-1].level == "error"
    assert "subscribed_apps" in findings[-1].mend


def test_the_subscription_of_another_app_is_not_ours(account):
    findings = found(account(app_id="301"), HEALTHY, SUBSCRIBED)

    assert findings[-1].level == "error"


def test_without_a_business_account_only_the_number_is_checked(account):
    findings = found(account(waba_id=""), HEALTHY)

    assert [finding.level for finding in findings] == ["ok", "warning"]
    assert "waba_id" in findings[1].mend
