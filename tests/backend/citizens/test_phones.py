"""Proof of a number: guessed, another's, at once, too often, changed behind our back."""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from backend.citizens import sql
from backend.citizens.errors import PhoneBound, PhoneUnproven, SendLater, WrongCode
from backend.citizens.types import PhoneStanding
from foundation.directory_queue import LEFT_FOR
from foundation.errors import Forbidden, IdempotencyMismatch, InvalidInput
from foundation.idempotency import Idempotency
from foundation.ids import new_uuid
from foundation.phones import NotOpened, Phone
from foundation.settings import Rate, SmsLimits
from tests.backend.citizens.rig import HUNG, LAN, NEW, Bureau, bureau_of
from tests.backend.world import World, key
from tests.conftest import Database

AS = text("SELECT set_config('ioc.citizen', :who, true)")
HELD = SmsLimits(spacing_seconds=60)


def wrong(right: str) -> str:
    """Another code."""
    return f"{(int(right) + 1) % 10**6:06}"


async def test_right_code_binds_the_number_and_keycloak_is_told(bureau: Bureau) -> None:
    lan = await bureau.person()
    sent = await bureau.citizens.phones.start(lan, "0912 000 001", key())
    assert sent.ending == "001"
    proved = await bureau.citizens.phones.prove(lan, bureau.last_code(), key())
    assert (proved.standing, proved.ending) == (PhoneStanding.CONFIRMING, "001")
    assert bureau.asked() == [("citizen.verify_phone", str(lan.citizen_id))]
    assert bureau.events() == ["phone.start=allow", "phone.prove=allow"]
    assert (await bureau.person(verified=LAN)).phone_proven


async def test_number_and_code_lie_nowhere_as_they_are(bureau: Bureau) -> None:
    lan = await bureau.person()
    await bureau.citizens.phones.start(lan, LAN, key())
    code = bureau.last_code()
    tables = bureau.rows(
        "SELECT table_schema || '.' || table_name FROM information_schema.tables"
        " WHERE table_schema IN ('citizens', 'jobs', 'audit', 'platform', 'directory')"
    )
    texts = [str(bureau.rows(f"SELECT * FROM {name}")) for (name,) in tables]
    assert [text for text in texts if LAN[3:] in text or code in text] == []


async def test_number_of_another_gets_the_same_answer_by_the_same_work(bureau: Bureau) -> None:
    bureau.know("hung", HUNG)
    lan, nga = await bureau.person(), await bureau.person("nga")
    # The first event of a process reads the log's name.
    await bureau.citizens.phones.start(await bureau.person("tu"), "+84987000009", key())
    async with bureau.statements() as of_free:
        free = await bureau.citizens.phones.start(lan, NEW, key())
    async with bureau.statements() as of_taken:
        taken = await bureau.citizens.phones.start(nga, HUNG, key())
    assert of_free == of_taken
    assert (free.expires_at, free.resend_at) == (taken.expires_at, taken.resend_at)
    assert bureau.events() == ["phone.start=allow"] * 3


@pytest.mark.parametrize(
    "number", ["02438253536", "19001022", "+14155550100", "0912", "+84912000001;ext=1", "٠٩١٢"]
)
async def test_what_is_no_vietnamese_mobile_number_gets_no_message(bureau: Bureau, number: str) -> None:
    with pytest.raises(InvalidInput):
        await bureau.citizens.phones.start(await bureau.person(), number, key())
    assert bureau.letters() == []


async def test_fifth_wrong_code_ends_the_proof_for_the_right_one_too(bureau: Bureau) -> None:
    lan = await bureau.person()
    await bureau.citizens.phones.start(lan, LAN, key())
    code = bureau.last_code()
    for _ in range(5):
        with pytest.raises(WrongCode):
            await bureau.citizens.phones.prove(lan, wrong(code), key())
    with pytest.raises(WrongCode):
        await bureau.citizens.phones.prove(lan, code, key())
    assert bureau.bound("lan") is None
    assert Counter(bureau.events())["phone.miss=allow"] == 5


async def test_guesses_at_once_are_five_in_all(bureau: Bureau) -> None:
    lan = await bureau.person()
    await bureau.citizens.phones.start(lan, LAN, key())
    guess = wrong(bureau.last_code())
    guesses = (bureau.citizens.phones.prove(lan, guess, key()) for _ in range(12))
    results = await asyncio.gather(*guesses, return_exceptions=True)
    assert {type(result) for result in results} == {WrongCode}
    assert bureau.rows("SELECT attempts FROM citizens.phone_proof") == [(5,)]


async def test_miss_is_answered_again_by_its_key_and_counts_once(bureau: Bureau) -> None:
    lan, once = await bureau.person(), key()
    await bureau.citizens.phones.start(lan, LAN, key())
    for _ in range(3):
        with pytest.raises(WrongCode):
            await bureau.citizens.phones.prove(lan, wrong(bureau.last_code()), once)
    assert bureau.rows("SELECT attempts FROM citizens.phone_proof") == [(1,)]
    with pytest.raises(IdempotencyMismatch):
        await bureau.citizens.phones.prove(lan, bureau.last_code(), Idempotency(once.key, b"\x02" * 32))


async def test_code_of_another_person_is_wrong(bureau: Bureau) -> None:
    lan, hung = await bureau.person(), await bureau.person("hung", named=HUNG)
    await bureau.citizens.phones.start(lan, LAN, key())
    code = bureau.last_code()
    with pytest.raises(WrongCode):
        await bureau.citizens.phones.prove(hung, code, key())
    await asyncio.sleep(1.1)
    await bureau.citizens.phones.start(hung, LAN, key())
    bureau.do(
        "UPDATE citizens.phone_proof p SET code_digest = o.code_digest FROM citizens.phone_proof o"
        " WHERE p.citizen_id = %s AND o.citizen_id = %s",
        hung.citizen_id,
        lan.citizen_id,
    )
    with pytest.raises(WrongCode):
        await bureau.citizens.phones.prove(hung, code, key())


async def test_old_code_is_wrong(bureau: Bureau) -> None:
    lan = await bureau.person()
    await bureau.citizens.phones.start(lan, LAN, key())
    bureau.world.clock.advance(timedelta(minutes=5))
    with pytest.raises(WrongCode):
        await bureau.citizens.phones.prove(lan, bureau.last_code(), key())


async def test_newer_message_ends_the_older_code(bureau: Bureau) -> None:
    lan = await bureau.person()
    await bureau.citizens.phones.start(lan, LAN, key())
    old = bureau.last_code()
    await asyncio.sleep(1.1)
    await bureau.citizens.phones.start(lan, LAN, key())
    new = bureau.last_code()
    with pytest.raises(WrongCode):
        await bureau.citizens.phones.prove(lan, old if old != new else wrong(new), key())


async def test_of_two_who_prove_one_number_at_once_one_has_it_and_one_waits(bureau: Bureau) -> None:
    people = [await bureau.person(f"p{number}", named=NEW) for number in range(4)]
    codes = []
    for person in people:
        await bureau.citizens.phones.start(person, NEW, key())
        codes.append(bureau.last_code())
        await asyncio.sleep(1.1)
    proofs = (
        bureau.citizens.phones.prove(person, code, key()) for person, code in zip(people, codes, strict=True)
    )
    standings = Counter([proved.standing for proved in await asyncio.gather(*proofs)])
    assert standings == {PhoneStanding.CONFIRMING: 1, PhoneStanding.WAITING: 3}
    assert bureau.rows("SELECT count(*) FROM citizens.phone") == [(1,)]
    assert bureau.rows("SELECT count(*) FROM citizens.phone_move") == [(1,)]


async def test_number_of_another_moves_when_the_notice_is_over(bureau: Bureau) -> None:
    bureau.know("hung", HUNG)
    lan = await bureau.person(named=HUNG)
    assert await bureau.proved(lan, HUNG) == "waiting"
    assert bureau.asked() == []
    told = "SELECT c.subject, i.kind FROM notifications.inbox i JOIN citizens.citizen c ON c.id = i.recipient"
    assert bureau.rows(told) == [("hung", "account.phone_moving")]
    bureau.world.clock.advance(timedelta(days=13))
    assert await bureau.upkeep.move_numbers() == 0
    bureau.world.clock.advance(timedelta(days=1))
    assert await bureau.upkeep.move_numbers() == 1
    assert await bureau.upkeep.move_numbers() == 0
    assert (bureau.bound("hung"), bureau.bound("lan") is not None) == (None, True)
    assert bureau.asked() == [("citizen.verify_phone", str(lan.citizen_id))]
    # Keycloak still calls it verified for him; here it is nobody's but hers.
    assert not (await bureau.person("hung", named=HUNG, verified=HUNG)).phone_proven


async def test_holder_who_proves_the_number_again_keeps_it(bureau: Bureau) -> None:
    bureau.know("hung", HUNG)
    assert await bureau.proved(await bureau.person(named=HUNG), HUNG) == "waiting"
    await asyncio.sleep(1.1)
    hung = await bureau.person("hung", named=HUNG, verified=HUNG)
    assert await bureau.proved(hung, HUNG) == "confirming"
    bureau.world.clock.advance(timedelta(days=15))
    assert await bureau.upkeep.move_numbers() == 0
    assert bureau.bound("hung") is not None


async def test_another_number_takes_a_change_with_the_second_factor(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    lan = await bureau.person(verified=LAN)
    with pytest.raises(PhoneBound):
        await bureau.citizens.phones.start(lan, NEW, key())
    with pytest.raises(Forbidden):
        await bureau.citizens.phones.change(lan, NEW, key())
    strong = await bureau.person(verified=LAN, acr="aal2")
    await bureau.citizens.phones.change(strong, NEW, key())
    await bureau.citizens.phones.prove(strong, bureau.last_code(), key())
    assert bureau.rows("SELECT kind FROM notifications.inbox") == [("account.phone_changed",)]


async def test_number_that_an_account_leaves_is_told_once_on_the_directorys_word(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    strong = await bureau.person(verified=LAN, acr="aal2")
    await bureau.citizens.phones.change(strong, NEW, key())
    await bureau.citizens.phones.prove(strong, bureau.last_code(), key())
    request, before = bureau.answer("citizen.verify_phone"), len(bureau.letters())
    await bureau.upkeep.number_left(request)
    assert len(bureau.letters()) == before  # the directory named none
    sealed = bureau.recovery_seal.seal_text(LAN, LEFT_FOR, request)
    bureau.do("UPDATE directory.request SET result = %s", json.dumps({LEFT_FOR: sealed}))
    for _ in range(2):
        await bureau.upkeep.number_left(request)
    (letter,) = bureau.letters()[before:]
    assert (letter.to, "so dien thoai khac" in letter.text) == (LAN, True)


async def test_api_invents_no_number_that_an_account_left(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    strong = await bureau.person(verified=LAN, acr="aal2")
    await bureau.citizens.phones.change(strong, NEW, key())
    await bureau.citizens.phones.prove(strong, bureau.last_code(), key())
    request = bureau.answer("citizen.verify_phone")
    sealed = bureau.keys.seal.seal_text(HUNG, LEFT_FOR, request)
    bureau.do("UPDATE directory.request SET result = %s", json.dumps({LEFT_FOR: sealed}))
    with pytest.raises(NotOpened):
        await bureau.upkeep.number_left(request)


@pytest.mark.parametrize(
    ("named", "verified"),
    [(NEW, LAN), (NEW, NEW), (LAN, NEW), (LAN, None), (None, LAN), (HUNG, HUNG), ("nonsense", "nonsense")],
)
async def test_number_changed_on_keycloaks_own_page_is_unproven(
    bureau: Bureau, named: str | None, verified: str | None
) -> None:
    bureau.know("lan", LAN)
    bureau.know("hung", HUNG)
    lan = await bureau.person(named=named, verified=verified)
    assert not lan.phone_proven
    with pytest.raises(PhoneUnproven):
        await bureau.world.submitted(lan)


async def test_proven_number_lets_reports_in(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    assert (await bureau.world.submitted(await bureau.person(verified=LAN))).version == 1


async def test_one_number_gets_no_second_message_within_a_minute_from_whomever(
    world: World, database: Database, tmp_path: Path
) -> None:
    bureau = bureau_of(world, database, tmp_path, "http://127.0.0.1:1", HELD)
    await bureau.citizens.phones.start(await bureau.person("lan"), NEW, key())
    with pytest.raises(SendLater):
        await bureau.citizens.phones.start(await bureau.person("hung"), NEW, key())
    assert len(bureau.letters()) == 1


async def test_one_person_gets_no_second_message_within_a_minute_to_whatever_number(
    world: World, database: Database, tmp_path: Path
) -> None:
    bureau = bureau_of(world, database, tmp_path, "http://127.0.0.1:1", HELD)
    lan = await bureau.person()
    await bureau.citizens.phones.start(lan, LAN, key())
    with pytest.raises(SendLater) as refused:
        await bureau.citizens.phones.start(lan, NEW, key())
    assert 0 < refused.value.seconds <= 60
    assert bureau.events() == ["phone.start=allow", "phone.start=deny"]


async def test_network_has_a_bound_of_its_own(world: World, database: Database, tmp_path: Path) -> None:
    limits = SmsLimits(spacing_seconds=1, network=Rate(amount=2, seconds=86_400))
    bureau = bureau_of(world, database, tmp_path, "http://127.0.0.1:1", limits)
    people = [await bureau.person(name) for name in ("abc", "acb", "bca")]
    for number, person in enumerate(people[:2]):
        await bureau.citizens.phones.start(person, f"+8498700010{number}", key())
    with pytest.raises(SendLater):
        await bureau.citizens.phones.start(people[2], "+84987000109", key())


async def test_repeated_start_sends_one_message(bureau: Bureau) -> None:
    lan, once = await bureau.person(), key()
    first = await bureau.citizens.phones.start(lan, LAN, once)
    assert await bureau.citizens.phones.start(lan, LAN, once) == first
    assert len(bureau.letters()) == 1


async def test_second_proof_of_a_number_waits_for_the_first_and_finds_it_taken(bureau: Bureau) -> None:
    """The two transactions overlap for certain: the first one is not over when the second one begins."""
    lan, hung = await bureau.person(), await bureau.person("hung", named=LAN)
    digest, due = bureau.keys.digests.of(Phone.parse(LAN)), bureau.world.clock.now() + timedelta(days=14)
    now = bureau.world.clock.now()
    values = {"digest": digest, "sealed": b"s", "now": now, "due": due, "notice": new_uuid()}
    engine = bureau.world.database.engine
    async with engine.connect() as first, engine.connect() as second:
        for connection, who in ((first, lan), (second, hung)):
            await connection.execute(AS, {"who": str(who.citizen_id)})
        assert (await first.execute(sql.BIND, values)).one().outcome == "proven"
        waiting = asyncio.create_task(second.execute(sql.BIND, values))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await first.commit()
        assert (await waiting).one().outcome == "waiting"
        await second.commit()
    assert bureau.rows("SELECT count(*) FROM citizens.phone") == [(1,)]
