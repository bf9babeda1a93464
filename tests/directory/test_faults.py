"""A row that nobody foresaw: it ends no process, holds up no other one, and an operator can give it up."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import asyncpg
import psycopg
import pytest
from joserfc.jwk import ECKey

from directory.operations import Result, Task
from directory.requests import Request, Row, Signers
from directory.store import Store
from directory.worker import Worker
from foundation.clock import SystemClock
from foundation.database.connections import for_asyncpg, for_psycopg
from foundation.database.database import Database as Tables
from foundation.directory_queue import TYP, Operation
from foundation.identity import jose
from foundation.ids import new_uuid
from foundation.settings import SignerSettings
from tests.conftest import Database
from tests.directory.rig import NoRecorder

KEY = ECKey.generate_key("P-256")
ENDS_NEVER = 2**39
"""A second of the year 19391, which `datetime` does not have."""


class Anybody:
    """May ask for everything."""

    async def check(self, request: Request) -> None: ...


class Broken(Signers):
    """Reads nothing, by a fault that no refusal is for."""

    def verified(self, row: Row, now: Any) -> Request:
        raise RuntimeError("broken")


@dataclass
class Bench:
    """A worker on a database of its own. The operation of a target in `faults` raises what stands there."""

    database: Database
    worker: Worker
    faults: dict[str, Exception] = field(default_factory=dict)

    async def run(self, task: Task) -> Result:
        if task.request.target in self.faults:
            raise self.faults[task.request.target]
        return {}

    def do(self, statement: str, **values: Any) -> list[Any]:
        place = for_psycopg(self.database.settings(self.database.superuser))
        with psycopg.connect(**place, autocommit=True) as connection:
            done = connection.execute(statement.encode(), values)
            return done.fetchall() if done.description else []

    def asked(self, target: str = "a", **changes: Any) -> UUID:
        """A row that the api has signed, with other claims than it would."""
        request = new_uuid()
        issued = int(SystemClock().now().timestamp())
        claims = {
            "v": 1,
            "op": str(Operation.SESSION_END),
            "target": target,
            "params": {},
            "then": None,
            "asked": [],
            "jti": str(request),
            "iat": issued,
            "exp": issued + 3600,
            **changes,
        }
        compact = jose.sign({"typ": TYP, "kid": KEY.thumbprint()}, claims, KEY)
        self.do(
            "INSERT INTO directory.request (id, signer, operation, target, jws)"
            " VALUES (%(id)s, 'api', 'session.end', %(target)s, %(jws)s)",
            id=request,
            target=target,
            jws=compact,
        )
        return request

    def state(self, request: UUID) -> tuple[str, str | None, int]:
        """(state, its code or fault, attempts)."""
        (row,) = self.do(
            "SELECT state, coalesce(code, fault), attempts FROM directory.request WHERE id = %(id)s",
            id=request,
        )
        return tuple(row)


@pytest.fixture
async def bench(database: Database, tmp_path: Path) -> AsyncIterator[Bench]:
    (tmp_path / "public.pem").write_bytes(KEY.as_pem(private=False))
    settings = database.settings("backend_directory")
    pool = await asyncpg.create_pool(**for_asyncpg(settings), min_size=0, max_size=1)
    locks = await asyncpg.create_pool(**for_asyncpg(settings), min_size=0, max_size=1)
    tables = Tables(settings, NoRecorder())
    worker = Worker(
        store=Store(pool, locks),
        database=tables,
        signers=Signers({"api": SignerSettings(public_key_files=[tmp_path / "public.pem"])}),
        entitlement=cast(Any, Anybody()),
        operations={},
        clock=SystemClock(),
        alarm_after=timedelta(minutes=5),
    )
    bench = Bench(database, worker)
    worker._operations = {Operation.SESSION_END: bench.run}
    yield bench
    await tables.close()
    await locks.close()
    await pool.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": ENDS_NEVER},
        {"exp": ENDS_NEVER},
        {"iat": 253402300800},
        {"iat": 253402300799},
        {"iat": -1},
        {"then": "job\0name"},
        {"then": "Not a job"},
    ],
    ids=str,
)
async def test_row_that_no_process_of_ours_would_sign_is_forged(
    bench: Bench, changes: dict[str, Any]
) -> None:
    request = bench.asked(**changes)
    await bench.worker.step()
    assert bench.state(request) == ("refused", "directory.forged", 0)


@pytest.mark.parametrize("fault", [RuntimeError("x"), OSError("x"), asyncpg.DataError("x")], ids=repr)
async def test_fault_that_nobody_foresaw_delays_its_own_row_alone(bench: Bench, fault: Exception) -> None:
    bench.faults["a"] = fault
    first, second = bench.asked("a"), bench.asked("b")
    await bench.worker.step()
    await bench.worker.step()
    assert bench.state(first) == ("waiting", "fault", 1)
    assert bench.state(second)[0] == "done"


async def test_row_that_can_not_be_read_is_given_up(bench: Bench) -> None:
    bench.worker._signers = Broken({})
    request = bench.asked()
    await bench.worker.step()
    assert bench.state(request) == ("waiting", "fault", 1)
    bench.do("UPDATE directory.request SET give_up = true, next_at = clock_timestamp()")
    await bench.worker.step()
    assert bench.state(request) == ("refused", "directory.given_up", 1)


async def test_who_asked_is_told_of_what_was_given_up(bench: Bench) -> None:
    bench.asked(then="citizens.deletion_done")
    bench.do("UPDATE directory.request SET give_up = true")
    await bench.worker.step()
    assert bench.do("SELECT task_name FROM jobs.procrastinate_jobs") == [("citizens.deletion_done",)]


async def test_what_was_given_up_tells_nobody_whom_the_signature_does_not_name(bench: Bench) -> None:
    request = bench.asked(then="citizens.deletion_done")
    bench.do("UPDATE directory.request SET give_up = true, target = 'another'")
    await bench.worker.step()
    assert bench.state(request) == ("refused", "directory.given_up", 0)
    assert bench.do("SELECT task_name FROM jobs.procrastinate_jobs") == []
