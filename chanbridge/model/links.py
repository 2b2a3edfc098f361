"""What a link may begin with: for `check`, and as far as a JSON Schema can say it.

The schemas refuse nothing that `check` accepts. It reads a URL as browsers do: control characters
and spaces before it do not count, nor do tabs and line breaks within it, nor does case.
"""

from __future__ import annotations

import re
from typing import Any

WEB = ("http", "https")
OPENED = (*WEB, "mailto", "tel", "sms", "geo")
"""What a link that people open may begin with, besides an app's own scheme (``shop://order/7``)."""
RUNS = ("javascript", "vbscript", "data", "file", "blob", "about", "view-source")
"""What runs or reads something on the machine of whoever opens it."""
NO_LINK = f"must begin with {', '.join(f'{scheme}:' for scheme in OPENED)} or an app's own ://"
NO_FILE = "must begin with http: or https:"

_BEFORE = r"[\x00-\x20]*"
_WITHIN = r"[\t\n\r]*"


def _spelt(scheme: str) -> str:
    letters = (f"[{char}{char.upper()}]" if char.isalpha() else char for char in scheme)
    return _WITHIN.join((*letters, ":"))


def _begins(schemes: tuple[str, ...]) -> str:
    return f"^{_BEFORE}({'|'.join(_spelt(scheme) for scheme in schemes)})"


OPENED_URL: dict[str, Any] = {
    "description": f"A link that people open. It does not begin with {', '.join(RUNS)}.",
    "not": {"pattern": _begins(RUNS)},
    "x-rule": NO_LINK,
}
FILE_URL: dict[str, Any] = {
    "description": "A link to a file, by http or https.",
    "pattern": f"^$|{_begins(WEB)}",
    "x-rule": NO_FILE,
}

_LOCAL = re.compile(_begins(("file",)))
_RUNS = re.compile(_begins(RUNS))


def is_local(url: str) -> bool:
    """Say whether a browser would read a URL as one of a file of this machine."""
    return _LOCAL.match(url) is not None


def runs(url: str) -> bool:
    """Say whether a browser would read a URL as one that runs or reads something of this machine."""
    return _RUNS.match(url) is not None
