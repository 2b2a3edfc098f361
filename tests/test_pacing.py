"""Whose turn it is, also when the clock was set back meanwhile."""

from chanbridge.model.capabilities import Rate
from chanbridge.model.errors import Failure
from chanbridge.pacing import Pacer
from tests.channels import Clock

PLACE = {"channel": "pigeon", "account": "main", "recipient": "pigeon:+12025550123"}
RATES = (Rate(scope="account", count=1, per_s=5),)


def test_a_rate_goes_on_when_the_clock_was_set_back():
    pacer, clock = Pacer(), Clock()
    pacer.turn(RATES, **PLACE, now=clock())

    clock.forward(-3000)
    first = pacer.turn(RATES, **PLACE, now=clock())
    clock.forward(5)
    second = pacer.turn(RATES, **PLACE, now=clock())

    assert (first, second) == (5, 0)


def test_a_wait_that_a_provider_asked_for_is_neither_longer_nor_shorter_when_the_clock_was_set_back():
    pacer, clock = Pacer(), Clock()
    failure = Failure.of("rate_limited", retry_after_s=60)
    pacer.learn(failure, **PLACE, now=clock())

    clock.forward(-3000)
    waits = [pacer.turn((), **PLACE, now=clock())]
    for seconds in (59, 1):
        clock.forward(seconds)
        waits.append(pacer.turn((), **PLACE, now=clock()))

    assert waits == [60, 1, 0]


def test_a_longer_wait_that_was_asked_for_before_stays():
    pacer, clock = Pacer(), Clock()
    for seconds in (60, 10):
        pacer.learn(Failure.of("rate_limited", retry_after_s=seconds), **PLACE, now=clock())

    assert pacer.turn((), **PLACE, now=clock()) == 60
