"""The register against a database superuser: rows give nothing; what is gone or changed stops the vault."""

import asyncio
import dataclasses
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from tests.vault.chain import OFFICERS, Chain
from tests.vault.parts import NOW
from tests.vault.registered import HOME, Registered
from tests.vault.rig import Rig
from vault.authority.errors import (
    NoAuthority,
    NotAnApprover,
    RegisterBroken,
)
from vault.authority.register import Clearance, Device, Post
from vault.authority.statements import PostBody, parse

CHAINED = (
    "UPDATE authority.statement SET head = CASE WHEN n = 0 THEN sha256(octets)"
    " ELSE sha256((SELECT p.head FROM authority.statement p WHERE p.n = statement.n - 1) || sha256(octets))"
    " END"
    " WHERE n = %s"
)


@pytest.fixture
async def made(rig: Rig) -> Registered:
    """With a genesis, a post and two devices."""
    made = await Registered(rig).begin()
    await made.add(made.chain.post("em", "D0002", ["an", "binh"], superior="giang"))
    await made.add(made.chain.device("em", ["an", "binh"]))
    await made.add(made.chain.clearance("em", ["an", "binh"]))
    await made.look()
    return made


async def _standing(made: Registered, person: str, jkt: str):
    async with made.rig.database.unscoped() as connection:
        return await made.register.standing(connection, person, jkt, NOW)


async def test_standing_is_what_was_given(made: Registered) -> None:
    jkt = made.chain.jkt("em")
    standing = await _standing(made, "em", jkt)
    since = NOW.replace(microsecond=0)
    assert standing.device == Device(jkt, "em", since + timedelta(days=1), native=True)
    assert standing.posts == (Post("em", "D0002", "D0002", "giang", None, since, None),)
    assert standing.clearances == (Clearance("em", "P0002", 3, "organisation_officer", since, None),)
    assert (standing.epoch, made.register.superiors_of("em")) == (3, {"giang"})


async def test_device_of_somebody_else_or_none_is_no_device(made: Registered) -> None:
    assert (await _standing(made, "em", made.chain.jkt("an"))).device is None
    assert (await _standing(made, "nobody", made.chain.jkt("em"))).device is None
    assert (await _standing(made, "em", "x" * 43)).device is None


async def test_who_was_never_enrolled_has_nothing(made: Registered) -> None:
    standing = await _standing(made, "keycloaks-administrator", "x" * 43)
    assert (standing.device, standing.posts, standing.clearances) == (None, (), ())


async def test_epoch_in_the_database_is_the_registers(made: Registered) -> None:
    async with made.rig.database.unscoped() as connection:
        found = (await connection.exec_driver_sql("SELECT authority.epoch()")).scalar_one()
    assert found == (await _standing(made, "em", "x" * 43)).epoch == 3


async def test_register_without_a_genesis_gives_nothing(rig: Rig) -> None:
    made = Registered(rig)
    made.genesis = None
    await made.register.establish(rig.database, HOME)
    with pytest.raises(NoAuthority):
        await _standing(made, "an", "x" * 43)


async def test_genesis_is_taken_once_with_its_event(rig: Rig) -> None:
    made = await Registered(rig).begin()
    await made.begin()
    (line,) = rig.events()
    assert line["unmapped"]["action"] == "authority.append"
    assert line["unmapped"]["resource"] == f"register:{made.register.state.head.hex()}"


async def test_genesis_of_other_roots_is_not_taken(rig: Rig) -> None:
    made = Registered(rig)
    made.genesis = Chain().genesis()
    with pytest.raises(RegisterBroken):
        await made.begin()
    (line,) = rig.events()
    assert (line["unmapped"]["decision"], line["status_code"]) == ("deny", "vault.register_broken")
    assert await made.look() == -1


async def test_each_added_statement_is_an_event_with_the_head(made: Registered) -> None:
    heads = [line["unmapped"]["resource"] for line in made.rig.events()]
    assert len(heads) == 4
    assert heads[-1] == f"register:{made.register.state.head.hex()}"


async def test_restart_comes_to_the_same(made: Registered) -> None:
    again = made.started()
    assert await made.look(again) == 3
    assert again.state.head == made.register.state.head


async def test_other_process_follows(made: Registered) -> None:
    other = made.started()
    await made.look(other)
    await made.add(made.chain.lock(["an"], person="em"), other)
    assert (await _standing(made, "em", made.chain.jkt("em"))).device is None


async def test_locks_take_no_bar_on_the_own_file_or_a_superiors_away(made: Registered) -> None:
    """Locking takes one, the person himself: it must give nothing, not even the own file."""
    own, above = (str(uuid4()) for _ in "12")
    body = PostBody("em", "D0002", "D0002", "giang", own)
    post = made.chain.make("post", body, ["an", "binh"])
    await made.add(post)
    await made.add(made.chain.make("post", PostBody("giang", "D0002", "D0002", None, above), ["an", "binh"]))
    for one in (str(made.register.state.posts["em"][0].id), str(parse(post).content.id)):
        await made.add(made.chain.lock(["dao"], statement=one))
    await made.add(made.chain.lock(["dao"], person="giang"))
    standing = await _standing(made, "em", "x" * 43)
    assert (standing.posts, standing.own_records) == ((), {UUID(own)})
    assert made.register.superiors_of("em") == {"giang"}
    assert (await _standing(made, "giang", "x" * 43)).own_records == {UUID(above)}


# A superuser


@pytest.mark.parametrize("kind", ["device", "clearance", "post"])
async def test_superuser_inserts_what_nobody_signed(made: Registered, kind: str) -> None:
    thief = Chain(roots=made.chain.roots)
    thief.keys["an"], thief.keys["binh"] = thief.key_of("thief"), thief.key_of("thief2")
    forged = {
        "device": lambda: thief.device("admin", ["an", "binh"]),
        "clearance": lambda: thief.clearance("admin", ["an", "binh"]),
        "post": lambda: thief.post("admin", "C0001", ["an", "binh"]),
    }[kind]()
    made.insert(forged)
    await made.is_broken()


async def test_superuser_inserts_approvals_of_one(made: Registered) -> None:
    made.insert(made.chain.clearance("admin", ["an"]))
    await made.is_broken()


async def test_superuser_inserts_rubbish(made: Registered) -> None:
    made.insert(b"{}")
    await made.is_broken()


async def test_superuser_repeats_a_row(made: Registered) -> None:
    made.sql(
        "INSERT INTO authority.statement (n, octets, head)"
        " SELECT n + 1, octets, sha256(head || sha256(octets))"
        " FROM authority.statement ORDER BY n DESC LIMIT 1"
    )
    await made.is_broken()


async def test_superuser_takes_the_newest_row_away(made: Registered) -> None:
    made.sql("DELETE FROM authority.statement WHERE n = 3")
    await made.is_broken()


async def test_superuser_takes_a_lock_away_by_an_old_register(made: Registered) -> None:
    await made.add(made.chain.lock(["dao"], person="em"))
    await made.look()
    made.sql("DELETE FROM authority.statement WHERE n >= 1")
    await made.is_broken()


async def test_older_register_is_refused_at_each_look(made: Registered) -> None:
    """The first look of a started vault is its start's, which goes on when it fails."""
    await made.add(made.chain.lock(["dao"], person="em"))
    made.sql("DELETE FROM authority.statement WHERE n = 4")
    started = made.started()
    for _ in "123":
        with pytest.raises(RegisterBroken):
            await made.look(started)


async def test_statement_dated_ahead_breaks_the_register(made: Registered) -> None:
    made.insert(made.chain.lock(["em"], device=made.chain.jkt("em"), at=NOW + timedelta(days=9)))
    await made.is_broken()


async def test_superuser_empties_the_register(made: Registered) -> None:
    made.sql("DELETE FROM authority.statement")
    await made.is_broken()
    with pytest.raises(RegisterBroken):
        await made.started().establish(made.rig.database, HOME)


async def test_superuser_puts_another_row_in_place_of_the_newest(made: Registered) -> None:
    made.sql("DELETE FROM authority.statement WHERE n = 3")
    other = made.started()
    made.sql("DELETE FROM audit.event")
    await made.look(other)
    await made.add(made.chain.clearance("em", ["an", "binh"], "reader"), other)
    with pytest.raises(RegisterBroken):
        await made.look()


async def test_superuser_swaps_two_rows(made: Registered) -> None:
    made.sql("UPDATE authority.statement SET n = 103 - n WHERE n IN (2, 3)")
    made.sql("UPDATE authority.statement SET n = n - 98 WHERE n > 3")
    made.sql("UPDATE authority.statement SET n = CASE n WHEN 2 THEN 3 ELSE 2 END WHERE n IN (5, 6)")
    for n in (2, 3):
        made.sql(CHAINED, n)
    with pytest.raises(RegisterBroken):
        await made.look()
    with pytest.raises(RegisterBroken):
        await made.look(made.started())


async def test_superuser_leaves_a_gap(made: Registered) -> None:
    made.sql("DELETE FROM authority.statement WHERE n = 1")
    with pytest.raises(RegisterBroken):
        await made.look(made.started())


@pytest.mark.parametrize("n", [0, 1, 2, 3])
@pytest.mark.parametrize("chained", [False, True])
async def test_superuser_flips_a_bit(made: Registered, n: int, chained: bool) -> None:
    made.sql(
        "UPDATE authority.statement SET octets = set_byte(octets, 40, get_byte(octets, 40) # 1) WHERE n = %s",
        n,
    )
    if chained:
        for each in range(n, 4):
            made.sql(CHAINED, each)
    with pytest.raises(RegisterBroken):
        await made.look(made.started())


async def test_superuser_brings_a_genesis_of_his_own(made: Registered) -> None:
    thief = Chain()
    made.sql("DELETE FROM authority.statement")
    made.sql("DELETE FROM audit.event")
    octets = thief.genesis()
    made.sql("INSERT INTO authority.statement (n, octets, head) VALUES (0, %s, sha256(%s))", octets, octets)
    await made.is_broken()


async def test_superuser_brings_back_another_genesis_of_the_roots(made: Registered) -> None:
    before = made.chain.genesis()
    made.sql("DELETE FROM authority.statement")
    made.sql("DELETE FROM audit.event")
    made.sql("INSERT INTO authority.statement (n, octets, head) VALUES (0, %s, sha256(%s))", before, before)
    with pytest.raises(RegisterBroken):
        await made.look(made.started())


async def test_vault_with_a_broken_register_answers_no_operation(made: Registered) -> None:
    made.rig.door = dataclasses.replace(made.rig.door, guard=made.register.refresh)
    device = made.rig.device()
    assert "result" in await made.rig.hello(device, "j1")
    made.insert(b"{}")
    assert await made.rig.hello(device, "j2") == {"problem": {"code": "vault.register_broken"}}
    line = made.rig.events()[-1]
    assert (line["unmapped"]["decision"], line["status_code"]) == ("deny", "vault.register_broken")


# At once


async def test_two_statements_at_once_follow_each_other(made: Registered) -> None:
    other = made.started()
    await made.look(other)
    await asyncio.gather(
        made.add(made.chain.post("giang", "D0001", ["an", "binh"])),
        made.add(made.chain.clearance("em", ["binh", "dao"], "reader"), other),
    )
    assert await made.look() == await made.look(other) == 5


async def test_lock_and_signature_at_once_end_locked(made: Registered) -> None:
    """Whoever is first: what counts after the lock was not signed by who is locked."""
    other = made.started()
    await made.look(other)
    locked, signed = await asyncio.gather(
        made.add(made.chain.lock(["dao"], person="binh")),
        made.add(made.chain.clearance("giang", ["an", "binh"], "reader"), other),
        return_exceptions=True,
    )
    assert locked is None
    assert signed is None or isinstance(signed, NotAnApprover)
    await made.look()
    assert "binh" not in made.register.state.approvers(NOW)
    with pytest.raises(NotAnApprover):
        await made.add(made.chain.clearance("giang", ["an", "binh"], "leader"))


async def test_row_that_comes_between_decision_and_writing_is_told(made: Registered) -> None:
    """Whoever writes without the lock that `append` takes, as another program would."""
    before = made.register.state.epoch
    async with made.rig.database.engine.connect() as connection:
        octets = made.chain.lock(["dao"], person="binh")
        found = await connection.exec_driver_sql("SELECT authority.append($1, $2)", (before, octets))
        assert found.scalar_one() is None
        await connection.rollback()


async def test_statement_that_was_rolled_back_is_not_known(made: Registered) -> None:
    octets = made.chain.lock(["dao"], person="binh")
    async with made.rig.database.engine.connect() as connection:
        await made.register.append(connection, octets)
        await connection.rollback()
    assert await made.look() == 3
    assert made.register.state.approvers(NOW) == OFFICERS.keys()


async def test_who_is_locked_adds_nothing(made: Registered) -> None:
    await made.add(made.chain.lock(["dao"], person="binh"))
    with pytest.raises(NotAnApprover):
        await made.add(made.chain.clearance("giang", ["an", "binh"]))
