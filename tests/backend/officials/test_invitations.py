"""An official is invited, gets an account from the directory, and is active from the first sign-in on."""

from datetime import date
from typing import Any

import pytest

from backend.officials.errors import DutyOutsideUnit, DutyOverlap, Taken, UnknownUnit, WrongState
from backend.officials.types import DutyGift, DutyKind, Invitation, OfficialState
from backend.tenancy.errors import NoDutyHere
from foundation.errors import Forbidden, IdempotencyMismatch, InvalidInput
from tests.backend.officials.rig import ASKING, HANDLER, Rig
from tests.backend.world import CITY, CONSTRUCTION, HOAN_KIEM, SOC_SON, key

SUBJECT = "00000000-0000-4000-8000-0000000000aa"
EVERY_LETTER = (
    "aàảãáạăằẳẵắặâầẩẫấậbcdđeèẻẽéẹêềểễếệghiìỉĩíịklmnoòỏõóọôồổỗốộơờởỡớợpqrstuùủũúụưừửữứựvxyỳỷỹýỵĂÂĐÊÔƠƯ"
)


async def test_invitation_asks_the_directory_for_an_account(rig: Rig) -> None:
    made = await rig.invited()
    assert rig.requests() == [
        (
            "official.create",
            made.code,
            {
                "unit": HOAN_KIEM,
                "username": "an.nguyen",
                "email": "an.nguyen@example.vn",
                "familyName": "Nguyễn",
                "givenName": "Thị An",
            },
        )
    ]


async def test_what_the_officers_device_signed_goes_along(rig: Rig) -> None:
    await rig.invited()
    assert rig.look("SELECT body, token, proof FROM directory.asking") == [
        (ASKING.body, ASKING.token, ASKING.proof)
    ]


async def test_invited_official_can_not_come_in_before_the_directory_has_made_the_account(rig: Rig) -> None:
    await rig.invited()
    with pytest.raises(NoDutyHere):
        await rig.signed_in(SUBJECT)


async def test_first_sign_in_makes_active(rig: Rig) -> None:
    made = await rig.invited()
    rig.account_made(made.code, SUBJECT)
    await rig.first_use(await rig.signed_in(SUBJECT))
    account = await rig.account(made.code)
    assert (account.state, account.last_active_day) == (OfficialState.ACTIVE, date(2026, 11, 24))
    assert [kind for kind, _ in rig.history(made.code)] == ["invited", "duty_given", "activated"]
    assert rig.events()[-1] == ("official.activate", None)


async def test_second_sign_in_activates_nobody_again(rig: Rig) -> None:
    made = await rig.invited()
    rig.account_made(made.code, SUBJECT)
    await rig.first_use(await rig.signed_in(SUBJECT))
    await rig.first_use(await rig.signed_in(SUBJECT))
    assert [kind for kind, _ in rig.history(made.code)].count("activated") == 1


async def test_account_once_told_is_not_told_otherwise(rig: Rig) -> None:
    made = await rig.invited()
    rig.account_made(made.code, SUBJECT)
    rig.account_made(made.code, SUBJECT)
    with pytest.raises(Exception, match="no official without an account"):
        rig.account_made(made.code, "another")


async def test_same_key_and_body_invite_once(rig: Rig) -> None:
    yen, once = await rig.world.official("yen"), key()
    invitation = Invitation(HOAN_KIEM, "an.nguyen", "an@example.vn", "Nguyễn", "An", (HANDLER,))
    first = await rig.officials.invite(yen, invitation, ASKING, once)
    assert await rig.officials.invite(yen, invitation, ASKING, once) == first
    assert len(rig.requests()) == 1


async def test_same_key_for_another_body_is_refused(rig: Rig) -> None:
    yen, once = await rig.world.official("yen"), key()
    invitation = Invitation(HOAN_KIEM, "an.nguyen", "an@example.vn", "Nguyễn", "An")
    await rig.officials.invite(yen, invitation, ASKING, once)
    other = type(once)(once.key, b"\x02" * 32)
    with pytest.raises(IdempotencyMismatch):
        await rig.officials.invite(yen, invitation, ASKING, other)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"username": "an"}, "username"),
        ({"email": "an.nguyen@example.vn"}, "email"),
    ],
)
async def test_person_who_is_there_is_not_invited_to_a_second_unit(
    rig: Rig, given: dict[str, str], field: str
) -> None:
    await rig.invited()
    other: dict[str, Any] = {"username": "binh", "unit": SOC_SON, "duties": (), **given}
    with pytest.raises(Taken) as refused:
        await rig.invited("nga", **other)
    assert refused.value.field == field


async def test_user_name_in_capitals_is_the_same_user_name(rig: Rig) -> None:
    await rig.invited()
    with pytest.raises(Taken):
        await rig.invited(username="AN", email="other@example.vn")


async def test_names_of_an_invitation_that_came_to_nothing_are_free_again(rig: Rig) -> None:
    made = await rig.invited()
    nga = await rig.world.official("nga")
    await rig.officials.end(nga, await rig.step(made.code), ASKING, key())
    assert (await rig.invited()).code != made.code


async def test_names_of_an_account_that_ended_stay_taken(rig: Rig) -> None:
    made = await rig.invited()
    rig.account_made(made.code, SUBJECT)
    nga = await rig.world.official("nga")
    await rig.officials.end(nga, await rig.step(made.code), ASKING, key())
    with pytest.raises(Taken):
        await rig.invited()


async def test_name_with_every_vietnamese_letter_is_kept(rig: Rig) -> None:
    made = await rig.invited(family_name=EVERY_LETTER, given_name="Đoàn Ỷ")
    assert (await rig.account(made.code)).name == f"{EVERY_LETTER} Đoàn Ỷ"


async def test_longest_name_is_kept(rig: Rig) -> None:
    made = await rig.invited(family_name="Ễ" * 99, given_name="ữ" * 99)
    assert len((await rig.account(made.code)).name) == 199


async def test_name_of_letters_with_loose_marks_is_the_same_name(rig: Rig) -> None:
    made = await rig.invited(family_name="Nguyễn")
    assert (await rig.account(made.code)).name == "Nguyễn Thị An"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"family_name": ""}, "familyName"),
        ({"family_name": "   "}, "familyName"),
        ({"family_name": "N" * 100}, "familyName"),
        ({"given_name": "An\x00"}, "givenName"),
        ({"given_name": "<b>An</b>"}, "givenName"),
        ({"given_name": "An\ud800"}, "givenName"),
        ({"given_name": "An 2"}, "givenName"),
        ({"given_name": "\u202eAn"}, "givenName"),
        ({"email": "an"}, "email"),
        ({"email": "an@localhost"}, "email"),
        ({"email": "an@example.vn\nbcc: x@example.vn"}, "email"),
        ({"email": '"an"@example.vn'}, "email"),
        ({"email": f"{'a' * 300}@example.vn"}, "email"),
        ({"username": "1x"}, "username"),
        ({"username": "quản"}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": "a" * 60}, "username"),
    ],
)
async def test_invitation_outside_its_limits_is_refused(rig: Rig, given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await rig.invited(**given)
    assert refused.value.field == field


async def test_refused_invitation_leaves_an_event_and_nothing_else(rig: Rig) -> None:
    with pytest.raises(Forbidden):
        await rig.invited("yen", unit=SOC_SON, duties=())
    assert rig.events() == [("official.invite", "common.forbidden")]
    assert (rig.requests(), rig.look("SELECT FROM tenancy.official_change")) == ([], [])


@pytest.mark.parametrize("who", ["minh", "quang", "phuong"])
async def test_who_administers_nobody_invites_nobody(rig: Rig, who: str) -> None:
    with pytest.raises(Forbidden):
        await rig.invited(who, duties=())


@pytest.mark.parametrize("unit", ["99999", "D9999", "x", "", "P0002"])
async def test_invitation_to_no_unit_is_refused(rig: Rig, unit: str) -> None:
    with pytest.raises(UnknownUnit):
        await rig.invited("nga", unit=unit, duties=())


async def test_invitation_to_a_unit_that_ended_is_refused(rig: Rig) -> None:
    rig.do("UPDATE tenancy.unit SET ended_on = '2026-11-24' WHERE code = %s", SOC_SON)
    with pytest.raises(UnknownUnit):
        await rig.invited("nga", unit=SOC_SON, duties=())


async def test_duty_in_another_unit_than_the_official_is_refused(rig: Rig) -> None:
    with pytest.raises(DutyOutsideUnit):
        await rig.invited("nga", unit=CONSTRUCTION, duties=(HANDLER,))


@pytest.mark.parametrize("kind", [DutyKind.UNIT_ADMIN, DutyKind.CITY_OPERATOR, DutyKind.PLATFORM_ADMIN])
async def test_ward_makes_no_administrators(rig: Rig, kind: DutyKind) -> None:
    with pytest.raises(Forbidden):
        await rig.invited("yen", duties=(DutyGift(kind, HOAN_KIEM),))


@pytest.mark.parametrize("kind", [DutyKind.CITY_OPERATOR, DutyKind.PLATFORM_ADMIN])
async def test_duty_of_the_city_is_held_at_the_city(rig: Rig, kind: DutyKind) -> None:
    with pytest.raises(InvalidInput):
        await rig.invited("nga", duties=(DutyGift(kind, HOAN_KIEM),))


async def test_city_makes_an_administrator_of_a_ward(rig: Rig) -> None:
    made = await rig.invited("nga", duties=(DutyGift(DutyKind.UNIT_ADMIN, HOAN_KIEM),))
    assert [duty.kind for duty in (await rig.account(made.code)).duties] == ["unit_admin"]


async def test_one_duty_twice_is_refused(rig: Rig) -> None:
    with pytest.raises(DutyOverlap):
        await rig.invited(duties=(HANDLER, HANDLER))


async def test_more_than_twenty_duties_are_refused(rig: Rig) -> None:
    with pytest.raises(InvalidInput):
        await rig.invited(duties=(HANDLER,) * 21)


async def test_invitation_is_sent_again_with_the_same_account(rig: Rig) -> None:
    made = await rig.invited()
    await rig.officials.resend(await rig.world.official("yen"), made.code, ASKING, key())
    first, again = rig.requests()
    assert again == first


async def test_active_official_is_not_invited_again(rig: Rig) -> None:
    with pytest.raises(WrongState):
        await rig.officials.resend(await rig.world.official("yen"), rig.code_of("Minh"), ASKING, key())


async def test_city_invites_for_the_city(rig: Rig) -> None:
    made = await rig.invited("nga", unit=CITY, duties=(DutyGift(DutyKind.CITY_OPERATOR, CITY),))
    assert (await rig.account(made.code)).unit.code == CITY
