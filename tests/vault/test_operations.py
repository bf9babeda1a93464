"""An operation runs in the transaction that uses its proof up; what it says is made after the commit."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import Refusal
from foundation.recording import AuditEvent
from tests.parts import Database
from tests.vault.parts import Device
from tests.vault.rig import Rig
from vault.call.errors import Unauthenticated
from vault.call.operations import GREETING, Answer, Asked, Operation, Operations, none

EVENT = AuditEvent("vault.trial")


class _No(Refusal):
    code = "vault.no"
    vi = "Không."
    en = "No."


class _Trial:
    """Writes a row of its own, and refuses when it is told to."""

    def __init__(self, rig_database: Database, *, refuses: str | None = None) -> None:
        self.vault, self.refuses = rig_database, refuses
        self.lines_when_said: list[int] = []
        self.runs = 0

    async def run(self, asked: Asked, work: UnitOfWork) -> Answer:
        self.runs += 1
        await work.connection.execute(
            text("SELECT audit.count_refusals(ARRAY[inet '10.0.0.0'], '{a.b}', '{1}')")
        )
        await work.record(EVENT)
        if self.refuses == "inside":
            raise _No

        async def said() -> dict[str, Any]:
            self.lines_when_said.append(self._rows("audit.event"))
            if self.refuses == "after":
                raise _No
            return {"id": asked.operation_id.hex()}

        return said

    def counts(self) -> int:
        return self._rows("audit.refusal_count")

    def _rows(self, table: str) -> int:
        with self.vault.cluster.connect(self.vault.name) as superuser:
            (number,) = superuser.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(number)


async def _rig(vault: Database, trial: _Trial) -> tuple[Rig, Device]:
    rig = Rig.of(vault, {"trial": Operation(EVENT, none, trial.run)})
    await rig.database.open()
    return rig, rig.device()


def _actions(rig: Rig) -> list[tuple[str, str, str | None]]:
    return [
        (line["unmapped"]["action"], line["unmapped"]["decision"], line.get("status_code"))
        for line in rig.events()
    ]


async def test_event_is_kept_before_the_answer_is_made(vault_database: Database) -> None:
    trial = _Trial(vault_database)
    rig, device = await _rig(vault_database, trial)
    answer = await rig.ask(device, "j1", "trial")
    await rig.database.close()
    assert len(answer["result"]["id"]) == 32
    assert (trial.lines_when_said, trial.counts(), rig.proofs()) == ([1], 1, 1)


async def test_refused_operation_leaves_its_event_and_the_used_proof_alone(vault_database: Database) -> None:
    trial = _Trial(vault_database, refuses="inside")
    rig, device = await _rig(vault_database, trial)
    answer = await rig.ask(device, "j1", "trial")
    await rig.database.close()
    assert answer == {"problem": {"code": "vault.no"}}
    assert _actions(rig) == [("vault.trial", "deny", "vault.no")]
    assert (trial.counts(), rig.proofs()) == (0, 1)


async def test_what_fails_after_the_commit_is_told_and_recorded_too(vault_database: Database) -> None:
    trial = _Trial(vault_database, refuses="after")
    rig, device = await _rig(vault_database, trial)
    answer = await rig.ask(device, "j1", "trial")
    await rig.database.close()
    assert answer == {"problem": {"code": "vault.no"}}
    assert [decision for _, decision, _ in _actions(rig)] == ["allow", "deny"]


async def test_operation_does_not_run_again_under_a_used_proof(vault_database: Database) -> None:
    trial = _Trial(vault_database)
    rig, device = await _rig(vault_database, trial)
    await rig.ask(device, "j1", "trial")
    with pytest.raises(Unauthenticated):
        await rig.ask(device, "j1", "trial")
    await rig.database.close()
    assert (trial.lines_when_said, trial.counts(), len(rig.events())) == ([1], 1, 1)


async def test_refused_operation_runs_once_however_many_copies_come_at_once(vault_database: Database) -> None:
    trial = _Trial(vault_database, refuses="inside")
    rig, device = await _rig(vault_database, trial)
    answers = await asyncio.gather(
        *(rig.ask(device, "j1", "trial") for _ in range(5)), return_exceptions=True
    )
    await rig.database.close()
    assert sorted(type(answer).__name__ for answer in answers) == ["Unauthenticated"] * 4 + ["dict"]
    assert _actions(rig) == [("vault.trial", "deny", "vault.no")]
    assert (trial.runs, trial.counts(), rig.proofs()) == (1, 0, 1)


def test_two_features_with_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="one name"):
        Operations(GREETING, GREETING)
