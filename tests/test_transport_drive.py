"""Flows are driven: signed, recorded, resumed, and told of what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from chanbridge.channel import Account, Channel, Grant, Sent
from chanbridge.http import Flow, Headers, HttpRequest, HttpResponse, Pause
from chanbridge.model.errors import PayloadError, PluginError, SendError
from chanbridge.testing import ok
from chanbridge.transport.drive import Driver
from chanbridge.transport.record import Answer, mark_of, next_move

BASE = "https://api.pigeon.example/v2"
UPLOAD = HttpRequest.post_json(f"{BASE}/media", {"name": "mug"}, idempotent=True)
POST = HttpRequest.post_json(f"{BASE}/messages", {"text": "Hello"})
STATUS = HttpRequest.get(f"{BASE}/media/med-7")


class Config(msgspec.Struct, frozen=True):
    base_url: str = BASE


class Pigeon(Channel[Config]):
    name = "pigeon"
    hosts = ("files.pigeon.example",)

    def sign(self, request: HttpRequest, grant: Grant | None) -> HttpRequest:
        return request.with_headers(authorization=f"Bearer {grant.token if grant else 'static'}")

    def error(self, response: HttpResponse) -> SendError | None:
        return None if response.ok else SendError.of(response, title=response.json(dict[str, str])["error"])


class Expiring(Pigeon):
    def authorize(self, grant: Grant | None) -> Flow[Grant]:
        answer = yield HttpRequest.post_json(f"{BASE}/token", {})
        return Grant(token=answer.json()["token"])


class Wire:
    """Answers from a list, and keeps what it was asked."""

    def __init__(self, *answers: HttpResponse | SendError) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[HttpRequest, bool]] = []

    async def __call__(self, request: HttpRequest, *, foreign: bool = False) -> HttpResponse:
        self.asked.append((request, foreign))
        answer = self.answers.pop(0)
        if isinstance(answer, SendError):
            raise answer
        return answer

    @property
    def paths(self) -> list[str]:
        return [request.path.removeprefix("/v2") for request, _ in self.asked]


class Disk:
    """A record that outlives the run that writes it, through its JSON."""

    def __init__(self, *answers: Answer) -> None:
        self.lines = [msgspec.json.encode(answer) for answer in answers]

    @property
    def recorded(self) -> list[Answer]:
        return [msgspec.json.decode(line, type=Answer) for line in self.lines]

    async def before(self, mark: str) -> None:
        self.lines.append(msgspec.json.encode(Answer(mark=mark)))

    async def after(self, answer: Answer) -> None:
        await self.withdraw(answer.mark)
        self.lines.append(msgspec.json.encode(answer))

    async def withdraw(self, mark: str) -> None:
        if self.recorded and self.recorded[-1].open and self.recorded[-1].mark == mark:
            self.lines.pop()


def pigeon(cls: type[Pigeon] = Pigeon) -> Pigeon:
    return cls(Account("main", Config()))


def refused(status: int, **headers: str) -> HttpResponse:
    answer = HttpResponse.of_json({"error": "no"}, status=status)
    return msgspec.structs.replace(answer, headers=Headers({**answer.headers, **headers}))


def upload_wait_post() -> Flow[Sent]:
    media = yield UPLOAD
    yield Pause(2)
    yield STATUS
    accepted = yield HttpRequest.post_json(f"{BASE}/messages", {"media": media.json()["id"]})
    return Sent(accepted.json()["id"])


def once(request: HttpRequest) -> Flow[HttpResponse]:
    response = yield request
    return response


async def test_a_flow_gets_its_answers_and_gives_its_result():
    wire = Wire(ok(id="med-7"), ok(), ok(id="msg-9"))
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    sent = await Driver(wire, sleep=sleep).run(upload_wait_post(), pigeon())

    assert sent == Sent("msg-9")
    assert wire.paths == ["/media", "/media/med-7", "/messages"]
    assert slept == [2]


class TestCredentials:
    async def test_a_request_to_the_provider_is_signed(self):
        wire = Wire(ok())

        await Driver(wire).run(once(POST), pigeon())

        [(request, foreign)] = wire.asked
        assert request.headers["authorization"] == "Bearer static"
        assert not foreign

    @pytest.mark.parametrize(
        "url",
        [
            "https://evil.example/v2/messages",
            "https://api.pigeon.example.evil.example/",
            "https://api.pigeon.example@evil.example/",
            "https://api.pigeon.example:8443/v2",
            "http://api.pigeon.example/v2",
            "http://files.pigeon.example/",
            "https://evil.example\\@files.pigeon.example/",
        ],
    )
    async def test_a_request_to_anyone_else_is_unsigned_and_guarded(self, url: str):
        wire = Wire(ok())

        await Driver(wire).run(once(HttpRequest.get(url)), pigeon())

        [(request, foreign)] = wire.asked
        assert "authorization" not in request.headers
        assert foreign

    async def test_a_redirect_of_a_download_drops_the_credential_at_a_foreign_host(self):
        moved = refused(302, location="https://cdn.example/file?sig=1")
        wire = Wire(moved, HttpResponse())

        await Driver(wire).run(once(STATUS.download()), pigeon())

        (first, _), (second, foreign) = wire.asked
        assert first.headers["authorization"]
        assert second.url == "https://cdn.example/file?sig=1"
        assert "authorization" not in second.headers
        assert foreign

    async def test_a_redirect_of_a_download_is_signed_anew_at_our_own_host(self):
        wire = Wire(refused(307, location="/v2/files/1"), HttpResponse())

        await Driver(wire).run(once(STATUS.download()), pigeon())

        assert wire.asked[1][0].url == f"{BASE}/files/1"
        assert wire.asked[1][0].headers["authorization"] == "Bearer static"

    async def test_a_redirect_without_end_is_given_up(self):
        wire = Wire(*[refused(302, location="/again")] * 10)

        with pytest.raises(SendError, match="redirects"):
            await Driver(wire).run(once(STATUS.download()), pigeon())

        assert len(wire.asked) == 6

    async def test_a_redirect_of_a_post_is_never_followed(self):
        wire = Wire(refused(307, location="https://evil.example/"))

        with pytest.raises(SendError):
            await Driver(wire).run(once(POST), pigeon())

        assert len(wire.asked) == 1

    async def test_a_sign_that_moves_the_request_to_another_host_is_a_plugin_error(self):
        class Stray(Pigeon):
            def sign(self, request: HttpRequest, grant: Grant | None) -> HttpRequest:
                return msgspec.structs.replace(request, url="https://evil.example/?token=1")

        wire = Wire(ok())

        with pytest.raises(PluginError, match="another host"):
            await Driver(wire).run(once(POST), pigeon(Stray))

        assert wire.asked == []

    async def test_an_observer_sees_no_credential(self):
        seen: list[tuple[HttpRequest, HttpResponse]] = []
        answer = refused(200, **{"set-cookie": "s=topsecret"})
        driver = Driver(Wire(answer), observe=lambda _, request, response: seen.append((request, response)))

        await driver.run(once(POST.with_query(access_token="topsecret")), pigeon())

        [(request, response)] = seen
        assert "topsecret" not in f"{request.url} {dict(request.headers)} {dict(response.headers)}"


class Keeper:
    def __init__(self) -> None:
        self.refused: list[Grant | None] = []

    async def grant(self, channel: Any, authorize: Any, refused: Grant | None = None) -> Grant:
        self.refused.append(refused)
        return Grant(token="new" if refused else "old")


class TestGrants:
    async def test_a_refused_grant_is_renewed_once_unseen_by_the_flow(self):
        wire, keeper = Wire(refused(401), ok()), Keeper()

        response = await Driver(wire, grants=keeper).run(once(POST), pigeon(Expiring))

        assert response.ok
        assert [request.headers["authorization"] for request, _ in wire.asked] == ["Bearer old", "Bearer new"]
        assert keeper.refused == [None, Grant(token="old")]

    async def test_a_second_refusal_is_the_answer(self):
        wire = Wire(refused(401), refused(401))

        with pytest.raises(SendError) as caught:
            await Driver(wire, grants=Keeper()).run(once(POST), pigeon(Expiring))

        assert caught.value.code == "auth_failed"
        assert len(wire.asked) == 2

    async def test_a_channel_without_grants_is_not_asked_for_one(self):
        wire, keeper = Wire(ok()), Keeper()

        await Driver(wire, grants=keeper).run(once(POST), pigeon())

        assert keeper.refused == []


class TestErrors:
    async def test_a_failure_is_raised_at_the_yield_and_the_flow_may_go_another_way(self):
        def reply_or_push() -> Flow[str]:
            try:
                yield POST
            except SendError as error:
                yield UPLOAD
                return error.code
            return "replied"

        result = await Driver(Wire(refused(400), ok())).run(reply_or_push(), pigeon())

        assert result == "invalid_request"

    async def test_a_page_that_is_no_answer_of_the_api_is_an_error_by_its_status(self):
        page = HttpResponse.text("<html>Bad Gateway", status=502)

        with pytest.raises(SendError) as caught:
            await Driver(Wire(page)).run(once(POST), pigeon())

        assert caught.value.code == "channel_unavailable"

    @pytest.mark.parametrize("last_try", [False, True])
    async def test_what_a_later_try_may_mend_is_seen_by_the_flow_only_at_the_last(self, last_try: bool):
        seen = []

        def flow() -> Flow[None]:
            try:
                yield POST
            except SendError as error:
                seen.append(error.code)
                raise

        with pytest.raises(SendError):
            await Driver(Wire(refused(429))).run(flow(), pigeon(), recorder=Disk(), last_try=last_try)

        assert seen == (["rate_limited"] if last_try else [])

    async def test_a_flow_never_goes_another_way_when_the_outcome_is_unknown(self):
        wire = Wire(SendError("outcome_unknown"), ok())

        def careless() -> Flow[None]:
            try:
                yield POST
            except SendError:
                yield POST

        with pytest.raises(SendError) as caught:
            await Driver(wire).run(careless(), pigeon())

        assert caught.value.code == "outcome_unknown"
        assert len(wire.asked) == 1

    async def test_the_flow_is_closed_when_it_is_abandoned(self):
        closed = []

        def flow() -> Iterator[HttpRequest]:
            try:
                yield POST
            finally:
                closed.append(True)

        with pytest.raises(SendError):
            await Driver(Wire(SendError("outcome_unknown"))).run(flow(), pigeon())  # type: ignore[arg-type]

        assert closed == [True]

    async def test_an_answer_that_the_flow_cannot_read_is_its_own_error(self):
        def flow() -> Flow[None]:
            response = yield msgspec.structs.replace(POST, idempotent=True)
            response.json(list[int])

        with pytest.raises(PayloadError):
            await Driver(Wire(ok())).run(flow(), pigeon())

    async def test_after_a_request_that_may_not_be_repeated_it_is_an_unknown_outcome(self):
        def flow() -> Flow[None]:
            response = yield POST
            response.json(list[int])

        with pytest.raises(SendError, match="was accepted, but its answer cannot be read") as caught:
            await Driver(Wire(ok())).run(flow(), pigeon())

        assert caught.value.code == "outcome_unknown"


class Killed(BaseException):
    """The process dies here."""


class Dying:
    """A transport under which the process dies, before or after a request takes effect."""

    def __init__(self, at: int, after: bool) -> None:
        self.at, self.after = at, after
        self.effects: list[str] = []
        self._count = 0

    async def __call__(self, request: HttpRequest, *, foreign: bool = False) -> HttpResponse:
        count, self._count = self._count, self._count + 1
        if count == self.at and not self.after:
            raise Killed
        self.effects.append(f"{request.method} {request.path}")
        if count == self.at:
            raise Killed
        return ok(id=f"id-{len(self.effects)}")


async def no_sleep(seconds: float) -> None:
    return None


class TestResuming:
    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("at", [0, 1, 2])
    async def test_a_send_killed_anywhere_never_posts_twice(self, at: int, after: bool):
        wire, disk = Dying(at, after), Disk()
        driver = Driver(wire, sleep=no_sleep)
        with pytest.raises(Killed):
            await driver.run(upload_wait_post(), pigeon(), recorder=disk)

        wire.at = -1
        try:
            sent = await driver.run(upload_wait_post(), pigeon(), recorder=disk)
            outcome = sent.id
        except SendError as error:
            outcome = error.code

        assert (outcome == "outcome_unknown") is (at == 2)
        assert wire.effects.count("POST /v2/messages") == (1 if at < 2 or after else 0)
        assert wire.effects.count("POST /v2/media") == (2 if at == 0 and after else 1)

    async def test_a_finished_record_is_replayed_without_network_or_waiting(self):
        disk = Disk()
        await Driver(Wire(ok(id="med-7"), ok(), ok(id="msg-9")), sleep=no_sleep).run(
            upload_wait_post(), pigeon(), recorder=disk
        )

        async def never(seconds: float) -> None:
            raise AssertionError("it waited again")

        sent = await Driver(Wire(), sleep=never).run(upload_wait_post(), pigeon(), recorder=disk)

        assert sent == Sent("msg-9")

    async def test_a_plugin_that_changed_in_between_is_noticed(self):
        disk = Disk(Answer(mark=mark_of(UPLOAD), repeatable=True, status=200, body=b'{"id": "med-7"}'))
        wire = Wire()

        with pytest.raises(SendError, match="plugin changed") as caught:
            await Driver(wire).run(once(POST), pigeon(), recorder=disk)

        assert caught.value.code == "outcome_unknown"
        assert wire.asked == []

    async def test_a_flow_that_ends_before_its_record_is_noticed(self):
        disk = Disk(Answer(mark=mark_of(POST), status=200), Answer(mark=mark_of(STATUS), status=200))

        with pytest.raises(SendError, match="plugin changed"):
            await Driver(Wire()).run(once(POST), pigeon(), recorder=disk)

    async def test_a_retryable_refusal_leaves_nothing_in_the_record(self):
        disk = Disk()
        with pytest.raises(SendError):
            await Driver(Wire(refused(503))).run(once(POST), pigeon(), recorder=disk, last_try=False)

        response = await Driver(Wire(ok(id="msg-9"))).run(once(POST), pigeon(), recorder=disk)

        assert response.json() == {"id": "msg-9"}

    async def test_an_error_of_the_account_leaves_nothing_in_the_record(self):
        disk = Disk()

        with pytest.raises(SendError):
            await Driver(Wire(refused(401))).run(once(POST), pigeon(), recorder=disk)

        assert disk.lines == []

    async def test_an_unknown_outcome_stays_open_until_somebody_allows_a_repeat(self):
        disk = Disk()
        unknown = SendError("outcome_unknown")
        with pytest.raises(SendError):
            await Driver(Wire(unknown)).run(once(POST), pigeon(), recorder=disk)
        with pytest.raises(SendError, match="under way"):
            await Driver(Wire()).run(once(POST), pigeon(), recorder=disk)

        response = await Driver(Wire(ok())).run(once(POST), pigeon(), recorder=disk, may_repeat=True)

        assert response.ok

    async def test_a_failure_that_the_flow_answered_is_raised_again_on_replay(self):
        def reply_or_push() -> Flow[str]:
            try:
                yield POST
            except SendError:
                pushed = yield UPLOAD
                return str(pushed.json()["id"])
            return "replied"

        disk = Disk()
        await Driver(Wire(refused(400), ok(id="p-1"))).run(reply_or_push(), pigeon(), recorder=disk)

        result = await Driver(Wire()).run(reply_or_push(), pigeon(), recorder=disk)

        assert result == "p-1"

    async def test_a_record_holds_no_credential(self):
        disk = Disk()
        answer = refused(200, **{"set-cookie": "session=topsecret"})

        await Driver(Wire(answer)).run(once(POST), pigeon(), recorder=disk)

        assert b"topsecret" not in b"".join(disk.lines)
        assert b"static" not in b"".join(disk.lines)


def test_a_request_that_may_be_repeated_is_made_without_a_note():
    assert next_move([], 0, "m", repeatable=True) == "make"
    assert next_move([], 0, "m", repeatable=False) == "note"


@pytest.mark.parametrize(
    "other",
    [
        HttpRequest.post_json(f"{BASE}/messages", {"text": "Hello!"}),
        HttpRequest.post_json(f"{BASE}/messages?x=1", {"text": "Hello"}),
        msgspec.structs.replace(POST, method="PUT"),
    ],
)
def test_another_method_url_or_body_has_another_mark(other: HttpRequest):
    assert mark_of(other) != mark_of(POST)
    assert mark_of(POST.with_headers(authorization="x")) == mark_of(POST)
