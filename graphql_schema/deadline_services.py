"""What resolvers of deadlines call; part of `graphql_schema.services.Services`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from backend.deadlines.types import (
    DueReport,
    DueScope,
    Forecast,
    Paused,
    PauseReason,
    ReportDeadlines,
    Urgency,
)
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal, Principal
from foundation.paging import Page, PageRequest


class DeadlineReads(Protocol):
    """backend.deadlines.countdown.DeadlineQueries."""

    async def of_reports(
        self, principal: Principal, codes: Sequence[str]
    ) -> Mapping[str, ReportDeadlines]: ...

    async def due(
        self, principal: OfficialPrincipal, units: tuple[str, ...] | None, scope: DueScope, page: PageRequest
    ) -> Page[DueReport]: ...

    async def forecast(self, principal: OfficialPrincipal, units: tuple[str, ...] | None) -> Forecast: ...

    async def pause_reasons(self, principal: Principal) -> tuple[PauseReason, ...]: ...


class DeadlineChanges(Protocol):
    """backend.deadlines.pauses.DeadlineService."""

    async def pause(
        self, principal: OfficialPrincipal, code: str, reason: str, idempotency: Idempotency
    ) -> Paused: ...

    async def resume(self, principal: OfficialPrincipal, code: str, idempotency: Idempotency) -> Paused: ...

    async def set_urgency(
        self, principal: OfficialPrincipal, code: str, urgency: Urgency, idempotency: Idempotency
    ) -> Paused: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Clocks of reports: read and changed."""

    reads: DeadlineReads
    changes: DeadlineChanges
