"""Word of a notice: by push, to a local server that speaks FCM HTTP v1; faults included."""

import json
from datetime import timedelta

import pytest

from backend.notifications.inbox import InboxService
from backend.notifications.push import BATCH, PushMessage
from backend.notifications.types import Platform, Urgency
from foundation.ids import new_uuid
from tests.backend.notifications.rig import CODE, Fault, Rig
from tests.backend.world import World, key

PHONE = "phone".ljust(16, "_")
TABLET = "tablet".ljust(16, "_")


async def test_notice_is_pushed_to_each_device_of_its_recipient(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    await rig.device(lan, "tablet", Platform.IOS)
    await rig.tell(lan)
    await rig.work()
    assert (sorted(rig.fcm.screens()), rig.deliveries()) == ([PHONE, TABLET], [("sent", "push")])


async def test_message_carries_an_opaque_id_alone(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    await rig.device(lan, "tablet", Platform.IOS)
    await rig.tell(lan)
    await rig.work()
    ((token,),) = rig.rows("SELECT token::text FROM notifications.delivery")
    android, ios = sorted(rig.fcm.taken, key=lambda message: str(message["token"]))
    assert android == {
        "token": PHONE,
        "data": {"id": token},
        "android": {"collapse_key": token, "priority": "normal", "ttl": "86400s"},
    }
    assert ios["apns"]["payload"] == {"aps": {"alert": {"loc-key": "notice"}, "mutable-content": 1}}
    assert (ios["data"], ios["apns"]["headers"]["apns-collapse-id"]) == ({"id": token}, token)


async def test_nothing_of_report_person_or_kind_is_in_a_message(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "tablet", Platform.IOS)
    await rig.tell(lan, Urgency.URGENT)
    await rig.work()
    sent = json.dumps(rig.fcm.taken)
    ((inner,),) = rig.rows("SELECT id::text FROM notifications.delivery")
    assert [word for word in (CODE, "report", "answered", str(lan.citizen_id), inner) if word in sent] == []


async def test_recipient_finds_by_the_id_what_it_was_about_and_others_do_not(rig: Rig) -> None:
    lan, hung = await rig.world.citizen(), await rig.world.citizen("hung")
    await rig.device(lan, "phone")
    await rig.tell(lan)
    await rig.work()
    ((token,),) = rig.rows("SELECT token FROM notifications.delivery")
    found = [len(await rig.world.inboxes.pushed(who, token)) for who in (lan, hung)]
    assert found == [1, 0]


async def test_job_that_runs_again_sends_nothing_again(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    await rig.tell(lan)
    await rig.work()
    ((delivery,),) = rig.rows("SELECT id FROM notifications.delivery")
    await rig.sending.send(rig.world.system("notifications"), delivery)
    assert (len(rig.fcm.taken), rig.attempts()) == (1, ["sent"])


@pytest.mark.parametrize("kind", ["unavailable", "internal", "cut"])
async def test_what_fcm_did_not_take_is_sent_again(rig: Rig, kind: str) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    rig.fcm.fail(PHONE, Fault(kind))
    await rig.tell(lan)
    await rig.work()
    before = len(rig.fcm.taken)
    await rig.work_on(3)
    assert (before, len(rig.fcm.taken), rig.attempts()) == (0, 1, ["later", "sent"])


async def test_retry_after_of_a_429_is_kept_to(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    rig.fcm.fail(PHONE, Fault("quota", retry_after="90"))
    await rig.tell(lan)
    await rig.work()
    await rig.work_on(89)
    before = len(rig.fcm.taken)
    await rig.work_on(2)
    assert (before, len(rig.fcm.taken)) == (0, 1)


async def test_retry_after_of_days_is_an_hour(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    rig.fcm.fail(PHONE, Fault("unavailable", retry_after="999999"))
    await rig.tell(lan)
    await rig.work()
    await rig.work_on(3_601)
    assert len(rig.fcm.taken) == 1


@pytest.mark.parametrize("kind", ["unregistered", "mismatch"])
async def test_dead_token_is_pruned_and_asked_no_more(rig: Rig, kind: str) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    await rig.device(lan, "tablet")
    rig.fcm.fail(PHONE, Fault(kind))
    await rig.tell(lan)
    await rig.work()
    assert (rig.tokens(), rig.deliveries(), sorted(rig.attempts())) == (
        [TABLET],
        [("sent", "push")],
        ["dead", "sent"],
    )


async def test_message_that_fcm_calls_invalid_costs_nobody_the_token(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    rig.fcm.fail(PHONE, Fault("invalid"))
    await rig.tell(lan)
    await rig.work()
    assert (rig.tokens(), rig.attempts(), rig.deliveries()) == (
        [PHONE],
        ["refused"],
        [("failed", "nobody_reached")],
    )


async def test_lost_answer_sends_again_with_the_same_collapse_id_and_shows_once(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    rig.fcm.fail(PHONE, Fault("ack_lost"))
    await rig.tell(lan)
    await rig.work()
    await rig.work_on(3)
    assert (len(rig.fcm.taken), len(rig.fcm.screens()[PHONE]), rig.attempts()) == (2, 1, ["later", "sent"])


async def test_partial_failure_sends_the_rest_alone_again(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    await rig.device(lan, "tablet")
    rig.fcm.fail(TABLET, Fault("unavailable"))
    await rig.tell(lan)
    await rig.work()
    await rig.work_on(3)
    sent = sorted(message["token"] for message in rig.fcm.taken)
    assert (sent, rig.deliveries()) == ([PHONE, TABLET], [("sent", "push")])


async def test_failure_of_one_recipient_is_not_anothers(rig: Rig) -> None:
    lan, hung = await rig.world.citizen(), await rig.world.citizen("hung")
    await rig.device(lan, "phone")
    await rig.device(hung, "tablet")
    rig.fcm.fail(PHONE, Fault("unavailable"))
    await rig.tell(lan)
    await rig.tell(hung)
    await rig.work()
    assert rig.deliveries() == [("sending", None), ("sent", "push")]


async def test_slow_answer_is_awaited_no_longer_than_said(world: World, rig: Rig) -> None:
    lan = await world.citizen()
    await rig.device(lan, "phone")
    rig.push._http._client.timeout = 0.2
    rig.fcm.fail(PHONE, Fault("slow", seconds=1.0))
    await rig.tell(lan)
    await rig.work()
    assert (rig.attempts(), rig.deliveries()) == (["later"], [("sending", None)])


async def test_deliveries_that_are_due_travel_in_one_batch(rig: Rig) -> None:
    people = [await rig.world.citizen(f"person {number}") for number in range(12)]
    for number, person in enumerate(people):
        await rig.device(person, f"phone-{number}")
        await rig.tell(person)
    ((first,), *_) = rig.rows("SELECT id FROM notifications.delivery ORDER BY id")
    await rig.sending.send(rig.world.system("notifications"), first)
    assert (len(rig.fcm.taken), rig.fcm.grants) == (12, 1)


async def test_more_than_a_batch_is_refused_by_the_port(rig: Rig) -> None:
    message = PushMessage(PHONE, Platform.ANDROID, new_uuid(), urgent=False)
    with pytest.raises(ValueError, match="500"):
        await rig.push.send([message] * (BATCH + 1))


async def test_a_whole_batch_arrives(rig: Rig) -> None:
    messages = [
        PushMessage(f"{PHONE}{number}", Platform.ANDROID, new_uuid(), urgent=False) for number in range(BATCH)
    ]
    answers = await rig.push.send(messages)
    assert ({answer.outcome for answer in answers}, len(rig.fcm.taken)) == ({"sent"}, BATCH)


async def test_access_token_that_was_revoked_is_renewed(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    await rig.tell(lan)
    await rig.work()
    rig.fcm.revoke()
    await rig.tell(lan, resource=CODE[::-1])
    await rig.work()
    await rig.work_on(3)
    assert (len(rig.fcm.taken), rig.fcm.grants) == (2, 2)


async def test_account_that_is_not_known_sends_nothing_and_loses_nothing(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    address = rig.fcm.account["client_email"]
    rig.fcm.account["client_email"] = "somebody@else"
    await rig.tell(lan)
    await rig.work()
    before = rig.attempts()
    rig.fcm.account["client_email"] = address
    await rig.work_on(3)
    assert (before, rig.attempts()) == (["later"], ["later", "sent"])


async def test_noisy_report_is_told_of_once_in_five_minutes(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    for _ in range(20):
        await rig.tell(lan)
        await rig.work_on(10)
    during = len(rig.fcm.taken)
    await rig.work_on(310)
    ((notices,),) = rig.rows("SELECT count(*) FROM notifications.inbox")
    assert (during, len(rig.fcm.taken), notices) == (1, 2, 20)


async def test_many_reports_at_once_are_told_of_thirty_times_an_hour(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    for number in range(40):
        await rig.tell(lan, resource=f"{number:016}")
        await rig.work_on(1)
    assert len(rig.fcm.taken) == 30


async def test_what_was_read_already_is_not_sent(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    await rig.tell(lan)
    await rig.inbox.mark_read(lan, None, key())
    await rig.work()
    assert (rig.fcm.taken, rig.deliveries()) == ([], [("dropped", "read_already")])


async def test_who_has_no_device_and_wants_nothing_else_has_the_inbox(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.tell(lan)
    await rig.work()
    assert rig.deliveries() == [("dropped", "no_way")]


async def test_suspended_official_is_told_nothing(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    await rig.device(minh, "phone")
    await rig.tell(minh)
    rig.do("UPDATE tenancy.official SET state = 'suspended' WHERE id = %s", minh.official_id)
    await rig.work()
    assert (rig.fcm.taken, rig.deliveries()) == ([], [("dropped", "person_gone")])


async def test_job_that_died_before_sending_is_made_up_for(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    await rig.tell(lan)
    ((delivery,),) = rig.rows("SELECT id FROM notifications.delivery")
    principal = rig.world.system("notifications")
    await rig.sending._claim(principal, delivery)
    await rig.sending.send(principal, delivery)
    during = len(rig.fcm.taken)
    await rig.work_on(200)
    assert (during, len(rig.fcm.taken), rig.attempts()) == (0, 1, [None, "sent"])


async def test_job_that_died_after_sending_sends_again_and_shows_once(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    await rig.tell(lan)
    ((delivery,),) = rig.rows("SELECT id FROM notifications.delivery")
    principal = rig.world.system("notifications")
    await rig.sending._push(await rig.sending._claim(principal, delivery))
    await rig.sending.send(principal, delivery)
    await rig.work_on(200)
    assert (len(rig.fcm.taken), len(rig.fcm.screens()[PHONE]), rig.attempts()) == (2, 1, [None, "sent"])


async def test_delivery_whose_job_was_lost_is_rescued(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    await rig.tell(lan)
    rig.do("DELETE FROM jobs.procrastinate_jobs")
    rig.world.clock.advance(timedelta(hours=2))
    rescued = await rig.sending.rescue(rig.world.system("notifications"))
    await rig.work()
    assert (rescued, len(rig.fcm.taken)) == (1, 1)


async def test_whatever_happens_a_delivery_that_is_not_done_has_a_job(rig: Rig, inbox: InboxService) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    rig.fcm.fail(PHONE, *[Fault("unavailable")] * 8)
    await rig.tell(lan)
    for _ in range(20):
        await rig.work_on(1_900)
    assert rig.deliveries() == [("failed", "nobody_reached")]


@pytest.fixture
def inbox(rig: Rig) -> InboxService:
    """What people do with their inbox."""
    return rig.inbox
