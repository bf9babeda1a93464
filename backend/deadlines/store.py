"""Clocks as they lie in the database: locked with their report, written as reckoned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from backend.deadlines.clocks import Reckoned
from backend.deadlines.stages import Stage, plan_of
from backend.deadlines.types import ClockKind
from foundation.database.unit_of_work import UnitOfWork

_FOLLOW = text("INSERT INTO deadlines.followed (report_id) VALUES (:report) ON CONFLICT DO NOTHING")
_LOCK = text("SELECT urgency FROM deadlines.followed WHERE report_id = :report FOR UPDATE")
_CLOCKS = text(
    """
    SELECT kind, round, unit_id, rule_set, rule, urgency, calendar, allowed_minutes, started_at, due_at,
      paused_since, paused_until, waited, stopped_at, late, stage, next_at
    FROM deadlines.clock WHERE report_id = :report
    """
)
_INSERT = text(
    """
    INSERT INTO deadlines.clock (report_id, kind, round, unit_id, rule_set, rule, urgency, calendar,
      allowed_minutes, started_at, due_at, paused_since, paused_until, waited, stopped_at, late, stage,
      next_at)
    VALUES (:report, :kind, :round, :unit_id, :rule_set, :rule, :urgency, :calendar, :allowed_minutes,
      :started_at, :due_at, :paused_since, :paused_until, :waited, :stopped_at, :late, :stage, :next_at)
    """
)
_UPDATE = text(
    """
    UPDATE deadlines.clock SET unit_id = :unit_id, rule_set = :rule_set, rule = :rule, urgency = :urgency,
      calendar = :calendar, allowed_minutes = :allowed_minutes, started_at = :started_at, due_at = :due_at,
      paused_since = :paused_since, paused_until = :paused_until, waited = :waited,
      stopped_at = :stopped_at, late = :late, stage = :stage, next_at = :next_at
    WHERE report_id = :report AND kind = :kind AND round = :round
    """
)
_TAKE_AWAY = text(
    """
    DELETE FROM deadlines.clock
    WHERE report_id = :report AND kind = :kind AND round = :round AND stopped_at IS NULL
    """
)


@dataclass(frozen=True, slots=True)
class Moved:
    """A clock that was written. `reached`: the stage whose moment has come; `said`: what was said before."""

    clock: Reckoned
    new: bool
    due_before: datetime | None
    said: Stage
    reached: Stage


async def follow(work: UnitOfWork, report_id: UUID) -> None:
    """Make sure that the report is followed. The worker's alone."""
    await work.connection.execute(_FOLLOW, {"report": report_id})


async def lock(work: UnitOfWork, report_id: UUID) -> str | None:
    """Lock the report's clocks until the unit of work ends; its urgency, None when it is not followed."""
    urgency: str | None = (await work.connection.execute(_LOCK, {"report": report_id})).scalar()
    return urgency


async def write(
    work: UnitOfWork, report_id: UUID, reckoned: Iterable[Reckoned], now: datetime, *, said: bool = False
) -> Sequence[Moved]:
    """Write what differs; a clock that has stopped stays. Needs `lock`.

    With `said` the caller says now what is due to be said, and each clock's stage becomes what it reached.
    """
    rows = (await work.connection.execute(_CLOCKS, {"report": report_id})).mappings().all()
    there = {(ClockKind(row["kind"]), row["round"]): row for row in rows}
    moved = []
    for clock in reckoned:
        before = there.get((clock.kind, clock.round))
        if before is not None and before["stopped_at"] is not None:
            continue
        one, row = _row(clock, before, now, said)
        if before is not None and all(before[name] == value for name, value in row.items()):
            continue
        key = {"report": report_id, "kind": clock.kind, "round": clock.round}
        await work.connection.execute(_INSERT if before is None else _UPDATE, {**key, **row})
        moved.append(one)
    return moved


async def take_away(work: UnitOfWork, report_id: UUID, reckoned: Iterable[Reckoned]) -> int:
    """Remove running clocks that are owed no more, as of a merged report; how many. The worker's alone."""
    owed = {(clock.kind, clock.round) for clock in reckoned}
    rows = (await work.connection.execute(_CLOCKS, {"report": report_id})).mappings().all()
    gone = [
        {"report": report_id, "kind": row["kind"], "round": row["round"]}
        for row in rows
        if row["stopped_at"] is None and (ClockKind(row["kind"]), row["round"]) not in owed
    ]
    if gone:
        await work.connection.execute(_TAKE_AWAY, gone)
    return len(gone)


def _row(clock: Reckoned, before: Any, now: datetime, said: bool) -> tuple[Moved, dict[str, Any]]:
    """The columns of a clock at a moment, but for its key."""
    plan = plan_of(clock)
    reached = plan.reached(now)
    earlier = Stage(0 if before is None else before["stage"])
    # A deadline that moved away is warned of again when it comes near again.
    stage = reached if said else min(earlier, reached)
    running = clock.stopped_at is None
    pause = clock.pause if running and clock.pause is not None and clock.pause[1] > now else None
    ahead = [moment for moment in (plan.next_after(stage), pause[1] if pause else None) if moment]
    row = {
        "unit_id": clock.unit,
        "rule_set": clock.terms.rule_set,
        "rule": clock.terms.rule.code,
        "urgency": clock.urgency.value,
        "calendar": clock.terms.rule.calendar,
        "allowed_minutes": int(clock.allowed.total_seconds()) // 60,
        "started_at": clock.started_at,
        "due_at": clock.due_at,
        "paused_since": None if pause is None else pause[0],
        "paused_until": None if pause is None else pause[1],
        "waited": [moment for span in clock.waited for moment in span],
        "stopped_at": clock.stopped_at,
        "late": clock.due_at <= now if running else clock.overran,
        "stage": stage.value,
        "next_at": min(ahead, default=None) if running else None,
    }
    due_before = None if before is None else before["due_at"]
    return Moved(clock, before is None, due_before, earlier, reached), row
