"""The same done to many reports: each by itself, once by its key; a dry run changes nothing."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from backend.work.bulk import MOST_REPORTS, Asked, Bulk, BulkAction, BulkService, Outcome
from backend.work.templates import TemplateKind
from foundation import deadline
from foundation.errors import InvalidInput
from foundation.idempotency import Idempotency
from tests.backend.work.conftest import Rig
from tests.backend.world import CONSTRUCTION, HOAN_KIEM, SOC_SON, key

NOTE = Bulk(BulkAction.NOTE, text="Đã gọi công ty chiếu sáng.")
HELP = Bulk(BulkAction.ADD_SUPPORTING_UNIT, text="Kiểm tra cột đèn.", unit=CONSTRUCTION)


def bulk_of(rig: Rig) -> BulkService:
    return BulkService(rig.service, rig.parts, rig.templates)


def said(outcomes: tuple[Outcome, ...]) -> list[str]:
    """For each report the refusal's code, or that it was done."""
    return ["done" if one.refusal is None else one.refusal.code for one in outcomes]


def everything(rig: Rig) -> dict[str, list[str]]:
    """Every row of every table but those of the log."""
    tables = rig.rows(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|information_schema|audit)' ORDER BY 1"
    )
    return {
        table: sorted(str(row[0]) for row in rig.rows(f"SELECT t::text FROM {table} t"))
        for (table,) in tables
    }


async def test_dry_run_tells_what_the_real_run_does_and_changes_nothing(rig: Rig) -> None:
    minh, thao, dung = [await rig.world.official(name) for name in ("minh", "thao", "dung")]
    free, taken, stale = [(await rig.world.submitted()).code for _ in range(3)]
    hidden = (await rig.world.submitted(ward=SOC_SON)).code
    held = await rig.service.assign(minh, taken, 0, rig.code_of(thao), key())
    asked = [Asked(hidden, 0), Asked(free, 0), Asked(taken, held.version), Asked(stale, 7)]
    give = Bulk(BulkAction.ASSIGN, official=rig.code_of(thao))
    stranger = replace(give, official=rig.code_of(dung))
    before, log = everything(rig), rig.rows("SELECT count(*) FROM audit.event")[0][0]
    tried = said(await bulk_of(rig).run(minh, give, asked, key(), dry=True))
    for other in (stranger, NOTE, HELP, Bulk(BulkAction.UNASSIGN)):
        await bulk_of(rig).run(minh, other, [Asked(free, 0)], key(), dry=True)
    assert everything(rig) == before
    # Of what was refused the log knows, and of nothing else: no event, no effect.
    assert rig.rows("SELECT count(*) FROM audit.event")[0][0] == log + 3 + 2
    done = said(await bulk_of(rig).run(minh, give, asked, key(), dry=False))
    assert tried == done == ["common.not_found", "done", "work.same_assignee", "common.version_conflict"]
    assert rig.actions(free)[-1] == "report.assign"
    assert everything(rig) != before


async def test_repetition_does_nothing_twice_and_tries_again_what_was_refused(rig: Rig) -> None:
    minh, once = await rig.world.official("minh"), key()
    codes = [(await rig.world.submitted()).code for _ in range(2)]
    asked = [Asked(code, 0) for code in codes]
    give = Bulk(BulkAction.ASSIGN, official=rig.code_of(minh))
    state = "UPDATE reports.report SET state = %s, closing_reason = %s, closed_at = %s WHERE code = %s"
    rig.rows(state, "closed", "resolved", rig.world.clock.now(), codes[1])
    first = await bulk_of(rig).run(minh, give, asked, once, dry=False)
    rig.rows(state, "received", None, None, codes[1])
    second = await bulk_of(rig).run(minh, give, asked, once, dry=False)
    third = await bulk_of(rig).run(minh, give, asked, once, dry=False)
    assert (said(first), said(second)) == (["done", "work.report_closed"], ["done", "done"])
    assert third == second
    assert rig.rows("SELECT count(*) FROM work.entry WHERE kind = 'assigned'") == [(2,)]


async def test_key_of_another_bulk_is_refused_for_what_it_has_done(rig: Rig) -> None:
    minh, once = await rig.world.official("minh"), key()
    code = (await rig.world.submitted()).code
    await bulk_of(rig).run(minh, NOTE, [Asked(code, 0)], once, dry=False)
    other = Idempotency(once.key, b"\x02" * 32)
    again = await bulk_of(rig).run(minh, replace(NOTE, text="Khác"), [Asked(code, 0)], other, dry=False)
    assert said(again) == ["idempotency.mismatch"]
    assert rig.rows("SELECT note FROM work.entry") == [(NOTE.text,)]


async def test_dry_run_takes_no_key(rig: Rig) -> None:
    minh, once = await rig.world.official("minh"), key()
    code = (await rig.world.submitted()).code
    for dry in (True, False):
        assert said(await bulk_of(rig).run(minh, NOTE, [Asked(code, 0)], once, dry=dry)) == ["done"]
    assert rig.rows("SELECT count(*) FROM work.entry") == [(1,)]


async def test_template_is_filled_for_each_report(rig: Rig) -> None:
    yen, minh = await rig.world.official("yen"), await rig.world.official("minh")
    rig.duty(yen, "lead", HOAN_KIEM)
    yen = await rig.world.official("yen")
    body = "Phản ánh {code} đã chuyển tổ điện."
    template = await rig.templates.save(yen, None, 0, HOAN_KIEM, TemplateKind.ANSWER, "Tổ điện", body, key())
    codes = [(await rig.world.submitted()).code for _ in range(2)]
    bulk = Bulk(BulkAction.NOTE, template=template)
    await bulk_of(rig).run(minh, bulk, [Asked(code, 0) for code in codes], key(), dry=False)
    found = rig.rows("SELECT note FROM work.entry ORDER BY note")
    assert found == sorted((body.format(code=code),) for code in codes)


async def test_unit_is_asked_to_help_with_each_and_the_operator_of_the_city_is_refused_each(rig: Rig) -> None:
    minh, quang = await rig.world.official("minh"), await rig.world.official("quang")
    asked = [Asked((await rig.world.submitted()).code, 0) for _ in range(2)]
    refused = await bulk_of(rig).run(quang, HELP, asked, key(), dry=False)
    done = await bulk_of(rig).run(minh, HELP, asked, key(), dry=False)
    assert (said(refused), said(done)) == (["common.forbidden"] * 2, ["done"] * 2)
    assert rig.rows("SELECT count(*) FROM work.part WHERE state = 'open'") == [(2,)]


def at_the(rig: Rig, number: int, happens: Callable[[], Awaitable[None]]) -> BulkService:
    """Something happens when the work on the report of this number begins."""

    class Interrupted:
        calls = 0

        async def write_note(self, *given: Any) -> Any:
            self.calls += 1
            if self.calls == number:
                await happens()
            return await rig.service.write_note(*given)

    changes: Any = Interrupted()
    return BulkService(changes, rig.parts, rig.templates)


async def fault() -> None:
    raise RuntimeError("at this one")


@pytest.mark.parametrize("number", [1, 3])
async def test_fault_at_one_report_is_its_outcome_and_hides_no_other(rig: Rig, number: int) -> None:
    minh, once = await rig.world.official("minh"), key()
    asked = [Asked((await rig.world.submitted()).code, 0) for _ in range(4)]
    found = await at_the(rig, number, fault).run(minh, NOTE, asked, once, dry=False)
    told = ["done"] * 4
    told[number - 1] = "work.report_failed"
    assert said(found) == told
    assert rig.rows("SELECT count(*) FROM work.entry") == [(3,)]
    assert said(await bulk_of(rig).run(minh, NOTE, asked, once, dry=False)) == ["done"] * 4
    assert rig.rows("SELECT count(*) FROM work.entry") == [(4,)]


async def test_reports_that_the_time_does_not_reach_are_not_tried(rig: Rig) -> None:
    minh, once = await rig.world.official("minh"), key()
    asked = [Asked((await rig.world.submitted()).code, 0) for _ in range(4)]

    async def from_now_on() -> None:
        whole.ends = 0

    async with deadline.deadline(3600):
        whole = deadline._current.get()
        assert whole is not None
        found = await at_the(rig, 2, from_now_on).run(minh, NOTE, asked, once, dry=False)
    # The second has begun, and is cut by a clock of its own.
    assert said(found) == ["done", "done", "work.not_tried", "work.not_tried"]
    assert rig.rows("SELECT count(*) FROM work.entry") == [(2,)]
    assert said(await bulk_of(rig).run(minh, NOTE, asked, once, dry=False)) == ["done"] * 4


@pytest.mark.parametrize(
    ("bulk", "field"),
    [
        (Bulk(BulkAction.ASSIGN), "toOfficial"),
        (Bulk(BulkAction.UNASSIGN, official="0" * 16), "toOfficial"),
        (Bulk(BulkAction.NOTE), "template"),
        (replace(NOTE, unit=SOC_SON), "unit"),
        (replace(HELP, unit=None), "unit"),
        (replace(HELP, text=None), "text"),
    ],
)
async def test_action_without_what_it_needs_or_with_more_reaches_no_report(
    rig: Rig, bulk: Bulk, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await bulk_of(rig).run(await rig.world.official("minh"), bulk, [Asked("0" * 16, 0)], key(), dry=False)
    assert refused.value.details == {"field": field}


async def test_none_the_same_twice_and_more_than_a_hundred_are_refused(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    many = [Asked(f"{number:016}", 0) for number in range(MOST_REPORTS + 1)]
    for asked in ([], [many[0], many[0]], many):
        with pytest.raises(InvalidInput):
            await bulk_of(rig).run(minh, NOTE, asked, key(), dry=True)
