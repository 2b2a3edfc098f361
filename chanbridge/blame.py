"""Whose code failed, and where: a plugin's mistake told without the words of its exception."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chanbridge.accounts import AnyChannel
from chanbridge.intake import place_of
from chanbridge.model.errors import ChanbridgeError, PluginError


@contextmanager
def blaming(channel: AnyChannel) -> Iterator[None]:
    """Raise `PluginError`, with type and place, for what a plugin did not raise on purpose.

    The exception's words are left out, and so is the exception: they may quote a message.
    """
    try:
        yield
    except ChanbridgeError:
        raise
    except Exception as error:
        problem = f"failed with {type(error).__name__} at {place_of(error)}"
        raise PluginError(channel.name, problem) from None
