"""What the worker does: idle accounts, quarterly lists, organisations, and what the directory has done."""

import hashlib
import json
from datetime import date, timedelta
from uuid import UUID

import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy.exc import DBAPIError

from backend.officials.errors import NotOnReview
from backend.officials.types import OfficialState, ReviewDecision
from backend.officials.upkeep import Idle
from foundation.errors import Forbidden, InvalidInput, NotFound
from tests.backend.officials.rig import ASKING, Rig
from tests.backend.world import HOAN_KIEM, key

OLD = date(2026, 10, 9)
"""46 days before."""


def seen(rig: Rig, day: date, *names: str) -> None:
    """Everybody was there today, but those named: they were there on `day`."""
    rig.do("UPDATE tenancy.official SET last_active_day = '2026-11-24'")
    for name in names:
        rig.do("UPDATE tenancy.official SET last_active_day = %s WHERE name LIKE %s", day, f"%{name}")


async def test_people_of_a_new_system_have_a_whole_term_to_sign_in(rig: Rig) -> None:
    rig.do("UPDATE tenancy.official SET last_active_day = NULL")
    assert await rig.upkeep.disable_idle() == 0


async def test_46_idle_days_suspend(rig: Rig) -> None:
    seen(rig, OLD, "Minh")
    assert await rig.upkeep.disable_idle() == 1
    code = rig.code_of("Minh")
    assert (await rig.account(code)).state is OfficialState.SUSPENDED
    assert rig.requests() == [("official.disable", code, {})]
    assert rig.history(code) == [("suspended", "officials_idle")]
    assert rig.events() == [("official.disable_idle", None)]
    assert rig.look("SELECT cause FROM identity.session_end") == [("official_idle",)]


async def test_45_idle_days_do_not(rig: Rig) -> None:
    seen(rig, OLD + timedelta(days=1), "Minh")
    assert await rig.upkeep.disable_idle() == 0


async def test_idle_twice_is_suspended_once(rig: Rig) -> None:
    seen(rig, OLD, "Minh")
    await rig.upkeep.disable_idle()
    assert await rig.upkeep.disable_idle() == 0


async def test_official_of_a_party_body_is_suspended_like_everybody(rig: Rig) -> None:
    seen(rig, OLD, "Phương")
    assert await rig.upkeep.disable_idle() == 1


async def test_reinstated_official_has_a_whole_term(rig: Rig) -> None:
    seen(rig, OLD, "Minh")
    await rig.upkeep.disable_idle()
    code = rig.code_of("Minh")
    await rig.officials.reinstate(await rig.world.official("yen"), await rig.step(code), ASKING, key())
    assert await rig.upkeep.disable_idle() == 0


async def test_invitation_that_nobody_took_up_is_suspended(rig: Rig) -> None:
    made = await rig.invited()
    rig.world.clock.advance(timedelta(days=46))
    rig.do("UPDATE tenancy.official SET last_active_day = '2027-01-09' WHERE code <> %s", made.code)
    assert await rig.upkeep.disable_idle() == 1


async def test_failed_suspension_keeps_no_other_from_it_and_fails_the_job(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen(rig, OLD, "Minh", "Dũng")
    suspend, tried = rig.upkeep._suspend, []

    async def failing_first(official_id: UUID, idle: Idle) -> bool:
        tried.append(official_id)
        if len(tried) == 1:
            raise RuntimeError("a fault of this one")
        return await suspend(official_id, idle)

    monkeypatch.setattr(rig.upkeep, "_suspend", failing_first)
    with pytest.raises(ExceptionGroup) as failed:
        await rig.upkeep.disable_idle()
    monkeypatch.undo()
    assert ([str(each) for each in failed.value.exceptions], len(tried)) == (["a fault of this one"], 2)
    # The second one is suspended already: the first is left.
    assert await rig.upkeep.disable_idle() == 1


async def test_who_is_invited_again_meanwhile_is_not_suspended(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await rig.invited()
    rig.world.clock.advance(timedelta(days=46))
    rig.do("UPDATE tenancy.official SET last_active_day = '2027-01-09' WHERE code <> %s", made.code)
    suspend = rig.upkeep._suspend

    async def invited_first(official_id: UUID, idle: Idle) -> bool:
        await rig.officials.resend(await rig.world.official("yen"), made.code, ASKING, key())
        return await suspend(official_id, idle)

    monkeypatch.setattr(rig.upkeep, "_suspend", invited_first)
    assert await rig.upkeep.disable_idle() == 0
    assert (await rig.account(made.code)).state is OfficialState.INVITED


async def test_worker_can_not_reinstate(rig: Rig) -> None:
    seen(rig, OLD, "Minh")
    await rig.upkeep.disable_idle()
    rig.do("UPDATE tenancy.official SET state = 'active' WHERE state = 'suspended'", role="backend_worker")
    assert (await rig.account(rig.code_of("Minh"))).state is OfficialState.SUSPENDED


async def test_quarters_list_has_everybody_once(rig: Rig) -> None:
    rig.do("UPDATE tenancy.official SET created_on = '2026-09-01'")
    assert (await rig.upkeep.make_reviews(), await rig.upkeep.make_reviews()) == (9, 0)
    assert rig.look("SELECT DISTINCT quarter, due_on FROM tenancy.review") == [("2026Q4", date(2026, 10, 31))]


async def test_who_came_after_the_quarter_began_is_on_the_next_list(rig: Rig) -> None:
    rig.do("UPDATE tenancy.official SET created_on = '2026-10-02'")
    assert await rig.upkeep.make_reviews() == 0


async def listed(rig: Rig, who: str, open_only: bool = False) -> list[tuple[str, str | None]]:
    """(name, decision) of the quarter's list as an administrator sees it."""
    page = await rig.queries.reviews(await rig.world.official(who), "2026Q4", open_only, 100, None)
    return [(entry.name, entry.decision) for entry in page.items]


async def reviewed(rig: Rig, name: str, who: str = "yen", quarter: str = "2026Q4") -> None:
    """Keep one."""
    await rig.reviews.review(
        await rig.world.official(who), rig.code_of(name), quarter, ReviewDecision.KEEP, None, key()
    )


async def made(rig: Rig) -> None:
    """A quarter's list."""
    rig.do("UPDATE tenancy.official SET created_on = '2026-09-01'")
    await rig.upkeep.make_reviews()


async def test_decision_is_on_the_list_and_in_the_history(rig: Rig) -> None:
    await made(rig)
    await reviewed(rig, "Minh")
    assert await listed(rig, "yen") == [
        ("Trần Văn Minh", "keep"),
        ("Trần Thị Thảo", None),
        ("Trần Hải Yến", None),
    ]
    assert await listed(rig, "yen", open_only=True) == [("Trần Thị Thảo", None), ("Trần Hải Yến", None)]
    assert rig.history(rig.code_of("Minh")) == [("reviewed_keep", "Trần Hải Yến")]


async def test_nobody_reviews_himself(rig: Rig) -> None:
    await made(rig)
    with pytest.raises(Forbidden):
        await reviewed(rig, "Yến")


async def test_nobody_reviews_another_units_people(rig: Rig) -> None:
    await made(rig)
    with pytest.raises(NotFound):
        await reviewed(rig, "Dũng")


async def test_official_who_is_on_no_list_is_not_reviewed(rig: Rig) -> None:
    with pytest.raises(NotOnReview):
        await reviewed(rig, "Minh")


@pytest.mark.parametrize("quarter", ["2026Q5", "26Q1", "2026-Q1", "", "2026Q4\n"])
async def test_quarter_that_is_none_is_refused(rig: Rig, quarter: str) -> None:
    with pytest.raises(InvalidInput):
        await reviewed(rig, "Minh", quarter=quarter)


async def test_units_with_open_reviews_are_reminded(rig: Rig) -> None:
    await made(rig)
    before = len(rig.events())
    assert await rig.upkeep.remind() == 5
    assert [action for action, _ in rig.events()[before:]] == ["official.remind_review"] * 5


async def test_units_are_reminded_once_a_week(rig: Rig) -> None:
    await made(rig)
    before = len(rig.events())
    assert (await rig.upkeep.remind(), await rig.upkeep.remind()) == (5, 0)
    assert len(rig.events()) - before == 5
    # From a Tuesday to the Sunday, and the Monday after it.
    rig.world.clock.advance(timedelta(days=5))
    assert await rig.upkeep.remind() == 0
    rig.world.clock.advance(timedelta(days=1))
    assert await rig.upkeep.remind() == 5


async def test_organisation_follows_its_unit(rig: Rig) -> None:
    await rig.upkeep.follow(HOAN_KIEM)
    assert rig.requests() == [("organisation.put", HOAN_KIEM, {"name": "Phường Hoàn Kiếm", "enabled": True})]


async def test_organisation_of_a_unit_that_ended_is_disabled(rig: Rig) -> None:
    rig.do("UPDATE tenancy.unit SET ended_on = '2026-11-24' WHERE code = %s", HOAN_KIEM)
    await rig.upkeep.follow(HOAN_KIEM)
    assert rig.requests()[0][2]["enabled"] is False


async def test_organisation_of_a_party_body_follows_too(rig: Rig) -> None:
    await rig.upkeep.follow("P0002")
    assert rig.requests()[0][2]["name"] == "Ban Tổ chức Thành ủy"


async def test_unit_that_is_none_is_followed_by_nothing(rig: Rig) -> None:
    with pytest.raises(LookupError):
        await rig.upkeep.follow("99999")


def ended(rig: Rig, state: str, code: str | None = None) -> UUID:
    """The directory has ended the one request."""
    rig.do(
        "UPDATE directory.request SET state = %s, code = %s, jws = NULL, ended_at = now()",
        state,
        code,
        role="backend_directory",
    )
    return UUID(str(rig.look("SELECT id FROM directory.request")[0][0]))


async def test_done_request_is_an_event(rig: Rig) -> None:
    await rig.invited()
    await rig.upkeep.directory_done(ended(rig, "done"))
    assert rig.events()[-1] == ("official.create.done", None)


async def test_refused_request_is_in_the_history_and_shown(rig: Rig) -> None:
    official = await rig.invited()
    await rig.upkeep.directory_done(ended(rig, "refused", "directory.username_taken"))
    account = await rig.account(official.code)
    assert [(request.state, request.error) for request in account.requests] == [
        ("refused", "directory.username_taken")
    ]
    assert rig.history(official.code)[-1] == ("directory_refused", "organisations_follow")
    assert rig.events()[-1] == ("official.create.refused", None)


@pytest.mark.parametrize(("state", "code"), [("done", None), ("refused", "directory.username_taken")])
async def test_end_of_a_request_is_told_once(rig: Rig, state: str, code: str | None) -> None:
    """The worker was killed after its commit, and the job runs again."""
    official = await rig.invited()
    request = ended(rig, state, code)
    await rig.upkeep.directory_done(request)
    told = (rig.events(), rig.history(official.code))
    await rig.upkeep.directory_done(request)
    assert (rig.events(), rig.history(official.code)) == told


def planted(rig: Rig, moment: UUID, words: str) -> None:
    """A stolen api takes the id that would follow from what it knows, as ids of events once did."""
    digest = hashlib.sha256(moment.bytes + words.encode()).digest()
    low = int.from_bytes(digest[:10], "big") & ~(0xF << 76) & ~(0b11 << 62) | 0x7 << 76 | 0b10 << 62
    event_id = UUID(int=moment.int >> 80 << 80 | low)
    line = json.dumps({"unmapped": {"action": "planted"}, "metadata": {"uid": str(event_id)}})
    rig.do("INSERT INTO audit.event (id, line) VALUES (%s, %s)", event_id, line, role="backend_app")


async def test_line_that_the_api_planted_hides_no_end_of_a_request(rig: Rig) -> None:
    official = await rig.invited()
    request = ended(rig, "refused", "directory.username_taken")
    planted(rig, request, "officials.directory_done")
    await rig.upkeep.directory_done(request)
    assert rig.events()[-1] == ("official.create.refused", None)
    assert rig.history(official.code)[-1] == ("directory_refused", "organisations_follow")


@pytest.mark.parametrize("role", ["backend_app", "backend_directory"])
async def test_nobody_but_the_worker_says_what_was_told(rig: Rig, role: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        rig.do("INSERT INTO tenancy.told (what, subject) VALUES ('directory_done', 'x')", role=role)


@pytest.mark.parametrize(
    "change", ["DELETE FROM tenancy.told", "UPDATE tenancy.told SET subject = 'x'", "TRUNCATE tenancy.told"]
)
async def test_worker_takes_back_nothing_that_was_told(rig: Rig, change: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        rig.do(change, role="backend_worker")


async def test_what_could_not_be_told_is_told_by_the_next_run(rig: Rig) -> None:
    official = await rig.invited()
    request = ended(rig, "refused", "directory.username_taken")
    rig.do("REVOKE INSERT (id, line) ON audit.event FROM backend_worker")
    with pytest.raises(DBAPIError):
        await rig.upkeep.directory_done(request)
    rig.do("GRANT INSERT (id, line) ON audit.event TO backend_worker")
    await rig.upkeep.directory_done(request)
    assert rig.history(official.code)[-1] == ("directory_refused", "organisations_follow")


async def test_request_that_still_waits_is_told_of_when_it_ends(rig: Rig) -> None:
    await rig.invited()
    (request,) = rig.look("SELECT id FROM directory.request")[0]
    before = rig.events()
    await rig.upkeep.directory_done(request)
    assert rig.events() == before
    await rig.upkeep.directory_done(ended(rig, "done"))
    assert ("official.create.done", None) in rig.events()


async def test_request_of_nobody_is_a_fault(rig: Rig) -> None:
    with pytest.raises(LookupError):
        await rig.upkeep.directory_done(UUID(int=1))


async def test_reviews_of_the_city_list_the_city_alone(rig: Rig) -> None:
    await made(rig)
    assert len(await listed(rig, "nga")) == 8
    assert await listed(rig, "quang") == []
