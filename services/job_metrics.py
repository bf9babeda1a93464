"""What the worker tells of its jobs: each run, and how the queue stands."""

import functools
import time
from collections.abc import Callable
from typing import Any

import procrastinate
from opentelemetry.trace import SpanKind
from sqlalchemy import text

from backend.deadlines.alarms import alarms_on
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.recording import Activity, AuditEvent
from foundation.telemetry import metrics, traces
from services.observing import Sample

NOWHERE = "0.0.0.0"  # noqa: S104 - a process has no network; nothing is bound to this
_CALENDAR_SECONDS = 60.0
_CONFIRMED = text("SELECT year FROM deadlines.year WHERE year >= :year")
_QUEUE = text(
    """
    SELECT count(*) FILTER (WHERE status = 'todo') AS todo,
           count(*) FILTER (WHERE status = 'doing') AS doing,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           coalesce(extract(epoch FROM clock_timestamp() - (
             SELECT min(coalesce(j.scheduled_at, e.at)) FROM jobs.procrastinate_jobs j
             LEFT JOIN LATERAL (
               SELECT min(v.at) AS at FROM jobs.procrastinate_events v WHERE v.job_id = j.id
             ) e ON true
             WHERE j.status = 'todo' AND (j.scheduled_at IS NULL OR j.scheduled_at <= clock_timestamp())
           )), 0)::float8 AS oldest
    FROM jobs.procrastinate_jobs WHERE status IN ('todo', 'doing', 'failed')
    """
)


def counted(app: procrastinate.App) -> None:
    """Count and trace each run of the tasks that the worker knows. Call it once, when all are registered."""
    metrics.TASKS.tell({name for name in app.tasks if not name.startswith("procrastinate.")})
    for name, task in app.tasks.items():
        task.func = _counted(name, task.func)


def _counted(name: str, run: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(run)
    async def counting(*arguments: Any, **named: Any) -> Any:
        label, outcome, began = metrics.TASKS.of(name), "failed", time.perf_counter()
        try:
            with traces.root("job", kind=SpanKind.CONSUMER, ioc_task=name):
                result = await run(*arguments, **named)
            outcome = "done"
            return result
        finally:
            metrics.JOBS.labels(label, outcome).inc()
            metrics.JOB_SECONDS.labels(label).observe(time.perf_counter() - began)

    return counting


def calendar_sample(database: Database, clock: Clock) -> Sample:
    """How many years there are whose days off nobody has confirmed; looked up once a minute."""
    looked_at = [-_CALENDAR_SECONDS]
    principal = SystemPrincipal(Origin("calendar-sample", NOWHERE), "calendar_watch")
    intent = AuditEvent("calendar.watch", activity=Activity.READ)

    async def sample_calendar() -> None:
        if time.monotonic() - looked_at[0] < _CALENDAR_SECONDS:
            return
        today = clock.now().astimezone(HANOI).date()
        async with database.unit_of_work(principal, intent) as work:
            rows = await work.connection.execute(_CONFIRMED, {"year": today.year})
            metrics.YEARS_MISSING.set(len(alarms_on(today, frozenset(rows.scalars()))))
        looked_at[0] = time.monotonic()

    return sample_calendar


def queue_sample(database: Database) -> Sample:
    """Jobs by state, and how long the oldest waits that could have run."""

    async def sample_queue() -> None:
        async with database.unscoped() as connection:
            row = (await connection.execute(_QUEUE)).one()
        for state in ("todo", "doing", "failed"):
            metrics.JOBS_IN_QUEUE.labels(state).set(getattr(row, state))
        metrics.JOBS_OLDEST.set(max(0.0, row.oldest))
        metrics.JOBS_READ.set_to_current_time()

    return sample_queue
