"""The channel of the how-to page, found by its entry point as if it was installed."""

import os
import re
import subprocess
import tomllib

import msgspec

from tests.docs.pages import ROOT, blocks, environment

PAGE = ROOT / "docs" / "how-to" / "write-a-channel.md"
BLOCKS = list(blocks(PAGE.read_text()))


def test_the_command_of_the_page_parses_with_the_channel_of_the_page(tmp_path):
    [code] = [one.body for one in BLOCKS if one.body.startswith("# chanbridge_courier.py")]
    [project] = [tomllib.loads(one.body) for one in BLOCKS if one.language == "toml"]
    [command] = [one.body.removeprefix("$ ") for one in BLOCKS if one.language == "sh"]
    (tmp_path / "chanbridge_courier.py").write_text(code)
    known = tmp_path / "chanbridge_courier-0.1.0.dist-info"
    known.mkdir()
    name, version = project["project"]["name"], project["project"]["version"]
    (known / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    [(group, entries)] = project["project"]["entry-points"].items()
    lines = [f"{entry} = {module}" for entry, module in entries.items()]
    (known / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines]))

    ran = subprocess.run(
        ["/bin/bash", "-c", command], cwd=tmp_path, capture_output=True, timeout=60, check=False,
        env={**environment(), "PYTHONPATH": os.fspath(tmp_path)},
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr.decode()
    event = msgspec.json.decode(ran.stdout)
    assert event["type"] == "chanbridge.message.received"
    assert event["data"]["message"]["parts"] == [{"kind": "text", "text": "Hello"}]


def test_the_reference_shows_the_same_channel():
    reference = (ROOT / "docs" / "reference" / "channel.md").read_text()

    assert [one.line for one in BLOCKS if re.match("# (chanbridge_|pyproject)", one.body)] != []
    assert [one.body for one in BLOCKS if re.match("# (chanbridge_|pyproject)", one.body)
            if one.body not in reference] == []  # fmt: skip
