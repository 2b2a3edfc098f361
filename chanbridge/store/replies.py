"""The way back in the journal: from what a person answers to the option they chose."""

from __future__ import annotations

import datetime as dt
import sqlite3
from typing import NamedTuple

import msgspec

from chanbridge.model.events import Event, InteractionReceived, MessageReceived
from chanbridge.store.menus import DEPTH
from chanbridge.store.places import sender_of
from chanbridge.store.targets import refer
from chanbridge.store.visit import Visit
from chanbridge.transcode import answers
from chanbridge.transcode.plan import ReplyMap


class Matching(NamedTuple):
    """How far a channel's words are matched (``capabilities.reply_matching``)."""

    default: str = "marker"
    reserved: tuple[str, ...] = ()


def resolve(
    connection: sqlite3.Connection, event: Event, now: float, matching: Matching, visit: Visit
) -> Event:
    """Make a choice of an answer, if it is one; say of a tap which option it was."""
    if type(event) is InteractionReceived and event.source:
        event = event.replace(source=refer(connection, event.account, event.source))
    if type(event) not in {MessageReceived, InteractionReceived} or event.passive:
        return event
    if event.key in visit.menuless:
        return event
    rows = connection.execute(
        "SELECT * FROM reply_maps WHERE conversation = ? ORDER BY opened DESC LIMIT ?", (event.key, DEPTH)
    ).fetchall()
    if not rows:
        visit.menuless.add(event.key)
        return event
    person = _person(event)
    menus = [_menu(connection, event.account, row, person) for row in rows]
    at = dt.datetime.fromtimestamp(now, dt.UTC)
    choice = answers.resolve(event, menus, at, reserved=matching.reserved, default=matching.default)
    if choice is None:
        if isinstance(event, MessageReceived):
            _wrote_something_else(connection, event.key)
        return event
    if choice.source:
        _use(connection, choice.source.id, person)
    return answers.interaction(choice, event)


def _person(event: Event) -> str:
    """Who answers: in a group everybody may, once."""
    sender = sender_of(event)
    return sender.address if sender else ""


def _menu(connection: sqlite3.Connection, account: str, row: sqlite3.Row, person: str) -> answers.OpenMap:
    externals = connection.execute(
        "SELECT external FROM externals WHERE message = ? AND account = ?", (row["message"], account)
    ).fetchall()
    return answers.OpenMap(
        map=msgspec.json.decode(row["data"], type=ReplyMap),
        externals=tuple(external[0] for external in externals),
        used=person in msgspec.json.decode(row["used"], type=list[str]),
        moved_on=bool(row["closed"]),
    )


def _use(connection: sqlite3.Connection, message: str, person: str) -> None:
    row = connection.execute("SELECT used FROM reply_maps WHERE message = ?", (message,)).fetchone()
    if row is None:
        return
    used = msgspec.json.decode(row[0], type=list[str])
    if person not in used:
        connection.execute(
            "UPDATE reply_maps SET used = ? WHERE message = ?",
            (msgspec.json.encode([*used, person]), message),
        )


def _wrote_something_else(connection: sqlite3.Connection, conversation: str) -> None:
    connection.execute(
        "UPDATE reply_maps SET other = 1 WHERE conversation = ? AND closed = 0", (conversation,)
    )
