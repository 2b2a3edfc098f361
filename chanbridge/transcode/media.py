"""Files: which role a channel takes them in, albums, and links where it takes none (D12, D13, D14)."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from chanbridge.model.capabilities import MediaLimits
from chanbridge.model.errors import ErrorCode
from chanbridge.model.media import Media, MediaRole
from chanbridge.model.parts import MediaPart
from chanbridge.transcode.plan import Loss
from chanbridge.transcode.reading import read
from chanbridge.transcode.text import rich as r
from chanbridge.transcode.text.lengths import fits
from chanbridge.transcode.text.rich import Rich
from chanbridge.transcode.work import Draft, Refused, Work

_NEXT: dict[MediaRole, tuple[MediaRole, ...]] = {
    "image": ("image", "document"),
    "video": ("video", "document"),
    "audio": ("audio", "document"),
    "voice": ("voice", "audio", "document"),
    "animation": ("animation", "video", "image", "document"),
    "sticker": ("sticker", "image", "document"),
    "document": ("document",),
}
"""The roles to try, in order (D13); behind them stands a link."""


class PlacedMedia(NamedTuple):
    """A file as the channel takes it, or the link that stands for it, and what was lost."""

    media: MediaPart | None
    link: Rich
    losses: tuple[Loss, ...]


def place(work: Work, part: MediaPart, path: str) -> PlacedMedia:
    """Find a role in which the channel takes a file, else its link."""
    reason = "the channel takes no media"
    if work.supports("media"):
        for role in _NEXT.get(part.role, (part.role,)):
            problem = _problem(work, part.media, work.capabilities.media.get(role))
            if not problem:
                return PlacedMedia(part.replace(role=role), Rich(""), _role_losses(work, part, role, path))
            reason = problem if role == part.role else reason
    link = public_link(work, part.media)
    if not link:
        raise Refused(path, "D14", f"{reason}, and there is no link to give", code=_code(reason))
    loss = work.loss(path, "affordance", "D13", f"{reason}: a link stands for it", actual=part.role)
    return PlacedMedia(None, _link_text(part, link), (loss,))


def _code(reason: str) -> ErrorCode:
    return "too_large" if reason.startswith("over ") else "unsupported_content"


def _role_losses(work: Work, part: MediaPart, role: MediaRole, path: str) -> tuple[Loss, ...]:
    limits = work.capabilities.media[role]
    losses = []
    if role != part.role:
        losses.append(work.loss(path, "presentation", "D13", f"sent as {role}", actual=part.role))
    if part.view_once and not limits.view_once:
        losses.append(work.loss(f"{path}/view_once", "affordance", "D13", "it can be looked at again"))
    return tuple(losses)


def _problem(work: Work, media: Media, limits: MediaLimits | None) -> str:
    """Say why a channel does not take a file in a role; "" if it does."""
    if limits is None:
        return "the channel does not take this role"
    if not accepts_mime(limits, mime_of(media)):
        return f"the channel does not take {mime_of(media)}"
    measures = {
        "bytes": (media.size, limits.max_bytes),
        "pixels wide": (media.width, limits.max_width),
        "pixels high": (media.height, limits.max_height),
        "milliseconds": (media.duration_ms, limits.max_duration_ms),
    }
    for unit, (value, maximum) in measures.items():
        if value is not None and maximum is not None and value > maximum:
            return f"over {maximum} {unit}"
    return "" if _deliverable(work, media, limits) else "the channel takes media by link only"


def _deliverable(work: Work, media: Media, limits: MediaLimits) -> bool:
    """Say whether the file can be handed over in a way that the channel accepts (D14)."""
    if not limits.by or {"upload", "inline"} & set(limits.by):
        return True
    if "provider_id" in limits.by and media.provider_id:
        return True
    return "url" in limits.by and (_is_public(media) or work.situation.can_serve_links)


def _is_public(media: Media) -> bool:
    return media.auth == "none" and media.url.startswith(("http://", "https://"))


def public_link(work: Work, media: Media) -> str:
    """Give a link that anyone may open, or ""."""
    if _is_public(media):
        return media.url
    links = work.situation.links
    return links.get(media.blob) or links.get(media.url) or ""


def _link_text(part: MediaPart, link: str) -> Rich:
    words = part.alt or part.media.filename
    return r.line(f"{words}: {link}" if words else link)


def mime_of(media: Media) -> str:
    """Give the type of a file, by its name if it states none; "" if nobody can tell."""
    if media.mime:
        return media.mime.partition(";")[0].strip().lower()
    name = media.filename or unquote(urlsplit(media.url).path)
    return mimetypes.guess_type(name)[0] or ""


def accepts_mime(limits: MediaLimits, mime: str) -> bool:
    """Say whether a pattern of the limits takes a type; what nobody can tell is tried."""
    if not mime or not limits.mimes:
        return True
    exact = limits.mimes.get(mime)
    if exact is not None:
        return exact in ("native", "partial", "convert")
    return any(
        fnmatchcase(mime, pattern.lower()) and level in ("native", "partial", "convert")
        for pattern, level in limits.mimes.items()
    )


def album(work: Work, parts: Sequence[tuple[str, MediaPart]]) -> Draft | None:
    """Put several files into one step (D12); None if the channel cannot, or one would lose by it."""
    limits = work.capabilities.album
    if limits is None or not limits.min <= len(parts) <= limits.max:
        return None
    placed = [_in_album(work, part, path) for path, part in parts]
    media = [one for one in placed if one is not None]
    roles = {part.role for part in media}
    if len(media) < len(placed) or not roles <= set(limits.roles):
        return None
    captioned = [index for index, part in enumerate(media) if part.caption]
    if (limits.caption == "none" and captioned) or (limits.caption == "first" and captioned not in ([], [0])):
        return None
    sizes = [part.media.size or 0 for part in media]
    if limits.max_total_bytes is not None and sum(sizes) > limits.max_total_bytes:
        return None
    return _written(work, parts, media)


def _in_album(work: Work, part: MediaPart, path: str) -> MediaPart | None:
    limits = work.capabilities.media.get(part.role)
    if limits is None or part.actions or _problem(work, part.media, limits):
        return None
    return None if part.view_once and not limits.view_once else part


def _written(work: Work, parts: Sequence[tuple[str, MediaPart]], media: list[MediaPart]) -> Draft | None:
    out: list[MediaPart] = []
    losses: list[Loss] = []
    for (path, _), part in zip(parts, media, strict=True):
        if part.caption is None:
            out.append(part)
            continue
        limits = work.capabilities.media[part.role]
        written = work.write(read(part.caption))
        if limits.caption not in ("native", "partial"):
            return None
        if not fits(written.text, limits.caption_max, limits.caption_unit):
            return None
        losses.extend(work.formatting_loss(f"{path}/caption", written.dropped))
        caption = part.caption.replace(text=written.text, format="plain", entities=())
        out.append(part.replace(caption=caption))
    return Draft(parts=tuple(out), carries=tuple(part.id for part in media), losses=tuple(losses))
