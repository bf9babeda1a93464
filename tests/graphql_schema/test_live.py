"""Subscriptions over WebSocket and server-sent events, with a feed of the test's own."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from litestar import Litestar

from backend.changes.errors import SessionOver, TokenOver, TooSlow
from backend.changes.types import Change, ChangePage, ChangePosition
from foundation.clock import FrozenClock
from foundation.cursors import Cursors
from foundation.errors import InvalidInput
from foundation.identity.challenges import SessionEnded
from foundation.ids import GlobalIds
from graphql_schema.context import Codecs
from graphql_schema.execution.documents import Documents, read_folder
from graphql_schema.http import GraphQLEndpoint
from graphql_schema.limits import Limits
from graphql_schema.live import operations, sse, websocket
from graphql_schema.live.endpoint import LiveEndpoint
from graphql_schema.live.operations import LiveOperations
from graphql_schema.live.selections import compiled
from graphql_schema.schema import build
from tests.graphql_schema.conftest import KEY, OPERATIONS
from tests.graphql_schema.fakes import NOW, Fake, FakeGateway, every, standard_answers
from tests.graphql_schema.live_client import Socket, Stream

SCHEMA = build()
QUERY = "subscription { changes { cursor kind subjectId version } }"


def change(number: int, at: datetime = NOW) -> Change:
    """The change number so-and-so of one report."""
    return Change(
        ChangePosition(number, UUID(int=number)), "report.accepted", "report:" + "0" * 16, number, at
    )


@dataclass
class FakeFeed:
    """Gives what the test puts in; an exception is raised where it stands."""

    coming: asyncio.Queue[Change | Exception] = field(default_factory=asyncio.Queue)
    after: list[ChangePosition | None] = field(default_factory=list)
    followers: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    why: type[SessionOver] = SessionOver
    moving: asyncio.Event = field(default_factory=asyncio.Event)

    async def ended(self, principal: Any) -> type[SessionOver]:
        await self.over.wait()
        return self.why

    async def moved(self) -> None:
        await self.moving.wait()

    async def since(self, principal: Any, after: ChangePosition | None, first: int) -> ChangePage:
        self.after.append(after)
        return ChangePage((change(7),), ChangePosition(7, UUID(int=7)), has_more=False)

    async def follow(self, principal: Any, after: ChangePosition | None) -> AsyncGenerator[Change, None]:
        self.after.append(after)
        self.followers += 1
        try:
            while True:
                item = await self.coming.get()
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.followers -= 1


@dataclass
class Live:
    """The routes and what they stand on."""

    app: Litestar
    feed: FakeFeed
    gateway: FakeGateway
    codecs: Codecs


@pytest.fixture
def live() -> Live:
    return live_of()


def live_of() -> Live:
    """The routes with doubles behind them."""
    feed, gateway, clock, limits = FakeFeed(), FakeGateway(), FrozenClock(NOW), Limits()
    fake = Fake(answers=standard_answers())
    services = every(fake, feed=feed)
    codecs = Codecs(global_ids=GlobalIds(KEY), cursors=Cursors(KEY, 1, clock))
    documents = Documents(SCHEMA._schema, trusted=read_folder(OPERATIONS), only_trusted=False, limits=limits)
    common: dict[str, Any] = {
        "schema": SCHEMA,
        "documents": documents,
        "services": services,
        "codecs": codecs,
        "gateway": gateway,
        "limits": limits,
    }
    endpoint = LiveEndpoint(LiveOperations(**common), limits, lambda: "request-1")
    graphql = GraphQLEndpoint(**common, new_request_id=lambda: "request-1", websocket=endpoint.websocket)
    app = Litestar([graphql.handler(), endpoint.handler()], openapi_config=None, logging_config=None)
    return Live(app, feed, gateway, codecs)


def subscribe(name: str = "1", query: str = QUERY, **variables: Any) -> dict[str, Any]:
    """A `subscribe` message."""
    return {"id": name, "type": "subscribe", "payload": {"query": query, "variables": variables}}


async def until(holds: Any) -> None:
    """Wait for a condition, or time out."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


async def test_change_arrives_over_websocket(live: Live) -> None:
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        socket.say(subscribe())
        live.feed.coming.put_nowait(change(1))
        message = await socket.hear()
    assert (message["type"], message["payload"]["data"]["changes"]["version"]) == ("next", 1)


async def test_proof_is_checked_for_get_on_graphql(live: Live) -> None:
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
    parts = live.gateway.seen[0]
    assert (parts.method, parts.path, parts.dpop) == ("GET", "/graphql", ("proof",))


async def test_cursor_of_a_change_resumes_there(live: Live) -> None:
    document = "subscription($after: String) { changes(after: $after) { cursor } }"
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        socket.say(subscribe(query=document))
        live.feed.coming.put_nowait(change(5))
        cursor = (await socket.hear())["payload"]["data"]["changes"]["cursor"]
        socket.say(subscribe("2", document, after=cursor))
        await until(lambda: len(live.feed.after) == 2)
    assert live.feed.after[1] == ChangePosition(5, UUID(int=5))


async def test_cursor_of_another_person_is_refused(live: Live) -> None:
    cursor = live.codecs.cursors.of_change("changes", ("other", "person"), (1, UUID(int=1)))
    document = "subscription($after: String) { changes(after: $after) { cursor } }"
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        socket.say(subscribe(query=document, after=cursor))
        message = await socket.hear()
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", InvalidInput.code)


async def test_bad_token_closes_with_4401(live: Live) -> None:
    async with Socket(live.app) as socket:
        socket.say({"type": "connection_init", "payload": {"authorization": "DPoP bad", "dpop": "x"}})
        closed = await socket.hear()
    assert closed == {"type": "closed", "code": 4401, "reason": "identity.token_expired"}


async def test_no_token_closes_with_4401(live: Live) -> None:
    async with Socket(live.app) as socket:
        socket.say({"type": "connection_init"})
        closed = await socket.hear()
    assert (closed["code"], closed["reason"]) == (4401, "identity.unauthenticated")


async def test_subscribing_before_connection_init_closes_with_4401(live: Live) -> None:
    async with Socket(live.app) as socket:
        socket.say(subscribe())
        assert (await socket.hear())["code"] == 4401


async def test_silence_before_connection_init_closes_with_4408(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "INIT_SECONDS", 0.05)
    async with Socket(live.app) as socket:
        assert (await socket.hear())["code"] == 4408


async def test_other_protocol_is_refused(live: Live) -> None:
    async with Socket(live.app, protocols=("graphql-ws",)) as socket:
        assert (await socket.hear())["code"] == 4406


@pytest.mark.parametrize(
    ("why", "code", "reason"),
    [
        (SessionOver(), 4401, "identity.session_ended"),
        (TokenOver(), 4401, "identity.token_expired"),
        (TooSlow(), 4430, "changes.too_slow"),
    ],
    ids=["session ended", "token ran out", "too slow"],
)
async def test_end_of_the_feed_closes_the_socket(live: Live, why: Exception, code: int, reason: str) -> None:
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        socket.say(subscribe())
        live.feed.coming.put_nowait(why)
        assert await socket.hear() == {"type": "closed", "code": code, "reason": reason}


async def test_fault_is_masked(live: Live) -> None:
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        socket.say(subscribe())
        live.feed.coming.put_nowait(RuntimeError("secret of the database"))
        message = await socket.hear()
    assert (message["type"], "secret" in orjson.dumps(message).decode()) == ("error", False)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ viewer { __typename } }", "graphql.subscriptions_only"),
        ("mutation { acceptReport(input: $i) { __typename } }", "graphql.validation"),
        ("subscription { nothing }", "graphql.validation"),
        ("subscription {", "graphql.syntax"),
        ("subscription { a: changes { cursor } b: changes { cursor } }", "graphql.validation"),
    ],
)  # fmt: skip
async def test_what_is_no_subscription_is_refused(live: Live, query: str, code: str) -> None:
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        socket.say(subscribe(query=query))
        message = await socket.hear()
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", code)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not json", 4400),
        ("[" * 100_000, 4400),
        ({"type": "unknown"}, 4400),
        ({"type": "subscribe", "id": "1"}, 4400),
        ({"type": "subscribe", "id": "", "payload": {}}, 4400),
        ({"type": "subscribe", "id": "x" * 200, "payload": {}}, 4400),
        ({"type": "subscribe", "id": "1", "payload": {"query": 1}}, 4400),
        ({"type": "connection_init"}, 4429),
    ],
)
async def test_bad_message_closes(live: Live, message: object, code: int) -> None:
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        socket.say(message)
        assert (await socket.hear())["code"] == code


async def test_second_subscription_of_one_id_closes_with_4409(live: Live) -> None:
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        socket.say(subscribe())
        socket.say(subscribe())
        assert (await socket.hear())["code"] == 4409


async def test_complete_ends_the_subscription_alone(live: Live) -> None:
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        socket.say(subscribe())
        await until(lambda: live.feed.followers == 1)
        socket.say({"type": "complete", "id": "1"})
        await until(lambda: live.feed.followers == 0)
        socket.say({"type": "ping"})
        assert (await socket.hear())["type"] == "pong"


async def test_leaving_ends_every_subscription(live: Live) -> None:
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        socket.say(subscribe("1"))
        socket.say(subscribe("2"))
        await until(lambda: live.feed.followers == 2)
    assert live.feed.followers == 0


async def test_client_that_answers_no_ping_is_closed(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "PING_SECONDS", 0.05)
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        assert (await socket.hear())["type"] == "ping"
        assert (await socket.hear())["code"] == 4408


async def test_eleventh_subscription_of_a_person_is_refused(live: Live) -> None:
    async with Socket(live.app) as first, Socket(live.app) as second:
        await first.let_in("DPoP lan")
        await second.let_in("DPoP lan")
        for number in range(operations.MAX_OF_PERSON):
            first.say(subscribe(str(number)))
        await until(lambda: live.feed.followers == operations.MAX_OF_PERSON)
        second.say(subscribe())
        message = await second.hear()
    assert message["payload"][0]["extensions"]["code"] == "limits.too_many_following"


async def test_subscription_over_post_graphql_is_refused(live: Live) -> None:
    from litestar.testing import TestClient

    answer = TestClient(live.app).post(
        "/graphql", json={"query": QUERY}, headers={"authorization": "DPoP lan", "dpop": "proof"}
    )
    assert answer.json()["errors"][0]["extensions"]["code"] == "graphql.subscription"


async def test_change_arrives_over_server_sent_events(live: Live) -> None:
    async with Stream(live.app, {"query": QUERY}) as stream:
        live.feed.coming.put_nowait(change(3))
        status, headers = await stream.start()
        event = await stream.chunk()
    assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert event.startswith('event: next\ndata: {"data":{"changes":{"cursor":')


async def test_stream_says_why_it_ends(live: Live) -> None:
    async with Stream(live.app, {"query": QUERY}) as stream:
        await stream.start()
        live.feed.coming.put_nowait(SessionOver())
        said = [await stream.chunk(), await stream.chunk()]
    assert ("identity.session_ended" in said[0], said[1]) == (True, "event: complete\ndata:\n\n")


async def test_stream_of_somebody_who_may_no_longer_ends(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "WATCH_SECONDS", 0.05)
    async with Stream(live.app, {"query": QUERY}) as stream:
        await stream.start()
        live.gateway.staying = SessionEnded()
        said = [await stream.chunk(), await stream.chunk()]
    assert ("identity.session_ended" in said[0], said[1]) == (True, "event: complete\ndata:\n\n")


async def test_leaving_the_stream_ends_the_subscription(live: Live) -> None:
    async with Stream(live.app, {"query": QUERY}) as stream:
        await stream.start()
        await until(lambda: live.feed.followers == 1)
    assert live.feed.followers == 0


async def test_quiet_stream_shows_that_it_lives(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.05)
    async with Stream(live.app, {"query": QUERY}) as stream:
        await stream.start()
        assert await stream.chunk() == ":\n\n"


async def test_stream_without_token_is_refused_with_a_challenge(live: Live) -> None:
    async with Stream(live.app, {"query": QUERY}, authorization=None) as stream:
        status, headers = await stream.start()
    assert (status, headers["www-authenticate"].split()[0]) == (401, "DPoP")


async def test_stream_of_what_is_no_request_is_a_recorded_refusal(live: Live) -> None:
    async with Stream(live.app, [{"query": QUERY}]) as stream:
        status, _ = await stream.start()
    assert (status, live.gateway.codes) == (422, ["graphql.batching"])


async def test_refused_subscriptions_are_recorded(live: Live) -> None:
    async with Socket(live.app) as socket:
        await socket.let_in("DPoP lan")
        for number in range(operations.MAX_OF_PERSON + 1):
            socket.say(subscribe(str(number)))
        await socket.hear()
    assert live.gateway.codes == ["limits.too_many_following"]


async def test_stream_of_a_query_is_refused(live: Live) -> None:
    async with Stream(live.app, {"query": "{ viewer { __typename } }"}) as stream:
        status, _ = await stream.start()
        body = await stream.chunk()
    assert (status, "graphql.subscriptions_only" in body) == (400, True)


async def test_changes_since_answers_with_cursors(live: Live) -> None:
    from litestar.testing import TestClient

    document = (OPERATIONS / "ChangesSince.graphql").read_text(encoding="utf-8")
    answer = TestClient(live.app).post(
        "/graphql", json={"query": document}, headers={"authorization": "DPoP minh", "dpop": "proof"}
    )
    found = answer.json()["data"]["changesSince"]
    assert (found["changes"][0]["kind"], found["changes"][0]["cursor"] == found["endCursor"]) == (
        "report.accepted",
        True,
    )


PLAIN = "subscription { changes { cursor kind subjectId version at } }"


@pytest.mark.parametrize(
    ("document", "plain"),
    [
        (PLAIN, True),
        ("subscription { c: changes { v: version __typename } }", True),
        ("subscription { changes { ...F } } fragment F on Change { kind }", False),
        ("subscription { changes { kind @include(if: true) } }", False),
        ("subscription { changes { kind kind } }", False),
    ],
)
def test_only_plain_selections_are_compiled(document: str, plain: bool) -> None:
    found = Documents(SCHEMA._schema, trusted=[], only_trusted=False, limits=Limits()).find(document, None)
    assert (compiled(SCHEMA._schema, found) is not None) is plain


@pytest.mark.parametrize(
    "selection",
    ["cursor kind subjectId version at", "v: version __typename", "k: kind a: at at kind", "subjectId"],
)
async def test_compiled_selection_answers_as_the_executor_does(
    live: Live, selection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def heard() -> bytes:
        async with Socket(live.app) as socket:
            await socket.let_in("DPoP lan")
            socket.say(subscribe(query="subscription { changes { " + selection + " } }"))
            live.feed.coming.put_nowait(change(9))
            return orjson.dumps(await socket.hear())

    fast = await heard()
    monkeypatch.setattr(operations, "compiled", lambda *_: None)
    assert await heard() == fast
