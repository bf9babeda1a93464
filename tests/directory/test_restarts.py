"""A directory that is cut off between any two steps, and a Keycloak that answers errors or not at all.

The directory under test runs here, composed as the process composes it; the stack's own is stopped meanwhile.
Keycloak is the real one; faults are put between.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from cli.client import IocClient
from directory.store import Store
from directory.worker import Worker
from foundation.clock import SystemClock
from foundation.database.connections import for_asyncpg
from foundation.directory_queue import Operation
from foundation.identity.authenticator import keycloak_http
from foundation.settings import DatabaseSettings, DirectorySettings, load
from services.directory import WORKERS, administration, database_of
from tests.conftest import RunningStack
from tests.directory.rig import HOAN_KIEM, Office, Official, invitation_of, said_by
from tests.identity.administration import Administration

REALM = "hanoi-ioc"


class CutOff(BaseException):
    """The process is killed: no handler of ours may see it."""


class Between(httpx.AsyncBaseTransport):
    """Passes requests on, until `before` or `after` says otherwise."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.seen: list[str] = []
        self.before: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
        self.after: Callable[[httpx.Request], None] = lambda _: None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(f"{request.method} {request.url.path}")
        answer = self.before(request)
        if answer is not None:
            return answer
        response = await self._inner.handle_async_request(request)
        self.after(request)
        return response


class Bench:
    """A directory of one test's own."""

    def __init__(self, worker: Worker, between: Between, pool: asyncpg.Pool, office: Office) -> None:
        self.worker = worker
        self.between = between
        self.pool = pool
        self.office = office

    async def state(self, request: UUID) -> tuple[str, str | None, int]:
        """(state, fault, attempts)."""
        row = await self.pool.fetchrow(
            "SELECT state, fault, attempts FROM directory.request WHERE id = $1", request
        )
        return row["state"], row["fault"], row["attempts"]

    async def at_once(self, request: UUID) -> None:
        """As an operator's retry."""
        await self.pool.execute(
            "UPDATE directory.request SET next_at = clock_timestamp() WHERE id = $1", request
        )

    async def invitation(self, asker: IocClient) -> tuple[Official, UUID]:
        """A request that waits."""
        official = self.office.official(HOAN_KIEM)
        asking = await said_by(asker, "InviteOfficial", invitation_of(official))
        request = await self.office.ask(Operation.OFFICIAL_CREATE, official.code, official.account, asking)
        return official, request


async def pool_of(settings: DatabaseSettings, size: int) -> asyncpg.Pool:
    return await asyncpg.create_pool(**for_asyncpg(settings), min_size=0, max_size=size)


@pytest.fixture(scope="module")
async def held(running_stack: RunningStack) -> AsyncIterator[None]:
    """The stack's own directory is stopped meanwhile: only this one takes requests up."""
    running = next(each for each in running_stack.stack.supervisor.running() if each.name == "directory")
    os.kill(running.identity.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(running.identity.pid, signal.SIGCONT)


@pytest.fixture
async def bench(running_stack: RunningStack, office: Office, held: None) -> AsyncIterator[Bench]:
    settings = load(running_stack.home / "settings" / "directory.toml", DirectorySettings)
    assert settings.administration is not None
    real = keycloak_http(settings.keycloak_ca_file, 5.0)
    between = Between(real._transport)
    http = httpx.AsyncClient(transport=between, follow_redirects=False)
    pool, locks = await pool_of(settings.database, 1), await pool_of(settings.database, WORKERS)
    database = database_of(settings, SystemClock())
    store = Store(pool, locks)
    worker = administration(settings, settings.administration, database, store, http, SystemClock())
    worker._alarm_after = timedelta(0)
    yield Bench(worker, between, pool, office)
    await pool.execute("UPDATE directory.request SET give_up = true, next_at = now() WHERE state = 'waiting'")
    while await worker.step():
        pass
    await database.close()
    await locks.close()
    await pool.close()
    await real.aclose()


async def test_cut_off_after_every_single_answer_ends_with_one_account(
    bench: Bench, yen: IocClient, keycloak: Administration
) -> None:
    official, request = await bench.invitation(yen)
    cuts = 0

    def cut(asked: httpx.Request) -> None:
        # Whatever Keycloak has done by now, nothing of it is noted.
        if asked.method in {"POST", "PUT"} and "/admin/" in asked.url.path and asked.url.path not in seen:
            seen.add(asked.url.path)
            raise CutOff

    seen: set[str] = set()
    bench.between.after = cut
    while (await bench.state(request))[0] == "waiting":
        try:
            await bench.worker.step()
        except CutOff:
            cuts += 1
        await bench.at_once(request)
    # Made, joined, written.
    assert cuts == 3
    (user,) = await keycloak.get(f"{REALM}/users?username={official.username}&exact=true")
    found = await keycloak.get(f"{REALM}/organizations/members/{user['id']}/organizations")
    assert [each["alias"] for each in found] == ["u-00070"]
    (row,) = bench.office.rows("SELECT subject FROM tenancy.official WHERE code = %(c)s", c=official.code)
    assert row["subject"] == user["id"]


@pytest.mark.parametrize("status", [500, 502, 503, 429])
async def test_keycloak_that_answers_an_error_delays(bench: Bench, yen: IocClient, status: int) -> None:
    _, request = await bench.invitation(yen)
    bench.between.before = lambda asked: (
        httpx.Response(status) if asked.method == "POST" and "/admin/" in asked.url.path else None
    )
    await bench.worker.step()
    assert await bench.state(request) == ("waiting", "keycloak_failed", 1)
    bench.between.before = lambda _: None
    await bench.at_once(request)
    await bench.worker.step()
    assert (await bench.state(request))[0] == "done"


@pytest.mark.parametrize("fault", [httpx.ConnectError, httpx.ReadTimeout])
async def test_keycloak_away_delays(bench: Bench, yen: IocClient, fault: type[httpx.TransportError]) -> None:
    _, request = await bench.invitation(yen)

    def away(asked: httpx.Request) -> httpx.Response | None:
        if "/admin/" in asked.url.path:
            raise fault("away")
        return None

    bench.between.before = away
    await bench.worker.step()
    assert await bench.state(request) == ("waiting", "keycloak_away", 1)
    bench.between.before = lambda _: None
    await bench.at_once(request)
    await bench.worker.step()
    assert (await bench.state(request))[0] == "done"


async def test_pauses_grow_and_have_an_end(bench: Bench, yen: IocClient) -> None:
    _, request = await bench.invitation(yen)
    bench.between.before = lambda _: httpx.Response(500)
    pauses = []
    for _ in range(11):
        await bench.worker.step()
        row = await bench.pool.fetchrow(
            "SELECT next_at - clock_timestamp() AS pause FROM directory.request WHERE id = $1", request
        )
        pauses.append(round(row["pause"].total_seconds()))
        await bench.at_once(request)
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    bench.office.rows(
        "UPDATE directory.request SET give_up = true, next_at = clock_timestamp() WHERE id = %(id)s",
        id=request,
    )
    await bench.worker.step()
    assert (await bench.office.ended(request)).code == "directory.given_up"


async def test_request_that_waits_too_long_is_told_of_once(bench: Bench, yen: IocClient) -> None:
    _, request = await bench.invitation(yen)
    assert await bench.worker.alarm() >= 1
    assert await bench.worker.alarm() == 0
    assert bench.office.events("directory.wait", f"request:{request}") == ["allow"]
    await bench.worker.step()


async def test_two_requests_for_one_person_run_in_order_and_never_at_once(
    bench: Bench, yen: IocClient
) -> None:
    official, first = await bench.invitation(yen)
    again = await said_by(yen, "ResendInvitation", {"code": official.code, "idempotencyKey": "k" * 20})
    second = await bench.office.ask(Operation.OFFICIAL_CREATE, official.code, official.account, again)
    running, most = 0, 0
    entitled = bench.worker._entitlement.check

    async def counted(request: Any) -> None:
        nonlocal running, most
        running, most = running + 1, max(most, running + 1)
        await asyncio.sleep(0.2)
        await entitled(request)
        running -= 1

    bench.worker._entitlement.check = counted  # type: ignore[method-assign]  # watched from outside
    await asyncio.gather(*(bench.worker.step() for _ in range(4)))
    await bench.worker.step()
    ends = await bench.pool.fetch(
        "SELECT id FROM directory.request WHERE id = ANY($1) AND state = 'done' ORDER BY ended_at",
        [first, second],
    )
    assert [row["id"] for row in ends] == [first, second]
    assert most == 1


async def test_as_many_requests_as_workers_end_with_one_connection_for_all_else(
    bench: Bench, yen: IocClient
) -> None:
    requests = [(await bench.invitation(yen))[1] for _ in range(WORKERS)]
    await asyncio.gather(*(bench.worker.step() for _ in range(WORKERS)))
    assert [(await bench.state(request))[0] for request in requests] == ["done"] * WORKERS


async def test_what_takes_away_does_not_wait_behind_what_gives(bench: Bench, yen: IocClient) -> None:
    official, request = await bench.invitation(yen)
    bench.between.before = lambda asked: httpx.Response(500) if "execute-actions" in asked.url.path else None
    await bench.worker.step()
    bench.office.put(official, "suspended")
    disable = await bench.office.ask(
        Operation.OFFICIAL_DISABLE, official.code, {"idle": True}, signer="worker"
    )
    await bench.worker.step()
    assert (await bench.state(disable))[0] == "done"
    # And what gave is no longer wanted.
    bench.between.before = lambda _: None
    await bench.at_once(request)
    await bench.worker.step()
    assert (await bench.office.ended(request)).code == "directory.not_now"
