"""An official is invited, gets an account from the directory, and is active from the first sign-in on."""

import pytest

from backend.officials.types import OfficialState
from backend.tenancy.errors import NoDutyHere
from tests.backend.officials.rig import Rig
from tests.backend.world import HOAN_KIEM

SUBJECT = "00000000-0000-4000-8000-0000000000aa"


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


async def test_invited_official_can_not_come_in_before_the_directory_has_made_the_account(rig: Rig) -> None:
    await rig.invited()
    with pytest.raises(NoDutyHere):
        await rig.signed_in(SUBJECT)


async def test_first_sign_in_makes_active(rig: Rig) -> None:
    made = await rig.invited()
    rig.account_made(made.code, SUBJECT)
    await rig.first_use(await rig.signed_in(SUBJECT))
    account = await rig.account(made.code)
    assert (account.state, str(account.last_active_day)) == (OfficialState.ACTIVE, "2026-11-24")
    assert [kind for kind, _ in rig.history(made.code)] == ["invited", "duty_given", "activated"]
    assert rig.events()[-1] == ("official.activate", None)
