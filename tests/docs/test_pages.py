"""The runner of pages notices what is not so."""

import pytest

from tests.docs.pages import follow


def page(folder, *blocks: str):
    path = folder / "page.md"
    path.write_text("\n\n".join(["# A page", *blocks]))
    return path


def console(*lines: str) -> str:
    return "\n".join(["```console", *lines, "```"])


def test_a_page_that_is_so_passes(tmp_path):
    script = "```python\n# say.py\nimport sys\n\nprint(*sys.argv[1:], sep=chr(10))\n```"

    follow(
        page(tmp_path, script, console("$ python say.py one two \\", "    three", "one", "...", "t...e")),
        tmp_path,
    )


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["$ echo one", "two"], "page.md:3: it shows:\none\nexpected:\ntwo"),
        (["$ echo one"], "page.md:3: it shows:\none"),
        (["$ printf 'one\\ntwo'", "one"], "it shows:\none\ntwo"),
        (["$ echo oops; exit 3"], "page.md:3: echo oops; exit 3 exited 3\noops"),
    ],
)
def test_a_page_that_is_not_so_is_named_with_its_line(tmp_path, lines, reason):
    with pytest.raises(AssertionError) as failed:
        follow(page(tmp_path, console(*lines)), tmp_path)

    assert reason in str(failed.value)


def test_a_script_that_fails_is_named(tmp_path):
    with pytest.raises(AssertionError, match=r"page\.md:3: python block_3\.py exited 1"):
        follow(page(tmp_path, "```python\nassert 1 == 2\n```"), tmp_path)
