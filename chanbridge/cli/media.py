"""``chanbridge media``: received files."""

from __future__ import annotations

import asyncio
import contextlib
import mimetypes
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chanbridge.cli.common import account_option, config_options
from chanbridge.cli.output import json_option, note, print_json, wants_json
from chanbridge.cli.storing import idle_bridge
from chanbridge.mime import UNKNOWN, bare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from chanbridge.bridge import Bridge
    from chanbridge.channel import Channel
    from chanbridge.model.media import Media

_PATIENCE_S = 2.0
_BLOB = re.compile(r"[0-9a-f]{64}")


@click.group()
def command() -> None:
    """Fetch a received file.

    \b
    Example:
      chanbridge media get 1234567890 --account support -o box.jpg
    """


@command.command()
@click.argument("ref")
@account_option("Account that received it; needed if there are several.")
@click.option(
    "-o", "--output", metavar="PATH", help="Where to write it; else its own name here; - is standard output."
)
@config_options
@json_option
def get(
    ref: str,
    account: str | None,
    output: str | None,
    config: Path | None,
    allow_literal_secrets: bool,
    as_json: bool,
) -> int:
    """Write the file REF of an event to disk.

    REF is what an event's media has: a blob (it is here already), a
    provider_id, or a url. Never overwrites a file unless --output names it.
    Exits 1 if the provider no longer has it, 75 if it cannot be had just now.

    \b
    Examples:
      chanbridge media get 1234567890 --account support
      chanbridge media get 9f86d081884c7d65... -o - > box.jpg
    """
    if not ref.strip():
        raise click.UsageError("REF: is empty: write the blob, provider_id or url of an event's media")
    _refuse_output(output)
    return asyncio.run(_get(ref, account, output, config, allow_literal_secrets, as_json))


def _refuse_output(output: str | None) -> None:
    """Raise `click.UsageError` if a file cannot be written there, before it is fetched."""
    if output is None or output == "-":
        return
    path = Path(output)
    if not output or path.is_dir():
        raise click.UsageError(f"--output: '{output}' is no file: write its name too, as in -o box.jpg")
    if not path.parent.is_dir():
        raise click.UsageError(f"--output: there is no folder {path.parent}: make it, or name another")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise click.UsageError(f"--output: {path} cannot be written: you are not allowed to")


async def _get(
    ref: str,
    account: str | None,
    output: str | None,
    config: Path | None,
    allow_literal_secrets: bool,
    as_json: bool,
) -> int:
    async with idle_bridge(config, allow_literal_secrets) as bridge:
        async with _progress(ref):
            media = await _found(bridge, ref, account)
        if output == "-":
            async for block in bridge.runtime.blobs.read(media.blob):
                sys.stdout.buffer.write(block)
            return 0
        path = Path(output) if output else _own_name(media)
        await _write(bridge, media, path)
    if wants_json(as_json):
        print_json({"path": str(path), "mime": media.mime, "size": media.size, "blob": media.blob})
    else:
        note(f"wrote {path} ({media.mime}, {media.size} bytes)")
    return 0


async def _write(bridge: Bridge, media: Media, path: Path) -> None:
    try:
        with path.open("wb") as file:
            async for block in bridge.runtime.blobs.read(media.blob):
                file.write(block)
    except OSError as error:
        raise click.UsageError(f"--output: {path} cannot be written: {error.strerror}") from error


@contextlib.asynccontextmanager
async def _progress(ref: str) -> AsyncIterator[None]:
    """Say what takes longer than a moment."""
    from chanbridge.redact import redact_url

    telling = asyncio.get_running_loop().call_later(_PATIENCE_S, note, f"fetching {redact_url(ref)} ...")
    try:
        yield
    finally:
        telling.cancel()


async def _found(bridge: Bridge, ref: str, account: str | None) -> Media:
    from chanbridge.model.media import Media

    if _BLOB.fullmatch(ref):
        return await bridge.runtime.blobs.stat(ref)
    name = account or _only(list(bridge.accounts))
    if name not in bridge.accounts:
        raise click.UsageError(f"--account: no account '{name}' (there is: {', '.join(bridge.accounts)})")
    url = ref.startswith(("http://", "https://"))
    media = Media(url=ref if url else "", provider_id="" if url else ref, auth="channel")
    if not url and _wants_url(bridge.accounts[name], media):
        raise click.UsageError(f"REF: must be a URL for account '{name}': its channel has no ids of files")
    return await bridge.fetch(name, media)


def _wants_url(channel: Channel[Any], media: Media) -> bool:
    """Say whether a channel would fetch a file by its URL, of which it has none."""
    try:
        return getattr(next(channel.fetch(media)), "url", None) == ""
    except Exception:  # fetching tells it better
        return False


def _only(names: list[str]) -> str:
    if len(names) != 1:
        raise click.UsageError(f"--account: there are several, name one of: {', '.join(names)}")
    return names[0]


def _extension(mime: str) -> str:
    """Give the extension of a type; "" if nobody knows what the file is."""
    return "" if bare(mime) == UNKNOWN else mimetypes.guess_extension(bare(mime)) or ""


def _own_name(media: Media) -> Path:
    """A name here for a file: its own without any folder, else its hash and type. It must be free."""
    path = Path(Path(media.filename).name or media.blob[:16] + _extension(media.mime))
    if path.exists():
        raise click.UsageError(
            f"--output: {path} is there already: name another, or this one to overwrite it"
        )
    return path
