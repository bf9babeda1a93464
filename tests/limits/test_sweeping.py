"""The worker removes what is paid back."""

import asyncio
import secrets
from pathlib import Path

import procrastinate
from procrastinate.testing import InMemoryConnector

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from foundation.clock import SystemClock
from foundation.database.database import Database as ServiceDatabase
from foundation.ids import new_uuid
from foundation.limits.limiter import Limit, Limiter
from foundation.settings import AuditSettings, Rate, WorkerSettings
from services.housekeeping import register
from tests.conftest import Database
from tests.limits.hammer import pool_of


async def test_worker_sweeps_each_minute(database: Database) -> None:
    settings = WorkerSettings(
        environment="production",
        database=database.settings("backend_worker"),
        audit=AuditSettings(log="backend"),
        policies_folder=Path("policies/backend"),
    )
    clock = SystemClock()
    recorder = AuditRecorder(
        service="ioc-backend",
        clock=clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        refusals=RefusalCounter(),
    )
    app = procrastinate.App(connector=InMemoryConnector())
    worker = ServiceDatabase(settings.database, recorder)
    register(app, settings, worker, recorder, clock)
    pool = await pool_of(database.settings(database.superuser, pool_size=1))
    await Limiter(pool).take(Limit("quick", Rate(amount=1_000_000, seconds=1)), "somebody")
    await asyncio.sleep(0.01)

    await app.tasks["housekeeping.sweep_limits"](0)
    rows = await pool.fetchval("SELECT count(*) FROM limits.bucket")
    await pool.close()
    await worker.close()
    crons = {name: periodic.cron for (name, _), periodic in app.periodic_registry.periodic_tasks.items()}
    assert (rows, crons["housekeeping.sweep_limits"]) == (0, "* * * * *")
