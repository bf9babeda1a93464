"""Following events: late ones, equal milliseconds, full pages, restarts, and far ends that are away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from directory.endings import USER_TYPES
from directory.events import Follower
from foundation.clock import FrozenClock
from foundation.identity.client_assertion import ClientAssertion
from foundation.identity.client_token import ClientToken
from foundation.identity.keycloak_events import PAGE, EventSource, TooManyEvents
from tests.conftest import Database
from tests.identity import world
from tests.identity.test_revocation import pool_of

NOW = int(world.NOW.timestamp() * 1000)


class Keycloak:
    """The events of one realm, as its administration interface answers."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.refuse_with: int | None = None
        self.tokens = 0
        self.read: list[tuple[int, int]] = []

    def logout(self, name: str, milliseconds_ago: int = 0) -> None:
        event = {"id": name, "time": NOW - milliseconds_ago, "type": "LOGOUT", "sessionId": f"of-{name}"}
        self.events.append(event)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            self.tokens += 1
            return httpx.Response(200, json={"access_token": "t", "expires_in": 60})
        if self.refuse_with is not None:
            return httpx.Response(self.refuse_with)
        since, until = int(request.url.params["dateFrom"]), int(request.url.params["dateTo"])
        self.read.append((since, until))
        found = [event for event in self.events if since <= event["time"] <= until]
        return httpx.Response(200, json=found[: int(request.url.params["max"])])


@pytest.fixture
def keycloak() -> Keycloak:
    return Keycloak()


@pytest.fixture
def source(keycloak: Keycloak, tmp_path: Path) -> EventSource:
    place = {"keycloak_url": "https://keycloak.test", "realm": "hanoi-ioc"}
    http = httpx.AsyncClient(transport=httpx.MockTransport(keycloak.answer))
    assertion = ClientAssertion(world.settings(tmp_path).introspection)
    token = ClientToken(**place, assertion=assertion, http=http, clock=FrozenClock(world.NOW))
    return EventSource(**place, user_types=USER_TYPES, token=token, http=http)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await pool_of(database.settings("backend_directory"))
    yield pool
    await pool.close()


@pytest.fixture
def follower(source: EventSource, pool: asyncpg.Pool) -> Follower:
    return Follower("user", source, pool, FrozenClock(world.NOW))


@pytest.fixture
async def noted(database: Database) -> AsyncIterator[Callable[[], Any]]:
    """The sessions whose end is noted, in order of their names."""
    owner = await pool_of(database.settings(database.superuser))

    async def sessions() -> list[str]:
        rows = await owner.fetch("SELECT sid FROM identity.session_end ORDER BY sid")
        return [row["sid"] for row in rows]

    yield sessions
    await owner.close()


async def test_end_is_noted(follower: Follower, keycloak: Keycloak, noted: Callable[[], Any]) -> None:
    keycloak.logout("a")
    await follower.step()
    assert await noted() == ["of-a"]


async def test_known_event_is_not_noted_again(follower: Follower, keycloak: Keycloak) -> None:
    keycloak.logout("a")
    counts = [await follower.step(), await follower.step()]
    assert counts == [1, 0]


async def test_event_that_becomes_visible_late_is_noted(
    follower: Follower, keycloak: Keycloak, noted: Callable[[], Any]
) -> None:
    keycloak.logout("new")
    await follower.step()
    keycloak.logout("late", milliseconds_ago=50)
    await follower.step()
    assert await noted() == ["of-late", "of-new"]


async def test_another_event_of_the_same_millisecond_is_noted(
    follower: Follower, keycloak: Keycloak, noted: Callable[[], Any]
) -> None:
    keycloak.logout("a")
    await follower.step()
    keycloak.logout("b")
    await follower.step()
    assert await noted() == ["of-a", "of-b"]


async def test_first_reading_goes_back_as_far_as_a_session_can_live(
    follower: Follower, keycloak: Keycloak
) -> None:
    await follower.step()
    assert keycloak.read[0][0] == NOW - 10 * 3600 * 1000


async def test_reading_goes_on_after_a_restart_a_minute_before_the_newest(
    follower: Follower, keycloak: Keycloak, source: EventSource, pool: asyncpg.Pool
) -> None:
    keycloak.logout("a", milliseconds_ago=5000)
    await follower.step()
    later = FrozenClock(world.NOW + timedelta(hours=2))
    await Follower("user", source, pool, later).step()
    assert keycloak.read[-1][0] == NOW - 5000 - 60_000


async def test_restart_notes_nothing_twice(
    follower: Follower, keycloak: Keycloak, source: EventSource, pool: asyncpg.Pool, noted: Callable[[], Any]
) -> None:
    keycloak.logout("a")
    await follower.step()
    await Follower("user", source, pool, FrozenClock(world.NOW)).step()
    assert await noted() == ["of-a"]


async def test_cursor_stays_when_an_end_can_not_be_noted(
    follower: Follower, keycloak: Keycloak, database: Database, noted: Callable[[], Any]
) -> None:
    owner = await pool_of(database.settings(database.superuser))
    keycloak.logout("a")
    await owner.execute("ALTER TABLE identity.session_end RENAME TO session_end_away")
    with pytest.raises(asyncpg.PostgresError):
        await follower.step()
    await owner.execute("ALTER TABLE identity.session_end_away RENAME TO session_end")
    await owner.close()
    await follower.step()
    assert await noted() == ["of-a"]


async def test_full_pages_are_read_in_halves(source: EventSource, keycloak: Keycloak) -> None:
    for number in range(2 * PAGE + 1):
        keycloak.logout(f"e{number}", milliseconds_ago=number)
    found = await source.user_events(NOW - 10_000, NOW)
    assert sorted(event["id"] for event in found) == sorted(event["id"] for event in keycloak.events)


async def test_page_full_of_one_millisecond_is_read_whole(source: EventSource, keycloak: Keycloak) -> None:
    for number in range(PAGE + 1):
        keycloak.logout(f"e{number}")
    assert len(await source.user_events(NOW - 10_000, NOW)) == PAGE + 1


async def test_more_events_of_one_millisecond_than_can_be_read_are_a_fault(
    source: EventSource, keycloak: Keycloak, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foundation.identity.keycloak_events.MOST_AT_ONCE", PAGE)
    for number in range(PAGE):
        keycloak.logout(f"e{number}")
    with pytest.raises(TooManyEvents):
        await source.user_events(NOW, NOW)


async def test_one_token_serves_many_readings(follower: Follower, keycloak: Keycloak) -> None:
    await follower.step()
    await follower.step()
    assert keycloak.tokens == 1


async def test_refused_token_is_replaced(follower: Follower, keycloak: Keycloak) -> None:
    keycloak.refuse_with = 401
    with pytest.raises(httpx.HTTPStatusError):
        await follower.step()
    keycloak.refuse_with = None
    await follower.step()
    assert keycloak.tokens == 2


async def test_follower_survives_keycloak_being_away(
    follower: Follower, keycloak: Keycloak, noted: Callable[[], Any]
) -> None:
    keycloak.refuse_with = 503
    keycloak.logout("a")
    following = asyncio.create_task(follower.follow(0.01))
    await asyncio.sleep(0.1)
    keycloak.refuse_with = None
    for _ in range(1200):
        if await noted():
            break
        await asyncio.sleep(0.05)
    following.cancel()
    assert await noted() == ["of-a"]
