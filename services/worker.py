"""The worker: `python -m services.worker --settings FILE`. Runs jobs; scales by copies."""

import argparse
import asyncio
import secrets
from pathlib import Path

import procrastinate
import structlog

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from backend.media import jobs as media_jobs
from backend.media.store import store_of
from backend.notifications import jobs as notification_jobs
from backend.notifications.service import NotificationService
from foundation import logs
from foundation.clock import SystemClock
from foundation.database.connections import for_psycopg
from foundation.database.database import Database
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from foundation.settings import DatabaseSettings, WorkerSettings, load
from services import housekeeping

CONCURRENCY = 4
STOP_SECONDS = 20.0
HEARTBEAT_SECONDS = 5.0

log = structlog.get_logger()


def queue_of(settings: DatabaseSettings) -> procrastinate.App:
    """The queue as this role sees it. Tables lie in the schema `jobs`, on the role's search path."""
    connector = procrastinate.PsycopgConnector(
        kwargs=for_psycopg(settings), min_size=1, max_size=settings.pool_size
    )
    return procrastinate.App(connector=connector)


def compose(settings: WorkerSettings) -> tuple[procrastinate.App, Database]:
    """The queue with every task, and the database that the tasks write to."""
    clock = SystemClock()
    recorder = AuditRecorder(
        service=f"ioc-{settings.audit.log}",
        clock=clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        refusals=RefusalCounter(),
    )
    database = Database(settings.database, recorder)
    policy = PolicyEngine.load(settings.policies_folder)
    app = queue_of(settings.database)
    notifications = NotificationService(database, policy, clock, new_uuid)
    notification_jobs.register(app, notifications, new_uuid)
    housekeeping.register(app, settings, database, recorder, clock)
    if settings.media is not None:
        sweep = media_jobs.MediaSweep(database, store_of(settings.media), clock, new_uuid)
        media_jobs.register(app, sweep)
    return app, database


async def run(settings: WorkerSettings) -> None:
    """Work until SIGTERM or SIGINT; jobs under way get 20 s to end."""
    app, database = compose(settings)
    await database.open()
    try:
        async with app.open_async():
            log.info("worker_started", poll_seconds=settings.poll_seconds)
            await app.run_worker_async(
                name="worker",
                concurrency=CONCURRENCY,
                # No LISTEN: the notifying trigger is disabled, for it serialises commits.
                listen_notify=False,
                fetch_job_polling_interval=settings.poll_seconds,
                abort_job_polling_interval=settings.poll_seconds * 10,
                delete_jobs=procrastinate.jobs.DeleteJobCondition.SUCCESSFUL,
                shutdown_graceful_timeout=STOP_SECONDS,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=float(settings.stalled_after_seconds),
            )
    finally:
        await database.close()
        log.info("worker_stopped")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m services.worker")
    parser.add_argument("--settings", type=Path, required=True)
    arguments = parser.parse_args()
    logs.configure("worker")
    asyncio.run(run(load(arguments.settings, WorkerSettings)))


if __name__ == "__main__":
    main()
