"""Codes of the vault's own second factor: for whom and how long they count, and what is refused."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import event

from foundation.database.connections import for_psycopg
from tests.parts import Database
from tests.vault.factor_rig import Authenticator, FactorRig
from tests.vault.parts import NOW, Device
from vault.call.errors import Unauthenticated
from vault.keyring.types import Class
from vault.second_factor import codes

INTERNAL, PERSONAL, PARTY, RESTRICTED = Class
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
WRONG = {"problem": {"code": "vault.code_wrong"}}
LOCKED = {"problem": {"code": "vault.code_locked"}}
MISSING = {"problem": {"code": "vault.factor_missing"}}


@pytest.fixture
async def vault(vault_database: Database) -> AsyncIterator[FactorRig]:
    """A vault with second factors."""
    vault = await FactorRig.of(vault_database)
    yield vault
    await vault.close()


def _row(vault: FactorRig, statement: str) -> tuple[Any, ...]:
    with vault.rig.vault.cluster.connect(vault.rig.vault.name) as superuser:
        found = superuser.execute(statement.encode()).fetchone()
    assert found is not None
    return tuple(found)


def _failures(vault: FactorRig, device: Device) -> int:
    (failures,) = _row(
        vault,
        "SELECT coalesce(max(failures), 0) FROM second_factor.attempt"
        f" WHERE (sub, jkt) = ('{device.sub}', '{device.key.thumbprint()}')",
    )
    return int(failures)


async def test_code_is_taken_and_told_until_when(vault: FactorRig) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    said = await vault.present(minh, shown.code())
    assert said == {"result": {"class": "party", "until": (NOW + 5 * MINUTE).isoformat()}}
    assert await vault.counts(minh, PARTY)
    assert Counter(line["unmapped"]["action"] for line in vault.rig.events()) == {
        "vault.factor.issue": 1,
        "vault.factor.check": 1,
        "vault.factor.present": 1,
    }


async def test_secret_stands_in_the_uri_alone(vault: FactorRig) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    await vault.present(minh, shown.code())
    assert shown.uri.startswith("otpauth://totp/HaNoi%20IOC:minh?secret=")
    (kept,) = _row(vault, "SELECT encode(sealed, 'escape') FROM second_factor.factor")
    assert shown.secret not in kept + str(vault.rig.events())


@pytest.mark.parametrize(("class_", "number", "minutes"), [("personal", PERSONAL, 15), ("party", PARTY, 5)])
async def test_code_counts_for_its_class_and_time_alone(
    vault: FactorRig, class_: str, number: Class, minutes: int
) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    await vault.present(minh, shown.code(), class_)
    counted = {one: await vault.counts(minh, one) for one in (INTERNAL, PERSONAL, PARTY, RESTRICTED)}
    assert counted == {INTERNAL: True, PERSONAL: False, PARTY: False, RESTRICTED: False} | {number: True}
    assert await vault.counts(minh, number, later=minutes * MINUTE - SECOND)
    assert not await vault.counts(minh, number, later=minutes * MINUTE)


@pytest.mark.parametrize("other", [{"sub": "thao"}, {"sid": "session-2"}, {"jkt": "a" * 43}])
async def test_code_counts_for_its_person_session_and_device_alone(vault: FactorRig, other: dict) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    await vault.present(minh, shown.code())
    assert not await vault.counts(minh, PARTY, **other)


@pytest.mark.parametrize("steps", [-1, 0, 1])
async def test_code_of_a_step_beside_is_taken(vault: FactorRig, steps: int) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    assert "result" in await vault.present(minh, shown.code(steps))


@pytest.mark.parametrize("steps", [-2, 2])
async def test_code_of_two_steps_beside_is_refused(vault: FactorRig, steps: int) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    assert await vault.present(minh, shown.code(steps)) == WRONG


@pytest.mark.parametrize(("second", "steps"), [(0, -1), (29, 1)])
async def test_steps_change_at_their_edge(vault: FactorRig, second: int, steps: int) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    vault.move(second * SECOND)
    assert "result" in await vault.present(minh, shown.code(steps))
    vault.move(steps * SECOND)
    assert await vault.present(minh, shown.code(-steps)) == WRONG


@pytest.mark.parametrize("again", ["party", "personal"])
async def test_code_is_taken_once_for_whichever_class(vault: FactorRig, again: str) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    await vault.present(minh, shown.code())
    assert await vault.present(minh, shown.code(), again) == WRONG
    assert await vault.open_restricted(minh, shown.code()) == WRONG


async def test_code_of_an_earlier_step_than_one_taken_is_refused(vault: FactorRig) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    await vault.present(minh, shown.code(1))
    assert await vault.present(minh, shown.code(0)) == WRONG
    assert await vault.present(minh, shown.code(-1)) == WRONG


async def test_code_is_not_taken_again_after_a_restart(vault: FactorRig) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    await vault.present(minh, shown.code())
    again = await FactorRig.of(vault.rig.vault, vault.safe)
    again.rig.keycloak.sign_in(minh)
    said = await again.rig.ask(minh, "after", "factor.present", **{"class": "party", "code": shown.code()})
    kept = await again.counts(minh, PARTY)
    await again.close()
    assert (said, kept) == (WRONG, True)


async def test_one_of_two_at_once_takes_the_code(vault: FactorRig) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    said = await asyncio.gather(*(vault.present(minh, shown.code()) for _ in range(6)))
    assert Counter("result" in one for one in said) == {True: 1, False: 5}


async def test_code_of_a_restricted_request_is_gone_though_the_request_is_refused(vault: FactorRig) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    vault.policy_refuses = True
    assert await vault.open_restricted(minh, shown.code()) == {"problem": {"code": "common.forbidden"}}
    vault.policy_refuses = False
    assert await vault.open_restricted(minh, shown.code()) == WRONG
    assert await vault.open_restricted(minh, shown.code(1)) == {"result": {"opened": True}}


async def test_code_for_a_restricted_request_counts_for_no_other(vault: FactorRig) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    await vault.open_restricted(minh, shown.code())
    assert [await vault.counts(minh, one) for one in (PERSONAL, PARTY, RESTRICTED)] == [False] * 3


async def test_code_of_a_colleague_or_another_device_is_refused(vault: FactorRig) -> None:
    minh, thao = vault.rig.device("minh"), vault.rig.device("thao")
    tablet = Device(sub="minh", sid="session-minh", token="token.of.tablet")
    vault.rig.keycloak.sign_in(tablet)
    shown = [await vault.enrol(device) for device in (minh, thao, tablet)]
    assert await vault.present(thao, shown[0].code()) == WRONG
    assert await vault.present(minh, shown[2].code()) == WRONG


async def test_failures_lock_for_one_minute_then_twice_as_long_up_to_an_hour(vault: FactorRig) -> None:
    minh = vault.rig.device()
    wrong = (await vault.enrol(minh)).wrong()
    for _ in range(5):
        assert await vault.present(minh, wrong) == WRONG
    locks = []
    for minutes in (1, 2, 4, 8, 16, 32, 60, 60):
        vault.move(minutes * MINUTE - SECOND)
        assert await vault.present(minh, wrong) == LOCKED
        vault.move(SECOND)
        locks.append(await vault.present(minh, wrong))
    assert locks == [WRONG] * 8


def test_length_of_a_lock_has_no_end_of_its_own() -> None:
    assert [codes.lock_after(failures) // MINUTE for failures in (0, 4, 5, 6, 11, 12, 2**31 - 1)] == [
        0, 0, 1, 2, 60, 60, 60,
    ]  # fmt: skip


async def test_right_code_is_not_looked_at_while_locked(vault: FactorRig) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    for _ in range(5):
        await vault.present(minh, shown.wrong())
    opened = vault.safe.opened
    assert await vault.present(minh, shown.code()) == LOCKED
    assert vault.safe.opened == opened
    vault.move(MINUTE)
    assert "result" in await vault.present(minh, shown.code(since=MINUTE))


async def test_failures_before_a_right_code_are_forgotten(vault: FactorRig) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    for _ in range(4):
        await vault.present(minh, shown.wrong())
    await vault.present(minh, shown.code())
    assert _failures(vault, minh) == 0
    for _ in range(4):
        assert await vault.present(minh, shown.wrong()) == WRONG
    assert "result" in await vault.present(minh, shown.code(1))


async def test_of_many_guesses_at_once_five_are_looked_at(vault: FactorRig) -> None:
    minh = vault.rig.device()
    wrong = (await vault.enrol(minh)).wrong()
    said = await asyncio.gather(*(vault.present(minh, wrong) for _ in range(24)))
    assert Counter(one["problem"]["code"] for one in said) == {"vault.code_wrong": 5, "vault.code_locked": 19}
    assert vault.safe.opened == 5


async def test_failure_of_a_restricted_request_stays_counted(vault: FactorRig) -> None:
    minh = vault.rig.device()
    wrong = (await vault.enrol(minh)).wrong()
    for _ in range(5):
        assert await vault.open_restricted(minh, wrong) == WRONG
    assert await vault.open_restricted(minh, wrong) == LOCKED


async def test_refusal_is_recorded_with_the_count_and_with_the_operation(vault: FactorRig) -> None:
    minh = vault.rig.device()
    await vault.open_restricted(minh, (await vault.enrol(minh)).wrong())
    # In the order of transactions: the operation's began first, and is kept with its refusal.
    refused = [(line["unmapped"]["action"], line.get("status_code")) for line in vault.rig.events()[1:]]
    assert refused == [("vault.trial_open", "vault.code_wrong"), ("vault.factor.check", "vault.code_wrong")]


async def test_who_has_no_proof_of_the_device_locks_nobody_out(vault: FactorRig) -> None:
    minh, thief = vault.rig.device(), Device(sub="minh", sid="session-minh", token="token.of.minh")
    shown = await vault.enrol(minh)
    wanted = {"operation": "factor.present", "parameters": {"class": "party", "code": shown.wrong()}}
    for number in range(6):
        call, _ = vault.rig.sealed(minh, f"t{number}", wanted)
        forged = thief.proof(call.frame, vault.rig.nonces.at(NOW), jti=f"t{number}")
        with pytest.raises(Unauthenticated):
            await vault.rig.pass_on(minh, call.frame, forged)
    assert _failures(vault, minh) == 0
    assert "result" in await vault.present(minh, shown.code())


async def test_one_wrong_code_that_is_sent_again_and_again_counts_once(vault: FactorRig) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    wanted = {"operation": "factor.present", "parameters": {"class": "party", "code": shown.wrong()}}
    call, proof = vault.rig.sealed(minh, "t1", wanted)
    await vault.rig.pass_on(minh, call.frame, proof)
    for _ in range(6):
        with pytest.raises(Unauthenticated):
            await vault.rig.pass_on(minh, call.frame, proof)
    assert _failures(vault, minh) == 1


async def test_failures_on_another_device_or_of_a_colleague_lock_this_one_not(vault: FactorRig) -> None:
    minh, thao = vault.rig.device("minh"), vault.rig.device("thao")
    stolen = Device(sub="minh", sid="session-minh", token="token.of.stolen")
    vault.rig.keycloak.sign_in(stolen)
    shown = await vault.enrol(minh)
    for other in (thao, stolen):
        await vault.enrol(other)
        for _ in range(6):
            await vault.present(other, shown.wrong())
    assert "result" in await vault.present(minh, shown.code())


async def test_no_factor_is_as_much_work_as_a_wrong_code(vault: FactorRig) -> None:
    minh, thao = vault.rig.device("minh"), vault.rig.device("thao")
    wrong = (await vault.enrol(minh)).wrong()
    await vault.present(thao, wrong)  # the first one ever makes what is opened in place of a secret
    statements: list[str] = []
    event.listen(
        vault.attempts.engine.sync_engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: statements.append(statement),
    )
    done = []
    for device, answer in ((minh, WRONG), (thao, MISSING)):
        statements.clear()
        opened, lines = vault.safe.opened, len(vault.rig.events())
        assert await vault.present(device, wrong) == answer
        done.append((list(statements), vault.safe.opened - opened, len(vault.rig.events()) - lines))
    assert done[0][0] == done[1][0]
    assert done[0][1:] == done[1][1:] == (1, 2)


async def test_who_has_no_factor_is_locked_as_well(vault: FactorRig) -> None:
    minh = vault.rig.device()
    for _ in range(5):
        assert await vault.present(minh, "000000") == MISSING
    assert await vault.present(minh, "000000") == LOCKED


async def test_keys_that_are_away_refuse_and_count_nothing(vault: FactorRig) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    vault.safe.away = True
    assert await vault.present(minh, shown.code()) == {"problem": {"code": "vault.keyring_unavailable"}}
    vault.safe.away = False
    assert _failures(vault, minh) == 0
    assert "result" in await vault.present(minh, shown.code())


async def test_new_factor_ends_the_old_one_its_lock_and_what_counted(vault: FactorRig) -> None:
    minh = vault.rig.device()
    old = await vault.enrol(minh)
    await vault.present(minh, old.code())
    for _ in range(5):
        await vault.present(minh, old.wrong())
    new = await vault.enrol(minh)
    assert not await vault.counts(minh, PARTY)
    assert await vault.present(minh, old.code(1)) == WRONG
    assert "result" in await vault.present(minh, new.code())


async def test_secret_that_was_moved_to_another_person_opens_nothing(vault: FactorRig) -> None:
    minh, thao = vault.rig.device("minh"), vault.rig.device("thao")
    shown = await vault.enrol(minh)
    await vault.enrol(thao)
    with vault.rig.vault.cluster.connect(vault.rig.vault.name) as superuser:
        superuser.execute("ALTER TABLE second_factor.factor DISABLE TRIGGER USER")
        superuser.execute(
            "UPDATE second_factor.factor SET sealed ="
            " (SELECT sealed FROM second_factor.factor WHERE sub = 'minh') WHERE sub = 'thao'"
        )
    with pytest.raises(InvalidTag):
        await vault.present(thao, shown.code())


@pytest.mark.parametrize(
    "parameters",
    [
        {"class": "party"},
        {"code": "123456"},
        {"class": "party", "code": "123456", "more": 1},
        {"class": "restricted", "code": "123456"},
        {"class": "internal", "code": "123456"},
        {"class": ["party"], "code": "123456"},
        {"class": "party", "code": 123456},
        {"class": "party", "code": "12345"},
        {"class": "party", "code": "1234567"},
        {"class": "party", "code": "12345\n"},
        {"class": "party", "code": "१२३४५६"},
    ],
)
async def test_other_parameters_are_refused_and_count_nothing(vault: FactorRig, parameters: dict) -> None:
    minh = vault.rig.device()
    said = await vault.rig.ask(minh, "j", "factor.present", **parameters)
    assert said == {"problem": {"code": "vault.invalid_request"}}
    assert _failures(vault, minh) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT issued_at FROM second_factor.factor",
        "INSERT INTO second_factor.factor (id, sub, jkt, sealed, issued_at)"
        " VALUES (gen_random_uuid(), 'x', repeat('a', 43), 'x', now())",
        "UPDATE second_factor.factor SET sealed = 'x'",
        "DELETE FROM second_factor.factor",
        "DELETE FROM second_factor.attempt",
        "UPDATE second_factor.presented SET at = now()",
        "DELETE FROM second_factor.presented",
    ],
)
async def test_vault_can_not(vault: FactorRig, statement: str) -> None:
    settings = for_psycopg(vault.rig.vault.settings("vault_app"))
    with psycopg.connect(**settings) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


async def test_rows_of_another_device_are_not_there(vault: FactorRig) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    await vault.present(minh, shown.code())
    settings = for_psycopg(vault.rig.vault.settings("vault_app"))
    seen = []
    with psycopg.connect(**settings) as connection:
        for jkt in ("", "a" * 43, minh.key.thumbprint()):
            connection.execute("SELECT set_config('ioc.device', %s, true)", (jkt,))
            seen.append(
                connection.execute(
                    "SELECT (SELECT count(id) FROM second_factor.factor),"
                    " (SELECT count(*) FROM second_factor.attempt),"
                    " (SELECT count(*) FROM second_factor.presented)"
                ).fetchone()
            )
    assert seen == [(0, 0, 0), (0, 0, 0), (1, 1, 1)]


async def test_step_does_not_fall_by_any_statement(vault: FactorRig) -> None:
    minh = vault.rig.device()
    shown = await vault.enrol(minh)
    await vault.present(minh, shown.code())
    settings = for_psycopg(vault.rig.vault.settings("vault_app"))
    with psycopg.connect(**settings) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("SELECT set_config('ioc.device', %s, true)", (minh.key.thumbprint(),))
        connection.execute("UPDATE second_factor.factor SET last_step = last_step")


async def test_sweep_forgets_what_no_longer_counts(vault: FactorRig) -> None:
    minh, thao = vault.rig.device("minh"), vault.rig.device("thao")
    shown = await vault.enrol(minh)
    await vault.present(minh, shown.code())
    await vault.present(minh, shown.wrong())
    await vault.present(thao, shown.wrong())
    with vault.rig.vault.cluster.connect(vault.rig.vault.name) as superuser:
        superuser.execute("UPDATE second_factor.attempt SET tried_at = now() - interval '25 hours'")
        superuser.execute("UPDATE second_factor.presented SET at = now() - interval '61 minutes'")
        assert superuser.execute("SELECT second_factor.sweep()").fetchone() == (2,)
    assert (_failures(vault, minh), _failures(vault, thao)) == (1, 0)


async def test_enrolled_device_is_told_its_factor_once(vault_database: Database) -> None:
    factors = await FactorRig.of(vault_database)
    minh = factors.rig.device()
    factors.enrolled.add((minh.sub, minh.key.thumbprint()))
    first, second = await factors.issued(minh), await factors.issued(minh)
    (secret,) = parse_qs(urlsplit(first["result"]["uri"]).query)["secret"]
    shown = await factors.present(minh, Authenticator(secret, "").code())
    await factors.close()
    assert second == {"problem": {"code": "vault.factor_there"}}
    assert shown["result"]["class"] == "party"


async def test_one_of_two_at_the_same_moment_is_told_the_factor(vault_database: Database) -> None:
    factors = await FactorRig.of(vault_database)
    minh = factors.rig.device()
    factors.enrolled.add((minh.sub, minh.key.thumbprint()))
    answers = await asyncio.gather(factors.issued(minh), factors.issued(minh), factors.issued(minh))
    await factors.close()
    assert sorted("result" if "result" in said else said["problem"]["code"] for said in answers) == [
        "result",
        "vault.factor_there",
        "vault.factor_there",
    ]


async def test_device_that_is_not_enrolled_or_anothers_is_told_nothing(vault_database: Database) -> None:
    factors = await FactorRig.of(vault_database)
    minh, thao = factors.rig.device(), factors.rig.device("thao")
    factors.enrolled.add((minh.sub, thao.key.thumbprint()))
    answers = [await factors.issued(minh), await factors.issued(thao)]
    lines = [line["unmapped"]["decision"] for line in factors.rig.events()]
    await factors.close()
    assert answers == [MISSING, MISSING]
    assert lines == ["deny", "deny"]
