"""Files are kept once, named safely, called what they are, and handed over in the right form."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanbridge.blobs import FileMediaStore
from chanbridge.channel import Account, Channel, Content, Grant
from chanbridge.http import Flow, Headers, HttpRequest, HttpResponse
from chanbridge.media import MediaLinks, MediaService, map_media
from chanbridge.mime import safe_name, sent_name, true_mime
from chanbridge.model.capabilities import By, Capabilities, MediaLimits
from chanbridge.model.errors import SendError
from chanbridge.model.media import Media, MediaRole
from chanbridge.model.message import Message
from chanbridge.model.parts import Card, MediaPart, Text
from chanbridge.transcode.plan import Step
from chanbridge.transport.drive import Driver

NOW = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
JPEG = b"\xff\xd8\xff\xe0 a picture"
LINKS = MediaLinks("https://hooks.example.com/channels/", b"k" * 32)


class Config(msgspec.Struct, frozen=True):
    base_url: str = "https://api.pigeon.example"


class Pigeon(Channel[Config]):
    name = "pigeon"


class Fetching(Pigeon):
    def fetch(self, media: Media) -> Flow[Content]:
        found = yield HttpRequest.get(f"{self.config.base_url}/{media.provider_id}").download()
        assert found.blob is not None
        return Content(media=found.blob)


class Wire:
    """Answers every download with one file, through the store."""

    def __init__(
        self, store: FileMediaStore, content: bytes = JPEG, *, first: HttpResponse | None = None
    ) -> None:
        self._store, self._content, self._first = store, content, first
        self.asked: list[tuple[str, bool]] = []
        self.credentials: list[str] = []

    async def __call__(self, request: HttpRequest, *, foreign: bool = False) -> HttpResponse:
        self.asked.append((request.url, foreign))
        self.credentials.append(request.headers.get("authorization", ""))
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return HttpResponse(blob=await keep(self._store, self._content, mime="image/jpeg"))


async def keep(store: FileMediaStore, *pieces: bytes, mime: str = "", filename: str = "") -> Media:
    async def chunks() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return await store.put(chunks(), mime=mime, filename=filename)


async def content_of(store: FileMediaStore, media: Media) -> bytes:
    return b"".join([block async for block in store.read(media.blob)])


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
def store(folder: Path) -> FileMediaStore:
    return FileMediaStore(folder)


@pytest.fixture
def wire(store: FileMediaStore) -> Wire:
    return Wire(store)


@pytest.fixture
def service(store: FileMediaStore, wire: Wire) -> MediaService:
    return MediaService(store, Driver(wire), LINKS)


def pigeon(cls: type[Pigeon] = Pigeon) -> Pigeon:
    return cls(Account("main", Config()))


class TestTheStore:
    async def test_a_file_comes_back_as_it_was(self, store: FileMediaStore):
        content = bytes(range(256)) * 9000

        media = await keep(store, content[:100], content[100:], mime="video/mp4", filename="../../film.mp4")

        assert await content_of(store, media) == content
        assert media.blob == media.sha256 == hashlib.sha256(content).hexdigest()
        assert (media.size, media.filename, media.mime) == (len(content), "film.mp4", "video/mp4")
        assert await store.stat(media.blob) == media

    async def test_the_same_file_is_kept_once(self, store: FileMediaStore, folder: Path):
        first = await keep(store, JPEG, filename="a.jpg")
        second = await keep(store, JPEG, filename="b.jpg")

        assert first.blob == second.blob
        assert files_in(folder) == [first.blob, f"{first.blob}.json"]

    async def test_an_empty_file_is_a_file(self, store: FileMediaStore):
        media = await keep(store)

        assert media.size == 0
        assert await content_of(store, media) == b""

    async def test_one_that_breaks_off_leaves_nothing(self, store: FileMediaStore, folder: Path):
        async def breaking() -> AsyncIterator[bytes]:
            yield JPEG
            raise ConnectionError

        with pytest.raises(ConnectionError):
            await store.put(breaking())

        assert files_in(folder) == []

    async def test_one_over_the_limit_leaves_nothing(self, store: FileMediaStore, folder: Path):
        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield bytes(600_000)

        with pytest.raises(SendError) as caught:
            await store.put(endless(), max_bytes=1_000_000)

        assert caught.value.code == "too_large"
        assert files_in(folder) == []

    @pytest.mark.parametrize("blob", ["0" * 64, "", "../../etc/passwd", "A" * 64, "0" * 63 + "/"])
    async def test_a_blob_that_is_not_here_is_unavailable(self, store: FileMediaStore, blob: str):
        with pytest.raises(SendError, match="no file") as caught:
            await store.stat(blob)
        with pytest.raises(SendError, match="no file"):
            await content_of(store, Media(blob=blob))

        assert (caught.value.code, caught.value.retryable) == ("media_unavailable", False)


class TestWhatAFileIs:
    @pytest.mark.parametrize(
        ("declared", "head", "true"),
        [
            ("image/jpeg", JPEG, "image/jpeg"),
            ("image/jpeg", b"\x89PNG\r\n\x1a\n", "image/png"),
            ("", JPEG, "image/jpeg"),
            ("application/octet-stream", b"%PDF-1.7", "application/pdf"),
            ("", b"plain words", "application/octet-stream"),
            ("text/csv; charset=utf-8", b"a,b", "text/csv; charset=utf-8"),
            ("audio/ogg; codecs=opus", b"OggS\x00", "audio/ogg; codecs=opus"),
            ("audio/mp4", b"\x00\x00\x00\x20ftypisom", "audio/mp4"),
            ("image/webp", b"RIFF\x00\x00\x00\x00WEBP", "image/webp"),
            ("audio/x-wav", b"RIFF\x00\x00\x00\x00WAVE", "audio/x-wav"),
            ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK\x03\x04", None),
            ("application/msword", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword"),
            ("image/jpeg", b"PK\x03\x04", "application/zip"),
            ("image/jpeg", b"  <!DOCTYPE html><script>", "text/html"),
            ("image/png", b"<?xml version='1.0'?><svg onload=", "image/svg+xml"),
            ("image/gif", b"MZ\x90\x00", "application/x-msdownload"),
        ],
    )
    def test_its_bytes_overrule_what_was_declared(self, declared: str, head: bytes, true: str | None):
        assert true_mime(declared, head) == (true or declared)

    @given(st.text(max_size=300))
    def test_a_safe_name_is_only_a_name(self, name: str):
        safe = safe_name(name)

        assert len(safe) <= 120
        assert not set(safe) & set('/\\:\x00\r\n"\u202e')
        assert not safe.startswith(".")
        assert safe_name(safe) == safe

    @pytest.mark.parametrize(
        ("name", "safe"),
        [
            ("box.jpg", "box.jpg"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\ann\\Résumé.pdf", "Résumé.pdf"),
            (".bashrc", "bashrc"),
            ("evil\u202egpj.exe", "evil_gpj.exe"),
            ("n" * 300 + ".jpeg", "n" * 115 + ".jpeg"),
            ("...", ""),
        ],
    )
    def test_a_name_keeps_what_is_harmless(self, name: str, safe: str):
        assert safe_name(name) == safe

    @pytest.mark.parametrize(
        ("disposition", "url", "name"),
        [
            ('attachment; filename="offer 1.pdf"', "https://x.example/2.pdf", "offer 1.pdf"),
            ("attachment; filename*=UTF-8''R%C3%A9sum%C3%A9.pdf", "https://x.example/", "Résumé.pdf"),
            ('inline; filename="Ã¼.jpg"', "https://x.example/", "ü.jpg"),
            ("", "https://x.example/files/a%20b.jpg?sig=1", "a b.jpg"),
            ("", "https://x.example/files/ME0001", ""),
        ],
    )
    def test_a_download_is_called_what_its_server_says(self, disposition: str, url: str, name: str):
        assert sent_name(disposition, url) == name


class TestLinks:
    def test_a_link_holds_until_it_expires(self):
        link = LINKS.sign("a" * 64, NOW, dt.timedelta(hours=1))
        place, _, query = link.partition("?")
        expires, signature = (pair.partition("=")[2] for pair in query.split("&"))

        assert place == f"https://hooks.example.com/channels/media/{'a' * 64}"
        assert LINKS.holds("a" * 64, expires, signature, NOW + dt.timedelta(minutes=59))
        assert not LINKS.holds("a" * 64, expires, signature, NOW + dt.timedelta(minutes=60))
        assert not LINKS.holds("b" * 64, expires, signature, NOW)
        assert not LINKS.holds("a" * 64, str(int(expires) + 1), signature, NOW)
        assert not MediaLinks("https://hooks.example.com", b"x" * 32).holds("a" * 64, expires, signature, NOW)

    def test_the_same_moment_gives_the_same_link(self):
        assert LINKS.sign("a" * 64, NOW) == LINKS.sign("a" * 64, NOW)

    @given(st.text(), st.text(), st.text())
    def test_nobody_makes_one_up(self, blob: str, expires: str, signature: str):
        assert not LINKS.holds(blob, expires, signature, NOW)


class TestFetching:
    async def test_a_url_from_outside_is_fetched_guarded(
        self, service: MediaService, wire: Wire, store: FileMediaStore
    ):
        wanted = Media(url="https://files.example/a", filename="box.jpg", width=10, mime="image/png")

        media = await service.fetch(wanted, pigeon())

        assert wire.asked == [("https://files.example/a", True)]
        assert await content_of(store, media) == JPEG
        assert (media.url, media.filename, media.width, media.mime) == ("", "box.jpg", 10, "image/jpeg")

    async def test_what_only_the_channel_can_fetch_goes_through_it(self, service: MediaService, wire: Wire):
        media = await service.fetch(Media(provider_id="med-7", auth="channel"), pigeon(Fetching))

        assert wire.asked == [("https://api.pigeon.example/med-7", False)]
        assert (media.provider_id, media.auth) == ("", "none")
        assert media.blob

    async def test_what_is_here_is_not_fetched_again(self, service: MediaService, wire: Wire):
        media = await service.fetch(Media(data=JPEG), pigeon())

        assert await service.fetch(media, pigeon()) is media
        assert wire.asked == []

    async def test_another_file_than_was_announced_is_refused(self, service: MediaService):
        announced = Media(url="https://files.example/a", sha256="0" * 64)

        with pytest.raises(SendError, match="SHA-256"):
            await service.fetch(announced, pigeon())


class Signing(Pigeon):
    def sign(self, request: HttpRequest, grant: Grant | None) -> HttpRequest:
        return request.with_headers(authorization="Bearer TEST-token")


class TestAPlainLink:
    @pytest.mark.parametrize("auth", ["none", "channel"])
    async def test_at_the_origin_of_the_provider_sees_the_credential_only_if_it_needs_the_channel(
        self, store: FileMediaStore, wire: Wire, auth: Literal["none", "channel"]
    ):
        service = MediaService(store, Driver(wire), LINKS)
        url = f"{Config().base_url}/someone/mug.jpg"

        await service.fetch(Media(url=url, auth=auth), pigeon(Signing))

        ours = auth == "channel"
        assert wire.asked == [(url, not ours)]
        assert wire.credentials == ["Bearer TEST-token" if ours else ""]

    async def test_that_leads_to_the_provider_stays_foreign(self, store: FileMediaStore):
        hop = HttpResponse(status=302, headers=Headers({"location": f"{Config().base_url}/a.jpg"}))
        wire = Wire(store, first=hop)

        await MediaService(store, Driver(wire), LINKS).fetch(
            Media(url="https://files.example/a.jpg"), pigeon(Signing)
        )

        assert [foreign for _, foreign in wire.asked] == [True, True]
        assert wire.credentials == ["", ""]


class TestImport:
    async def test_local_files_of_a_message_are_copied(
        self, service: MediaService, store: FileMediaStore, tmp_path: Path
    ):
        path = tmp_path / "a box.jpg"
        path.write_bytes(JPEG)

        message = await service.import_local(Message.image(str(path), caption="Look"))
        path.unlink()

        [part] = message.parts
        assert isinstance(part, MediaPart)
        assert part.caption == Text(text="Look")
        assert (part.media.url, part.media.filename, part.media.mime) == ("", "a box.jpg", "image/jpeg")
        assert await content_of(store, part.media) == JPEG

    async def test_a_file_that_is_not_there_is_named_by_its_path(
        self, service: MediaService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.chdir(tmp_path)
        missing = tmp_path / "a box" / "missing.jpg"

        for source in (missing, "a box/missing.jpg", missing.as_uri()):
            with pytest.raises(SendError, match=re.escape(f"cannot read {missing}: No such file")):
                await service.import_local(Message.image(source))

    async def test_an_empty_file_is_refused_before_anything_is_sent(
        self, service: MediaService, tmp_path: Path
    ):
        path = tmp_path / "box.jpg"
        path.touch()

        with pytest.raises(SendError, match=r"box\.jpg is empty: send a file that has something") as caught:
            await service.import_local(Message.image(str(path)))

        assert (caught.value.code, caught.value.retryable) == ("invalid_request", False)

    async def test_only_inline_data_over_the_limit_becomes_a_blob(self, service: MediaService):
        small, large = Media(data=b"x" * 65536), Media(data=b"x" * 65537)
        message = Message.of(MediaPart(role="image", media=small), MediaPart(role="image", media=large))

        first, second = (await service.unload(message)).parts

        assert isinstance(first, MediaPart)
        assert isinstance(second, MediaPart)
        assert first.media is small
        assert (second.media.data, second.media.size) == (b"", 65537)

    async def test_what_holds_no_file_stays_the_same_object(self, service: MediaService):
        message = Message.text("Hello", quick_replies=["Yes"])

        assert await service.import_local(message) is message

    async def test_files_are_found_wherever_they_stand(self):
        seen: list[MediaRole] = []

        async def change(media: Media, role: MediaRole) -> Media:
            seen.append(role)
            return media.replace(blob="changed")

        card = Card(media=Media(url="https://files.example/1"))
        voice = MediaPart(role="voice", media=Media(url="https://files.example/2"))

        first, second = (await map_media(Message.of(card, voice), change)).parts

        assert isinstance(first, Card)
        assert first.media is not None
        assert isinstance(second, MediaPart)
        assert (first.media.blob, second.media.blob) == ("changed", "changed")
        assert seen == ["image", "voice"]


class TestTheFormOfAFile:
    async def form(self, service: MediaService, media: Media, *by: By, cls: type[Pigeon] = Pigeon) -> Media:
        return await service.resolve_for(media, by, pigeon(cls), NOW)

    async def test_inline_is_the_bytes(self, service: MediaService, store: FileMediaStore):
        media = await self.form(service, await keep(store, JPEG), "inline")

        assert (media.data, media.blob) == (JPEG, "")

    async def test_upload_is_a_handle(self, service: MediaService, wire: Wire):
        media = await self.form(service, Media(url="https://files.example/a"), "upload", "inline")

        assert media.blob
        assert wire.asked == [("https://files.example/a", True)]

    async def test_a_link_that_anyone_may_follow_is_not_fetched_to_be_uploaded(
        self, service: MediaService, wire: Wire
    ):
        media = await self.form(service, Media(url="https://files.example/a"), "upload", "url")

        assert media.url == "https://files.example/a"
        assert wire.asked == []

    async def test_a_url_is_given_as_it_is(self, service: MediaService, wire: Wire):
        given_url = Media(url="https://files.example/a")

        assert await self.form(service, given_url, "url", "upload") is given_url
        assert wire.asked == []

    async def test_a_url_of_our_own_file_is_a_signed_link(self, service: MediaService, store: FileMediaStore):
        kept = await keep(store, JPEG)

        media = await self.form(service, kept, "url")

        assert (media.url, media.blob) == (LINKS.sign(kept.blob, NOW), "")

    async def test_without_a_public_url_the_next_form_is_taken(self, store: FileMediaStore, wire: Wire):
        service = MediaService(store, Driver(wire), MediaLinks("", b"k" * 32))
        kept = await keep(store, JPEG)

        assert await self.form(service, kept, "url", "upload") == kept
        with pytest.raises(SendError, match="public_url"):
            await self.form(service, kept, "url")

    async def test_a_provider_id_stays_where_the_channel_takes_it(self, service: MediaService):
        known = Media(provider_id="med-7")

        assert await self.form(service, known, "provider_id", "upload") is known

    async def test_a_provider_id_is_fetched_where_the_channel_wants_the_file(
        self, service: MediaService, wire: Wire
    ):
        media = await self.form(service, Media(provider_id="med-7"), "upload", cls=Fetching)

        assert media.blob
        assert len(wire.asked) == 1

    async def test_a_provider_id_that_nobody_can_fetch_is_refused(self, service: MediaService):
        with pytest.raises(SendError, match="takes files by upload"):
            await self.form(service, Media(provider_id="med-7"), "upload")

    async def test_a_step_gets_each_file_in_the_form_of_its_role(
        self, service: MediaService, store: FileMediaStore
    ):
        kept = await keep(store, JPEG)
        capabilities = Capabilities(
            media={"image": MediaLimits(by=("url",)), "document": MediaLimits(by=("inline",))}
        )
        parts = tuple(MediaPart(role=role, media=kept) for role in ("image", "document"))  # type: ignore[arg-type]

        step = await service.resolve(Step(parts=parts, now=NOW), pigeon(), capabilities)

        image, document = step.media
        assert image.media.url == LINKS.sign(kept.blob, NOW)
        assert document.media.data == JPEG
