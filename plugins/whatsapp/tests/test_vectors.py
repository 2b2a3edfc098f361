"""Every recorded webhook is signed by the provider and becomes exactly the events beside it."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from chanbridge.testing import vectors

FILES = vectors.vectors(Path(__file__).parent / "vectors")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_recorded_webhook_becomes_its_events(channel, file):
    vectors.check(channel, file)


@pytest.mark.parametrize("file", FILES[:3], ids=lambda file: file.stem)
def test_a_recorded_webhook_is_accepted_with_its_signature(channel, file):
    request = vectors.read_request(file)
    key = channel.config.app_secret.reveal().encode()
    signature = hmac.new(key, request.body, hashlib.sha256).hexdigest()

    assert channel.verify(request.with_headers(x_hub_signature_256=f"sha256={signature}")) is None
