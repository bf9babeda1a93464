"""Sends deliveries. No way to send is there yet: a delivery is dropped, the inbox has the notice."""

from uuid import UUID

from sqlalchemy import text

from foundation.database.database import Database
from foundation.identity.principal import SystemPrincipal
from foundation.recording import Activity, AuditEvent

_DROP = text(
    "UPDATE notifications.delivery SET state = 'dropped' WHERE id = :id AND state = 'waiting' RETURNING true"
)


class DeliveryService:
    """Sends one delivery."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def send(self, principal: SystemPrincipal, delivery_id: UUID) -> None:
        """Send it, unless it is done."""
        event = AuditEvent("notification.drop", activity=Activity.UPDATE)
        async with self._database.unit_of_work(principal, event) as work:
            if (await work.connection.execute(_DROP, {"id": delivery_id})).scalar() is None:
                return
            await work.record(event)
            await work.commit()
