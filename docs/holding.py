"""The pages on what an integrator and the author of a plugin hold; `docs.reference` writes them."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, get_args

from chanbridge import channel as contract
from chanbridge import http, sandbox, testing
from chanbridge.bridge import Bridge
from chanbridge.channel import Account, Batch, Channel, Content, Finding, Gesture, Grant, Inbound, Sent
from chanbridge.model import errors
from chanbridge.model.base import Context
from chanbridge.model.events import Wake
from chanbridge.registry import Registry
from chanbridge.sandbox.faults import CallBroken, CallRefused, Fault, FaultKind, WebhookBroken
from chanbridge.secret import Secret
from chanbridge.sending import Receipt, Sending
from chanbridge.store.base import Progress
from chanbridge.talk import Talk
from chanbridge.testing import vectors
from chanbridge.transcode.plan import Loss, Plan, Step
from docs.describing import first_line, summary, table
from docs.members import attributes, described, function

HOW_TO = Path(__file__).with_name("how-to") / "write-a-channel.md"
FAULTS: dict[FaultKind, str] = {
    "error": "the provider answers with `status`, or with its own error `code`",
    "rate_limited": "429 with Retry-After: `seconds`, as a date if `date`",
    "expired_token": "the credential is said to be dead",
    "expired_media": "the file is said to be gone",
    "timeout": "no answer: the connection closes after `seconds`",
    "drop": "no answer: the connection closes at once",
    "slow": "the answer comes after `seconds`",
    "status_first": "the webhooks about a message arrive before the answer to its call",
    "duplicate": "the webhook arrives `size` times, at once",
    "reorder": "`size` webhooks are gathered, and arrive the last first",
    "batch": "`size` webhooks are gathered, and arrive in one body where the provider does that",
    "malformed": "as `batch`, and the item at `item` is spoilt",
    "unreachable": "the delivery fails as if the application was not there; the provider tries again",
    "bad_signature": "the signature is forged",
    "lost": "the webhook never arrives, and is not repeated",
}
_FLOWS = """`Flow[T]` is a generator that yields `HttpRequest` (and gets its `HttpResponse`) or `Pause`, and
returns a `T`. The core makes the request, signs it by `Channel.sign`, asks `Channel.error` for what
is wrong with the answer, and raises that at the `yield`. In a dry run every answer is a placeholder:
decode it into a typed struct (`answer.json(Accepted)`); untyped it is an empty object.
"""


def bridge() -> str:
    """The bridge, the conversation that a handler holds, and what a send returns."""
    head = "# The bridge\n\nWhat an integrator holds.\n"
    return _page(head, Bridge, Talk, Sending, Receipt, Progress, Registry)


def http_page() -> str:
    """Requests, responses, and the flows that a plugin yields them from."""
    head = f"# Requests and flows\n\n{_FLOWS}"
    shown = (http.HttpRequest, http.HttpResponse, http.Headers, http.Multipart, http.Field, http.MediaBody)
    return "\n".join([_page(head, *shown, http.Pause), *function("same", http.same)])


def channel() -> str:
    """The contract that a plugin implements, with a small example."""
    lines = ["# The channel contract\n", summary(Channel), ""]
    lines += ["## Attributes\n", attributes(Channel), ""]
    for name, method in vars(Channel).items():
        if inspect.isfunction(method) and not name.startswith("_"):
            lines += function(name, method)
    lines += [*function("can", Channel.can), *function("unsigned", contract.unsigned)]
    lines += function("each", contract.each)
    shown = (Account, Secret, Step, Sent, Gesture, Grant, Content, Finding, Batch, Inbound, Wake, Context)
    lines += [line for cls in (*shown, Plan, Loss) for line in described(cls)]
    return "\n".join([*lines, *_example()])


def testing_page() -> str:
    """What helps to test a plugin: flows without a network, recorded webhooks."""
    lines = ["# Testing a plugin\n", summary(testing), "", *function("drive", testing.drive)]
    lines += [
        *function("ok", testing.ok),
        *described(testing.Driven),
        "## Recorded webhooks: chanbridge.testing.vectors\n",
    ]
    lines += [summary(vectors), ""]
    for name in ("vectors", "check", "read_request", "parse_request", "stated", "expected"):
        lines += function(name, getattr(vectors, name))
    return "\n".join(lines)


def sandbox_page() -> str:
    """Simulated providers, customers' phones, and faults on request."""
    lines = ["# The sandbox\n", summary(sandbox), "", *_faults()]
    shown = (sandbox.Sandbox, sandbox.PhoneActions, sandbox.Phone, sandbox.RemoteSandbox, sandbox.RemotePhone)
    data = (sandbox.Seen, sandbox.Said, sandbox.File, sandbox.Option)
    for cls in (*shown, sandbox.SandboxError, *data, sandbox.Faults, sandbox.Simulator):
        lines += described(cls)
    return "\n".join(lines)


def exceptions() -> list[str]:
    """Describe the exceptions, as a tree and one by one."""
    shown: list[type] = [
        errors.ChanbridgeError, errors.ConfigError, errors.PluginError, errors.SignatureError,
        errors.PayloadError, errors.ValidationError, errors.SendError, errors.Unsupported,
    ]  # fmt: skip
    tree = ["  " * (len(cls.__mro__) - 4) + f"- `{cls.__name__}`: {first_line(cls)}" for cls in shown]
    lines = ["## Exceptions\n", *tree, ""]
    return lines + [line for cls in shown[1:] for line in described(cls)]


def _faults() -> list[str]:
    groups: dict[Any, str] = {
        CallRefused: "the provider refuses the call, in its own shape",
        CallBroken: "the call goes wrong on its way; with `after` the provider has accepted it before",
        WebhookBroken: "the provider's webhook goes wrong on its way to us",
    }
    lines = [
        "## Faults\n",
        "`faults.add(KIND, **fields)`, or `RemoteSandbox.fault(SIMULATOR, KIND, **fields)`.\n",
    ]
    for group, said in groups.items():
        rows = [[f"`{kind}`", FAULTS[kind]] for kind in get_args(group)]
        lines += [f"{said[0].upper()}{said[1:]}:\n", table(["kind", "what happens"], rows), ""]
    return lines + described(Fault)


def _example() -> list[str]:
    """Give the example of the how-to page, which a test runs."""
    text = HOW_TO.read_text(encoding="utf-8")
    code = re.findall(r"^```python\n# chanbridge_.*?^```$", text, re.M | re.S)
    project = re.findall(r"^```toml\n.*?^```$", text, re.M | re.S)
    return [
        "## A whole channel\n",
        "In one file; [write a channel](../how-to/write-a-channel.md) says how to test and run it.\n",
        *code,
        "\n`each`, so that an item that is not understood takes none of its neighbours along.\n",
        *project,
        "\nWithout installing it: `registry = Registry()`, `registry.add(Courier)`, then",
        '`Bridge.from_file("chanbridge.toml", registry=registry)`.',
    ]


def _page(head: str, *classes: type) -> str:
    return "\n".join([head, *(line for cls in classes for line in described(cls))])
