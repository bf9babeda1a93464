"""The job that sends a delivery. Its payload is the delivery's id."""

from typing import Protocol
from uuid import UUID

import procrastinate

from backend.notifications.service import SEND
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId

NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this
RETRY = procrastinate.RetryStrategy(max_attempts=10, exponential_wait=4)


class Sender(Protocol):
    """Sends one delivery; sending it again when it is done does nothing."""

    async def send(self, principal: SystemPrincipal, delivery_id: UUID) -> None: ...


def register(app: procrastinate.App, sender: Sender, new_id: NewId) -> None:
    """Let the worker send."""

    @app.task(name=SEND, retry=RETRY)
    async def send(delivery_id: str) -> None:
        principal = SystemPrincipal(Origin(str(new_id()), NOWHERE), "notifications")
        await sender.send(principal, UUID(delivery_id))
