"""Jobs of officials. Payloads are ids and codes of units; running one again changes nothing."""

from uuid import UUID

import procrastinate

from backend.officials.service import DIRECTORY_DONE
from backend.officials.upkeep import OfficialUpkeep
from foundation.database.retries import RETRY

FOLLOW = "organisations.follow"
"""Enqueued with `unit` (a code) by whoever makes, renames or ends a unit; tenancy knows the name alone."""


def register(app: procrastinate.App, upkeep: OfficialUpkeep) -> None:
    """Let the worker run this feature's jobs. Hours are UTC: 02:20 in Ha Noi is 19:20."""

    @app.task(name=DIRECTORY_DONE, retry=RETRY)
    async def directory_done(request: str) -> None:
        await upkeep.directory_done(UUID(request))

    @app.task(name=FOLLOW, retry=RETRY)
    async def follow(unit: str) -> None:
        await upkeep.follow(unit)

    @app.periodic(cron="20 19 * * *")
    @app.task(name="officials.disable_idle", queueing_lock="officials.disable_idle")
    async def disable_idle(timestamp: int) -> None:
        await upkeep.disable_idle()

    @app.periodic(cron="*/10 * * * *")
    @app.task(name="officials.forget_resets", queueing_lock="officials.forget_resets")
    async def forget_resets(timestamp: int) -> None:
        await upkeep.forget_resets()

    @app.periodic(cron="40 19 * * *")
    @app.task(name="officials.make_reviews", queueing_lock="officials.make_reviews")
    async def make_reviews(timestamp: int) -> None:
        await upkeep.make_reviews()

    @app.periodic(cron="0 1 * * 1")
    @app.task(name="officials.remind", queueing_lock="officials.remind")
    async def remind(timestamp: int) -> None:
        await upkeep.remind()
