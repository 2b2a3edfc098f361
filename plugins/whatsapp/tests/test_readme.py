"""What the README says is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import chanbridge as cb
from chanbridge.testing import drive, ok
from chanbridge_whatsapp import WhatsAppConfig
from chanbridge_whatsapp.outbound.interactive import OWN_FORMS

README = (Path(__file__).parents[1] / "README.md").read_text()


def block(language: str) -> str:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)[0]


def test_the_configuration_has_every_required_key_and_no_unknown_one():
    settings = tomllib.loads(block("toml"))["accounts"]["support-wa"]
    fields = WhatsAppConfig.__struct_fields__
    required = {"access_token", "app_secret", "verify_token", "phone_number_id"}

    assert settings.pop("channel") == "whatsapp"
    assert required <= settings.keys() <= set(fields)


def test_every_key_of_the_configuration_is_explained():
    assert all(f"`{field}`" in README for field in WhatsAppConfig.__struct_fields__)


def test_the_example_of_a_template_can_be_sent(channel, step):
    names: dict[str, cb.Message] = {}
    exec(block("python"), names)

    [request] = drive(channel.send(step(*names["message"].parts)), ok(messages=[{"id": "wamid.1"}])).requests

    assert list(channel.validate(names["message"])) == []
    components = request.json()["template"]["components"]
    assert [component["type"] for component in components] == ["header", "body", "button", "button"]


def test_every_form_of_whatsapps_own_is_named():
    assert all(f'"{form}"' in README for form in OWN_FORMS)
