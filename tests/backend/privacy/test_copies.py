"""A copy of one's data: all of the person, nothing of anybody else, for the person alone, once, for a day."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.privacy.copies import CopyState, DataCopy
from backend.privacy.copy_parts import MOST_ROWS, PARTS, zip_of
from backend.privacy.errors import CopyGone, CopyTooSoon
from backend.privacy.types import RequestKind
from backend.reports.queries import INTERNAL_STEPS
from backend.reports.types import Submission
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import Forbidden, IdempotencyMismatch
from foundation.identity.principal import CitizenPrincipal
from foundation.ids import new_uuid
from foundation.recording import AuditEvent
from tests.backend.privacy.rig import Rig
from tests.backend.world import HOAN_KIEM, NOON, key, show_evidence

MINE, OTHERS = "KANARIENVOGEL", "FREMDERSPATZ"


async def made(rig: Rig, who: CitizenPrincipal) -> DataCopy:
    """A copy that the job has made."""
    copy = await rig.copies.ask(who, key())
    await work(rig)
    return copy


async def work(rig: Rig) -> None:
    """Run the jobs that make copies."""
    jobs = rig.rows(
        "DELETE FROM jobs.procrastinate_jobs WHERE task_name = 'privacy.make_copy'"
        " RETURNING args ->> 'copy_id'"
    )
    for (copy,) in jobs:
        await rig.copy_jobs.make(UUID(copy))


def opened(content: bytes) -> tuple[dict[str, Any], str]:
    """The JSON and the page of a copy."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return json.loads(archive.read("data.json")), archive.read("data.html").decode()


async def report_of(rig: Rig, who: CitizenPrincipal, word: str) -> UUID:
    """A report with a word in its text and place."""
    given = Submission("street_light", HOAN_KIEM, f"Nhà {word}", f"Tôi là {word}.", 21.0245, 105.8516)
    code = (await rig.world.reports.submit(who, given, key())).code
    ((report,),) = rig.rows("SELECT id FROM reports.report WHERE code = %s", code)
    found: UUID = report
    return found


async def full(rig: Rig) -> CitizenPrincipal:
    """Lan, of whom everything is held that can be; officials and Hung, each with the other word in them."""
    lan, hung = await rig.citizen(), await rig.citizen("hung")
    rig.rows("UPDATE tenancy.official SET name = %s", OTHERS)
    report, others = await report_of(rig, lan, MINE), await report_of(rig, hung, OTHERS)
    official = UUID("00000000-0000-4000-8000-000000000001")
    ((unit, official),) = rig.rows(
        "SELECT r.handler_id, o.id FROM reports.report r, tenancy.official o WHERE r.id = %s"
        " AND o.subject = %s",
        report,
        str(official),
    )
    for kind, actor, who, note, stars in (
        ("asked", "official", official, "Ở đâu ạ?", None),
        ("replied", "citizen", lan.citizen_id, f"Gần {MINE}", None),
        *((step.value, "official", official, f"Nội bộ {OTHERS}", None) for step in sorted(INTERNAL_STEPS)),
        ("rated", "citizen", lan.citizen_id, "Tốt", 4),
    ):
        rig.rows(
            "INSERT INTO reports.timeline (id, report_id, version, at, kind, to_state, to_unit_id,"
            " actor_kind, actor_id, note, stars)"
            " VALUES (uuidv7(), %s, 2, %s, %s, 'received', %s, %s, %s, %s, %s)",
            report,
            NOON,
            kind,
            unit,
            actor,
            who,
            note,
            stars,
        )
    rig.rows(
        "INSERT INTO work.entry (id, report_id, at, kind, actor_id, unit_id, note)"
        " VALUES (uuidv7(), %s, %s, 'note', %s, %s, %s)",
        report,
        NOON,
        official,
        unit,
        f"Nội bộ {OTHERS}",
    )
    rig.rows("INSERT INTO contacts.contact VALUES (%s, 1, 'vault:v1:AAAA', %s, %s)", report, bytes(40), NOON)
    rig.rows("INSERT INTO duplicates.follower VALUES (%s, %s, %s)", others, lan.citizen_id, NOON)
    rig.rows(
        "INSERT INTO abuse.block (id, code, report_id, citizen_id, unit_id, reason, note, blocked_by,"
        " blocked_at, until_at)"
        " VALUES (uuidv7(), '0123456789ABCDEF', %s, %s, %s, 'insult', 'Lời', %s, %s, %s)",
        report,
        lan.citizen_id,
        unit,
        official,
        NOON,
        NOON + timedelta(days=1),
    )
    rig.rows(
        "INSERT INTO ledger.entry (id, report_id, subject, role, unit_id, shown_unit_id, day, purpose,"
        " noted_at, shown_at) SELECT uuidv7(), %s, 'report', x.role, %s, %s, %s, 'handling', %s,"
        " cast(%s AS timestamptz) + x.later FROM (VALUES ('handler', interval '0'),"
        " ('lead', interval '60 days')) x (role, later)",
        report,
        unit,
        unit,
        NOON.date(),
        NOON,
        NOON,
    )
    settings = rig.database.settings(rig.database.superuser)
    ((code,),) = rig.rows("SELECT code FROM reports.report WHERE id = %s", report)
    show_evidence(settings, code, by=lan.citizen_id)
    show_evidence(settings, code)
    rig.rows(
        "INSERT INTO devices.device (id, person, iss, sub, jkt, name, app, first_use_at, last_use_at,"
        " network) SELECT uuidv7(), c.id, c.issuer, c.subject, repeat('d', 43),"
        " CASE c.subject WHEN 'lan' THEN %s ELSE %s END, 'ihanoi', %s, %s, 'internet'"
        " FROM citizens.citizen c",
        f"Máy {MINE}",
        f"Máy {OTHERS}",
        NOON,
        NOON,
    )
    rig.rows(
        "INSERT INTO notifications.inbox (id, recipient, change_id, kind, resource, version, at)"
        " VALUES (uuidv7(), %s, uuidv7(), 'report.asked', %s, 2, %s)",
        lan.citizen_id,
        f"report:{code}",
        NOON,
    )
    await rig.mine.give(lan, "push", 1, key())
    await rig.mine.ask(lan, RequestKind.OBJECT, f"Lời {MINE}", key())
    await rig.mine.ask(hung, RequestKind.OBJECT, f"Lời {OTHERS}", key())
    return lan


async def test_copy_has_everything_of_the_person(rig: Rig) -> None:
    lan = await full(rig)
    copy = await made(rig, lan)
    data, page = opened(await rig.copies.fetch(lan, copy.id, key()))
    assert {name: len(data[name]) for name in PARTS} == {
        "account": 1,
        "reports": 1,
        "timeline": 4 + len(INTERNAL_STEPS),
        "files": 2,
        "accesses": 1,
        "consents": 1,
        "requests": 1,
        "follows": 1,
        "blocks": 1,
        "devices": 1,
        "sessions": 0,
        "notices": 1,
        "preferences": 0,
    }
    assert data["account"][0]["signInId"] == "lan"
    assert (data["reports"][0]["text"], data["reports"][0]["contactGivenAt"] is None) == (
        f"Tôi là {MINE}.",
        False,
    )
    assert {step["stars"] for step in data["timeline"]} == {None, 4}
    assert page.count(MINE) == json.dumps(data, ensure_ascii=False).count(MINE) == 5


async def test_copy_has_nothing_of_anybody_else(rig: Rig) -> None:
    lan = await full(rig)
    hung = await rig.citizen("hung")
    copy = await made(rig, lan)
    data, page = opened(await rig.copies.fetch(lan, copy.id, key()))
    whole = json.dumps(data, ensure_ascii=False) + page
    ids = [str(row[0]) for row in rig.rows("SELECT id FROM tenancy.official")]
    assert [word for word in (OTHERS, "hung", str(hung.citizen_id), *ids) if word in whole] == []


async def test_delayed_access_is_not_in_it(rig: Rig) -> None:
    lan = await full(rig)
    copy = await made(rig, lan)
    data, _ = opened(await rig.copies.fetch(lan, copy.id, key()))
    assert [entry["role"] for entry in data["accesses"]] == ["handler"]


async def test_word_that_would_be_a_script_is_shown_as_text(rig: Rig) -> None:
    lan = await rig.citizen()
    await report_of(rig, lan, "<script>alert(1)</script>")
    copy = await made(rig, lan)
    _, page = opened(await rig.copies.fetch(lan, copy.id, key()))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


async def test_copy_is_fetched_once(rig: Rig) -> None:
    lan, once = await rig.citizen(), key()
    copy = await made(rig, lan)
    await rig.copies.fetch(lan, copy.id, once)
    for again in (once, key()):
        with pytest.raises(CopyGone):
            await rig.copies.fetch(lan, copy.id, again)
    assert rig.rows("SELECT state, content FROM privacy.copy") == [("fetched", None)]


async def test_anothers_copy_and_an_absent_one_are_refused_alike(rig: Rig) -> None:
    copy = await made(rig, await rig.citizen())
    hung = await rig.citizen("hung")
    for named in (copy.id, new_uuid()):
        with pytest.raises(CopyGone):
            await rig.copies.fetch(hung, named, key())
    assert await rig.copies.mine(hung) == ()
    assert rig.rows("SELECT state FROM privacy.copy") == [("made",)]


async def test_wall_shows_a_copy_to_its_owner_alone(rig: Rig) -> None:
    await made(rig, await rig.citizen())
    officer = await rig.officer()
    for who in (await rig.citizen("hung"), await rig.world.official("minh"), officer):
        async with rig.world.database.read_scope(who, AuditEvent("privacy.copy_read")) as scope:
            assert await scope.rows("SELECT id, content FROM privacy.copy LIMIT $1", 9) == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT privacy.copy_part(:id, 'reports', now(), 5)",
        "INSERT INTO privacy.copy (id, citizen_id, state, asked_at, expires_at, request_id)"
        " VALUES (:id, :id, 'waiting', now(), now() + interval '1 day', NULL)",
        "UPDATE privacy.copy SET expires_at = now() + interval '1 year'",
        "DELETE FROM privacy.copy",
    ],
)
async def test_api_reads_no_part_and_lengthens_no_life(rig: Rig, statement: str) -> None:
    await made(rig, await rig.citizen())
    values = {"id": new_uuid()} if ":id" in statement else {}
    with pytest.raises(DBAPIError, match="permission denied"):
        async with rig.world.database.unit_of_work(
            await rig.citizen(), AuditEvent("privacy.copy_ask")
        ) as work:
            await work.connection.execute(text(statement), values)


async def test_copy_in_anothers_name_is_not_asked_for(rig: Rig) -> None:
    lan, hung = await rig.citizen(), await rig.citizen("hung")
    statement = (
        "INSERT INTO privacy.copy (id, citizen_id, state, asked_at, expires_at)"
        " VALUES (:id, :whom, 'waiting', now(), now() + interval '1 day')"
    )
    with pytest.raises(DBAPIError, match="row-level security"):
        async with rig.world.database.unit_of_work(lan, AuditEvent("privacy.copy_ask")) as work:
            await work.connection.execute(text(statement), {"id": new_uuid(), "whom": hung.citizen_id})


async def test_password_alone_asks_for_no_copy_and_fetches_none(rig: Rig) -> None:
    lan = await rig.citizen()
    copy = await made(rig, lan)
    weak = replace(lan, session=replace(lan.session, acr="aal1"))
    with pytest.raises(Forbidden):
        await rig.copies.fetch(weak, copy.id, key())
    rig.rows("DELETE FROM privacy.copy")
    with pytest.raises(Forbidden):
        await rig.copies.ask(weak, key())
    assert rig.rows("SELECT count(*) FROM privacy.copy") == [(0,)]


async def test_one_copy_a_day(rig: Rig) -> None:
    lan, once = await rig.citizen(), key()
    first = await rig.copies.ask(lan, once)
    assert await rig.copies.ask(lan, once) == first
    with pytest.raises(IdempotencyMismatch):
        await rig.copies.ask(lan, replace(once, body_digest=b"\x02" * 32))
    await work(rig)
    await rig.copies.fetch(lan, first.id, key())
    rig.world.clock.advance(timedelta(hours=23, minutes=59))
    with pytest.raises(CopyTooSoon) as refused:
        await rig.copies.ask(lan, key())
    assert refused.value.again_at == NOON + timedelta(days=1)
    await rig.copies.ask(await rig.citizen("hung"), key())
    rig.world.clock.advance(timedelta(minutes=1))
    await rig.copies.ask(lan, key())


async def test_database_itself_lets_one_wait(rig: Rig) -> None:
    lan = await rig.citizen()
    await rig.copies.ask(lan, key())
    with pytest.raises(Exception, match="copy_waiting"):
        rig.rows(
            "INSERT INTO privacy.copy (id, citizen_id, state, asked_at, expires_at)"
            " VALUES (uuidv7(), %s, 'waiting', now(), now() + interval '1 day')",
            lan.citizen_id,
        )


async def test_copy_is_gone_after_its_day_before_the_job_and_with_it(rig: Rig) -> None:
    lan = await rig.citizen()
    copy = await made(rig, lan)
    rig.world.clock.advance(timedelta(hours=24))
    assert [one.state for one in await rig.copies.mine(lan)] == [CopyState.GONE]
    with pytest.raises(CopyGone):
        await rig.copies.fetch(lan, copy.id, key())
    assert (await rig.copy_jobs.forget(), await rig.copy_jobs.forget()) == (1, 0)
    assert rig.rows("SELECT state, content FROM privacy.copy") == [("gone", None)]


async def test_owner_sees_how_far_it_is_and_is_told_when_it_is_there(rig: Rig) -> None:
    lan = await rig.citizen()
    copy = await rig.copies.ask(lan, key())
    assert (copy.state, copy.done, copy.parts) == (CopyState.WAITING, 0, len(PARTS))
    await work(rig)
    (shown,) = await rig.copies.mine(lan)
    assert (shown.state, shown.done) == (CopyState.MADE, len(PARTS))
    await rig.copy_jobs.make(copy.id)
    assert rig.inbox(lan.citizen_id) == ["privacy.copy_made"]


async def test_worker_that_dies_in_the_middle_begins_anew(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    lan = await full(rig)
    copy = await rig.copies.ask(lan, key())
    commit, commits = UnitOfWork.commit, []

    async def dying(work: UnitOfWork) -> None:
        await commit(work)
        commits.append(work)
        if len(commits) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(UnitOfWork, "commit", dying)
    with pytest.raises(KeyboardInterrupt):
        await rig.copy_jobs.make(copy.id)
    monkeypatch.setattr(UnitOfWork, "commit", commit)
    assert rig.rows("SELECT state, done FROM privacy.copy") == [("waiting", 3)]
    await rig.copy_jobs.make(copy.id)
    data, _ = opened(await rig.copies.fetch(lan, copy.id, key()))
    assert len(data["timeline"]) == 4 + len(INTERNAL_STEPS)


async def test_who_leaves_while_it_is_made_gets_none_and_leaves_none(rig: Rig) -> None:
    lan = await rig.citizen()
    copy = await rig.copies.ask(lan, key())
    rig.rows("UPDATE citizens.citizen SET issuer = 'urn:ioc:deleted', subject = 'x'")
    await work(rig)
    await rig.copy_jobs.make(copy.id)
    assert rig.rows("SELECT state, content FROM privacy.copy") == [("gone", None)]


async def test_granted_request_to_provide_makes_a_copy(rig: Rig) -> None:
    lan = await rig.citizen()
    request = await rig.answered(RequestKind.PROVIDE)
    await rig.work()
    await rig.following.follow(request.id)
    await work(rig)
    assert rig.rows("SELECT state, request_id FROM privacy.copy") == [("made", request.id)]
    (copy,) = await rig.copies.mine(lan)
    data, _ = opened(await rig.copies.fetch(lan, copy.id, key()))
    assert data["requests"][0]["kind"] == "provide"


async def test_each_part_is_read_with_an_event_and_so_is_the_fetching(rig: Rig) -> None:
    lan = await rig.citizen()
    copy = await made(rig, lan)
    await rig.copies.fetch(lan, copy.id, key())
    told = rig.rows(
        "SELECT line::json #>> '{unmapped,action}', count(*) FROM audit.event WHERE line LIKE %s"
        " GROUP BY 1 ORDER BY 1",
        f"%privacy_copy:{copy.id}%",
    )
    assert told == [
        ("privacy.copy_ask", 1),
        ("privacy.copy_fetch", 1),
        ("privacy.copy_make", len(PARTS) + 1),
    ]


def test_part_that_is_cut_says_so() -> None:
    rows = [{"a": number} for number in range(MOST_ROWS + 1)]
    data, _ = opened(zip_of({"notices": rows, "devices": rows[:1]}, NOON))
    assert (data["cut"], len(data["notices"])) == (["notices"], MOST_ROWS)
