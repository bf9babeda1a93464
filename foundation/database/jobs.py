"""Enqueuing a job in the transaction of its cause, by plain SQL (procrastinate's own function)."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text

from foundation.database.unit_of_work import UnitOfWork

_DEFER = text(
    """
    SELECT unnest(jobs.procrastinate_defer_jobs_v1(ARRAY[
      row('default', cast(:task AS text), 0, null, null, cast(:arguments AS jsonb), cast(:at AS timestamptz))
    ]::jobs.procrastinate_job_to_defer_v1[]))
    """
)


async def enqueue(
    work: UnitOfWork, task: str, *, at: datetime | None = None, **ids: UUID | str | int
) -> None:
    """Enqueue `task` with ids as its only arguments: a payload is read by whoever runs the queue.

    With `at` it is run then, or as soon afterwards as a worker is free.
    """
    arguments = {name: str(value) if isinstance(value, UUID) else value for name, value in ids.items()}
    await work.connection.execute(
        _DEFER, {"task": task, "arguments": msgspec.json.encode(arguments).decode(), "at": at}
    )
