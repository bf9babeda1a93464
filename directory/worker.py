"""The loop: one request after the other, one at a time for each target, until each is done or refused."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from uuid import UUID

import asyncpg
import structlog
from opentelemetry.trace import SpanKind
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from directory import store as rows
from directory.checks import CHECKED, Entitlement
from directory.errors import Delayed, Forged, GivenUp, Refused, UnknownTarget
from directory.operations import Result, Task
from directory.requests import Request, Row, Signers
from directory.store import Store
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.jobs import enqueue
from foundation.directory_queue import LEFT_FOR, NUMBER_LEFT, Operation
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import is_unit_code
from foundation.recording import Activity, AuditEvent
from foundation.telemetry import metrics, traces

NAME = "directory"
NOWHERE = "0.0.0.0"  # noqa: S104 - a process has no network; nothing is bound to this
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=5)
LATE_SECONDS = 10.0
_DATABASE = (asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError, OSError, TimeoutError)
_ACTIVITIES: Mapping[str, Activity] = {
    Operation.OFFICIAL_CREATE: Activity.CREATE,
    Operation.CITIZEN_DELETE: Activity.DELETE,
}
_OFFICIAL = re.compile(r"[0-9A-HJKMNP-TV-Z]{16}")

log = structlog.get_logger()


class Worker:
    """Does what is asked. Several may run: a target's lock is held by one of them."""

    def __init__(
        self,
        *,
        store: Store,
        database: Database,
        signers: Signers,
        entitlement: Entitlement,
        operations: Mapping[Operation, Callable[[Task], Awaitable[Result]]],
        clock: Clock,
        alarm_after: timedelta,
    ) -> None:
        self._store = store
        self._database = database
        self._signers = signers
        self._entitlement = entitlement
        self._operations = operations
        self._clock = clock
        self._alarm_after = alarm_after

    async def work_until(self, stop: asyncio.Event, poll_seconds: float) -> None:
        """`step` until told to stop: what is under way then is done first."""
        while not stop.is_set():
            try:
                busy = await self.step()
            except _DATABASE as error:
                log.warning("requests_unreadable", fault=type(error).__name__)
                busy = False
            if not busy:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), poll_seconds)

    async def watch_forever(self) -> None:
        """`alarm` until cancelled."""
        while True:
            try:
                await self.alarm()
            except _DATABASE as error:
                log.warning("requests_unreadable", fault=type(error).__name__)
            await asyncio.sleep(LATE_SECONDS)

    async def sample(self) -> None:
        """Tell the metrics how the queue stands."""
        states, oldest = await self._store.standing()
        for state in ("waiting", "done", "refused"):
            metrics.DIRECTORY_REQUESTS.labels(state).set(states.get(state, 0))
        metrics.DIRECTORY_OLDEST.set(oldest)
        metrics.DIRECTORY_READ.set_to_current_time()

    async def step(self) -> bool:
        """Take up one request; whether there was one."""
        async with self._store.claimed() as row:
            if row is None:
                return False
            with (
                structlog.contextvars.bound_contextvars(request=str(row.id), operation=row.operation),
                traces.root("directory request", kind=SpanKind.CONSUMER, ioc_action=row.operation),
            ):
                try:
                    await self._take_up(row)
                except Exception:
                    # Whatever the row brings about, be it a fault of the database: it ends no process, and
                    # the others have their turn. With the database away this raises, too, and all wait.
                    metrics.DIRECTORY_FAULTS.inc()
                    log.exception("request_failed")
                    await self._put_off(row, "fault")
            return True

    async def alarm(self) -> int:
        """Tell by an event and in the log of each request that waits too long, once; how many."""
        late = await self._store.late(self._alarm_after)
        for each in late:
            event = AuditEvent("directory.wait", activity=Activity.READ, resource=f"request:{each.id}")
            async with self._database.unit_of_work(_principal(each.id), event) as work:
                await rows.alarmed(work, each.id)
                await work.record(event)
                await work.commit()
            log.error("request_waits", request=str(each.id), operation=each.operation)
        return len(late)

    async def _take_up(self, row: Row) -> None:
        if row.give_up:
            await self._refuse(row, self._signed(row), GivenUp())
            return
        request: Request | None = None
        try:
            request = self._signers.verified(row, self._clock.now())
            result = await self._done(request)
        except Delayed as delay:
            await self._put_off(row, delay.fault)
        except Refused as refusal:
            await self._refuse(row, request, refusal)
        else:
            await self._finish(row, request, result)

    def _signed(self, row: Row) -> Request | None:
        """What was signed; None when that can't be told, whyever: an operator's word needs no good row.

        Even what is given up is told to nobody whom the signature does not name.
        """
        try:
            return self._signers.verified(row, self._clock.now())
        except Exception as error:
            log.warning("request_unreadable", fault=type(error).__name__)
            return None

    async def _put_off(self, row: Row, fault: str) -> None:
        pause = min(FIRST_PAUSE * 2 ** min(row.attempts, 16), LONGEST_PAUSE)
        await self._store.put_off(row.id, fault, pause)
        log.warning("request_delayed", fault=fault, next_try_seconds=pause.total_seconds())

    async def _done(self, request: Request) -> Result:
        run = self._operations.get(request.operation)
        if run is None:
            raise Forged
        done = await self._store.steps(request.id)

        async def step(name: str, do: Callable[[], Awaitable[str | None]]) -> str | None:
            if name not in done:
                done[name] = await do()
                await self._store.note_step(request.id, name, done[name])
            return done[name]

        async def check() -> None:
            await self._entitlement.check(request)

        await step(CHECKED, check)
        return await run(Task(request, step))

    async def _finish(self, row: Row, request: Request, result: Result) -> None:
        event = _event_of(row)
        async with self._database.unit_of_work(_principal(row.id), event) as work:
            if not await rows.end(work, row.id, "done", None, result):
                return
            if request.then is not None:
                await enqueue(work, request.then, request=row.id)
            if LEFT_FOR in result:
                # Not by the asker's `then`: it may be the asker who has something to hide.
                await enqueue(work, NUMBER_LEFT, request=row.id)
            await work.record(event)
            await work.commit()
        metrics.DIRECTORY_DONE.labels("done").inc()
        log.info("request_done")

    async def _refuse(self, row: Row, request: Request | None, refusal: Refused) -> None:
        principal, event = _principal(row.id), _event_of(row)
        async with self._database.unit_of_work(principal, event) as work:
            if not await rows.end(work, row.id, "refused", refusal.code, {}):
                return
            if request is not None and request.then is not None:
                await enqueue(work, request.then, request=row.id)
            await work.record_refused(event, refusal)
            await work.commit()
        metrics.DIRECTORY_DONE.labels("refused").inc()
        log.error("request_refused", code=refusal.code)


class Creations:
    """Tells tenancy which account an official has, with its event."""

    def __init__(self, database: Database, issuer: str) -> None:
        self._database = database
        self._issuer = issuer

    async def note(self, code: str, subject: str) -> None:
        """Note it; the same again changes nothing. Raises UnknownTarget for who has another account."""
        event = AuditEvent("directory.link", resource=f"official:{code}")
        async with self._database.unit_of_work(
            SystemPrincipal(Origin(subject, NOWHERE), NAME), event
        ) as work:
            try:
                await rows.official_created(work, code, self._issuer, subject)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) == "P0002":
                    raise UnknownTarget from error
                raise
            await work.record(event)
            await work.commit()


def _principal(request: UUID) -> SystemPrincipal:
    return SystemPrincipal(Origin(str(request), NOWHERE), NAME)


def _event_of(row: Row) -> AuditEvent:
    """What is recorded. A target that could be anything but a code is told by the request's own name."""
    area = row.operation.partition(".")[0]
    resource, unit = f"request:{row.id}", None
    if area == "official" and _OFFICIAL.fullmatch(row.target):
        resource = f"official:{row.target}"
    elif area == "organisation" and is_unit_code(row.target):
        resource, unit = f"unit:{row.target}", row.target
    return AuditEvent(
        f"directory.{row.operation}",
        activity=_ACTIVITIES.get(row.operation, Activity.UPDATE),
        resource=resource,
        unit=unit,
    )
