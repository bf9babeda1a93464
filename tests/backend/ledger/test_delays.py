"""Delays of entries: two operators order them, nothing tells of them before their end; all is audited."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.ledger.errors import DelayOver, OwnUnit, SecondOperatorNeeded
from backend.ledger.types import DelayState, Role
from foundation.errors import Forbidden, IdempotencyMismatch, InvalidInput, NotFound
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import new_uuid
from foundation.paging import PageRequest
from foundation.recording import AuditEvent
from tests.backend.ledger.conftest import Rig
from tests.backend.world import CITY, HOAN_KIEM, NOON, key

MONTH = timedelta(days=30)


async def ordered(rig: Rig, days: int = 30, confirmed: bool = True) -> str:
    """Openings by Hoan Kiem are shown late, by an inspection."""
    quang, son = await rig.operators()
    done = await rig.delays.order(quang, rig.code, HOAN_KIEM, "inspection", days, "12/TT-P3", key())
    if confirmed:
        await rig.delays.confirm(son, done.code, key())
    return done.code


async def test_delayed_entry_leaves_no_hole_and_comes_behind_what_was_shown(rig: Rig) -> None:
    await ordered(rig)
    await rig.opened("minh", "quang")
    early = await rig.shown()
    assert [(entry.number, entry.role) for entry in early] == [(1, Role.CITY_OPERATOR)]
    page = await rig.ledger.mine(await rig.citizen(), PageRequest(1))
    assert page.has_next is False
    rig.world.clock.advance(MONTH)
    late = await rig.shown()
    assert late[:1] == early
    assert [(entry.number, entry.role, entry.day.isoformat(), entry.delay_rule) for entry in late[1:]] == [
        (2, Role.HANDLER, "2026-11-24", "inspection")
    ]


async def test_contact_opened_meanwhile_is_delayed_too(rig: Rig) -> None:
    await ordered(rig)
    rig.rows(
        "INSERT INTO contacts.opening (id, report_id, official_id, unit_id, at, purpose)"
        " SELECT %s, r.id, %s, r.handler_id, %s, 'visit' FROM reports.report r",
        new_uuid(),
        (await rig.world.official("minh")).official_id,
        NOON,
    )
    assert await rig.shown() == []
    rig.world.clock.advance(MONTH)
    assert [entry.delay_rule for entry in await rig.shown()] == ["inspection"]


async def test_what_was_shown_before_the_order_stays_and_other_units_are_not_delayed(rig: Rig) -> None:
    await rig.opened("minh")
    before = await rig.shown()
    await ordered(rig)
    await rig.opened("minh", "quang")
    after = await rig.shown()
    assert (after[:1], [entry.role for entry in after]) == (before, [Role.HANDLER, Role.CITY_OPERATOR])


async def test_order_alone_delays_nothing(rig: Rig) -> None:
    await ordered(rig, confirmed=False)
    await rig.opened("minh")
    assert [entry.delay_rule for entry in await rig.shown()] == [None]


async def test_delay_that_is_over_delays_nothing(rig: Rig) -> None:
    await ordered(rig, days=1)
    minh = await rig.world.official("minh")
    rig.world.clock.advance(timedelta(days=1))
    await rig.queries.one(minh, rig.code)
    assert [entry.delay_rule for entry in await rig.shown()] == [None]


async def test_lifted_delay_shows_at_once_what_it_held_back(rig: Rig) -> None:
    delay = await ordered(rig)
    await rig.opened("minh", "quang")
    _, son = await rig.operators()
    assert len(await rig.shown()) == 1
    assert (await rig.delays.lift(son, delay, key())).state is DelayState.LIFTED
    assert [(entry.number, entry.role) for entry in await rig.shown()] == [
        (1, Role.CITY_OPERATOR),
        (2, Role.HANDLER),
    ]
    await rig.opened("thao")
    with pytest.raises(DelayOver):
        await rig.delays.lift(son, delay, key())


async def test_who_ordered_does_not_confirm(rig: Rig) -> None:
    delay = await ordered(rig, confirmed=False)
    quang, _ = await rig.operators()
    with pytest.raises(SecondOperatorNeeded):
        await rig.delays.confirm(quang, delay, key())


async def test_database_itself_lets_nobody_confirm_the_own_order_or_confirm_in_anothers_name(
    rig: Rig,
) -> None:
    await ordered(rig, confirmed=False)
    quang, son = await rig.operators()
    confirm = text("UPDATE ledger.delay SET confirmed_by = :by, confirmed_at = :at")
    async with rig.world.database.unit_of_work(quang, AuditEvent("ledger.confirm_delay")) as work:
        done = await work.connection.execute(confirm, {"by": son.official_id, "at": NOON})
        assert done.rowcount == 0
    with pytest.raises(DBAPIError):
        async with rig.world.database.unit_of_work(son, AuditEvent("ledger.confirm_delay")) as work:
            other = (await rig.world.official("nga")).official_id
            await work.connection.execute(confirm, {"by": other, "at": NOON})


async def test_nobody_delays_what_the_own_unit_opens(rig: Rig) -> None:
    quang, son = await rig.operators()
    with pytest.raises(OwnUnit):
        await rig.delays.order(quang, rig.code, CITY, "inspection", 30, "12/TT-P3", key())
    delay = await ordered(rig, confirmed=False)
    with pytest.raises(OwnUnit):
        ward = rig.rows("SELECT unit_id FROM ledger.delay")[0][0]
        await rig.delays.confirm(replace(son, unit_id=ward), delay, key())


LEADS, COVERS, WILL_LEAD, EMPLOYED = range(4)
OWN = {
    LEADS: "INSERT INTO tenancy.duty (id, official_id, unit_id, kind, from_day)"
    " SELECT uuidv7(), %s, u.id, 'lead', date '2026-01-01' FROM tenancy.unit u WHERE u.code = '00070'",
    COVERS: "INSERT INTO tenancy.duty (id, official_id, unit_id, kind, from_day)"
    " SELECT uuidv7(), %s, u.id, 'handler', date '2026-01-01' FROM tenancy.unit u WHERE u.code = 'C0001'",
    WILL_LEAD: "INSERT INTO tenancy.duty (id, official_id, unit_id, kind, from_day)"
    " SELECT uuidv7(), %s, u.id, 'lead', date '2026-12-01' FROM tenancy.unit u WHERE u.code = '00070'",
    EMPLOYED: "UPDATE tenancy.official o SET unit_id = u.id FROM tenancy.unit u"
    " WHERE o.id = %s AND u.code = '00070'",
}
"""Ways to have Hoan Kiem as one's own unit, beside working there."""


@pytest.mark.parametrize("way", OWN)
async def test_nobody_delays_what_any_own_unit_opens(rig: Rig, way: int) -> None:
    quang, son = await rig.operators()
    delay = await ordered(rig, confirmed=False)
    for operator in (quang, son):
        rig.rows(OWN[way], operator.official_id)
    with pytest.raises(OwnUnit):
        await rig.delays.order(quang, rig.code, HOAN_KIEM, "inspection", 30, "12/TT-P3", key())
    with pytest.raises(OwnUnit):
        await rig.delays.confirm(son, delay, key())


@pytest.mark.parametrize("way", OWN)
async def test_database_itself_lets_nobody_delay_what_any_own_unit_opens(rig: Rig, way: int) -> None:
    quang, son = await rig.operators()
    await ordered(rig, confirmed=False)
    for operator in (quang, son):
        rig.rows(OWN[way], operator.official_id)
    with pytest.raises(DBAPIError, match="row-level security"):
        await put_order(rig, quang)
    async with rig.world.database.unit_of_work(son, AuditEvent("ledger.confirm_delay")) as work:
        done = await work.connection.execute(
            text("UPDATE ledger.delay SET confirmed_by = :by, confirmed_at = :at"),
            {"by": son.official_id, "at": NOON},
        )
        assert done.rowcount == 0


async def test_duty_that_is_over_is_no_own_unit(rig: Rig) -> None:
    quang, _ = await rig.operators()
    rig.rows(OWN[LEADS], quang.official_id)
    rig.rows("UPDATE tenancy.duty SET until_day = date '2026-11-23' WHERE kind = 'lead'")
    await ordered(rig)
    assert len(rig.rows("SELECT 1 FROM ledger.delay")) == 1


async def test_database_itself_takes_an_order_of_this_moment_alone(rig: Rig) -> None:
    quang, _ = await rig.operators()
    await put_order(rig, quang)
    rig.let_time_pass()
    with pytest.raises(DBAPIError, match="row-level security"):
        await put_order(rig, quang)


async def put_order(rig: Rig, who: OfficialPrincipal, days: int = 30) -> None:
    """An order of who has the database at hand, rolled back."""
    ((report, unit),) = rig.rows("SELECT id, handler_id FROM reports.report")
    async with rig.world.database.unit_of_work(who, AuditEvent("ledger.order_delay")) as work:
        await work.connection.execute(
            text(
                "INSERT INTO ledger.delay (id, code, report_id, unit_id, rule, case_number, ordered_by,"
                " ordered_name, ordered_at, until_at) VALUES (:id, '0123456789ABCDEF', :report, :unit,"
                " 'inspection', '12/TT', :me, 'x', :now, :until)"
            ),
            {
                "id": new_uuid(),
                "report": report,
                "unit": unit,
                "me": who.official_id,
                "now": NOON,
                "until": NOON + timedelta(days=days),
            },
        )


@pytest.mark.parametrize(
    ("unit", "rule", "days", "case", "field"),
    [
        (HOAN_KIEM, "inspection", 0, "12/TT-P3", "days"),
        (HOAN_KIEM, "inspection", 61, "12/TT-P3", "days"),
        (HOAN_KIEM, "curiosity", 30, "12/TT-P3", "rule"),
        ("99999", "inspection", 30, "12/TT-P3", "unit"),
        ("P0002", "inspection", 30, "12/TT-P3", "unit"),
        (HOAN_KIEM, "inspection", 30, "Lan", "caseNumber"),
        (HOAN_KIEM, "inspection", 30, "0912345678", "caseNumber"),
        (HOAN_KIEM, "inspection", 30, "12/TT-P3\n", "caseNumber"),
    ],
)
async def test_order_that_no_rule_allows_is_refused(
    rig: Rig, unit: str, rule: str, days: int, case: str, field: str
) -> None:
    quang, _ = await rig.operators()
    with pytest.raises(InvalidInput) as refused:
        await rig.delays.order(quang, rig.code, unit, rule, days, case, key())
    assert (refused.value.field, rig.rows("SELECT 1 FROM ledger.delay")) == (field, [])


async def test_database_itself_takes_no_order_longer_than_its_rule(rig: Rig) -> None:
    quang, _ = await rig.operators()
    with pytest.raises(DBAPIError, match="row-level security"):
        await put_order(rig, quang, days=61)


async def test_officers_of_units_neither_order_nor_see_delays(rig: Rig) -> None:
    delay, minh = await ordered(rig), await rig.world.official("minh")
    with pytest.raises(Forbidden):
        await rig.delays.order(minh, rig.code, HOAN_KIEM, "inspection", 30, "12/TT-P3", key())
    for change in (rig.delays.confirm, rig.delays.lift):
        with pytest.raises(Forbidden):
            await change(minh, delay, key())
    with pytest.raises(Forbidden):
        await rig.delays.listed(minh, PageRequest(20))


async def test_database_itself_shows_delays_to_operators_alone_at_city_level(rig: Rig) -> None:
    delay = await ordered(rig)
    nga = replace(await rig.world.official("nga"), city_level=True)
    quang, _ = await rig.operators()
    seen = []
    for who in (nga, quang):
        async with rig.world.database.read_scope(who, AuditEvent("ledger.read_delays")) as scope:
            seen.append(len(await scope.rows("SELECT 1 FROM ledger.delay LIMIT $1", 9)))
    assert seen == [0, 1]
    with pytest.raises(DBAPIError):
        async with rig.world.database.unit_of_work(nga, AuditEvent("ledger.lift_delay")) as work:
            await work.connection.execute(
                text("SELECT ledger.lift(:code, :now)"), {"code": delay, "now": NOON}
            )


async def test_what_is_absent_is_not_found(rig: Rig) -> None:
    quang, _ = await rig.operators()
    with pytest.raises(NotFound):
        await rig.delays.order(quang, "0" * 16, HOAN_KIEM, "inspection", 30, "12/TT-P3", key())
    with pytest.raises(NotFound):
        await rig.delays.confirm(quang, "0" * 16, key())


async def test_confirmed_delay_is_not_confirmed_again(rig: Rig) -> None:
    delay = await ordered(rig)
    _, son = await rig.operators()
    with pytest.raises(DelayOver):
        await rig.delays.confirm(son, delay, key())


async def test_same_key_has_one_effect_and_another_body_is_refused(rig: Rig) -> None:
    quang, _ = await rig.operators()
    once = key()
    answers = [
        await rig.delays.order(quang, rig.code, HOAN_KIEM, "inspection", 30, "12/TT-P3", once)
        for _ in range(2)
    ]
    assert (answers[0], len(rig.rows("SELECT 1 FROM ledger.delay"))) == (answers[1], 1)
    with pytest.raises(IdempotencyMismatch):
        other = Idempotency(once.key, b"\x02" * 32)
        await rig.delays.order(quang, rig.code, HOAN_KIEM, "inspection", 30, "12/TT-P3", other)


async def test_each_step_is_audited_with_rule_and_case(rig: Rig) -> None:
    quang, son = await rig.operators()
    done = await rig.delays.order(quang, rig.code, HOAN_KIEM, "inspection", 30, "12/QĐ-TT", key())
    await rig.delays.confirm(son, done.code, key())
    await rig.delays.lift(quang, done.code, key())
    assert rig.events("ledger.%_delay") == [
        (f"ledger.{step}_delay", f"report:{rig.code}", "inspection", "12/QD-TT")
        for step in ("order", "confirm", "lift")
    ]


async def test_operators_see_who_ordered_what_until_when(rig: Rig) -> None:
    await ordered(rig)
    await ordered(rig, confirmed=False)
    quang, _ = await rig.operators()
    first = await rig.delays.listed(quang, PageRequest(1))
    second = await rig.delays.listed(quang, PageRequest(1, first.positions[0]))
    assert (first.has_next, second.has_next) == (True, False)
    found = {one.state: one for one in (*first.items, *second.items)}
    delay = found[DelayState.IN_FORCE]
    assert (delay.report, delay.unit.code, delay.rule, delay.case_number) == (
        rig.code,
        HOAN_KIEM,
        "inspection",
        "12/TT-P3",
    )
    assert (delay.ordered_by, delay.confirmed_by) == ("Trần Đức Quang", "Trần Hải Sơn")
    assert (delay.until - delay.ordered_at, found[DelayState.ASKED].confirmed_by) == (MONTH, None)


async def test_rules_are_shown_to_anybody(rig: Rig) -> None:
    rules = await rig.delays.rules(await rig.citizen())
    assert {rule.code: rule.most_days for rule in rules} == {
        "denunciation": 60,
        "inspection": 60,
        "investigation": 90,
    }
