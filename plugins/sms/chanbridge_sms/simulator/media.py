"""Files of MMS: behind the account's credential; if asked for, then on another host that must not see it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import TYPE_CHECKING

import chanbridge as cb
from chanbridge.sandbox import Call, File, Route, basic
from chanbridge_sms.simulator.rest import API, Refused, gone, page
from chanbridge_sms.simulator.state import Account, Record

if TYPE_CHECKING:
    from chanbridge_sms.simulator import TwilioSimulator

PATH = f"/{API}/Accounts/{{account}}/Messages/{{sid}}/Media"
LINK_SECONDS = 4 * 3600


class Files:
    """The files of messages."""

    def __init__(self, simulator: TwilioSimulator) -> None:
        self._simulator = simulator

    def routes(self) -> Iterable[Route]:
        """The calls about files."""
        return [
            Route("GET", f"{PATH}.json", "media.list", self._list),
            Route("GET", f"{PATH}/{{media}}.json", "media.get", self._get),
            Route("DELETE", f"{PATH}/{{media}}.json", "media.delete", self._delete),
            Route("GET", f"{PATH}/{{media}}", "media.download", self._redirect, public=True),
            Route("DELETE", f"{PATH}/{{media}}", "media.delete", self._delete),
            Route("GET", "/cdn/{account}/{sid}/{media}", "media.cdn", self._serve, public=True),
        ]

    def _list(self, call: Call) -> cb.HttpResponse:
        _, record = self._simulator.messages.find(call)
        found = [record.media_node(sid) for sid in record.media]
        return page("media_list", found, call.request.query, call.request.path)

    def _get(self, call: Call) -> cb.HttpResponse:
        return cb.HttpResponse.of_json(self._find(call)[1].media_node(call.params["media"]))

    def _delete(self, call: Call) -> cb.HttpResponse:
        _, record, _ = self._find(call)
        del record.media[call.params["media"]]
        return gone()

    def _redirect(self, call: Call) -> cb.HttpResponse:
        account, record, file = self._find(call)
        if account.media_auth:
            self._simulator.admit(call)
        if not self._simulator.separate_cdn:
            return _content(file)
        expires = self._simulator.clock.seconds + LINK_SECONDS
        media = call.params["media"]
        seal = _seal(account, media, str(expires))
        host = self._simulator.base_url.replace("127.0.0.1", "localhost")
        url = f"{host}/cdn/{account.sid}/{record.sid}/{media}?Expires={expires}&Signature={seal}"
        return cb.HttpResponse(status=307, headers=cb.Headers({"location": url}))

    def _serve(self, call: Call) -> cb.HttpResponse:
        if basic(call.request)[0]:
            text = "Only one way to authorise a request is allowed."
            return cb.HttpResponse.text(text, status=400)
        account, _, file = self._find(call)
        expires = call.request.query.get("Expires", "0")
        right = cb.same(
            call.request.query.get("Signature", ""), _seal(account, call.params["media"], expires)
        )
        if not right or int(expires) <= self._simulator.clock.seconds:
            return cb.HttpResponse.text("The link is wrong or has expired.", status=403)
        return _content(file)

    def _find(self, call: Call) -> tuple[Account, Record, File]:
        account, record = self._simulator.messages.find(call)
        if call.params["media"] not in record.media:
            raise Refused(20404, call.request.path)
        return account, record, record.media[call.params["media"]]


def _content(file: File) -> cb.HttpResponse:
    headers = {"content-type": file.mime}
    if file.filename:
        headers["content-disposition"] = f'inline; filename="{file.filename}"'
    return cb.HttpResponse(headers=cb.Headers(headers), body=file.data)


def _seal(account: Account, media: str, expires: str) -> str:
    return hmac.new(account.token.encode(), f"{media}|{expires}".encode(), hashlib.sha256).hexdigest()[:32]
