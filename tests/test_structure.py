"""The house as the design draws it: what may import what, where I/O is, how large a piece may be."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = [  # from the ground up: each may import itself and what is below
    {"model", "http", "secret", "placeholder", "phone", "redact"},
    {"transcode", "channel", "hooks", "mime"},
    {"registry", "config", "config_check", "config_source", "accounts", "rates", "waiting", "patience",
     "threads", "watch"},
    {"transport", "store", "vault", "blobs", "guard"},
    {"inbound", "outbound", "media", "gate", "intake", "kept", "tally", "arrivals", "placing", "planner",
     "pacing", "polling", "fetching", "session", "dispatch", "replaying", "sending", "talk", "handlers",
     "blame"},
    {"bridge", "runtime", "consumers", "owners", "asgi", "asgi_wire"},
    {"cli", "server", "sandbox", "testing"},
]  # fmt: skip
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
PLUGINS_MAY_NOT = {
    "aiohttp", "asyncio", "httpx", "os", "pathlib", "random", "requests", "secrets", "socket", "sqlite3",
    "ssl", "subprocess", "threading", "time", "urllib.request", "uuid", "tempfile", "shutil", "io",
}  # fmt: skip
PUBLIC = (
    "chanbridge.testing",
    "chanbridge.sandbox",
    "chanbridge.mime",
    "chanbridge.phone",
    "chanbridge.transcode.gsm",
)
CLOCKS = {"now", "utcnow", "today"}
MAX_MODULE = 500
MAX_FUNCTION = 60


class Import(NamedTuple):
    module: str
    line: int


def sources(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "build" not in path.parts)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


CORE = sources("chanbridge")
PLUGINS = [path for folder in sorted((ROOT / "plugins").glob("*/chanbridge_*")) for path in sources(
    str(folder.relative_to(ROOT))
)]  # fmt: skip
PURE = [path for path in PLUGINS if "simulator" not in str(path) and path.stem != "session"]


def imports(path: Path) -> Iterator[Import]:
    """Give what a module imports, in functions too; for type checkers alone does not count."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: imports are absolute"
            yield Import(node.module or "", node.lineno)
            yield from (Import(f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def area(module: str) -> str:
    """Give the piece of the core that a module is in; empty if it is none."""
    top, _, rest = module.partition(".")
    name = rest.partition(".")[0]
    return name if top == "chanbridge" and name in RANK else ""


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_dependencies_point_downwards(path):
    own = path.relative_to(ROOT / "chanbridge").parts[0].removesuffix(".py")
    if own in {"__init__", "__main__"}:  # the public face of all
        return
    assert own in RANK, f"{own}: say in LAYERS where it belongs"

    upwards = [
        f"{name_of(path)}:{found.line}: {found.module}"
        for found in imports(path)
        if area(found.module) and RANK[area(found.module)] > RANK[own]
    ]

    assert upwards == []


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_the_core_uses_its_plugins_only_through_the_registry(path):
    assert [found.module for found in imports(path) if found.module.startswith("chanbridge_")] == []


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_plugins_do_no_io_and_read_no_clock(path):
    forbidden = [
        f"{name_of(path)}:{found.line}: {found.module}"
        for found in imports(path)
        if {found.module, found.module.partition(".")[0]} & PLUGINS_MAY_NOT
    ]
    assert forbidden == []
    assert clocks(path) == []


def clocks(path: Path) -> list[str]:
    """Find calls of ``datetime.now()`` and the like, and of ``open()``: an account's own ``now`` is given."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in CLOCKS:
                if "datetime" in ast.unparse(value) or ast.unparse(value) == "date":
                    found.append(f"{name_of(path)}:{node.lineno}: {ast.unparse(node)}")
            case ast.Call(func=ast.Name(id="open" | "input" | "print" as name)):
                found.append(f"{name_of(path)}:{node.lineno}: {name}")
    return found


@pytest.mark.parametrize("path", PLUGINS, ids=name_of)
def test_plugins_use_what_is_public(path):
    used = {found.module for found in imports(path) if area(found.module)}

    longest = {module for module in used if not any(other.startswith(f"{module}.") for other in used)}
    assert {module for module in longest if not module.startswith(PUBLIC)} == set()


def test_exactly_one_module_imports_httpx():
    users = {name_of(path) for path in CORE + PLUGINS for found in imports(path) if found.module == "httpx"}

    assert users == {"chanbridge/transport/client.py"}


def test_only_the_store_speaks_to_sqlite():
    users = {name_of(path) for path in CORE for found in imports(path) if found.module == "sqlite3"}

    assert {user for user in users if not user.startswith("chanbridge/store/")} == set()


def test_only_the_store_knows_which_stores_there_are():
    named = {name_of(path) for path in CORE if "SqliteStore" in path.read_text()}

    assert named == {"chanbridge/store/sqlite.py", "chanbridge/store/opening.py"}


def test_the_core_depends_on_five_libraries():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    names = {line.partition(">")[0] for line in project["dependencies"]}

    assert names == {"click", "httpx", "jsonschema", "msgspec", "pluggy"}


@pytest.mark.parametrize("path", CORE + PLUGINS, ids=name_of)
def test_pieces_stay_small(path):
    source = path.read_text()
    functions = [
        f"{name_of(path)}:{node.lineno}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION
    ]

    assert len(source.splitlines()) <= MAX_MODULE
    assert functions == []
