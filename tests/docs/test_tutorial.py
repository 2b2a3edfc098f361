"""The tutorial, followed word for word."""

from tests.docs.pages import ROOT, follow


def test_whoever_follows_the_tutorial_sees_what_it_shows(tmp_path):
    follow(ROOT / "docs" / "tutorial.md", tmp_path)
