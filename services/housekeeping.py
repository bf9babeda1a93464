"""What the worker does by the clock: stalled jobs, counted refusals, old answers, next month's partitions."""

from datetime import timedelta

import procrastinate
import structlog
from sqlalchemy import text

from audit.recorder import AuditRecorder
from audit.refusals import flush
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import KEPT
from foundation.settings import WorkerSettings

MONTHS_AHEAD = 13

log = structlog.get_logger()


def register(
    app: procrastinate.App,
    settings: WorkerSettings,
    database: Database,
    recorder: AuditRecorder,
    clock: Clock,
) -> None:
    """Let the worker run the periodic tasks. Each may run twice or late without harm."""
    _register_queue(app, settings)
    _register_counters(app, database, recorder, clock)
    _register_tables(app, database, clock)


def _register_queue(app: procrastinate.App, settings: WorkerSettings) -> None:
    @app.periodic(cron="* * * * * */10")
    @app.task(
        name="housekeeping.rerun_stalled", queueing_lock="housekeeping.rerun_stalled", pass_context=True
    )
    async def rerun_stalled(context: procrastinate.JobContext, timestamp: int) -> None:
        # A killed worker's jobs stay "doing" for ever unless somebody puts them back.
        manager = context.app.job_manager
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=settings.stalled_after_seconds):
            log.warning("job_rerun", task=job.task_name, job=job.id)
            await manager.retry_job(job)


def _register_counters(
    app: procrastinate.App, database: Database, recorder: AuditRecorder, clock: Clock
) -> None:
    @app.periodic(cron="* * * * *")
    @app.task(name="housekeeping.count_refusals", queueing_lock="housekeeping.count_refusals")
    async def count_refusals(timestamp: int) -> None:
        async with database.unscoped() as connection:
            await flush(connection, recorder, clock)

    @app.periodic(cron="* * * * *")
    @app.task(name="housekeeping.sweep_limits", queueing_lock="housekeeping.sweep_limits")
    async def sweep_limits(timestamp: int) -> None:
        async with database.unscoped() as connection:
            await connection.execute(text("SELECT limits.sweep()"))


def _register_tables(app: procrastinate.App, database: Database, clock: Clock) -> None:
    @app.periodic(cron="17 * * * *")
    @app.task(name="housekeeping.forget", queueing_lock="housekeeping.forget")
    async def forget(timestamp: int) -> None:
        older_than = clock.now() - KEPT - timedelta(hours=1)
        async with database.unscoped() as connection:
            await connection.execute(text("SELECT platform.forget_answers(:than)"), {"than": older_than})
            await connection.execute(text("SELECT devices.sweep()"))
            await connection.execute(text("SELECT notifications.sweep(:now)"), {"now": clock.now()})

    @app.periodic(cron="23 3 * * *")
    @app.task(name="housekeeping.partitions", queueing_lock="housekeeping.partitions")
    async def partitions(timestamp: int) -> None:
        today = clock.now().date()
        async with database.unscoped() as connection:
            await connection.execute(
                text("SELECT platform.ensure_all_partitions(:day, :months)"),
                {"day": today, "months": MONTHS_AHEAD},
            )
            await connection.execute(
                text("SELECT audit.ensure_partitions(:months)"), {"months": MONTHS_AHEAD}
            )
