"""The reference says what the code says."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

import pytest

from chanbridge.bridge import Bridge
from chanbridge.cli import COMMANDS
from chanbridge.http import HttpRequest
from chanbridge.model.errors import ERRORS
from chanbridge.model.events import EVENTS
from chanbridge.model.parts import PARTS
from chanbridge.sandbox import PhoneActions, RemoteSandbox
from chanbridge.sandbox.faults import KINDS
from chanbridge.sending import Receipt
from chanbridge.talk import Talk
from docs.members import signature
from docs.reference import FOLDER, MEANINGS, PAGES, generated


@pytest.fixture(scope="module")
def pages():
    return generated()


@pytest.mark.parametrize("page", [f"{name}.md" for name in PAGES])
def test_a_page_is_as_the_code_makes_it(pages, page):
    written = (FOLDER / page).read_text()

    assert written == pages[page], "run: make docs"


def test_no_page_is_left_over(pages):
    assert {path.name for path in FOLDER.iterdir()} == set(pages)


def test_every_error_is_explained():
    assert set(MEANINGS) == set(ERRORS)


@pytest.mark.parametrize(
    ("page", "cls"),
    [
        ("bridge.md", Bridge),
        ("bridge.md", Talk),
        ("bridge.md", Receipt),
        ("http.md", HttpRequest),
        ("sandbox.md", RemoteSandbox),
        ("sandbox.md", PhoneActions),
    ],
)
def test_every_public_member_of_what_one_holds_is_described(pages, page, cls):
    members = [
        name for name in vars(cls) if not name.startswith("_") and name not in inspect.get_annotations(cls)
    ]

    assert [name for name in members if f"### {cls.__name__}.{name}\n" not in pages[page]] == []


def test_a_long_signature_has_a_parameter_a_line():
    def begin(first: Callable[[int, str], int], *, second: tuple[int, ...] = (1, 2), third: str = ""):
        return first, second, third

    assert signature("begin_what_has_a_very_long_name_indeed", begin).splitlines()[1:6] == [
        "def begin_what_has_a_very_long_name_indeed(",
        "    first: Callable[[int, str], int],",
        "    *,",
        "    second: tuple[int, ...] = (1, 2),",
        "    third: str = '',",
    ]


def test_a_default_that_is_a_function_is_written_without_its_address(pages):
    assert [name for name, text in pages.items() if re.search(r"0x[0-9a-f]{6}", text)] == []


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("events.md", [f"`{name}`" for name in EVENTS]),
        ("parts.md", [f"## {kind}\n" for kind in PARTS]),
        ("cli.md", [f"## chanbridge {name}\n" for name in COMMANDS]),
        (
            "configuration.md",
            ['channel = "sms"', 'channel = "whatsapp"', "`phone_number_id`", "`auth_token`"],
        ),
        (
            "channel.md",
            [f"`{name}`" for name in ("name", "Config", "hosts", "methods", "content_types", "poll_every_s")]
            + ["## unsigned\n", "## each\n", "cb.each(", "[project.entry-points.chanbridge]", "## Secret\n"],
        ),
        ("errors.md", ["## Unsupported\n", "`PayloadError`: "]),
        ("testing.md", ["## drive\n", "## ok\n", "## read_request\n", "requests: list[HttpRequest]"]),
        ("sandbox.md", [f"| `{kind}` |" for kind in KINDS]),
        ("channels.md", ["whatsapp/direct", "sms/mms", "`actions.button.max`"]),
    ],
)
def test_nothing_is_left_out(pages, page, names):
    assert [name for name in names if name not in pages[page]] == []
