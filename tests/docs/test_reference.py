"""The reference says what the code says."""

import pytest

from chanbridge.cli import COMMANDS
from chanbridge.model.errors import ERRORS
from chanbridge.model.events import EVENTS
from chanbridge.model.parts import PARTS
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
    ("page", "names"),
    [
        ("events.md", [f"`{name}`" for name in EVENTS]),
        ("parts.md", [f"## {kind}\n" for kind in PARTS]),
        ("cli.md", [f"## chanbridge {name}\n" for name in COMMANDS]),
        (
            "configuration.md",
            ['channel = "sms"', 'channel = "whatsapp"', "`phone_number_id`", "`auth_token`"],
        ),
        ("channels.md", ["whatsapp/direct", "sms/mms", "`actions.button.max`"]),
    ],
)
def test_nothing_is_left_out(pages, page, names):
    assert [name for name in names if name not in pages[page]] == []
