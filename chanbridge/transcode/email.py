"""Chat parts as one e-mail (D21): words as text and as HTML, files inline or attached.

The step's first part is a `Text` with the plain alternative; ``step.html`` is the other one. The
media follow in order; an image that the HTML shows is referred to as ``cid:`` and its part id.
``step.email.subject`` is the author's, else that of the thread, else the first words.
"""

from __future__ import annotations

import html
from typing import NamedTuple

from chanbridge.model.message import EmailProfile
from chanbridge.model.parts import MediaPart, Part, Text
from chanbridge.transcode.forms import Form, everything
from chanbridge.transcode.layout import numbered
from chanbridge.transcode.media import public_link
from chanbridge.transcode.plan import Loss, Option
from chanbridge.transcode.text import rich as r
from chanbridge.transcode.text.dialects import write
from chanbridge.transcode.text.graphemes import clusters
from chanbridge.transcode.text.lengths import excess, urls
from chanbridge.transcode.text.rich import BLOCKS, MARKS, Rich, Span, nested
from chanbridge.transcode.work import Bubble, Draft, Work

SUBJECT_MAX = 70
ENCODED = 1.37
"""How much larger a file is in base64, with its line ends."""


class _Letter(NamedTuple):
    """What stands in the mail so far."""

    words: tuple[Rich, ...] = ()
    body: tuple[str, ...] = ()  # HTML
    parts: tuple[Part, ...] = ()
    carries: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    losses: tuple[Loss, ...] = ()
    bytes: float = 0


def as_mail(work: Work, form: Form) -> list[Draft]:
    """Put a whole form into one step."""
    letter = _Letter()
    for shown in everything(work, form):
        letter = _with_draft(letter, shown) if isinstance(shown, Draft) else _with_bubble(work, letter, shown)
    if letter.options:
        letter = _with_words(work, letter, Rich(work.closing_hint()))
    return [_finished(work, form, letter)]


def _with_draft(letter: _Letter, draft: Draft) -> _Letter:
    return letter._replace(
        parts=(*letter.parts, *draft.parts),
        carries=(*letter.carries, *draft.carries),
        options=(*letter.options, *draft.options),
        losses=(*letter.losses, *draft.losses),
    )


def _with_bubble(work: Work, letter: _Letter, bubble: Bubble) -> _Letter:
    letter = letter._replace(carries=(*letter.carries, *bubble.carries))
    if bubble.media:
        letter = _with_media(work, letter, bubble.path, bubble.media)
    options: tuple[Option, ...] = bubble.options
    if bubble.actions:
        bubble, found = numbered(work, bubble, bubble.actions, hint=False, prompt=not letter.words)
        options = (*options, *found)
    letter = _with_words(work, letter, bubble.text)
    return letter._replace(options=(*letter.options, *options), losses=(*letter.losses, *bubble.losses))


def _with_words(work: Work, letter: _Letter, words: Rich) -> _Letter:
    if not words:
        return letter
    written = write(_linked(words), "html", _kept(work)).text.replace("\n", "<br>")
    return letter._replace(words=(*letter.words, words), body=(*letter.body, f"<div>{written}</div>"))


def _kept(work: Work) -> frozenset[str]:
    return work.keep or frozenset((*MARKS, *BLOCKS))


def _linked(words: Rich) -> Rich:
    """Make links of the addresses that stand in a text."""
    taken = [(span.start, span.end) for span in words.spans if span.type in ("link", "code", "codeblock")]
    free = (
        (start, end)
        for start, end in urls(words.text)
        if not any(start < other and end > begin for begin, other in taken)
    )
    links = [Span(start, end, "link", words.text[start:end]) for start, end in free]
    return nested(words.text, (*words.spans, *links)) if links else words


def _with_media(work: Work, letter: _Letter, path: str, media: MediaPart) -> _Letter:
    """Attach a file, or give its link where the mail would grow too large."""
    limits = work.capabilities.email
    total = letter.bytes + (media.media.size or 0) * ENCODED
    if limits and limits.max_total_bytes is not None and total > limits.max_total_bytes:
        return _with_link(work, letter, path, media, limits.max_total_bytes)
    letter = letter._replace(parts=(*letter.parts, media.replace(caption=None, actions=())), bytes=total)
    if media.role not in ("image", "animation", "sticker"):
        return letter
    alt = html.escape(media.alt)
    shown = f'<div><img src="cid:{html.escape(media.id)}" alt="{alt}" style="max-width:100%"></div>'
    return letter._replace(body=(*letter.body, shown))


def _with_link(work: Work, letter: _Letter, path: str, media: MediaPart, limit: int) -> _Letter:
    link = public_link(work, media.media)
    reason = f"over {limit} bytes in one mail"
    if not link:
        loss = work.loss(path, "content", "D14", f"{reason}, and there is no link to give", limit)
        return letter._replace(losses=(*letter.losses, loss))
    loss = work.loss(path, "affordance", "D13", f"{reason}: a link stands for it", limit)
    letter = letter._replace(losses=(*letter.losses, loss))
    words = media.alt or media.media.filename
    return _with_words(work, letter, r.line(f"{words}: {link}" if words else link))


def _finished(work: Work, form: Form, letter: _Letter) -> Draft:
    limits = work.capabilities.email
    as_html = bool(limits and limits.html)
    words = r.join(letter.words, "\n\n")
    written = write(words, "plain", ("ul", "ol", "quote"))
    losses = letter.losses
    if not as_html:
        losses = (*losses, *work.formatting_loss(form.path or "/parts", written.dropped))
    over = excess(written.text, work.text)
    if over:
        losses = (*losses, work.loss("/parts", "rejected", "D1", "the mail is too long", work.text.max, over))
    id = next((id for id in letter.carries if id), "")
    text = (Text(id=id, text=written.text),) if written.text else ()
    return Draft(
        parts=() if over else (*text, *letter.parts),
        carries=tuple(dict.fromkeys(letter.carries)),
        options=letter.options,
        losses=losses,
        html="".join(letter.body) if as_html else "",
        email=_profile(work, written.text),
    )


def _profile(work: Work, text: str) -> EmailProfile:
    profile = work.message.email or EmailProfile()
    if profile.subject:
        return profile
    thread = work.situation.subject
    if thread:
        return profile.replace(subject=thread if thread.lower().startswith("re:") else f"Re: {thread}")
    first = " ".join(text.strip().partition("\n")[0].split())
    shown = clusters(first)
    short = first if len(shown) <= SUBJECT_MAX else "".join(shown[: SUBJECT_MAX - 1]).rstrip() + "…"
    return profile.replace(subject=short)
