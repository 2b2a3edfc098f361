"""Requests as they lie in the journal."""

from __future__ import annotations

import sqlite3

import msgspec

from chanbridge.http import Headers, HttpRequest
from chanbridge.store.base import Arrival, KeptRequest, RequestState

Row = tuple[object, ...]
ADD = (
    "INSERT INTO requests (id, account, at, method, url, headers, body, state, reason)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def row_of(id: int, arrival: Arrival, state: RequestState = "ok", reason: str = "") -> Row:
    """Make the row of the request that an arrival brings."""
    request = arrival.request
    assert request is not None
    at, headers = arrival.at.timestamp(), msgspec.json.encode(request.headers.fields)
    return id, arrival.account, at, request.method, request.url, headers, request.content, state, reason


def piece(connection: sqlite3.Connection, id: int | None, first: int, after: int) -> bytes | None:
    """Read some bytes of a body; None if it does not hold them (any more), or its request is gone."""
    if id is None:
        return None
    try:
        with connection.blobopen("requests", "body", id, readonly=True) as body:
            if not first < after <= len(body):
                return None
            body.seek(first)
            return body.read(after - first)
    except sqlite3.OperationalError:
        return None


def request_of(row: sqlite3.Row) -> KeptRequest:
    """Make a kept request of its row."""
    headers = Headers(msgspec.json.decode(row["headers"], type=dict[str, str]))
    request = HttpRequest(method=row["method"], url=row["url"], headers=headers, body=row["body"])
    return KeptRequest(row["id"], row["account"], row["at"], request, row["state"], row["reason"])
