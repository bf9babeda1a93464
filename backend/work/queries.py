"""What officers see of the work on reports."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from backend.reports.types import readers_of, report_resource
from backend.work.types import Colleague, Entry, EntryKind, Part, PartState, Work
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.read_scope import ReadScope
from foundation.errors import Forbidden, InvalidInput, NotFound
from foundation.identity.principal import OfficialPrincipal, Principal
from foundation.ids import parse_report_code
from foundation.paging import MAX_PAGE
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import Resource
from foundation.recording import Activity, AuditEvent

MOST_ENTRIES = 200
"""Of a report, the newest; few have ten."""
_COLUMNS = """
r.id, r.code, r.citizen_id, r.ward_id, r.handler_id, r.participants, r.state,
tenancy.path_of(r.handler_id) AS handler_path, f.version AS work_version, f.assignee_id, f.assigned_at
"""
# By (reader, code), as backend/reports/sql.py: a hidden and an absent code are the same miss.
_REPORTS = f"""
SELECT {_COLUMNS} FROM unnest($1::text[]) asked(code) CROSS JOIN LATERAL (
  SELECT k.report_id FROM reports.report_by_reader k
  WHERE k.reader = ANY($2::uuid[]) AND k.code = asked.code LIMIT 1) seen
JOIN reports.report r ON r.id = seen.report_id LEFT JOIN work.file f ON f.report_id = r.id
"""  # noqa: S608 - constants of this file
_CITY_REPORTS = f"""
SELECT {_COLUMNS} FROM reports.report r LEFT JOIN work.file f ON f.report_id = r.id
WHERE r.code = ANY($1::text[])
"""  # noqa: S608 - constants of this file
_ENTRIES = """
SELECT asked.id AS report_id, entry.* FROM unnest($1::uuid[]) asked(id) CROSS JOIN LATERAL (
  SELECT e.id, e.at, e.kind, e.actor_id, e.person_id, e.note, u.code AS unit_code, u.name AS unit_name,
    a.code AS about_code
  FROM work.entry e JOIN tenancy.unit u ON u.id = e.unit_id LEFT JOIN tenancy.unit a ON a.id = e.about_unit_id
  WHERE e.report_id = asked.id ORDER BY e.id DESC LIMIT $2) entry
ORDER BY asked.id, entry.id
"""
_PARTS = """
SELECT p.report_id, u.code AS unit_code, u.name AS unit_name, p.state, p.task, p.result, p.reason, p.added_at,
  p.ended_at
FROM work.part p JOIN tenancy.unit u ON u.id = p.unit_id WHERE p.report_id = ANY($1::uuid[])
ORDER BY p.added_at, p.id
"""
_PEOPLE = "SELECT id, code, name FROM work.people($1::uuid[])"
_HANDLERS = "SELECT code, name FROM work.handlers_of($1::int)"


class WorkQueries:
    """Reads of the work on reports. Citizens and the public find nothing here."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def of_reports(self, principal: Principal, codes: Sequence[str]) -> Mapping[str, Work]:
        """The work on these reports by canonical code; what may not be read is left out.

        Raises InvalidInput for what is no code, and for more than a page of codes.
        """
        if not isinstance(principal, OfficialPrincipal):
            return {}
        if len(codes) > MAX_PAGE:
            raise InvalidInput("codes")
        async with self._database.read_scope(principal, _reading("report.read_work")) as scope:
            parsed = sorted({parse_report_code(code) for code in codes})
            rows = [row for row in await _rows(scope, principal, parsed) if self._readable(principal, row)]
            entries = await scope.rows(_ENTRIES, [row["id"] for row in rows], MOST_ENTRIES)
            parts = await scope.rows(_PARTS, [row["id"] for row in rows])
            ids = {row["assignee_id"] for row in rows}
            ids |= {entry[name] for entry in entries for name in ("actor_id", "person_id")}
            found = await scope.rows(_PEOPLE, sorted(ids - {None}))
        people = {row["id"]: Colleague(row["code"], row["name"]) for row in found}
        return {
            row["code"]: Work(
                version=row["work_version"] or 0,
                assignee=people.get(row["assignee_id"]),
                assigned_at=row["assigned_at"],
                entries=tuple(_entry(one, people) for one in entries if one["report_id"] == row["id"]),
                parts=tuple(_part(one) for one in parts if one["report_id"] == row["id"]),
            )
            for row in rows
        }

    async def assignable(self, principal: OfficialPrincipal, code: str) -> tuple[Colleague, ...]:
        """Into whose hand the report can be put today, by name. Raises NotFound, Forbidden."""
        async with self._database.read_scope(principal, _reading("report.assign")) as scope:
            parsed = parse_report_code(code)
            found = await _rows(scope, principal, [parsed])
            if not found:
                raise NotFound
            self._policy.authorise(principal, "report.assign", _resource(found[0]), now=self._clock.now())
            rows = await scope.rows(_HANDLERS, found[0]["handler_id"])
        return tuple(Colleague(row["code"], row["name"]) for row in rows)

    def _readable(self, principal: OfficialPrincipal, row: asyncpg.Record) -> bool:
        try:
            self._policy.authorise(principal, "report.read_work", _resource(row), now=self._clock.now())
        except Forbidden:
            return False
        return True


async def _rows(
    scope: ReadScope, principal: OfficialPrincipal, codes: Sequence[str]
) -> Sequence[asyncpg.Record]:
    if principal.city_level:
        return await scope.rows(_CITY_REPORTS, codes)
    return await scope.rows(_REPORTS, codes, list(readers_of(principal)))


def _resource(row: asyncpg.Record) -> Resource:
    return report_resource(
        row["id"],
        row["citizen_id"],
        tuple(row["handler_path"]),
        tuple(row["participants"]),
        row["ward_id"],
        row["state"],
    )


def _entry(row: asyncpg.Record, people: Mapping[Any, Colleague]) -> Entry:
    return Entry(
        at=row["at"],
        kind=EntryKind(row["kind"]),
        actor=people.get(row["actor_id"]),
        unit_code=row["unit_code"],
        unit_name=row["unit_name"],
        person=people.get(row["person_id"]),
        note=row["note"],
        about_code=row["about_code"],
    )


def _part(row: asyncpg.Record) -> Part:
    return Part(
        unit_code=row["unit_code"],
        unit_name=row["unit_name"],
        state=PartState(row["state"]),
        task=row["task"],
        result=row["result"],
        reason=row["reason"],
        added_at=row["added_at"],
        ended_at=row["ended_at"],
    )


def _reading(action: str) -> AuditEvent:
    return AuditEvent(action, activity=Activity.READ)
