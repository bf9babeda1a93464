"""The vault's log: leaf, tree, checkpoint, witness, cosignature, on real parts; and what is done to it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import asyncpg
import pytest
from structlog.testing import capture_logs

from audit.checkpoints import KeySigner, TreeKeeper
from audit.log import LogError
from foundation.ids import b64u
from stack.after_restore import settle_vault
from stack.postgres import PostgresCluster
from tests.parts import Database
from tests.vault.log_parts import (
    as_superuser,
    connected,
    cosigned_size,
    lines_of,
    running_notary,
    wait_until,
    write_lines,
)
from tests.verifier.parts import COSIGNER, LOG_KEY, ORIGIN, WitnessProcess, public_of
from verifier.checkpoints import open_checkpoint, verify_cosignature
from verifier.merkle import leaf_hash, root_of, verify_consistency, verify_inclusion


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[WitnessProcess]:
    found = WitnessProcess(tmp_path)
    found.initialise()
    found.start()
    yield found
    found.stop()


async def cosigned(database: Database, witness: WitnessProcess, size: int) -> None:
    """The log as it is, signed and cosigned."""
    async with running_notary(database, witness):
        await wait_until(lambda: is_cosigned(database, size), "it is not cosigned")


async def is_cosigned(database: Database, size: int) -> bool:
    """Whether the first `size` lines are."""
    return await cosigned_size(database) == size


async def test_lines_are_signed_and_cosigned(vault_database: Database, witness: WitnessProcess) -> None:
    await write_lines(vault_database, 300)
    await cosigned(vault_database, witness, 301)
    async with connected(vault_database, "vault_app") as vault:
        row = await vault.fetchrow(
            "SELECT c.note, s.line FROM audit.checkpoint c JOIN audit.cosignature s USING (epoch, size)"
        )
    checkpoint = open_checkpoint(row["note"], ORIGIN, public_of(LOG_KEY))
    lines = await lines_of(vault_database)
    assert (checkpoint.size, checkpoint.root) == (301, root_of(map(leaf_hash, lines)))
    assert verify_cosignature(row["note"] + row["line"], COSIGNER) > 1_700_000_000


async def test_log_that_grows_is_cosigned_on_and_on(
    vault_database: Database, witness: WitnessProcess
) -> None:
    total = 1
    async with running_notary(vault_database, witness):
        for more in (1, 255, 600):
            await write_lines(vault_database, more)
            total += more
            await wait_until(lambda size=total: is_cosigned(vault_database, size), "it is not cosigned")


async def test_nothing_is_signed_twice_over_the_same_lines(
    vault_database: Database, witness: WitnessProcess
) -> None:
    await write_lines(vault_database, 10)
    for _ in range(2):
        await cosigned(vault_database, witness, 11)
    async with connected(vault_database) as connection:
        assert await connection.fetchval("SELECT count(*) FROM audit.checkpoint") == 1


async def test_proofs_from_stored_tiles_are_good(vault_database: Database) -> None:
    await write_lines(vault_database, 700)
    async with connected(vault_database) as connection:
        tree = await TreeKeeper.open(connection)
        await tree.extend(1000)
        lines, root = await lines_of(vault_database), await tree.root_at(701)
        for index in (0, 255, 256, 700):
            verify_inclusion(leaf_hash(lines[index]), index, 701, root, await tree.inclusion(index, 701))
        for old in (1, 256, 300, 700):
            proof = await tree.consistency(old, 701)
            verify_consistency(old, root_of(map(leaf_hash, lines[:old])), 701, root, proof)


async def test_witness_away_holds_nothing_up_and_gets_all_when_it_is_back(
    vault_database: Database, witness: WitnessProcess
) -> None:
    await write_lines(vault_database, 5)
    async with running_notary(vault_database, witness) as (notary, _):
        await wait_until(lambda: is_cosigned(vault_database, 6), "it is not cosigned")
        witness.kill()
        await write_lines(vault_database, 5)
        await wait_until(lambda: signed_size(vault_database, 11), "it is not signed")
        await wait_until(lambda: notary.witness_away, "nobody notices")
        witness.start()
        await wait_until(lambda: is_cosigned(vault_database, 11), "it is not cosigned")


async def signed_size(database: Database, size: int) -> bool:
    """Whether the first `size` lines are signed."""
    async with connected(database) as connection:
        return bool(await connection.fetchval("SELECT max(size) = $1 FROM audit.checkpoint", size))


async def test_lost_cosignature_is_asked_for_again(vault_database: Database, witness: WitnessProcess) -> None:
    await write_lines(vault_database, 5)
    await cosigned(vault_database, witness, 6)
    await as_superuser(vault_database, "DELETE FROM audit.cosignature")
    await cosigned(vault_database, witness, 6)


CHANGES = {
    "a deleted leaf": "DELETE FROM audit.leaf WHERE sequence = 3",
    "a changed byte": "UPDATE audit.leaf SET line = overlay(line PLACING '\\x21' FROM 9) WHERE sequence = 3",
    "a swapped order": """
        UPDATE audit.leaf a SET line = b.line FROM audit.leaf b
        WHERE (a.sequence, b.sequence) IN ((3, 4), (4, 3))""",
    "a truncated log": "DELETE FROM audit.leaf WHERE sequence > 3",
    "another checkpoint": "UPDATE audit.checkpoint SET note = replace(note, E'\\n6\\n', E'\\n5\\n')",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_changed_log_is_signed_no_more(
    vault_database: Database, witness: WitnessProcess, change: str
) -> None:
    await write_lines(vault_database, 5)
    await cosigned(vault_database, witness, 6)
    await as_superuser(vault_database, change)
    async with running_notary(vault_database, witness) as (notary, task):
        await wait_until(task.done, "nobody notices")
        with pytest.raises(LogError):
            task.result()
    assert notary.log_changed
    assert await signed_size(vault_database, 6)


async def test_tile_that_is_missing_is_noticed(vault_database: Database, witness: WitnessProcess) -> None:
    await write_lines(vault_database, 600)
    await cosigned(vault_database, witness, 601)
    await as_superuser(vault_database, "DELETE FROM audit.tile WHERE index = 0")
    async with connected(vault_database) as connection:
        with pytest.raises(LogError):
            await TreeKeeper.open(connection)


async def test_log_set_back_whole_is_refused_by_the_witness(
    vault_database: Database, witness: WitnessProcess
) -> None:
    await write_lines(vault_database, 5)
    await cosigned(vault_database, witness, 6)
    await as_superuser(
        vault_database,
        "DELETE FROM audit.cosignature; DELETE FROM audit.checkpoint;"
        "DELETE FROM audit.leaf WHERE sequence > 2; UPDATE audit.log SET next_sequence = 3",
    )
    with capture_logs() as logs:
        async with running_notary(vault_database, witness):
            await wait_until(lambda: refused(logs), "nobody notices")
            await write_lines(vault_database, 9)
            # The other history is longer by now, and no continuation of what the witness saw.
            await wait_until(lambda: refused(logs, "status 422"), "nobody notices")
    assert await cosigned_size(vault_database) == 0


def refused(logs: list[dict[str, object]], error: str = "") -> bool:
    """Whether the alarm was given."""
    return any(line["event"] == "witness_refuses" and error in str(line["error"]) for line in logs)


async def test_one_signs_and_another_waits(vault_database: Database, witness: WitnessProcess) -> None:
    await write_lines(vault_database, 5)
    async with connected(vault_database) as first:
        assert await TreeKeeper.try_to_lock(first)
        async with running_notary(vault_database, witness) as (notary, _):
            turns: list[None] = []
            notary.on_turn = lambda: turns.append(None)
            await wait_until(lambda: len(turns) > 1, "it does not wait")
            assert not await signed_size(vault_database, 6)
            await first.close()
            await wait_until(lambda: is_cosigned(vault_database, 6), "nobody takes over")


async def test_two_roots_of_one_size_are_not_stored(vault_database: Database) -> None:
    await write_lines(vault_database, 5)
    async with connected(vault_database) as connection:
        tree = await TreeKeeper.open(connection)
        await tree.extend(10)
        await tree.sign(KeySigner(LOG_KEY))
        with pytest.raises(asyncpg.UniqueViolationError):
            await tree.sign(KeySigner(LOG_KEY))


@pytest.mark.parametrize(("more", "named"), [(0, True), (2, False)], ids=["signed", "not signed"])
async def test_log_after_a_restore_names_the_root_that_was_signed(
    vault_database: Database, witness: WitnessProcess, more: int, named: bool
) -> None:
    await write_lines(vault_database, 5)
    await cosigned(vault_database, witness, 6)
    await write_lines(vault_database, more)
    async with connected(vault_database) as connection:
        root = await connection.fetchval("SELECT root FROM audit.checkpoint")
    one = SimpleNamespace(name=vault_database.name, connect=vault_database.cluster.connect)
    settle_vault(cast(PostgresCluster, one), {"epoch": 3})
    await write_lines(vault_database, 1)
    opened = json.loads((await lines_of(vault_database))[0])
    assert opened["metadata"]["log_name"] == "ioc.hanoi.gov.vn/log/vault/4"
    assert opened["unmapped"]["previous"] == {
        "origin": ORIGIN,
        "size": 6 + more,
        "root": b64u(root) if named else None,
    }


async def test_restored_log_is_cosigned_under_its_next_number(
    vault_database: Database, witness: WitnessProcess
) -> None:
    await write_lines(vault_database, 5)
    await cosigned(vault_database, witness, 6)
    await as_superuser(vault_database, "SELECT audit.open_epoch(NULL, 1)")
    await write_lines(vault_database, 1)
    async with running_notary(vault_database, witness):
        await wait_until(lambda: cosigned_epoch(vault_database, 2), "it is not cosigned")


async def cosigned_epoch(database: Database, epoch: int) -> bool:
    """Whether anything of it is."""
    async with connected(database) as connection:
        return bool(await connection.fetchval("SELECT max(epoch) = $1 FROM audit.cosignature", epoch))


async def test_idle_log_is_cosigned_again(vault_database: Database, witness: WitnessProcess) -> None:
    await write_lines(vault_database, 5)
    async with running_notary(vault_database, witness, refresh=timedelta(0)):
        await wait_until(lambda: cosigned_often(vault_database), "it is not cosigned again")
    assert await cosigned_size(vault_database) == 6


async def cosigned_often(database: Database) -> bool:
    """Whether one checkpoint was cosigned at two times."""
    async with connected(database) as connection:
        return int(await connection.fetchval("SELECT count(*) FROM audit.cosignature")) > 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit.leaf SET line = line",
        "DELETE FROM audit.leaf",
        "UPDATE audit.tile SET root = root",
        "DELETE FROM audit.tile",
        "UPDATE audit.checkpoint SET note = note",
        "DELETE FROM audit.checkpoint",
        "INSERT INTO audit.checkpoint (epoch, size, root, note, at) VALUES (1, 1, '', '', now())",
        "UPDATE audit.cosignature SET line = line",
        "DELETE FROM audit.cosignature",
        "UPDATE audit.log SET soc_confirmed = 1",
        "INSERT INTO audit.event (id, line) VALUES (uuidv7(), '{}')",
        "SELECT * FROM audit.pseudonym_key",
        "SELECT * FROM calls.proof",
        "SELECT audit.open_epoch(NULL, 7)",
        "SET ROLE vault_owner",
    ],
)
async def test_relay_takes_nothing_from_the_log(vault_database: Database, statement: str) -> None:
    async with connected(vault_database) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


@pytest.mark.parametrize("table", ["leaf", "tile", "checkpoint", "cosignature"])
async def test_vault_itself_adds_nothing_to_its_log_but_events(vault_database: Database, table: str) -> None:
    async with connected(vault_database, "vault_app") as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"INSERT INTO audit.{table} DEFAULT VALUES")
