"""A secret shows itself only to reveal()."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable

import msgspec
import pytest

import chanbridge as cb

SECRET = cb.Secret("hunter2")


class Config(msgspec.Struct):
    token: cb.Secret


def test_it_is_revealed_on_request() -> None:
    assert SECRET.reveal() == "hunter2"


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        "{}".format,
        "{!r:>40}".format,
        lambda secret: f"{secret}",
        lambda s: repr([s]),
    ],
)
def test_it_is_never_shown(show: Callable[[object], str]) -> None:
    assert "hunter2" not in show(SECRET)
    assert "hunter2" not in show(Config(token=SECRET))


@pytest.mark.parametrize(
    "encode",
    [
        pickle.dumps,
        json.dumps,
        msgspec.json.encode,
        msgspec.msgpack.encode,
        msgspec.to_builtins,
        copy.deepcopy,
        bytes,
        vars,
        iter,
    ],
)
def test_it_is_never_encoded(encode: Callable[[object], object]) -> None:
    with pytest.raises(TypeError) as raised:
        encode(SECRET)

    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


def test_it_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("chanbridge.test").warning("config.read", extra={"config": Config(token=SECRET)})

    [record] = caplog.records
    assert "hunter2" not in str(vars(record))


def test_it_is_equal_by_its_value_and_only_to_a_secret() -> None:
    assert cb.Secret("hunter2") == SECRET
    assert hash(cb.Secret("hunter2")) == hash(SECRET)
    assert cb.Secret("other") != SECRET
    assert SECRET != "hunter2"


def test_an_empty_one_is_false() -> None:
    assert not cb.Secret("")
    assert not cb.Secret(" \t\n")
    assert SECRET


def test_a_grant_shows_no_token() -> None:
    grant = cb.Grant(token="hunter2", refresh="hunter2", extra={"id": "hunter2"})

    assert "hunter2" not in f"{grant!r} {grant}"
