"""Duties, transfers, suspensions and ends: in force at once, refused where need be, remembered for ever."""

import asyncio
from datetime import date, timedelta

import pytest

from backend.officials.errors import DutyOverlap, NoSuchDuty, SameUnit, UnknownUnit, WrongState
from backend.officials.types import DutyEnding, DutyGift, DutyKind, OfficialState, Step
from backend.tenancy.errors import NoDutyHere
from foundation.errors import Forbidden, InvalidInput, NotFound, VersionConflict
from tests.backend.officials.rig import ASKING, HANDLER, WHY, Rig
from tests.backend.world import CITY, HOAN_KIEM, SOC_SON, key

TODAY = date(2026, 11, 24)
TOMORROW = TODAY + timedelta(days=1)
LEAD = DutyGift(DutyKind.LEAD, HOAN_KIEM)
NO_HANDLER = DutyEnding(DutyKind.HANDLER, HOAN_KIEM)


async def changed(
    rig: Rig,
    name: str,
    gifts: tuple[DutyGift, ...] = (),
    endings: tuple[DutyEnding, ...] = (),
    who: str = "nga",
) -> None:
    """One change of duties."""
    administrator = await rig.world.official(who)
    step = await rig.step(rig.code_of(name), who="nga")
    await rig.officials.change_duties(administrator, step, gifts, endings, key())


async def kinds(rig: Rig, name: str) -> list[str]:
    """Duties in force of one of the seeded officials, as the next request meets them."""
    return [duty.kind for duty in (await rig.world.official(name)).duties]


async def test_duty_given_counts_from_the_next_request(rig: Rig) -> None:
    await changed(rig, "Minh", (LEAD,))
    assert await kinds(rig, "minh") == ["handler", "lead"]


async def test_duty_ended_at_once_counts_no_longer(rig: Rig) -> None:
    await changed(rig, "Minh", (), (NO_HANDLER,))
    assert await kinds(rig, "minh") == []


async def test_duty_ended_with_a_day_counts_through_that_day(rig: Rig) -> None:
    await changed(rig, "Minh", (), (DutyEnding(DutyKind.HANDLER, HOAN_KIEM, TODAY),))
    assert await kinds(rig, "minh") == ["handler"]
    rig.world.clock.advance(timedelta(days=1))
    assert await kinds(rig, "minh") == []


async def test_duty_from_tomorrow_counts_tomorrow(rig: Rig) -> None:
    await changed(rig, "Minh", (DutyGift(DutyKind.LEAD, HOAN_KIEM, TOMORROW),))
    assert await kinds(rig, "minh") == ["handler"]
    rig.world.clock.advance(timedelta(days=1))
    assert await kinds(rig, "minh") == ["handler", "lead"]


async def test_duty_to_come_is_taken_back(rig: Rig) -> None:
    await changed(rig, "Minh", (DutyGift(DutyKind.LEAD, HOAN_KIEM, TOMORROW),))
    await changed(rig, "Minh", (), (DutyEnding(DutyKind.LEAD, HOAN_KIEM),))
    rig.world.clock.advance(timedelta(days=1))
    assert await kinds(rig, "minh") == ["handler"]


async def test_duty_given_and_taken_back_on_one_day_can_be_given_again(rig: Rig) -> None:
    for _ in range(2):
        await changed(rig, "Minh", (LEAD,))
        await changed(rig, "Minh", (), (DutyEnding(DutyKind.LEAD, HOAN_KIEM),))
    await changed(rig, "Minh", (LEAD,))
    assert await kinds(rig, "minh") == ["handler", "lead"]


async def test_duty_is_renewed_in_one_change(rig: Rig) -> None:
    until = DutyGift(DutyKind.HANDLER, HOAN_KIEM, TOMORROW, TOMORROW + timedelta(days=30))
    await changed(rig, "Minh", (until,), (DutyEnding(DutyKind.HANDLER, HOAN_KIEM, TODAY),))
    account = await rig.account(rig.code_of("Minh"))
    assert [(duty.from_day, duty.until_day, duty.in_force) for duty in account.duties] == [
        (date(2025, 7, 1), TODAY, True),
        (TOMORROW, TOMORROW + timedelta(days=30), False),
    ]


@pytest.mark.parametrize(
    ("gift", "field"),
    [
        (DutyGift(DutyKind.LEAD, HOAN_KIEM, TODAY - timedelta(days=1)), "fromDay"),
        (DutyGift(DutyKind.LEAD, HOAN_KIEM, TOMORROW, TODAY), "untilDay"),
        (DutyGift(DutyKind.LEAD, HOAN_KIEM, None, TODAY - timedelta(days=1)), "untilDay"),
        (DutyGift(DutyKind.LEAD, HOAN_KIEM, date(9999, 12, 31)), "fromDay"),
        (DutyGift(DutyKind.LEAD, HOAN_KIEM, None, date(9999, 12, 31)), "untilDay"),
    ],
)
async def test_days_in_the_past_reversed_or_far_are_refused(rig: Rig, gift: DutyGift, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await changed(rig, "Minh", (gift,))
    assert refused.value.field == field


async def test_duty_ended_in_the_past_is_refused(rig: Rig) -> None:
    with pytest.raises(InvalidInput):
        await changed(rig, "Minh", (), (DutyEnding(DutyKind.HANDLER, HOAN_KIEM, TODAY - timedelta(days=2)),))


async def test_duty_that_overlaps_is_refused(rig: Rig) -> None:
    with pytest.raises(DutyOverlap):
        await changed(rig, "Minh", (DutyGift(DutyKind.HANDLER, HOAN_KIEM, TOMORROW),))


async def test_duty_that_is_not_there_is_not_ended(rig: Rig) -> None:
    with pytest.raises(NoSuchDuty):
        await changed(rig, "Minh", (), (DutyEnding(DutyKind.LEAD, HOAN_KIEM),))


async def test_change_of_nothing_is_refused(rig: Rig) -> None:
    with pytest.raises(InvalidInput):
        await changed(rig, "Minh")


async def test_duty_in_a_unit_that_ends_before_is_refused(rig: Rig) -> None:
    rig.do("UPDATE tenancy.unit SET ended_on = %s WHERE code = %s", TOMORROW, HOAN_KIEM)
    with pytest.raises(UnknownUnit):
        await changed(rig, "Minh", (DutyGift(DutyKind.LEAD, HOAN_KIEM, TOMORROW),))


async def test_half_a_change_leaves_nothing(rig: Rig) -> None:
    with pytest.raises(DutyOverlap):
        await changed(rig, "Minh", (LEAD, HANDLER))
    assert (await kinds(rig, "minh"), rig.history(rig.code_of("Minh"))) == (["handler"], [])


async def test_nobody_administers_himself(rig: Rig) -> None:
    with pytest.raises(Forbidden):
        await changed(rig, "Nga", (DutyGift(DutyKind.PLATFORM_ADMIN, CITY),))
    assert rig.events() == [("official.change_duties", "common.forbidden")]


async def test_ward_administers_nobody_above(rig: Rig) -> None:
    with pytest.raises(NotFound):
        await changed(rig, "Quang", (), (DutyEnding(DutyKind.CITY_OPERATOR, CITY),), who="yen")


async def test_officer_without_the_duty_finds_nobody(rig: Rig) -> None:
    with pytest.raises(NotFound):
        await changed(rig, "Thảo", (LEAD,), who="minh")


async def test_administrator_of_the_city_working_for_a_ward_administers_nobody(rig: Rig) -> None:
    subject = "00000000-0000-4000-8000-000000000007"
    at_the_ward = await rig.signed_in(subject, HOAN_KIEM)
    with pytest.raises(NotFound):
        await rig.queries.account(at_the_ward, rig.code_of("Minh"))


async def test_old_version_is_refused_with_the_present_one(rig: Rig) -> None:
    code = rig.code_of("Minh")
    await changed(rig, "Minh", (LEAD,))
    with pytest.raises(VersionConflict) as refused:
        await rig.officials.suspend(await rig.world.official("nga"), Step(code, 1, WHY), ASKING, key())
    assert refused.value.current == 2


async def test_of_two_changes_at_once_one_wins(rig: Rig) -> None:
    nga, son, code = await rig.world.official("nga"), await rig.world.official("son"), rig.code_of("Minh")
    outcomes = await asyncio.gather(
        rig.officials.suspend(nga, Step(code, 1, WHY), ASKING, key()),
        rig.officials.suspend(son, Step(code, 1, WHY), ASKING, key()),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ChangedOfficial", "VersionConflict"]
    assert len(rig.requests()) == 1


async def test_suspended_official_is_out_at_the_next_request(rig: Rig) -> None:
    yen = await rig.world.official("yen")
    await rig.officials.suspend(yen, await rig.step(rig.code_of("Minh")), ASKING, key())
    with pytest.raises(NoDutyHere):
        await rig.world.official("minh")


async def test_suspension_ends_every_session_for_ever(rig: Rig) -> None:
    await rig.officials.suspend(
        await rig.world.official("yen"), await rig.step(rig.code_of("Minh")), ASKING, key()
    )
    assert rig.look("SELECT sub, sid, cause FROM identity.session_end") == [
        ("00000000-0000-4000-8000-000000000001", None, "official_suspended")
    ]


async def test_suspension_asks_the_directory_to_disable(rig: Rig) -> None:
    code = rig.code_of("Minh")
    await rig.officials.suspend(await rig.world.official("yen"), await rig.step(code), ASKING, key())
    assert rig.requests() == [("official.disable", code, {})]


async def test_reinstated_official_has_his_duties_again(rig: Rig) -> None:
    yen, code = await rig.world.official("yen"), rig.code_of("Minh")
    await rig.officials.suspend(yen, await rig.step(code), ASKING, key())
    await rig.officials.reinstate(yen, await rig.step(code), ASKING, key())
    assert await kinds(rig, "minh") == ["handler"]
    assert [operation for operation, _, _ in rig.requests()] == ["official.disable", "official.enable"]


async def test_suspended_twice_is_refused(rig: Rig) -> None:
    yen, code = await rig.world.official("yen"), rig.code_of("Minh")
    await rig.officials.suspend(yen, await rig.step(code), ASKING, key())
    with pytest.raises(WrongState):
        await rig.officials.suspend(yen, await rig.step(code), ASKING, key())


async def test_invitation_suspended_before_it_was_taken_up_is_an_invitation_again(rig: Rig) -> None:
    made, yen = await rig.invited(), await rig.world.official("yen")
    await rig.officials.suspend(yen, await rig.step(made.code), ASKING, key())
    again = await rig.officials.reinstate(yen, await rig.step(made.code), ASKING, key())
    assert again.state is OfficialState.INVITED


async def test_who_has_left_is_out_and_has_no_duty(rig: Rig) -> None:
    yen, code = await rig.world.official("yen"), rig.code_of("Minh")
    await rig.officials.end(yen, await rig.step(code), ASKING, key())
    with pytest.raises(NoDutyHere):
        await rig.world.official("minh")
    assert (await rig.account(code)).duties == ()


async def test_who_has_left_does_not_come_back(rig: Rig) -> None:
    yen, code = await rig.world.official("yen"), rig.code_of("Minh")
    await rig.officials.end(yen, await rig.step(code), ASKING, key())
    with pytest.raises(Forbidden):
        await rig.officials.reinstate(yen, await rig.step(code), ASKING, key())


@pytest.mark.parametrize("note", ["", "   ", "x" * 501, "a\x00b"])
async def test_reason_outside_its_limits_is_refused(rig: Rig, note: str) -> None:
    with pytest.raises(InvalidInput):
        await rig.officials.suspend(
            await rig.world.official("yen"), Step(rig.code_of("Minh"), 1, note), ASKING, key()
        )


async def test_transfer_moves_duties_and_organisation(rig: Rig) -> None:
    nga, code = await rig.world.official("nga"), rig.code_of("Minh")
    gift = DutyGift(DutyKind.HANDLER, SOC_SON)
    await rig.officials.transfer(nga, await rig.step(code), SOC_SON, (gift,), ASKING, key())
    account = await rig.account(code)
    assert (account.unit.code, [duty.unit.code for duty in account.duties]) == (SOC_SON, [SOC_SON])
    assert rig.requests() == [("official.move", code, {"toUnit": SOC_SON})]
    assert [kind for kind, _ in rig.history(code)] == ["transferred", "duty_given"]


async def test_transferred_official_works_in_the_new_unit_alone(rig: Rig) -> None:
    nga, subject = await rig.world.official("nga"), "00000000-0000-4000-8000-000000000001"
    gift = DutyGift(DutyKind.HANDLER, SOC_SON)
    step = await rig.step(rig.code_of("Minh"))
    await rig.officials.transfer(nga, step, SOC_SON, (gift,), ASKING, key())
    assert (await rig.signed_in(subject, HOAN_KIEM)).units == frozenset()
    assert len((await rig.signed_in(subject, SOC_SON)).units) == 1


async def test_official_without_an_account_is_not_transferred(rig: Rig) -> None:
    made, nga = await rig.invited(), await rig.world.official("nga")
    with pytest.raises(WrongState):
        await rig.officials.transfer(nga, await rig.step(made.code), SOC_SON, (), ASKING, key())


async def test_ward_transfers_nobody_to_another_ward(rig: Rig) -> None:
    yen, step = await rig.world.official("yen"), await rig.step(rig.code_of("Minh"))
    with pytest.raises(Forbidden):
        await rig.officials.transfer(yen, step, SOC_SON, (), ASKING, key())


async def test_nobody_of_the_city_is_transferred_to_the_party(rig: Rig) -> None:
    nga, step = await rig.world.official("nga"), await rig.step(rig.code_of("Minh"))
    with pytest.raises(UnknownUnit):
        await rig.officials.transfer(nga, step, "P0002", (), ASKING, key())


async def test_transfer_to_the_own_unit_is_refused(rig: Rig) -> None:
    nga, step = await rig.world.official("nga"), await rig.step(rig.code_of("Minh"))
    with pytest.raises(SameUnit):
        await rig.officials.transfer(nga, step, HOAN_KIEM, (), ASKING, key())


async def test_duty_at_the_old_unit_is_not_given_by_a_transfer(rig: Rig) -> None:
    nga, step = await rig.world.official("nga"), await rig.step(rig.code_of("Minh"))
    with pytest.raises(Exception, match="duty_outside_unit"):
        await rig.officials.transfer(nga, step, SOC_SON, (HANDLER,), ASKING, key())


async def test_history_says_who_and_why(rig: Rig) -> None:
    code = rig.code_of("Minh")
    await rig.officials.suspend(await rig.world.official("yen"), await rig.step(code), ASKING, key())
    rows = rig.look("SELECT kind, actor_name, note, version FROM tenancy.official_change")
    assert rows == [("suspended", "Trần Hải Yến", WHY, 2)]


async def test_reason_and_names_stay_out_of_the_audit_log(rig: Rig) -> None:
    await rig.officials.suspend(
        await rig.world.official("yen"), await rig.step(rig.code_of("Minh")), ASKING, key()
    )
    (line,) = rig.look("SELECT line FROM audit.event ORDER BY id DESC LIMIT 1")[0]
    assert not any(word in line for word in (WHY, "Minh", "Yến"))


async def party_administrator(rig: Rig) -> None:
    """Phương administers the people of her Party body, which has a body above it that she does not see."""
    rig.do(
        "INSERT INTO tenancy.duty SELECT uuidv7(), o.id, o.unit_id, 'unit_admin', '2026-01-01', NULL"
        " FROM tenancy.official o WHERE o.name = 'Trần Mai Phương'"
    )


async def test_party_body_administers_its_own_people(rig: Rig) -> None:
    await party_administrator(rig)
    made = await rig.invited("phuong", unit="P0002", duties=(DutyGift(DutyKind.HANDLER, "P0002"),))
    assert (await rig.account(made.code, "phuong")).unit.code == "P0002"


async def test_body_below_the_top_of_the_party_makes_no_administrators(rig: Rig) -> None:
    await party_administrator(rig)
    with pytest.raises(Forbidden):
        await rig.invited("phuong", unit="P0002", duties=(DutyGift(DutyKind.UNIT_ADMIN, "P0002"),))


async def test_administering_people_opens_no_unit_of_reports(rig: Rig) -> None:
    nga, yen = await rig.world.official("nga"), await rig.world.official("yen")
    assert (nga.units, nga.city_level, yen.units) == (frozenset(), False, frozenset())
