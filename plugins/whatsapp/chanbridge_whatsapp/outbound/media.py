"""Files: references to them, uploads, and fetching what came in."""

from __future__ import annotations

import mimetypes

import msgspec

import chanbridge as cb
from chanbridge_whatsapp.api import USER_AGENT, number_url, url
from chanbridge_whatsapp.config import WhatsAppConfig
from chanbridge_whatsapp.inbound.content import hex_digest

TRIES = 2  # the link lives five minutes: ask for a new one, once
_LINK_LAPSED = ("target_gone", "auth_failed", "invalid_request")


class Uploaded(msgspec.Struct):
    id: str


class Located(msgspec.Struct):
    """Where a received file is; ``sha256`` is hex or base64."""

    url: str
    mime_type: str = ""
    sha256: str = ""


def reference(config: WhatsAppConfig, media: cb.Media) -> cb.Flow[dict[str, str]]:
    """Name a file as a message does: by its id, which may take an upload, or by its link."""
    if media.provider_id:
        return {"id": media.provider_id}
    if not (media.blob or media.data):
        return {"link": media.url}
    answer = yield upload(config, media)
    return {"id": answer.json(Uploaded).id}


def upload(config: WhatsAppConfig, media: cb.Media) -> cb.HttpRequest:
    """Build the request that uploads a file."""
    mime = media.mime or "application/octet-stream"
    name = media.filename or f"file{mimetypes.guess_extension(mime.partition(';')[0]) or ''}"
    content = media.data if media.data else cb.MediaBody(media)
    return cb.HttpRequest.post_multipart(
        number_url(config, "media"),
        cb.Field(name="messaging_product", value="whatsapp"),
        cb.Field(name="type", value=mime),
        cb.Field(name="file", value=content, filename=name, content_type=mime),
    )


def fetch(config: WhatsAppConfig, media: cb.Media) -> cb.Flow[cb.Content]:
    """Get a received file: ask where it is, then download it; a lapsed link is asked for again, once."""
    lapsed: cb.SendError | None = None
    for _ in range(TRIES):
        located = Located(url=media.url)
        if media.provider_id:
            node = url(config, media.provider_id)
            answer = yield cb.HttpRequest.get(node, phone_number_id=config.phone_number_id)
            located = answer.json(Located)
        try:
            got = yield cb.HttpRequest.get(located.url).with_headers(user_agent=USER_AGENT).download()
        except cb.SendError as error:
            if error.code not in _LINK_LAPSED:
                raise
            lapsed = error
        else:
            return cb.Content(media=_checked(got, located, media))
    raise cb.SendError(
        "media_unavailable",
        detail="the link to the file lapsed twice",
        provider=lapsed.provider if lapsed else None,
    )


def _checked(got: cb.HttpResponse, located: Located, media: cb.Media) -> cb.Media:
    """Give the file in the store; raise `SendError` if it is none, or not the one that was announced."""
    blob = got.blob
    if blob is None:
        raise cb.SendError("media_unavailable", detail="the provider sent no file")
    expected = hex_digest(located.sha256) or media.sha256
    if expected and blob.sha256 and blob.sha256 != expected:
        raise cb.SendError(
            "media_unavailable", detail="the file is not the one announced: its sha256 differs"
        )
    return blob.replace(
        mime=media.mime or located.mime_type or blob.mime, filename=media.filename or blob.filename
    )
