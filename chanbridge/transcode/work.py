"""What the rules hand to each other while a plan is made."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from chanbridge.model.base import JSON
from chanbridge.model.capabilities import Capabilities, TextLimits, Unit
from chanbridge.model.errors import ErrorCode, Fix
from chanbridge.model.message import EmailProfile, Message
from chanbridge.model.parts import Action, MediaPart, Part, Template
from chanbridge.transcode import gsm
from chanbridge.transcode.hints import Hints, hints
from chanbridge.transcode.plan import LOSS_ORDER, Loss, LossLevel, Option, Policy, Situation
from chanbridge.transcode.text import rich as r
from chanbridge.transcode.text.dialects import Written, write
from chanbridge.transcode.text.graphemes import clusters
from chanbridge.transcode.text.lengths import excess, fits
from chanbridge.transcode.text.rich import Rich
from chanbridge.transcode.text.split import Split, TooLong, split
from chanbridge.transcode.words import label_key, marker_key

TOKEN_LENGTH = 16
TOKEN_MIN = 6
QUOTE_MAX = 80


class Refused(Exception):
    """A part cannot go to this channel by any rule of its kind."""

    def __init__(
        self,
        path: str,
        rule: str,
        reason: str,
        *,
        code: ErrorCode = "unsupported_content",
        fix: Fix | None = None,
    ) -> None:
        super().__init__(reason)
        self.path = path
        self.rule = rule
        self.code = code
        self.fix = fix

    def loss(self) -> Loss:
        return Loss(path=self.path, level="rejected", rule=self.rule, reason=str(self))


class Placed(NamedTuple):
    """An action, where it stands in the message, and what a list says beside it."""

    action: Action
    path: str
    part: str
    note: str = ""  # a row's description
    heading: str = ""  # its section's title


class Bubble(NamedTuple):
    """What is to be shown together if the channel can: words, a file, actions."""

    carries: tuple[str, ...]
    path: str
    text: Rich = Rich("")
    media: MediaPart | None = None
    actions: tuple[Placed, ...] = ()
    losses: tuple[Loss, ...] = ()
    preview: bool | None = None
    options: tuple[Option, ...] = ()  # numbered in the text already


class Draft(NamedTuple):
    """A step in the making, with its options and what it lost."""

    parts: tuple[Part, ...]
    carries: tuple[str, ...]
    quick_replies: tuple[Action, ...] = ()
    options: tuple[Option, ...] = ()
    losses: tuple[Loss, ...] = ()
    html: str = ""
    email: EmailProfile | None = None


def worst(losses: Iterable[Loss]) -> LossLevel:
    """Give the worst level of some losses."""
    return max((loss.level for loss in losses), key=LOSS_ORDER.index, default="none")


class Work:
    """One message for one channel: what the rules read, and how far the numbering has come."""

    def __init__(
        self, message: Message, capabilities: Capabilities, policy: Policy, situation: Situation
    ) -> None:
        self.message = message
        self.capabilities = capabilities
        self.policy = policy
        self.situation = situation
        self.hints: Hints = hints(message.locale or policy.locale)
        self.text = capabilities.text or TextLimits()
        self.keep = frozenset(
            kind for kind, level in self.text.formatting.items() if level in ("native", "partial", "convert")
        )
        self._converted = frozenset(k for k, level in self.text.formatting.items() if level == "convert")
        self.letters = False
        self.numbered = 0
        self.quote = Rich("")
        self.besides: dict[str, tuple[Placed, ...]] = {}  # by a preview's path, its template's own actions
        self._taken: Counter[str] = Counter()
        self._named: defaultdict[str, set[str]] = defaultdict(set)  # by a marker, the ids that go by it

    def know(self, actions: Iterable[Placed]) -> None:
        """Look at all actions of the message: leading digits, repeated payloads, names like markers."""
        for placed in actions:
            self._taken[placed.action.payload or placed.action.id] += 1
            if placed.action.kind == "reply" and placed.action.label.lstrip()[:1].isdecimal():
                self.letters = True
            if placed.action.kind == "reply" and not placed.action.disabled:
                for name in _names(placed.action):
                    self._named[marker_key(label_key(name))].add(placed.action.id)

    def supports(self, kind: str) -> bool:
        """Say whether the channel takes a part kind as it is."""
        return self.capabilities.level(kind) in ("native", "partial")

    def takes_template(self, template: Template) -> bool:
        """Say whether a template goes out as it is: the channel has some, and the name is one of its own."""
        limits = self.capabilities.template
        known = not (limits and limits.names) or re.fullmatch(limits.names, template.name) is not None
        return known and self.supports("template")

    def loss(
        self, path: str, level: LossLevel, rule: str, reason: str, limit: JSON = None, actual: JSON = None
    ) -> Loss:
        return Loss(path=path, level=level, rule=rule, reason=reason, limit=limit, actual=actual)

    # words

    def quoted(self) -> Rich:
        """Give the line that stands for a relation which the channel does not show (D18), if it is wanted."""
        relation, words = self.message.relation, self.situation.quoted.strip()
        if not (self.policy.quote_replies and words and relation and relation.reply_to):
            return Rich("")
        if self.capabilities.relation.reply in ("native", "partial"):
            return Rich("")
        shown = clusters(words.partition("\n")[0])
        short = "".join(shown) if len(shown) <= QUOTE_MAX else "".join(shown[: QUOTE_MAX - 3]) + "..."
        return r.marked(short, "quote") if "quote" in self.keep else r.line(f"> {short}")

    def write(self, rich: Rich) -> Written:
        """Write words in the channel's dialect."""
        written = write(rich, self.text.dialect, self.keep)
        if self._converted and rich.spans:
            converted = (span.type for span in rich.spans if span.type in self._converted)
            written = written._replace(dropped=tuple(dict.fromkeys((*written.dropped, *converted))))
        if self.text.unit == "gsm" and self.policy.sms_encoding != "keep":
            smart = gsm.smart(written.text, accents=self.policy.sms_encoding == "accents")
            if smart != written.text:
                return Written(smart, (*written.dropped, "characters outside the GSM alphabet"))
        return written

    def fits(self, rich: Rich, limit: int | None = None) -> bool:
        """Say whether words fit a text of the channel, and a closer limit if there is one."""
        text = self.write(rich).text
        return not excess(text, self.text) and fits(text, limit, self.text.unit)

    def texts(self, rich: Rich, path: str, last_max: int | None) -> tuple[list[Rich], tuple[Loss, ...]]:
        """Cut words into texts that fit, the last into a closer limit, and say what that costs (D1)."""
        *before, last = (first := self._split(rich, path)).pieces
        closing = self._closing(last, path, last_max)
        pieces = [*before, *closing.pieces]
        limit, actual = last_max or self.text.max, len(self.write(rich).text)
        levels: dict[str, LossLevel] = {}
        if len(pieces) > 1:
            levels[f"cut into {len(pieces)} texts"] = "presentation"
        for whole in (*first.broken, *closing.broken):
            levels[f"a {whole} is longer than the limit, and is cut"] = "content"
        lost = (self.loss(path, level, "D1", reason, limit, actual) for reason, level in levels.items())
        return pieces, tuple(lost)

    def _closing(self, rich: Rich, path: str, limit: int | None) -> Split:
        """Cut the last words for what stands below them; what that would break goes above a prompt."""
        cut = self._split(rich, path, limit)
        prompt = Rich(self.hints.choose)
        return Split([rich, prompt]) if cut.broken and self.fits(prompt, limit) else cut

    def _split(self, rich: Rich, path: str, limit: int | None = None) -> Split:
        if self.fits(rich, limit):
            return Split([rich])
        if self.text.split == "forbid":
            raise Refused(
                path, "D1", "the text is too long, and may not be cut", code="too_large", fix="shrink"
            )
        try:
            return split(rich, lambda piece: self.fits(piece, limit))
        except TooLong:
            reason = "a single character is longer than the limit"
            raise Refused(path, "D1", reason, code="too_large", fix="shrink") from None

    def formatting_loss(self, path: str, dropped: tuple[str, ...]) -> tuple[Loss, ...]:
        """Say which formatting went (D2)."""
        return tuple(
            self.loss(path, "presentation", "D2", f"{kind} is written in another way", self.text.dialect)
            for kind in dropped
        )

    def enabled(self, actions: Iterable[Placed]) -> tuple[tuple[Placed, ...], tuple[Loss, ...]]:
        """Leave out what nobody may tap, and say so."""
        actions = tuple(actions)
        gone = tuple(
            self.loss(placed.path, "presentation", "D5", "it is disabled, and not shown")
            for placed in actions
            if placed.action.disabled
        )
        return tuple(placed for placed in actions if not placed.action.disabled), gone

    # the way back

    def wire(self, action: Action, limit: int | None, unit: Unit) -> str | None:
        """Give what goes into the provider's payload; None if not even a token fits (D7).

        It is the author's payload, else the action's id, so that a tap that comes when its map is
        gone still names the action. What is too long, or the same for two actions, is a token.
        """
        wanted = action.payload or action.id
        if wanted and self._taken[wanted] <= 1 and fits(wanted, limit, unit):
            return wanted
        room = TOKEN_LENGTH if limit is None else min(limit, TOKEN_LENGTH)
        if room < TOKEN_MIN:
            return None
        seed = "\0".join((self.message.id, action.id, action.payload)).encode("utf-8", "surrogatepass")
        return base64.b32encode(hashlib.sha256(seed).digest()).decode().lower()[:room]

    def option(self, placed: Placed, *, marker: str = "", wire: str = "", shown: str = "") -> Option:
        """Note one option of the reply map."""
        action = placed.action
        also = [action.short_label, shown]
        aliases = (*action.aliases, *(label for label in also if label and label != action.label))
        return Option(
            action_id=action.id,
            label=action.label,
            marker=marker,
            token=wire if wire != action.payload else "",
            payload=action.payload,
            aliases=tuple(dict.fromkeys(aliases)),
            part=placed.part,
        )

    def marker(self, action: Action) -> str:
        """Give the next marker, 1, 2, 3, or A, B, C: the next that is no name of another option."""
        while True:
            self.numbered += 1
            marker = _letters(self.numbered) if self.letters else str(self.numbered)
            if self._named.get(marker.casefold(), set()) <= {action.id}:
                return marker

    def closing_hint(self) -> str:
        return self.hints.letter if self.letters else self.hints.number


def _names(action: Action) -> tuple[str, ...]:
    """Give all that a person may call an action."""
    return (action.label, action.short_label, *action.aliases)


def _letters(number: int) -> str:
    out = ""
    while number:
        number, rest = divmod(number - 1, 26)
        out = chr(ord("A") + rest) + out
    return out


def marker_line(marker: str, placed: Placed) -> Rich:
    """Write one option as a line that must not be cut (D6)."""
    note = f" - {placed.note}" if placed.note else ""
    return r.line(_one_line(f"{marker}) {placed.action.label}{note}"))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def link_line(action: Action) -> Rich | None:
    """Write an action that is no reply as ``Label: uri``; None if nothing can be written."""
    target = action.uri or _written_out(action)
    return (
        r.line(_one_line(f"{action.label}: {target}" if target else action.label)) if _shows(action) else None
    )


def _shows(action: Action) -> bool:
    return bool(action.uri or _written_out(action)) or action.kind == "location_request"


def _written_out(action: Action) -> str:
    if action.kind == "copy":
        return action.payload
    if action.kind == "calendar":
        fields = ("title", "start", "end", "location")
        return ", ".join(str(action.event[field]) for field in fields if action.event.get(field))
    return ""
