"""Where a device can be reached: its owner's alone, and nothing of it stays with the device's next owner."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backend.notifications.types import Owner, Platform, PushToken
from foundation.errors import Forbidden, InvalidInput
from foundation.ids import new_uuid
from tests.backend.notifications.rig import Rig
from tests.backend.world import key

PHONE = "phone".ljust(16, "_")
TABLET = "tablet".ljust(16, "_")
END = (
    "INSERT INTO identity.session_end (event_id, iss, sid, sub, ended_at, cause, except_sid, jkt)"
    " VALUES (gen_random_uuid()::text, %s, %s, %s, now(), 'test', %s, %s)"
)


def end(
    rig: Rig,
    who: Owner,
    *,
    sid: str | None = None,
    sub: bool = True,
    kept: str | None = None,
    jkt: str | None = None,
) -> None:
    """An end, as whoever tells of it writes it down."""
    rig.do(END, who.session.iss, sid, who.session.sub if sub else None, kept, jkt)


async def pushed(rig: Rig, who: Owner) -> list[str]:
    """Tokens that somebody's notice goes to now."""
    await rig.tell(who, resource=f"{new_uuid().int % 10**16:016}")
    before = len(rig.fcm.taken)
    await rig.work()
    return sorted(message["token"] for message in rig.fcm.taken[before:])


async def test_sign_out_ends_pushes_to_that_device_alone(rig: Rig) -> None:
    lan = await rig.world.citizen()
    phone = await rig.device(lan, "phone")
    await rig.device(lan, "tablet")
    end(rig, phone, sid=phone.session.sid)
    assert await pushed(rig, lan) == [TABLET]


async def test_sign_out_of_a_later_session_on_the_device_ends_them_too(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.device(lan, "phone")
    later = rig.session(lan, "phone")
    end(rig, later, sid=later.session.sid)
    assert rig.tokens() == []


async def test_logout_that_names_no_person_ends_them_too(rig: Rig) -> None:
    phone = await rig.device(await rig.world.citizen(), "phone")
    end(rig, phone, sid=phone.session.sid, sub=False)
    assert rig.tokens() == []


async def test_end_of_all_sessions_but_this_keeps_this_device(rig: Rig) -> None:
    lan = await rig.world.citizen()
    phone = await rig.device(lan, "phone")
    await rig.device(lan, "tablet")
    end(rig, lan, kept=phone.session.sid)
    assert rig.tokens() == [PHONE]


async def test_lost_device_is_told_nothing_more(rig: Rig) -> None:
    lan = await rig.world.citizen()
    phone = await rig.device(lan, "phone")
    await rig.device(lan, "tablet")
    end(rig, lan, jkt=phone.session.jkt)
    assert rig.tokens() == [TABLET]


async def test_end_of_one_person_is_no_others(rig: Rig) -> None:
    lan, hung = await rig.world.citizen(), await rig.world.citizen("hung")
    await rig.device(lan, "phone")
    await rig.device(hung, "tablet")
    end(rig, lan)
    assert rig.tokens() == [TABLET]


async def test_next_owner_of_the_device_ends_the_former_ones_pushes_by_signing_in(rig: Rig) -> None:
    lan, hung = await rig.world.citizen(), await rig.world.citizen("hung")
    await rig.device(lan, "phone", jkt="one device")
    rig.session(hung, "one device")
    assert (rig.tokens(), await pushed(rig, lan)) == ([], [])


async def test_same_app_with_a_new_key_belongs_to_who_registered_it_last(rig: Rig) -> None:
    lan, hung = await rig.world.citizen(), await rig.world.citizen("hung")
    await rig.device(lan, "phone", jkt="key of lan")
    await rig.device(hung, "phone", jkt="key of hung")
    assert (await pushed(rig, lan), await pushed(rig, hung)) == ([], [PHONE])


async def test_push_to_a_registered_token_of_another_tells_its_device_nothing_it_could_open(rig: Rig) -> None:
    lan, hung = await rig.world.citizen(), await rig.world.citizen("hung")
    await rig.device(lan, "phone", jkt="key of lan")
    await rig.device(hung, "phone", jkt="key of hung")
    await pushed(rig, hung)
    (message,) = rig.fcm.taken
    ((token,),) = rig.rows("SELECT token FROM notifications.delivery WHERE state = 'sent'")
    assert (message["data"], await rig.world.inboxes.pushed(lan, token)) == ({"id": str(token)}, ())


async def test_session_that_has_ended_registers_nothing(rig: Rig) -> None:
    signed_in = rig.session(await rig.world.citizen(), "phone")
    end(rig, signed_in, sid=signed_in.session.sid)
    with pytest.raises(Forbidden):
        await rig.inbox.register(signed_in, PushToken(Platform.IOS, PHONE), key())
    assert rig.tokens() == []


async def test_session_of_somebody_else_registers_nothing(rig: Rig) -> None:
    lan, hung = await rig.world.citizen(), await rig.world.citizen("hung")
    of_lan = rig.session(lan, "phone")
    forged = replace(hung, session=of_lan.session)
    with pytest.raises(Forbidden):
        await rig.inbox.register(forged, PushToken(Platform.IOS, PHONE), key())
    assert rig.tokens() == []


@pytest.mark.parametrize(
    "token", ["", "short", "x" * 2049, "a b" * 10, "ă" * 20, "x" * 20 + "\n", "\x00" * 20]
)
async def test_what_is_no_token_is_refused(rig: Rig, token: str) -> None:
    signed_in = rig.session(await rig.world.citizen(), "phone")
    with pytest.raises(InvalidInput):
        await rig.inbox.register(signed_in, PushToken(Platform.IOS, token), key())


async def test_forgotten_token_is_reached_no_more(rig: Rig) -> None:
    phone = await rig.device(await rig.world.citizen(), "phone")
    await rig.inbox.forget(phone, key())
    assert rig.tokens() == []


async def test_nobody_has_more_than_twenty(rig: Rig) -> None:
    lan = await rig.world.citizen()
    for number in range(22):
        rig.world.clock.advance(timedelta(seconds=1))
        await rig.device(lan, f"phone-{number:02}")
    assert rig.tokens() == sorted(f"phone-{number:02}".ljust(16, "_") for number in range(2, 22))


async def test_another_person_marks_nothing_as_read(rig: Rig) -> None:
    lan, hung = await rig.world.citizen(), await rig.world.citizen("hung")
    await rig.tell(lan)
    ((notice,),) = rig.rows("SELECT id FROM notifications.inbox")
    await rig.inbox.mark_read(hung, [notice], key())
    assert await rig.world.inboxes.unread(lan) == 1


async def test_marked_notice_counts_no_more(rig: Rig) -> None:
    lan = await rig.world.citizen()
    await rig.tell(lan)
    await rig.tell(lan)
    (notice, *_) = [row[0] for row in rig.rows("SELECT id FROM notifications.inbox")]
    await rig.inbox.mark_read(lan, [notice], key())
    assert await rig.world.inboxes.unread(lan) == 1
