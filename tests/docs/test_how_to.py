"""The how-to pages, followed word for word."""

import pytest

from tests.docs.pages import ROOT, blocks, follow

PAGES = sorted(
    page
    for page in [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/how-to/*.md")]
    if page.name != "tutorial.md"
    and any(one.language in {"console", "python"} for one in blocks(page.read_text()))
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_shows_what_happens(page, tmp_path):
    follow(page, tmp_path)


def test_every_how_to_page_is_listed():
    listed = (ROOT / "docs" / "how-to" / "README.md").read_text()

    pages = {page.name for page in ROOT.glob("docs/how-to/*.md")} - {"README.md"}

    assert {name for name in pages if f"]({name})" not in listed} == set()
