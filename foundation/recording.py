"""The seam between what happens and the audit log. `audit` implements it; nothing else does."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.errors import Refusal
from foundation.identity.principal import Principal


class EventClass(IntEnum):
    """OCSF 1.8 classes in use."""

    AUTHENTICATION = 3002
    API_ACTIVITY = 6003
    DATASTORE_ACTIVITY = 6005


class Activity(IntEnum):
    """OCSF activities of API Activity (6003); Authentication has LOGON = 1 and LOGOFF = 2."""

    CREATE = 1
    READ = 2
    UPDATE = 3
    DELETE = 4


LOGON = 1
LOGOFF = 2


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """What happened, without a name, a number, a text or an exact place.

    `action` is a stable verb ("report.accept"); `resource` is "kind:code"; `unit` a unit code;
    `purpose` a code, never free text; `case` a case number.
    """

    action: str
    event_class: EventClass = EventClass.API_ACTIVITY
    activity: int = Activity.UPDATE
    resource: str | None = None
    unit: str | None = None
    policies: tuple[str, ...] = ()
    purpose: str | None = None
    case: str | None = None
    others: tuple[str, ...] = ()
    """Further resources of the same deed, as of a list that was read; each "kind:code", beside `resource`."""


class Recorder(Protocol):
    """Writes audit events. A failure raises, so that the effect does not happen either."""

    async def record(self, connection: AsyncConnection, principal: Principal, event: AuditEvent) -> None:
        """Record `event` as allowed, in the transaction of its effect."""
        ...

    async def record_refusal(
        self, connection: AsyncConnection, principal: Principal, event: AuditEvent, refusal: Refusal
    ) -> None:
        """Record that `event` was refused. `connection` is a transaction of its own, after the rollback."""
        ...
