"""From a bubble to steps: words, a file and actions, as far as the channel takes them together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from chanbridge.model.capabilities import ActionLimits, MediaLimits
from chanbridge.model.parts import Action, ListPart, MediaPart, Section, Text
from chanbridge.transcode.plan import Loss, LossLevel, Option
from chanbridge.transcode.surfaces import Fitted, as_rows, on_surface, row
from chanbridge.transcode.text import rich as r
from chanbridge.transcode.text.lengths import fits
from chanbridge.transcode.text.rich import Rich
from chanbridge.transcode.work import Bubble, Draft, Placed, Refused, Work, link_line, marker_line


def lay(work: Work, bubble: Bubble, quick: Sequence[Placed] = ()) -> list[Draft]:
    """Lay a bubble out as steps; ``quick`` are the message's quick replies, if it is the last."""
    bubble, quick = _enabled(work, bubble, quick)
    native_quick = on_surface(work, "quick_reply", quick) if quick else None
    if native_quick and native_quick.lines:
        native_quick = None
    actions = bubble.actions if native_quick else (*bubble.actions, *quick)
    fitted = _choose(work, actions, quick_free=native_quick is None) if actions else None
    moved = () if native_quick or not fitted else _moved(work, bubble, fitted, quick)
    if actions and fitted is None:
        bubble, options = numbered(work, bubble, actions)
        options = (*bubble.options, *options)
    else:
        options = bubble.options
        bubble = _with_lines(work, bubble, fitted) if fitted else bubble
    bubble = bubble._replace(losses=(*bubble.losses, *moved))
    if fitted and fitted.surface == "quick_reply":
        native_quick, fitted = fitted, None
    drafts = _steps(work, bubble, fitted, native_quick) or [Draft((), bubble.carries, losses=bubble.losses)]
    return _noted(drafts, options)


def _enabled(work: Work, bubble: Bubble, quick: Sequence[Placed]) -> tuple[Bubble, tuple[Placed, ...]]:
    """Leave out what nobody may tap."""
    actions, gone = work.enabled(bubble.actions)
    quick, quick_gone = work.enabled(quick)
    return bubble._replace(actions=actions, losses=(*bubble.losses, *gone, *quick_gone)), quick


def _choose(work: Work, actions: Sequence[Placed], *, quick_free: bool) -> Fitted | None:
    """Find the surface that takes the replies: buttons, then a list, then quick replies (D4)."""
    fitted = on_surface(work, "button", actions) or as_rows(work, actions)
    if fitted is None and quick_free:
        fitted = on_surface(work, "quick_reply", actions)
    return fitted


def _moved(work: Work, bubble: Bubble, fitted: Fitted, quick: Sequence[Placed]) -> tuple[Loss, ...]:
    """Say which actions stand elsewhere than their author put them (D4)."""
    losses = []
    if bubble.actions and fitted.surface != "button":
        path = bubble.actions[0].path.rpartition("/")[0]
        limit = _limit(work, "button")
        losses.append(
            work.loss(path, "presentation", "D4", f"moved to a {fitted.surface}", limit, len(bubble.actions))
        )
    if quick and fitted.surface != "quick_reply":
        limit = _limit(work, "quick_reply")
        losses.append(
            work.loss(
                "/quick_replies", "presentation", "D4", f"moved to a {fitted.surface}", limit, len(quick)
            )
        )
    return tuple(losses)


def _limit(work: Work, surface: str) -> int:
    limits = work.capabilities.actions.get(surface)
    return limits.max if limits else 0


def numbered(
    work: Work, bubble: Bubble, actions: Sequence[Placed], *, hint: bool = True, prompt: bool = True
) -> tuple[Bubble, tuple[Option, ...]]:
    """Write actions as numbered text (D6), with a closing hint, and a prompt where there are no words."""
    actions, gone = work.enabled(actions)
    replies = [placed for placed in actions if placed.action.kind == "reply"]
    losses = [*bubble.losses, *gone]
    lines: list[Rich] = []
    options: list[Option] = []
    if replies and not work.policy.numbering:
        losses += [work.loss(p.path, "content", "D6", "options may not be numbered here") for p in replies]
        replies = []
    heading = ""
    for placed in replies:
        if placed.heading and placed.heading != heading:
            lines.append(r.line(placed.heading))
        heading = placed.heading
        marker = work.marker(placed.action)
        lines.append(marker_line(marker, placed))
        options.append(work.option(placed, marker=marker))
    losses += _renumbered(work, replies)
    others, line_losses = _lines(work, [placed for placed in actions if placed.action.kind != "reply"])
    closing = [r.line(work.closing_hint())] if replies and hint else []
    block = r.join([*lines, *others, *closing])
    above = bubble.text or (_prompt(work) if replies and prompt else Rich(""))
    text = r.join([above, block], "\n\n")
    return bubble._replace(text=text, losses=(*losses, *line_losses), actions=()), tuple(options)


def _renumbered(work: Work, replies: Sequence[Placed]) -> Iterator[Loss]:
    """Say where options stood that are numbers now (D6)."""
    places = Counter(placed.path.rpartition("/")[0] for placed in replies)
    for path, count in places.items():
        limit = _limit(work, "quick_reply" if path.endswith("/quick_replies") else "button")
        yield work.loss(path, "affordance", "D6", "options became numbered text", limit, count)


def _lines(work: Work, actions: Sequence[Placed]) -> tuple[list[Rich], list[Loss]]:
    """Write what is no reply as ``Label: uri`` lines (D5)."""
    lines: list[Rich] = []
    losses: list[Loss] = []
    for placed in actions:
        line = link_line(placed.action)
        if line is None:
            reason = f"{placed.action.kind} cannot be written as a line"
            losses.append(work.loss(placed.path, "content", "D5", reason))
            continue
        lines.append(line)
        level: LossLevel = "presentation" if placed.action.uri else "affordance"
        losses.append(work.loss(placed.path, level, "D5", f"{placed.action.kind} became a line"))
    return lines, losses


def _with_lines(work: Work, bubble: Bubble, fitted: Fitted) -> Bubble:
    """Add what the surface does not show: other actions, descriptions of rows."""
    notes = []
    losses = [*bubble.losses, *fitted.losses]
    for placed in fitted.notes:
        if placed.note:
            notes.append(r.line(f"{placed.action.label}: {placed.note}"))
            losses.append(work.loss(placed.path, "presentation", "D8", "its description stands in the text"))
    lines, line_losses = _lines(work, fitted.lines)
    text = r.join([bubble.text, r.join([*notes, *lines])], "\n\n")
    return bubble._replace(text=text, losses=(*losses, *line_losses), actions=())


def _prompt(work: Work) -> Rich:
    return Rich(work.hints.choose)


def _noted(drafts: list[Draft], options: tuple[Option, ...]) -> list[Draft]:
    """Give numbered options to the last step, where they are answered."""
    if not options:
        return drafts
    return [*drafts[:-1], drafts[-1]._replace(options=(*drafts[-1].options, *options))]


# steps


def _steps(work: Work, bubble: Bubble, fitted: Fitted | None, quick: Fitted | None) -> list[Draft]:
    if bubble.media is None:
        return list(_text_steps(work, bubble, fitted, quick))
    together = _media_step(work, bubble.media, bubble, fitted, quick)
    if together:
        return [together]
    alone = Draft(parts=(bubble.media.replace(caption=None, actions=()),), carries=bubble.carries)
    rest = bubble._replace(media=None)
    if not (bubble.text or fitted or quick):
        return [alone._replace(losses=bubble.losses)]
    reason = "the words follow as a text of their own"
    path = f"{bubble.path}/caption" if bubble.text else bubble.path
    loss = work.loss(path, "presentation", "D11" if bubble.text else "D9", reason)
    rest = rest._replace(losses=(*bubble.losses, loss))
    return [alone, *_text_steps(work, rest, fitted, quick)]


def _media_step(
    work: Work, media: MediaPart, bubble: Bubble, fitted: Fitted | None, quick: Fitted | None
) -> Draft | None:
    """Put words, file and actions into one step; None if they do not fit together."""
    limits = work.capabilities.media.get(media.role) or MediaLimits()
    surfaces = [work.capabilities.actions[f.surface] for f in (fitted, quick) if f and f.surface != "list"]
    if (fitted and fitted.surface == "list") or any(media.role not in s.with_media for s in surfaces):
        return None
    text = bubble.text
    if not text and any(surface.needs_body for surface in surfaces):
        text = _prompt(work)
    caption, losses = None, bubble.losses
    if text:
        written = work.write(text)
        room = all(fits(written.text, s.body_max, work.text.unit) for s in surfaces)
        if limits.caption not in ("native", "partial") or not room:
            return None
        if not fits(written.text, limits.caption_max, limits.caption_unit):
            return None
        caption = Text(text=written.text, id=media.caption.id if media.caption else "")
        losses = (*losses, *work.formatting_loss(f"{bubble.path}/caption", written.dropped))
    return Draft(
        parts=(media.replace(caption=caption, actions=fitted.native if fitted else ()),),
        carries=bubble.carries,
        quick_replies=quick.native if quick else (),
        options=_options(fitted, quick),
        losses=losses,
    )


def _options(*fitted: Fitted | None) -> tuple[Option, ...]:
    return tuple(option for one in fitted if one for option in one.options)


def _text_steps(work: Work, bubble: Bubble, fitted: Fitted | None, quick: Fitted | None) -> Iterator[Draft]:
    if not work.supports("text"):
        raise Refused(bubble.path, "D1", "the channel takes no text")
    text = bubble.text if bubble.text or not (fitted or quick) else _prompt(work)
    if not text:
        return
    pieces, cut = work.texts(text, bubble.path, _body_max(work, fitted, quick))
    losses = [*bubble.losses, *cut]
    written = [work.write(piece) for piece in pieces]
    dropped = tuple(dict.fromkeys(kind for piece in written for kind in piece.dropped))
    losses.extend(work.formatting_loss(bubble.path, dropped))
    for piece in written[:-1]:
        yield Draft(parts=(_text(bubble, piece.text),), carries=bubble.carries)
    yield _last_text(work, bubble, written[-1].text, fitted, quick)._replace(losses=tuple(losses))


def _text(bubble: Bubble, text: str, actions: tuple[Action, ...] = ()) -> Text:
    id = bubble.carries[0] if bubble.carries else ""
    return Text(id=id, text=text, actions=actions, preview=bubble.preview)


def _last_text(work: Work, bubble: Bubble, text: str, fitted: Fitted | None, quick: Fitted | None) -> Draft:
    """Make the step that has the actions."""
    options = _options(fitted, quick)
    quick_replies = quick.native if quick else ()
    if fitted is None or fitted.surface != "list":
        part: Text | ListPart = _text(bubble, text, fitted.native if fitted else ())
    else:
        part = _list(work, bubble, text, fitted)
    return Draft(parts=(part,), carries=bubble.carries, quick_replies=quick_replies, options=options)


def _list(work: Work, bubble: Bubble, text: str, fitted: Fitted) -> ListPart:
    limits = work.capabilities.list
    button = work.hints.menu
    if limits and not fits(button, limits.button_label_max, limits.unit):
        button = "+"
    items = tuple(row(action) for action in fitted.native)
    id = bubble.carries[0] if bubble.carries else ""
    return ListPart(id=id, body=text, button=button, sections=(Section(items=items),))


def _body_max(work: Work, fitted: Fitted | None, quick: Fitted | None) -> int | None:
    limits: list[ActionLimits] = [
        work.capabilities.actions[f.surface] for f in (fitted, quick) if f and f.surface != "list"
    ]
    maxima = [limit.body_max for limit in limits if limit.body_max is not None]
    if (
        fitted
        and fitted.surface == "list"
        and work.capabilities.list
        and work.capabilities.list.body_max is not None
    ):
        maxima.append(work.capabilities.list.body_max)
    return min(maxima, default=None)
