"""Duties become principals: today, here, and nothing more."""

from datetime import date

import pytest

from backend.tenancy.errors import NoDutyHere
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import new_uuid
from tests.backend.world import CITY, HOAN_KIEM, OFFICIALS, World, connect, session
from tests.conftest import Database

DAY = date(2026, 11, 24)


def give_duty(
    database: Database, subject: str, kind: str, unit: str, days: tuple[date, date | None] = (DAY, None)
) -> None:
    """An official with one duty, as the owner would enter it."""
    with connect(database.settings(database.superuser)) as connection:
        connection.execute(
            "INSERT INTO tenancy.official VALUES (%s, %s, %s, 'A', 'a') ON CONFLICT DO NOTHING",
            (new_uuid(), OFFICIALS, subject),
        )
        connection.execute(
            "INSERT INTO tenancy.duty SELECT %s, o.id, u.id, %s, %s, %s"
            " FROM tenancy.official o, tenancy.unit u"
            " WHERE o.subject = %s AND u.code = %s",
            (new_uuid(), kind, *days, subject, unit),
        )


async def working(world: World, subject: str, unit: str) -> OfficialPrincipal:
    """The official signed in for a unit."""
    return await world.tenancy.principal_of(session(OFFICIALS, subject, unit), world.origin())


async def test_city_duty_worked_at_a_ward_covers_the_ward_only(world: World, database: Database) -> None:
    give_duty(database, "boss", "handler", CITY)
    assert len((await working(world, "boss", HOAN_KIEM)).units) == 1


async def test_city_duty_worked_at_the_city_covers_every_unit_below(world: World, database: Database) -> None:
    give_duty(database, "boss", "handler", CITY)
    assert len((await working(world, "boss", CITY)).units) == 1 + 13 + 126


async def test_duty_that_ended_yesterday_gives_nothing(world: World, database: Database) -> None:
    give_duty(database, "old", "handler", HOAN_KIEM, (date(2026, 1, 1), date(2026, 11, 23)))
    assert (await working(world, "old", HOAN_KIEM)).units == frozenset()


async def test_duty_that_begins_tomorrow_gives_nothing(world: World, database: Database) -> None:
    give_duty(database, "new", "handler", HOAN_KIEM, (date(2026, 11, 25), None))
    assert (await working(world, "new", HOAN_KIEM)).units == frozenset()


async def test_duty_ending_today_still_counts(world: World, database: Database) -> None:
    give_duty(database, "last", "handler", HOAN_KIEM, (date(2026, 1, 1), DAY))
    assert len((await working(world, "last", HOAN_KIEM)).units) == 1


async def test_platform_administrator_gets_no_unit_and_keeps_the_duty_that_bars(
    world: World, database: Database
) -> None:
    give_duty(database, "admin", "platform_admin", CITY)
    principal = await working(world, "admin", HOAN_KIEM)
    assert (principal.units, [duty.kind for duty in principal.duties]) == (frozenset(), ["platform_admin"])


async def test_unknown_official_is_refused(world: World) -> None:
    with pytest.raises(NoDutyHere):
        await working(world, "nobody", HOAN_KIEM)


async def test_unknown_unit_is_refused(world: World, database: Database) -> None:
    give_duty(database, "boss", "handler", CITY)
    with pytest.raises(NoDutyHere):
        await working(world, "boss", "99999")


async def test_identity_is_issuer_and_subject(world: World, database: Database) -> None:
    give_duty(database, "boss", "handler", CITY)
    with pytest.raises(NoDutyHere):
        await world.tenancy.principal_of(session("https://other/realms/x", "boss", CITY), world.origin())
