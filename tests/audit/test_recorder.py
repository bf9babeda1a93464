"""Event and effect are one; pseudonyms last as long as they may; the database refuses what is no line."""

import asyncio
from datetime import timedelta

import asyncpg
import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from audit.codes import NotLoggable
from audit.refusals import RefusalCounter
from foundation.clock import FrozenClock
from foundation.errors import Forbidden, NotFound
from foundation.ids import new_uuid
from foundation.recording import AuditEvent
from tests.audit.parts import NOW, anonymous, citizen, connect, official, recorder, system
from tests.conftest import Database

ACCEPT = AuditEvent("report.accept", resource="report:0123456789ABCDEF", unit="00070")


async def lines(database: Database) -> list[dict]:
    """All events, oldest first, as the superuser sees them."""
    connection = await connect(database.settings(database.superuser))
    rows = await connection.fetch("SELECT line FROM audit.event ORDER BY xid, id")
    await connection.close()
    return [orjson.loads(row["line"]) for row in rows]


async def effects(database: Database) -> int:
    """Rows of a table that stands for any effect."""
    connection = await connect(database.settings(database.superuser))
    count: int = await connection.fetchval("SELECT count(*) FROM public.effect")
    await connection.close()
    return count


@pytest.fixture
async def effect(database: Database) -> None:
    connection = await connect(database.settings(database.superuser))
    await connection.execute(
        "CREATE TABLE public.effect (id int); GRANT USAGE ON SCHEMA public TO backend_app;"
        "GRANT INSERT ON public.effect TO backend_app"
    )
    await connection.close()


async def act_and_record(app: AsyncEngine, event: AuditEvent) -> None:
    """An effect and its event in one transaction that commits unless something raises."""
    async with app.begin() as connection:
        await connection.execute(text("INSERT INTO public.effect VALUES (1)"))
        await recorder().record(connection, official(), event)


async def test_committed_event_is_stored_with_its_effect(
    database: Database, app: AsyncEngine, effect: None
) -> None:
    await act_and_record(app, ACCEPT)
    stored = await lines(database)
    assert ([line["unmapped"]["action"] for line in stored], await effects(database)) == (
        ["report.accept"],
        1,
    )


async def test_rolled_back_effect_leaves_no_event(database: Database, app: AsyncEngine, effect: None) -> None:
    async with app.connect() as connection:
        await connection.execute(text("INSERT INTO public.effect VALUES (1)"))
        await recorder().record(connection, official(), ACCEPT)
        await connection.rollback()
    assert (await lines(database), await effects(database)) == ([], 0)


async def test_event_that_can_not_be_written_takes_its_effect_along(
    database: Database, app: AsyncEngine, effect: None
) -> None:
    superuser = await connect(database.settings(database.superuser))
    await superuser.execute(
        "REVOKE INSERT ON audit.event FROM backend_app; REVOKE ALL (id, line) ON audit.event FROM backend_app"
    )
    await superuser.close()
    with pytest.raises(DBAPIError, match="permission denied"):
        await act_and_record(app, ACCEPT)
    assert await effects(database) == 0


async def test_event_with_a_text_takes_its_effect_along(
    database: Database, app: AsyncEngine, effect: None
) -> None:
    event = AuditEvent("report.accept", resource="report:ông Nguyễn Văn A, 12 phố Huế")
    with pytest.raises(NotLoggable):
        await act_and_record(app, event)
    assert await effects(database) == 0


async def test_oversize_event_is_refused_at_record(
    database: Database, app: AsyncEngine, effect: None
) -> None:
    policies = tuple(f"p{number:060}" for number in range(1200))
    with pytest.raises(NotLoggable, match="bytes"):
        await act_and_record(app, AuditEvent("report.accept", policies=policies))
    assert (await lines(database), await effects(database)) == ([], 0)


async def test_refusal_is_an_event_in_a_transaction_of_its_own(database: Database, app: AsyncEngine) -> None:
    async with app.begin() as connection:
        await recorder().record_refusal(connection, official(), ACCEPT, Forbidden())
    (line,) = await lines(database)
    assert (line["status_code"], line["unmapped"]["decision"]) == ("common.forbidden", "deny")


async def test_anonymous_refusal_is_counted_and_makes_no_event(database: Database, app: AsyncEngine) -> None:
    counter = RefusalCounter()
    async with app.begin() as connection:
        await recorder(refusals=counter).record_refusal(connection, anonymous(), ACCEPT, NotFound())
    assert (await lines(database), counter.pending) == ([], {("203.0.113.0", "common.not_found"): 1})


async def pseudonym_at(database: Database, app: AsyncEngine, clock: FrozenClock, principal: object) -> str:
    async with app.begin() as connection:
        await recorder(clock).record(connection, principal, ACCEPT)  # type: ignore[arg-type]  # a parameter of the test
    return (await lines(database))[-1]["actor"]["user"]["uid"]


async def test_official_keeps_one_pseudonym_within_a_quarter(database: Database, app: AsyncEngine) -> None:
    clock = FrozenClock(NOW)
    first = await pseudonym_at(database, app, clock, official())
    clock.advance(timedelta(days=30))
    assert await pseudonym_at(database, app, clock, official()) == first


async def test_official_gets_another_pseudonym_when_the_quarter_turns_in_ha_noi(
    database: Database, app: AsyncEngine
) -> None:
    clock = FrozenClock(NOW.replace(month=12, day=31, hour=16, minute=59))
    before = await pseudonym_at(database, app, clock, official())
    clock.advance(timedelta(minutes=1))
    assert await pseudonym_at(database, app, clock, official()) != before


async def test_citizen_gets_another_pseudonym_in_another_session(
    database: Database, app: AsyncEngine
) -> None:
    clock = FrozenClock(NOW)
    first = await pseudonym_at(database, app, clock, citizen("s-1"))
    assert await pseudonym_at(database, app, clock, citizen("s-2")) != first


async def test_citizen_keeps_the_pseudonym_within_a_session(database: Database, app: AsyncEngine) -> None:
    clock = FrozenClock(NOW)
    first = await pseudonym_at(database, app, clock, citizen("s-1"))
    assert await pseudonym_at(database, app, clock, citizen("s-1")) == first


async def test_two_people_have_two_pseudonyms(database: Database, app: AsyncEngine) -> None:
    clock = FrozenClock(NOW)
    first = await pseudonym_at(database, app, clock, official("person-1"))
    assert await pseudonym_at(database, app, clock, official("person-2")) != first


async def test_concurrent_first_events_of_a_person_agree_on_one_pseudonym(
    database: Database, app: AsyncEngine
) -> None:
    async def act() -> None:
        async with app.begin() as connection:
            await recorder().record(connection, official(), ACCEPT)

    await asyncio.gather(*(act() for _ in range(8)))
    assert len({line["actor"]["user"]["uid"] for line in await lines(database)}) == 1


async def test_city_role_records_in_its_transaction(database: Database, app: AsyncEngine) -> None:
    async with app.begin() as connection:
        await connection.execute(text("SET LOCAL ROLE backend_city"))
        await recorder().record(connection, official(), ACCEPT)
    assert len(await lines(database)) == 1


async def test_worker_records_a_job_without_a_person(database: Database, worker: AsyncEngine) -> None:
    async with worker.begin() as connection:
        await recorder().record(connection, system(), ACCEPT)
    (line,) = await lines(database)
    assert line["actor"] == {"app_name": "worker"}


@pytest.mark.parametrize(
    "line",
    [
        "not json}}",
        '{"metadata":{"uid":"ID"}} ',
        '{"metadata":{"uid":"ID"},"time":1}',
        '{"metadata":{"uid":"0193a1b2-c3d4-7000-8000-000000000001"}}',
        '{"metadata":{"uid":"ID","sequence":7}}',
        '{"metadata":{"uid":"ID","uid":"ID"}}',
        '{"x":"\n","metadata":{"uid":"ID"}}',
        '{"x":"' + "x" * 64_000 + '","metadata":{"uid":"ID"}}',
    ],
)
async def test_line_that_could_stop_the_relay_is_refused_by_the_database(
    database: Database, line: str
) -> None:
    connection = await connect(database.settings("backend_app"))
    event_id = new_uuid()
    with pytest.raises(asyncpg.PostgresError, match=r"event_line|invalid input syntax for type json"):
        await connection.execute(
            "INSERT INTO audit.event (id, line) VALUES ($1, $2)", event_id, line.replace("ID", str(event_id))
        )
    await connection.close()
