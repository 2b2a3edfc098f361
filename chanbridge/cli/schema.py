"""``chanbridge schema``: print a published JSON Schema."""

from __future__ import annotations

import sys

import click

from chanbridge.cli.output import print_json


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print it on one line, on a terminal too.")
def command(name: str | None, as_json: bool) -> int:
    """Print the JSON Schema (2020-12) NAME, or without NAME the names there are.

    NAME is message, event, capabilities, or config/CHANNEL: the settings of an
    account in chanbridge.toml.

    \b
    Examples:
      chanbridge schema message > message.json
      chanbridge schema config/whatsapp
    """
    from chanbridge.model.schemas import names, schema, text

    if name is None:
        for known in names():
            print_json({"name": known}) if as_json else click.echo(known)
        return 0
    if name not in names():
        raise click.UsageError(f"NAME: no schema '{name}': there are {', '.join(names())}")
    document = schema(name)
    if as_json or not sys.stdout.isatty():
        print_json(document)
    else:
        click.echo(text(document), nl=False)
    return 0
