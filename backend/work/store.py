"""How work on a report is locked and written."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from backend.reports.types import readers_of, report_resource
from backend.work.types import EntryKind
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import NotFound
from foundation.identity.principal import OfficialPrincipal
from foundation.policy.entities import Resource

_COLUMNS = """
r.id, r.code, r.citizen_id, r.ward_id, r.handler_id, r.participants, r.state, r.version,
tenancy.path_of(r.handler_id) AS handler_path,
(SELECT u.code FROM tenancy.unit u WHERE u.id = r.handler_id) AS handler_code
"""
_SEEN = text(
    """
    SELECT report_id FROM reports.report_by_reader
    WHERE reader = ANY(cast(:readers AS uuid[])) AND code = :code LIMIT 1
    """
)
_SEEN_BY_CITY = text("SELECT id FROM reports.report WHERE code = :code")
# Row-level security hides from the lock what may not be changed; the next statement reads what may be seen.
_LOCK = text("SELECT 1 FROM reports.report r WHERE r.id = :id FOR UPDATE")
_REPORT = text(f"SELECT {_COLUMNS} FROM reports.report r WHERE r.id = :id")  # noqa: S608 - constants of this file
_MAKE_FILE = text("INSERT INTO work.file (report_id, version) VALUES (:report, 1) ON CONFLICT DO NOTHING")
_FILE = text("SELECT version, assignee_id FROM work.file WHERE report_id = :report")
_RAISE = text(
    """
    UPDATE work.file SET version = version + 1, assignee_id = :assignee, unit_id = :unit, assigned_at = :at
    WHERE report_id = :report RETURNING version
    """
)
_ENTRY = text(
    """
    INSERT INTO work.entry (id, report_id, at, kind, actor_id, unit_id, person_id, about_unit_id, note)
    VALUES (:id, :report, :at, :kind, :actor, :unit, :person, :about, :note)
    """
)


@dataclass(frozen=True, slots=True)
class Held:
    """A report whose work is locked, when the caller may change it; `version` 0: no work on it yet."""

    report: Any
    version: int
    assignee: UUID | None

    @property
    def resource(self) -> Resource:
        """The report as the policies see it."""
        report = self.report
        return report_resource(
            report.id,
            report.citizen_id,
            tuple(report.handler_path),
            tuple(report.participants),
            report.ward_id,
            report.state,
        )


async def hold(work: UnitOfWork, code: str) -> Held:
    """The report by its canonical code, locked until the unit of work ends. Raises NotFound."""
    principal = work.principal
    if isinstance(principal, OfficialPrincipal) and principal.city_level:
        seen = await work.connection.execute(_SEEN_BY_CITY, {"code": code})
    else:
        seen = await work.connection.execute(_SEEN, {"code": code, "readers": list(readers_of(principal))})
    report_id = seen.scalar()
    await work.connection.execute(_LOCK, {"id": report_id})
    report = (await work.connection.execute(_REPORT, {"id": report_id})).one_or_none()
    if report is None:
        raise NotFound
    file = (await work.connection.execute(_FILE, {"report": report.id})).one_or_none()
    return Held(report, 0 if file is None else file.version, None if file is None else file.assignee_id)


async def put_in_hand(
    work: UnitOfWork, held: Held, assignee: UUID | None, unit: int | None, at: datetime
) -> int:
    """Write in whose hand the report is; the version of the work after it."""
    await work.connection.execute(_MAKE_FILE, {"report": held.report.id})
    row = {"report": held.report.id, "assignee": assignee, "unit": unit}
    row["at"] = at if assignee is not None else None
    version: int = (await work.connection.execute(_RAISE, row)).scalar_one()
    return version


async def write_entry(
    work: UnitOfWork,
    *,
    entry_id: UUID,
    report_id: UUID,
    at: datetime,
    kind: EntryKind,
    unit: int,
    person: UUID | None = None,
    about: int | None = None,
    note: str | None = None,
) -> None:
    """Write an entry of the officers' timeline in the name of the official who works."""
    principal = work.principal
    assert isinstance(principal, OfficialPrincipal)  # noqa: S101 - the services take officials alone
    row = {
        "id": entry_id,
        "report": report_id,
        "at": at,
        "kind": kind.value,
        "actor": principal.official_id,
        "unit": unit,
        "person": person,
        "about": about,
        "note": note,
    }
    await work.connection.execute(_ENTRY, row)
