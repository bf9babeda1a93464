"""Sums up what changed, by the clock. Running it again, or late, changes no figure: readers add the rest."""

import procrastinate
from sqlalchemy import text

from foundation.database.database import Database

ROLL_UP = "statistics.roll_up"
_ROLL_UP = text("SELECT statistics.roll_up()")


async def roll_up(database: Database) -> int:
    """Move what is below the watermark into the sums; how many changes there were."""
    async with database.unscoped() as connection:
        moved = (await connection.execute(_ROLL_UP)).scalar_one()
    return int(moved)


def register(app: procrastinate.App, database: Database) -> None:
    """Let the worker sum up every five seconds, so that readers have little to add."""

    @app.periodic(cron="* * * * * */5")
    @app.task(name=ROLL_UP, queueing_lock=ROLL_UP)
    async def run(timestamp: int) -> None:
        await roll_up(database)
