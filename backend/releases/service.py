"""Showing a report's text to the public, and taking it back: one method an operation, one unit of work."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from backend.releases import sql
from backend.releases.types import PublicText, TextChanged, TextState
from backend.reports.service import refuse_merged
from backend.reports.types import readers_of, report_resource
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import NotFound, VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal, Principal
from foundation.ids import NewId, parse_report_code
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import Resource
from foundation.recording import Activity, AuditEvent
from foundation.texts import checked_lines

RELEASE = AuditEvent("report.release_text", activity=Activity.UPDATE)
WITHDRAW = AuditEvent("report.withdraw_text", activity=Activity.UPDATE)
FOLLOW = AuditEvent("report.follow_text", activity=Activity.READ)
LONGEST = 4_000

Write = Callable[[UnitOfWork, Any, Any], Awaitable[TextChanged]]


class TextReleaseService:
    """Shown to nobody until a handler of the handling unit releases his version; the original stays."""

    def __init__(self, *, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def release(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        text: str,
        idempotency: Idempotency,
    ) -> TextChanged:
        """Anybody who has the report's code reads `text` from now on; version 0 is before the first.

        Raises NotFound for hidden and absent alike, Forbidden, InvalidInput, VersionConflict,
        IdempotencyMismatch.
        """

        async def write(work: UnitOfWork, report: Any, present: Any) -> TextChanged:
            version = expected_version + 1
            await work.connection.exec_driver_sql(
                sql.RELEASE,
                (report["report_id"], checked, version, self._clock.now(), principal.official_id),
            )
            return TextChanged(report["code"], version, TextState.RELEASED)

        async with self._database.unit_of_work(principal, RELEASE) as work:
            checked = checked_lines("text", text, LONGEST)
            return await self._change(work, principal, code, expected_version, idempotency, write)

    async def withdraw(
        self, principal: OfficialPrincipal, code: str, expected_version: int, idempotency: Idempotency
    ) -> TextChanged:
        """Nobody is shown the text from now on. Raises as `release`; NotFound when none was released."""

        async def write(work: UnitOfWork, report: Any, present: Any) -> TextChanged:
            if present is None:
                raise NotFound
            version = expected_version
            if present["state"] != TextState.WITHDRAWN:
                version += 1
                await work.connection.exec_driver_sql(sql.WITHDRAW, (report["report_id"], version))
            return TextChanged(report["code"], version, TextState.WITHDRAWN)

        async with self._database.unit_of_work(principal, WITHDRAW) as work:
            return await self._change(work, principal, code, expected_version, idempotency, write)

    async def released_text(self, principal: Principal, code: str) -> PublicText | None:
        """What was released of a report, for anybody who has its code; None for an absent one."""
        parsed = parse_report_code(code)
        intent = replace(FOLLOW, resource=f"report:{parsed}")
        async with self._database.read_scope(principal, intent) as scope:
            row = await scope.row(sql.RELEASED, parsed)
        return None if row is None else PublicText(row["body"], row["version"], row["released_at"])

    async def _change(
        self,
        work: UnitOfWork,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        idempotency: Idempotency,
        write: Write,
    ) -> TextChanged:
        now = self._clock.now()
        parsed = parse_report_code(code)
        work.intent = replace(work.intent, resource=f"report:{parsed}")
        stored = await claim(work, idempotency, now)
        if stored is not None:
            return _changed(stored)
        report = await _locked(work, principal, parsed)
        work.intent = replace(work.intent, unit=report["handler_code"])
        decision = self._policy.authorise(principal, work.intent.action, _resource_of(report), now=now)
        if work.intent.action == RELEASE.action:
            # Taking back what should not be shown is never refused.
            await refuse_merged(work, report["report_id"])
        found = await work.connection.exec_driver_sql(sql.PRESENT, (report["report_id"],))
        present = found.mappings().one_or_none()
        current = 0 if present is None else present["version"]
        if expected_version != current:
            raise VersionConflict(current)
        changed = await write(work, report, present)
        await self._announce(work, report, changed)
        answer = {"code": changed.report_code, "version": changed.version, "state": changed.state.value}
        await keep(work, idempotency, answer)
        await work.record(replace(work.intent, policies=decision.policies))
        await work.commit()
        return changed

    async def _announce(self, work: UnitOfWork, report: Any, changed: TextChanged) -> None:
        await work.connection.exec_driver_sql(
            sql.CHANGE,
            (
                self._new_id(),
                f"text.{changed.state.value}",
                f"report:{report['code']}",
                report["version"],
                self._clock.now(),
                sorted(report["visible_units"]),
                report["citizen_id"],
            ),
        )


async def _locked(work: UnitOfWork, principal: OfficialPrincipal, code: str) -> Any:
    """The report, locked. Raises NotFound for hidden and absent alike."""
    given: tuple[Any, ...]
    statement, given = sql.REPORT, (code, list(readers_of(principal)))
    if principal.city_level:
        statement, given = sql.CITY_REPORT, (code,)
    found = await work.connection.exec_driver_sql(statement, given)
    row = found.mappings().one_or_none()
    if row is None:
        raise NotFound
    await work.connection.exec_driver_sql(sql.LOCK, (row["report_id"],))
    return (await work.connection.exec_driver_sql(statement, given)).mappings().one()


def _resource_of(row: Any) -> Resource:
    return report_resource(
        row["report_id"],
        row["citizen_id"],
        tuple(row["handler_path"]),
        tuple(row["participants"]),
        row["ward_id"],
        row["report_state"],
    )


def _changed(stored: dict[str, Any]) -> TextChanged:
    return TextChanged(stored["code"], stored["version"], TextState(stored["state"]))
