"""What follows reports by the clock, on the tests' world; time stands until a test moves it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from backend.administration.service import AdministrationService
from backend.deadlines.countdown import DeadlineQueries
from backend.deadlines.following import DeadlineFollowing
from backend.deadlines.pauses import DeadlineService
from backend.deadlines.reminding import DeadlineReminders
from backend.deadlines.rule_queries import DeadlineRuleQueries
from backend.deadlines.rule_sets import DeadlineRuleService
from backend.reports.types import Changed, ClosingReason
from foundation.clock import HANOI
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from services.seed import load_people
from tests.backend.offices import Office, office_of
from tests.backend.world import (
    HOAN_KIEM,
    OFFICIALS,
    POLICIES,
    World,
    change_ids,
    connect,
    key,
    session,
    show_evidence,
)
from tests.parts import Database

HEAD = "00000000-0000-4000-8000-0000000000d1"
HEADS = {
    "officials": [
        {
            "id": HEAD,
            "family_name": "Lê",
            "given_name": "Quốc Tuấn",
            "duties": [{"kind": "lead", "unit": HOAN_KIEM}],
        }
    ]
}


@dataclass
class Rig:
    """Services of deadlines on one database."""

    world: World
    database: Database
    following: DeadlineFollowing
    reminders: DeadlineReminders
    service: DeadlineService
    queries: DeadlineQueries
    rules: DeadlineRuleService
    found_rules: DeadlineRuleQueries
    office: Office
    followed: int = 0

    async def head(self) -> OfficialPrincipal:
        """The head of the ward Hoàn Kiếm."""
        return await self.world.tenancy.principal_of(session(OFFICIALS, HEAD, HOAN_KIEM), self.world.origin())

    async def follow(self) -> None:
        """What the worker does of the changes since the last time."""
        changes = change_ids(self.database.settings(self.database.superuser))
        for change in changes[self.followed :]:
            await self.following.react(self.world.system(), change)
        self.followed = len(changes)

    async def submitted(self, **where: Any) -> Changed:
        """A fresh report, followed."""
        report = await self.world.submitted(**where)
        await self.follow()
        return report

    async def accepted(self, **where: Any) -> Changed:
        """A report that its ward has taken up."""
        report = await self.submitted(**where)
        minh = await self.world.official("minh")
        report = await self.world.reports.accept(minh, report.code, report.version, key())
        await self.follow()
        return report

    async def closed(self, report: Changed) -> Changed:
        """Closed by its ward."""
        minh = await self.world.official("minh")
        show_evidence(self.database.settings(self.database.superuser), report.code)
        done = await self.world.reports.close(
            minh, report.code, report.version, ClosingReason.RESOLVED, None, None, key()
        )
        await self.follow()
        return done

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a superuser sees."""
        with connect(self.database.settings(self.database.superuser)) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def clocks(self, code: str) -> dict[str, dict[str, Any]]:
        """The clocks of a report's last round, by kind; moments as people in Ha Noi read them."""
        columns = (
            "kind, round, due_at, started_at, stopped_at, late, paused_since, paused_until, stage, urgency,"
            " next_at"
        )
        rows = self.rows(
            f"SELECT {columns} FROM deadlines.clock c JOIN reports.report r ON r.id = c.report_id"
            " WHERE r.code = %s ORDER BY round",
            code,
        )
        names = columns.split(", ")
        return {row[0]: {n: shown(v) for n, v in zip(names, row, strict=True)} for row in rows}

    def told(self, name: str) -> list[str]:
        """What stands in an official's inbox, oldest first."""
        rows = self.rows(
            "SELECT i.kind FROM notifications.inbox i JOIN tenancy.official o ON o.id = i.recipient"
            " WHERE o.name LIKE %s ORDER BY i.at, i.id",
            f"%{name}",
        )
        return [row[0] for row in rows]

    def actions(self, code: str) -> list[str]:
        """Allowed audit events about a report's deadlines, in order."""
        rows = self.rows(
            "SELECT e.line::jsonb #>> '{unmapped,action}' FROM audit.event e"
            " WHERE e.line::jsonb #>> '{unmapped,resource}' = %s"
            " AND e.line::jsonb #>> '{unmapped,action}' LIKE 'deadline%%'"
            " ORDER BY e.xid, e.id",
            f"report:{code}",
        )
        return [row[0] for row in rows]

    def at(self, text: str) -> None:
        """Turn the clock forward to a moment in Ha Noi."""
        wanted = datetime.fromisoformat(text).replace(tzinfo=HANOI)
        assert wanted >= self.world.clock.now()
        self.world.clock.advance(wanted - self.world.clock.now())

    async def minutes(self, count: int) -> None:
        """Let minutes pass, with the job of each."""
        for _ in range(count):
            self.world.clock.advance(timedelta(minutes=1))
            await self.reminders.look()


def shown(value: Any) -> Any:
    """A moment as text in Ha Noi; anything else as it is."""
    if isinstance(value, datetime):
        return value.astimezone(HANOI).strftime("%m-%d %H:%M")
    return str(value) if isinstance(value, UUID) else value


def rig_of(world: World, database: Database) -> Rig:
    """Everything, and a head of the ward."""
    with connect(database.settings(database.superuser)) as connection:
        load_people(connection, HEADS, OFFICIALS)
    policy = PolicyEngine.load(POLICIES)
    worker = world.worker_database
    return Rig(
        world=world,
        database=database,
        following=DeadlineFollowing(worker, policy, world.clock, new_uuid),
        reminders=DeadlineReminders(worker, policy, world.notifications, world.clock, new_uuid),
        service=DeadlineService(world.database, policy, world.clock, new_uuid),
        queries=DeadlineQueries(world.database, policy, world.clock),
        rules=DeadlineRuleService(AdministrationService(world.database, policy, world.clock, new_uuid)),
        found_rules=DeadlineRuleQueries(world.database, policy, world.clock),
        office=office_of(world, database),
    )
