"""What administrators see of channels, and what the operator of the city does about what did not arrive."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import text

from backend.administration.service import authorise_reading, register_resource
from backend.administration.types import Register
from backend.channels.deliveries import SEND
from backend.channels.types import (
    Channel,
    ChannelKind,
    ChannelState,
    Delivery,
    DeliveryState,
    ShownKey,
)
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.jobs import enqueue
from foundation.errors import InvalidInput
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.paging import Page, PageRequest, Position
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

MOST_RESENT = 100
_CHANNELS = """
SELECT code, kind, name, state, callback_url, zalo_app_id, rate_amount, rate_seconds, version
FROM channels.channel WHERE $1 ORDER BY code
"""
_KEYS = """
SELECT channel, purpose, from_at, until_at FROM channels.key
WHERE until_at IS NULL OR until_at > $1 ORDER BY channel, purpose, from_at
"""
_ROOT_READ = "SELECT id FROM tenancy.unit WHERE kind = $1 AND parent_id IS NULL"
_ROOT = text("SELECT id FROM tenancy.unit WHERE kind = 'city' AND parent_id IS NULL")
_DEAD = """
SELECT id, channel, report_code, version, report_state, attempts, fault, state, changed_at, ended_at
FROM channels.delivery WHERE state = 'dead' {position} ORDER BY ended_at DESC, id DESC LIMIT {limit}
"""
_FIRST = _DEAD.format(position="", limit="$1")
_AFTER = _DEAD.format(position="AND (ended_at, id) < ($1::timestamptz, $2::uuid)", limit="$3")
_RESEND = text(
    """
    UPDATE channels.delivery SET state = 'waiting', attempts = 0, next_at = :now, ended_at = NULL,
      resent_by = :who
    WHERE id = ANY(cast(:ids AS uuid[])) AND state = 'dead' RETURNING channel
    """
)


class ChannelQueries:
    """Reads and the operator's one change."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def channels(self, principal: OfficialPrincipal) -> tuple[Channel, ...]:
        """All channels with their keys in force, by code. Raises Forbidden."""
        now = self._clock.now()
        intent = AuditEvent("channel.list", activity=Activity.READ)
        async with self._database.read_scope(principal, intent) as scope:
            await authorise_reading(scope, self._policy, Register.CHANNELS, now)
            rows = await scope.rows(_CHANNELS, True)
            keys = await scope.rows(_KEYS, now)
        return tuple(
            Channel(
                code=row["code"],
                kind=ChannelKind(row["kind"]),
                name=row["name"],
                state=ChannelState(row["state"]),
                callback_url=row["callback_url"],
                zalo_app_id=row["zalo_app_id"],
                rate_amount=row["rate_amount"],
                rate_seconds=row["rate_seconds"],
                version=row["version"],
                keys=tuple(
                    ShownKey(key["purpose"], key["from_at"], key["until_at"])
                    for key in keys
                    if key["channel"] == row["code"]
                ),
            )
            for row in rows
        )

    async def dead(self, principal: OfficialPrincipal, page: PageRequest) -> Page[Delivery]:
        """Status changes that were given up, the last first. Raises Forbidden."""
        intent = AuditEvent("channel.deliveries", activity=Activity.READ)
        async with self._database.read_scope(principal, intent) as scope:
            root = await scope.row(_ROOT_READ, "city")
            if root is None:
                raise LookupError("the city has no root: reference data is missing")
            resource = register_resource(Register.CHANNELS, root["id"])
            self._policy.authorise(principal, "channel.deliveries", resource, now=self._clock.now())
            if page.after is None:
                rows = await scope.rows(_FIRST, page.first + 1)
            else:
                rows = await scope.rows(_AFTER, page.after.at, page.after.id, page.first + 1)
        shown = rows[: page.first]
        return Page(
            items=tuple(Delivery(**{**dict(row), "state": DeliveryState(row["state"])}) for row in shown),
            positions=tuple(Position(row["ended_at"], row["id"]) for row in shown),
            has_next=len(rows) > page.first,
        )

    async def resend(
        self, principal: OfficialPrincipal, deliveries: Sequence[UUID], idempotency: Idempotency
    ) -> int:
        """Send again what was given up; how many those are. Raises Forbidden, InvalidInput."""
        now = self._clock.now()
        intent = AuditEvent("channel.resend")
        async with self._database.unit_of_work(principal, intent) as work:
            root = (await work.connection.execute(_ROOT)).scalar_one()
            resource = register_resource(Register.CHANNELS, root)
            decision = self._policy.authorise(principal, intent.action, resource, now=now)
            if not 1 <= len(deliveries) <= MOST_RESENT:
                raise InvalidInput("deliveries")
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return int(stored["resent"])
            row = {"now": now, "who": principal.official_id, "ids": list(deliveries)}
            channels = (await work.connection.execute(_RESEND, row)).scalars().all()
            for channel in sorted(set(channels)):
                await enqueue(work, SEND, channel=channel)
            await keep(work, idempotency, {"resent": len(channels)})
            await work.record(replace(intent, policies=decision.policies))
            await work.commit()
            return len(channels)
