"""Jobs of citizens' accounts. Payloads are ids; running one again changes nothing."""

from uuid import UUID

import procrastinate

from backend.citizens.messages import SEND
from backend.citizens.recoveries import RECOVERY_DONE
from backend.citizens.upkeep import DELETION_DONE, CitizenUpkeep
from foundation.database.retries import RETRY, WHILE_FRESH
from foundation.directory_queue import NUMBER_LEFT


def register(app: procrastinate.App, upkeep: CitizenUpkeep) -> None:
    """Let the worker run this feature's jobs."""

    @app.task(name=SEND, retry=WHILE_FRESH)
    async def send_sms(message: str) -> None:
        await upkeep.send_sms(UUID(message))

    @app.task(name=RECOVERY_DONE, retry=RETRY)
    async def recovery_done(request: str) -> None:
        await upkeep.recovery_done(UUID(request))

    @app.task(name=NUMBER_LEFT, retry=RETRY)
    async def number_left(request: str) -> None:
        await upkeep.number_left(UUID(request))

    @app.task(name=DELETION_DONE, retry=RETRY)
    async def deletion_done(request: str) -> None:
        await upkeep.deletion_done(UUID(request))

    @app.periodic(cron="*/10 * * * *")
    @app.task(name="citizens.upkeep", queueing_lock="citizens.upkeep")
    async def keep_up(timestamp: int) -> None:
        await upkeep.move_numbers()
        await upkeep.delete_due()
        await upkeep.forget_deleted()
        await upkeep.sweep()
