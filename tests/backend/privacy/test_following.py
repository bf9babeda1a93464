"""What follows: push by consent alone, answers carried out once, the asker told, officers reminded."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.privacy.types import Answer, Ground, RequestKind, Step
from foundation.identity.principal import CitizenPrincipal
from foundation.recording import AuditEvent
from tests.backend.notifications.rig import Rig as Senders
from tests.backend.notifications.rig import rigged
from tests.backend.privacy.rig import Rig
from tests.backend.world import NOON, World, key
from tests.conftest import Database

PREFERENCES = (
    "INSERT INTO notifications.preference (person, person_kind, push, sms, email, phone, changed_at)"
    " VALUES (%s, 'citizen', true, 'always', 'never', '\\x00', %s)"
)


@pytest.fixture
async def senders(world: World, database: Database, tmp_path: Path) -> AsyncIterator[Senders]:
    """What sends, to doubles."""
    async with rigged(world, database, tmp_path) as found:
        yield found


async def on_a_phone(senders: Senders) -> CitizenPrincipal:
    """Lan, whose phone is registered before anything was agreed to."""
    lan = await senders.world.citizen()
    await senders.device(lan, "phone")
    senders.do("DELETE FROM privacy.consent")
    return lan


async def test_nobody_is_pushed_to_without_having_agreed(rig: Rig, senders: Senders) -> None:
    lan = await on_a_phone(senders)
    await senders.tell(lan)
    await senders.work()
    assert (senders.fcm.taken, senders.deliveries()) == ([], [("dropped", "no_way")])
    assert rig.inbox(lan.citizen_id) == ["report.answered"]


async def test_who_agrees_is_pushed_to_and_who_withdraws_is_not(rig: Rig, senders: Senders) -> None:
    lan = await on_a_phone(senders)
    await rig.mine.give(lan, "push", 1, key())
    await senders.tell(lan)
    await senders.work()
    rig.world.clock.advance(timedelta(hours=2))
    await rig.mine.withdraw(lan, "push", key())
    await senders.tell(lan)
    await senders.work()
    assert (len(senders.fcm.taken), senders.tokens()) == (1, [])
    assert rig.inbox(lan.citizen_id) == ["report.answered", "report.answered"]


async def test_withdrawing_between_the_notice_and_its_sending_is_in_time(rig: Rig, senders: Senders) -> None:
    lan = await on_a_phone(senders)
    await rig.mine.give(lan, "push", 1, key())
    await senders.tell(lan)
    await rig.mine.withdraw(lan, "push", key())
    await senders.work()
    assert senders.fcm.taken == []


async def test_consent_to_something_else_or_of_somebody_else_is_none(rig: Rig, senders: Senders) -> None:
    lan = await on_a_phone(senders)
    await rig.mine.give(lan, "survey", 1, key())
    await rig.mine.give(await rig.world.citizen("hung"), "push", 1, key())
    await senders.tell(lan)
    await senders.work()
    assert senders.fcm.taken == []


async def test_officials_are_told_without_consent(senders: Senders) -> None:
    await senders.device(await senders.world.official("minh"), "phone")
    await senders.tell(await senders.world.official("minh"))
    await senders.work()
    assert len(senders.fcm.taken) == 1


@pytest.mark.parametrize("kind", [RequestKind.RESTRICT, RequestKind.OBJECT])
async def test_carried_out_restriction_ends_what_rests_on_consent_or_wish(
    rig: Rig, senders: Senders, kind: RequestKind
) -> None:
    lan = await on_a_phone(senders)
    await rig.mine.give(lan, "push", 1, key())
    await rig.mine.give(lan, "survey", 1, key())
    rig.rows(PREFERENCES, lan.citizen_id, NOON)
    request = await rig.answered(kind)
    await rig.work()
    assert [(one.purpose, one.given) for one in await rig.mine.consents(lan)] == [
        ("push", False),
        ("survey", False),
    ]
    assert rig.rows("SELECT DISTINCT request_id FROM privacy.consent WHERE NOT given") == [(request.id,)]
    assert rig.rows("SELECT push, sms, phone FROM notifications.preference") == [(False, "never", None)]
    assert senders.tokens() == []


async def test_restricted_person_finds_answers_in_the_inbox_and_is_sent_nothing(
    rig: Rig, senders: Senders
) -> None:
    lan = await on_a_phone(senders)
    await rig.mine.give(lan, "push", 1, key())
    await rig.answered(RequestKind.RESTRICT)
    await rig.work()
    await senders.tell(lan)
    await senders.work()
    assert senders.fcm.taken == []
    assert rig.inbox(lan.citizen_id) == ["privacy.done", "report.answered"]


async def test_other_persons_consents_stay(rig: Rig) -> None:
    hung = await rig.world.citizen("hung")
    await rig.mine.give(hung, "push", 1, key())
    await rig.answered(RequestKind.OBJECT)
    await rig.work()
    assert [one.given for one in await rig.mine.consents(hung)] == [True, False]


async def test_what_is_agreed_to_after_the_answer_holds(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.answered(RequestKind.OBJECT)
    rig.world.clock.advance(timedelta(minutes=1))
    await rig.mine.give(lan, "push", 1, key())
    await rig.work()
    assert [one.given for one in await rig.mine.consents(lan)] == [True, False]


@pytest.mark.parametrize(
    "given",
    [Answer(Step.ACCEPT), Answer(Step.REFUSE, "Không.", Ground.UNFOUNDED), Answer(Step.EXTEND, "Chờ.")],
)
async def test_what_is_not_granted_begins_nothing(rig: Rig, given: Answer) -> None:
    lan = await rig.world.citizen()
    await rig.mine.give(lan, "push", 1, key())
    for kind in (RequestKind.RESTRICT, RequestKind.DELETE):
        await rig.answered(kind, given=given)
    await rig.work()
    assert rig.rows("SELECT count(*) FROM privacy.consent WHERE NOT given") == [(0,)]
    assert rig.rows("SELECT count(*) FROM citizens.deletion") == [(0,)]


async def test_granted_deletion_begins_after_three_days_and_not_after_the_laws_day(rig: Rig) -> None:
    request = await rig.answered(RequestKind.DELETE)
    await rig.work()
    assert rig.rows("SELECT state, due_at FROM citizens.deletion") == [("asked", NOON + timedelta(days=3))]
    rig.rows("DELETE FROM citizens.deletion")
    rig.rows("UPDATE privacy.request SET carried_out_at = NULL, due_at = %s", NOON + timedelta(days=1))
    await rig.following.follow(request.id)
    assert rig.rows("SELECT due_at FROM citizens.deletion") == [(NOON + timedelta(days=1),)]


async def test_deletion_that_was_asked_for_before_comes_no_later(rig: Rig) -> None:
    lan = await rig.world.citizen()
    rig.rows("INSERT INTO citizens.deletion VALUES (%s, 'asked', %s, %s)", lan.citizen_id, NOON, NOON)
    await rig.answered(RequestKind.DELETE)
    await rig.work()
    assert rig.rows("SELECT due_at FROM citizens.deletion") == [(NOON,)]


async def test_granted_deletion_that_is_taken_back_is_not_begun_again(rig: Rig) -> None:
    request = await rig.answered(RequestKind.DELETE)
    await rig.work()
    rig.rows("DELETE FROM citizens.deletion")
    await rig.following.follow(request.id)
    assert rig.rows("SELECT count(*) FROM citizens.deletion") == [(0,)]


async def test_asker_is_told_of_each_step_once(rig: Rig) -> None:
    officer, request = await rig.officer(), await rig.asked(RequestKind.VIEW)
    steps = (Answer(Step.ACCEPT), Answer(Step.EXTEND, "Nhiều."), Answer(Step.DONE, "Xong."))
    for version, step in enumerate(steps, start=1):
        await rig.desk.answer(officer, request.id, version, step, key())
        await rig.work()
        await rig.following.follow(request.id)
    lan, hung = await rig.world.citizen(), await rig.world.citizen("hung")
    assert rig.inbox(lan.citizen_id) == ["privacy.accepted", "privacy.extended", "privacy.done"]
    assert rig.inbox(hung.citizen_id) == []
    assert rig.rows("SELECT DISTINCT resource FROM notifications.inbox") == [(f"privacy:{request.id}",)]


async def test_who_has_left_is_told_nothing(rig: Rig) -> None:
    await rig.answered(RequestKind.VIEW)
    rig.rows("UPDATE citizens.citizen SET issuer = 'urn:ioc:deleted', subject = 'x'")
    await rig.work()
    assert rig.rows("SELECT count(*) FROM notifications.inbox") == [(0,)]


async def test_request_that_waits_is_told_to_nobody(rig: Rig) -> None:
    request = await rig.asked()
    await rig.following.follow(request.id)
    assert rig.rows("SELECT count(*) FROM notifications.inbox") == [(0,)]


async def test_officers_are_reminded_before_and_when_it_is_late_once_each(rig: Rig) -> None:
    officer, request = await rig.officer(), await rig.asked()
    told = []
    for moment in (
        request.reply_due_at - timedelta(days=1, seconds=1),
        request.reply_due_at - timedelta(days=1),
        request.reply_due_at + timedelta(seconds=1),
        request.due_at - timedelta(days=3),
        request.due_at + timedelta(seconds=1),
    ):
        rig.world.clock.advance(moment - rig.world.clock.now())
        told.append((await rig.following.remind(), await rig.following.remind()))
    assert told == [(0, 0), (1, 0), (1, 0), (1, 0), (1, 0)]
    assert rig.inbox(officer.official_id) == [
        "privacy.reply_due",
        "privacy.reply_late",
        "privacy.due",
        "privacy.late",
    ]


async def test_answered_request_reminds_nobody(rig: Rig) -> None:
    request = await rig.answered(RequestKind.VIEW)
    rig.world.clock.advance(request.due_at - NOON + timedelta(days=1))
    assert await rig.following.remind() == 0


async def test_more_time_is_reminded_of_anew(rig: Rig) -> None:
    officer, request = await rig.officer(), await rig.asked()
    await rig.desk.answer(officer, request.id, 1, Answer(Step.ACCEPT), key())
    rig.world.clock.advance(request.due_at - timedelta(days=1) - NOON)
    await rig.following.remind()
    extended = await rig.desk.answer(officer, request.id, 2, Answer(Step.EXTEND, "Nhiều."), key())
    rig.world.clock.advance(extended.due_at - timedelta(days=1) - rig.world.clock.now())
    assert await rig.following.remind() == 1
    assert rig.inbox(officer.official_id) == ["privacy.due", "privacy.due"]


async def test_only_the_duty_is_reminded(rig: Rig) -> None:
    request = await rig.asked()
    rig.world.clock.advance(request.due_at - NOON)
    await rig.following.remind()
    assert rig.rows("SELECT count(*) FROM notifications.inbox") == [(0,)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT privacy.carry_out(:id, now())",
        "SELECT privacy.asker(:id)",
        "SELECT privacy.take_reminders(now(), 5)",
        "INSERT INTO privacy.consent (id, citizen_id, purpose, text_version, given, at, request_id)"
        " SELECT :id, q.citizen_id, 'push', 1, false, now(), q.id FROM privacy.request q",
        "UPDATE privacy.request SET carried_out_at = now() WHERE id = :id",
    ],
)
async def test_api_carries_nothing_out(rig: Rig, statement: str) -> None:
    request = await rig.answered(RequestKind.DELETE)
    for who in (await rig.citizen(), await rig.officer()):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with rig.world.database.unit_of_work(who, AuditEvent("privacy.follow")) as work:
                await work.connection.execute(text(statement), {"id": request.id})
