"""Closing takes evidence or a ground of the law; the citizen adds, withdraws, rates and reopens."""

from datetime import timedelta

import pytest

from backend.reports.errors import (
    AlreadyRated,
    AlreadyReopened,
    EvidenceMissing,
    IllegalTransition,
    TooLate,
    UnknownLegalReason,
)
from backend.reports.types import CITIZENS_WORD, ClosingReason, ReportState, ReportStep
from foundation.errors import Forbidden, InvalidInput, NotFound
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from tests.backend.world import NOON, World, connect, key, show_evidence
from tests.conftest import Database


async def in_progress(world: World) -> tuple[CitizenPrincipal, OfficialPrincipal, str]:
    """A report that Minh of the ward works on."""
    citizen, officer = await world.citizen(), await world.official("minh")
    code = (await world.submitted(citizen)).code
    await world.reports.accept(officer, code, 1, key())
    return citizen, officer, code


async def closed(world: World, database: Database) -> tuple[CitizenPrincipal, OfficialPrincipal, str]:
    """A report that was closed as resolved, at version 3."""
    citizen, officer, code = await in_progress(world)
    show_evidence(database.settings(database.superuser), code)
    await world.reports.close(officer, code, 2, ClosingReason.RESOLVED, None, None, key())
    return citizen, officer, code


async def test_resolved_without_evidence_is_refused(world: World) -> None:
    _, officer, code = await in_progress(world)
    with pytest.raises(EvidenceMissing):
        await world.reports.close(officer, code, 2, ClosingReason.RESOLVED, None, None, key())
    assert (await world.queries.one(officer, code)).state is ReportState.IN_PROGRESS


async def test_photo_of_the_citizen_is_no_evidence_of_the_work(world: World, database: Database) -> None:
    citizen, officer, code = await in_progress(world)
    show_evidence(database.settings(database.superuser), code, by=citizen.citizen_id)
    with pytest.raises(EvidenceMissing):
        await world.reports.close(officer, code, 2, ClosingReason.RESOLVED, None, None, key())


async def test_evidence_of_before_the_reopening_is_none_for_after(world: World, database: Database) -> None:
    citizen, officer, code = await closed(world, database)
    world.clock.advance(timedelta(days=1))
    await world.reports.reopen(citizen, code, 3, "Đèn lại tắt.", key())
    await world.reports.accept(officer, code, 4, key())
    with pytest.raises(EvidenceMissing):
        await world.reports.close(officer, code, 5, ClosingReason.RESOLVED, None, None, key())
    show_evidence(database.settings(database.superuser), code, world.clock.now())
    again = await world.reports.close(officer, code, 5, ClosingReason.RESOLVED, None, None, key())
    assert again.state is ReportState.CLOSED


async def test_refusal_names_its_ground_and_says_why(world: World) -> None:
    citizen, officer, code = await in_progress(world)
    await world.reports.close(
        officer, code, 2, ClosingReason.OUT_OF_SCOPE, "Đây là đơn tố cáo.", "denunciation", key()
    )
    seen = await world.queries.one(citizen, code)
    assert (seen.closing_reason, seen.legal_reason) == (ClosingReason.OUT_OF_SCOPE, "denunciation")


@pytest.mark.parametrize(
    ("reason", "note", "ground", "field"),
    [
        (ClosingReason.NO_JURISDICTION, "Ngoài thành phố.", None, "legalReason"),
        (ClosingReason.NO_JURISDICTION, None, "outside_city", "note"),
        (ClosingReason.NO_JURISDICTION, " \n ", "outside_city", "note"),
        (ClosingReason.RESOLVED, None, "outside_city", "legalReason"),
        (ClosingReason.NO_REPLY, None, None, "reason"),
        (ClosingReason.WITHDRAWN, None, None, "reason"),
        (ClosingReason.OUT_OF_SCOPE, "x", "c" * 41, "legalReason"),
    ],
)
async def test_closing_that_lacks_what_its_reason_needs_is_refused(
    world: World, reason: ClosingReason, note: str | None, ground: str | None, field: str
) -> None:
    _, officer, code = await in_progress(world)
    with pytest.raises(InvalidInput) as refusal:
        await world.reports.close(officer, code, 2, reason, note, ground, key())
    assert refusal.value.details["field"] == field


@pytest.mark.parametrize("ground", ["outside_city", "nothing_of_the_kind"])
async def test_ground_of_another_refusal_is_refused(world: World, ground: str) -> None:
    _, officer, code = await in_progress(world)
    with pytest.raises(UnknownLegalReason):
        await world.reports.close(officer, code, 2, ClosingReason.OUT_OF_SCOPE, "x", ground, key())


async def test_ground_that_ended_is_refused(world: World, database: Database) -> None:
    _, officer, code = await in_progress(world)
    with connect(database.settings(database.superuser)) as connection:
        connection.execute(
            "UPDATE reports.legal_reason SET until_day = '2026-11-23' WHERE code = 'complaint'"
        )
    with pytest.raises(UnknownLegalReason):
        await world.reports.close(officer, code, 2, ClosingReason.OUT_OF_SCOPE, "x", "complaint", key())
    assert [reason.code for reason in await world.queries.legal_reasons(officer)] == [
        "denunciation",
        "state_secret",
        "outside_city",
        "not_found_on_site",
    ]


async def test_citizen_adds_and_the_work_goes_on(world: World) -> None:
    citizen, officer, code = await in_progress(world)
    added = await world.reports.add(citizen, code, 2, "Cột số 7.", key())
    assert (added.version, added.state) == (3, ReportState.IN_PROGRESS)
    entry = (await world.queries.timeline(officer, code))[-1]
    assert (entry.step, entry.note, entry.actor) == (ReportStep.ADDED, "Cột số 7.", "citizen")


async def test_withdrawn_report_is_neither_rated_nor_reopened(world: World) -> None:
    citizen, _, code = await in_progress(world)
    gone = await world.reports.take_back(citizen, code, 2, None, key())
    assert gone.state is ReportState.CLOSED
    seen = await world.queries.one(citizen, code)
    assert (seen.closing_reason, seen.rateable_until) == (ClosingReason.WITHDRAWN, None)
    with pytest.raises(TooLate):
        await world.reports.rate(citizen, code, 3, 5, None, key())
    with pytest.raises(TooLate):
        await world.reports.reopen(citizen, code, 3, "Đổi ý.", key())


async def test_rating_is_given_once_for_each_closing(world: World, database: Database) -> None:
    citizen, officer, code = await closed(world, database)
    await world.reports.rate(citizen, code, 3, 2, "Vẫn nhấp nháy.", key())
    with pytest.raises(AlreadyRated):
        await world.reports.rate(citizen, code, 4, 5, None, key())
    world.clock.advance(timedelta(hours=1))
    await world.reports.reopen(citizen, code, 4, "Lại tắt.", key())
    await world.reports.accept(officer, code, 5, key())
    world.clock.advance(timedelta(hours=1))
    show_evidence(database.settings(database.superuser), code, world.clock.now())
    await world.reports.close(officer, code, 6, ClosingReason.RESOLVED, None, None, key())
    await world.reports.rate(citizen, code, 7, 5, None, key())
    stars = [entry.stars for entry in await world.queries.timeline(officer, code)]
    assert [given for given in stars if given is not None] == [2, 5]


@pytest.mark.parametrize("stars", [0, 6, -1, 2**31])
async def test_stars_outside_one_to_five_are_refused(world: World, database: Database, stars: int) -> None:
    citizen, _, code = await closed(world, database)
    with pytest.raises(InvalidInput):
        await world.reports.rate(citizen, code, 3, stars, None, key())


async def test_fifteen_days_after_the_closing_it_is_too_late(world: World, database: Database) -> None:
    citizen, _, code = await closed(world, database)
    seen = await world.queries.one(citizen, code)
    assert seen.rateable_until == seen.reopenable_until == NOON + CITIZENS_WORD
    world.clock.advance(CITIZENS_WORD + timedelta(seconds=1))
    with pytest.raises(TooLate):
        await world.reports.rate(citizen, code, 3, 5, None, key())
    with pytest.raises(TooLate):
        await world.reports.reopen(citizen, code, 3, "Lại tắt.", key())


async def test_report_is_reopened_once(world: World, database: Database) -> None:
    citizen, officer, code = await closed(world, database)
    opened = await world.reports.reopen(citizen, code, 3, "Lại tắt.", key())
    assert opened.state is ReportState.RECEIVED
    assert (await world.queries.one(citizen, code)).reopenable_until is None
    await world.reports.accept(officer, code, 4, key())
    show_evidence(database.settings(database.superuser), code, world.clock.now())
    await world.reports.close(officer, code, 5, ClosingReason.RESOLVED, None, None, key())
    with pytest.raises(AlreadyReopened):
        await world.reports.reopen(citizen, code, 6, "Lại tắt.", key())


async def test_open_report_is_not_rated(world: World) -> None:
    citizen, _, code = await in_progress(world)
    with pytest.raises(IllegalTransition):
        await world.reports.rate(citizen, code, 2, 5, None, key())


async def test_another_citizen_finds_nothing_to_rate(world: World, database: Database) -> None:
    _, _, code = await closed(world, database)
    with pytest.raises(NotFound):
        await world.reports.rate(await world.citizen("hung"), code, 3, 1, None, key())


async def test_officer_who_rates_the_own_work_is_refused(world: World, database: Database) -> None:
    _, officer, code = await closed(world, database)
    with pytest.raises(Forbidden):
        await world.reports.rate(officer, code, 3, 5, None, key())  # type: ignore[arg-type]  # the attack


async def test_rendition_of_the_citizens_own_photo_is_no_evidence(world: World, database: Database) -> None:
    citizen, officer, code = await in_progress(world)
    settings = database.settings(database.superuser)
    show_evidence(settings, code, by=citizen.citizen_id)
    show_evidence(settings, code)
    with connect(settings) as connection:
        connection.execute(
            "UPDATE media.object m SET redacts = o.id FROM media.object o"
            " WHERE o.uploader_id = %s AND m.uploader_id <> %s",
            (citizen.citizen_id, citizen.citizen_id),
        )
    with pytest.raises(EvidenceMissing):
        await world.reports.close(officer, code, 2, ClosingReason.RESOLVED, None, None, key())
