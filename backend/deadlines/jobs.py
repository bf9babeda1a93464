"""Jobs: warnings and escalations each minute, the look at days off each day, and after calendars changed."""

import procrastinate
import structlog
from sqlalchemy import text

from backend.administration.service import register_resource
from backend.administration.types import Register
from backend.deadlines.alarms import alarms_on
from backend.deadlines.following import DeadlineFollowing
from backend.deadlines.reminding import DeadlineReminders
from backend.deadlines.service import RECKON_ALL
from backend.deadlines.types import CalendarAlarm
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.database.retries import RETRY
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

WATCH, REMIND = "deadlines.watch", "deadlines.remind"
NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this

_ROOT = text("SELECT id FROM tenancy.unit WHERE kind = :city AND parent_id IS NULL")
_CONFIRMED = text("SELECT year FROM deadlines.year WHERE year >= :year")

log = structlog.get_logger()


class CalendarWatch:
    """Raises the alarm: an event and a line in the log for each year that is missing."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def look(self) -> tuple[CalendarAlarm, ...]:
        """The alarms of today. Raises Forbidden when the job may not."""
        now = self._clock.now()
        today = now.astimezone(HANOI).date()
        principal = SystemPrincipal(Origin(str(self._new_id()), NOWHERE), "calendar_watch")
        intent = AuditEvent("calendar.watch", activity=Activity.READ)
        async with self._database.unit_of_work(principal, intent) as work:
            root = (await work.connection.execute(_ROOT, {"city": "city"})).scalar_one()
            resource = register_resource(Register.CALENDARS, root)
            decision = self._policy.authorise(principal, intent.action, resource, now=now)
            rows = await work.connection.execute(_CONFIRMED, {"year": today.year})
            alarms = alarms_on(today, frozenset(rows.scalars()))
            for alarm in alarms:
                log.warning("holidays_missing", year=alarm.year)
                event = AuditEvent(
                    "calendar.year_missing",
                    activity=Activity.READ,
                    resource=f"calendar:year-{alarm.year}",
                    policies=decision.policies,
                )
                await work.record(event)
            if alarms:
                await work.commit()
        return alarms


def register(
    app: procrastinate.App, watch: CalendarWatch, following: DeadlineFollowing, reminders: DeadlineReminders
) -> None:
    """Let the worker run them; the watch each morning, before offices open."""

    @app.periodic(cron="7 0 * * *")  # 07:07 in Ha Noi: the queue reckons in UTC
    @app.task(name=WATCH, queueing_lock=WATCH)
    async def look(timestamp: int) -> None:
        await watch.look()

    @app.periodic(cron="* * * * *")
    @app.task(name=REMIND, queueing_lock=REMIND)
    async def remind(timestamp: int) -> None:
        await reminders.look()

    @app.task(name=RECKON_ALL, retry=RETRY)
    async def reckon_all() -> None:
        await following.reckon_all()
