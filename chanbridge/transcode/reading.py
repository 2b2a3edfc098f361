"""Read the words of a part, whatever their format."""

from __future__ import annotations

from chanbridge.model.parts import Text
from chanbridge.transcode.text import html, markdown
from chanbridge.transcode.text.rich import Rich, from_entities


def read(text: Text) -> Rich:
    """Read a text into words and spans, by its entities or its format."""
    if text.entities:
        return from_entities(text.text, text.entities)
    if text.format == "markdown":
        return markdown.parse(text.text)
    if text.format == "html":
        return html.parse(text.text)
    return Rich(text.text)
