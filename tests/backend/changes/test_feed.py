"""The change feed: nothing lost, nothing of others, in strictly rising order, live and by cursor."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from backend.changes.errors import SessionOver, TooSlow
from backend.changes.hub import QUEUE, Hub, Subscriber, Subscription
from backend.changes.queries import ChangeQueries
from backend.changes.reader import ChangeReader
from backend.changes.service import FeedService
from backend.changes.types import LAST_UUID, Change, ChangePosition
from foundation.clock import FrozenClock, SystemClock
from foundation.database.database import Database as FeedDatabase
from foundation.errors import Forbidden, InvalidInput
from foundation.policy.engine import PolicyEngine
from tests.backend.world import CONSTRUCTION, POLICIES, SOC_SON, World, connect, key
from tests.conftest import Database


@pytest.fixture
async def hub(world: World, database: Database) -> AsyncIterator[Hub]:
    """A hub that reads as the role of the feed."""
    feed = FeedDatabase(database.settings("backend_feed"), world.recorder)
    await feed.open()
    try:
        hub = Hub(ChangeReader(feed, SystemClock()), PolicyEngine.load(POLICIES), world.clock)
        running = asyncio.create_task(hub.run())
        await asyncio.sleep(0.5)  # it reads on from the head that it finds when it begins
        yield hub
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    finally:
        await feed.close()


async def taken(subscription: Subscription, count: int) -> list[Change]:
    """The next changes, or a timeout."""
    async with asyncio.timeout(60):
        return [await subscription.next() for _ in range(count)]


async def settle(subscription: Subscription) -> int:
    """How many changes wait after everything had time to arrive."""
    await asyncio.sleep(1.2)
    return subscription.queue.qsize()


async def test_citizen_and_handling_unit_are_told(world: World, hub: Hub) -> None:
    citizen, officer = await world.citizen(), await world.official("minh")
    async with hub.subscribed(citizen) as of_citizen, hub.subscribed(officer) as of_officer:
        code = (await world.submitted(citizen)).code
        told = [(await taken(one, 1))[0].resource for one in (of_citizen, of_officer)]
    assert told == [f"report:{code}"] * 2


async def test_other_unit_other_citizen_and_party_are_not_told(world: World, hub: Hub) -> None:
    others = [await world.official("dung"), await world.official("phuong"), await world.citizen("hung")]
    async with AsyncExitStack() as stack:
        subscriptions = [await stack.enter_async_context(hub.subscribed(other)) for other in others]
        await world.submitted()
        waiting = [await settle(subscription) for subscription in subscriptions]
    assert waiting == [0, 0, 0]


async def test_city_operator_is_told_of_every_ward(world: World, hub: Hub) -> None:
    async with hub.subscribed(await world.official("quang")) as subscription:
        await world.submitted()
        await world.submitted(ward=SOC_SON)
        changes = await taken(subscription, 2)
    assert len({change.resource for change in changes}) == 2


async def test_unit_that_forwarded_is_told_of_what_follows(world: World, hub: Hub) -> None:
    code = (await world.submitted()).code
    officer, construction = await world.official("minh"), await world.official("ha")
    await asyncio.sleep(0.8)  # the reader has passed the submission
    async with hub.subscribed(officer) as subscription:
        await world.reports.forward(officer, code, 1, CONSTRUCTION, "x", key())
        await world.reports.accept(construction, code, 2, key())
        kinds = [change.kind for change in await taken(subscription, 2)]
    assert kinds == ["report.forwarded", "report.accepted"]


async def test_subscriber_who_does_not_read_is_dropped(world: World, hub: Hub) -> None:
    citizen = await world.citizen()
    async with hub.subscribed(citizen) as subscription:
        change = (await world.submitted(citizen)).code
        await taken(subscription, 1)
        place = ChangePosition(1, LAST_UUID)
        one = Change(position=place, kind="x", resource=change, version=1, at=world.clock.now())
        for _ in range(QUEUE + 10):
            subscription.offer(one)
        assert subscription.queue.qsize() <= QUEUE
        with pytest.raises(TooSlow):
            await subscription.next()


async def test_end_of_the_session_ends_the_subscription(world: World, hub: Hub, database: Database) -> None:
    citizen = await world.citizen()
    async with hub.subscribed(citizen) as subscription:
        with connect(database.settings(database.superuser)) as connection:
            connection.execute(
                "INSERT INTO identity.session_end (event_id, iss, sid, ended_at, cause)"
                " VALUES ('e', %s, %s, now(), 'logout')",
                (citizen.session.iss, citizen.session.sid),
            )
        with pytest.raises(SessionOver):
            await taken(subscription, 1)


async def test_end_of_the_token_ends_the_subscription(world: World, hub: Hub) -> None:
    async with hub.subscribed(await world.citizen()) as subscription:
        world.clock.advance(timedelta(minutes=6))
        with pytest.raises(SessionOver):
            await taken(subscription, 1)


async def test_unsubscribed_leaves_nothing_behind(world: World, hub: Hub) -> None:
    async with hub.subscribed(await world.official("minh")), hub.subscribed(await world.citizen()):
        pass
    assert len(hub) == 0
    assert not hub._officials
    assert not hub._citizens


def queries_of(world: World) -> ChangeQueries:
    """Reads of the feed on the world's database."""
    return ChangeQueries(world.database, PolicyEngine.load(POLICIES), world.clock)


async def all_since(
    world: World, queries: ChangeQueries, who: Subscriber, after: ChangePosition, first: int
) -> list[Change]:
    """Everything after a position, page by page."""
    found: list[Change] = []
    while True:
        page = await queries.since(who, after, first)
        found += page.items
        after = page.end
        if not page.has_more:
            return found


async def test_resuming_page_by_page_finds_every_change_once_in_order(world: World) -> None:
    citizen, queries = await world.citizen(), queries_of(world)
    begin = (await queries.since(citizen, None, 1)).end
    codes = [(await world.submitted(citizen)).code for _ in range(7)]
    await world.submitted(await world.citizen("hung"))
    changes = await all_since(world, queries, citizen, begin, 3)
    positions = [change.position for change in changes]
    assert [change.resource for change in changes] == [f"report:{code}" for code in codes]
    assert positions == sorted(set(positions))


async def test_change_committed_late_is_not_lost(world: World, database: Database) -> None:
    citizen, queries = await world.citizen(), queries_of(world)
    begin = (await queries.since(citizen, None, 1)).end
    with connect(database.settings(database.superuser)) as slow:
        slow.autocommit = False
        slow.execute("SELECT pg_current_xact_id()")
        code = (await world.submitted(citizen)).code
        held_back = await queries.since(citizen, begin, 10)
        slow.rollback()
    after = await queries.since(citizen, held_back.end, 10)
    assert (held_back.items, [change.resource for change in after.items]) == ((), [f"report:{code}"])


@pytest.mark.parametrize("name", ["minh", "dung", "quang"])
async def test_resuming_shows_what_the_hub_would_have_told(world: World, hub: Hub, name: str) -> None:
    official, queries = await world.official(name), queries_of(world)
    begin = (await queries.since(official, None, 1)).end
    async with hub.subscribed(official) as subscription:
        for ward in ("00070", SOC_SON, "00070"):
            await world.submitted(ward=ward)
        waiting = await settle(subscription)
        live = await taken(subscription, waiting)
    assert await all_since(world, queries, official, begin, 2) == live


async def test_who_administers_the_platform_follows_nothing_whatever_his_other_duty(
    world: World, database: Database
) -> None:
    queries, officer = queries_of(world), await world.official("minh")
    begin = (await queries.since(officer, None, 1)).end
    await world.submitted()
    with connect(database.settings(database.superuser)) as connection:
        connection.execute(
            "INSERT INTO tenancy.duty (id, official_id, unit_id, kind, from_day)"
            " VALUES (gen_random_uuid(), %s, %s, 'platform_admin', '2026-01-01')",
            (officer.official_id, officer.unit_id),
        )
    with pytest.raises(Forbidden):
        await queries.since(await world.official("minh"), begin, 10)


async def test_party_body_follows_nothing(world: World) -> None:
    with pytest.raises(Forbidden):
        await queries_of(world).since(await world.official("phuong"), None, 10)


async def test_page_of_no_size_is_a_recorded_refusal(world: World, database: Database) -> None:
    with pytest.raises(InvalidInput):
        await queries_of(world).since(await world.citizen(), None, 0)
    with connect(database.settings(database.superuser)) as connection:
        (line,) = connection.execute("SELECT line FROM audit.event").fetchone() or ("",)
    assert '"action":"change.list"' in line


async def test_head_is_behind_what_is_under_way(world: World) -> None:
    citizen, queries = await world.citizen(), queries_of(world)
    await world.submitted(citizen)
    page = await queries.since(citizen, None, 10)
    assert page.items == ()
    assert (await queries.since(citizen, page.end, 10)).items == ()


async def test_following_after_a_position_replays_and_goes_on_live(world: World, hub: Hub) -> None:
    citizen, queries = await world.citizen(), queries_of(world)
    begin = (await queries.since(citizen, None, 1)).end
    codes = [(await world.submitted(citizen)).code for _ in range(2)]
    following = FeedService(queries, hub).follow(citizen, begin)
    async with asyncio.timeout(60):
        seen = [(await anext(following)).resource for _ in range(2)]
        codes.append((await world.submitted(citizen)).code)
        seen.append((await anext(following)).resource)
    await following.aclose()
    assert (seen, len(hub)) == ([f"report:{code}" for code in codes], 0)


async def test_replay_ends_with_the_session(world: World, hub: Hub) -> None:
    citizen, queries = await world.citizen(), queries_of(world)
    begin = (await queries.since(citizen, None, 1)).end
    for _ in range(3):
        await world.submitted(citizen)
    following = FeedService(queries, hub).follow(citizen, begin)
    await anext(following)
    world.clock.advance(timedelta(minutes=6))
    await asyncio.sleep(1.0)
    with pytest.raises(SessionOver):
        await anext(following)


async def test_changes_written_while_replaying_come_once(world: World, hub: Hub) -> None:
    citizen, queries = await world.citizen(), queries_of(world)
    begin = (await queries.since(citizen, None, 1)).end
    await world.submitted(citizen)
    following = FeedService(queries, hub).follow(citizen, begin)
    async with asyncio.timeout(60):
        positions = [(await anext(following)).position]
        for _ in range(5):
            await world.submitted(citizen)
            positions.append((await anext(following)).position)
    await following.aclose()
    assert positions == sorted(set(positions))


@pytest.mark.parametrize(("begun", "read"), [("2026-11-24", 1), ("9999-01-01", 0)])
async def test_ends_of_sessions_are_read_from_the_readers_own_beginning_on(
    world: World, database: Database, begun: str, read: int
) -> None:
    with connect(database.settings(database.superuser)) as connection:
        connection.execute(
            "INSERT INTO identity.session_end (event_id, iss, sub, ended_at, cause, recorded_at)"
            " VALUES ('e', 'https://keycloak.test', 's', '2026-11-24', 'official_idle', '2026-11-25')"
        )
    feed = FeedDatabase(database.settings("backend_feed"), world.recorder)
    await feed.open()
    clock = FrozenClock(datetime.fromisoformat(begun).replace(tzinfo=UTC))
    ended = await ChangeReader(feed, clock).ended_sessions()
    await feed.close()
    assert len(ended) == read
