"""Limits hold across connections and processes, cost little, forget what is paid back, and fail closed."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from foundation.limits import limiter as limiter_module
from foundation.limits.limiter import LEASE_SECONDS, MOST_KEYS, Limit, Limiter
from foundation.limits.refusals import LimitsUnavailable, TooManyRequests
from foundation.settings import Rate
from stack.home import ROOT
from stack.settings_files import write_settings
from tests.conftest import Database
from tests.identity.world import Ticker
from tests.limits.hammer import SUBJECT, allowed, pool_of

DAY = 86_400
TEN_A_DAY = Limit("ten", Rate(amount=10, seconds=DAY))
THOUSAND_A_DAY = Limit("thousand", Rate(amount=1_000, seconds=DAY))
BACK_IN_A_MOMENT = Limit("quick", Rate(amount=2, seconds=1))


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    """Connections of the api's role."""
    pool = await pool_of(database.settings("backend_app"))
    yield pool
    await pool.close()


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[asyncpg.Pool]:
    """Connections that look everywhere."""
    pool = await pool_of(database.settings(database.superuser, pool_size=1))
    yield pool
    await pool.close()


class Answering:
    """In the database's place: gives all that is asked for, or what the test says."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Any, ...]] = []

    async def fetchval(self, query: str, *args: Any) -> Any:
        self.asked.append(args)
        answer = self.answers.pop(0) if self.answers else args[2]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_amount_is_allowed_at_once_and_no_more(pool: asyncpg.Pool) -> None:
    assert await allowed(Limiter(pool), TEN_A_DAY, 80) == 10


async def test_refusal_names_the_limit_and_when_a_permit_is_back(pool: asyncpg.Pool) -> None:
    limiter = Limiter(pool)
    await allowed(limiter, TEN_A_DAY, 80)
    with pytest.raises(TooManyRequests) as refused:
        await limiter.take(TEN_A_DAY, SUBJECT)
    # A tenth of a day, less the moments since the first was taken.
    assert (refused.value.limit, 8_000 < refused.value.retry_after <= 8_640) == ("ten", True)


async def test_permit_comes_back_with_time(pool: asyncpg.Pool) -> None:
    limiter = Limiter(pool)
    await allowed(limiter, BACK_IN_A_MOMENT, 8)
    await asyncio.sleep(0.6)
    await limiter.take(BACK_IN_A_MOMENT, SUBJECT)


async def test_other_subject_and_other_limit_have_permits_of_their_own(pool: asyncpg.Pool) -> None:
    limiter = Limiter(pool)
    await allowed(limiter, TEN_A_DAY, 80)
    other = Limit("other", TEN_A_DAY.rate)
    assert (await allowed(limiter, TEN_A_DAY, 80, "hung"), await allowed(limiter, other, 80)) == (10, 10)


async def test_name_and_subject_do_not_run_into_each_other() -> None:
    rate = Rate(amount=1, seconds=1)
    assert Limit("ab", rate).key("c") != Limit("a", rate).key("bc")


async def test_several_permits_are_taken_whole_or_not_at_all(pool: asyncpg.Pool) -> None:
    limiter = Limiter(pool)
    await limiter.take(TEN_A_DAY, SUBJECT, 7)
    with pytest.raises(TooManyRequests):
        await Limiter(pool).take(TEN_A_DAY, SUBJECT, 4)
    await Limiter(pool).take(TEN_A_DAY, SUBJECT, 3)


async def test_permit_given_back_can_be_taken_again(pool: asyncpg.Pool) -> None:
    await allowed(Limiter(pool), TEN_A_DAY, 80)
    await Limiter(pool).give_back(TEN_A_DAY, SUBJECT)
    assert await allowed(Limiter(pool), TEN_A_DAY, 80) == 1


async def test_giving_back_too_often_reaches_the_amount_and_no_more(pool: asyncpg.Pool) -> None:
    limiter = Limiter(pool)
    await limiter.take(TEN_A_DAY, SUBJECT)
    for _ in range(5):
        await limiter.give_back(TEN_A_DAY, SUBJECT)
    assert await allowed(Limiter(pool), TEN_A_DAY, 80) == 10


async def test_limit_made_wider_lets_nobody_wait_longer_than_the_whole(pool: asyncpg.Pool) -> None:
    await allowed(Limiter(pool), TEN_A_DAY, 80)
    with pytest.raises(TooManyRequests) as refused:
        await Limiter(pool).take(Limit("ten", Rate(amount=60, seconds=60)), SUBJECT)
    assert refused.value.retry_after == 1


def both(command: list[str]) -> list[str]:
    """What two processes that began at the same moment printed."""
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()  # connected
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate()[0] for process in processes]


@pytest.mark.parametrize(("amount", "lost"), [(10, 0), (1_000, 100)])
async def test_two_processes_share_one_limit(
    database: Database, pool: asyncpg.Pool, tmp_path: Path, amount: int, lost: int
) -> None:
    """What both allowed, and what is left, is the amount, but for leases that ended unspent."""
    write_settings(tmp_path / "database.toml", database.settings("backend_app"))
    command = [sys.executable, "-m", "tests.limits.hammer", str(tmp_path / "database.toml")]
    command += [str(amount), str(DAY), "4000"]
    outputs = await asyncio.to_thread(both, command)
    total = sum(map(int, outputs))
    assert amount - lost <= total <= amount


async def test_last_permit_is_given_once(pool: asyncpg.Pool) -> None:
    take = "SELECT limits.take($1, 1, 1, 8640000000, 86400000000)"
    key = TEN_A_DAY.key(SUBJECT)
    await Limiter(pool).take(TEN_A_DAY, SUBJECT, 9)
    async with pool.acquire() as first, pool.acquire() as second:
        transaction = first.transaction()
        await transaction.start()
        given = await first.fetchval(take, key)
        waiting = asyncio.create_task(second.fetchval(take, key))  # it looked, and waits for the row
        await asyncio.sleep(0.2)
        await transaction.commit()
        assert (given, await waiting < 0) == (1, True)


async def test_wait_of_no_time_at_all_is_a_refusal() -> None:
    with pytest.raises(TooManyRequests):
        await Limiter(Answering(0)).take(TEN_A_DAY, SUBJECT)


async def test_hot_key_asks_the_database_seldom() -> None:
    database = Answering()
    taken = await allowed(Limiter(database, Ticker()), THOUSAND_A_DAY, 1_000)
    # Leases of 1, 2, 4, 8, 16, 32 and then of 50.
    assert (taken, len(database.asked)) == (1_000, 25)


async def test_rare_caller_is_charged_what_he_spends() -> None:
    database, clock = Answering(), Ticker()
    limiter = Limiter(database, clock)
    for _ in range(100):
        await limiter.take(THOUSAND_A_DAY, SUBJECT)
        clock.seconds += LEASE_SECONDS
    assert sum(most for _, _, most, _, _ in database.asked) == 100


async def test_lease_ends() -> None:
    database, clock = Answering(), Ticker()
    limiter = Limiter(database, clock)
    await limiter.take(THOUSAND_A_DAY, SUBJECT)
    await limiter.take(THOUSAND_A_DAY, SUBJECT)  # a lease of two, one of them spent
    clock.seconds += LEASE_SECONDS
    await limiter.take(THOUSAND_A_DAY, SUBJECT)
    assert len(database.asked) == 3


async def test_remembered_refusal_costs_the_database_nothing() -> None:
    database = Answering(-60_000_000)
    assert await allowed(Limiter(database, Ticker()), TEN_A_DAY, 8_000) == 0
    assert len(database.asked) == 1


async def test_refusal_is_forgotten_when_its_time_has_come() -> None:
    clock = Ticker()
    limiter = Limiter(Answering(-60_000_000), clock)
    await allowed(limiter, TEN_A_DAY, 8)
    clock.seconds += 60
    await limiter.take(TEN_A_DAY, SUBJECT)


async def test_refusal_is_new_once_a_minute() -> None:
    database, clock = Answering(*[-60_000_000] * 3), Ticker()
    limiter = Limiter(database, clock)
    new = []
    for _ in range(4):
        with pytest.raises(TooManyRequests) as refused:
            await limiter.take(TEN_A_DAY, SUBJECT)
        new.append(refused.value.new)
        clock.seconds += 30
    assert new == [True, False, True, False]


async def test_memory_is_bounded_whatever_the_number_of_networks() -> None:
    limiter = Limiter(Answering(), Ticker())
    for number in range(MOST_KEYS + 500):
        await limiter.take(TEN_A_DAY, f"2001:db8:{number:x}::")
    assert limiter.remembered == MOST_KEYS


async def test_forgotten_subject_is_still_limited(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter_module, "MOST_KEYS", 1)
    limiter = Limiter(pool)
    await allowed(limiter, TEN_A_DAY, 80)
    await limiter.take(TEN_A_DAY, "somebody else")
    assert await allowed(limiter, TEN_A_DAY, 80) == 0


@pytest.mark.parametrize(
    "trouble", [OSError(), TimeoutError(), asyncpg.PostgresError(), asyncpg.InterfaceError("closed")]
)
async def test_what_cannot_be_counted_is_refused(trouble: Exception) -> None:
    limiter = Limiter(Answering(trouble))
    with pytest.raises(LimitsUnavailable) as refused:
        await limiter.take(TEN_A_DAY, SUBJECT)
    assert (refused.value.status, refused.value.retry_after) == (503, 5)


async def test_database_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        async def fetchval(self, query: str, *args: Any) -> Any:
            await asyncio.Event().wait()

    monkeypatch.setattr(limiter_module, "ANSWER_SECONDS", 0.01)
    with pytest.raises(LimitsUnavailable):
        await Limiter(Silent()).take(TEN_A_DAY, SUBJECT)


async def test_trouble_ends_with_the_database_back_and_costs_two_lines() -> None:
    limiter = Limiter(Answering(*[OSError()] * 50))
    with capture_logs() as logged:
        for _ in range(50):
            with pytest.raises(LimitsUnavailable):
                await limiter.take(TEN_A_DAY, SUBJECT)
        await limiter.take(TEN_A_DAY, SUBJECT)
        await limiter.take(TEN_A_DAY, SUBJECT)
    assert [entry["event"] for entry in logged] == ["limits_unavailable", "limits_available"]


async def test_charging_for_what_has_happened_never_raises() -> None:
    limiter = Limiter(Answering(OSError(), -1_000_000))
    await limiter.charge(TEN_A_DAY, SUBJECT)
    await limiter.charge(TEN_A_DAY, SUBJECT)
    with pytest.raises(TooManyRequests):
        limiter.check(TEN_A_DAY, SUBJECT)


async def test_checking_takes_nothing_and_asks_nobody() -> None:
    database = Answering()
    Limiter(database).check(TEN_A_DAY, SUBJECT)
    assert not database.asked


async def test_permits_not_given_back_are_logged() -> None:
    with capture_logs() as logged:
        await Limiter(Answering(OSError())).give_back(TEN_A_DAY, SUBJECT)
    assert [entry["event"] for entry in logged] == ["limits_unavailable", "permits_not_given_back"]


@pytest.mark.parametrize(
    ("seconds", "vi", "en"),
    [(1, "1 giây", "1 second"), (89, "89 giây", "89 seconds"), (91, "2 phút", "2 minutes")],
)
def test_text_says_when_to_try_again(seconds: int, vi: str, en: str) -> None:
    refusal = TooManyRequests("person", seconds, new=True)
    assert (refusal.message("vi"), refusal.message("en")) == (
        f"Bạn đã gửi quá nhiều yêu cầu. Hãy thử lại sau {vi}.",
        f"Too many requests. Please try again in {en}.",
    )


async def test_database_knows_neither_names_nor_networks(pool: asyncpg.Pool, owner: asyncpg.Pool) -> None:
    await Limiter(pool).take(TEN_A_DAY, "203.0.113.0")
    (row,) = await owner.fetch("SELECT * FROM limits.bucket")
    assert (row["key"], list(row.keys())) == (TEN_A_DAY.key("203.0.113.0"), ["key", "tat", "granted"])


@pytest.mark.parametrize("role", ["backend_app", "backend_worker", "backend_relay", "backend_city"])
@pytest.mark.parametrize(
    "statement",
    ["SELECT FROM limits.bucket", "DELETE FROM limits.bucket", "UPDATE limits.bucket SET tat = 0"],
)
async def test_nobody_reads_or_resets_a_limit(owner: asyncpg.Pool, role: str, statement: str) -> None:
    async with owner.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {role}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def test_take_with_more_than_the_whole_is_an_error(pool: asyncpg.Pool) -> None:
    with pytest.raises(asyncpg.RaiseError):
        await pool.fetchval("SELECT limits.take($1, 1, 11, 1000, 10000)", bytes(16))


async def test_sweep_removes_what_is_paid_back_and_keeps_the_rest(
    database: Database, pool: asyncpg.Pool, owner: asyncpg.Pool
) -> None:
    limiter = Limiter(pool)
    await limiter.take(TEN_A_DAY, "kept")
    await limiter.take(Limit("quick", Rate(amount=1_000_000, seconds=1)), "gone")
    await asyncio.sleep(0.01)
    worker = await pool_of(database.settings("backend_worker", pool_size=1))
    swept = await worker.fetchval("SELECT limits.sweep()")
    await worker.close()
    assert (swept, await owner.fetchval("SELECT key FROM limits.bucket")) == (1, TEN_A_DAY.key("kept"))
