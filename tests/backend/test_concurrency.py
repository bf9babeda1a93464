"""Many at once, clients gone mid-way, the database restarted under load: one effect a key, none by halves."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from backend.reports.types import Changed, Submission
from foundation.errors import VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal
from foundation.paging import PageRequest
from stack.embedded import cluster_part
from stack.postgres import PostgresCluster
from stack.supervisor import Supervisor
from tests.backend.world import HOAN_KIEM, TEXT, World, compose, connect, key, seed
from tests.conftest import Database, _home

SUBMISSION = Submission("street_light", HOAN_KIEM, "Ngõ 12 phố Hàng Bài", TEXT)
# Each report has its steps, changes, jobs and allowed events once, and no key is claimed without its answer.
_TORN = """
SELECT r.code, r.version
FROM reports.report r
WHERE r.version <> (SELECT count(*) FROM reports.timeline t WHERE t.report_id = r.id)
   OR r.version <> (SELECT count(*) FROM changes.change c WHERE c.resource = 'report:' || r.code)
   OR r.version > (SELECT count(*) FROM audit.event e WHERE strpos(e.line, r.code) > 0)
   OR NOT EXISTS (SELECT FROM reports.report_visibility v WHERE v.report_id = r.id)
   OR NOT EXISTS (SELECT FROM reports.report_by_reader k WHERE k.report_id = r.id AND k.reader = r.citizen_id)
"""
_LEFT = """
SELECT (SELECT count(*) FROM platform.idempotency WHERE answer IS NULL),
  (SELECT count(*) FROM changes.change) - (SELECT count(*) FROM jobs.procrastinate_jobs)
"""


def torn(database: Database) -> list[tuple[Any, ...]]:
    """What is there by halves."""
    with connect(database.settings(database.superuser)) as superuser:
        rows = superuser.execute(_TORN).fetchall()
        left = superuser.execute(_LEFT).fetchone()
    return [*rows, *([] if left == (0, 0) else [("left", *(left or ()))])]


def count(database: Database) -> int:
    """How many reports there are."""
    with connect(database.settings(database.superuser)) as superuser:
        row = superuser.execute("SELECT count(*) FROM reports.report").fetchone()
    assert row is not None
    return int(row[0])


@asynccontextmanager
async def worlds(database: Database, number: int, pool_size: int = 4) -> AsyncIterator[list[World]]:
    """As many processes as the api would have, each with pools of its own."""
    opened = [
        compose(database.settings("backend_app", pool_size), database.settings("backend_worker", 1))
        for _ in range(number)
    ]
    for world in opened:
        await world.database.open()
    try:
        yield opened
    finally:
        for world in opened:
            await world.database.close()


async def test_same_key_through_several_pools_has_one_effect(database: Database) -> None:
    once = key()
    async with worlds(database, 4) as several:
        citizen = await several[0].citizen()
        answers = await asyncio.gather(
            *(world.reports.submit(citizen, SUBMISSION, once) for world in several for _ in range(6))
        )
    assert (len(set(answers)), count(database), torn(database)) == (1, 1, [])


async def test_same_key_with_two_bodies_at_once_one_body_wins(database: Database) -> None:
    once = key()
    other = Idempotency(once.key, b"\x02" * 32)
    async with worlds(database, 2) as several:
        citizen = await several[0].citizen()
        answers = await asyncio.gather(
            *(
                world.reports.submit(citizen, SUBMISSION, body)
                for _ in range(4)
                for world in several
                for body in (once, other)
            ),
            return_exceptions=True,
        )
    kinds = sorted(type(answer).__name__ for answer in answers)
    assert (kinds, count(database), torn(database)) == (["Changed"] * 8 + ["IdempotencyMismatch"] * 8, 1, [])


async def test_same_step_with_one_key_at_once_is_taken_once(database: Database) -> None:
    async with worlds(database, 3) as several:
        code = (await several[0].submitted()).code
        officer, once = await several[0].official("minh"), key()
        answers = await asyncio.gather(
            *(world.reports.accept(officer, code, 1, once) for world in several for _ in range(4))
        )
    assert (len(set(answers)), answers[0].version, torn(database)) == (1, 2, [])


async def test_two_officers_at_once_on_different_steps_one_is_told(database: Database) -> None:
    async with worlds(database, 2) as (here, there):
        minh, thao = await here.official("minh"), await there.official("thao")
        code = (await here.submitted()).code
        await here.reports.accept(minh, code, 1, key())
        answers = await asyncio.gather(
            here.reports.ask(minh, code, 2, "Cột nào?", key()),
            there.reports.answer(thao, code, 2, "Đã thay bóng.", key()),
            return_exceptions=True,
        )
    kinds = sorted(type(answer).__name__ for answer in answers)
    assert (kinds, torn(database)) == (["Changed", "VersionConflict"], [])


async def test_loser_is_told_the_version_that_won(database: Database) -> None:
    async with worlds(database, 2) as (here, there):
        minh, thao = await here.official("minh"), await there.official("thao")
        code = (await here.submitted()).code
        answers = await asyncio.gather(
            here.reports.accept(minh, code, 1, key()),
            there.reports.accept(thao, code, 1, key()),
            return_exceptions=True,
        )
    conflicts = [answer for answer in answers if isinstance(answer, VersionConflict)]
    assert [conflict.current for conflict in conflicts] == [2]


async def test_no_step_is_lost_when_many_reports_are_worked_on_at_once(database: Database) -> None:
    async with worlds(database, 2) as several:
        minh = await several[0].official("minh")
        codes = [(await several[0].submitted()).code for _ in range(6)]

        async def work(world: World, code: str) -> None:
            await world.reports.accept(minh, code, 1, key())
            await world.reports.answer(minh, code, 2, "Đã xong.", key())

        await asyncio.gather(*(work(several[place % 2], code) for place, code in enumerate(codes)))
        shown = await several[1].queries.of_units(minh, PageRequest(20), None, None)
    assert ([report.version for report in shown.items], torn(database)) == ([3] * 6, [])


class Interrupted:
    """A coroutine cancelled while it waits for the n-th time, as a server does when the client has gone."""

    def __init__(self, work: Coroutine[Any, Any, Any], at: int) -> None:
        self._work = work
        self._at = at
        self.waited = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._work.__await__()
        task = asyncio.current_task()
        assert task is not None
        resume: Callable[[Any], Any] = steps.send
        value: Any = None
        while True:
            try:
                future = resume(value)
            except StopIteration as end:
                return end.value
            self.waited += 1
            if self.waited == self._at:
                asyncio.get_running_loop().call_soon(task.cancel)
            try:
                value, resume = (yield future), steps.send
            except BaseException as error:
                value, resume = error, steps.throw


async def _interrupted(make: Callable[[], Coroutine[Any, Any, Any]], at: int) -> bool:
    """Whether the work was interrupted; False once it ends before its n-th wait."""
    work = Interrupted(make(), at)

    async def run() -> None:
        await work

    try:
        await asyncio.create_task(run())
    except asyncio.CancelledError:
        return True
    return work.waited >= at


async def test_client_gone_at_any_point_of_a_submission_leaves_nothing_by_halves(database: Database) -> None:
    async with worlds(database, 1, pool_size=2) as (world,):
        citizen = await world.citizen()
        await world.submitted(citizen)
        at = 1
        while True:
            once = key()
            going_on = await _interrupted(partial(world.reports.submit, citizen, SUBMISSION, once), at)
            assert torn(database) == [], f"interrupted at {at}"
            await world.reports.submit(citizen, SUBMISSION, once)
            # The retry had the one effect, whether the interrupted one had ended or not; the pool is whole.
            assert count(database) == at + 1, f"interrupted at {at}"
            if not going_on:
                break
            at += 1
    assert at > 15, "the work waits so often at least"


async def test_client_gone_at_any_point_of_a_step_leaves_nothing_by_halves(database: Database) -> None:
    async with worlds(database, 1, pool_size=2) as (world,):
        minh = await world.official("minh")
        citizen = await world.citizen()
        at = 1
        while True:
            once, code = key(), (await world.submitted(citizen)).code
            going_on = await _interrupted(partial(world.reports.accept, minh, code, 1, once), at)
            assert torn(database) == [], f"interrupted at {at}"
            assert (await world.reports.accept(minh, code, 1, once)).version == 2, f"interrupted at {at}"
            if not going_on:
                break
            at += 1
    assert at > 15


async def test_client_gone_at_any_point_of_a_read_leaves_the_pool_whole(database: Database) -> None:
    async with worlds(database, 1, pool_size=2) as (world,):
        citizen = await world.citizen()
        code = (await world.submitted(citizen)).code
        at = 1
        while await _interrupted(partial(world.queries.timeline, citizen, code), at):
            reads = [world.queries.one(citizen, code) for _ in range(4)]
            shown = await asyncio.wait_for(asyncio.gather(*reads), 60)
            assert {report.version for report in shown} == {1}, f"interrupted at {at}"
            at += 1
    assert at > 3


async def test_interrupted_read_leaves_no_principal_on_its_connection(database: Database) -> None:
    async with worlds(database, 1, pool_size=1) as (world,):
        minh = await world.official("minh")
        at = 1
        while await _interrupted(partial(world.queries.of_units, minh, PageRequest(5), None, None), at):
            left = await world.database.pool.fetchval(
                "SELECT coalesce(nullif(current_setting('ioc.units', true), ''), $1) || current_user", "none "
            )
            assert left == "none backend_app", f"interrupted at {at}"
            at += 1
    assert at > 3


@dataclass
class Load:
    """What clients were told while they submitted."""

    citizen: CitizenPrincipal
    acknowledged: dict[Idempotency, Changed] = field(default_factory=dict)
    failed: list[Idempotency] = field(default_factory=list)
    running: bool = True

    async def client(self, world: World) -> None:
        while self.running:
            once = key()
            try:
                self.acknowledged[once] = await world.reports.submit(self.citizen, SUBMISSION, once)
            except Exception:
                self.failed.append(once)
                await asyncio.sleep(0.05)


@dataclass(frozen=True)
class OwnCluster:
    """A durable cluster that may be killed."""

    database: Database
    supervisor: Supervisor

    def restart(self, number: signal.Signals) -> None:
        """End the server by a signal (SIGINT: fast, SIGQUIT: as a crash) and start it again."""
        cluster = self.database.cluster
        running = [part for part in self.supervisor.running() if part.identity.is_alive()]
        os.kill(running[-1].pid, number)
        running[-1].identity.wait(120)
        self.supervisor.start(cluster_part(cluster))


@pytest.fixture
def own_cluster() -> Iterator[OwnCluster]:
    """A cluster of the test's own: fsync on, migrated, seeded."""
    with _home("ioc-restart-") as home:
        cluster = PostgresCluster(home, "backend", durable=True)
        supervisor = Supervisor(home, die_with_us=True)
        cluster.initialise()
        supervisor.start(cluster_part(cluster))
        try:
            cluster.bootstrap("backend_migrator", "backend")
            _migrate(cluster)
            seed(cluster.settings("backend_migrator", "backend", 1))
            yield OwnCluster(Database(cluster, "backend"), supervisor)
        finally:
            supervisor.stop()
            cluster.remove()


def _migrate(cluster: PostgresCluster) -> None:
    from alembic import command

    from migrations.__main__ import configuration

    command.upgrade(configuration("backend", cluster.settings("backend_migrator")), "head")
    cluster.set_passwords()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "crash"])
async def test_database_restarted_under_load_keeps_what_was_acknowledged(
    own_cluster: OwnCluster, number: signal.Signals
) -> None:
    database = own_cluster.database
    async with worlds(database, 2) as several:
        load = Load(await several[0].citizen())
        clients = [asyncio.create_task(load.client(world)) for world in several for _ in range(4)]
        await _until(lambda: len(load.acknowledged) >= 20)
        await asyncio.to_thread(own_cluster.restart, number)
        before = len(load.acknowledged)
        # The same services, not restarted, serve again.
        await _until(lambda: len(load.acknowledged) >= before + 20)
        load.running = False
        await asyncio.gather(*clients)
        assert (_missing(database, load), torn(database)) == ([], [])
        retried = [await several[0].reports.submit(load.citizen, SUBMISSION, once) for once in load.failed]
    # What failed had no effect or exactly the one that its retry was told.
    assert len(
        {*(answer.code for answer in retried)} | {*(a.code for a in load.acknowledged.values())}
    ) == count(database)
    assert (len(load.failed) > 0, torn(database)) == (True, [])


def _missing(database: Database, load: Load) -> list[str]:
    with connect(database.settings(database.superuser)) as superuser:
        there = {row[0] for row in superuser.execute("SELECT code FROM reports.report")}
    return [answer.code for answer in load.acknowledged.values() if answer.code not in there]


async def _until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not reached():  # noqa: ASYNC110 - what is waited for is a count
            await asyncio.sleep(0.02)
