"""The jobs of channels: sending what is due, and forgetting what is too old."""

from datetime import timedelta

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued
from sqlalchemy import text

from backend.channels.deliveries import SEND, DeliveryService
from backend.channels.service import WINDOW
from foundation.clock import Clock
from foundation.database.database import Database

KEPT = timedelta(days=30)
_SWEEP = text("SELECT channels.sweep(:prints, :sent)")


def register(app: procrastinate.App, deliveries: DeliveryService, database: Database, clock: Clock) -> None:
    """Let the worker run them. Each may run twice or late without harm."""

    @app.task(name=SEND)
    async def send(channel: str) -> None:
        await deliveries.run(channel)

    @app.periodic(cron="* * * * * */5")
    @app.task(name="channels.wake", queueing_lock="channels.wake", pass_context=True)
    async def wake(context: procrastinate.JobContext, timestamp: int) -> None:
        for channel in await deliveries.due():
            task = context.app.configure_task(SEND, queueing_lock=f"{SEND}:{channel}")
            try:
                await task.defer_async(channel=channel)
            except AlreadyEnqueued:
                continue

    @app.periodic(cron="41 * * * *")
    @app.task(name="channels.sweep", queueing_lock="channels.sweep")
    async def sweep(timestamp: int) -> None:
        now = clock.now()
        async with database.unscoped() as connection:
            await connection.execute(_SWEEP, {"prints": now - 2 * WINDOW, "sent": now - KEPT})
