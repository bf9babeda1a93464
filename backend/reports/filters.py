"""The filter behind lists of reports: by hand, kept equal to the decision `report.read`.

What depends on the person alone (level, kind of body, administering) is asked of the policies themselves, by
two probes. What depends on the report (who handles it, who handled it, whose it is) stands in the SQL of
`queries.py`. That both together list exactly what the policies allow is tested on random people and reports
(`tests/backend/reports/test_filters.py`) and watched in production: a share of the answers is decided again,
row by row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import structlog

from backend.reports.types import ReportState, report_resource
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.read_scope import ReadScope
from foundation.errors import Refusal
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import Resource
from foundation.policy.errors import PolicyDenied, PolicyRefusal
from foundation.recording import Activity, AuditEvent
from foundation.telemetry import metrics

_ACTION = "report.read"
# Units' ids begin at 1, and no citizen has the nil UUID.
_NO_UNIT = 0
_NO_ONE = UUID(int=0)
_PATHS = "SELECT u.id, tenancy.path_of(u.id) AS path FROM unnest($1::int[]) u(id)"

log = structlog.get_logger(__name__)


class FilterMismatch(Exception):
    """A list held what the policies do not allow: a fault of ours, so the whole answer is withheld."""


class _ListedWrongly(Refusal):
    """What the alarm in the log says; no client sees it."""

    code = "policy.mismatch"
    vi = "Danh sách chứa mục mà chính sách không cho phép."
    en = "A list held what the policies do not allow."


@dataclass(frozen=True, slots=True)
class Listable:
    """Whose reports an official may list: of the whole city, or of these units (now or before)."""

    everything: bool
    units: frozenset[int]


class ReportFilter:
    """What lists may show. A `share` (0 to 1) of the answers is decided again; `draw` gives [0, 1)."""

    def __init__(
        self,
        database: Database,
        policy: PolicyEngine,
        clock: Clock,
        share: float,
        draw: Callable[[], float],
    ) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._share = share
        self._draw = draw

    def of_units(self, principal: OfficialPrincipal) -> Listable:
        """Whose reports the official may list.

        Raises PolicyDenied when a forbid bars the person from every report, PolicyErrored as `authorise`.
        """
        try:
            self._probe(principal, _report_of(_NO_ONE, _NO_UNIT))
        except PolicyDenied as refusal:
            if refusal.policies:
                raise
        else:
            return Listable(everything=True, units=principal.units)
        if principal.units:
            self._probe(principal, _report_of(_NO_ONE, min(principal.units)))
        return Listable(everything=False, units=principal.units)

    def own(self, principal: CitizenPrincipal) -> None:
        """Raise PolicyDenied or PolicyErrored unless the citizen may read what is his own."""
        self._probe(principal, _report_of(principal.citizen_id, _NO_UNIT))

    async def recheck(
        self,
        scope: ReadScope,
        principal: CitizenPrincipal | OfficialPrincipal,
        rows: Sequence[asyncpg.Record],
    ) -> None:
        """Decide each of `rows` again, for a share of the calls.

        Raises FilterMismatch, logged and recorded as `policy.mismatch`, when one is not allowed.
        """
        if not rows or self._draw() >= self._share:
            return
        handlers = sorted({row["handler_id"] for row in rows})
        paths = {row["id"]: tuple(row["path"] or ()) for row in await scope.rows(_PATHS, handlers)}
        resources = [_resource_of(row, paths[row["handler_id"]]) for row in rows]
        try:
            self._policy.authorise_many(principal, _ACTION, resources, now=self._clock.now())
        except PolicyRefusal as refusal:
            codes = {str(row["id"]): row["code"] for row in rows}
            await self._alarm(principal, scope.intent.action, codes[refusal.resource_id or ""])
            raise FilterMismatch(scope.intent.action) from refusal

    def _probe(self, principal: CitizenPrincipal | OfficialPrincipal, report: Resource) -> None:
        self._policy.authorise(principal, _ACTION, report, now=self._clock.now())

    async def _alarm(
        self, principal: CitizenPrincipal | OfficialPrincipal, listed_by: str, code: str
    ) -> None:
        metrics.POLICY_MISMATCHES.inc()
        log.error("policy.filter_mismatch", action=_ACTION, listed_by=listed_by)
        event = AuditEvent("policy.mismatch", activity=Activity.READ, resource=f"report:{code}")
        await self._database.record_refusal(principal, event, _ListedWrongly())


def _report_of(citizen: UUID, handler: int) -> Resource:
    """A report that is not there, of this citizen and handled by this unit."""
    return report_resource(UUID(int=0), citizen, (handler,), (), handler, ReportState.RECEIVED)


def _resource_of(row: asyncpg.Record, path: tuple[int, ...]) -> Resource:
    return report_resource(
        row["id"],
        row["citizen_id"],
        # A handler that row-level security hides from the reader has no path for him.
        path or (row["handler_id"],),
        tuple(row["participants"]),
        row["ward_id"],
        row["state"],
    )
