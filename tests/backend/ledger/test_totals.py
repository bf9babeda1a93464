"""Totals of months: in the log when the month is over, shown when all of it is, and nothing is missing."""

import hashlib
from datetime import UTC, date, datetime, timedelta

import pytest

from backend.ledger.types import Month
from tests.backend.ledger.conftest import Rig
from tests.backend.world import NOON

NOVEMBER = date(2026, 11, 1)
ONE_DAY_OVER = datetime(2026, 12, 1, 17, 20, tzinfo=UTC)
LAST_DELAY_OVER = datetime(2027, 3, 1, 17, 20, tzinfo=UTC)


async def committed(rig: Rig) -> str:
    """November's two entries, whose total the log has: its digest."""
    await rig.opened("minh", "quang")
    rig.world.clock.advance(ONE_DAY_OVER - rig.world.clock.now())
    await rig.totals.run()
    ((digest,),) = rig.rows("SELECT digest FROM ledger.month")
    return str(digest)


def reckoned(rig: Rig) -> str:
    """What somebody who has the entries finds by himself."""
    leaves = [
        hashlib.sha256(salt.bytes + "|".join(told).encode()).digest()
        for salt, *told in rig.rows(
            "SELECT e.salt, r.code, e.subject, e.role, u.code, e.day::text, e.purpose FROM ledger.entry e"
            " JOIN reports.report r ON r.id = e.report_id JOIN tenancy.unit u ON u.id = e.shown_unit_id"
        )
    ]
    return hashlib.sha256(b"".join(sorted(leaves))).hexdigest()


async def test_total_of_a_month_is_in_the_log_once_it_is_over(rig: Rig) -> None:
    digest = await committed(rig)
    await rig.totals.run()
    assert rig.events("ledger.commit_month") == [
        ("ledger.commit_month", f"ledger:{digest}", None, "2026-11/2")
    ]
    assert digest == reckoned(rig)


async def test_month_is_not_committed_on_the_day_after_its_last(rig: Rig) -> None:
    await rig.opened("minh")
    rig.world.clock.advance(ONE_DAY_OVER - timedelta(days=1) - rig.world.clock.now())
    await rig.totals.run()
    assert rig.rows("SELECT 1 FROM ledger.month") == []


async def test_total_is_shown_after_the_longest_delay_and_not_before(rig: Rig) -> None:
    digest, lan = await committed(rig), await rig.citizen()
    rig.world.clock.advance(LAST_DELAY_OVER - timedelta(days=1) - rig.world.clock.now())
    await rig.totals.run()
    before = await rig.ledger.months(lan)
    rig.world.clock.advance(timedelta(days=1))
    await rig.totals.run()
    months = await rig.ledger.months(lan)
    assert (before, months[-1]) == ((), Month(NOVEMBER, 2, digest))
    assert len(await rig.shown()) == 2


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM ledger.entry WHERE role = 'handler'",
        "UPDATE ledger.entry SET day = day + 30 WHERE role = 'handler'",
        "UPDATE ledger.entry SET purpose = 'visit' WHERE role = 'handler'",
        "UPDATE ledger.entry SET shown_at = '2030-01-01' WHERE role = 'handler'",
        "INSERT INTO ledger.entry (id, report_id, subject, role, unit_id, shown_unit_id, day, purpose,"
        " noted_at, shown_at) SELECT uuidv7(), report_id, 'contact', role, unit_id, shown_unit_id, day,"
        " 'visit', noted_at, shown_at FROM ledger.entry LIMIT 1",
    ],
)
async def test_month_that_is_not_what_was_committed_is_an_alarm_and_not_shown(
    rig: Rig, tampering: str
) -> None:
    await committed(rig)
    rig.rows(tampering)
    rig.world.clock.advance(LAST_DELAY_OVER - rig.world.clock.now())
    await rig.totals.run()
    await rig.totals.run()
    assert [action for action, *_ in rig.events("ledger.month_differs")] == ["ledger.month_differs"]
    assert [month.month for month in await rig.ledger.months(await rig.citizen())] == []


async def test_month_without_an_opening_is_committed_too(rig: Rig) -> None:
    await committed(rig)
    rig.world.clock.advance(timedelta(days=31))
    await rig.totals.run()
    assert rig.rows("SELECT month, entries FROM ledger.month ORDER BY month") == [
        (NOVEMBER, 2),
        (date(2026, 12, 1), 0),
    ]


async def test_before_the_first_opening_there_is_nothing_to_commit(rig: Rig) -> None:
    rig.world.clock.advance(ONE_DAY_OVER - NOON)
    await rig.totals.run()
    assert rig.events("ledger.commit_month") == []
