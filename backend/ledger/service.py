"""Notes who opened a report before its text goes out, and shows the citizen what was noted."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import asyncpg
from sqlalchemy import text

from backend.ledger.types import Entry, Month, Purpose, Role, Subject, ledger_of
from backend.reports.types import OpenedReport, UnitRef
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.errors import NotFound
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal, Principal
from foundation.ids import NewId, parse_report_code
from foundation.paging import Page, PageRequest, Position
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

SETTLED = timedelta(seconds=10)
"""Entries of the last moments are not shown yet: a transaction of 5 s may still put one before them."""
REMEMBERED = 10_000
"""Openings that this process knows to be noted."""
MONTHS = 24
NOTE = AuditEvent("report.open", activity=Activity.READ)
READ = AuditEvent("ledger.read", activity=Activity.READ)
_NOTE = text("SELECT ledger.note(:ids, :reports, :subject, :at)")
_SHOWN = """
SELECT id, shown_at, code, number, subject, role, unit_code, unit_name, day, purpose, delay_rule
FROM ledger.shown($1, $2, $3, $4, $5)
"""
_OWN = "SELECT 1 FROM reports.report WHERE code = $1 AND citizen_id = $2"
_MONTHS = "SELECT month, entries, digest FROM ledger.month ORDER BY month DESC LIMIT $1"

_Known = tuple[bytes, UUID, Subject, date]


class Ledger:
    """The access ledger. What is noted is committed before its reader gets to see anything."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id
        self._known: dict[_Known, None] = {}

    async def note(
        self, principal: OfficialPrincipal, reports: Sequence[OpenedReport], *, listed: bool
    ) -> None:
        """Note that this official gets to see these reports: once a day for a report, unit, role and purpose.

        The audit log names the official, and each report, whoever else of the unit opened it that day. Raises
        what makes noting impossible; nothing may be shown then.
        """
        subject = Subject.LISTED if listed else Subject.REPORT
        now = self._clock.now()
        who, day = _reader(principal), now.astimezone(HANOI).date()
        by_key = {(who, report.id, subject, day): report for report in reports}
        fresh = {key: report for key, report in by_key.items() if key not in self._known}
        if not fresh:
            return
        first, *others = (f"report:{report.code}" for report in fresh.values())
        intent = replace(
            NOTE, unit=principal.unit_code, purpose=subject.value, resource=first, others=tuple(others)
        )
        async with self._database.unit_of_work(principal, intent) as work:
            await work.connection.execute(
                _NOTE,
                {
                    "ids": [self._new_id() for _ in fresh],
                    "reports": [report.id for report in fresh.values()],
                    "subject": subject.value,
                    "at": now,
                },
            )
            await work.record(intent)
            await work.commit(more_follows=True)
        self._remember(fresh)

    async def mine(
        self, principal: CitizenPrincipal, page: PageRequest, code: str | None = None
    ) -> Page[Entry]:
        """Entries about the citizen's own reports, or about one of them, the newest shown first.

        Raises NotFound for another's report and an absent one alike, Forbidden, InvalidInput.
        """
        async with self._database.read_scope(principal, READ) as scope:
            parsed = None if code is None else parse_report_code(code)
            self._policy.authorise(
                principal, READ.action, ledger_of(principal.citizen_id), now=self._clock.now()
            )
            if parsed is not None and await scope.row(_OWN, parsed, principal.citizen_id) is None:
                raise NotFound
            after = (None, None) if page.after is None else (page.after.at, page.after.id)
            rows = await scope.rows(_SHOWN, parsed, self._clock.now() - SETTLED, *after, page.first + 1)
        shown = rows[: page.first]
        return Page(
            items=tuple(_entry(row) for row in shown),
            positions=tuple(Position(row["shown_at"], row["id"]) for row in shown),
            has_next=len(rows) > page.first,
        )

    async def months(self, principal: Principal) -> tuple[Month, ...]:
        """The newest 24 months of which everything is shown and whole. Anybody may know."""
        async with self._database.read_scope(principal, READ) as scope:
            rows = await scope.rows(_MONTHS, MONTHS)
        return tuple(Month(row["month"], row["entries"], row["digest"]) for row in rows)

    def _remember(self, keys: dict[_Known, OpenedReport]) -> None:
        self._known |= dict.fromkeys(keys)
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]


def _reader(principal: OfficialPrincipal) -> bytes:
    """Who reads, and as what: SHA-256, for ten thousand sets of units would be much to keep."""
    duties = sorted((duty.kind, duty.unit_id) for duty in principal.duties)
    told = (str(principal.official_id), principal.unit_id, duties, sorted(principal.units))
    return hashlib.sha256(repr(told).encode()).digest()


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(
        number=row["number"],
        report=row["code"],
        subject=Subject(row["subject"]),
        role=Role(row["role"]),
        unit=UnitRef(row["unit_code"], row["unit_name"]),
        day=row["day"],
        purpose=Purpose(row["purpose"]),
        delay_rule=row["delay_rule"],
    )
