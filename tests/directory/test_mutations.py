"""What a check answers besides that it passed: whether the parameters were said, or are to be vouched for."""

import pytest

from directory.errors import AskingInvalid
from directory.mutations import Parameters, Said, check_said
from foundation.directory_queue import Operation

CODE = "0123456789ABCDEF"
ACCOUNT = {
    "unit": "00070",
    "username": "an",
    "email": "an@example.vn",
    "familyName": "Nguyễn",
    "givenName": "An",
}


@pytest.mark.parametrize(
    ("said", "parameters"),
    [
        (Said("inviteOfficial", ACCOUNT), Parameters.SAID),
        (Said("resendInvitation", {"code": CODE}), Parameters.TO_BE_VOUCHED),
    ],
    ids=["invitation", "invitation once more"],
)
def test_parameters_are_said_or_to_be_vouched_for(said: Said, parameters: Parameters) -> None:
    assert check_said(said, Operation.OFFICIAL_CREATE, CODE, ACCOUNT) is parameters


def test_other_parameters_than_were_said_are_refused() -> None:
    with pytest.raises(AskingInvalid):
        check_said(
            Said("inviteOfficial", {**ACCOUNT, "unit": "00376"}), Operation.OFFICIAL_CREATE, CODE, ACCOUNT
        )
