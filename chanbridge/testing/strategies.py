"""Random messages and random channels, for property tests (hypothesis)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from hypothesis import strategies as st

from chanbridge.model.base import Money
from chanbridge.model.capabilities import (
    ActionLimits,
    Album,
    Capabilities,
    CardLimits,
    CarouselLimits,
    Direction,
    EmailLimits,
    Feature,
    Level,
    ListLimits,
    MediaLimits,
    Relations,
    TemplateLimits,
    TextLimits,
    Unit,
)
from chanbridge.model.media import Media, MediaRole
from chanbridge.model.message import Alternative, Message
from chanbridge.model.naming import with_ids
from chanbridge.model.parts import (
    Action,
    Card,
    Carousel,
    ContactCard,
    Contacts,
    Entity,
    Form,
    Labeled,
    LineItem,
    Link,
    ListItem,
    ListPart,
    Location,
    MediaPart,
    Order,
    OtherPart,
    Part,
    Payment,
    Poll,
    PollOption,
    Product,
    Section,
    Template,
    Text,
)

T = TypeVar("T")

UNITS: tuple[Unit, ...] = ("graphemes", "codepoints", "utf16", "bytes", "gsm", "weighted")
ROLES: tuple[MediaRole, ...] = ("image", "video", "audio", "voice", "animation", "sticker", "document")
FORMATTING = (
    "bold", "italic", "strike", "code", "codeblock", "quote", "link", "ul", "ol", "heading", "table",
)  # fmt: skip
_MIMES = {
    "image": "image/jpeg", "video": "video/mp4", "audio": "audio/mpeg", "voice": "audio/ogg",
    "animation": "video/mp4", "sticker": "image/webp", "document": "application/pdf",
}  # fmt: skip
_WORDS = (
    "hello", "Your order has shipped.", "dank u wel!", "€5", "{x}", "*star*", "_under_", "`code`",
    "a < b & c", "https://example.com/a/b?c=d&e=f", "您好，请问有什么可以帮您？", "สวัสดีครับ", "مرحبا بكم",
    "नमस्ते क्षमा", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f1f3\U0001f1f1",
    "e\u0301", "한국어", "\U0001f44d\U0001f3fd", "1) one", "2", "> quote", "- item", "# title", "**bold**",
    "[a](https://example.com)",
)  # fmt: skip


def some(values: Iterable[T]) -> st.SearchStrategy[T]:
    """Draw one of some values."""
    return st.sampled_from(tuple(values))


def maybe(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    """Draw a value, or None: no limit."""
    return st.none() | strategy


def words(max_size: int = 12) -> st.SearchStrategy[str]:
    """Draw real text of many scripts, never blank."""
    piece = some(_WORDS) | st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co")), max_size=8)
    between = some((" ", " ", " ", "\n", "\n\n"))
    pieces = st.lists(st.tuples(piece, between), min_size=1, max_size=max_size)
    return pieces.map(lambda found: "".join(a + b for a, b in found).strip()).filter(str.strip)


def labels() -> st.SearchStrategy[str]:
    """Draw what a button says: a line, seldom long."""
    named = some(
        (
            "Yes",
            "No",
            "Maybe later",
            "Ja",
            "是",
            "نعم",
            "2 days",
            "More…",
            "Call us",
            "👍",
            "A rather long label",
        )
    )
    return named | words(2).map(lambda text: " ".join(text.split())).filter(bool)


def actions() -> st.SearchStrategy[Action]:
    """Draw actions of all kinds, replies most often."""
    reply = st.builds(
        Action,
        label=labels(),
        short_label=st.just("") | st.just("ok"),
        payload=st.just("") | st.text("abc:", min_size=1, max_size=40) | st.just("x" * 300),
        aliases=st.just(()) | st.tuples(st.just("nope")),
    )
    url = st.builds(Action, kind=st.just("url"), label=labels(), url=st.just("https://example.com/x"))
    call = st.builds(Action, kind=st.just("call"), label=labels(), phone=st.just("+12025550123"))
    other = st.builds(
        Action, kind=some(("location_request", "copy", "share")), label=labels(), payload=st.just("CODE")
    )
    return st.one_of(reply, reply, reply, url, call, other)


_PICTURE = MediaPart(role="image", media=Media(url="https://example.com/mug.jpg", mime="image/jpeg", size=9))


def action_lists(max_size: int = 5) -> st.SearchStrategy[tuple[Action, ...]]:
    return st.just(()) | st.lists(actions(), max_size=max_size).map(tuple)


def texts() -> st.SearchStrategy[Text]:
    """Draw texts of every format, with entities sometimes."""
    plain = st.builds(Text, text=words(), actions=action_lists())
    marked = st.builds(Text, text=words(), format=some(("markdown", "html")), actions=action_lists())
    return (
        plain
        | marked
        | st.tuples(words(), some(FORMATTING), st.integers(0, 9), st.integers(1, 9)).map(_with_entity)
    )


def _with_entity(drawn: tuple[str, str, int, int]) -> Text:
    text, type, start, length = drawn
    ref = "https://example.com/" if type == "link" else ""
    start = min(start, len(text) - 1)
    entity = Entity(type=type, start=start, end=min(start + length, len(text)), ref=ref)
    return Text(text=text, entities=(entity,))


@st.composite
def files(draw: st.DrawFn, roles: tuple[MediaRole, ...] = ROLES) -> tuple[MediaRole, Media]:
    """Draw a file with its role."""
    role = draw(some(roles))
    size = draw(maybe(some((1_000, 400_000, 9_000_000))))
    where: dict[str, Any] = draw(
        some(
            (
                {"url": "https://example.com/file"},
                {"blob": "blob-TEST1"},
                {"provider_id": "TEST2", "auth": "channel"},
            )
        )
    )
    return role, Media(mime=_MIMES[role], size=size, filename=draw(some(("", "file.bin"))), **where)


@st.composite
def media_parts(draw: st.DrawFn) -> MediaPart:
    role, media = draw(files())
    return MediaPart(
        role=role,
        media=media,
        caption=draw(st.none() | words(4).map(lambda text: Text(text=text))),
        alt=draw(some(("", "a picture"))),
        view_once=draw(some((False, False, True))),
        actions=draw(action_lists(3)),
        fallback_text=draw(some(("", "", "See the file in your mail."))),
    )


@st.composite
def cards(draw: st.DrawFn) -> Card:
    media = draw(st.none() | files(("image",)).map(lambda found: found[1]))
    url = Action(kind="url", label="Open", url="https://example.com/card")
    title = draw(labels())
    return Card(
        title=title,
        subtitle=draw(st.just("") | labels()),
        body=draw(st.just("") | words(3) | words(40)),
        footer=draw(st.just("") | labels()),
        media=media,
        actions=draw(action_lists(3)),
        tap=draw(some((None, url))),
    )


def lists() -> st.SearchStrategy[ListPart]:
    item = st.builds(
        ListItem, title=labels(), description=st.just("") | words(2), payload=some(("", "", "row"))
    )
    section = st.builds(
        Section, title=st.just("") | labels(), items=st.lists(item, min_size=1, max_size=5).map(tuple)
    )
    return st.builds(
        ListPart,
        body=words(4),
        title=st.just("") | labels(),
        footer=st.just("") | labels(),
        button=st.just("") | labels(),
        sections=st.lists(section, min_size=1, max_size=3).map(tuple),
        select=some(("one", "one", "many")),
    )


def other_parts() -> st.SearchStrategy[Part]:
    """Draw the kinds that are drawn seldom."""
    card = ContactCard(name="Ada Test", phones=(Labeled(value="+12025550123"),))
    money = Money(currency="EUR", minor=1250)
    url = some(("", "https://example.com/form"))
    return st.one_of(
        st.builds(
            Location,
            lat=st.just(52.37),
            lon=st.just(4.89),
            name=st.just("") | labels(),
            actions=action_lists(2),
        ),
        st.builds(Contacts, contacts=st.lists(st.just(card), min_size=1, max_size=3).map(tuple)),
        st.builds(
            Poll,
            question=words(3),
            options=st.lists(st.builds(PollOption, label=labels()), min_size=2, max_size=5).map(tuple),
            multiple=st.booleans(),
        ),
        st.builds(Link, url=st.just("https://example.com/l"), title=st.just("") | labels()),
        st.builds(Form, title=labels(), url=url),
        st.builds(Payment, body=labels(), amount=st.just(money), url=url),
        st.builds(Product, title=labels(), skus=st.just(("SKU-1",)), url=url),
        st.builds(
            Order,
            items=st.just((LineItem(sku="SKU-1", name="Mug", qty=2, unit_price=money),)),
            total=st.just(money),
        ),
        st.builds(
            Template,
            name=st.just("hello"),
            language=st.just("en"),
            parameters=some(({"body.1": "Ada"}, {"body.1": "Ada", "button.0": "track/17"})),
            preview=some(((), (Text(text="Hello {{1}}"),), (Text(text="Hello {{1}}"), _PICTURE))),
            actions=action_lists(),
        ),
        st.builds(OtherPart, type=st.just("hologram"), fallback_text=labels()),
    )


def parts() -> st.SearchStrategy[Part]:
    """Draw a part of any kind."""
    carousel = st.builds(
        Carousel, cards=st.lists(cards(), min_size=1, max_size=6).map(tuple), body=st.just("") | words(3)
    )
    return st.one_of(
        texts(), texts(), media_parts(), media_parts(), lists(), cards(), carousel, other_parts()
    )


def messages(max_parts: int = 4) -> st.SearchStrategy[Message]:
    """Draw a message with ids everywhere."""
    alternative = st.builds(Alternative, parts=st.tuples(texts()))
    drawn = st.builds(
        Message,
        id=st.just("018f2b6c-0000-7000-8000-000000000001"),
        parts=st.lists(parts(), min_size=1, max_size=max_parts).map(tuple),
        quick_replies=action_lists(),
        alternatives=st.just(()) | st.tuples(alternative),
        fallback_text=st.just("") | labels(),
        locale=some(("", "nl", "zh-TW", "ar")),
    )
    return drawn.map(with_ids)


def text_limits() -> st.SearchStrategy[TextLimits]:
    formatting = st.sets(some(FORMATTING)).map(lambda kinds: dict.fromkeys(sorted(kinds), "native"))
    return st.builds(
        TextLimits,
        max=maybe(st.integers(60, 400)),
        unit=some(UNITS),
        dialect=some(("plain", "whatsapp", "markdown", "html")),
        formatting=formatting,
        split=some(("allow", "allow", "allow", "forbid")),
        max_segments=maybe(st.integers(1, 4)),
    )


def media_limits() -> st.SearchStrategy[MediaLimits]:
    return st.builds(
        MediaLimits,
        mimes=some(({}, {"*/*": "native"}, {"image/*": "native"}, {"video/mp4": "native"})),
        max_bytes=maybe(some((50_000, 500_000))),
        caption=some(("native", "reject")),
        caption_max=maybe(st.integers(5, 120)),
        caption_unit=some(UNITS),
        by=some(((), ("url",), ("upload",), ("url", "upload"), ("provider_id",))),
    )


def action_limits() -> st.SearchStrategy[ActionLimits]:
    kinds = some(
        (
            ("reply",),
            ("reply", "url"),
            ("reply", "url", "call"),
            ("url",),
            ("reply", "url", "location_request", "copy", "share", "call"),
        )
    )
    return st.builds(
        ActionLimits,
        kinds=kinds,
        max=st.integers(1, 13),
        min=some((1, 1, 2)),
        label_max=maybe(st.integers(3, 25)),
        label_unit=some(UNITS),
        payload_max=maybe(some((4, 16, 64, 256))),
        unique_labels=st.booleans(),
        label_forbid=st.sets(some(("newline", "markdown", "emoji", "variable"))).map(sorted).map(tuple),
        mix=some(((), (("reply",), ("url",)), (("reply", "url"),))),
        needs_body=st.booleans(),
        body_max=maybe(st.integers(40, 200)),
        with_media=st.sets(some(ROLES)).map(sorted).map(tuple),
    )


def list_limits() -> st.SearchStrategy[ListLimits]:
    return st.builds(
        ListLimits,
        items_max=st.integers(1, 10),
        sections_max=st.integers(1, 3),
        title_max=maybe(st.integers(5, 30)),
        body_max=maybe(st.integers(40, 200)),
        footer_max=maybe(st.integers(5, 30)),
        section_title_max=maybe(st.integers(5, 24)),
        item_title_max=maybe(st.integers(5, 24)),
        item_desc_max=maybe(st.integers(10, 72)),
        button_label_max=maybe(st.integers(8, 20)),
        payload_max=maybe(some((4, 16, 200))),
        select_many=st.booleans(),
    )


def card_limits() -> st.SearchStrategy[CardLimits]:
    return st.builds(
        CardLimits,
        title_max=maybe(st.integers(5, 80)),
        body_max=maybe(st.integers(10, 80)),
        text_max=maybe(st.integers(20, 120)),
        footer_max=maybe(st.integers(5, 30)),
        media=some(((), ("image",))),
        requires=some(((), ("body",), ("actions",))),
        tap_is_button=st.booleans(),
    )


def capabilities(*, email: bool | None = False) -> st.SearchStrategy[Capabilities]:
    """Draw a channel; ``email`` says whether it is mail (None: sometimes)."""
    feature = maybe(st.builds(Feature, level=some(("native", "reject")), max=maybe(st.integers(1, 4))))
    level: st.SearchStrategy[Level] = some(("native", "reject"))
    mail = st.builds(EmailLimits, html=st.booleans(), max_total_bytes=maybe(st.just(1_000_000)))
    surfaces = some(("button", "quick_reply", "card_button", "list"))
    return st.builds(
        Capabilities,
        channel=st.just("test"),
        text=text_limits(),
        media=st.dictionaries(some(ROLES), media_limits(), max_size=7),
        album=maybe(
            st.builds(
                Album,
                max=st.integers(2, 4),
                roles=st.sets(some(ROLES), min_size=1).map(sorted).map(tuple),
                caption=some(("first", "each", "none")),
            )
        ),
        actions=st.dictionaries(surfaces, action_limits(), max_size=4),
        list=maybe(list_limits()),
        card=maybe(card_limits()),
        carousel=maybe(
            st.builds(
                CarouselLimits,
                min=st.integers(1, 2),
                max=st.integers(2, 10),
                homogeneous=st.booleans(),
                body=st.booleans(),
                card=maybe(card_limits()),
                card_button=maybe(action_limits()),
            )
        ),
        location=feature,
        contact=feature,
        poll=feature,
        form=feature,
        product=feature,
        order=feature,
        payment=feature,
        template=maybe(st.builds(TemplateLimits, level=level)),
        relation=st.builds(Relations, reply=level, thread=level),
        outbound=st.builds(Direction, parts=some(({}, {}, {"link": "native"}))),
        email={True: mail, False: st.none(), None: maybe(mail)}[email],
    )
