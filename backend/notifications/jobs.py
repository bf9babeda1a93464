"""Jobs of notifications. Payloads are ids; running one again changes nothing."""

from uuid import UUID

import procrastinate

from backend.notifications.service import NotificationService
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId

FAN_OUT = "reports.fan_out"
# About an hour in all; what still fails then stays in the queue as failed, and the log says so.
RETRY = procrastinate.RetryStrategy(max_attempts=10, exponential_wait=4)
NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this


def register(app: procrastinate.App, service: NotificationService, new_id: NewId) -> None:
    """Let the worker run this feature's jobs."""

    @app.task(name=FAN_OUT, retry=RETRY)
    async def fan_out(change_id: str) -> None:
        principal = SystemPrincipal(Origin(str(new_id()), NOWHERE), "fan_out")
        await service.deliver(principal, UUID(change_id))
