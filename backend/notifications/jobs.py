"""The job that sends a delivery. Its payload is the delivery's id."""

from typing import Protocol
from uuid import UUID

import procrastinate

from backend.notifications.service import SEND
from foundation.database.retries import RETRY
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId

NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this


class Sender(Protocol):
    """backend.notifications.sending.DeliveryService."""

    async def send(self, principal: SystemPrincipal, delivery_id: UUID) -> None: ...

    async def rescue(self, principal: SystemPrincipal) -> int: ...


def register(app: procrastinate.App, sender: Sender, new_id: NewId) -> None:
    """Let the worker send, and look once an hour for what no job sends."""

    def principal() -> SystemPrincipal:
        return SystemPrincipal(Origin(str(new_id()), NOWHERE), "notifications")

    @app.task(name=SEND, retry=RETRY)
    async def send(delivery_id: str) -> None:
        await sender.send(principal(), UUID(delivery_id))

    @app.periodic(cron="41 * * * *")
    @app.task(name="notifications.rescue", queueing_lock="notifications.rescue")
    async def rescue(timestamp: int) -> None:
        await sender.rescue(principal())
