"""Whose code failed, and where: a mistake told without the words of its exception."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chanbridge.accounts import AnyChannel
from chanbridge.intake import place_of
from chanbridge.model.errors import ChanbridgeError, PluginError

CAUSES = 8  # told of one error, at most
_CULPRIT = "_chanbridge_culprit"


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


def name_culprit(error: BaseException, name: str) -> None:
    """Note on an exception whose it is: the handler or the sink that it left."""
    vars(error)[_CULPRIT] = name


def culprit_of(error: BaseException) -> str:
    """Name the handler or the sink that an exception left; empty if nobody noted it."""
    return str(vars(error).get(_CULPRIT, ""))


def wordless(error: BaseException, causes: int = CAUSES) -> BaseException:
    """Make an exception to log in place of another: its type, its frames, its causes, none of its words."""
    kind = type(error)
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    told: BaseException = type(kind.__name__, (Exception,), names)().with_traceback(error.__traceback__)
    if causes and error.__cause__:
        told.__cause__ = wordless(error.__cause__, causes - 1)
    elif causes and error.__context__ and not error.__suppress_context__:
        told.__context__ = wordless(error.__context__, causes - 1)
    return told
