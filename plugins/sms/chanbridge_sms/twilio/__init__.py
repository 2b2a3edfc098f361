"""Twilio Programmable Messaging."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import urlsplit

import chanbridge as cb
from chanbridge_sms.limits import records
from chanbridge_sms.provider import Provider
from chanbridge_sms.twilio import checks, errors, inbound, outbound, signature

TWIML = "<Response/>"
API = "https://api.twilio.com/"


class Twilio(Provider):
    """One Twilio account, or one number or Messaging Service of it."""

    hosts = ("api.twilio.com",)

    def verify(self, request: cb.HttpRequest) -> None:
        config = self.config
        keys = (config.auth_token, config.auth_token_secondary, config.webhook_key)
        signature.check(request, keys, self.account.webhook_url)

    def parse(self, request: cb.HttpRequest) -> Iterable[cb.Found]:
        return inbound.parse(request, self.config)

    def owns(self, account_id: str) -> bool:
        return inbound.owned(account_id, self.config)

    def acknowledge(self) -> cb.HttpResponse:
        # Twilio sends a text/plain answer to the customer, as a text message
        return cb.HttpResponse.text(TWIML, content_type="text/xml")

    def capabilities(self) -> dict[str, cb.Capabilities]:
        return records(self.config)

    def validate(self, message: cb.Message) -> Iterable[cb.ValidationError]:
        return outbound.validate(message, self.config)

    def send(self, step: cb.Step) -> cb.Flow[cb.Sent]:
        return outbound.send(step, self.config, self.account.webhook_url)

    def fetch(self, media: cb.Media) -> cb.Flow[cb.Content]:
        response = yield cb.HttpRequest.get(media.url).download()
        if response.blob is None:
            raise cb.SendError("media_unavailable", detail="Twilio sent no file")
        return cb.Content(media=response.blob)

    def check(self) -> cb.Flow[list[cb.Finding]]:
        return checks.check(self.config, self.account.webhook_url)

    def sign(self, request: cb.HttpRequest) -> cb.HttpRequest:
        """Add HTTP Basic, for the API alone: a media link may redirect anywhere."""
        if not (request.url.startswith(API) or _origin(request.url) == _origin(self.config.base_url)):
            return request
        config = self.config
        if config.api_key_sid and config.api_key_secret:
            user, secret = config.api_key_sid, config.api_key_secret
        else:
            user, secret = config.account_sid, config.auth_token
        credential = base64.b64encode(f"{user}:{secret.reveal()}".encode()).decode()
        return request.with_headers(authorization=f"Basic {credential}")

    def error(self, response: cb.HttpResponse) -> cb.SendError | None:
        return errors.of_response(response)


def _origin(url: str) -> tuple[str, str]:
    parsed = urlsplit(url)
    return parsed.scheme, parsed.netloc
