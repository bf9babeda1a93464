"""A process that takes as often as it can: `python -m tests.limits.hammer SETTINGS AMOUNT SECONDS TRIES`."""

import asyncio
import sys
from pathlib import Path

import asyncpg

from foundation.database.connections import for_asyncpg
from foundation.limits.limiter import Limit, Limiter
from foundation.limits.refusals import TooManyRequests
from foundation.settings import DatabaseSettings, Rate, load

SUBJECT = "https://localhost/realms/ihanoi\nlan"


async def pool_of(settings: DatabaseSettings) -> asyncpg.Pool:
    """Connections of a role."""
    return await asyncpg.create_pool(
        **for_asyncpg(settings),
        min_size=1,
        max_size=settings.pool_size,
    )


async def allowed(limiter: Limiter, limit: Limit, tries: int, subject: str = SUBJECT) -> int:
    """How many of `tries`, eight at a time, were allowed."""
    taken = 0

    async def one() -> None:
        nonlocal taken
        for _ in range(tries // 8):
            try:
                await limiter.take(limit, subject)
            except TooManyRequests:
                continue
            taken += 1

    await asyncio.gather(*(one() for _ in range(8)))
    return taken


async def main(settings_file: str, amount: int, seconds: int, tries: int) -> None:
    pool = await pool_of(load(Path(settings_file), DatabaseSettings))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    limit = Limit("person", Rate(amount=amount, seconds=seconds))
    print(await allowed(Limiter(pool), limit, tries), flush=True)
    await pool.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
