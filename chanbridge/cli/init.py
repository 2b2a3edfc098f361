"""``chanbridge init``: write a configuration by asking."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chanbridge.cli.common import new_registry, pairs
from chanbridge.cli.output import json_option, note, print_json, wants_json

if TYPE_CHECKING:
    from chanbridge.registry import Registry

_REFERENCE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)")
_HEAD = """\
# chanbridge.toml: see 'chanbridge doctor'
store = "sqlite:///chanbridge.db"
"""


@click.command()
@click.option(
    "-c",
    "--config",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="File to write; else $CHANBRIDGE_CONFIG, else chanbridge.toml.",
)
@click.option("--channel", metavar="NAME", help="Channel of the account.")
@click.option("-a", "--account", metavar="NAME", help="Name of the account.")
@click.option(
    "--set", "settings", metavar="KEY=VALUE", multiple=True, help="A setting; what is not set is asked for."
)
@click.option("--public-url", metavar="URL", help="Where the providers reach this server.")
@json_option
def command(
    config: Path | None,
    channel: str | None,
    account: str | None,
    settings: tuple[str, ...],
    public_url: str | None,
    as_json: bool,
) -> int:
    """Write an account into chanbridge.toml, asking for what it needs.

    Adds to a file that exists. Secrets are written as references (env:NAME or
    file:PATH), never themselves. Without a terminal nothing is asked: secrets
    become references to environment variables, and anything else that is
    required and not set is an error.

    \b
    Examples:
      chanbridge init
      chanbridge init --channel sms --account support --set provider=twilio \\
          --set account_sid=AC... --set sender=+12025550100
    """
    from chanbridge.config import config_path, name_problem

    registry = new_registry()
    path = config_path(config)
    written = _written(path)
    channel = channel or _ask("Channel", "--channel", choices=registry.names())
    registry.channel(channel)
    account = account or _ask("Name of the account", "--account", default=channel)
    if account in written.get("accounts", {}):
        raise click.UsageError(f"--account: '{account}' is in {path} already")
    if problem := name_problem(account):
        raise click.UsageError(f"--account: '{account}' is {problem}")
    table, env = _settings(registry, channel, account, pairs(settings, "--set"))
    if public_url is None and "public_url" not in written and _is_asked():
        public_url = click.prompt(
            "Public URL of this server (empty: none yet)", default="", show_default=False, err=True
        )
    _refuse(registry, account, {"channel": channel, **table}, public_url)
    _write(path, account, {"channel": channel, **table}, public_url, new=not written)
    _report(path, account, channel, env, wants_json(as_json))
    return 0


def _is_asked() -> bool:
    """Say whether somebody is there to be asked."""
    return sys.stdin.isatty()


def _written(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} is there, and is no valid TOML: mend or remove it") from error


def _ask(question: str, option: str, *, default: str | None = None, choices: list[str] | None = None) -> str:
    if not _is_asked():
        raise click.UsageError(f"{option}: is needed where nobody can be asked")
    kind = click.Choice(choices) if choices else None
    answer: str = click.prompt(question, default=default, type=kind, err=True)
    return answer


def _settings(
    registry: Registry, channel: str, account: str, given: dict[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """Collect an account's settings: given, asked for, or (of secrets) references to the environment."""
    import msgspec

    from chanbridge.config_source import is_secret

    cls = registry.channel(channel).Config
    kinds = {field.encode_name: field for field in msgspec.inspect.type_info(cls).fields}  # type: ignore[attr-defined]
    unknown = sorted(set(given) - set(kinds))
    if unknown:
        raise click.UsageError(
            f"--set: {channel} has no '{unknown[0]}'; known are: {', '.join(sorted(kinds))}"
        )
    table: dict[str, Any] = {
        name: _checked_reference(name, text)
        if is_secret(kinds[name].type)
        else _value(text, kinds[name].type)
        for name, text in given.items()
    }
    for name, field in kinds.items():
        if not field.required or name in table:
            continue
        about = (getattr(field.type, "extra_json_schema", None) or {}).get("description", "")
        if is_secret(field.type):
            table[name] = _ask_secret(name, about, f"{account}_{name}")
        else:
            question = f"{name} ({about})" if about else name
            table[name] = _value(_ask(question, f"--set {name}=..."), field.type)
    env = [str(value).removeprefix("env:") for value in table.values() if str(value).startswith("env:")]
    return table, env


def _value(text: str, kind: Any) -> Any:
    from chanbridge.config import typed_setting

    return typed_setting(text, kind)


def _ask_secret(name: str, about: str, variable: str) -> str:
    default = "env:" + re.sub(r"[^A-Z0-9]+", "_", variable.upper())
    if not _is_asked():
        return default
    question = f"{name} ({about}): write env:NAME or file:PATH"
    answer: str = click.prompt(
        question, default=default, value_proc=lambda text: _checked_reference(name, text), err=True
    )
    return answer


def _checked_reference(name: str, text: str) -> str:
    if not _REFERENCE.fullmatch(text):
        raise click.UsageError(f"{name}: is a secret: write env:NAME or file:PATH, not the secret itself")
    return text


def _refuse(registry: Registry, account: str, table: dict[str, Any], public_url: str | None) -> None:
    """Raise `ConfigError` for what no command would read back."""
    from chanbridge.config import written_problems
    from chanbridge.model.errors import ConfigError

    found = written_problems(account, table, registry=registry, public_url=public_url or "")
    if found:
        raise ConfigError(
            *(problem.replace("public_url", "--public-url", 1) if problem.startswith("public_url:")
              else f"--set: {problem}" for problem in found)
        )  # fmt: skip


def _write(path: Path, account: str, table: dict[str, Any], public_url: str | None, *, new: bool) -> None:
    lines = [_HEAD] if new else [path.read_text(encoding="utf-8").rstrip("\n") + "\n"]
    if public_url:
        assignment = f"public_url = {_toml(public_url)}\n"
        lines = [*lines, assignment] if new else [assignment, *lines]
    path.write_text("".join([*lines, *account_lines(account, table)]), encoding="utf-8")


def account_lines(account: str, table: dict[str, Any]) -> list[str]:
    """Write the table of an account as TOML."""
    key = account if re.fullmatch(r"[A-Za-z0-9_-]+", account) else json.dumps(account)
    return [f"\n[accounts.{key}]\n", *(f"{name} = {_toml(value)}\n" for name, value in table.items())]


def _toml(value: Any) -> str:
    """Write a value as TOML: its strings, numbers, booleans and arrays are as JSON's."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _report(path: Path, account: str, channel: str, env: list[str], as_json: bool) -> None:
    if as_json:
        print_json({"path": str(path), "account": account, "env": env})
        return
    note(f"wrote [accounts.{account}] to {path}")
    if env:
        note(f"set in the environment: {', '.join(env)}")
    note(f"for all other settings see: chanbridge schema config/{channel}")
    note("then run: chanbridge doctor")
