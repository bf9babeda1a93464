"""Which way a notice goes, and when: preferences, quiet hours, SMS and letters in place of a push."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.notifications.errors import NoAddress
from backend.notifications.plans import MOST_SMS_A_DAY, backoff
from backend.notifications.push import Outcome
from backend.notifications.quiet import quiet_until
from backend.notifications.types import Fallback, Preferences, QuietHours, Urgency
from foundation.clock import HANOI
from foundation.identity.principal import CitizenPrincipal
from tests.backend.notifications.rig import Fault, Rig
from tests.backend.world import key

PHONE = "phone".ljust(16, "_")
NUMBER = "+84912345678"
ALWAYS = Preferences(push=True, sms=Fallback.ALWAYS, email=Fallback.NEVER, quiet=None)
times = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))


def proven(lan: CitizenPrincipal) -> CitizenPrincipal:
    """With a number that is proven."""
    return replace(lan, phone_proven=True, session=replace(lan.session, phone=NUMBER))


def night(rig: Rig) -> None:
    """23:00 in Ha Noi."""
    rig.world.clock.advance(timedelta(hours=11))


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)), times, times)
def test_quiet_hours_end_at_their_end_within_a_day(now: datetime, begin: time, end: time) -> None:
    until = quiet_until(now, begin, end) or now
    assert timedelta(0) <= until - now <= timedelta(days=1)
    assert quiet_until(until, begin, end) is None


@pytest.mark.parametrize(
    ("clock", "begin", "end", "until"),
    [
        (time(23), time(22), time(7), time(7)),
        (time(3), time(22), time(7), time(7)),
        (time(7), time(22), time(7), None),
        (time(12), time(22), time(7), None),
        (time(13), time(12), time(14), time(14)),
        (time(13), time(13), time(13), None),
    ],
)
def test_quiet_hours_by_the_clock_of_ha_noi(clock: time, begin: time, end: time, until: time | None) -> None:
    now = datetime.combine(datetime(2026, 11, 24), clock, HANOI)
    found = quiet_until(now.astimezone(UTC), begin, end)
    assert (None if found is None else found.astimezone(HANOI).time()) == until


@given(st.integers(1, 50))
def test_backoff_grows_and_ends_at_half_an_hour(tries: int) -> None:
    assert backoff(tries) <= backoff(tries + 1) <= timedelta(minutes=30)


async def test_night_holds_back_what_is_not_urgent(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    night(rig)
    await rig.tell(lan)
    await rig.work()
    during = len(rig.fcm.taken)
    await rig.work_on(8 * 3600 + 1)
    assert (during, len(rig.fcm.taken)) == (0, 1)


async def test_urgent_notice_passes_the_night(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    night(rig)
    await rig.tell(lan, Urgency.URGENT)
    await rig.work()
    assert len(rig.fcm.taken) == 1


async def test_without_a_push_an_sms_goes_out_if_wanted(rig: Rig) -> None:
    lan = proven(await rig.world.citizen())
    await rig.inbox.prefer(lan, ALWAYS, key())
    await rig.tell(lan)
    await rig.work()
    assert ([to for to, _ in rig.messages.sms], rig.deliveries()) == ([NUMBER], [("sent", "sms")])


async def test_sms_for_urgent_things_is_not_sent_for_others(rig: Rig) -> None:
    lan = proven(await rig.world.citizen())
    await rig.inbox.prefer(lan, replace(ALWAYS, sms=Fallback.URGENT), key())
    await rig.tell(lan)
    await rig.work()
    assert (rig.messages.sms, rig.deliveries()) == ([], [("dropped", "no_way")])


async def test_push_that_keeps_failing_turns_to_sms(rig: Rig) -> None:
    lan = proven(await rig.world.citizen())
    await rig.inbox.prefer(lan, ALWAYS, key())
    await rig.device(lan, "phone")
    rig.fcm.fail(PHONE, *[Fault("unavailable")] * 3)
    await rig.tell(lan, Urgency.URGENT)
    await rig.work()
    await rig.work_on(10, steps=4)
    assert (len(rig.messages.sms), rig.deliveries()) == (1, [("sent", "sms")])


async def test_sms_sent_again_has_the_same_reference(rig: Rig) -> None:
    lan = proven(await rig.world.citizen())
    await rig.inbox.prefer(lan, ALWAYS, key())
    rig.messages.answers = [Outcome.LATER]
    await rig.tell(lan)
    await rig.work()
    await rig.work_on(3)
    assert (len(rig.messages.sms), len(set(rig.messages.sms))) == (2, 1)


async def test_no_more_than_five_sms_a_day(rig: Rig) -> None:
    lan = proven(await rig.world.citizen())
    await rig.inbox.prefer(lan, ALWAYS, key())
    for number in range(MOST_SMS_A_DAY + 3):
        await rig.tell(lan, resource=f"{number:016}")
        await rig.work_on(1)
    assert len(rig.messages.sms) == MOST_SMS_A_DAY


async def test_official_without_a_device_gets_a_letter_for_urgent_things(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    rig.do("UPDATE tenancy.official SET email = 'minh@hanoi.example' WHERE id = %s", minh.official_id)
    await rig.tell(minh, Urgency.URGENT)
    await rig.work()
    assert [to for to, _ in rig.messages.letters] == ["minh@hanoi.example"]


async def test_push_is_not_sent_to_who_wants_none(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    await rig.inbox.prefer(lan, Preferences(False, Fallback.NEVER, Fallback.NEVER, None), key())
    await rig.tell(lan)
    await rig.work()
    assert (rig.fcm.taken, rig.deliveries()) == ([], [("dropped", "no_way")])


async def test_sms_without_a_proven_number_is_refused(rig: Rig) -> None:
    with pytest.raises(NoAddress):
        await rig.inbox.prefer(await rig.world.citizen(), ALWAYS, key())


async def test_letters_to_a_citizen_are_refused_for_nobody_proved_the_address(rig: Rig) -> None:
    wanted = Preferences(True, Fallback.NEVER, Fallback.ALWAYS, QuietHours(time(22), time(6)))
    with pytest.raises(NoAddress):
        await rig.inbox.prefer(await rig.world.citizen(), wanted, key())


async def test_number_lies_sealed(rig: Rig) -> None:
    lan = proven(await rig.world.citizen())
    await rig.inbox.prefer(lan, ALWAYS, key())
    ((row,),) = rig.rows("SELECT p::text FROM notifications.preference p")
    assert "912345678" not in row


async def test_number_that_its_owner_lost_is_told_nothing(rig: Rig) -> None:
    lan = proven(await rig.world.citizen())
    rig.do(
        "INSERT INTO citizens.phone (citizen_id, digest, proven_at) VALUES (%s, sha256('1'), now())",
        lan.citizen_id,
    )
    await rig.inbox.prefer(lan, ALWAYS, key())
    rig.do("DELETE FROM citizens.phone")
    await rig.tell(lan)
    await rig.work()
    assert rig.messages.sms == []
