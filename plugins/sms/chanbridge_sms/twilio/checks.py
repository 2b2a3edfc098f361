"""What `chanbridge doctor` asks Twilio: is the credential good, the number ours, its webhook right?"""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

import chanbridge as cb
from chanbridge_sms.addresses import kind
from chanbridge_sms.config import SmsConfig
from chanbridge_sms.twilio.outbound import NO_SENDER, account_url


def check(config: SmsConfig, webhook_url: str) -> cb.Flow[list[cb.Finding]]:
    """Give what is well and what is not, each with its mend."""
    try:
        answer = yield cb.HttpRequest.get(f"{account_url(config)}.json")
    except cb.SendError as error:
        return [_finding("error", f"Twilio refuses the credential ({error.code})", "account_sid, auth_token")]
    found = [_account(answer.json(_Account)), *_webhook(webhook_url)]
    if not (config.sender or config.service):
        found.append(_finding("warning", "the account only receives", NO_SENDER))
    if kind(config.number) == "phone":
        query = {"PhoneNumber": config.number}
        answer = yield cb.HttpRequest.get(f"{account_url(config)}/IncomingPhoneNumbers.json", **query)
        found += _number(answer.json(_Numbers), config, webhook_url)
    return found


def _finding(level: str, what: str, mend: str = "") -> cb.Finding:
    return cb.Finding(level=level, what=what, mend=mend)  # type: ignore[arg-type]


def _account(account: _Account) -> cb.Finding:
    if account.status == "active":
        trial = " (a trial: it reaches verified numbers only)" if account.type == "Trial" else ""
        return _finding("ok", f"the account is active{trial}")
    return _finding("error", f"the account is {account.status}", "see the Console's first page")


def _webhook(url: str) -> list[cb.Finding]:
    if not url:
        return [_finding("warning", "no webhook URL is known: no messages, no reports", "set public_url")]
    if "_" in (urlsplit(url).hostname or ""):
        mend = "use a host name without _ in public_url"
        return [_finding("error", "Twilio refuses status callbacks to a host name with _", mend)]
    return []


def _number(numbers: _Numbers, config: SmsConfig, webhook_url: str) -> list[cb.Finding]:
    if not numbers.incoming_phone_numbers:
        return [_finding("error", "the sender is no number of this account", "set sender to one that is")]
    number = numbers.incoming_phone_numbers[0]
    found = []
    if not number.capabilities.get("sms", False):
        found.append(_finding("error", "the number cannot send SMS", "choose another sender"))
    if config.mms != "never" and not number.capabilities.get("mms", False):
        found.append(_finding("warning", "the number cannot send MMS", "set mms = 'never'"))
    if webhook_url and number.sms_url.partition("#")[0] != webhook_url and not config.service:
        mend = f"in the Console, set the number's 'A message comes in' to {webhook_url}"
        found.append(_finding("warning", "the number's webhook is another URL", mend))
    return found or [_finding("ok", "the number is ours, and its webhook reaches us")]


class _Account(msgspec.Struct):
    status: str
    type: str = ""


class _Number(msgspec.Struct):
    sms_url: str = ""
    capabilities: dict[str, bool] = {}


class _Numbers(msgspec.Struct):
    incoming_phone_numbers: list[_Number] = []
