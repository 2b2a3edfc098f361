"""Bodies go out with their right length, and no name in them can end a header."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chanbridge.blobs import FileMediaStore
from chanbridge.http import Field, MediaBody, Multipart
from chanbridge.model.errors import SendError
from chanbridge.model.media import Media
from chanbridge.transport.body import Prepared, field_head, prepare


async def sent(prepared: Prepared) -> bytes:
    if prepared.chunks is None:
        return prepared.content
    return b"".join([chunk async for chunk in prepared.chunks()])


def parts_of(prepared: Prepared, content: bytes) -> list[Message]:
    parsed = message_from_bytes(f"content-type: {prepared.content_type}\r\n\r\n".encode() + content)
    return parsed.get_payload()  # type: ignore[return-value]


async def keep(store: FileMediaStore, content: bytes) -> Media:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    return await store.put(chunks())


@given(name=st.text(), filename=st.text(), content_type=st.text())
@example(name='a"; filename="b', filename='c"\r\nX-Evil: 1', content_type="text/plain\r\nX-Evil: 1")
def test_no_name_ends_its_header(name: str, filename: str, content_type: str):
    field = Field(name=name, value=b"x", filename=filename, content_type=content_type)

    head = field_head(field, "boundary")

    *lines, blank, end = head.split(b"\r\n")
    assert (blank, end) == (b"", b"")
    assert [line.partition(b":")[0] for line in lines[1:]] == [b"Content-Disposition", b"Content-Type"][
        : len(lines) - 1
    ]
    assert b"\n" not in b"".join(lines)
    assert lines[1].count(b'"') == (4 if filename else 2)


@given(
    fields=st.lists(
        st.tuples(
            st.text(alphabet="abc", min_size=1), st.binary(max_size=200).filter(lambda b: b"\r" not in b)
        ),
        min_size=1,
        max_size=5,
    )
)
async def test_every_field_arrives_as_it_was(fields: list[tuple[str, bytes]]):
    body = Multipart(tuple(Field(name=name, value=value, filename="f") for name, value in fields))

    prepared = await prepare(body, None)
    content = await sent(prepared)

    assert len(content) == prepared.length
    arrived = [
        (part.get_param("name", header="content-disposition"), part) for part in parts_of(prepared, content)
    ]
    assert [name for name, _ in arrived] == [name for name, _ in fields]
    assert all(value in content for _, value in fields)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(start=st.integers(0, 60), end=st.none() | st.integers(0, 60))
async def test_a_slice_is_what_python_calls_one(tmp_path: Path, start: int, end: int | None):
    content = bytes(range(40))
    store = FileMediaStore(tmp_path)
    media = await keep(store, content)

    for source in (media, Media(data=content)):
        prepared = await prepare(MediaBody(source, start=start, end=end), store)
        assert await sent(prepared) == content[start:end]
        assert prepared.length == len(content[start:end])


async def test_a_file_gets_its_own_name_and_type_unless_the_field_says_otherwise(tmp_path: Path):
    store = FileMediaStore(tmp_path)
    media = (await keep(store, b"\x89PNG\r\n\x1a\n")).replace(filename="mug.png")
    fields = (
        Field(name="a", value=MediaBody(media)),
        Field(name="b", value=MediaBody(media), filename="b.bin", content_type="application/x-b"),
        Field(name="c", value="text"),
    )

    prepared = await prepare(Multipart(fields), store)
    first, second, third = parts_of(prepared, await sent(prepared))

    assert (first.get_filename(), first.get_content_type()) == ("mug.png", "image/png")
    assert (second.get_filename(), second.get_content_type()) == ("b.bin", "application/x-b")
    assert third.get_filename() is None
    assert "content-type" not in third


async def test_each_upload_has_a_boundary_of_its_own():
    body = Multipart((Field(name="a", value="1"),))

    assert (await prepare(body, None)).content_type != (await prepare(body, None)).content_type


@pytest.mark.parametrize("media", [Media(url="https://files.example/a"), Media(provider_id="1")])
async def test_a_file_that_is_elsewhere_is_not_sent(media: Media):
    with pytest.raises(SendError, match="media store"):
        await prepare(MediaBody(media), None)
