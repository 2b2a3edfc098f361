"""The README: its example handles a webhook, its commands exist, and its links lead somewhere."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import sys
import time
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import pytest

import chanbridge as cb
from chanbridge.cli import COMMANDS
from tests.asgi_client import request
from tests.docs.pages import ROOT, blocks
from tests.runtime import eventually

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("plugins/*/README.md"))]
BLOCKS = list(blocks((ROOT / "README.md").read_text()))
SECRET = "TEST-app-secret"


class Provider:
    """Accepts every message, and remembers it."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    async def __call__(self, request: cb.HttpRequest, *, foreign: bool = False) -> cb.HttpResponse:
        if request.method == "POST":
            self.sent.append(request.json())
            return cb.HttpResponse.of_json({"messages": [{"id": f"wamid.TEST-out-{len(self.sent)}"}]})
        return cb.HttpResponse(status=404)


@pytest.fixture
def example(tmp_path, monkeypatch) -> ModuleType:
    """The example as a module, imported where its configuration is."""
    for name in ("TOKEN", "APP_SECRET", "VERIFY_TOKEN"):
        monkeypatch.setenv(f"WHATSAPP_{name}", SECRET)
    monkeypatch.delenv("CHANBRIDGE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    [config] = [block.body for block in BLOCKS if block.language == "toml"]
    [code] = [block.body for block in BLOCKS if block.language == "python"]
    (tmp_path / "chanbridge.toml").write_text(config)
    module = ModuleType("readme_example")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(code, "README.md", "exec"), vars(module))
    return module


def signed(message: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """A webhook of the platform, with the headers that prove where it comes from."""
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "12025550100", "phone_number_id": "1061500000000"},
        "contacts": [{"profile": {"name": "Ada"}, "wa_id": "12025550123"}],
        "messages": [{"from": "12025550123", "timestamp": str(int(time.time())), **message}],
    }
    change = {"field": "messages", "value": value}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "2", "changes": [change]}]})
    digest = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
    return {"content-type": "application/json", "x-hub-signature-256": f"sha256={digest}"}, body.encode()


async def bring(app: Any, message: dict[str, Any]) -> int:
    headers, body = signed(message)
    answer = await request(app, "POST", "/in/support-wa", headers=headers, body=body)
    assert answer
    return answer.status


async def test_the_example_offers_three_buttons_for_a_photo_and_answers_the_tap(example):
    provider = example.bridge.transport = Provider()
    photo = {"id": "wamid.TEST-1", "type": "image", "image": {"id": "TEST-1", "mime_type": "image/jpeg"}}
    reply = {"type": "button_reply", "button_reply": {"id": "p0.a1", "title": "New box"}}

    async with example.bridge:
        statuses = [await bring(example.app, photo)]
        await eventually(lambda: len(provider.sent) == 1)
        tap = {"id": "wamid.TEST-2", "type": "interactive", "interactive": reply}
        statuses.append(
            await bring(example.app, {**tap, "context": {"from": "12025550100", "id": "wamid.TEST-out-1"}})
        )
        await eventually(lambda: len(provider.sent) == 2)

    menu, answer = provider.sent
    buttons = menu["interactive"]["action"]["buttons"]
    assert statuses == [200, 200]
    assert [button["reply"]["title"] for button in buttons] == ["Refund", "New box", "Call me"]
    assert answer["text"]["body"] == "New box: it is on its way."


def test_what_the_readme_has_one_type_is_there():
    typed = [line for block in BLOCKS if block.language == "console" for line in block.body.splitlines()]
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M)

    made = re.findall(r"^\$ make (\w+)", "\n".join(typed), flags=re.M)
    commands = re.findall(r"^\$ chanbridge (\w+)", "\n".join(typed), flags=re.M)

    assert typed[0].startswith("$ make demo")
    assert typed[1].startswith("$ make test")
    assert set(made) <= set(targets)
    assert set(commands) <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page):
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / unquote(link)).exists()] == []


def test_every_document_is_listed_for_somebody():
    docs = ROOT / "docs"
    index = (docs / "README.md").read_text()

    pages = [*docs.glob("*.md"), *docs.glob("reference/*.md"), docs / "how-to" / "README.md"]
    names = {str(page.relative_to(docs)) for page in pages} - {"README.md"}

    assert {name for name in names if f"]({name})" not in index} == set()
