"""What ``listen --record`` writes down: each request as it comes, and no other."""

import io

import pytest

from chanbridge.cli.listen import _record
from chanbridge.store.base import Arrival
from tests.channels import NOW, call, pigeon_webhook


@pytest.mark.parametrize(("before", "lines"), [({}, 1), ({"replay": 7}, 0), ({"unplaced": 7}, 0)])
def test_what_was_kept_before_is_not_recorded_again(before, lines):
    file = io.BytesIO()
    _record(file, Arrival(account="main", at=NOW, request=pigeon_webhook(call()), **before))

    assert len(file.getvalue().splitlines()) == lines
