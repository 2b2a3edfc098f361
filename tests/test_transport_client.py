"""Requests are made over both libraries, and a missing answer is called what it is."""

# ruff: noqa: SIM117  (the server and its client read better on lines of their own)

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import respx

from chanbridge import guard
from chanbridge.blobs import FileMediaStore
from chanbridge.http import Field, Headers, HttpRequest, MediaBody
from chanbridge.model.errors import SendError
from chanbridge.model.media import Media
from chanbridge.transport.client import HttpTransport, Library, Timeouts

Respond = Callable[[bytes, bytes, asyncio.StreamWriter], Awaitable[None]]
LIBRARIES: list[Library] = ["aiohttp", "httpx"]
pytestmark = pytest.mark.parametrize("library", LIBRARIES)


class Server:
    """Keeps every request (head, body) and answers it as the test says."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self.requests: list[tuple[bytes, bytes]] = []
        self.asked = asyncio.Event()
        self.connections = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: *(\d+)", head)
                body = await reader.readexactly(int(length[1])) if length else b""
                self.requests.append((head, body))
                self.asked.set()
                await self._respond(head, body, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def serving(respond: Respond) -> AsyncIterator[Server]:
    server = Server(respond)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(server.serve(reader, writer)))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answer(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> Respond:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]

    async def respond(head: bytes, asked: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join(lines).encode() + body)

    return respond


async def hang_up(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def stay_silent(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def break_off(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    writer.close()


async def drip(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x")
        await asyncio.sleep(0.02)


async def content_of(store: FileMediaStore, media: Media) -> bytes:
    return b"".join([block async for block in store.read(media.blob)])


async def stored(store: FileMediaStore, content: bytes, **about: str) -> Media:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    return await store.put(chunks(), **about)  # type: ignore[arg-type]


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def store(tmp_path: Path) -> FileMediaStore:
    return FileMediaStore(tmp_path / "media")


class TestARequest:
    async def test_it_goes_out_as_it_is_and_comes_back_whole(self, library: Library):
        async with serving(answer(b'{"id": 1}', "201 Created", "x-one: 1", "x-one: 2")) as server:
            async with HttpTransport(library=library) as transport:
                response = await transport(HttpRequest.post_json(f"{server.url}/v2/x?a=%2Fb%7E+c", {"a": 1}))

        [(head, body)] = server.requests
        assert head.startswith(b"POST /v2/x?a=%2Fb%7E+c HTTP/1.1\r\n")
        assert b"user-agent: chanbridge/" in head
        assert head.lower().count(b"\r\nhost:") == 1
        assert body == b'{"a":1}'
        assert (response.status, response.json(), response.headers["X-One"]) == (201, {"id": 1}, "1, 2")

    async def test_a_post_of_nothing_says_so(self, library: Library):
        async with serving(answer()) as server:
            async with HttpTransport(library=library) as transport:
                await transport(HttpRequest(method="POST", url=server.url))
                await transport(HttpRequest.get(server.url))

        assert b"content-length: 0" in server.requests[0][0].lower()
        assert b"content-length" not in server.requests[1][0].lower()

    async def test_connections_are_used_again(self, library: Library):
        async with serving(answer()) as server:
            async with HttpTransport(library=library) as transport:
                for _ in range(3):
                    await transport(HttpRequest.get(server.url))

        assert server.connections == 1

    async def test_no_cookie_is_kept(self, library: Library):
        async with serving(answer(b"", "200 OK", "set-cookie: session=1; Path=/")) as server:
            async with HttpTransport(library=library) as transport:
                for _ in range(2):  # by a name: no client keeps cookies of a bare address
                    await transport(HttpRequest.get(server.url.replace("127.0.0.1", "localhost")))

        assert b"cookie" not in server.requests[1][0].lower()

    async def test_the_environment_names_no_proxy(self, library: Library, monkeypatch: pytest.MonkeyPatch):
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        async with serving(answer()) as server, HttpTransport(library=library) as transport:
            response = await transport(HttpRequest.get(server.url))

        assert response.ok

    async def test_no_redirect_is_followed(self, library: Library):
        async with serving(answer(b"", "302 Found", "location: /elsewhere")) as server:
            async with HttpTransport(library=library) as transport:
                response = await transport(HttpRequest.get(server.url))

        assert response.status == 302
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        "broken",
        [
            HttpRequest.get("ftp://api.pigeon.example/"),
            HttpRequest.get("nonsense"),
            HttpRequest.get("http://[::1/"),
            HttpRequest.get("http://x.example/").with_headers(x="a\r\nevil: 1"),
            HttpRequest.get("http://x.example/").with_headers(x="ü"),
        ],
        ids=["scheme", "no url", "bracket", "line break", "not ascii"],
    )
    async def test_an_impossible_one_is_refused_before_the_network(
        self, library: Library, broken: HttpRequest
    ):
        async with HttpTransport(library=library) as transport:
            with pytest.raises(SendError) as caught:
                await transport(broken)

        assert caught.value.code == "invalid_request"

    @pytest.mark.parametrize("header", ["authorization", "x-api-key", "cookie"])
    @pytest.mark.parametrize(
        "value", ["Bearer TOK\n", "Bearer TOK\r", "S\u00dcPERSEC", "\ufeffTOK", "TOK ", "\x00"]
    )
    async def test_a_credential_that_no_header_can_carry_is_the_accounts_failure(
        self, library: Library, header: str, value: str
    ):
        request = HttpRequest.post_json("http://127.0.0.1:1/", {}).with_headers(**{header: value})

        async with HttpTransport(library=library) as transport:
            with pytest.raises(SendError) as caught:
                await transport(request)

        failure = caught.value.failure
        assert (failure.code, failure.scope, failure.fix) == ("auth_failed", "account", "reauth")
        assert not failure.retryable
        assert failure.detail == (
            f"the header {header} holds what no header can carry: compare the setting of its credential"
        )

    async def test_a_foreign_request_says_nothing_of_the_accounts_credential(self, library: Library):
        request = HttpRequest.get("http://x.example/").with_headers(cookie="\u00fc")

        async with HttpTransport(library=library) as transport:
            with pytest.raises(SendError) as caught:
                await transport(request, foreign=True)

        assert caught.value.code == "invalid_request"

    async def test_another_header_beside_a_good_credential_is_the_requests_failure(self, library: Library):
        request = HttpRequest.get("http://x.example/").with_headers(authorization="Bearer TOK", x="\u00fc")

        async with HttpTransport(library=library) as transport:
            with pytest.raises(SendError) as caught:
                await transport(request)

        assert caught.value.code == "invalid_request"


class TestNoAnswer:
    async def test_a_refused_connection_means_that_nothing_left(self, library: Library):
        async with serving(answer()) as server:
            gone = server.url
        async with HttpTransport(library=library) as transport:
            with pytest.raises(SendError) as caught:
                await transport(HttpRequest.post_json(gone, {}))

        assert caught.value.code == "channel_unavailable"

    @pytest.mark.parametrize("fault", [hang_up, stay_silent, break_off, drip])
    @pytest.mark.parametrize("idempotent", [False, True])
    async def test_after_it_left_nobody_knows_unless_it_may_be_repeated(
        self, library: Library, fault: Respond, idempotent: bool
    ):
        timeouts = Timeouts(read=0.2, total=0.6)
        async with serving(fault) as server:
            async with HttpTransport(library=library, timeouts=timeouts) as transport:
                with pytest.raises(SendError) as caught:
                    await transport(HttpRequest.post_json(server.url, {}, idempotent=idempotent))

        assert caught.value.code == ("channel_unavailable" if idempotent else "outcome_unknown")
        assert len(server.requests) == 1

    async def test_an_answer_that_breaks_http_is_no_answer(self, library: Library):
        async def gibberish(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HELLO THERE\r\n\r\n")
            writer.close()

        async with serving(gibberish) as server, HttpTransport(library=library) as transport:
            with pytest.raises(SendError) as caught:
                await transport(HttpRequest.post_json(server.url, {}))

        assert caught.value.code == "outcome_unknown"

    async def test_an_error_quotes_no_url(self, library: Library):
        async with serving(hang_up) as server, HttpTransport(library=library) as transport:
            with pytest.raises(SendError) as caught:
                await transport(HttpRequest.get(f"{server.url}/bot-topsecret?token=topsecret"))

        assert "topsecret" not in str(caught.value)

    async def test_a_full_pool_means_that_nothing_left(self, library: Library):
        timeouts = Timeouts(pool=0.1, read=5, total=5)
        async with serving(stay_silent) as server:
            async with HttpTransport(library=library, timeouts=timeouts, connections=1) as transport:
                first = asyncio.create_task(transport(HttpRequest.post_json(server.url, {})))
                await server.asked.wait()
                with pytest.raises(SendError) as caught:
                    await transport(HttpRequest.post_json(server.url, {}))
                first.cancel()
                await asyncio.gather(first, return_exceptions=True)

        assert caught.value.code == "channel_unavailable"


class TestBounds:
    async def test_an_answer_over_the_limit_is_not_read_to_its_end(self, library: Library):
        async with serving(answer(b"x" * 5000)) as server:
            async with HttpTransport(library=library, max_answer=1000) as transport:
                with pytest.raises(SendError) as caught:
                    await transport(HttpRequest.get(server.url))

        assert caught.value.code == "too_large"

    async def test_a_small_answer_that_unpacks_to_a_large_one_is_stopped(self, library: Library):
        bomb = gzip.compress(bytes(50_000_000), mtime=0)
        async with serving(answer(bomb, "200 OK", "content-encoding: gzip")) as server:
            async with HttpTransport(library=library, max_answer=1_000_000) as transport:
                with pytest.raises(SendError) as caught:
                    await transport(HttpRequest.get(server.url))

        assert len(bomb) < 1_000_000
        assert caught.value.code == "too_large"

    @pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1, 300_000])
    async def test_a_packed_answer_is_unpacked(self, library: Library, size: int):
        packed = gzip.compress(b"x" * (size // 2), mtime=0) + gzip.compress(b"y" * (size - size // 2))
        async with serving(answer(packed, "200 OK", "content-encoding: gzip")) as server:
            async with HttpTransport(library=library) as transport:
                response = await transport(HttpRequest.get(server.url))

        assert response.body == b"x" * (size // 2) + b"y" * (size - size // 2)

    @pytest.mark.parametrize("packed", [gzip.compress(b"x" * 1000, mtime=0)[:-9], b"no gzip at all"])
    async def test_a_damaged_packed_answer_is_no_answer(self, library: Library, packed: bytes):
        async with serving(answer(packed, "200 OK", "content-encoding: gzip")) as server:
            async with HttpTransport(library=library) as transport:
                with pytest.raises(SendError) as caught:
                    await transport(HttpRequest.post_json(server.url, {}))

        assert caught.value.code == "outcome_unknown"


class TestFiles:
    async def test_a_download_goes_to_the_store(self, library: Library, store: FileMediaStore):
        picture = b"\xff\xd8\xff" + bytes(2_500_000)
        headers = ("content-type: image/jpeg", 'content-disposition: attachment; filename="../box.jpg"')
        async with serving(answer(picture, "200 OK", *headers)) as server:
            async with HttpTransport(store, library=library) as transport:
                response = await transport(HttpRequest.get(server.url).download())

        assert response.body == b""
        assert response.blob is not None
        assert (response.blob.mime, response.blob.size) == ("image/jpeg", len(picture))
        assert response.blob.filename == "box.jpg"
        assert await content_of(store, response.blob) == picture

    async def test_a_refused_download_is_read_and_not_stored(self, library: Library, store: FileMediaStore):
        async with serving(answer(b'{"error": "gone"}', "410 Gone")) as server:
            async with HttpTransport(store, library=library) as transport:
                response = await transport(HttpRequest.get(server.url).download())

        assert (response.status, response.blob, response.json()) == (410, None, {"error": "gone"})

    async def test_a_download_over_the_limit_leaves_nothing_behind(
        self, library: Library, store: FileMediaStore, tmp_path: Path
    ):
        async with serving(answer(b"x" * 5000)) as server:
            async with HttpTransport(store, library=library, max_download=1000) as transport:
                with pytest.raises(SendError) as caught:
                    await transport(HttpRequest.get(server.url).download())

        assert caught.value.code == "too_large"
        assert files_in(tmp_path) == []

    @pytest.mark.parametrize("fault", [break_off, drip])
    async def test_a_download_that_breaks_or_takes_too_long_leaves_nothing_behind(
        self, library: Library, store: FileMediaStore, tmp_path: Path, fault: Respond
    ):
        async with serving(fault) as server:
            timeouts = Timeouts(download=0.3)
            async with HttpTransport(store, library=library, timeouts=timeouts) as transport:
                with pytest.raises(SendError) as caught:
                    await transport(HttpRequest.get(server.url).download())

        assert caught.value.code == "channel_unavailable"
        assert files_in(tmp_path) == []

    async def test_a_slice_of_a_file_is_streamed_with_its_length(
        self, library: Library, store: FileMediaStore
    ):
        media = await stored(store, bytes(range(256)) * 10_000, mime="video/mp4")
        body = MediaBody(media, start=100, end=2_000_100)
        async with serving(answer()) as server, HttpTransport(store, library=library) as transport:
            await transport(HttpRequest(method="PUT", url=server.url, body=body))

        [(head, sent)] = server.requests
        assert sent == (bytes(range(256)) * 10_000)[100:2_000_100]
        assert b"content-type: application/octet-stream" in head or b"content-type: video/mp4" in head
        assert b"chunked" not in head

    async def test_an_upload_carries_fields_and_files(self, library: Library, store: FileMediaStore):
        media = await stored(store, b"%PDF-" + bytes(70_000), filename="offer.pdf")
        fields = (Field(name="product", value="whatsapp"), Field(name="file", value=MediaBody(media)))
        async with serving(answer()) as server, HttpTransport(store, library=library) as transport:
            await transport(HttpRequest.post_multipart(server.url, *fields))

        [(head, sent)] = server.requests
        assert b"content-type: multipart/form-data; boundary=" in head
        assert b'name="product"\r\n\r\nwhatsapp\r\n' in sent
        assert b'filename="offer.pdf"\r\nContent-Type: application/pdf\r\n\r\n%PDF-' in sent

    async def test_a_file_that_is_not_there_stops_the_request_before_the_network(
        self, library: Library, store: FileMediaStore
    ):
        async with serving(answer()) as server, HttpTransport(store, library=library) as transport:
            with pytest.raises(SendError) as caught:
                await transport(
                    HttpRequest(method="PUT", url=server.url, body=MediaBody(Media(blob="0" * 64)))
                )

        assert caught.value.code == "media_unavailable"
        assert server.connections == 0


class TestForeign:
    async def test_a_foreign_request_never_reaches_our_own_network(self, library: Library):
        async with serving(answer()) as server, HttpTransport(library=library) as transport:
            with pytest.raises(SendError) as caught:
                await transport(HttpRequest.get(server.url), foreign=True)

        assert caught.value.code == "media_unavailable"
        assert server.connections == 0

    async def test_the_address_that_was_checked_is_the_one_that_is_asked(
        self, library: Library, monkeypatch: pytest.MonkeyPatch
    ):
        asked: list[str] = []

        async def look_up(host: str, port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"]

        monkeypatch.setattr(guard, "look_up", look_up)
        async with serving(answer()) as server:
            url = server.url.replace("127.0.0.1", "files.example")
            async with HttpTransport(library=library, allow_private=True) as transport:
                await transport(HttpRequest.get(url), foreign=True)
                await transport(HttpRequest.get(url), foreign=True)

        assert asked == ["files.example"] * 2
        assert b"host: files.example:" in server.requests[0][0].lower()
        assert server.connections == 2

    async def test_the_next_address_is_asked_where_one_takes_no_connection(
        self, library: Library, monkeypatch: pytest.MonkeyPatch
    ):
        async def look_up(host: str, port: int) -> list[str]:
            return ["127.0.0.2", "127.0.0.1"]

        monkeypatch.setattr(guard, "look_up", look_up)
        async with (
            serving(answer()) as server,
            HttpTransport(library=library, allow_private=True) as transport,
        ):
            response = await transport(
                HttpRequest.get(server.url.replace("127.0.0.1", "files.example")), foreign=True
            )

        assert response.ok

    async def test_a_name_that_also_has_a_private_address_is_refused(
        self, library: Library, monkeypatch: pytest.MonkeyPatch
    ):
        async def look_up(host: str, port: int) -> list[str]:
            return ["93.184.216.34", "169.254.169.254"]

        monkeypatch.setattr(guard, "look_up", look_up)
        async with HttpTransport(library=library) as transport:
            with pytest.raises(SendError, match="not public"):
                await transport(HttpRequest.get("https://files.example/"), foreign=True)


async def test_httpx_mocks_work_where_httpx_is_chosen(library: Library):
    with respx.mock(base_url="https://api.pigeon.example") as mock:
        mock.post("/messages").mock(return_value=httpx.Response(429, headers={"retry-after": "7"}))
        async with HttpTransport(library="httpx") as transport:
            response = await transport(HttpRequest.post_json("https://api.pigeon.example/messages", {}))

    assert (response.status, response.headers["retry-after"]) == (429, "7")


async def test_a_header_given_by_the_flow_goes_before_ours(library: Library):
    async with serving(answer()) as server, HttpTransport(library=library) as transport:
        headers = Headers({"User-Agent": "mine"})
        await transport(HttpRequest(method="GET", url=server.url, headers=headers))

    assert b"user-agent: mine" in server.requests[0][0]
    assert b"chanbridge" not in server.requests[0][0]
