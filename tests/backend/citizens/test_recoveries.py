"""Recovery at a ward's desk: whose number, which officer, which code; the password in halves."""

import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from backend.citizens.errors import SendLater, WrongCode
from backend.citizens.types import RecoveryOpened, RecoveryState
from foundation.directory_queue import NUMBER_FOR, PASSWORD_FOR
from foundation.errors import Forbidden, NotFound
from foundation.identity.principal import OfficialPrincipal
from foundation.phones import NotOpened
from tests.backend.citizens.rig import HUNG, LAN, NEW, WORD, Bureau
from tests.backend.world import key


async def opened(
    bureau: Bureau, officer: str = "minh", phone: str = LAN
) -> tuple[OfficialPrincipal, RecoveryOpened, str]:
    """A recovery that an officer began, and its code."""
    minh = await bureau.world.official(officer)
    begun = await bureau.citizens.recoveries.open(minh, phone, key())
    return minh, begun, bureau.last_code()


async def proven(bureau: Bureau) -> tuple[OfficialPrincipal, UUID]:
    """One whose code was right."""
    minh, begun, code = await opened(bureau)
    await bureau.citizens.recoveries.prove(minh, begun.recovery_id, LAN, code, WORD, key())
    return minh, begun.recovery_id


def password_of(bureau: Bureau, recovery: UUID, phone: str = LAN) -> str:
    """What the directory answers."""
    given = {PASSWORD_FOR: "A" * 8 + "B" * 8, NUMBER_FOR: phone}
    seal = bureau.recovery_seal
    return json.dumps({name: seal.seal_text(said, name, recovery) for name, said in given.items()})


async def test_number_of_nobody_is_opened_by_the_same_work(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    minh = await bureau.world.official("minh")
    work = []
    for phone in (HUNG, LAN, NEW):
        async with bureau.statements() as seen:
            await bureau.citizens.recoveries.open(minh, phone, key())
        work.append(seen)
        bureau.do("DELETE FROM limits.bucket")
    # The very first one reads the log's name and makes a pseudonym.
    assert work[1] == work[2]
    assert {letter.text.partition(":")[2][8:] for letter in bureau.letters()} == {
        bureau.letters()[0].text.partition(":")[2][8:]
    }


@pytest.mark.parametrize("officer", ["ha", "quang", "phuong", "yen"])
async def test_who_has_no_desk_or_no_duty_opens_nothing(bureau: Bureau, officer: str) -> None:
    with pytest.raises(Forbidden):
        await bureau.citizens.recoveries.open(await bureau.world.official(officer), LAN, key())
    assert bureau.letters() == []


async def test_right_code_asks_the_directory_with_the_officers_word(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    minh, recovery = await proven(bureau)
    assert bureau.asked() == [("citizen.reset", str(recovery))]
    assert bureau.rows("SELECT body, token FROM directory.asking") == [(WORD.body, WORD.token)]
    outcome = await bureau.citizens.recoveries.collect(minh, recovery, key())
    assert (outcome.state, outcome.desk_half) == (RecoveryState.WAITING, None)


async def test_colleague_ends_nothing_that_another_opened(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    _, begun, code = await opened(bureau)
    for officer in ("thao", "dung"):
        other = await bureau.world.official(officer)
        with pytest.raises(NotFound):
            await bureau.citizens.recoveries.prove(other, begun.recovery_id, LAN, code, WORD, key())
        with pytest.raises(NotFound):
            await bureau.citizens.recoveries.collect(other, begun.recovery_id, key())
    assert bureau.asked() == []


async def test_code_of_one_number_recovers_no_other(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    bureau.know("hung", HUNG)
    minh, begun, code = await opened(bureau, phone=HUNG)
    with pytest.raises(WrongCode):
        await bureau.citizens.recoveries.prove(minh, begun.recovery_id, LAN, code, WORD, key())
    assert bureau.asked() == []


async def test_officer_guesses_five_times_at_most(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    minh, begun, code = await opened(bureau)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for guess in (*[wrong] * 5, code):
        with pytest.raises(WrongCode):
            await bureau.citizens.recoveries.prove(minh, begun.recovery_id, LAN, guess, WORD, key())
    assert bureau.asked() == []
    assert bureau.events().count("recovery.miss=allow") == 5


async def test_code_counts_once_and_for_ten_minutes(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    minh, begun, code = await opened(bureau)
    bureau.world.clock.advance(timedelta(minutes=10))
    with pytest.raises(WrongCode):
        await bureau.citizens.recoveries.prove(minh, begun.recovery_id, LAN, code, WORD, key())
    bureau.world.clock.advance(timedelta(minutes=-1))
    await bureau.citizens.recoveries.prove(minh, begun.recovery_id, LAN, code, WORD, key())
    with pytest.raises(WrongCode):
        await bureau.citizens.recoveries.prove(minh, begun.recovery_id, LAN, code, WORD, key())
    assert len(bureau.asked()) == 1


async def test_password_comes_in_halves_one_to_the_number_one_to_the_desk(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    minh, recovery = await proven(bureau)
    request = bureau.answer("citizen.reset", password_of(bureau, recovery))
    before = len(bureau.letters())
    await bureau.upkeep.recovery_done(request)
    await bureau.upkeep.recovery_done(request)
    (letter,) = bureau.letters()[before:]
    assert (letter.to, "B" * 8 in letter.text, "A" * 8 in letter.text) == (LAN, True, False)
    for _ in range(2):
        outcome = await bureau.citizens.recoveries.collect(minh, recovery, key())
        assert (outcome.state, outcome.desk_half) == (RecoveryState.DONE, "A" * 8)
    assert bureau.events().count("recovery.collect=allow") == 2
    assert bureau.rows("SELECT kind FROM notifications.inbox") == [("account.recovered",)]
    bureau.world.clock.advance(timedelta(minutes=30))
    assert (await bureau.citizens.recoveries.collect(minh, recovery, key())).desk_half is None


async def test_half_goes_to_the_number_that_the_directory_says(bureau: Bureau) -> None:
    """Not to one that stands in a row: the api writes those, and shows the other half."""
    bureau.know("lan", LAN)
    _, recovery = await proven(bureau)
    forged = bureau.keys.seal.seal(HUNG, "recovery", recovery)
    bureau.do("UPDATE citizens.recovery SET sealed = %s WHERE id = %s", forged, recovery)
    request = bureau.answer("citizen.reset", password_of(bureau, recovery))
    await bureau.upkeep.recovery_done(request)
    assert [letter.to for letter in bureau.letters() if "B" * 8 in letter.text] == [LAN]


async def test_answer_for_one_recovery_is_none_for_another(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    _, recovery = await proven(bureau)
    request = bureau.answer("citizen.reset", password_of(bureau, uuid4()))
    with pytest.raises(NotOpened):
        await bureau.upkeep.recovery_done(request)
    assert bureau.rows("SELECT handed_over FROM citizens.recovery WHERE id = %s", recovery) == [(False,)]


async def test_number_of_nobody_ends_refused(bureau: Bureau) -> None:
    minh, recovery = await proven(bureau)
    request = bureau.answer("citizen.reset", code="directory.unknown_target")
    await bureau.upkeep.recovery_done(request)
    assert (await bureau.citizens.recoveries.collect(minh, recovery, key())).state is RecoveryState.REFUSED
    assert len(bureau.letters()) == 1  # the code, and no half


async def test_desk_sends_no_flood_to_a_number(bureau: Bureau) -> None:
    await opened(bureau)
    minh = await bureau.world.official("minh")
    with pytest.raises(SendLater):
        await bureau.citizens.recoveries.open(minh, LAN, key())
