"""The inbox: told once, in the teller's transaction, and nobody else's to read."""

from dataclasses import replace
from uuid import UUID

import pytest

from backend.notifications.types import Notice, RecipientKind, Urgency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import new_uuid
from foundation.paging import PageRequest
from foundation.recording import AuditEvent
from tests.backend.world import World, connect
from tests.conftest import Database

EVENT = AuditEvent("inbox.deliver")


def warned(official: OfficialPrincipal, event_id: UUID | None = None) -> Notice:
    """A notice for an official."""
    return Notice(
        official.official_id,
        RecipientKind.OFFICIAL,
        event_id or new_uuid(),
        "deadline.warned",
        "report:ABCDEFGHJKMNPQRS",
        3,
    )


async def tell(world: World, *notices: Notice) -> None:
    """As a feature tells, with an event of its own."""
    async with world.worker_database.unit_of_work(world.system(), EVENT) as work:
        for notice in notices:
            await world.notifications.tell(work, notice)
        await work.record(EVENT)
        await work.commit()


def jobs(database: Database) -> list[tuple[str, dict[str, str]]]:
    """What is enqueued for sending."""
    with connect(database.settings(database.superuser)) as superuser:
        return superuser.execute(
            "SELECT task_name, args FROM jobs.procrastinate_jobs WHERE task_name = 'notifications.send'"
        ).fetchall()


def deliveries(database: Database) -> list[tuple[str, str, str]]:
    """What is on its way, oldest first."""
    with connect(database.settings(database.superuser)) as superuser:
        return superuser.execute(
            "SELECT id::text, urgency, state FROM notifications.delivery ORDER BY id"
        ).fetchall()


async def test_official_reads_the_own_inbox(world: World) -> None:
    minh = await world.official("minh")
    await tell(world, warned(minh))
    found = await world.inboxes.inbox(minh, PageRequest(10))
    assert [(item.kind, item.resource, item.version) for item in found.items] == [
        ("deadline.warned", "report:ABCDEFGHJKMNPQRS", 3)
    ]


async def test_operator_of_the_city_reads_the_own_inbox(world: World) -> None:
    quang = await world.official("quang")
    await tell(world, warned(quang))
    found = await world.inboxes.inbox(quang, PageRequest(10))
    assert [item.kind for item in found.items] == ["deadline.warned"]


@pytest.mark.parametrize("other", ["thao", "quang"])
async def test_another_official_finds_nothing_of_it(world: World, other: str) -> None:
    await tell(world, warned(await world.official("minh")))
    found = await world.inboxes.inbox(await world.official(other), PageRequest(10))
    assert found.items == ()


async def test_notice_for_an_official_is_no_citizens_of_the_same_id(world: World) -> None:
    minh = await world.official("minh")
    await tell(world, warned(minh))
    lan = replace(await world.citizen(), citizen_id=minh.official_id)
    assert (await world.inboxes.inbox(lan, PageRequest(10))).items == ()


async def test_same_event_is_told_once(world: World, database: Database) -> None:
    minh = await world.official("minh")
    notice = warned(minh)
    await tell(world, notice)
    await tell(world, notice)
    found = await world.inboxes.inbox(minh, PageRequest(10))
    assert (len(found.items), len(deliveries(database)), len(jobs(database))) == (1, 1, 1)


async def test_job_carries_the_id_of_its_delivery_alone(world: World, database: Database) -> None:
    await tell(world, warned(await world.official("minh")))
    assert jobs(database) == [("notifications.send", {"delivery_id": deliveries(database)[0][0]})]


async def test_what_was_not_committed_was_not_told(world: World, database: Database) -> None:
    minh = await world.official("minh")
    async with world.worker_database.unit_of_work(world.system(), EVENT) as work:
        await world.notifications.tell(work, warned(minh))
    found = await world.inboxes.inbox(minh, PageRequest(10))
    assert (found.items, deliveries(database), jobs(database)) == ((), [], [])


async def test_quiet_notice_sends_nothing(world: World, database: Database) -> None:
    minh = await world.official("minh")
    await tell(world, replace(warned(minh), urgency=Urgency.QUIET))
    found = await world.inboxes.inbox(minh, PageRequest(10))
    assert (len(found.items), deliveries(database), jobs(database)) == (1, [], [])


async def test_notices_about_one_thing_wait_together(world: World, database: Database) -> None:
    minh = await world.official("minh")
    await tell(world, *(warned(minh) for _ in range(5)))
    found = await world.inboxes.inbox(minh, PageRequest(10))
    assert (len(found.items), len(deliveries(database)), len(jobs(database))) == (5, 1, 1)


async def test_urgent_notice_hurries_what_waits(world: World, database: Database) -> None:
    minh = await world.official("minh")
    await tell(world, warned(minh))
    await tell(world, replace(warned(minh), urgency=Urgency.URGENT))
    assert ([row[1:] for row in deliveries(database)], len(jobs(database))) == ([("urgent", "waiting")], 2)


async def test_api_tells_in_its_own_transaction(world: World, database: Database) -> None:
    minh, thao = await world.official("minh"), await world.official("thao")
    async with world.database.unit_of_work(minh, EVENT) as work:
        await world.notifications.tell(work, warned(thao))
        await work.record(EVENT)
        await work.commit()
    assert len((await world.inboxes.inbox(thao, PageRequest(10))).items) == 1
