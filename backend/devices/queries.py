"""A person's own sessions and devices, newest first."""

from typing import Any

from backend.devices import sql
from backend.devices.types import (
    LONGEST_SESSION,
    Device,
    DeviceState,
    NetworkKind,
    Owner,
    Session,
    device_resource,
    owner_id,
    sessions_resource,
)
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.paging import Page, PageRequest, Position
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent


class DeviceQueries:
    """Reads of the feature."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def sessions(self, principal: Owner, page: PageRequest) -> Page[Session]:
        """Sessions that have not ended, by their first use. Raises Forbidden."""
        intent = AuditEvent("session.read", activity=Activity.READ)
        now, session = self._clock.now(), principal.session
        whose = (owner_id(principal), session.jkt, session.sid, now - LONGEST_SESSION, session.iss)
        async with self._database.read_scope(principal, intent) as scope:
            self._policy.authorise(principal, "session.read", sessions_resource(principal), now=now)
            if page.after is None:
                rows = await scope.rows(sql.SESSIONS, *whose, page.first + 1)
            else:
                after = (page.after.at, page.after.id)
                rows = await scope.rows(sql.SESSIONS_AFTER, *whose, *after, page.first + 1)
        shown = rows[: page.first]
        return Page(
            items=tuple(_session_of(row) for row in shown),
            positions=tuple(Position(row["session_first_use_at"], row["session_id"]) for row in shown),
            has_next=len(rows) > page.first,
        )

    async def devices(self, principal: Owner, page: PageRequest) -> Page[Device]:
        """Devices, lost ones too, by their first use. Raises Forbidden."""
        intent = AuditEvent("device.read", activity=Activity.READ)
        whose = (owner_id(principal), principal.session.jkt)
        async with self._database.read_scope(principal, intent) as scope:
            if page.after is None:
                rows = await scope.rows(sql.DEVICES, *whose, page.first + 1)
            else:
                after = (page.after.at, page.after.id)
                rows = await scope.rows(sql.DEVICES_AFTER, *whose, *after, page.first + 1)
            shown = rows[: page.first]
            devices = tuple(device_of(row) for row in shown)
            now = self._clock.now()
            for device in devices:
                resource = device_resource(principal, device.thumbprint, device.state)
                self._policy.authorise(principal, "device.read", resource, now=now)
        return Page(
            items=devices,
            positions=tuple(Position(row["first_use_at"], row["id"]) for row in shown),
            has_next=len(rows) > page.first,
        )


def device_of(row: Any) -> Device:
    """The device in a row's columns, whichever driver read it."""
    return Device(
        thumbprint=row["jkt"],
        name=row["name"],
        app=row["app"],
        version=row["version"],
        platform=row["platform"],
        first_used_at=row["first_use_at"],
        last_used_at=row["last_use_at"],
        network=NetworkKind(row["network"]),
        state=DeviceState.ENROLLED if row["lost_at"] is None else DeviceState.LOST,
        current=row["current"],
    )


def _session_of(row: Any) -> Session:
    return Session(
        id=row["session_id"],
        level=row["acr"],
        started_at=row["started_at"],
        last_used_at=row["session_last_use_at"],
        network=NetworkKind(row["session_network"]),
        current=row["session_current"],
        device=device_of(row),
    )
