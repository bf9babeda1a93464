"""Consents and requests of data subjects: each one's own, in the law's time, answered by one officer."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.privacy.errors import AlreadyOpen, OldText, WrongStep
from backend.privacy.types import Answer, Ground, RequestKind, RequestState, Step
from foundation.errors import Forbidden, IdempotencyMismatch, InvalidInput, NotFound, VersionConflict
from foundation.ids import new_uuid
from foundation.paging import PageRequest
from foundation.recording import AuditEvent
from tests.backend.privacy.rig import Rig
from tests.backend.world import NOON, key

PAGE = PageRequest(20)


async def given(rig: Rig, subject: str = "lan") -> dict[str, bool]:
    """What a citizen agrees to."""
    return {one.purpose: one.given for one in await rig.mine.consents(await rig.world.citizen(subject))}


async def test_nobody_agrees_by_saying_nothing(rig: Rig) -> None:
    assert await given(rig) == {"push": False, "survey": False}


async def test_consent_is_given_and_withdrawn_and_both_are_kept(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.mine.give(lan, "push", 1, key())
    assert (await given(rig), await given(rig, "hung")) == (
        {"push": True, "survey": False},
        {"push": False, "survey": False},
    )
    rig.world.clock.advance(timedelta(days=1))
    await rig.mine.withdraw(lan, "push", key())
    assert await given(rig) == {"push": False, "survey": False}
    assert rig.rows("SELECT purpose, text_version, given, at FROM privacy.consent ORDER BY at") == [
        ("push", 1, True, NOON),
        ("push", 1, False, NOON + timedelta(days=1)),
    ]


async def test_what_says_nothing_new_is_not_kept(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.mine.withdraw(lan, "push", key())
    for _ in range(2):
        await rig.mine.give(lan, "push", 1, key())
    assert rig.rows("SELECT given FROM privacy.consent") == [(True,)]


async def test_another_wording_is_agreed_to_anew(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.mine.give(lan, "push", 1, key())
    rig.rows("INSERT INTO privacy.consent_text VALUES ('push', 2, 'Khác.', 'Other.')")
    with pytest.raises(OldText):
        await rig.mine.give(lan, "push", 1, key())
    push = (await rig.mine.consents(lan))[0]
    assert (push.version, push.of_version) == (2, 1)
    await rig.mine.give(lan, "push", 2, key())
    assert rig.rows("SELECT count(*) FROM privacy.consent") == [(2,)]


async def test_unknown_purpose_is_not_found(rig: Rig) -> None:
    with pytest.raises(NotFound):
        await rig.mine.give(await rig.world.citizen(), "everything", 1, key())


async def test_database_keeps_consents_as_they_were_said_and_in_no_other_name(rig: Rig) -> None:
    lan, hung = await rig.world.citizen(), await rig.world.citizen("hung")
    await rig.mine.give(lan, "push", 1, key())
    for statement in (
        "UPDATE privacy.consent SET given = false",
        "DELETE FROM privacy.consent",
        "INSERT INTO privacy.consent SELECT :id, :other, 'push', 1, true, now()",
    ):
        with pytest.raises(DBAPIError):
            async with rig.world.database.unit_of_work(lan, AuditEvent("consent.give")) as work:
                await work.connection.execute(
                    text(statement).bindparams(**_named(statement, hung.citizen_id))
                )


def _named(statement: str, other: object) -> dict[str, object]:
    return {"id": new_uuid(), "other": other} if ":id" in statement else {}


@pytest.mark.parametrize(
    ("kind", "days"),
    [("view", 10), ("correct", 10), ("provide", 10), ("delete", 20), ("restrict", 15), ("object", 15)],
)
async def test_each_right_has_the_days_of_the_law(rig: Rig, kind: str, days: int) -> None:
    assert (await rig.asked(RequestKind(kind))).due_at == NOON + timedelta(days=days)


async def test_reply_is_due_after_two_working_days_over_the_weekend(rig: Rig) -> None:
    # Friday 27 November 2026, 10:00 in Ha Noi; offices are closed on Saturday and Sunday.
    friday = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
    rig.world.clock.advance(friday - NOON)
    assert (await rig.asked()).reply_due_at == datetime(2026, 12, 1, 3, 0, tzinfo=UTC)


async def test_password_alone_asks_for_nothing(rig: Rig) -> None:
    with pytest.raises(Forbidden):
        await rig.mine.ask(await rig.world.citizen(), RequestKind.DELETE, None, key())
    assert rig.rows("SELECT 1 FROM privacy.request") == []


async def test_second_request_of_a_kind_waits_for_the_first(rig: Rig) -> None:
    await rig.asked()
    with pytest.raises(AlreadyOpen):
        await rig.asked()
    await rig.asked(RequestKind.OBJECT)
    await rig.asked(subject="hung")
    assert rig.rows("SELECT count(*) FROM privacy.request") == [(3,)]


async def test_repeated_request_is_one(rig: Rig) -> None:
    lan, once = await rig.citizen(), key()
    first = await rig.mine.ask(lan, RequestKind.VIEW, None, once)
    assert await rig.mine.ask(lan, RequestKind.VIEW, None, once) == first
    with pytest.raises(IdempotencyMismatch):
        await rig.mine.ask(lan, RequestKind.VIEW, None, replace(once, body_digest=b"\x02" * 32))


async def test_correction_says_what_is_wrong(rig: Rig) -> None:
    with pytest.raises(InvalidInput):
        await rig.mine.ask(await rig.citizen(), RequestKind.CORRECT, None, key())


async def test_each_sees_the_own_requests_alone(rig: Rig) -> None:
    first, second = await rig.asked(), await rig.asked(RequestKind.OBJECT)
    await rig.asked(subject="hung")
    lan = await rig.citizen()
    page = await rig.mine.requests(lan, PageRequest(1))
    rest = await rig.mine.requests(lan, PageRequest(1, page.positions[0]))
    assert {page.items[0].id, rest.items[0].id} == {first.id, second.id}
    assert (page.has_next, rest.has_next) == (True, False)


async def test_officer_accepts_extends_once_and_answers(rig: Rig) -> None:
    officer, request = await rig.officer(), await rig.asked(RequestKind.DELETE)
    accepted = await rig.desk.answer(officer, request.id, 1, Answer(Step.ACCEPT), key())
    assert (accepted.state, accepted.replied_at, accepted.version) == (RequestState.ACCEPTED, NOON, 2)
    extended = await rig.desk.answer(officer, request.id, 2, Answer(Step.EXTEND, "Nhiều hồ sơ."), key())
    assert extended.due_at == NOON + timedelta(days=40)
    for step in (Answer(Step.EXTEND, "Nữa."), Answer(Step.ACCEPT)):
        with pytest.raises(WrongStep):
            await rig.desk.answer(officer, request.id, 3, step, key())
    done = await rig.desk.answer(officer, request.id, 3, Answer(Step.DONE, "Đã xóa."), key())
    assert (done.state, done.answered_at, done.answer) == (RequestState.DONE, NOON, "Đã xóa.")
    with pytest.raises(WrongStep):
        await rig.desk.answer(officer, request.id, 4, Answer(Step.DONE, "Lại."), key())
    assert (await rig.mine.requests(await rig.citizen(), PAGE)).items == (done,)


async def test_time_that_is_over_is_not_extended(rig: Rig) -> None:
    officer, request = await rig.officer(), await rig.asked(RequestKind.DELETE)
    rig.world.clock.advance(request.due_at - NOON + timedelta(microseconds=1))
    with pytest.raises(WrongStep):
        await rig.desk.answer(officer, request.id, 1, Answer(Step.EXTEND, "Nhiều hồ sơ."), key())
    (late,) = (await rig.mine.requests(await rig.citizen(), PAGE)).items
    assert (late.due_at, late.extended) == (request.due_at, False)


async def test_time_is_extended_in_its_last_moment(rig: Rig) -> None:
    officer, request = await rig.officer(), await rig.asked(RequestKind.DELETE)
    rig.world.clock.advance(request.due_at - NOON)
    extended = await rig.desk.answer(officer, request.id, 1, Answer(Step.EXTEND, "Nhiều hồ sơ."), key())
    assert extended.due_at > request.due_at


async def test_refusal_names_its_ground_and_nothing_else_does(rig: Rig) -> None:
    officer, request = await rig.officer(), await rig.asked()
    for wrong in (
        Answer(Step.REFUSE, "Không."),
        Answer(Step.REFUSE, None, Ground.INQUIRY),
        Answer(Step.DONE, "Xong.", Ground.INQUIRY),
    ):
        with pytest.raises(InvalidInput):
            await rig.desk.answer(officer, request.id, 1, wrong, key())
    refusal = Answer(Step.REFUSE, "Đang thanh tra.", Ground.INQUIRY)
    refused = await rig.desk.answer(officer, request.id, 1, refusal, key())
    assert (refused.state, refused.ground) == (RequestState.REFUSED, Ground.INQUIRY)


async def test_repeated_answer_is_one_and_an_old_version_none(rig: Rig) -> None:
    officer, request, once = await rig.officer(), await rig.asked(), key()
    first = await rig.desk.answer(officer, request.id, 1, Answer(Step.ACCEPT), once)
    assert await rig.desk.answer(officer, request.id, 1, Answer(Step.ACCEPT), once) == first
    with pytest.raises(VersionConflict):
        await rig.desk.answer(officer, request.id, 1, Answer(Step.DONE, "Xong."), key())
    with pytest.raises(NotFound):
        await rig.desk.answer(officer, new_uuid(), 1, Answer(Step.ACCEPT), key())


async def test_officer_lists_everybodys_and_may_leave_answered_ones_out(rig: Rig) -> None:
    officer, request = await rig.officer(), await rig.asked()
    other = await rig.asked(subject="hung")
    await rig.desk.answer(officer, request.id, 1, Answer(Step.DONE, "Xong."), key())
    found = await rig.desk.requests(officer, PAGE, only_open=True)
    assert [one.id for one in found.items] == [other.id]
    assert len((await rig.desk.requests(officer, PAGE, only_open=False)).items) == 2


async def test_officer_reads_the_register_with_what_goes_abroad(rig: Rig) -> None:
    found = await rig.desk.register(await rig.officer())
    assert [one.code for one in found if one.transfer is not None] == ["push"]
    assert len(found) == 13


@pytest.mark.parametrize("name", ["minh", "quang", "son", "phuong"])
async def test_officials_without_the_duty_see_and_answer_nothing(rig: Rig, name: str) -> None:
    request, who = await rig.asked(), await rig.world.official(name)
    with pytest.raises(Forbidden):
        await rig.desk.requests(who, PAGE, only_open=True)
    with pytest.raises(Forbidden):
        await rig.desk.register(who)
    with pytest.raises(Forbidden):
        await rig.desk.answer(who, request.id, 1, Answer(Step.ACCEPT), key())


async def test_wall_shows_requests_to_nobody_without_the_duty(rig: Rig) -> None:
    await rig.asked()
    seen = []
    for who in (
        await rig.citizen("hung"),
        await rig.world.official("minh"),
        await rig.world.official("quang"),
    ):
        async with rig.world.database.read_scope(who, AuditEvent("privacy.list")) as scope:
            seen.append(await scope.rows("SELECT 1 FROM privacy.request LIMIT $1", 9))
    assert seen == [[], [], []]


async def test_duty_that_has_ended_opens_nothing(rig: Rig) -> None:
    await rig.officer()
    rig.rows("UPDATE tenancy.duty SET until_day = %s WHERE kind = 'data_protection'", date(2026, 11, 23))
    with pytest.raises(Forbidden):
        await rig.desk.requests(await rig.world.official("son"), PAGE, only_open=True)


async def test_duty_gives_no_unit(rig: Rig) -> None:
    assert (await rig.officer()).units == frozenset()


async def test_who_leaves_takes_the_words_along_and_what_was_said_stays(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.mine.give(lan, "push", 1, key())
    await rig.asked(RequestKind.CORRECT)
    await rig.world.submitted(lan)
    rig.rows(
        "UPDATE citizens.citizen SET issuer = 'urn:ioc:deleted', subject = %s WHERE id = %s",
        str(new_uuid()),
        lan.citizen_id,
    )
    assert rig.rows("SELECT kind, state, details, answer, version FROM privacy.request") == [
        ("correct", "done", None, None, 2)
    ]
    assert rig.rows("SELECT purpose, given FROM privacy.consent") == [("push", True)]
    assert rig.rows("SELECT count(*) FROM reports.report") == [(1,)]
