"""Words, files and contacts go with a granted deletion, or when a rule's term is over. The rest stays."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.privacy.retention import BATCH, Retention
from backend.privacy.types import RequestKind
from backend.reports.types import Submission
from foundation.database.unit_of_work import UnitOfWork
from foundation.identity.principal import CitizenPrincipal
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from foundation.recording import AuditEvent
from tests.backend.citizens.rig import WIDE, bureau_of, gateway_at
from tests.backend.privacy.rig import Rig
from tests.backend.world import HOAN_KIEM, NOON, POLICIES, key, show_evidence

CANARY = "KANARIENVOGEL"
MONTH = timedelta(days=31)
_TABLES = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1
"""


@pytest.fixture
def retention(rig: Rig) -> Retention:
    """What the worker runs."""
    return Retention(rig.world.worker_database, PolicyEngine.load(POLICIES), rig.world.clock, new_uuid)


def who_has(rig: Rig, needle: str) -> list[str]:
    """Tables where a word stands, whoever may read them."""
    tables = [name for (name,) in rig.rows(_TABLES)]
    return [
        name
        for name in tables
        if rig.rows(f"SELECT 1 FROM {name} x WHERE to_jsonb(x)::text ILIKE %s LIMIT 1", f"%{needle}%")
    ]


async def reported(rig: Rig, who: CitizenPrincipal, *, closed: bool = True) -> str:
    """A report full of the citizen: text, place, what was replied, a released text, files, a contact."""
    submission = Submission(
        "street_light", HOAN_KIEM, f"Nhà {CANARY}", f"Tôi là {CANARY}.", 21.0245, 105.8516
    )
    code = (await rig.world.reports.submit(who, submission, key())).code
    ((report,),) = rig.rows("SELECT id FROM reports.report WHERE code = %s", code)
    rig.rows(
        "INSERT INTO reports.timeline (id, report_id, version, at, kind, from_state, to_state, to_unit_id,"
        " actor_kind, actor_id, note) SELECT uuidv7(), r.id, 2, %s, 'added', 'received', 'received',"
        " r.handler_id, 'citizen', r.citizen_id, %s FROM reports.report r WHERE r.id = %s",
        NOON,
        f"Gọi {CANARY}",
        report,
    )
    rig.rows(
        "INSERT INTO releases.text VALUES (%s, 'released', %s, 1, %s, %s)",
        report,
        f"{CANARY} báo",
        NOON,
        new_uuid(),
    )
    rig.rows("INSERT INTO contacts.contact VALUES (%s, 1, 'vault:v1:AAAA', %s, %s)", report, bytes(40), NOON)
    settings = rig.database.settings(rig.database.superuser)
    show_evidence(settings, code, by=who.citizen_id)
    show_evidence(settings, code)
    rig.rows(
        "INSERT INTO media.object (id, report_id, position, uploader_id, kind, state, content, width, height,"
        " octets, created_at, redacts) SELECT uuidv7(), m.report_id, 20, %s, 'photo', 'private',"
        " 'image/jpeg', 10, 10, 10, %s, m.id FROM media.object m WHERE m.report_id = %s AND m.position < 11",
        new_uuid(),
        NOON,
        report,
    )
    if closed:
        close(rig, report)
    return code


def close(rig: Rig, report: UUID) -> None:
    """The unit has answered and closed it."""
    rig.rows(
        "UPDATE reports.report SET state = 'closed', closing_reason = 'resolved', closed_at = %s,"
        " answer = 'Đã sửa đèn.' WHERE id = %s",
        rig.world.clock.now(),
        report,
    )


def leave(rig: Rig, who: CitizenPrincipal) -> None:
    """The account is gone at Keycloak and forgotten here."""
    rig.rows("UPDATE citizens.deletion SET state = 'deleted', deleted_at = %s", rig.world.clock.now())
    rig.rows("SELECT citizens.forget(%s, %s)", who.citizen_id, new_uuid())


async def granted(rig: Rig) -> CitizenPrincipal:
    """Lan, whose request to delete was granted."""
    await rig.answered(RequestKind.DELETE)
    await rig.work()
    return await rig.world.citizen()


async def test_nothing_of_the_person_is_left_anywhere_and_the_citys_papers_are(
    rig: Rig, retention: Retention
) -> None:
    lan = await granted(rig)
    code = await reported(rig, lan)
    assert "reports.report_search" in who_has(rig, CANARY)
    leave(rig, lan)
    assert (await retention.erase(), await retention.erase()) == (1, 0)
    assert who_has(rig, CANARY) == []
    assert rig.rows("SELECT code, state, answer, body FROM reports.report") == [
        (code, "closed", "Đã sửa đèn.", "(đã xóa)")
    ]
    assert rig.rows("SELECT position, redacts FROM media.object") == [(12, None)]
    assert rig.rows("SELECT count(*) FROM contacts.contact") == [(0,)]
    assert rig.rows("SELECT reports, files, done_at FROM privacy.erasure") == [(1, 2, NOON)]
    assert rig.rows("SELECT count(*) FROM audit.pseudonym_key WHERE sub = 'lan'") == [(0,)]


async def test_whole_way_from_the_officers_word_to_the_emptied_report(
    rig: Rig, retention: Retention, tmp_path: Path
) -> None:
    async with gateway_at(tmp_path) as url:
        bureau = bureau_of(rig.world, rig.database, tmp_path, url, WIDE)
        lan = await granted(rig)
        await reported(rig, lan)
        assert await bureau.upkeep.delete_due() == 0
        rig.world.clock.advance(timedelta(days=3))
        assert await bureau.upkeep.delete_due() == 1
        assert await retention.erase() == 0
        await bureau.upkeep.deletion_done(bureau.answer("citizen.delete"))
        rig.world.clock.advance(timedelta(minutes=10))
        assert await bureau.upkeep.forget_deleted() == 1
    assert await retention.erase() == 1
    assert who_has(rig, CANARY) == []


async def test_open_report_is_emptied_once_it_is_closed(rig: Rig, retention: Retention) -> None:
    lan = await granted(rig)
    await reported(rig, lan, closed=False)
    leave(rig, lan)
    assert (await retention.erase(), rig.rows("SELECT done_at FROM privacy.erasure")) == (0, [(None,)])
    ((report,),) = rig.rows("SELECT id FROM reports.report")
    close(rig, report)
    assert (await retention.erase(), who_has(rig, CANARY)) == (1, [])


async def test_merged_report_is_emptied_once_the_other_is_closed(rig: Rig, retention: Retention) -> None:
    lan = await granted(rig)
    await reported(rig, lan, closed=False)
    other = await rig.world.submitted(await rig.world.citizen("hung"))
    ((mine,),) = rig.rows("SELECT id FROM reports.report WHERE citizen_id = %s", lan.citizen_id)
    ((main,),) = rig.rows("SELECT id FROM reports.report WHERE code = %s", other.code)
    rig.rows("UPDATE reports.report SET state = 'merged', merged_into = %s WHERE id = %s", main, mine)
    leave(rig, lan)
    assert await retention.erase() == 0
    close(rig, main)
    assert (await retention.erase(), who_has(rig, CANARY)) == (1, [])
    assert rig.rows("SELECT done_at IS NULL FROM privacy.erasure") == [(False,)]


async def test_account_deleted_without_a_request_leaves_the_reports(rig: Rig, retention: Retention) -> None:
    lan = await rig.world.citizen()
    await reported(rig, lan)
    rig.rows("INSERT INTO citizens.deletion VALUES (%s, 'asked', %s, %s)", lan.citizen_id, NOON, NOON)
    leave(rig, lan)
    assert await retention.erase() == 0
    assert "reports.report" in who_has(rig, CANARY)


async def test_deletion_that_is_taken_back_takes_no_report(rig: Rig, retention: Retention) -> None:
    lan = await granted(rig)
    await reported(rig, lan)
    rig.rows("DELETE FROM citizens.deletion")
    rig.rows("INSERT INTO citizens.deletion VALUES (%s, 'asked', %s, %s)", lan.citizen_id, NOON, NOON)
    leave(rig, lan)
    assert await retention.erase() == 0


async def test_who_is_still_there_loses_nothing(rig: Rig, retention: Retention) -> None:
    await reported(rig, await granted(rig))
    assert await retention.erase() == 0
    assert rig.rows("SELECT body FROM reports.report") == [(f"Tôi là {CANARY}.",)]


async def test_another_persons_reports_stay(rig: Rig, retention: Retention) -> None:
    lan, hung = await granted(rig), await rig.world.citizen("hung")
    await reported(rig, hung)
    await reported(rig, lan)
    leave(rig, lan)
    await retention.erase()
    assert rig.rows("SELECT body FROM reports.report WHERE citizen_id = %s", hung.citizen_id) == [
        (f"Tôi là {CANARY}.",)
    ]


@pytest.mark.parametrize("at", ["before", "after"])
async def test_worker_that_dies_in_the_middle_loses_and_doubles_nothing(
    rig: Rig, retention: Retention, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    lan = await granted(rig)
    codes = [await reported(rig, lan) for _ in range(4)]
    leave(rig, lan)
    commit, commits = UnitOfWork.commit, []

    async def dying(work: UnitOfWork) -> None:
        commits.append(work)
        if len(commits) == 2 and at == "before":
            raise KeyboardInterrupt
        await commit(work)
        if len(commits) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(UnitOfWork, "commit", dying)
    with pytest.raises(KeyboardInterrupt):
        await retention.erase()
    monkeypatch.setattr(UnitOfWork, "commit", commit)
    left = {"before": 3, "after": 2}[at]
    assert (await retention.erase(), who_has(rig, CANARY)) == (left, [])
    assert rig.rows("SELECT reports, files FROM privacy.erasure") == [(4, 8)]
    told = rig.rows(
        "SELECT line::json #>> '{resources,0,uid}' FROM audit.event"
        " WHERE line::json #>> '{unmapped,action}' = 'privacy.erase'"
    )
    assert sorted(row[0] for row in told if CITIZEN not in row[0]) == sorted(
        f"report:{code}" for code in codes
    )


CITIZEN = "citizen:"


async def aged(rig: Rig, months: int) -> None:
    """So many months later."""
    rig.world.clock.advance(months * MONTH)


async def test_rules_take_nothing_before_their_term(rig: Rig, retention: Retention) -> None:
    await reported(rig, await rig.world.citizen())
    rig.world.clock.advance(timedelta(days=700))
    assert await retention.apply() == {
        "block_words": 0,
        "contact": 0,
        "notice": 0,
        "report_files": 0,
        "report_words": 0,
        "request_words": 0,
    }


async def test_contact_and_files_go_after_two_years_and_words_after_five(
    rig: Rig, retention: Retention
) -> None:
    await reported(rig, await rig.world.citizen())
    await aged(rig, 24)
    took = await retention.apply()
    assert (took["contact"], took["report_files"], took["report_words"]) == (1, 1, 0)
    assert "reports.report" in who_has(rig, CANARY)
    await aged(rig, 36)
    took = await retention.apply()
    assert (took["contact"], took["report_files"], took["report_words"]) == (0, 0, 1)
    assert who_has(rig, CANARY) == []
    assert rig.rows("SELECT count(*) FROM media.object") == [(1,)]


async def test_open_report_loses_nothing_however_old_it_is(rig: Rig, retention: Retention) -> None:
    await reported(rig, await rig.world.citizen(), closed=False)
    await aged(rig, 90)
    assert sum((await retention.apply()).values()) == 0


async def test_merged_report_goes_by_the_term_of_the_other(rig: Rig, retention: Retention) -> None:
    await reported(rig, await rig.world.citizen(), closed=False)
    other = await rig.world.submitted(await rig.world.citizen("hung"))
    ((main,),) = rig.rows("SELECT id FROM reports.report WHERE code = %s", other.code)
    rig.rows("UPDATE reports.report SET state = 'merged', merged_into = %s WHERE id <> %s", main, main)
    await aged(rig, 24)
    assert sum((await retention.apply()).values()) == 0
    close(rig, main)
    await aged(rig, 23)
    assert sum((await retention.apply()).values()) == 0
    await aged(rig, 2)
    took = await retention.apply()
    assert (took["contact"], took["report_files"], took["report_words"]) == (1, 1, 0)


async def test_report_that_is_being_changed_waits(rig: Rig, retention: Retention) -> None:
    await reported(rig, await rig.world.citizen())
    await aged(rig, 61)
    lan = await rig.world.citizen()
    async with rig.world.database.unit_of_work(lan, AuditEvent("report.reopen")) as work:
        await work.connection.execute(text("SELECT 1 FROM reports.report FOR UPDATE"))
        took = await retention.apply()
        assert (took["contact"], took["report_files"], took["report_words"]) == (0, 0, 0)
    took = await retention.apply()
    assert (took["contact"], took["report_files"], took["report_words"]) == (1, 1, 1)


async def test_words_of_requests_blocks_and_old_notices_go(rig: Rig, retention: Retention) -> None:
    await rig.answered(RequestKind.VIEW)
    await rig.work()
    code = (await rig.world.submitted()).code
    rig.rows(
        "INSERT INTO abuse.block (id, code, report_id, citizen_id, unit_id, reason, note, blocked_by,"
        " blocked_at, until_at) SELECT uuidv7(), '0123456789ABCDEF', r.id, r.citizen_id, r.handler_id,"
        " 'insult', 'Vì sao', o.id, %s, %s FROM reports.report r, tenancy.official o"
        " WHERE r.code = %s AND o.subject LIKE '%%8'",
        NOON,
        NOON + timedelta(days=1),
        code,
    )
    await aged(rig, 25)
    took = await retention.apply()
    assert (took["request_words"], took["block_words"], took["notice"]) == (1, 1, 1)
    assert rig.rows("SELECT details, answer, state FROM privacy.request") == [(None, None, "done")]
    assert rig.rows("SELECT note, reason FROM abuse.block") == [(None, "insult")]


async def test_many_go_in_small_batches_each_counted_in_the_log(rig: Rig, retention: Retention) -> None:
    rig.rows(
        "INSERT INTO notifications.inbox (id, recipient, change_id, kind, resource, version, at)"
        " SELECT uuidv7(), uuidv7(), uuidv7(), 'report.answered', 'report:A', 1, %s"
        " FROM generate_series(1, %s)",
        NOON,
        2 * BATCH + 1,
    )
    await aged(rig, 13)
    assert (await retention.apply())["notice"] == 2 * BATCH + 1
    told = rig.rows(
        "SELECT line FROM audit.event WHERE line::json #>> '{unmapped,action}' = 'retention.apply'"
        " ORDER BY xid"
    )
    assert [f"notice_{count}" in line for (line,), count in zip(told, (BATCH, BATCH, 1), strict=True)] == [
        True,
        True,
        True,
    ]


async def test_later_version_of_a_rule_holds_from_its_day(rig: Rig, retention: Retention) -> None:
    await reported(rig, await rig.world.citizen())
    rig.rows(
        "INSERT INTO privacy.retention_rule SELECT r.code, 2, date '2027-06-01', r.data_vi, r.data_en,"
        " r.begins, 6, r.act, r.basis, false, r.after_deletion FROM privacy.retention_rule r"
        " WHERE r.code = 'contact'"
    )
    rig.world.clock.advance(
        timedelta(days=186)
    )  # 29 May 2027: six months and days, the first version in force
    assert (await retention.apply())["contact"] == 0
    rig.world.clock.advance(timedelta(days=5))
    assert (await retention.apply())["contact"] == 1


async def test_officer_sees_what_the_rules_would_take_and_nothing_is_taken(rig: Rig) -> None:
    await reported(rig, await rig.world.citizen())
    await aged(rig, 61)
    found = {one.code: one for one in await rig.desk.retention(await rig.officer())}
    assert {code: one.due for code, one in found.items() if one.due} == {
        "contact": 1,
        "report_files": 1,
        "report_words": 1,
    }
    assert (found["contact"].months, found["contact"].is_assumed, found["report"].months) == (24, True, None)
    assert rig.rows("SELECT count(*) FROM contacts.contact") == [(1,)]


async def test_answer_to_a_deletion_says_what_stays_and_why(rig: Rig) -> None:
    answered = await rig.answered(RequestKind.DELETE)
    kept = {one.code: one for one in answered.kept}
    assert sorted(kept) == [
        "consent",
        "evidence",
        "ledger",
        "open_report",
        "report",
        "request",
        "security_log",
    ]
    assert all(one.basis for one in kept.values())
    assert (await rig.answered(RequestKind.VIEW)).kept == ()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT privacy.apply_rule('contact', now(), 5)",
        "SELECT privacy.erase_next(:id, now())",
        "SELECT privacy.empty_words(:id, now())",
        "SELECT privacy.due_of('contact', now(), 5)",
        "INSERT INTO privacy.retention_rule SELECT * FROM privacy.retention_rule",
        "UPDATE privacy.retention_rule SET months = 1",
        "SELECT 1 FROM privacy.erasure",
    ],
)
async def test_api_empties_nothing_and_changes_no_rule(rig: Rig, statement: str) -> None:
    values: dict[str, Any] = {"id": new_uuid()} if ":id" in statement else {}
    for who in (await rig.citizen(), await rig.officer()):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with rig.world.database.unit_of_work(who, AuditEvent("privacy.follow")) as work:
                await work.connection.execute(text(statement), values)


async def test_who_has_not_the_duty_sees_no_rules_from_the_database(rig: Rig) -> None:
    for who in (await rig.citizen(), await rig.world.official("minh"), await rig.world.official("quang")):
        async with rig.world.database.read_scope(who, AuditEvent("privacy.retention")) as scope:
            assert await scope.rows("SELECT code FROM privacy.retention($1)", NOON) == []
