"""Reports near a place, and following one instead of sending the same again."""

from dataclasses import replace
from typing import Any

import h3
from sqlalchemy import text

from backend.duplicates.errors import TooManyFollowed
from backend.duplicates.types import Followed, NearReport, followings_of
from backend.reports.types import ReportState, UnitRef
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import InvalidInput, NotFound
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal
from foundation.ids import parse_report_code
from foundation.places import checked_cell
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent
from foundation.texts import checked_label

MOST_FOLLOWED = 100
MAX_CATEGORY = 100
NEAR = AuditEvent("report.near", activity=Activity.READ)
FOLLOW = AuditEvent("report.follow", activity=Activity.CREATE)
UNFOLLOW = AuditEvent("report.unfollow", activity=Activity.DELETE)
_NEAR = """
SELECT code, ward_code, ward_name, state, body, created_at, following FROM duplicates.near($1, $2::bigint[])
"""
# A citizen's followings are changed one after the other: two at once would both be the hundredth.
_MINE = text("SELECT pg_advisory_xact_lock(4832, hashtext(:citizen))")
_FOLLOWABLE = text("SELECT duplicates.followable(:code)")
_COUNT = text("SELECT count(*) FROM duplicates.follower WHERE citizen_id = :citizen AND report_id <> :report")
_FOLLOW = text(
    """
    INSERT INTO duplicates.follower (report_id, citizen_id, followed_at) VALUES (:report, :citizen, :at)
    ON CONFLICT DO NOTHING
    """
)
_UNFOLLOW = text("SELECT duplicates.unfollow(:code)")


class FollowService:
    """What citizens do about reports of others. Nothing of it reaches beyond a report's public page."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def near(
        self, principal: CitizenPrincipal, category: str, latitude: float, longitude: float
    ) -> tuple[NearReport, ...]:
        """At most 20 released open reports of others in the point's H3 cell and its neighbours, newest first.

        Raises Forbidden, InvalidInput for a point outside the city.
        """
        async with self._database.read_scope(principal, NEAR) as scope:
            self._decide(principal, NEAR.action)
            cells = _around(latitude, longitude)
            rows = await scope.rows(_NEAR, checked_label("categoryCode", category, MAX_CATEGORY), cells)
        return tuple(
            NearReport(
                code=row["code"],
                ward=UnitRef(row["ward_code"], row["ward_name"]),
                state=ReportState(row["state"]),
                text=row["body"],
                created_at=row["created_at"],
                following=row["following"],
            )
            for row in rows
        )

    async def follow(self, principal: CitizenPrincipal, code: str, idempotency: Idempotency) -> Followed:
        """The citizen is told of the report's changes from now on; following it again changes nothing.

        Raises NotFound alike for what is absent, closed, not released or the citizen's own; Forbidden,
        InvalidInput, TooManyFollowed, IdempotencyMismatch.
        """

        async def write(work: UnitOfWork, parsed: str) -> None:
            report = (await work.connection.execute(_FOLLOWABLE, {"code": parsed})).scalar_one()
            if report is None:
                raise NotFound
            row = {"report": report, "citizen": principal.citizen_id, "at": self._clock.now()}
            if (await work.connection.execute(_COUNT, row)).scalar_one() >= MOST_FOLLOWED:
                raise TooManyFollowed(MOST_FOLLOWED)
            await work.connection.execute(_FOLLOW, row)

        return await self._change(principal, code, idempotency, FOLLOW, write)

    async def unfollow(self, principal: CitizenPrincipal, code: str, idempotency: Idempotency) -> Followed:
        """No news of it any more. Raises NotFound for what is not followed; else as `follow`."""

        async def write(work: UnitOfWork, parsed: str) -> None:
            if not (await work.connection.execute(_UNFOLLOW, {"code": parsed})).scalar_one():
                raise NotFound

        return await self._change(principal, code, idempotency, UNFOLLOW, write)

    async def _change(
        self, principal: CitizenPrincipal, code: str, idempotency: Idempotency, event: AuditEvent, write: Any
    ) -> Followed:
        async with self._database.unit_of_work(principal, event) as work:
            parsed = parse_report_code(code)
            work.intent = replace(event, resource=f"report:{parsed}")
            stored = await claim(work, idempotency, self._clock.now())
            if stored is not None:
                return Followed(stored["code"], stored["following"])
            policies = self._decide(principal, event.action)
            await work.connection.execute(_MINE, {"citizen": str(principal.citizen_id)})
            await write(work, parsed)
            done = Followed(parsed, following=event is FOLLOW)
            await keep(work, idempotency, {"code": done.code, "following": done.following})
            await work.record(replace(work.intent, policies=policies))
            await work.commit()
            return done

    def _decide(self, principal: CitizenPrincipal, action: str) -> tuple[str, ...]:
        resource = followings_of(principal.citizen_id)
        return self._policy.authorise(principal, action, resource, now=self._clock.now()).policies


def _around(latitude: float, longitude: float) -> list[int]:
    """The cell of a point and those around it. Raises InvalidInput."""
    cell = checked_cell(latitude, longitude)
    if cell is None:
        raise InvalidInput("latitude")
    return [h3.str_to_int(near) for near in h3.grid_disk(h3.int_to_str(cell), 1)]
