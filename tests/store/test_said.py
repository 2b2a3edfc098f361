"""What one person says in one request: written with what it shares once, read as it was."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge.store import said
from chanbridge.store.recall import Place
from tests.channels import NOW
from tests.store.samples import bring
from tests.store.samples import said as text

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
times = st.integers(0, 4 * 10**15).map(lambda us: NOW.replace(year=2000) + dt.timedelta(microseconds=us))
parts = (
    st.builds(cb.Text, text=words)
    | st.builds(cb.Location, lat=st.floats(-90, 90), lon=st.floats(-180, 180), name=words)
    | st.builds(cb.MediaPart, media=st.builds(cb.Media, provider_id=words, mime=words), alt=words)
)
raws = st.none() | st.builds(cb.Raw, body=words) | st.builds(cb.Raw, data=st.binary(max_size=20))


@st.composite
def events(draw, sender):
    """What a plugin gives for a plain message, under the id that the core has minted."""
    return cb.MessageReceived.of(
        *draw(st.lists(parts, min_size=1, max_size=3)), sender=sender, account="main", id="id" + draw(words),
        provider_id=draw(words), time=draw(st.none() | times), account_id=draw(words), raw=draw(raws),
        attributes=draw(st.dictionaries(words, words, max_size=2)),
    )  # fmt: skip


contacts = st.builds(
    cb.Contact, address=words.map("pigeon:{}".format), display_name=words,
    profile=st.dictionaries(words, words, max_size=2),
)  # fmt: skip


@given(st.data(), contacts, words, times, st.integers(0, 10**6))
def test_what_is_written_is_read(data, sender, title, at, before):
    bare = data.draw(st.lists(events(sender), min_size=1, max_size=5))
    where = cb.Conversation(address=sender.address, account="main", title=title)
    place = Place(where, ())
    placed = [said.placed(event, place, event.id, at, before + n) for n, event in enumerate(bare, 1)]
    at_most = data.draw(st.integers(before, before + len(bare)))

    written = said.pack((where, sender), placed)
    read = list(said.unpack(written, before + len(bare), at.timestamp(), "main", at_most))

    if written:  # what is to be hoisted is a CloudEvent a line
        assert read == [(int(event.sequence, 16), event) for event in placed][at_most - before :]
    else:
        assert any("extra" in str(event) for event in placed)


async def test_what_needs_more_care_lies_beside_it_as_a_cloudevent(store):
    plain, odd = text("Plain", id="msg-TEST-1"), text("Odd", id="msg-TEST-2").replace(extra={"x-odd": 1})
    zone = dt.timezone(dt.timedelta(hours=2))
    elsewhere = text("Elsewhere", id="msg-TEST-3").replace(time=NOW.astimezone(zone))
    told = [*await bring(store, plain), *await bring(store, odd), *await bring(store, elsewhere)]

    rows = await store.engine.read(lambda c: [row[0] for row in c.execute("SELECT data FROM events")])

    assert [row[:1] for row in rows] == [b"[", b"{", b"{"]
    assert [entry.event for entry in await store.journal.events()] == told
