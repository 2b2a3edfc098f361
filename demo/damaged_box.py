"""A damaged box: from a customer's photo on WhatsApp to the same answer by SMS, in front of your eyes.

Run it by ``make demo``, or ``python -m demo.damaged_box``. It needs no account and no network: the
providers are simulated on loopback ports. Every command in it is real, and runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn, TypeVar, get_args

import click

import chanbridge as cb
from chanbridge.cli import events
from chanbridge.model.codec import decode_event
from chanbridge.sandbox import RemotePhone, RemoteSandbox
from demo.stage import BrokenDemo, Running, Stage, check, free_port, shown

E = TypeVar("E", bound=cb.Event)

ADA = "+12025550123"
PHOTO = Path(__file__).with_name("damaged_box.png")
OPTIONS = {"refund": "Refund", "new_box": "New box", "call_me": "Call me"}
ANSWER = {
    "parts": [
        {
            "kind": "text",
            "text": "We are sorry, Ada. What shall we do?",
            "actions": [
                {"id": id, "label": label, "payload": f"case-4711:{id}"} for id, label in OPTIONS.items()
            ],
        }
    ]
}
SAME = ("type", "action_id", "payload", "label")  # what a handler acts on


class Listener:
    """``chanbridge listen``: shows each event as it comes, and keeps the receipts among them."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self.receipts: defaultdict[str, set[str]] = defaultdict(set)

    def until(self, wanted: type[E], fits: Callable[[E], bool] = lambda event: True) -> E:
        """Show events up to the first that fits, and give that one."""
        while True:
            event = decode_event(json.dumps(self._running.result()).encode())
            _say(_paint("36", f"  event  {click.unstyle(events.shown(event))}"))
            if isinstance(event, cb.MessageStatus):
                self.receipts[event.target.id].add(event.fact)
            if isinstance(event, wanted) and fits(event):
                return event


def main() -> int:
    """Tell the story; give 0 if everything was as it should be."""
    signal.signal(signal.SIGTERM, _leave)
    began = time.monotonic()
    try:
        with Stage() as stage:
            tell(stage)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except Exception as error:  # whatever it is, it fits in a line
        what = str(error) if isinstance(error, BrokenDemo) else f"{type(error).__name__}: {error}"
        print(f"The demo failed: {what}", file=sys.stderr)
        return 1
    took = time.monotonic() - began
    _say(f"\nAll of it was as it should be, in {took:.0f} seconds. Nothing is left running.")
    return 0


def tell(stage: Stage) -> None:
    """Play every scene."""
    _scene("Two simulated providers on this machine, and chanbridge listening to both")
    sandbox, listener = set_up(stage)
    whatsapp = sandbox.phone("whatsapp", ADA, "Ada Lind")
    sms = sandbox.phone("sms", ADA, "Ada Lind")
    (stage.folder / "answer.json").write_text(json.dumps(ANSWER))

    _scene("Ada writes on WhatsApp: her box came damaged")
    complain(stage, listener, whatsapp)
    _scene("We answer with three options; on WhatsApp they are buttons, and Ada taps one")
    tapped, on_whatsapp = answer_on_whatsapp(stage, listener, whatsapp)
    _scene("The same message by SMS: there are no buttons, so it becomes numbered text")
    typed, by_sms = answer_by_sms(stage, listener, sms)
    _scene("A tap and a typed '2' are the same event")
    compare(tapped, typed)
    _scene("What became of our two messages")
    show_receipts("WhatsApp", listener.receipts[on_whatsapp], {"submitted", "sent", "delivered", "read"})
    show_receipts("SMS", listener.receipts[by_sms], {"submitted", "sent", "delivered"})
    _say("  (An SMS has no read receipt: chanbridge invents none.)")


def set_up(stage: Stage) -> tuple[RemoteSandbox, Listener]:
    """Start the simulators, and ``chanbridge listen`` on the configuration that they write."""
    port = str(free_port())
    sandbox = ("sandbox", "whatsapp", "sms", "--no-bridge", "--dir", ".", "--port", port)
    _command(sandbox)
    told = stage.start(*sandbox, "--json").result()
    _say(f"  providers: {', '.join(f'{name} at {url}' for name, url in told['simulators'].items())}")
    listen = ("listen", "--port", port)
    _command(listen)
    running = stage.start(*listen, "--json")
    said = running.note()
    check(said.startswith("listening on"), said)
    _say(f"  {said.partition(';')[0]}")
    control = RemoteSandbox(told["control"])
    for account in told["simulators"]:
        control.connect(account, account, f"{told['bridge']}/in/{account}")
    return control, Listener(running)


def complain(stage: Stage, listener: Listener, phone: RemotePhone) -> None:
    """Ada sends a text and a photo; the photo is fetched and is the same, byte by byte."""
    _phone("WhatsApp", "Ada", ["My box came like this!", f"[photo {PHOTO.name}]"])
    phone.send_text("My box came like this!")
    listener.until(cb.MessageReceived)
    phone.send_media(PHOTO, caption="The corner is torn")
    [photo] = listener.until(cb.MessageReceived).message.parts
    if not isinstance(photo, cb.MediaPart):
        raise BrokenDemo(f"the photo arrived as {photo.kind}")
    get = ("media", "get", photo.media.provider_id, "--account", "whatsapp", "--output", "photo.png")
    _command(get)
    fetched = stage.run(*get)
    _say(f"  {fetched['mime']}, {fetched['size']} bytes, kept as blob {fetched['blob'][:12]}...")
    check(
        (stage.folder / "photo.png").read_bytes() == PHOTO.read_bytes(), "the photo is not the one Ada sent"
    )


def answer_on_whatsapp(
    stage: Stage, listener: Listener, phone: RemotePhone
) -> tuple[cb.InteractionReceived, str]:
    """Send the options, have them read and tapped; give the event of the tap, and our message's id."""
    message = send(stage, "whatsapp")
    seen = phone.receive()
    _phone(
        "WhatsApp", "Ada's phone shows", [seen.text, "  ".join(f"[ {one.label} ]" for one in seen.options)]
    )
    check([one.label for one in seen.options] == list(OPTIONS.values()), "WhatsApp does not show the buttons")
    phone.read()
    listener.until(cb.MessageStatus, lambda status: status.fact == "read")
    _phone("WhatsApp", "Ada taps", ["[ New box ]"])
    phone.tap("New box")
    return listener.until(cb.InteractionReceived), message


def answer_by_sms(stage: Stage, listener: Listener, phone: RemotePhone) -> tuple[cb.InteractionReceived, str]:
    """Send the same file by SMS; give the event of the typed answer, and our message's id."""
    message = send(stage, "sms")
    seen = phone.receive()
    _phone("SMS", "Ada's phone shows", seen.text.splitlines())
    check("2) New box" in seen.text.splitlines(), "the SMS does not number its options")
    _phone("SMS", "Ada types", ["2"])
    phone.send_text("2")
    return listener.until(cb.InteractionReceived), message


def send(stage: Stage, channel: str) -> str:
    """Send the answer to Ada, tell what is lost on this channel, and give the message's id."""
    command = ("send", f"{channel}:{ADA}", "--json", "answer.json", "--wait", "delivered")
    _command(command)
    receipt = stage.run(*command)
    losses = "; ".join(f"{loss['reason']} ({loss['rule']})" for loss in receipt["losses"])
    _say(f"  {receipt['state']}; lost on the way: {losses or 'nothing'}")
    id: str = receipt["id"]
    return id


def compare(tapped: cb.InteractionReceived, typed: cb.InteractionReceived) -> None:
    """Show both events side by side, and check that what a handler acts on is the same."""
    _say(f"  {'':<10} {'WhatsApp':<22} SMS")
    for name in (*SAME, "via", "text"):
        left, right = getattr(tapped, name), getattr(typed, name)
        mark = "  same" if left == right else ""
        _say(f"  {name:<10} {left or '-':<22} {right or '-':<22}{mark}".rstrip())
        check(left == right or name not in SAME, f"{name} differs between WhatsApp and SMS")
    chosen = (typed.action_id, typed.label, typed.payload)
    check(chosen == ("new_box", "New box", "case-4711:new_box"), "it is not the option that Ada chose")


def show_receipts(channel: str, facts: set[str], expected: set[str]) -> None:
    """Show what is known of a message, and check that it is all that the provider can tell."""
    _say(f"  {channel:<10} {', '.join(fact for fact in get_args(cb.Fact) if fact in facts)}")
    check(facts == expected, f"{channel} reported {sorted(facts)}, not {sorted(expected)}")


def _scene(title: str) -> None:
    _say(f"\n{_paint('1', title)}")


def _command(args: Iterable[str]) -> None:
    _say(_paint("32", f"  $ {shown(tuple(args))}"))


def _phone(channel: str, who: str, lines: Iterable[str]) -> None:
    for number, line in enumerate(lines):
        place = "" if number else f"({channel}) {who}:"
        _say(_paint("33", f"  {place:<30} {line}".rstrip()))


def _say(text: str) -> None:
    print(text, flush=True)


def _paint(code: str, text: str) -> str:
    """Colour a text, on a terminal only."""
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
    return text if plain else f"\x1b[{code}m{text}\x1b[0m"


def _leave(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
