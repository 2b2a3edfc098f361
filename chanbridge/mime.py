"""What a file is: by its first bytes, against what somebody said it was."""

from __future__ import annotations

import contextlib
import re
from email.message import Message as MimeHeaders
from urllib.parse import unquote, urlsplit

SNIFF_BYTES = 512
UNKNOWN = "application/octet-stream"

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftyp3g", "video/3gpp"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xf1", "audio/aac"),
    (0, b"\xff\xf9", "audio/aac"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"MZ", "application/x-msdownload"),
    (0, b"\x7fELF", "application/x-executable"),
)
_RIFF = frozenset({"image/webp", "audio/wav"})
_MARKUP = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|script|iframe)\b", re.IGNORECASE
)
_SVG = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<svg\b", re.IGNORECASE | re.DOTALL
)

# What the first bytes cannot tell apart: the declared type stands if it is one of these.
_COVERS: dict[str, re.Pattern[str]] = {
    "application/zip": re.compile(
        r"application/(?:zip|x-zip-compressed|epub\+zip|java-archive|vnd\..+)"
    ),
    "application/x-ole-storage": re.compile(r"application/(?:msword|vnd\.ms-.+|x-ole-storage)"),
    "application/gzip": re.compile(r"application/(?:gzip|x-gzip|x-tar|x-compressed-tar|x-tgsticker)"),
    "application/x-msdownload": re.compile(r"application/(?:x-msdownload|x-dosexec)|text/.+"),
    "video/mp4": re.compile(r"(?:video|audio)/(?:mp4|x-m4[av]|m4a|3gpp2?|quicktime)"),
    "video/3gpp": re.compile(r"(?:video|audio)/(?:3gpp2?|mp4)"),
    "audio/mp4": re.compile(r"audio/(?:mp4|m4a|x-m4a|aac)|video/mp4"),
    "video/webm": re.compile(r"(?:video|audio)/(?:webm|x-matroska)"),
    "audio/ogg": re.compile(r"(?:audio|video|application)/(?:ogg|opus)"),
    "audio/mpeg": re.compile(r"audio/(?:mpeg|mp3|x-mp3|x-mpeg)"),
    "audio/aac": re.compile(r"audio/(?:aac|x-aac|aacp)"),
    "audio/wav": re.compile(r"audio/(?:wav|wave|x-wav|vnd\.wave)"),
    "image/jpeg": re.compile(r"image/(?:jpeg|jpg|pjpeg)"),
    "image/heic": re.compile(r"image/hei[cf]"),
    "text/html": re.compile(r"text/.+|application/xhtml\+xml"),
}  # fmt: skip


def sniff(head: bytes) -> str:
    """Name the type that the first bytes prove, or "" where they prove none."""
    for offset, magic, mime in _MAGIC:
        if head.startswith(magic, offset) and (mime not in _RIFF or head.startswith(b"RIFF")):
            return mime
    if _SVG.search(head):
        return "image/svg+xml"
    return "text/html" if _MARKUP.search(head) else ""


def bare(mime: str) -> str:
    """Strip the parameters of a media type: ``Audio/OGG; codecs=opus`` is ``audio/ogg``."""
    return mime.partition(";")[0].strip().lower()


_WRITTEN = re.compile(r"[^\s/;]+/[^\s/;]+(\s*;.*)?")


def readable(mime: str) -> str:
    """Give a media type as somebody stated it, or "" where it is none: a file matters more than its label."""
    return mime if _WRITTEN.fullmatch(mime) else ""


def true_mime(declared: str, head: bytes) -> str:
    """Say what a file is: as declared, unless its first bytes prove otherwise.

    The declared type keeps its parameters (``codecs=opus`` matters to some providers).
    """
    found, said = sniff(head), bare(declared)
    if not said or said in {UNKNOWN, "binary/octet-stream"}:
        return found or UNKNOWN
    if not found or found == said:
        return declared
    covers = _COVERS.get(found)
    return declared if covers and covers.fullmatch(said) else found


_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]')


def safe_name(name: str, limit: int = 120) -> str:
    """Make a file name that is only a name: no path, no control or direction marks, not hidden.

    The extension survives where the name has to be cut; "" where nothing is left.
    """
    last = re.split(r"[/\\]", name)[-1]
    clean = _UNSAFE.sub("_", last).strip(" .")
    if len(clean) <= limit:
        return clean
    stem, dot, extension = clean.rpartition(".")
    if not stem or len(extension) > 10:
        return clean[:limit]
    return stem[: limit - len(extension) - 1] + dot + extension


def sent_name(disposition: str, url: str) -> str:
    """Find what a downloaded file is called: by its ``Content-Disposition``, else by the end of its URL."""
    said = MimeHeaders()
    said["content-disposition"] = disposition
    name = said.get_filename() or ""
    with contextlib.suppress(UnicodeError):
        name = name.encode("latin-1").decode()  # many servers send UTF-8 as it is
    last = unquote(urlsplit(url).path.rpartition("/")[2])
    return name or (last if "." in last else "")
