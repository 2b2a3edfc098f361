"""Interactive messages: buttons, links, menus, cards, carousels, forms."""

from __future__ import annotations

from typing import Any

import chanbridge as cb
from chanbridge_whatsapp.config import WhatsAppConfig
from chanbridge_whatsapp.outbound.media import reference

Native = dict[str, Any]
Actions = tuple[cb.Action, ...]
BREAKS = 2
SIGN = "☰"  # of a menu, where the author named none: it needs no language


def interactive(
    type: str, action: Native | None, *, header: Native | None = None, body: str = "", footer: str = ""
) -> Native:
    """Write an interactive message; what is empty is left out."""
    found: Native = {"type": type}
    if header:
        found["header"] = header
    if body:
        found["body"] = {"text": body}
    if footer:
        found["footer"] = {"text": footer}
    if action is not None:
        found["action"] = action
    return {"type": "interactive", "interactive": found}


def text_header(title: str) -> Native | None:
    return {"type": "text", "text": title} if title else None


def media_header(config: WhatsAppConfig, role: str, media: cb.Media) -> cb.Flow[Native]:
    """Write a file as a header."""
    file = dict((yield from reference(config, media)))
    if role == "document" and media.filename:
        file["filename"] = media.filename
    return {"type": role, role: file}


def choices(body: str, actions: Actions, *, header: Native | None = None, footer: str = "") -> Native:
    """Write a text with what can be tapped: replies, one link, or a request for a location."""
    match actions[0].kind:
        case "url" | "webview":
            return interactive("cta_url", link(actions[0]), header=header, body=body, footer=footer)
        case "location_request":
            return interactive("location_request_message", {"name": "send_location"}, body=body)
        case _:
            return interactive(
                "button", {"buttons": replies(actions)}, header=header, body=body, footer=footer
            )


def replies(actions: Actions, type: str = "reply") -> list[Native]:
    """Write reply buttons; their id is the payload, or the action's own id."""
    return [
        {"type": type, type: {"id": action.payload or action.id, "title": action.label}} for action in actions
    ]


def link(action: cb.Action) -> Native:
    return {"name": "cta_url", "parameters": {"display_text": action.label, "url": action.url}}


def menu(part: cb.ListPart) -> Native:
    """Write a menu."""
    sections = [
        {
            **({"title": section.title} if section.title else {}),
            "rows": [_row(item) for item in section.items],
        }
        for section in _titled(part.sections)
    ]
    return interactive(
        "list",
        {"button": part.button or SIGN, "sections": sections},
        header=text_header(part.title),
        body=part.body,
        footer=part.footer,
    )


def _titled(sections: tuple[cb.Section, ...]) -> list[cb.Section]:
    """Give sections that all have a title, if there are several: rows without join those above."""
    found: list[cb.Section] = []
    for section in sections:
        if found and not section.title:
            found[-1] = found[-1].replace(items=(*found[-1].items, *section.items))
        else:
            found.append(section)
    if len(found) > 1 and not found[0].title:
        found[0] = found[0].replace(title=SIGN)
    return found


def _row(item: cb.ListItem) -> Native:
    row: Native = {"id": item.payload or item.id, "title": item.title}
    return {**row, "description": item.description} if item.description else row


def card(config: WhatsAppConfig, part: cb.Card, actions: Actions) -> cb.Flow[Native]:
    """Write a card: its picture or its title as the header, the rest as the text."""
    taps = actions or ((part.tap,) if part.tap and part.tap.url else ())
    header, words = None, [part.subtitle, part.body, *(() if taps else (part.footer,))]
    if part.media:
        header = yield from media_header(config, role_of(part.media), part.media)
    if taps and not part.media:
        header = text_header(part.title)
    elif part.title:
        words.insert(0, f"*{part.title}*")
    body = "\n".join(word for word in words if word)
    if taps:
        return choices(body or part.title, taps, header=header, footer=part.footer)
    if header is None:
        return {"type": "text", "text": {"body": body}}
    role = header["type"]
    return {"type": role, role: {**header[role], "caption": body}}


def role_of(media: cb.Media) -> str:
    """Say how a card shows a file: as a picture, unless it is a film."""
    return "video" if media.mime.startswith("video/") else "image"


def carousel(config: WhatsAppConfig, part: cb.Carousel) -> cb.Flow[Native]:
    """Write cards side by side: all with a link, or all with replies."""
    cards = []
    for index, shown in enumerate(part.cards):
        header = None
        if shown.media:
            header = yield from media_header(config, role_of(shown.media), shown.media)
        cards.append(_side_card(index, shown, header))
    return interactive("carousel", {"cards": cards}, body=part.body)


def _side_card(index: int, shown: cb.Card, header: Native | None) -> Native:
    body = _few_lines(shown.title, shown.subtitle, shown.body, shown.footer)
    found: Native = {"card_index": index, "type": "cta_url"}
    if header:
        found["header"] = header
    if body:
        found["body"] = {"text": body}
    taps = shown.actions or ((shown.tap,) if shown.tap else ())
    if taps and taps[0].kind in ("url", "webview"):
        found["action"] = link(taps[0])
    else:
        found |= {"type": "button", "action": {"buttons": replies(taps, "quick_reply")}}
    return found


def _few_lines(*words: str) -> str:
    """Join words by line breaks, of which a card may hold two; the rest are spaces."""
    lines = "\n".join(word for word in words if word).split("\n", BREAKS)
    return "\n".join([*lines[:-1], " ".join(lines[-1].split("\n"))])


def form(part: cb.Form, key: str) -> Native:
    """Write a form: one of the provider's own, or a flow by its id or name.

    ``part.data`` holds further parameters of the provider's; ``key`` is the flow's token where
    they name none.
    """
    if part.ref in OWN_FORMS:
        parameters = _own_parameters(part)
        action = {"name": part.ref, **({"parameters": parameters} if parameters else {})}
        return interactive(part.ref, action, body=part.body)
    parameters = {
        "flow_message_version": "3",
        "flow_id" if part.ref.isdigit() else "flow_name": part.ref,
        "flow_cta": part.submit or part.title,
        **({"flow_token": key} if key else {}),
        **part.data,
    }
    header = text_header(part.title) if part.submit else None
    return interactive("flow", {"name": "flow", "parameters": parameters}, header=header, body=part.body)


def _own_parameters(part: cb.Form) -> Native:
    label = {"display_text": part.submit or part.title} if part.ref == "voice_call" else {}
    return {**label, **part.data}


OWN_FORMS = ("address_message", "call_permission_request", "request_contact_info", "voice_call")
