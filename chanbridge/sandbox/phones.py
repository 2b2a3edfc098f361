"""The customers' phones: what they show, and what their owners can do.

`PhoneActions` is the script of a customer, the same whether the phone is in this process (`Phone`)
or behind the control API (`chanbridge.sandbox.control.RemotePhone`).
"""

from __future__ import annotations

import asyncio
import mimetypes
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from chanbridge.sandbox.simulator import Simulator

MAX_INBOX = 10_000


class File(Struct, frozen=True, kw_only=True):
    """A file on a phone: its bytes, or why there are none."""

    role: str = "document"
    mime: str = ""
    filename: str = ""
    data: bytes = b""
    url: str = ""

    @classmethod
    def of(cls, file: File | Path | bytes, *, mime: str = "", filename: str = "", role: str = "") -> File:
        """Make a file of a path or bytes; the MIME type is guessed from the name where none is given."""
        if isinstance(file, File):
            return file
        name = filename or (file.name if isinstance(file, Path) else "")
        data = file.read_bytes() if isinstance(file, Path) else file
        mime = mime or mimetypes.guess_type(name)[0] or "application/octet-stream"
        return cls(role=role or role_of(mime), mime=mime, filename=name, data=data)


def role_of(mime: str) -> str:
    """Say what a phone shows a file as."""
    kind = mime.partition("/")[0]
    return kind if kind in {"image", "video", "audio"} else "document"


class Option(Struct, frozen=True, kw_only=True):
    """Something on the screen that can be tapped. ``id`` is what the provider sends back."""

    id: str = ""
    label: str = ""
    kind: str = "reply"
    description: str = ""
    url: str = ""


class Seen(Struct, frozen=True, kw_only=True):
    """One message as a phone shows it. ``raw`` is the call that made it."""

    id: str
    sender: str
    kind: str = "text"
    text: str = ""
    header: str = ""
    footer: str = ""
    button: str = ""  # what opens a list
    options: tuple[Option, ...] = ()
    media: tuple[File, ...] = ()
    reply_to: str = ""
    at: int = 0
    raw: dict[str, Any] = {}


class Said(Struct, frozen=True, kw_only=True):
    """What a customer does. ``to`` is the business number; empty: the one that wrote last, else the first."""

    kind: Literal["text", "media", "location", "contacts", "reaction", "tap", "raw"] = "text"
    to: str = ""
    text: str = ""
    files: tuple[File, ...] = ()
    option: str = ""
    message: str = ""  # quoted, tapped on or reacted to
    data: dict[str, Any] = {}


class PhoneActions(ABC):
    """What the owner of a phone can do with it."""

    @abstractmethod
    def say(self, said: Said) -> str:
        """Send what was said; give the provider's id of it."""

    @abstractmethod
    def read(self, message: str = "") -> None:
        """Look at a message and all before it (default: all), which sends the read receipts."""

    def send_text(self, text: str, *, to: str = "", reply_to: str = "") -> str:
        """Type a text."""
        return self.say(Said(text=text, to=to, message=reply_to))

    def send_media(
        self,
        *files: File | Path | bytes,
        caption: str = "",
        mime: str = "",
        filename: str = "",
        role: str = "",
        to: str = "",
        reply_to: str = "",
    ) -> str:
        """Send files, with a caption; ``role`` may say ``voice`` or ``sticker``."""
        if not files:
            raise ValueError("send_media needs a file")
        found = tuple(File.of(file, mime=mime, filename=filename, role=role) for file in files)
        return self.say(Said(kind="media", files=found, text=caption, to=to, message=reply_to))

    def send_location(
        self, lat: float, lon: float, *, name: str = "", address: str = "", to: str = "", reply_to: str = ""
    ) -> str:
        """Share a place."""
        data = {"latitude": lat, "longitude": lon, "name": name, "address": address}
        data = {key: value for key, value in data.items() if value != ""}
        return self.say(Said(kind="location", data=data, to=to, message=reply_to))

    def send_contact(self, name: str, phone: str, *, to: str = "") -> str:
        """Share a contact card."""
        return self.say(Said(kind="contacts", data={"name": name, "phone": phone}, to=to))

    def react(self, emoji: str, message: str = "") -> str:
        """React to a message (default: the newest shown); an empty emoji takes the reaction back."""
        return self.say(Said(kind="reaction", text=emoji, message=message))

    def tap(self, option: str, message: str = "", *, answer: dict[str, Any] | None = None) -> str:
        """Tap an option, by its label or id, on a message (default: the newest that shows it).

        ``answer`` is what is filled in where the option opens a form.
        """
        return self.say(Said(kind="tap", option=option, message=message, data=answer or {}))

    def send_raw(self, data: dict[str, Any], *, to: str = "") -> str:
        """Send what has no method here, as the provider writes it."""
        return self.say(Said(kind="raw", data=data, to=to))


class Phone(PhoneActions):
    """A customer's phone on one simulated provider, for the event loop that the sandbox runs in.

    Set ``online = False`` and nothing is delivered until it is True again. ``refuses`` is the provider's
    error code with which every message to it fails. ``reads`` marks messages read as they arrive.
    What ``profile`` may hold is for the simulator to say.
    """

    def __init__(self, simulator: Simulator, number: str, name: str = "") -> None:
        self.number = number
        self.name = name
        self.refuses = 0
        self.reads = False
        self.typing = False  # whether the business is shown as typing
        self.ticks: set[str] = set()  # own messages that the business has read
        self.profile: dict[str, Any] = {}  # what only one provider knows of a customer
        self.inbox: list[Seen] = []
        self.shown = 0  # how many of the inbox have been read
        self._online = True
        self._simulator = simulator
        self._arrival = asyncio.Event()
        self._next = 0

    @property
    def online(self) -> bool:
        return self._online

    @online.setter
    def online(self, value: bool) -> None:
        self._online = value
        if value:
            self._simulator.came_online(self)

    def say(self, said: Said) -> str:
        if said.kind == "reaction" and not said.message:
            newest = self.find(lambda seen: seen.kind != "reaction", "message to react to")
            said = replace(said, message=newest.id)
        return self._simulator.say(self, said)

    def read(self, message: str = "") -> None:
        end = len(self.inbox)
        if message:
            end = self.inbox.index(self.find(lambda seen: seen.id == message, f"message {message}")) + 1
        unread, self.shown = self.inbox[self.shown : end], max(self.shown, end)
        for seen in unread:
            self._simulator.was_read(self, seen)

    def show(self, seen: Seen) -> None:
        """Put a message on the screen: the simulator calls it."""
        if len(self.inbox) >= MAX_INBOX:
            raise RuntimeError(f"the inbox of {self.number} is full ({MAX_INBOX} messages)")
        self.inbox.append(seen)
        self._arrival.set()
        if self.reads:
            self.read()

    async def receive(self, *, within: float = 10.0) -> Seen:
        """Give the next message that nobody has received yet, waiting for it; raise `TimeoutError`."""
        [seen] = await self.arrivals(self._next, within=within, at_most=1)
        self._next += 1
        return seen

    async def arrivals(self, after: int, *, within: float, at_most: int = MAX_INBOX) -> list[Seen]:
        """Give what the inbox holds beyond its first ``after`` messages, waiting for at least one."""
        async with asyncio.timeout(within):
            while len(self.inbox) <= after:
                self._arrival.clear()
                await self._arrival.wait()
        return self.inbox[after : after + at_most]

    def find(self, fits: Callable[[Seen], bool], what: str) -> Seen:
        """Give the newest message that fits; raise `LookupError` that says what is not on the screen."""
        for seen in reversed(self.inbox):
            if fits(seen):
                return seen
        raise LookupError(f"the phone {self.number} shows no {what}")

    def option(self, wanted: str, message: str = "") -> tuple[Seen, Option]:
        """Find an option on the screen by its label or id; raise `LookupError` if it is not there."""

        def fits(option: Option) -> bool:
            return wanted in {option.label, option.id}

        seen = self.find(
            lambda seen: message in {"", seen.id} and any(map(fits, seen.options)), f"option {wanted!r}"
        )
        return seen, next(filter(fits, seen.options))
