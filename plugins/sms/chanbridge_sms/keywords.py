"""The words by which people leave, return and ask for help.

A text is a keyword only as a whole: trimmed, without punctuation around it, in any case.
Providers act on the English ones by themselves; the other languages are ours to honour.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, TypeAlias

Keyword: TypeAlias = Literal["stop", "start", "help", "maybe_start"]

TWILIO: dict[str, tuple[str, ...]] = {
    "stop": ("STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"),
    "start": ("START", "UNSTOP"),
    "help": ("HELP", "INFO"),
}
"""What Twilio answers and enforces unless a Messaging Service says otherwise."""
ENGLISH: dict[str, tuple[str, ...]] = {
    "stop": ("STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT",
             "OPT OUT", "OPT-OUT"),
    "start": ("START", "UNSTOP", "OPTIN"),
    "help": ("HELP", "INFO"),
}  # fmt: skip
AMBIGUOUS = ("YES",)  # opts in only somebody who is out: whether they are, the core knows
LOCAL_STOP: dict[str, tuple[str, ...]] = {
    "nl": ("STOP", "AFMELDEN", "UIT"),
    "fr": ("STOP", "ARRET", "ARRÊT"),
    "de": ("STOP", "STOPP", "ABMELDEN"),
    "es": ("STOP", "BAJA", "ALTO", "CANCELAR"),
    "pt": ("SAIR", "PARAR", "CANCELAR"),
    "it": ("STOP", "ANNULLA"),
}
_REVOKES = ("STOP", "QUIT", "END", "REVOKE", "OPT OUT", "CANCEL", "UNSUBSCRIBE")  # the US rule's own words


def fold(text: str) -> str:
    """Write a text as it is compared: NFKC, no case, single spaces, no punctuation at its ends."""
    words = unicodedata.normalize("NFKC", text).casefold().split()
    return re.sub(r"^\W+|\W+$", "", " ".join(words))


@lru_cache(maxsize=256)
def stop_words(handling: str, extra: tuple[str, ...] = ()) -> frozenset[str]:
    """Give the opt-out words that count, folded."""
    local = (*ENGLISH["stop"], *(word for words in LOCAL_STOP.values() for word in words), *extra)
    words = {"provider": TWILIO["stop"], "local": local}.get(handling, (*TWILIO["stop"], *local))
    return frozenset(map(fold, words))


def reserved(extra: Iterable[str] = ()) -> tuple[str, ...]:
    """Give the words that never choose an option of a menu."""
    stop = (*ENGLISH["stop"], *(word for words in LOCAL_STOP.values() for word in words), *extra)
    return tuple(dict.fromkeys((*stop, *ENGLISH["start"], *ENGLISH["help"])))


def match(text: str, stops: frozenset[str]) -> Keyword | None:
    """Say which keyword a text is, if it is one as a whole."""
    said = fold(text)
    if said in stops:
        return "stop"
    if said in _START:
        return "start"
    if said in _HELP:
        return "help"
    return "maybe_start" if said in _AMBIGUOUS else None


def enforced_by_twilio(text: str) -> bool:
    """Say whether Twilio itself answers and acts on this text, as it does by default."""
    return fold(text) in _TWILIO


def mentions_stop(text: str) -> bool:
    """Say whether a text holds a word of leaving among others: for a person to read."""
    return bool(_MENTION.search(fold(text)))


_START = frozenset(map(fold, ENGLISH["start"]))
_HELP = frozenset(map(fold, ENGLISH["help"]))
_AMBIGUOUS = frozenset(map(fold, AMBIGUOUS))
_TWILIO = frozenset(fold(word) for words in TWILIO.values() for word in words)
_MENTION = re.compile(rf"\b(?:{'|'.join(fold(word) for word in _REVOKES)})\b")
