"""Files: upload, look up, download, delete; resumable uploads of samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import chanbridge as cb
from chanbridge.sandbox import Call, File, Route, multipart
from chanbridge_whatsapp.simulator.graph import Refused, absent, missing, success
from chanbridge_whatsapp.simulator.platform import wrong_token
from chanbridge_whatsapp.simulator.rules import check_file
from chanbridge_whatsapp.simulator.state import UPLOAD_DAYS, Stored

if TYPE_CHECKING:
    from chanbridge_whatsapp.simulator import WhatsAppSimulator


class Files:
    """What is uploaded and fetched."""

    def __init__(self, simulator: WhatsAppSimulator) -> None:
        self._simulator = simulator
        self._platform = simulator.platform

    def routes(self) -> Iterable[Route]:
        """The calls about files."""
        return [
            Route("POST", "/{id}/media", "media.upload", self._upload),
            Route("GET", "/whatsapp_business/attachments", "media.download", self._download, public=True),
            Route("POST", "/{id}/uploads", "upload.open", self._open),
            Route("POST", "/upload:{id}", "upload.write", self._write),
            Route("GET", "/upload:{id}", "upload.state", self._state),
        ]

    def _upload(self, call: Call) -> cb.HttpResponse:
        number = self._platform.number(call)
        parts = {part.name: part for part in multipart(call.request)}
        if "messaging_product" not in parts:
            raise missing("messaging_product")
        if "file" not in parts:
            raise missing("file")
        file = parts["file"]
        mime = parts["type"].text if "type" in parts else file.content_type
        check_file("document", mime, len(file.data))  # it learns the role only from the message
        found = File(mime=mime, filename=file.filename, data=file.data)
        return cb.HttpResponse.of_json({"id": self._platform.store(number.waba, found, days=UPLOAD_DAYS).id})

    def show(self, call: Call, stored: Stored) -> cb.HttpResponse:
        """Answer with a file's data and a fresh link to it."""
        owner = call.request.query.get("phone_number_id")
        if owner and self._platform.numbers.get(owner, None) is None:
            raise absent(stored.id)
        return cb.HttpResponse.of_json(
            {
                "messaging_product": "whatsapp",
                "url": self._platform.link(stored, self._simulator.base_url),
                "mime_type": stored.mime,
                "sha256": stored.sha256.hex(),
                "file_size": len(stored.data),
                "id": stored.id,
            }
        )

    def delete(self, stored: Stored) -> cb.HttpResponse:
        """Forget a file."""
        del self._platform.files[stored.id]
        return success()

    def _download(self, call: Call) -> cb.HttpResponse:
        app = self._platform.app_of(call)
        if app is None:
            raise wrong_token()
        stored = self._platform.linked(call)
        if stored is None or stored.waba.app is not app:
            return cb.HttpResponse.text("The link is wrong or has expired.", status=404)
        headers = {"content-type": stored.mime, "content-disposition": f'inline; filename="{stored.id}"'}
        return cb.HttpResponse(headers=cb.Headers(headers), body=stored.data)

    def _open(self, call: Call) -> cb.HttpResponse:
        if call.params["id"] not in self._platform.apps:
            raise absent(call.params["id"])
        id = self._platform.id()
        self._platform.uploads[id] = b""
        return cb.HttpResponse.of_json({"id": f"upload:{id}"})

    def _write(self, call: Call) -> cb.HttpResponse:
        written = self._so_far(call)
        offset = call.request.headers.get("file_offset", "0")
        if offset != str(len(written)):
            raise Refused(100, f"file_offset is {offset}; {len(written)} bytes have arrived.")
        self._platform.uploads[call.params["id"]] = written + call.request.content
        return cb.HttpResponse.of_json({"h": f"4::{call.params['id']}"})

    def _state(self, call: Call) -> cb.HttpResponse:
        id = f"upload:{call.params['id']}"
        return cb.HttpResponse.of_json({"id": id, "file_offset": len(self._so_far(call))})

    def _so_far(self, call: Call) -> bytes:
        id = call.params["id"]
        if id not in self._platform.uploads:
            raise absent(f"upload:{id}")
        return self._platform.uploads[id]
