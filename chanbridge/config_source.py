"""Reading chanbridge.toml: where each key stands, and what ``env:`` and ``file:`` stand for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from chanbridge.model.errors import ConfigError
from chanbridge.secret import Secret

KeyPath = tuple[str | int, ...]

_KEY = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_TABLE = re.compile(rf"\s*\[\[?\s*({_DOTTED})\s*\]\]?\s*(?:#.*)?$")
_ASSIGNED = re.compile(rf"\s*({_DOTTED})\s*=")
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
_HARMLESS = re.compile(r"\W{1,2}|\\[nrt]|\\x[0-9a-f]{2}|(?=.{1,32}$)[a-z]+(?:[_-][a-z]+)*")
_ENV = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DOCUMENT = re.compile(r"-----BEGIN |\{")  # a key in PEM or JSON has lines of its own


class Source:
    """One configuration: its table, the line of every key, and the problems found in it so far."""

    def __init__(self, name: str, table: dict[str, Any], text: str = "", folder: Path | None = None) -> None:
        self.name = name
        self.table = table
        self.folder = folder or Path()
        self._lines = dict(key_lines(text, table))
        self._problems: list[tuple[int, str]] = []

    @classmethod
    def read(cls, path: Path) -> Source:
        """Read a file; raise `ConfigError` if there is none, or if it is no TOML."""
        try:
            text = path.read_text(encoding="utf-8")
            return cls(path.name, tomllib.loads(text), text, path.absolute().parent)
        except FileNotFoundError as error:
            raise ConfigError(f"{path}: no such file: write it with 'chanbridge init'") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read: {type(error).__name__}") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path.name}: no valid TOML: {_unquoted(error)}") from error

    def line(self, path: KeyPath) -> int:
        """The line of a key, or of the nearest key around it; 0 if none is known."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 0)

    def problem(self, path: KeyPath, what: str) -> None:
        """Note what is wrong with a key, and the mend."""
        line = self.line(path)
        place = f"{self.name}:{line}" if line else self.name
        dotted = ".".join(str(piece) for piece in path)
        self._problems.append((line, ": ".join(piece for piece in (place, dotted, what) if piece)))

    def raise_problems(self) -> None:
        """Raise one `ConfigError` with every problem, in the order of their lines."""
        if self._problems:
            raise ConfigError(*(what for _, what in sorted(self._problems, key=lambda item: item[0])))


def key_lines(text: str, table: Mapping[str, Any]) -> Iterator[tuple[KeyPath, int]]:
    """Find the line of every key of a TOML text that was parsed into the given table."""
    prefix: KeyPath = ()
    quotes = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not quotes and (header := _TABLE.match(line)) and _holds(table, keys := _keys(header[1])):
            prefix = keys
            yield prefix, number
        elif not quotes and (assigned := _ASSIGNED.match(line)):
            keys = _keys(assigned[1])
            if _holds(table, prefix + keys):
                yield prefix + keys, number
        quotes = _open_quotes(line, quotes)


def _keys(dotted: str) -> KeyPath:
    return tuple(map(_key, re.findall(_KEY, dotted)))


def _key(written: str) -> str:
    if "\\" in written and written[0] == '"':
        try:
            return next(iter(tomllib.loads(f"{written} = 0")))
        except tomllib.TOMLDecodeError:  # a line in a text that only looks like a key
            return written
    return written[1:-1] if written[0] in "\"'" else written


def _holds(table: Any, path: KeyPath) -> bool:
    """Say whether a path leads somewhere: a line inside an array may look like a header."""
    for key in path:
        table = table[-1] if isinstance(table, list) and table else table
        if not isinstance(table, Mapping) or key not in table:
            return False
        table = table[key]
    return True


def _open_quotes(line: str, quotes: str) -> str:
    """Say which multi-line string is open after a line."""
    for mark in re.findall(r'"""|' + "'''", line):
        if not quotes:
            quotes = mark
        elif quotes == mark:
            quotes = ""
    return quotes


def _unquoted(error: Exception) -> str:
    """Keep what a TOML error says, without what it quotes that may be half a credential.

    It quotes marks (``'='``) and keys; of these, plain words are kept.
    """
    return _QUOTED.sub(lambda found: found[0] if _HARMLESS.fullmatch(found[0][1:-1]) else "'...'", str(error))


class Resolver:
    """Replaces references by what they stand for: strings by text, the fields of a `Secret` by one."""

    def __init__(self, source: Source, environ: Mapping[str, str], *, literals: bool) -> None:
        self._source = source
        self._environ = environ
        self._literals = literals

    def resolve(self, value: Any, kind: inspect.Type | None, path: KeyPath) -> Any:
        """Resolve a value of a declared type, and all within it; problems are noted at the source."""
        if kind is not None and is_secret(kind):
            return self._secret(value, path)
        if isinstance(value, str):
            name = _ENV.fullmatch(value)
            return self._env(name[1], path) if name else value
        if isinstance(value, dict):
            return {key: self.resolve(v, child_type(kind, key), (*path, key)) for key, v in value.items()}
        if isinstance(value, list):
            return [self.resolve(v, child_type(kind, i), (*path, i)) for i, v in enumerate(value)]
        return value

    def _secret(self, value: Any, path: KeyPath) -> Secret:
        if not isinstance(value, str):
            self._source.problem(path, 'a secret is text: write "env:NAME" or "file:PATH"')
            return Secret("")
        if name := _ENV.fullmatch(value):
            return self._on_one_line(trimmed(self._env(name[1], path)), path)
        if value.startswith("file:"):
            return self._on_one_line(self._file(value.removeprefix("file:"), path), path)
        if value.startswith("env:"):
            self._source.problem(path, 'what follows "env:" is no name of an environment variable')
        elif not value.strip():
            self._source.problem(path, 'the secret is empty: write "env:NAME" or "file:PATH"')
        elif not self._literals:
            mend = 'write "env:NAME" or "file:PATH", or allow it with --allow-literal-secrets'
            self._source.problem(path, f"a literal secret: {mend}")
        else:
            return self._on_one_line(value, path)
        return Secret(value)

    def _on_one_line(self, value: str, path: KeyPath) -> Secret:
        """Make a secret of a text; note if it breaks in the middle, as no header carries that."""
        if _CONTROL.search(value) and not _DOCUMENT.match(value):
            what = "the secret holds a line break or another control character"
            self._source.problem(path, f"{what}: write it on one line")
        return Secret(value)

    def _env(self, name: str, path: KeyPath) -> str:
        value = self._environ.get(name, "")
        if not trimmed(value):
            state = "is empty" if name in self._environ else "is not set"
            self._source.problem(path, f"the environment variable {name} {state}")
        return value

    def _file(self, name: str, path: KeyPath) -> str:
        try:
            value = trimmed((self._source.folder / name).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValueError) as error:
            self._source.problem(path, f"file:{name} cannot be read: {type(error).__name__}")
            return ""
        if not value:
            self._source.problem(path, f"file:{name} is empty")
        return value


def trimmed(text: str) -> str:
    """Take off what files and shells put around a value: a byte order mark, and white space."""
    return text.strip().removeprefix("\ufeff").strip()


def is_secret(kind: inspect.Type) -> bool:
    """Say whether a value of this type is a `Secret`."""
    kind = _bare(kind)
    if isinstance(kind, inspect.UnionType):
        return any(is_secret(member) for member in kind.types)
    return isinstance(kind, inspect.CustomType) and kind.cls is Secret


def _bare(kind: inspect.Type) -> inspect.Type:
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def child_type(kind: inspect.Type | None, key: str | int) -> inspect.Type | None:
    """Give the declared type of what stands at a key, if it is known."""
    match _bare(kind) if kind is not None else None:
        case inspect.StructType(fields=fields):
            return next((field.type for field in fields if field.encode_name == key), None)
        case inspect.DictType(value_type=value):
            return value
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return item
        case inspect.UnionType(types=types):
            return next((found for member in types if (found := child_type(member, key))), None)
    return None


def takes_text(kind: inspect.Type) -> bool:
    """Say whether a value of this type is written as text."""
    kind = _bare(kind)
    if isinstance(kind, inspect.UnionType):
        return any(takes_text(member) for member in kind.types)
    text = inspect.StrType | inspect.LiteralType | inspect.CustomType | inspect.AnyType | inspect.EnumType
    return isinstance(kind, text)


def decode_secret(type: type, value: Any) -> Any:
    """The ``dec_hook`` that lets a `Secret` through."""
    if type is Secret and isinstance(value, Secret):
        return value
    raise msgspec.ValidationError(f"Expected `{type.__name__}`")


def masked(value: Any) -> Any:
    """Copy a resolved tree with every secret as ``***``, as a schema may check and an error may quote."""
    if isinstance(value, Secret):
        return "***"
    if isinstance(value, Mapping):
        return {key: masked(item) for key, item in value.items()}
    return [masked(item) for item in value] if isinstance(value, list) else value
