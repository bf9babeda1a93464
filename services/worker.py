"""The worker: `python -m services.worker --settings FILE`. Runs jobs; scales by copies."""

import argparse
import asyncio
import contextlib
import secrets
import signal
from pathlib import Path
from typing import Any

import procrastinate
import structlog

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from backend.changes import jobs as change_jobs
from backend.channels import jobs as channel_jobs
from backend.citizens import jobs as citizen_jobs
from backend.deadlines import jobs as deadline_jobs
from backend.deadlines.following import DeadlineFollowing
from backend.deadlines.reminding import DeadlineReminders
from backend.duplicates.jobs import FollowerNotices
from backend.ledger import totals as ledger_totals
from backend.media import jobs as media_jobs
from backend.media.store import store_of
from backend.notifications import jobs as notification_jobs
from backend.notifications.heads import HeadNotices
from backend.notifications.service import NotificationService
from backend.officials import jobs as official_jobs
from backend.officials.upkeep import OfficialUpkeep
from backend.privacy import copy_jobs
from backend.privacy import jobs as privacy_jobs
from backend.privacy.following import PrivacyFollowing
from backend.privacy.retention import Retention
from backend.reports import hand_over
from backend.statistics import jobs as statistics_jobs
from backend.statistics import publishing
from backend.work import export_jobs
from backend.work import jobs as work_jobs
from foundation import logs
from foundation.clock import SystemClock
from foundation.clock_watch import ClockWatch
from foundation.database.connections import for_psycopg
from foundation.database.database import Database
from foundation.directory_queue import DirectoryQueue
from foundation.health import Health
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from foundation.settings import DatabaseSettings, WorkerSettings, load
from services import housekeeping, probes
from services.channel_routes import deliveries_of
from services.citizens import upkeep_of
from services.disk_alarm import DiskAlarm
from services.job_metrics import calendar_sample, counted, queue_sample
from services.notices import sending_of
from services.observing import disks_of, observed
from services.work import export_jobs_of
from services.work import upkeep_of as work_upkeep_of

CONCURRENCY = 4
STOP_SECONDS = 20.0
HEARTBEAT_SECONDS = 5.0

log = structlog.get_logger()


def queue_of(settings: DatabaseSettings) -> procrastinate.App:
    """The queue as this role sees it. Tables lie in the schema `jobs`, on the role's search path."""

    async def password_of_now() -> dict[str, Any]:
        """Asked for each connection; the pool tries again by itself when one fails."""
        return for_psycopg(settings)

    connector = procrastinate.PsycopgConnector(
        kwargs=password_of_now, min_size=1, max_size=settings.pool_size
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
    following = DeadlineFollowing(database, policy, clock, new_uuid)
    heads = HeadNotices(database, policy, notifications, clock)
    reactions: dict[str, change_jobs.Reaction] = {
        "notifications": notifications.deliver,
        "heads": heads.follow,
        "followers": FollowerNotices(database, policy, notifications, clock).react,
        "deadlines": following.react,
    }
    if settings.channels is not None:
        deliveries = deliveries_of(settings.channels, database, policy, clock)
        reactions["channels"] = deliveries.announce
        channel_jobs.register(app, deliveries, database, clock)
    change_jobs.register(app, reactions, new_uuid)
    notification_jobs.register(app, sending_of(settings, database, policy, clock), new_uuid)
    hand_over.register(app, hand_over.HandOver(database, policy, clock, new_uuid))
    statistics_jobs.register(app, database)
    deadline_jobs.register(
        app,
        deadline_jobs.CalendarWatch(database, policy, clock, new_uuid),
        following,
        DeadlineReminders(database, policy, notifications, clock, new_uuid),
    )
    export_jobs.register(app, export_jobs_of(database, policy, clock))
    work_jobs.register(app, work_upkeep_of(database, policy, notifications, clock))
    publishing.register(app, publishing.Publisher(database, policy, clock, new_uuid))
    privacy_jobs.register(
        app,
        PrivacyFollowing(database, policy, notifications, clock, new_uuid),
        Retention(database, policy, clock, new_uuid),
    )
    copy_jobs.register(app, copy_jobs.CopyJobs(database, policy, notifications, clock, new_uuid))
    ledger_totals.register(app, ledger_totals.MonthTotals(database, policy, clock, new_uuid))
    housekeeping.register(app, settings, database, recorder, clock)
    if settings.media is not None:
        sweep = media_jobs.MediaSweep(database, store_of(settings.media), clock, new_uuid)
        media_jobs.register(app, sweep)
    if settings.directory_queue is not None:
        directory = DirectoryQueue.of(settings.directory_queue, clock, new_uuid)
        official_jobs.register(app, OfficialUpkeep(database, policy, directory, clock, new_uuid))
        citizens = upkeep_of(settings, database, policy, directory, clock)
        if citizens is not None:
            citizen_jobs.register(app, citizens)
    return app, database


async def run(settings: WorkerSettings) -> None:
    """Work until SIGTERM or SIGINT; jobs under way get 20 s to end, and who does not is given back."""
    app, database = compose(settings)
    counted(app)
    await database.open()
    health = health_of(settings, database)
    clock = ClockWatch(SystemClock(), probes.moment(lambda: database.pool))
    alarm = DiskAlarm(database, disks_of(settings), SystemClock(), new_uuid)
    samples = (
        queue_sample(database),
        calendar_sample(database, SystemClock()),
        database.sample,
        alarm.sample,
    )
    try:
        async with (
            app.open_async(),
            observed("worker", settings, health, samples=samples, clock=clock),
        ):
            log.info("worker_started", poll_seconds=settings.poll_seconds)
            work = asyncio.create_task(serve_while_right(app, settings, clock))
            stop_on_signals(health, work)
            with contextlib.suppress(asyncio.CancelledError):
                await work
    finally:
        await database.close()
        log.info("worker_stopped")


async def serve_while_right(app: procrastinate.App, settings: WorkerSettings, clock: ClockWatch) -> None:
    """`serve` while the clock is the database's: a job under a wrong one would sign and date wrongly.

    Jobs wait meanwhile; those under way end. Cancelling ends both.
    """
    while True:
        await clock.until(right=True)
        work = asyncio.create_task(serve(app, settings))
        wrong = asyncio.create_task(clock.until(right=False))
        try:
            await asyncio.wait([work, wrong], return_when=asyncio.FIRST_COMPLETED)
        finally:
            wrong.cancel()
            ended = work.done()
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
        if ended:
            return


async def serve(app: procrastinate.App, settings: WorkerSettings) -> None:
    """Fetch and run jobs until cancelled; then no more are fetched and those under way end."""
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
        install_signal_handlers=False,
    )


def stop_on_signals(health: Health, work: "asyncio.Task[None]") -> None:
    """SIGTERM and SIGINT: not ready from now on, and the work is asked to end."""

    def stop() -> None:
        health.drain()
        work.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)


def health_of(settings: WorkerSettings, database: Database) -> Health:
    """What it needs; without the scanner files wait, everything else goes on."""
    health = Health("worker")
    health.add("database", probes.database(lambda: database.pool))
    health.add("migrations", probes.migrated(lambda: database.pool, probes.head()))
    if settings.media is not None and settings.media.scanner_socket is not None:
        health.add("scanner", probes.scanner(settings.media.scanner_socket), needed=False)
    return health


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m services.worker")
    parser.add_argument("--settings", type=Path, required=True)
    arguments = parser.parse_args()
    logs.configure("worker")
    asyncio.run(run(load(arguments.settings, WorkerSettings)))


if __name__ == "__main__":
    main()
