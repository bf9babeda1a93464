"""Merging near duplicates: one level, all or none, in the hand of who leads both; taken apart they go on."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from backend.duplicates.jobs import FollowerNotices
from backend.duplicates.near import NearQueries
from backend.duplicates.service import FollowService
from backend.releases.service import TextReleaseService
from backend.reports import merging as module
from backend.reports.errors import (
    AlreadyRated,
    AlreadyReopened,
    HasMerged,
    IllegalTransition,
    MergeReasonNeeded,
    NotMerged,
    PartsOpen,
    ReportMerged,
    TooLate,
    TooManyMerged,
)
from backend.reports.merging import MergeService
from backend.reports.types import (
    Asked,
    Changed,
    ClosingReason,
    Merge,
    Merged,
    ReportState,
    ReportStep,
    Submission,
)
from backend.work.parts import PartService
from backend.work.service import WorkService
from foundation.errors import Forbidden, IdempotencyMismatch, InvalidInput, NotFound, Refusal, VersionConflict
from foundation.idempotency import Idempotency
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from tests.backend.world import (
    CONSTRUCTION,
    HOAN_KIEM,
    POLICIES,
    SOC_SON,
    TEXT,
    World,
    change_ids,
    connect,
    key,
    merging_of,
    show_evidence,
)
from tests.conftest import Database

LATITUDE, LONGITUDE = 21.0245, 105.8516
WHY = "Cùng một cột đèn."


@dataclass
class Desk:
    """Minh's desk: Lan's report, to be worked on, and Hung's, which says the same."""

    world: World
    database: Database
    merges: MergeService
    near: NearQueries
    notices: FollowerNotices
    main: str
    other: str

    async def send(
        self,
        who: str = "hung",
        north: float | None = 0.0,
        ward: str = HOAN_KIEM,
        category: str = "street_light",
    ) -> str:
        point = (None, None) if north is None else (LATITUDE + north, LONGITUDE)
        submission = Submission(category, ward, "Phố Hàng Bài", TEXT, *point)
        return (await self.world.reports.submit(await self.world.citizen(who), submission, key())).code

    async def merge(
        self,
        *merged: str,
        into: str | None = None,
        who: str = "minh",
        reason: str | None = None,
        once: Idempotency | None = None,
        version: int = 1,
    ) -> Merged:
        asked = tuple(Asked(code, version) for code in merged or (self.other,))
        return await self.merges.merge(
            await self.world.official(who), Merge(Asked(into or self.main, 1), asked, reason), once or key()
        )

    async def unmerge(self, code: str | None = None, version: int = 2, who: str = "minh") -> Changed:
        return await self.merges.unmerge(
            await self.world.official(who), code or self.other, version, "Hai cột khác nhau.", key()
        )

    async def close(self, reason: ClosingReason = ClosingReason.RESOLVED, version: int = 1) -> None:
        """Minh does the work on Lan's report."""
        minh = await self.world.official("minh")
        show_evidence(self.database.settings(self.database.superuser), self.main)
        await self.world.reports.accept(minh, self.main, version, key())
        await self.world.reports.close(minh, self.main, version + 1, reason, None, None, key())

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with connect(self.database.settings(self.database.superuser)) as superuser:
            cursor = superuser.execute(query.encode(), values)
            return [] if cursor.description is None else cursor.fetchall()

    def standing(self) -> list[tuple[Any, ...]]:
        """Version and state of both reports, and how many were merged."""
        return self.rows(
            "SELECT r.version, r.state, (SELECT count(*) FROM reports.report m WHERE m.merged_into = r.id)"
            " FROM reports.report r WHERE r.code = ANY(%s) ORDER BY r.code = %s DESC",
            [self.main, self.other],
            self.main,
        )

    async def told(self, who: str) -> list[tuple[str, str]]:
        """What stands in a citizen's inbox after every change was told twice: kind and whose."""
        for change in change_ids(self.database.settings(self.database.superuser)) * 2:
            await self.world.notifications.deliver(self.world.system(), change)
            await self.notices.react(self.world.system(), change)
        citizen = await self.world.citizen(who)
        names = {f"report:{self.main}": "main", f"report:{self.other}": "other"}
        rows = self.rows(
            "SELECT kind, resource FROM notifications.inbox WHERE recipient = %s"
            " AND kind LIKE 'report.%%' ORDER BY change_id",
            citizen.citizen_id,
        )
        return [(kind, names[resource]) for kind, resource in rows]


@pytest.fixture
async def desk(world: World, database: Database) -> Desk:
    policy = PolicyEngine.load(POLICIES)
    found = Desk(
        world,
        database,
        merging_of(world),
        NearQueries(world.database, policy, world.clock),
        FollowerNotices(world.worker_database, policy, world.notifications, world.clock),
        (await world.submitted()).code,
        "",
    )
    found.other = await found.send()
    return found


async def test_merged_report_stands_still_and_names_the_other(desk: Desk) -> None:
    merged = await desk.merge()
    assert (merged.into, [one.changed for one in merged.reports]) == (
        desk.main,
        [Changed(desk.other, 2, ReportState.MERGED)],
    )
    assert merged.reports[0].distance == 0
    assert desk.standing() == [(1, "received", 1), (2, "merged", 0)]
    minh = await desk.world.official("minh")
    main = await desk.world.queries.one(minh, desk.main)
    other = await desk.world.queries.one(minh, desk.other)
    assert (main.merged_count, main.joined, other.state) == (1, None, ReportState.MERGED)
    assert other.joined is not None
    assert (other.joined.code, other.joined.state) == (desk.main, ReportState.RECEIVED)


async def test_timeline_says_it_and_its_reason_stays_among_officers(desk: Desk) -> None:
    await desk.merge(reason=WHY)
    await desk.unmerge()
    minh, hung = await desk.world.official("minh"), await desk.world.citizen("hung")
    seen = [await desk.world.queries.timeline(who, desk.other) for who in (minh, hung)]
    steps = [[entry.step for entry in entries] for entries in seen]
    assert steps == [[ReportStep.SUBMITTED, ReportStep.MERGED, ReportStep.UNMERGED]] * 2
    assert [entry.note for entry in seen[0]] == [None, WHY, "Hai cột khác nhau."]
    assert [entry.note for entry in seen[1]] == [None, None, None]
    public = await desk.world.queries.track(hung, desk.other)
    assert [entry.step for entry in public.timeline] == steps[0]


async def test_public_page_names_the_other_report_until_they_are_taken_apart(desk: Desk) -> None:
    lan = await desk.world.citizen()
    await desk.merge()
    assert (await desk.world.queries.track(lan, desk.other)).merged_into == desk.main
    await desk.unmerge()
    assert (await desk.world.queries.track(lan, desk.other)).merged_into is None


async def test_citizen_of_the_merged_report_sees_public_facts_of_the_other_alone(desk: Desk) -> None:
    await desk.merge()
    hung = await desk.world.citizen("hung")
    found = await desk.world.queries.one(hung, desk.other)
    assert found.joined is not None
    assert (found.joined.code, found.merged_count) == (desk.main, 0)
    with pytest.raises(NotFound):
        await desk.world.queries.one(hung, desk.main)
    with pytest.raises(NotFound):
        await desk.world.queries.timeline(hung, desk.main)


async def test_count_of_merged_reports_is_for_officers(desk: Desk) -> None:
    await desk.merge()
    assert (await desk.world.queries.one(await desk.world.citizen(), desk.main)).merged_count == 0


@pytest.mark.parametrize("state", ["received", "in_progress", "awaiting_citizen", "answered"])
async def test_taken_apart_it_is_where_it_was(desk: Desk, state: str) -> None:
    minh = await desk.world.official("minh")
    steps = {"received": 0, "in_progress": 1, "awaiting_citizen": 2, "answered": 2}[state]
    if steps:
        await desk.world.reports.accept(minh, desk.other, 1, key())
    if state == "awaiting_citizen":
        await desk.world.reports.ask(minh, desk.other, 2, "Cột số mấy?", key())
    if state == "answered":
        await desk.world.reports.answer(minh, desk.other, 2, "Đã sửa.", key())
    await desk.merge(version=1 + steps)
    changed = await desk.unmerge(version=2 + steps)
    assert (changed.version, changed.state) == (3 + steps, ReportState(state))
    found = await desk.world.queries.one(minh, desk.other)
    assert (found.joined, found.state) == (None, ReportState(state))


async def test_repetition_has_one_effect_and_the_same_answer(desk: Desk) -> None:
    once = key()
    first = await desk.merge(once=once)
    assert await desk.merge(once=once) == first
    assert desk.standing() == [(1, "received", 1), (2, "merged", 0)]
    with pytest.raises(IdempotencyMismatch):
        await desk.merge(once=Idempotency(once.key, b"\x02" * 32))


async def test_rehearsal_answers_as_the_deed_and_changes_nothing(desk: Desk) -> None:
    merge = Merge(Asked(desk.main, 1), (Asked(desk.other, 1),))
    before = desk.rows("SELECT count(*) FROM audit.event"), desk.standing()
    tried = await desk.merges.merge(await desk.world.official("minh"), merge, None)
    assert (desk.rows("SELECT count(*) FROM audit.event"), desk.standing()) == before
    assert await desk.merge() == tried


async def test_each_merged_report_has_its_event_that_names_the_other(desk: Desk) -> None:
    third = await desk.send()
    await desk.merge(desk.other, third)
    lines = desk.rows(
        "SELECT e.line::jsonb #>> '{unmapped,resource}', e.line FROM audit.event e"
        " WHERE e.line::jsonb #>> '{unmapped,action}' = 'report.merge' ORDER BY e.xid, e.id"
    )
    assert [resource for resource, _ in lines] == [f"report:{desk.other}", f"report:{third}"]
    assert all(desk.main in line for _, line in lines)


async def test_one_that_is_refused_refuses_all(desk: Desk) -> None:
    third = await desk.send(north=0.03)
    with pytest.raises(MergeReasonNeeded) as refused:
        await desk.merge(desk.other, third)
    assert (refused.value.report, desk.standing()) == (third, [(1, "received", 0), (1, "received", 0)])


@pytest.mark.parametrize("odd", [{"north": 0.03}, {"north": None}, {"category": "waste"}])
async def test_far_unknown_or_other_kind_needs_a_reason(desk: Desk, odd: dict[str, Any]) -> None:
    third = await desk.send(**odd)
    with pytest.raises(MergeReasonNeeded):
        await desk.merge(third)
    assert (await desk.merge(third, reason=WHY)).reports[0].changed.state is ReportState.MERGED


@pytest.mark.parametrize("bad", ["self", "twice", "none", "many", "no code"])
async def test_senseless_request_is_refused(desk: Desk, bad: str) -> None:
    codes = {
        "self": [desk.main],
        "twice": [desk.other, desk.other],
        "none": [],
        "many": [f"{n:016d}" for n in range(21)],
        "no code": ["đèn"],
    }[bad]
    merge = Merge(Asked(desk.main, 1), tuple(Asked(code, 1) for code in codes))
    with pytest.raises(InvalidInput):
        await desk.merges.merge(await desk.world.official("minh"), merge, key())


async def test_hidden_and_absent_report_are_refused_alike_on_either_side(desk: Desk) -> None:
    hidden = await desk.send(ward=SOC_SON)
    refusals = []
    for code in (hidden, "0000000000000000"):
        for asked in ({"merged": (code,)}, {"merged": (desk.other,), "into": code}):
            with pytest.raises(NotFound) as refused:
                await desk.merge(*asked["merged"], into=asked.get("into"))  # type: ignore[arg-type] # one code
            refusals.append((refused.value.code, refused.value.message("en")))
    assert len(set(refusals)) == 1


async def test_officer_of_another_unit_finds_nothing_to_merge(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.merge(who="dung")
    with pytest.raises(Forbidden):
        await desk.merge(who="quang")


async def test_officer_who_leads_one_of_both_is_refused(desk: Desk) -> None:
    minh = await desk.world.official("minh")
    gone = await desk.send()
    await desk.world.reports.forward(minh, gone, 1, CONSTRUCTION, "Thuộc Sở.", key())
    with pytest.raises(Forbidden):
        await desk.merge(gone, version=2)
    with pytest.raises(Forbidden):
        merge = Merge(Asked(gone, 2), (Asked(desk.other, 1),))
        await desk.merges.merge(minh, merge, key())


async def test_somebody_else_was_first_on_either_side(desk: Desk) -> None:
    minh = await desk.world.official("minh")
    with pytest.raises(VersionConflict):
        await desk.merge(version=7)
    await desk.world.reports.accept(minh, desk.main, 1, key())
    with pytest.raises(VersionConflict):
        await desk.merge()
    assert desk.standing() == [(2, "in_progress", 0), (1, "received", 0)]


async def test_there_is_one_level(desk: Desk) -> None:
    third = await desk.send()
    await desk.merge()
    with pytest.raises(ReportMerged) as refused:
        await desk.merges.merge(
            await desk.world.official("minh"), Merge(Asked(desk.other, 2), (Asked(third, 1),)), key()
        )
    assert refused.value.into == desk.main
    with pytest.raises(HasMerged):
        await desk.merge(desk.main, into=third)
    with pytest.raises(ReportMerged):
        await desk.merge(desk.other, into=third, version=2)


async def test_closed_report_is_neither_merged_nor_merged_into(desk: Desk) -> None:
    await desk.close()
    minh = await desk.world.official("minh")
    for merge in (
        Merge(Asked(desk.main, 3), (Asked(desk.other, 1),)),
        Merge(Asked(desk.other, 1), (Asked(desk.main, 3),)),
    ):
        with pytest.raises(IllegalTransition):
            await desk.merges.merge(minh, merge, key())


async def test_no_more_than_the_most_are_merged_into_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_MERGED", 1)
    third = await desk.send()
    await desk.merge()
    with pytest.raises(TooManyMerged):
        await desk.merge(third)


async def test_report_with_an_open_part_is_not_merged(desk: Desk) -> None:
    parts = PartService(desk.world.database, PolicyEngine.load(POLICIES), desk.world.clock, new_uuid)
    await parts.add(await desk.world.official("minh"), desk.other, CONSTRUCTION, "Xem dây.", key())
    with pytest.raises(PartsOpen):
        await desk.merge()


async def test_report_of_a_blocked_sender_is_merged_as_any_other(desk: Desk) -> None:
    desk.rows(
        "INSERT INTO abuse.block (id, code, report_id, citizen_id, unit_id, reason, blocked_by, blocked_at,"
        " until_at) SELECT %s, 'ZZZZZZZZZZZZZZZZ', r.id, r.citizen_id, r.handler_id, 'flooding',"
        " '00000000-0000-4000-8000-000000000001'::uuid, r.created_at, r.created_at + interval '1 day'"
        " FROM reports.report r WHERE r.code = %s AND EXISTS (SELECT FROM tenancy.official o"
        " WHERE o.id = '00000000-0000-4000-8000-000000000001')",
        new_uuid(),
        desk.other,
    )
    await desk.merge()
    assert desk.standing()[1] == (2, "merged", 0)


@pytest.mark.parametrize(
    "step", ["accept", "forward", "ask", "answer", "close", "reply", "add", "take_back", "rate", "reopen"]
)
async def test_every_step_on_a_merged_report_is_refused_and_names_the_other(desk: Desk, step: str) -> None:
    await desk.merge()
    minh, hung, reports = (
        await desk.world.official("minh"),
        await desk.world.citizen("hung"),
        desk.world.reports,
    )
    steps = {
        "accept": lambda: reports.accept(minh, desk.other, 2, key()),
        "forward": lambda: reports.forward(minh, desk.other, 2, CONSTRUCTION, "x", key()),
        "ask": lambda: reports.ask(minh, desk.other, 2, "?", key()),
        "answer": lambda: reports.answer(minh, desk.other, 2, "x", key()),
        "close": lambda: reports.close(minh, desk.other, 2, ClosingReason.RESOLVED, None, None, key()),
        "reply": lambda: reports.reply(hung, desk.other, 2, "x", key()),
        "add": lambda: reports.add(hung, desk.other, 2, "x", key()),
        "take_back": lambda: reports.take_back(hung, desk.other, 2, None, key()),
        "rate": lambda: reports.rate(hung, desk.other, 2, 5, None, key()),
        "reopen": lambda: reports.reopen(hung, desk.other, 2, "x", key()),
    }
    with pytest.raises(ReportMerged) as refused:
        await steps[step]()
    assert (refused.value.into, desk.standing()[1]) == (desk.main, (2, "merged", 0))


@pytest.mark.parametrize("deed", ["assign", "unassign", "note", "part", "text"])
async def test_work_on_a_merged_report_is_refused_and_names_the_other(desk: Desk, deed: str) -> None:
    await desk.merge()
    minh = await desk.world.official("minh")
    given = (desk.world.database, PolicyEngine.load(POLICIES), desk.world.clock, new_uuid)
    work, parts = WorkService(*given), PartService(*given)
    texts = TextReleaseService(database=given[0], policy=given[1], clock=given[2], new_id=new_uuid)
    deeds = {
        "assign": lambda: work.assign(minh, desk.other, 0, "x", key()),
        "unassign": lambda: work.take_away(minh, desk.other, 0, key()),
        "note": lambda: work.write_note(minh, desk.other, "x", key()),
        "part": lambda: parts.add(minh, desk.other, CONSTRUCTION, "x", key()),
        "text": lambda: texts.release(minh, desk.other, 0, "x", key()),
    }
    with pytest.raises(ReportMerged) as refused:
        await deeds[deed]()
    assert refused.value.into == desk.main


async def test_merged_report_is_rated_once_for_each_closing_of_the_other(desk: Desk) -> None:
    await desk.merge()
    await desk.close()
    hung, reports = await desk.world.citizen("hung"), desk.world.reports
    found = await desk.world.queries.one(hung, desk.other)
    assert found.rateable_until == desk.world.clock.now() + timedelta(days=15)
    rated = await reports.rate(hung, desk.other, 2, 4, "Tốt.", key())
    assert (rated.version, rated.state) == (3, ReportState.MERGED)
    with pytest.raises(AlreadyRated):
        await reports.rate(hung, desk.other, 3, 5, None, key())


async def test_report_with_merged_ones_is_not_closed_for_want_of_a_reply(desk: Desk) -> None:
    await desk.merge()
    minh, reports = await desk.world.official("minh"), desk.world.reports
    await reports.accept(minh, desk.main, 1, key())
    await reports.ask(minh, desk.main, 2, "Ở đâu ạ?", key())
    with pytest.raises(InvalidInput) as refusal:
        await reports.close(minh, desk.main, 3, ClosingReason.NO_REPLY, None, None, key())
    assert refusal.value.details["field"] == "reason"
    await desk.unmerge()
    alone = await reports.close(minh, desk.main, 3, ClosingReason.NO_REPLY, None, None, key())
    assert alone.state is ReportState.CLOSED


async def test_merged_report_whose_citizen_is_not_content_goes_its_own_way_once(desk: Desk) -> None:
    await desk.merge()
    await desk.close()
    hung, minh, reports = (
        await desk.world.citizen("hung"),
        await desk.world.official("minh"),
        desk.world.reports,
    )
    opened = await reports.reopen(hung, desk.other, 2, "Vẫn tắt.", key())
    assert (opened.state, desk.standing()[0][2]) == (ReportState.RECEIVED, 0)
    show_evidence(desk.database.settings(desk.database.superuser), desk.other)
    await reports.accept(minh, desk.other, 3, key())
    await reports.close(minh, desk.other, 4, ClosingReason.RESOLVED, None, None, key())
    with pytest.raises(AlreadyReopened):
        await reports.reopen(hung, desk.other, 5, "Vẫn tắt.", key())


async def test_word_of_the_merged_reports_citizen_ends_with_the_15_days_of_the_other(desk: Desk) -> None:
    await desk.merge()
    await desk.close()
    desk.world.clock.advance(timedelta(days=15, seconds=1))
    hung = await desk.world.citizen("hung")
    with pytest.raises(TooLate):
        await desk.world.reports.rate(hung, desk.other, 2, 4, None, key())
    with pytest.raises(TooLate):
        await desk.world.reports.reopen(hung, desk.other, 2, "Vẫn tắt.", key())


async def test_what_its_citizen_took_back_is_not_rated_by_others_but_theirs_goes_on(desk: Desk) -> None:
    await desk.merge()
    await desk.world.reports.take_back(await desk.world.citizen(), desk.main, 1, None, key())
    hung = await desk.world.citizen("hung")
    with pytest.raises(TooLate):
        await desk.world.reports.rate(hung, desk.other, 2, 4, None, key())
    opened = await desk.world.reports.reopen(hung, desk.other, 2, "Vẫn tắt.", key())
    assert opened.state is ReportState.RECEIVED


async def test_only_a_merged_report_is_taken_apart_and_by_its_own_unit(desk: Desk) -> None:
    with pytest.raises(NotMerged):
        await desk.unmerge(version=1)
    await desk.merge()
    with pytest.raises(NotFound):
        await desk.unmerge(who="dung")
    with pytest.raises(Forbidden):
        await desk.unmerge(who="quang")
    with pytest.raises(VersionConflict):
        await desk.unmerge(version=1)
    assert desk.standing()[1] == (2, "merged", 0)


async def test_merged_report_is_near_no_more_until_it_is_taken_apart(desk: Desk) -> None:
    minh = await desk.world.official("minh")
    await desk.merge()
    assert await desk.near.around(minh, desk.main) == ()
    await desk.unmerge()
    assert [found.code for found in await desk.near.around(minh, desk.main)] == [desk.other]


async def test_citizens_near_the_place_find_the_one_that_is_worked_on(desk: Desk) -> None:
    policy, minh = PolicyEngine.load(POLICIES), await desk.world.official("minh")
    texts = TextReleaseService(
        database=desk.world.database, policy=policy, clock=desk.world.clock, new_id=new_uuid
    )
    for code in (desk.main, desk.other):
        await texts.release(minh, code, 0, "Đèn tắt.", key())
    follows, mai = (
        FollowService(desk.world.database, policy, desk.world.clock),
        await desk.world.citizen("mai"),
    )
    await desk.merge()
    found = await follows.near(mai, "street_light", LATITUDE, LONGITUDE)
    assert [report.code for report in found] == [desk.main]
    with pytest.raises(NotFound):
        await follows.follow(mai, desk.other, key())


async def test_those_of_a_merged_report_are_told_of_the_other_only_while_it_is_merged(
    desk: Desk,
) -> None:
    policy, minh = PolicyEngine.load(POLICIES), await desk.world.official("minh")
    texts = TextReleaseService(
        database=desk.world.database, policy=policy, clock=desk.world.clock, new_id=new_uuid
    )
    await texts.release(minh, desk.other, 0, "Đèn tắt.", key())
    mai = await desk.world.citizen("mai")
    await FollowService(desk.world.database, policy, desk.world.clock).follow(mai, desk.other, key())
    await desk.merge()
    await desk.world.reports.accept(minh, desk.main, 1, key())
    expected = [("report.merged", "other"), ("report.accepted", "main")]
    assert (await desk.told("hung"), await desk.told("mai")) == (expected, expected)
    assert await desk.told("lan") == [("report.accepted", "main")]
    await desk.unmerge()
    await desk.world.reports.answer(minh, desk.main, 2, "Đã sửa.", key())
    expected = [*expected, ("report.unmerged", "other")]
    assert (await desk.told("hung"), await desk.told("mai")) == (expected, expected)


async def test_two_who_merge_two_reports_into_each_other_end_with_one_of_both(desk: Desk) -> None:
    async def one_way(into: str, merged: str) -> Merged | Refusal:
        try:
            return await desk.merge(merged, into=into)
        except Refusal as refusal:
            return refusal

    for _ in range(5):
        desk.main, desk.other = await desk.send(), await desk.send()
        ends = await asyncio.gather(
            one_way(desk.main, desk.other), one_way(desk.other, desk.main), one_way(desk.main, desk.other)
        )
        done = [end for end in ends if isinstance(end, Merged)]
        refused = [type(end) for end in ends if isinstance(end, Refusal)]
        assert (len(done), set(refused)) == (1, {VersionConflict})
        assert sorted(row[1] for row in desk.standing()) == ["merged", "received"]


async def test_closing_and_merging_at_once_never_merge_into_a_closed_report(desk: Desk) -> None:
    minh = await desk.world.official("minh")
    show_evidence(desk.database.settings(desk.database.superuser), desk.main)
    await desk.world.reports.accept(minh, desk.main, 1, key())
    merge = Merge(Asked(desk.main, 2), (Asked(desk.other, 1),))
    ends = await asyncio.gather(
        desk.world.reports.close(minh, desk.main, 2, ClosingReason.RESOLVED, None, None, key()),
        desk.merges.merge(minh, merge, key()),
        return_exceptions=True,
    )
    # The main report's version does not rise by merging: closing succeeds either way.
    assert isinstance(ends[0], Changed)
    merged = desk.standing()[1][1] == "merged"
    assert merged is isinstance(ends[1], Merged)


WALLS = {
    "into itself": "UPDATE reports.report SET state = 'merged', merged_into = id WHERE code = %(other)s",
    "a second level": "UPDATE reports.report SET state = 'merged', merged_into = (SELECT id FROM"
    " reports.report WHERE code = %(third)s) WHERE code = %(main)s",
    "into a merged one": "UPDATE reports.report SET state = 'merged', merged_into = (SELECT id FROM"
    " reports.report WHERE code = %(other)s) WHERE code = %(third)s",
    "elsewhere": "UPDATE reports.report SET merged_into = (SELECT id FROM reports.report"
    " WHERE code = %(third)s) WHERE code = %(other)s",
    "a state without its report": "UPDATE reports.report SET state = 'merged' WHERE code = %(third)s",
    "worked on": "UPDATE reports.report SET state = 'in_progress' WHERE code = %(other)s",
    "answered": "UPDATE reports.report SET answer = 'x' WHERE code = %(other)s",
}


@pytest.mark.parametrize("wall", WALLS)
async def test_database_itself_refuses(desk: Desk, wall: str) -> None:
    third = await desk.send()
    await desk.merge()
    codes = {"main": desk.main, "other": desk.other, "third": third}
    with (
        connect(desk.database.settings(desk.database.superuser)) as superuser,
        pytest.raises(psycopg.errors.CheckViolation),
    ):
        superuser.execute(WALLS[wall].encode(), codes)


async def test_database_itself_lets_no_other_unit_write_that_a_report_was_merged(desk: Desk) -> None:
    """A unit that had the report before sees it, and adds no such entry to its timeline."""
    minh, settings = await desk.world.official("minh"), desk.database.settings("backend_app")
    await desk.world.reports.forward(minh, desk.other, 1, CONSTRUCTION, "Thuộc Sở.", key())
    with connect(settings) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(
            "SELECT set_config('ioc.units', %s, false), set_config('ioc.subject', %s, false)",
            (",".join(map(str, minh.units)), str(minh.official_id)),
        )
        connection.execute(
            "INSERT INTO reports.timeline (id, report_id, version, at, kind, to_state, to_unit_id,"
            " actor_kind, actor_id) SELECT uuidv7(), r.id, 3, now(), 'merged', 'merged', r.handler_id,"
            " 'official', %s FROM reports.report r WHERE r.code = %s",
            (minh.official_id, desk.other),
        )
