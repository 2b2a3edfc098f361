"""For tests of plugins: drive flows without a network."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from chanbridge.channel import Channel
from chanbridge.http import Flow, HttpRequest, HttpResponse, Pause
from chanbridge.model.errors import SendError

T = TypeVar("T")


class Driven(NamedTuple):
    """What a flow returned, and the requests it made on the way."""

    result: Any
    requests: list[HttpRequest]


def ok(**fields: Any) -> HttpResponse:
    """A 200 with a JSON object."""
    return HttpResponse.of_json(fields)


def drive(flow: Flow[T], *answers: HttpResponse | SendError, channel: Channel[Any] | None = None) -> Driven:
    """Run a flow over the given answers, in order.

    A `SendError` is raised at the ``yield``; so is what ``channel.error`` makes of a response, if a
    channel is given. Raise `AssertionError` if the flow wants more answers than there are, or fewer.
    """
    requests: list[HttpRequest] = []
    left = list(answers)
    try:
        step = next(flow)
        while True:
            if isinstance(step, Pause):
                step = flow.send(HttpResponse())
                continue
            requests.append(step)
            assert left, f"the flow made a request that has no answer: {step.method} {step.url}"
            answer = left.pop(0)
            error = _error(answer, channel)
            step = flow.throw(error) if error else flow.send(answer)  # type: ignore[arg-type]
    except StopIteration as done:
        assert not left, f"the flow ended with {len(left)} answers left"
        return Driven(done.value, requests)


def _error(answer: HttpResponse | SendError, channel: Channel[Any] | None) -> SendError | None:
    if isinstance(answer, SendError):
        return answer
    return channel.error(answer) if channel else None
