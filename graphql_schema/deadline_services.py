"""What resolvers of deadlines call; part of `graphql_schema.services.Services`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from backend.administration.types import Done
from backend.deadlines.types import (
    DueReport,
    DueScope,
    Fault,
    Forecast,
    Paused,
    PauseReason,
    ReportDeadlines,
    RuleSet,
    RuleText,
    Trial,
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


class DeadlineRuleReads(Protocol):
    """backend.deadlines.rule_queries.DeadlineRuleQueries."""

    async def rule_sets(
        self, principal: OfficialPrincipal, first: int, before: int | None
    ) -> tuple[tuple[RuleSet, ...], bool]: ...

    async def rule_set(self, principal: OfficialPrincipal, number: int) -> RuleSet: ...

    async def rules(
        self, principal: OfficialPrincipal, number: int, first: int, after: str | None
    ) -> tuple[tuple[RuleText, ...], bool]: ...

    async def faults(self, principal: OfficialPrincipal, number: int) -> tuple[Fault, ...]: ...

    async def trial(self, principal: OfficialPrincipal, number: int, days: int) -> Trial: ...


class DeadlineRuleChanges(Protocol):
    """backend.deadlines.rule_sets.DeadlineRuleService."""

    async def draft(
        self, principal: OfficialPrincipal, copy_of: int | None, note: str, idempotency: Idempotency
    ) -> Done: ...

    async def change(
        self,
        principal: OfficialPrincipal,
        number: int,
        expected_version: int,
        put: Sequence[RuleText],
        remove: Sequence[str],
        idempotency: Idempotency,
    ) -> Done: ...

    async def activate(
        self,
        principal: OfficialPrincipal,
        number: int,
        expected_version: int,
        from_day: date,
        idempotency: Idempotency,
    ) -> Done: ...

    async def discard(
        self, principal: OfficialPrincipal, number: int, expected_version: int, idempotency: Idempotency
    ) -> Done: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Clocks of reports and rules: read and changed."""

    reads: DeadlineReads
    changes: DeadlineChanges
    rules: DeadlineRuleReads
    rule_changes: DeadlineRuleChanges
