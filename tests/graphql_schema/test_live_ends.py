"""What an app is told when it must wait, when its connection ends, and when something of ours is broken."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from litestar.testing import TestClient

from backend.changes.errors import TokenOver
from backend.tenancy.errors import NoDutyHere
from foundation.clock_watch import ClockOff
from foundation.errors import Refusal
from foundation.identity.challenges import (
    IdentityUnavailable,
    SessionEnded,
    StepUpRequired,
    TokenExpired,
)
from foundation.limits.refusals import LimitsUnavailable, TooManyRequests
from graphql_schema.errors import INTERNAL
from graphql_schema.live import operations
from graphql_schema.live.ends import ConnectAgain
from graphql_schema.live.operations import LiveOperations
from tests.graphql_schema.live_client import Socket, Stream
from tests.graphql_schema.test_live import QUERY, Live, live_of, subscribe, until

SECRET = "secret of the database"
SPREAD = operations.SPREAD_SECONDS
COMPLETE = "event: complete\ndata:\n\n"
MUST_WAIT = [TooManyRequests("person", 7, new=False), LimitsUnavailable(2), ClockOff()]
OVER = [SessionEnded(), TokenExpired(), NoDutyHere()]
NOT_ASKED = [IdentityUnavailable(), ClockOff(), LimitsUnavailable(2), ConnectAgain(), RuntimeError(SECRET)]


@pytest.fixture
def live() -> Live:
    return live_of()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked again at once, and closed without a pause."""
    monkeypatch.setattr(operations, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(operations, "SPREAD_SECONDS", 0.0)


def raising(error: Exception) -> Callable[..., Any]:
    """Whatever is asked, this is the answer."""

    async def refuse(*_: object) -> None:
        raise error

    return refuse


def name_of(error: Exception) -> str:
    return type(error).__name__


def errors_of(chunk: str) -> list[dict[str, Any]]:
    """Those of an event that has nothing else."""
    event, data = chunk.removesuffix("\n\n").split("\n")
    body: dict[str, Any] = orjson.loads(data.removeprefix("data: "))
    assert (event, list(body)) == ("event: next", ["errors"])
    errors: list[dict[str, Any]] = body["errors"]
    return errors


@pytest.mark.parametrize(
    "refusal", [*MUST_WAIT, IdentityUnavailable(), StepUpRequired("aal2", 900)], ids=name_of
)
@pytest.mark.parametrize("door", ["before_reading", "authenticate"])
async def test_stream_that_is_not_let_in_is_answered_as_a_request_is(
    live: Live, monkeypatch: pytest.MonkeyPatch, refusal: Refusal, door: str
) -> None:
    monkeypatch.setattr(live.gateway, door, raising(refusal))
    headers = {"authorization": "DPoP lan", "dpop": "proof"}
    wanted = TestClient(live.app).post(
        "/graphql", json={"query": "{ viewer { __typename } }"}, headers=headers
    )
    async with Stream(live.app, {"query": QUERY}) as stream:
        status, shown = await stream.start()
        body = await stream.chunk()
    assert (status, orjson.loads(body), shown) == (wanted.status_code, wanted.json(), dict(wanted.headers))


async def test_stream_that_must_wait_is_told_how_long(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live.gateway, "before_reading", raising(TooManyRequests("person", 7, new=False)))
    async with Stream(live.app, {"query": QUERY}) as stream:
        status, shown = await stream.start()
        extensions = orjson.loads(await stream.chunk())["errors"][0]["extensions"]
    assert (status, shown["retry-after"]) == (429, "7")
    assert (extensions["code"], extensions["retryAfterSeconds"]) == ("limits.too_many", 7)


@pytest.mark.parametrize("refusal", [*MUST_WAIT, IdentityUnavailable()], ids=name_of)
async def test_socket_that_must_wait_is_not_sent_to_sign_in(
    live: Live, monkeypatch: pytest.MonkeyPatch, refusal: Refusal
) -> None:
    monkeypatch.setattr(live.gateway, "before_reading", raising(refusal))
    async with Socket(live.app) as socket:
        socket.say({"type": "connection_init", "payload": {"authorization": "DPoP lan", "dpop": "proof"}})
        assert await socket.hear() == {"type": "closed", "code": 4429, "reason": refusal.code}


def full(*_: object) -> None:
    """No subscription more for now."""
    raise TooManyRequests("person", 7, new=False)


async def test_subscription_that_must_wait_is_told_how_long(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live.gateway, "limited", full)
    async with Socket(live.app) as socket, Stream(live.app, {"query": QUERY}) as stream:
        await socket.let_in("DPoP lan")
        socket.say(subscribe())
        message = await socket.hear()
        await stream.start()
        errors = errors_of(await stream.chunk())
    assert message["type"] == "error"
    for told in (message["payload"], errors):
        assert [error["extensions"]["retryAfterSeconds"] for error in told] == [7]


async def test_subscription_that_nobody_can_judge_now_leaves_the_socket_open(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live.gateway, "again", raising(IdentityUnavailable()))
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        socket.say(subscribe())
        message = await socket.hear()
        socket.say({"type": "ping"})
        after = await socket.hear()
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "identity.unavailable")
    assert after["type"] == "pong"


@pytest.mark.parametrize("end", OVER, ids=name_of)
async def test_whoever_may_no_longer_is_told_why(live: Live, end: Refusal) -> None:
    async with Socket(live.app) as socket, Stream(live.app, {"query": QUERY}) as stream:
        await stream.start()
        await socket.let_in("DPoP lan")
        live.gateway.staying = end
        assert await socket.hear() == {"type": "closed", "code": 4401, "reason": end.code}
        errors = errors_of(await stream.chunk())
        assert await stream.chunk() == COMPLETE
    assert [error["extensions"]["code"] for error in errors] == [end.code]


@pytest.mark.parametrize("fault", NOT_ASKED, ids=name_of)
@pytest.mark.parametrize("following", [True, False])
async def test_whom_nobody_can_ask_about_connects_again_and_does_not_sign_in(
    live: Live, fault: Exception, following: bool
) -> None:
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        if following:
            socket.say(subscribe())
            await until(lambda: live.feed.followers == 1)
        live.gateway.staying = fault
        assert await socket.hear() == {"type": "closed", "code": 1012, "reason": "restart"}
    assert live.feed.followers == 0


@pytest.mark.parametrize("fault", NOT_ASKED, ids=name_of)
async def test_stream_that_nobody_can_ask_about_completes_without_an_error(
    live: Live, fault: Exception
) -> None:
    async with Stream(live.app, {"query": QUERY}) as stream:
        await stream.start()
        live.gateway.staying = fault
        assert await stream.chunk() == COMPLETE
    assert live.feed.followers == 0


async def test_answer_that_does_not_come_in_time_is_no_end_of_the_session(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(operations, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(live.gateway, "stays", silent)
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        assert await socket.hear() == {"type": "closed", "code": 1012, "reason": "restart"}


@pytest.mark.parametrize("over", ["socket", "stream"])
async def test_nothing_is_delivered_while_the_close_waits_its_turn(
    live: Live, monkeypatch: pytest.MonkeyPatch, over: str
) -> None:
    """The feed is let go at once; the client, who hears nothing yet, may leave."""
    monkeypatch.setattr(LiveOperations, "pause", lambda _: 3_600.0)
    async with Socket(live.app) if over == "socket" else Stream(live.app, {"query": QUERY}) as client:
        if isinstance(client, Socket):
            await client.let_in("DPoP lan")
            client.say(subscribe())
        await until(lambda: live.feed.followers == 1)
        live.gateway.staying = ConnectAgain()
        await until(lambda: live.feed.followers == 0)
        assert not client.task.done()


async def test_a_real_end_does_not_wait_its_turn(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LiveOperations, "pause", lambda _: 3_600.0)
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        live.gateway.staying = SessionEnded()
        assert (await socket.hear())["code"] == 4401


async def test_idle_socket_whose_token_ran_out_is_told_to_refresh(live: Live) -> None:
    live.feed.why = TokenOver
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        live.feed.over.set()
        assert await socket.hear() == {"type": "closed", "code": 4401, "reason": "identity.token_expired"}


@pytest.mark.parametrize("fault", [RuntimeError(SECRET), TimeoutError(SECRET)], ids=name_of)
async def test_stream_that_fails_says_so_before_it_completes(live: Live, fault: Exception) -> None:
    """A bare `complete` means: connect again. What always fails would be begun for ever."""
    async with Stream(live.app, {"query": QUERY}) as stream:
        await stream.start()
        live.feed.coming.put_nowait(fault)
        said = await stream.chunk()
        assert await stream.chunk() == COMPLETE
    assert [error["extensions"]["code"] for error in errors_of(said)] == [INTERNAL]
    assert SECRET not in said


def test_closes_are_spread_within_what_a_client_waits_for() -> None:
    assert 0 < SPREAD <= 5.0
