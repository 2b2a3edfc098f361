"""The channel: what holds for texts whoever carries them; the rest is asked of the provider."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import chanbridge as cb
from chanbridge_sms import addresses, quiet
from chanbridge_sms.config import PROVIDERS, ProviderName, SmsConfig, problems
from chanbridge_sms.limits import records
from chanbridge_sms.provider import Provider
from chanbridge_sms.twilio import Twilio

_CLASSES: dict[ProviderName, type[Provider]] = {"twilio": Twilio}
_MMS_COUNTRIES = frozenset({"US", "CA"})


class Sms(cb.Channel[SmsConfig]):
    """SMS and MMS over HTTP, by the provider that the configuration names."""

    name = "sms"
    Config = SmsConfig
    methods = ("POST", "GET")
    content_types = ("application/x-www-form-urlencoded", "application/json")
    hosts = tuple(host for name in PROVIDERS for host in _CLASSES[name].hosts)
    capabilities = records()

    def __init__(self, account: cb.Account[SmsConfig]) -> None:
        super().__init__(account)
        if wrong := self.problems(account.config):
            raise cb.ConfigError(*wrong)
        self.provider = _CLASSES[account.config.provider](account)
        self.capabilities = self.provider.capabilities()

    @staticmethod
    def problems(config: SmsConfig) -> list[str]:
        """Give what is wrong with a configuration beyond the type of each key: key, problem, mend."""
        return list(problems(config))

    def owns(self, account_id: str) -> bool:
        return self.provider.owns(account_id)

    def variant(self, to: cb.Conversation) -> str:
        """Name ``mms`` where pictures travel (by default to US and Canada), else ``sms``; or the app."""
        app, _ = addresses.split_app(to.id)
        if app:
            return app
        choice = self.config.mms
        if choice == "auto":
            able = addresses.kind(self.config.number) != "name"
            return "mms" if able and addresses.region(to.id) in _MMS_COUNTRIES else "sms"
        return "mms" if choice == "always" else "sms"

    def normalise(self, id: str) -> str:
        return addresses.normalise(id, self.config.country)

    def recipient(self, id: str) -> str:
        """Write whom a text goes to: names can only send, and our own number is nobody else's."""
        normal = self.normalise(id)
        if addresses.kind(normal) == "name":
            raise cb.ValidationError(
                "to", f"'{normal}' is a name, and names only send: give a number, as in +12025550123"
            )
        if normal == self.config.number:
            raise cb.ValidationError(
                "to", f"{normal} is this account's own number: give another's, as in +12025550123"
            )
        return normal

    def policy(self, policy: cb.Policy) -> cb.Policy:
        """Ask for look-alikes that keep a text GSM-7, where the configuration does."""
        return policy.replace(sms_encoding="smart") if self.config.encoding in ("smart", "gsm7") else policy

    def not_before(self, category: str | None, to: str, now: dt.datetime) -> dt.datetime:
        """Say when a message may go out at the earliest: quiet hours defer it, if they are not to refuse."""
        hours = self.config.quiet_hours
        return self._allowed(category, to, now) if hours and hours.action == "defer" else now

    def _allowed(self, category: str | None, to: str, now: dt.datetime) -> dt.datetime:
        hours = self.config.quiet_hours
        if hours is None or category not in hours.applies_to:
            return now
        return quiet.not_before(hours, to, now)

    def verify(self, request: cb.HttpRequest) -> None:
        self.provider.verify(request)

    def parse(self, request: cb.HttpRequest) -> Iterable[cb.Found]:
        return self.provider.parse(request)

    def acknowledge(self, request: cb.HttpRequest, events: Iterable[cb.Found]) -> cb.HttpResponse:
        return self.provider.acknowledge()

    def validate(self, message: cb.Message) -> Iterable[cb.ValidationError]:
        return self.provider.validate(message)

    def send(self, step: cb.Step) -> cb.Flow[cb.Sent]:
        self._keep_quiet(step)
        return (yield from self.provider.send(step))

    def fetch(self, media: cb.Media) -> cb.Flow[cb.Content]:
        return self.provider.fetch(media)

    def check(self) -> cb.Flow[list[cb.Finding]]:
        return self.provider.check()

    def sign(self, request: cb.HttpRequest, grant: cb.Grant | None) -> cb.HttpRequest:
        return self.provider.sign(request)

    def error(self, response: cb.HttpResponse) -> cb.SendError | None:
        return self.provider.error(response)

    def _keep_quiet(self, step: cb.Step) -> None:
        """Refuse a step that came to quiet hours all the same: `not_before` defers where it may."""
        allowed = self._allowed(step.category, step.to.id, step.now)
        if allowed <= step.now:
            return
        defer = self.not_before(step.category, step.to.id, step.now) > step.now
        raise cb.SendError(
            "policy_rejected",
            detail="it is quiet hours where the recipient is",
            scope="recipient",
            retryable=defer,
            retry_after_s=(allowed - step.now).total_seconds() if defer else None,
            fix="wait",
        )
