"""Sockets that were let in once: what they may when session, token or duty are over, and what they cost."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from foundation.ids import new_uuid
from foundation.settings import LimitsSettings, Rate
from graphql_schema.live import operations
from security_tests.attacks.flood import Api, count, document, good, serving, superuser
from stack.postgres import PostgresCluster
from tests.conftest import Database
from tests.graphql_schema.live_client import Socket
from tests.identity import world

PEER = "203.0.113.7"
PERMITS = 30
LIMITS = LimitsSettings(person=Rate(amount=PERMITS, seconds=86_400))
SUBMISSION = {
    "category": "street_light",
    "ward": "00070",
    "place": "Phố Hàng Bài",
    "body": "Đèn đường tắt.",
    "idempotencyKey": "a" * 32,
}


@pytest.fixture
def database(backend_cluster: PostgresCluster, seeded_template: str) -> Iterator[Database]:
    """A seeded database in which officer Minh is of the tests' realm."""
    backend_cluster.clone(seeded_template, "followed")
    database = Database(backend_cluster, "followed")
    with superuser(database) as connection:
        connection.execute(
            "UPDATE tenancy.official SET issuer = %s, subject = %s WHERE subject LIKE '%%1'",
            (world.OFFICIALS, world.official_claims()["sub"]),
        )
    yield database
    backend_cluster.drop("followed")


@pytest.fixture
async def api(database: Database, tmp_path: Path) -> AsyncIterator[Api]:
    """One api whose hub runs. It asks Keycloak each time."""
    identity = world.settings(tmp_path, introspection_seconds=0)
    async with serving(database, tmp_path, LIMITS, identity=identity) as api:
        await api.parts.feed.open()
        hub = asyncio.create_task(api.parts.hub.run())
        yield api
        hub.cancel()
        await asyncio.gather(hub, return_exceptions=True)
        await api.parts.feed.close()


def of_socket(token: str) -> dict[str, str]:
    """Credentials of a WebSocket."""
    now = int(time.time())
    return {
        "authorization": f"DPoP {token}",
        "dpop": world.proof(token, htm="GET", iat=now, jti=str(new_uuid())),
    }


def token_of_citizen(seconds: int = 300) -> str:
    now = int(time.time())
    times = {"iat": now, "exp": now + seconds, "auth_time": now}
    return world.citizen_token(
        sub="lan", sid="session-of-lan", cnf={"jkt": world.DEVICE.thumbprint()}, **times
    )


def token_of_official() -> str:
    now = int(time.time())
    return world.official_token(iat=now, exp=now + 300, auth_time=now)


@asynccontextmanager
async def let_in(api: Api, token: str) -> AsyncIterator[Socket]:
    """A socket of somebody who may come in."""
    async with Socket(api.app) as socket:
        socket.say({"type": "connection_init", "payload": of_socket(token)})
        assert (await socket.hear())["type"] == "connection_ack"
        yield socket


def subscribe(name: str = "1", operation: str = "Changes", **variables: Any) -> dict[str, Any]:
    payload = {"documentId": document(operation), "variables": variables}
    return {"id": name, "type": "subscribe", "payload": payload}


async def cursor_before_a_report(api: Api) -> str:
    """A citizen's cursor, and one change after it."""
    answer = await api.post(PEER, good(), documentId=document("ChangesSince"))
    cursor: str = answer.json()["data"]["changesSince"]["endCursor"]
    await api.post(PEER, good(), documentId=document("SubmitReport"), variables={"input": SUBMISSION})
    return cursor


def end_session(database: Database, sid: str) -> None:
    """As the directory notes it."""
    with superuser(database) as connection:
        connection.execute(
            "INSERT INTO identity.session_end (event_id, iss, sid, ended_at, cause)"
            " VALUES (%s, %s, %s, now(), 'logout')",
            (sid, world.CITIZENS, sid),
        )


def end_duties(database: Database) -> None:
    """Yesterday was the last day of everybody's duty."""
    with superuser(database) as connection:
        connection.execute("UPDATE tenancy.duty SET until_day = greatest(from_day, current_date - 2)")


async def test_socket_whose_session_ended_reads_nothing_by_a_later_subscription(
    api: Api, database: Database
) -> None:
    cursor = await cursor_before_a_report(api)
    async with let_in(api, token_of_citizen()) as socket:
        end_session(database, "session-of-lan")
        socket.say(subscribe(after=cursor))
        heard = await socket.hear()
    assert heard == {"type": "closed", "code": 4401, "reason": "identity.session_ended"}


async def test_socket_whose_token_ran_out_is_closed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "WATCH_SECONDS", 0.1)
    async with let_in(api, token_of_citizen(seconds=1)) as socket:
        heard = await socket.hear()
    assert heard == {"type": "closed", "code": 4401, "reason": "identity.token_expired"}


async def test_socket_of_an_official_whose_duty_ended_is_closed(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "WATCH_SECONDS", 0.1)
    monkeypatch.setattr(operations, "SPREAD_SECONDS", 0.0)
    async with let_in(api, token_of_official()) as socket:
        socket.say(subscribe())
        end_duties(database)
        heard = await socket.hear()
    # The session lives: a new connection has what duties are left.
    assert heard == {"type": "closed", "code": 1012, "reason": "restart"}


async def test_socket_of_an_official_whom_keycloak_does_not_know_any_more_is_closed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "WATCH_SECONDS", 0.1)
    async with let_in(api, token_of_official()) as socket:
        socket.say(subscribe())
        api.keycloak.active = False
        heard = await socket.hear()
    assert heard == {"type": "closed", "code": 4401, "reason": "identity.session_ended"}


async def test_refused_subscriptions_end_at_the_persons_limit(api: Api, database: Database) -> None:
    before = count(database, "audit.event")
    async with let_in(api, token_of_citizen()) as socket:
        for number in range(3 * PERMITS):
            socket.say(subscribe(str(number), "Viewer"))
            await socket.hear()
    assert count(database, "audit.event") - before <= PERMITS + 1


async def test_subscriptions_begun_at_once_on_a_socket_are_few(api: Api) -> None:
    async with let_in(api, token_of_citizen()) as socket:
        for number in range(1_000):
            socket.say(subscribe(str(number)))
        heard = await socket.hear()
    assert heard == {"type": "closed", "code": 4429, "reason": "subscriptions"}
