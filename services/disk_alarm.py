"""A disk that is nearly full becomes an event: once, and once an hour while it stays so."""

from datetime import datetime, timedelta

from foundation.clock import Clock
from foundation.database.database import Database
from foundation.disks import Disks
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.recording import Activity, AuditEvent

AGAIN = timedelta(hours=1)
NOWHERE = "0.0.0.0"  # noqa: S104 - a process has no network; nothing is bound to this
NAME = "worker"


class DiskAlarm:
    """Tells the SOC of the worker's disks. What it told of is remembered by the process alone."""

    def __init__(self, database: Database, disks: Disks, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._disks = disks
        self._clock = clock
        self._new_id = new_id
        self._told: dict[str, datetime] = {}

    async def sample(self) -> None:
        """Look, and record what is new. Raises the database's error; then it is told at the next look."""
        low = self._disks.low()
        self._told = {name: at for name, at in self._told.items() if name in low}
        now = self._clock.now()
        for name in low:
            if name not in self._told or now - self._told[name] >= AGAIN:
                await self._record(name)
                self._told[name] = now

    async def _record(self, name: str) -> None:
        event = AuditEvent("operations.disk_low", activity=Activity.READ, resource=f"setting:disk_{name}")
        principal = SystemPrincipal(Origin(str(self._new_id()), NOWHERE), NAME)
        async with self._database.unit_of_work(principal, event) as work:
            await work.record(event)
            await work.commit()
