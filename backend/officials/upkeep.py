"""What the worker does with officials by the clock, and what it is told of the directory."""

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row, text

from backend.officials.service import DIRECTORY_DONE
from backend.officials.store import Noted, note_change
from backend.officials.types import account_resource, quarter_of
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.database.unit_of_work import UnitOfWork
from foundation.directory_queue import DirectoryQueue, Operation
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

IDLE = timedelta(days=45)
REVIEW_LIFE = timedelta(days=30)
"""How long a quarter's list may take."""
NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this
BATCH = 500
"""Of a list in one transaction, which may take 5 s."""
IDLE_JOB, REVIEW_JOB, FOLLOW_JOB = "officials_idle", "officials_review", "organisations_follow"

_IS_IDLE = """
  o.state IN ('invited', 'active')
  AND coalesce(o.last_active_day, o.activated_on, o.created_on) < cast(:day AS date)
  -- Back from a suspension: a whole term to sign in again.
  AND NOT EXISTS (SELECT FROM tenancy.official_change c WHERE c.official_id = o.id
                  AND c.kind IN ('reinstated', 'invited_again') AND c.at >= :moment)
"""
_IDLE = text(f"SELECT o.id FROM tenancy.official o WHERE {_IS_IDLE} ORDER BY o.id")  # noqa: S608 - a constant
# Apart from what is read next: a statement that has waited for the lock sees other tables as before its wait.
_LOCK = text("SELECT id FROM tenancy.official WHERE id = :id FOR UPDATE")
_LOCKED = text(
    f"""
    SELECT o.id, o.code, o.issuer, o.subject, o.state, o.version,
           tenancy.unit_code_of(o.unit_id) AS unit_code,
           tenancy.whole_path_of(o.unit_id) AS unit_path
    FROM tenancy.official o WHERE o.id = :id AND {_IS_IDLE}
    """  # noqa: S608 - a constant
)
_SUSPEND = text("UPDATE tenancy.official SET state = 'suspended', version = version + 1 WHERE id = :id")
_END_SESSIONS = text(
    """
    INSERT INTO identity.session_end (event_id, iss, sub, ended_at, cause)
    VALUES (:event_id, :iss, :sub, :at, 'official_idle')
    """
)
_UNLISTED = text(
    """
    SELECT o.id, o.unit_id, o.state, tenancy.whole_path_of(o.unit_id) AS unit_path FROM tenancy.official o
    WHERE o.state <> 'ended' AND o.unit_id IS NOT NULL AND o.created_on < cast(:day AS date)
      AND NOT EXISTS (SELECT FROM tenancy.review r WHERE r.quarter = :quarter AND r.official_id = o.id)
    ORDER BY o.id LIMIT :batch
    """
)
_LIST = text(
    """
    INSERT INTO tenancy.review (quarter, official_id, unit_id, due_on)
    VALUES (:quarter, :official_id, :unit_id, :due_on) ON CONFLICT DO NOTHING
    """
)
_OPEN = text(
    """
    SELECT tenancy.unit_code_of(o.unit_id) AS unit_code, count(*) AS number
    FROM tenancy.review r JOIN tenancy.official o ON o.id = r.official_id
    WHERE r.quarter = :quarter AND r.decision IS NULL AND o.state <> 'ended' GROUP BY 1 ORDER BY 1
    """
)
_ORGANISATION = text("SELECT name, ended FROM tenancy.organisation_of(:code, :day)")
_FORGET_RESETS = text("SELECT tenancy.forget_resets(:moment)")
_ENDED_REQUEST = text(
    "SELECT official_id, code, unit_code, version, operation, state, refusal"
    " FROM tenancy.ended_request(:request)"
)
# Without a target: one would have to be readable.
_TELL = text("INSERT INTO tenancy.told (what, subject) VALUES (:what, :subject) ON CONFLICT DO NOTHING")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Idle:
    """Who was last here before `day`, and has not been let in again since `moment`."""

    day: date
    moment: datetime


class OfficialUpkeep:
    """Every method may run twice or late without harm."""

    def __init__(
        self,
        database: Database,
        policy: PolicyEngine,
        directory: DirectoryQueue,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._database = database
        self._policy = policy
        self._directory = directory
        self._clock = clock
        self._new_id = new_id

    async def disable_idle(self) -> int:
        """Suspend who has not signed in for 45 days, or never took up an invitation; how many.

        Whose suspension fails keeps no other from it; the log says who. Raises an ExceptionGroup of these at
        the end: the job has failed, which is counted.
        """
        idle = Idle(self._today() - IDLE, self._clock.now() - IDLE)
        async with self._database.unscoped() as connection:
            found = (await connection.execute(_IDLE, asdict(idle))).scalars().all()
        suspended, faults = 0, []
        for official_id in found:
            try:
                suspended += await self._suspend(official_id, idle)
            except Exception as fault:
                log.exception("idle_not_suspended", official=str(official_id))
                faults.append(fault)
        if faults:
            raise ExceptionGroup("idle officials were not suspended", faults)
        return suspended

    async def make_reviews(self) -> int:
        """Put everybody on this quarter's list who was there when it began; how many are new on it."""
        listed = 0
        while added := await self._add_to_list():
            listed += added
        return listed

    async def _add_to_list(self) -> int:
        today = self._today()
        quarter, begun = quarter_of(today), _beginning_of_quarter(today)
        event = AuditEvent("official.list_review", activity=Activity.CREATE)
        async with self._database.unit_of_work(self._job(REVIEW_JOB), event) as work:
            given = {"quarter": quarter, "day": begun + timedelta(days=1), "batch": BATCH}
            rows = (await work.connection.execute(_UNLISTED, given)).all()
            if not rows:
                return 0
            for row in rows:
                resource = account_resource(row.id, tuple(row.unit_path), row.state)
                self._policy.authorise(work.principal, event.action, resource, now=self._clock.now())
            common = {"quarter": quarter, "due_on": begun + REVIEW_LIFE}
            entries = [{**common, "official_id": row.id, "unit_id": row.unit_id} for row in rows]
            await work.connection.execute(_LIST, entries)
            await work.record(event)
            await work.commit()
        return len(rows)

    async def remind(self) -> int:
        """Tell by an event which units still have open reviews, each once a week; how many."""
        quarter = quarter_of(self._today())
        async with self._database.unscoped() as connection:
            rows = (await connection.execute(_OPEN, {"quarter": quarter})).all()
        return sum([await self._remind(row, quarter) for row in rows])

    async def forget_resets(self) -> int:
        """Forget what officers' devices sent for resets that nobody confirmed in time; how many."""
        async with self._database.unscoped() as connection:
            found = await connection.execute(_FORGET_RESETS, {"moment": self._clock.now()})
        return int(found.scalar_one())

    async def follow(self, unit: str) -> None:
        """Let Keycloak's organisation follow a unit that was made, renamed or ended."""
        event = AuditEvent("organisation.follow", unit=unit)
        async with self._database.unit_of_work(self._job(FOLLOW_JOB), event) as work:
            found = await work.connection.execute(_ORGANISATION, {"code": unit, "day": self._today()})
            row = found.one_or_none()
            if row is None:
                raise LookupError("no such unit")
            parameters = {"name": row.name, "enabled": not row.ended}
            await self._directory.add(work, Operation.ORGANISATION_PUT, unit, parameters)
            await work.record(event)
            await work.commit()

    async def directory_done(self, request: UUID) -> None:
        """Note in the official's history and as an event what became of a request."""
        event = AuditEvent("official.follow")
        async with self._database.unit_of_work(self._job(FOLLOW_JOB), event) as work:
            row = (await work.connection.execute(_ENDED_REQUEST, {"request": request})).one_or_none()
            if row is None:
                raise LookupError(f"no request {request}")
            if row.state == "waiting":
                return
            if not await _is_new(work, "directory_done", str(request)):
                log.info("directory_told_before", request=str(request))
                return
            if row.state == "refused":
                log.error("directory_refused", operation=row.operation, official=row.code, code=row.refusal)
                noted = Noted("directory_refused", f"{row.operation}: {row.refusal}")
                await note_change(work, row.official_id, row.version, noted, self._new_id, self._clock.now())
            await work.record(
                AuditEvent(
                    f"{row.operation}.{row.state}",
                    resource=f"official:{row.code}",
                    unit=row.unit_code,
                )
            )
            await work.commit()

    async def _remind(self, row: Row[Any], quarter: str) -> bool:
        """Tell of one unit, unless that was done this week; whether it was told."""
        today = self._today()
        monday = today - timedelta(days=today.weekday())
        event = AuditEvent("official.remind_review", activity=Activity.READ, unit=row.unit_code)
        async with self._database.unit_of_work(self._job(REVIEW_JOB), event) as work:
            if not await _is_new(work, "review_reminded", f"{quarter} {row.unit_code} {monday}"):
                return False
            await work.record(event)
            await work.commit()
        log.warning("reviews_open", quarter=quarter, unit=row.unit_code, number=row.number)
        return True

    async def _suspend(self, official_id: UUID, idle: Idle) -> bool:
        """Suspend one, unless he has come back meanwhile; whether he was suspended."""
        event, now = AuditEvent("official.disable_idle"), self._clock.now()
        async with self._database.unit_of_work(self._job(IDLE_JOB), event) as work:
            await work.connection.execute(_LOCK, {"id": official_id})
            given = {"id": official_id, **asdict(idle)}
            row = (await work.connection.execute(_LOCKED, given)).one_or_none()
            if row is None:
                return False
            work.intent = replace(event, resource=f"official:{row.code}", unit=row.unit_code)
            resource = account_resource(row.id, tuple(row.unit_path or ()), row.state)
            decision = self._policy.authorise(work.principal, event.action, resource, now=now)
            await work.connection.execute(_SUSPEND, {"id": row.id})
            noted = Noted("suspended", "45 days without a sign-in")
            await note_change(work, row.id, row.version + 1, noted, self._new_id, now)
            if row.subject is not None:
                ended = {"event_id": f"officials:{self._new_id()}", "iss": row.issuer, "sub": row.subject}
                await work.connection.execute(_END_SESSIONS, {**ended, "at": now})
            await self._directory.add(work, Operation.OFFICIAL_DISABLE, row.code, {}, then=DIRECTORY_DONE)
            await work.record(replace(work.intent, policies=decision.policies))
            await work.commit()
        return True

    def _job(self, name: str) -> SystemPrincipal:
        return SystemPrincipal(Origin(str(self._new_id()), NOWHERE), name)

    def _today(self) -> date:
        return self._clock.now().astimezone(HANOI).date()


def _beginning_of_quarter(day: date) -> date:
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


async def _is_new(work: UnitOfWork, what: str, subject: str) -> bool:
    """Whether this was not told before. It is, once `work` is committed; who comes meanwhile waits."""
    told = await work.connection.execute(_TELL, {"what": what, "subject": subject})
    return told.rowcount == 1
