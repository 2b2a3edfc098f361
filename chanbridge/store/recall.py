"""What is remembered of conversations from one group of requests to the next.

It holds as long as nobody else writes: another process shows in ``data_version``, a transaction that is
rolled back forgets all, and triggers of this connection forget a conversation whose addresses or menus
change, whoever in this process changes them. So a plain message of somebody known asks the store nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from chanbridge.model.address import Conversation, Identity
from chanbridge.store.lookup import rows

Identities = tuple[Identity, ...]
MOST = 4096
"""How many conversations are remembered: the first forgotten is the one that was learned first."""
_TRIGGERS = (
    "CREATE TEMP TRIGGER recall_menu AFTER INSERT ON main.reply_maps"
    " BEGIN SELECT forget(NEW.conversation); END",
    "CREATE TEMP TRIGGER recall_taken BEFORE INSERT ON main.aliases"
    " BEGIN SELECT forget(conversation) FROM aliases"
    " WHERE account = NEW.account AND address = NEW.address; END",
    "CREATE TEMP TRIGGER recall_changed AFTER UPDATE ON main.aliases"
    " BEGIN SELECT forget(OLD.conversation), forget(NEW.conversation); END",
    "CREATE TEMP TRIGGER recall_gone AFTER DELETE ON main.aliases BEGIN SELECT forget(OLD.conversation); END",
    "CREATE TEMP TRIGGER recall_reach AFTER UPDATE OF reach ON main.conversations"
    " BEGIN SELECT forget(NEW.key); END",
    "CREATE TEMP TRIGGER recall_erased AFTER DELETE ON main.conversations BEGIN SELECT forget(OLD.key); END",
)


class Place:
    """A conversation without a menu, and the identities of its contact that all lead there."""

    __slots__ = ("channel", "conversation", "identities", "key", "until")

    def __init__(self, conversation: Conversation, identities: Identities) -> None:
        self.conversation = conversation
        self.key = conversation.key
        self.channel = conversation.channel
        self.identities = identities
        self.until = 0.0  # of its window: what is written down


Spot = tuple[str, str]
"""Account and address."""


class Recall:
    """Remembers places, and finds them by what an event names."""

    def __init__(self) -> None:
        self._places: dict[Spot, Place] = {}
        self._spots: dict[str, Spot] = {}  # by the conversation's key
        self.menuless: set[str] = set()  # conversations that have turned out to have no menu, in this group
        self._version = -1

    def attach(self, connection: sqlite3.Connection) -> None:
        """Let a connection say what changes through it."""
        connection.create_function("forget", 1, self.forget)
        for trigger in _TRIGGERS:
            connection.execute(trigger)

    def begin(self, connection: sqlite3.Connection) -> None:
        """Forget all if another process has written since; within a transaction none can."""
        self.menuless.clear()
        version = connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self.clear()
            self._version = version

    def find(self, account: str, conversation: Conversation, identities: Identities) -> Place | None:
        """Give the place of a contact whose identities are all known; None if the store must be asked."""
        place = self._places.get((account, conversation.address))
        if place is None or place.identities != identities or place.conversation.title != conversation.title:
            return None
        return place

    def learn(self, place: Place) -> None:
        """Remember a conversation."""
        self.forget(place.key)
        if len(self._places) >= MOST:
            self.forget(next(iter(self._spots)))
        self._spots[place.key] = spot = (place.conversation.account, place.conversation.address)
        self._places[spot] = place

    def forget(self, key: str) -> None:
        """Forget one conversation."""
        self.menuless.discard(key)
        spot = self._spots.pop(key, None)
        if spot is not None:
            del self._places[spot]

    def clear(self) -> None:
        """Forget all: what was learned may have been undone."""
        self._places.clear()
        self._spots.clear()
        self._version = -1

    def look_up(self, connection: sqlite3.Connection, wanted: Iterable[tuple[Place, Sequence[str]]]) -> None:
        """Learn many at once: of each the place it should be, and the addresses that must lead there."""
        missing = {place.key: (place, addresses) for place, addresses in wanted}
        if not missing:
            return
        keys = [(key,) for key in missing]
        found = rows(
            connection, "SELECT key, window_until FROM conversations WHERE reach = '' AND key IN ({})", keys
        )
        until = {row[0]: row[1] or 0.0 for row in found}
        menus = rows(
            connection, "SELECT DISTINCT conversation FROM reply_maps WHERE conversation IN ({})", keys
        )
        leading = _leading(connection, missing.values())
        for key in until.keys() - {row[0] for row in menus}:
            place, addresses = missing[key]
            account = place.conversation.account
            if all(leading.get((account, address)) == key for address in addresses):
                place.until = until[key]
                self.learn(place)


def _leading(
    connection: sqlite3.Connection, wanted: Iterable[tuple[Place, Sequence[str]]]
) -> dict[tuple[str, str], str]:
    """Say which conversation each address of an account leads to."""
    addresses: dict[str, list[tuple[str]]] = {}
    for place, stated in wanted:
        addresses.setdefault(place.conversation.account, []).extend((address,) for address in stated)
    sql = "SELECT account, address, conversation FROM aliases WHERE account = ? AND address IN ({})"
    found = (row for account, all in addresses.items() for row in rows(connection, sql, all, account))
    return {(row[0], row[1]): row[2] for row in found}
