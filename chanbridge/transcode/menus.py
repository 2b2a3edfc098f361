"""Lists (D8): a menu as it is, or buttons, or numbered lines under their section titles."""

from __future__ import annotations

from chanbridge.model.capabilities import ListLimits
from chanbridge.model.parts import Action, ListItem, ListPart, Section
from chanbridge.transcode.kinds import Shown, own_actions
from chanbridge.transcode.plan import Loss, Option
from chanbridge.transcode.surfaces import row_limits
from chanbridge.transcode.text import rich as r
from chanbridge.transcode.text.lengths import fits
from chanbridge.transcode.text.rich import Rich
from chanbridge.transcode.words import label_key
from chanbridge.transcode.work import Bubble, Draft, Placed, Work


def menu(work: Work, part: ListPart, path: str) -> Shown:
    """Show a list natively if all of it fits, else as a question with options."""
    losses: list[Loss] = []
    limits = work.capabilities.list
    if part.select == "many" and not (limits and limits.select_many):
        losses.append(work.loss(f"{path}/select", "affordance", "D8", "one choice at a time"))
    native = _native(work, part, path, limits, losses) if limits and work.supports("list") else None
    if native:
        rest = own_actions(part, path)
        return [*native, *([Bubble((part.id,), path, actions=rest)] if rest else [])]
    losses.append(work.loss(path, "presentation", "D8", "the menu does not open by itself"))
    title = r.marked(part.title, "bold")
    words = r.join([title, Rich(part.body), Rich(part.footer)])
    actions = (*rows(part, path), *own_actions(part, path))
    return [Bubble((part.id,), path, words, None, actions, tuple(losses))]


def rows(part: ListPart, path: str) -> tuple[Placed, ...]:
    """Make reply actions of the rows of a list."""
    out: list[Placed] = []
    for number, section in enumerate(part.sections):
        for index, item in enumerate(section.items):
            action = Action(id=item.id, label=item.title, payload=item.payload, aliases=item.aliases)
            at = f"{path}/sections/{number}/items/{index}"
            out.append(Placed(action, at, part.id, item.description, section.title))
    return tuple(out)


def _native(
    work: Work, part: ListPart, path: str, limits: ListLimits, losses: list[Loss]
) -> list[Draft | Bubble] | None:
    """Give the steps of a native list: words that do not fit inside go before it; None if rows do not fit."""
    shown = _sections(work, part, path, limits)
    if shown is None:
        return None
    sections, options = shown
    losses = [*losses, *_button_losses(work, part, path, limits)]
    body, title, footer = Rich(part.body), part.title, part.footer
    if not fits(title, limits.title_max, limits.unit):
        losses.append(
            work.loss(f"{path}/title", "presentation", "D8", "it stands in the body", limits.title_max)
        )
        body, title = r.join([r.marked(title, "bold"), body]), ""
    if not fits(footer, limits.footer_max, limits.unit):
        losses.append(
            work.loss(f"{path}/footer", "presentation", "D8", "it stands in the body", limits.footer_max)
        )
        body, footer = r.join([body, Rich(footer)]), ""
    pieces, cut = work.texts(body or Rich(work.hints.choose), f"{path}/body", limits.body_max)
    losses.extend(cut)
    written = work.write(pieces[-1])
    losses.extend(work.formatting_loss(f"{path}/body", written.dropped))
    final = part.replace(
        title=title,
        body=written.text,
        footer=footer,
        sections=sections,
        button=_button(work, part, limits),
        select="many" if part.select == "many" and limits.select_many else "one",
        actions=(),
    )
    before: list[Draft | Bubble] = [Bubble((part.id,), path, piece) for piece in pieces[:-1]]
    return [*before, Draft((final,), (part.id,), options=options, losses=tuple(losses))]


def _button(work: Work, part: ListPart, limits: ListLimits) -> str:
    for label in (part.button, work.hints.menu):
        if label and fits(label, limits.button_label_max, limits.unit):
            return label
    return "+"


def _button_losses(work: Work, part: ListPart, path: str, limits: ListLimits) -> list[Loss]:
    if not part.button or fits(part.button, limits.button_label_max, limits.unit):
        return []
    reason = "the button has another label"
    return [
        work.loss(f"{path}/button", "presentation", "D3", reason, limits.button_label_max, len(part.button))
    ]


def _sections(
    work: Work, part: ListPart, path: str, limits: ListLimits
) -> tuple[tuple[Section, ...], tuple[Option, ...]] | None:
    """Give the sections as they go out, and the way back; None if anything in them does not fit."""
    surface = row_limits(work, limits)
    placed = {row.action.id: row for row in rows(part, path)}
    if not 1 <= len(placed) <= surface.max or len(part.sections) > limits.sections_max:
        return None
    if surface.unique_labels and len({label_key(row.action.label) for row in placed.values()}) < len(placed):
        return None
    options: list[Option] = []
    sections: list[Section] = []
    for section in part.sections:
        if not fits(section.title, limits.section_title_max, limits.unit):
            return None
        items: list[ListItem] = []
        for item in section.items:
            wire = work.wire(placed[item.id].action, surface.payload_max, surface.payload_unit)
            described = fits(item.description, limits.item_desc_max, limits.unit)
            if wire is None or not described or not fits(item.title, surface.label_max, surface.label_unit):
                return None
            items.append(item.replace(payload=wire))
            options.append(work.option(placed[item.id], wire=wire))
        sections.append(section.replace(items=tuple(items)))
    return tuple(sections), tuple(options)
