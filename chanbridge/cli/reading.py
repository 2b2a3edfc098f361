"""What commands are given to read: text and JSON, and in words why something is neither."""

from __future__ import annotations

import re

import msgspec

NEWLINE = b"\n"
_ESCAPES = re.compile(rb"\\\\|\\u(?:d[89ab]..\\ud[c-f]|(d[89a-f]))", re.IGNORECASE)


def text_of(content: bytes) -> str:
    """Read what some editor or program wrote as text; raise `ValueError`, in words, if it is none."""
    if b"\0" in content:
        raise ValueError("is no text: it has a zero byte")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8: {place(content, error.start)}") from error


def json_problem(content: bytes) -> str:
    """Say what is wrong with JSON, and on which line; nothing is: an empty string."""
    try:
        content.decode()
        msgspec.json.decode(content)
    except UnicodeDecodeError as error:
        return f"is no JSON: not UTF-8: {place(content, error.start)}"
    except msgspec.DecodeError as error:
        return f"is no JSON: {_located(str(error), content)}"
    except RecursionError:
        return "is no JSON: it is nested too deeply"
    return ""


def place(content: bytes, at: int) -> str:
    """Say where a byte is, for people who look it up in an editor."""
    line = content.count(NEWLINE, 0, at) + 1
    return f"line {line}, byte {at - content.rfind(NEWLINE, 0, at)}"


def _located(said: str, content: bytes) -> str:
    half = next((found for found in _ESCAPES.finditer(content) if found[1]), None)
    if half and ("surrogate" in said or "truncated" in said):
        return rf"half of a surrogate pair (\ud800 to \udfff): {place(content, half.start())}"
    if "truncated" in said:
        return f"it ends too early: {place(content, len(content))}"
    words = said.removeprefix("JSON is malformed: ")
    found = re.search(r" \(byte (\d+)\)$", words)
    return f"{words[: found.start()]}: {place(content, int(found[1]))}" if found else words
