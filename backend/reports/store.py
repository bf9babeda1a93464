"""How the aggregate is locked and written: the report, its timeline, its change row and one job."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text

from backend.reports.models import ReportRow, TimelineRow
from backend.reports.sql import since_of
from backend.reports.types import ReportState, ReportStep, readers_of
from foundation.clock import HANOI
from foundation.database.jobs import enqueue
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import NotFound
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import NewId, is_unit_code
from foundation.vietnamese import words

FAN_OUT = "reports.fan_out"
MOST_RETURNS = 2
"""How often units may send a report to one and the same unit; the next time it goes to the level above."""

_SEEN = text(
    """
    SELECT report_id FROM reports.report_by_reader
    WHERE reader = ANY(cast(:readers AS uuid[])) AND code = :code LIMIT 1
    """
)
_PATH = text("SELECT code, tenancy.path_of(id) AS path FROM tenancy.unit WHERE id = :unit")
_TAKES_REPORTS = text(
    """
    SELECT id FROM tenancy.unit
    WHERE code = :code AND kind <> 'party' AND (ended_on IS NULL OR ended_on > :day)
    """
)
# As in backend/routing/service.py: no unit ends between here and the commit. A statement of its own, so that
# the next one sees what was committed meanwhile.
_UNITS_STAY = text("SELECT pg_advisory_xact_lock_shared(4801, 1)")
# Within the months that the closing's own entries lie in: the timeline is cut by months of its ids.
_RATED = text(
    """
    SELECT EXISTS (SELECT 1 FROM reports.timeline t WHERE t.report_id = :report AND t.id >= :since
      AND t.kind = 'rated' AND t.at >= :closed_at)
    """
)
_LEGAL_REASON = text(
    """
    SELECT closing_reason FROM reports.legal_reason
    WHERE code = :code AND from_day <= :day AND (until_day IS NULL OR until_day >= :day)
    """
)
# Of many codes: each is looked up as `_SEEN` looks up its own.
_SEEN_IDS = text(
    """
    SELECT asked.code, seen.report_id FROM unnest(cast(:codes AS text[])) asked(code) CROSS JOIN LATERAL (
      SELECT k.report_id FROM reports.report_by_reader k
      WHERE k.reader = ANY(cast(:readers AS uuid[])) AND k.code = asked.code LIMIT 1) seen
    """
)
_CITY_IDS = text("SELECT code, id AS report_id FROM reports.report WHERE code = ANY(cast(:codes AS text[]))")
_BEFORE_MERGING = text(
    """
    SELECT t.from_state FROM reports.timeline t WHERE t.report_id = :report AND t.id >= :since
      AND t.kind = 'merged' ORDER BY t.version DESC LIMIT 1
    """
)
_RETURNS = text(
    """
    SELECT (SELECT count(*) FROM reports.timeline t WHERE t.report_id = :report AND t.kind = 'forwarded'
        AND t.to_unit_id = :target) AS times,
      (SELECT u.parent_id FROM tenancy.unit u WHERE u.id = :handler) AS above
    """
)
_INDEX_WORDS = text("SELECT reports.index_words(:id, cast(:words AS text[]))")
_CHANGE = text(
    """
    INSERT INTO changes.change (id, kind, resource, version, at, units, citizen_id)
    VALUES (:id, :kind, :resource, :version, :at, :units, :citizen_id)
    """
)


@dataclass(frozen=True, slots=True)
class UnitPath:
    """A unit's code, and its id followed by those of every unit above it."""

    code: str
    path: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StepTaken:
    """One entry of the timeline to be: who took which step, from where to where."""

    step: ReportStep
    at: datetime
    actor_kind: str
    actor_id: UUID
    from_state: ReportState | None
    from_unit: int | None
    note: str | None
    stars: int | None = None


async def lock(work: UnitOfWork, code: str) -> ReportRow:
    """The report, locked until the unit of work ends; unlocked when it may be seen but not changed.

    Row-level security hides from FOR UPDATE what may not be updated; the policy, asked next, then
    refuses with a better answer than "not found". Raises NotFound for hidden and absent alike, after
    the same work: the code alone is looked up only by who sees every report.
    """
    principal = work.principal
    query = select(ReportRow).where(ReportRow.code == code)
    if not (isinstance(principal, OfficialPrincipal) and principal.city_level):
        seen = await work.connection.execute(_SEEN, {"code": code, "readers": list(readers_of(principal))})
        query = select(ReportRow).where(ReportRow.id == seen.scalar())
    report = (await work.session.scalars(query.with_for_update())).one_or_none()
    if report is None:
        report = (await work.session.scalars(query)).one_or_none()
    if report is None:
        raise NotFound
    return report


async def ids_of(work: UnitOfWork, codes: Sequence[str]) -> dict[str, UUID]:
    """The inner ids of reports that the principal sees, by code. Raises NotFound when one is missing."""
    principal = work.principal
    if isinstance(principal, OfficialPrincipal) and principal.city_level:
        found = await work.connection.execute(_CITY_IDS, {"codes": list(codes)})
    else:
        asked = {"codes": list(codes), "readers": list(readers_of(principal))}
        found = await work.connection.execute(_SEEN_IDS, asked)
    ids = {row.code: row.report_id for row in found}
    if len(ids) != len(set(codes)):
        raise NotFound
    return ids


async def state_before_merging(work: UnitOfWork, report: ReportRow) -> ReportState:
    """Where the merged report stood when it was merged the last time."""
    row = {"report": report.id, "since": since_of(report.id)}
    return ReportState((await work.connection.execute(_BEFORE_MERGING, row)).scalar_one())


async def is_rated(work: UnitOfWork, report: ReportRow, closed_at: datetime) -> bool:
    """Whether the citizen has rated what it was closed with then."""
    row = {"report": report.id, "since": since_of(report.id), "closed_at": closed_at}
    return bool((await work.connection.execute(_RATED, row)).scalar())


async def refusal_of(work: UnitOfWork, legal_reason: str, now: datetime) -> str | None:
    """The closing reason that a ground in force belongs to, None when there is no such ground."""
    row = {"code": legal_reason, "day": now.astimezone(HANOI).date()}
    found: str | None = (await work.connection.execute(_LEGAL_REASON, row)).scalar()
    return found


async def unit_path(work: UnitOfWork, unit_id: int) -> UnitPath:
    """The unit with all above it."""
    row = (await work.connection.execute(_PATH, {"unit": unit_id})).one()
    return UnitPath(row.code, tuple(row.path))


async def unit_that_takes_reports(work: UnitOfWork, code: str, now: datetime) -> int | None:
    """The inner id of an active unit of the city, None when there is no such one."""
    if not is_unit_code(code):
        return None
    await work.connection.execute(_UNITS_STAY)
    row = await work.connection.execute(_TAKES_REPORTS, {"code": code, "day": now.astimezone(HANOI).date()})
    unit: int | None = row.scalar()
    return unit


async def unit_after_returns(work: UnitOfWork, report: ReportRow, target: int) -> int:
    """`target`, or the unit above the handler when the report was sent to `target` often enough already.

    Two units that send a report to and fro do not agree; the level above, which is the city at last, decides.
    City level itself is not limited: it has nobody above.
    """
    principal = work.principal
    if isinstance(principal, OfficialPrincipal) and principal.city_level:
        return target
    asked = {"report": report.id, "target": target, "handler": report.handler_id}
    row = (await work.connection.execute(_RETURNS, asked)).one()
    return target if row.times < MOST_RETURNS or row.above is None else int(row.above)


async def write_step(work: UnitOfWork, report: ReportRow, taken: StepTaken, new_id: NewId) -> None:
    """Write the changed report, its timeline entry and change row, and enqueue the one fan-out job."""
    await work.session.flush()
    work.session.add(
        TimelineRow(
            id=new_id(),
            report_id=report.id,
            version=report.version,
            at=taken.at,
            kind=taken.step,
            from_state=taken.from_state,
            to_state=report.state,
            from_unit_id=taken.from_unit,
            to_unit_id=report.handler_id,
            actor_kind=taken.actor_kind,
            actor_id=taken.actor_id,
            note=taken.note,
            stars=taken.stars,
        )
    )
    await work.session.flush()
    change_id = new_id()
    # Whoever sees the report from now on: the trigger's `visible_units`, said once more for the feed.
    units = {
        report.handler_id,
        *report.participants,
        *([taken.from_unit] if taken.from_unit is not None else []),
    }
    await work.connection.execute(
        _CHANGE,
        {
            "id": change_id,
            "kind": f"report.{taken.step}",
            "resource": f"report:{report.code}",
            "version": report.version,
            "at": taken.at,
            "units": sorted(units),
            "citizen_id": report.citizen_id,
        },
    )
    await enqueue(work, FAN_OUT, change_id=change_id)


async def write_words(work: UnitOfWork, report: ReportRow) -> None:
    """Write what the new report is found by: the folded words of its text, its place and its code."""
    found = words(f"{report.body} {report.place} {report.code}")
    await work.connection.execute(_INDEX_WORDS, {"id": report.id, "words": list(found)})
