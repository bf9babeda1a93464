"""A reset of credentials takes two officers, of whom neither is the one concerned."""

from datetime import timedelta

import pytest

from backend.officials.errors import ResetOver, SecondOfficerNeeded, WrongState
from backend.officials.types import OpenReset
from foundation.errors import Forbidden, InvalidInput, NotFound
from foundation.identity.body_proofs import digest_of
from tests.backend.officials.rig import ASKING, SECOND, WHY, Rig
from tests.backend.world import key


async def asked(rig: Rig, name: str = "Minh", who: str = "yen") -> OpenReset:
    """A reset that waits."""
    code = rig.code_of(name)
    await rig.resets.ask_reset(await rig.world.official(who), code, WHY, ASKING, key())
    reset = (await rig.account(code)).reset
    assert reset is not None
    return reset


async def confirmed(rig: Rig, reset: OpenReset, who: str = "nga", name: str = "Minh", **other: str) -> None:
    """The second officer's word."""
    given = {"request": reset.request, "digest": reset.digest, **other}
    await rig.resets.confirm_reset(
        await rig.world.official(who), rig.code_of(name), given["request"], given["digest"], SECOND, key()
    )


async def test_one_officer_changes_nothing(rig: Rig) -> None:
    await asked(rig)
    assert (rig.requests(), rig.look("SELECT FROM identity.session_end")) == ([], [])


async def test_second_officer_sees_what_the_first_one_signed(rig: Rig) -> None:
    reset = await asked(rig)
    assert (reset.digest, reset.asked_by, reset.mine) == (digest_of(ASKING.body), "Trần Hải Yến", False)


async def test_with_both_the_directory_is_asked_in_their_order(rig: Rig) -> None:
    await confirmed(rig, await asked(rig))
    assert rig.requests() == [("official.reset", rig.code_of("Minh"), {})]
    assert rig.look("SELECT body, token, proof FROM directory.asking ORDER BY position") == [
        (ASKING.body, ASKING.token, ASKING.proof),
        (SECOND.body, SECOND.token, SECOND.proof),
    ]


async def test_confirmed_reset_ends_every_session(rig: Rig) -> None:
    await confirmed(rig, await asked(rig))
    assert rig.look("SELECT sub, cause FROM identity.session_end") == [
        ("00000000-0000-4000-8000-000000000001", "official_reset")
    ]


async def test_officers_words_do_not_stay_in_tenancy(rig: Rig) -> None:
    await confirmed(rig, await asked(rig))
    assert rig.look("SELECT state, body, token, proof FROM tenancy.reset_request") == [
        ("confirmed", None, None, None)
    ]


async def test_first_officer_does_not_confirm(rig: Rig) -> None:
    reset = await asked(rig)
    with pytest.raises(SecondOfficerNeeded):
        await confirmed(rig, reset, "yen")


async def test_officer_concerned_does_not_confirm(rig: Rig) -> None:
    reset = await asked(rig, "Yến", "nga")
    with pytest.raises(Forbidden):
        await confirmed(rig, reset, "yen", "Yến")


async def test_nobody_asks_for_himself(rig: Rig) -> None:
    with pytest.raises(Forbidden):
        await rig.resets.ask_reset(await rig.world.official("nga"), rig.code_of("Nga"), WHY, ASKING, key())


async def test_nobody_asks_for_a_colleague_of_the_ward(rig: Rig) -> None:
    with pytest.raises(NotFound):
        await rig.resets.ask_reset(await rig.world.official("minh"), rig.code_of("Thảo"), WHY, ASKING, key())


async def test_request_is_confirmed_once(rig: Rig) -> None:
    reset = await asked(rig)
    await confirmed(rig, reset)
    with pytest.raises(ResetOver):
        await confirmed(rig, reset, "son")


async def test_request_of_half_an_hour_ago_is_over(rig: Rig) -> None:
    reset = await asked(rig)
    rig.world.clock.advance(timedelta(minutes=30))
    with pytest.raises(ResetOver):
        await confirmed(rig, reset)


async def test_newer_request_replaces_the_older(rig: Rig) -> None:
    older = await asked(rig)
    await asked(rig, who="nga")
    with pytest.raises(ResetOver):
        await confirmed(rig, older, "son")


async def test_request_about_another_official_is_not_confirmed(rig: Rig) -> None:
    reset = await asked(rig)
    with pytest.raises(ResetOver):
        await confirmed(rig, reset, name="Thảo")


@pytest.mark.parametrize(
    "digest", ["", "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:", "sha-256=:ő:", "x" * 10_000]
)
async def test_digest_of_something_else_is_refused(rig: Rig, digest: str) -> None:
    reset = await asked(rig)
    with pytest.raises(InvalidInput) as refused:
        await confirmed(rig, reset, digest=digest)
    assert refused.value.field == "digest"


async def test_request_that_is_none_is_refused(rig: Rig) -> None:
    reset = await asked(rig)
    with pytest.raises(InvalidInput) as refused:
        await confirmed(rig, reset, request="'; --")
    assert refused.value.field == "request"


async def test_words_of_a_request_that_nobody_confirmed_are_forgotten(rig: Rig) -> None:
    await asked(rig)
    assert await rig.upkeep.forget_resets() == 0
    rig.world.clock.advance(timedelta(minutes=30))
    assert await rig.upkeep.forget_resets() == 1
    assert rig.look("SELECT state, body, token, proof FROM tenancy.reset_request") == [
        ("replaced", None, None, None)
    ]


async def test_who_never_signed_in_has_nothing_to_reset(rig: Rig) -> None:
    made = await rig.invited()
    with pytest.raises(WrongState):
        await rig.resets.ask_reset(await rig.world.official("yen"), made.code, WHY, ASKING, key())


async def test_suspension_meanwhile_stops_the_reset(rig: Rig) -> None:
    reset = await asked(rig)
    code = rig.code_of("Minh")
    await rig.officials.suspend(await rig.world.official("yen"), await rig.step(code), ASKING, key())
    with pytest.raises(WrongState):
        await confirmed(rig, reset)
