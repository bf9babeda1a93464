"""Refusals and low ratings reach the unit's head, once, and nobody else."""

import pytest

from backend.notifications.heads import HeadNotices
from backend.reports.types import ClosingReason
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import new_uuid
from foundation.paging import PageRequest
from foundation.policy.engine import PolicyEngine
from tests.backend.world import POLICIES, World, change_ids, connect, key, show_evidence
from tests.conftest import Database


async def head_of(world: World, database: Database, name: str = "thao") -> OfficialPrincipal:
    """One of the nine who leads the own unit."""
    who = await world.official(name)
    with connect(database.settings(database.superuser)) as superuser:
        superuser.execute(
            "INSERT INTO tenancy.duty (id, official_id, unit_id, kind, from_day)"
            " SELECT %s, d.official_id, d.unit_id, 'lead', '2026-01-01' FROM tenancy.duty d"
            " WHERE d.official_id = %s LIMIT 1",
            (new_uuid(), who.official_id),
        )
    return who


async def follow_all(world: World, database: Database) -> None:
    """As the fan-out does, twice: a job may run again."""
    heads = HeadNotices(world.worker_database, PolicyEngine.load(POLICIES), world.notifications, world.clock)
    for change in 2 * change_ids(database.settings(database.superuser)):
        await heads.follow(world.system(), change)


async def told(world: World, who: OfficialPrincipal) -> list[str]:
    """The kinds in somebody's inbox."""
    return [item.kind for item in (await world.inboxes.inbox(who, PageRequest(10))).items]


async def test_refusal_reaches_the_head_and_no_handler(world: World, database: Database) -> None:
    head, officer = await head_of(world, database), await world.official("minh")
    code = (await world.submitted()).code
    await world.reports.accept(officer, code, 1, key())
    await world.reports.close(
        officer, code, 2, ClosingReason.OUT_OF_SCOPE, "Đơn khiếu nại.", "complaint", key()
    )
    await follow_all(world, database)
    assert await told(world, head) == ["report.refused"]
    assert await told(world, officer) == []


@pytest.mark.parametrize(
    ("stars", "expected"), [(1, ["report.rated_low"]), (2, ["report.rated_low"]), (3, [])]
)
async def test_low_rating_reaches_the_head(
    world: World, database: Database, stars: int, expected: list[str]
) -> None:
    head, officer, citizen = (
        await head_of(world, database),
        await world.official("minh"),
        await world.citizen(),
    )
    code = (await world.submitted(citizen)).code
    await world.reports.accept(officer, code, 1, key())
    show_evidence(database.settings(database.superuser), code)
    await world.reports.close(officer, code, 2, ClosingReason.RESOLVED, None, None, key())
    await world.reports.rate(citizen, code, 3, stars, None, key())
    await follow_all(world, database)
    assert await told(world, head) == expected


async def test_unit_without_a_head_is_told_of_to_the_one_above(world: World, database: Database) -> None:
    above, officer = await head_of(world, database, "nga"), await world.official("minh")
    code = (await world.submitted()).code
    await world.reports.accept(officer, code, 1, key())
    await world.reports.close(
        officer, code, 2, ClosingReason.NOT_REPRODUCIBLE, "Không thấy.", "not_found_on_site", key()
    )
    await follow_all(world, database)
    assert await told(world, above) == ["report.refused"]
