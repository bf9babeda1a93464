"""What resolvers of the registers call; part of `graphql_schema.services.Services`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol
from uuid import UUID

from backend.administration.types import Done, HistoryEntry, HistoryKind
from backend.channels.types import Channel, Delivery, NewChannel, Secrets
from backend.deadlines.types import Calendar, CalendarAlarm, HolidayYear, Interval, SpecialDay
from backend.routing.types import Fault, RuleDifference, RuleSet, RuleText, Trial
from backend.tenancy.types import NewUnit
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.paging import Page, PageRequest


class UnitChanges(Protocol):
    """backend.tenancy.units.UnitService."""

    async def create(self, principal: OfficialPrincipal, new: NewUnit, idempotency: Idempotency) -> Done: ...

    async def rename(
        self, principal: OfficialPrincipal, code: str, expected_version: int, name: str, key: Idempotency
    ) -> Done: ...

    async def move(
        self, principal: OfficialPrincipal, code: str, expected_version: int, parent: str, key: Idempotency
    ) -> Done: ...

    async def end(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        successor: str | None,
        idempotency: Idempotency,
    ) -> Done: ...


class CategoryChanges(Protocol):
    """backend.routing.categories.CategoryService."""

    async def create(
        self, principal: OfficialPrincipal, code: str, name_vi: str, name_en: str, idempotency: Idempotency
    ) -> Done: ...

    async def rename(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        name_vi: str,
        name_en: str,
        idempotency: Idempotency,
    ) -> Done: ...

    async def order(
        self, principal: OfficialPrincipal, versions: Mapping[str, int], idempotency: Idempotency
    ) -> Done: ...

    async def end(
        self, principal: OfficialPrincipal, code: str, expected_version: int, idempotency: Idempotency
    ) -> Done: ...


class RuleReads(Protocol):
    """backend.routing.queries.RoutingQueries."""

    async def rule_sets(
        self, principal: OfficialPrincipal, first: int, before: int | None
    ) -> tuple[tuple[RuleSet, ...], bool]: ...

    async def rule_set(self, principal: OfficialPrincipal, number: int) -> RuleSet: ...

    async def rules(
        self, principal: OfficialPrincipal, number: int, first: int, after: str | None
    ) -> tuple[tuple[RuleText, ...], bool]: ...

    async def compare(
        self, principal: OfficialPrincipal, before: int, after: int
    ) -> tuple[RuleDifference, ...]: ...

    async def faults(self, principal: OfficialPrincipal, number: int) -> tuple[Fault, ...]: ...

    async def trial(self, principal: OfficialPrincipal, number: int, days: int) -> Trial: ...


class RuleChanges(Protocol):
    """backend.routing.rule_sets.RuleSetService."""

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


class CalendarReads(Protocol):
    """backend.deadlines.queries.CalendarQueries."""

    async def calendars(self, principal: OfficialPrincipal) -> tuple[Calendar, ...]: ...

    async def calendar(self, principal: OfficialPrincipal, code: str) -> Calendar: ...

    async def year(self, principal: OfficialPrincipal, year: int) -> HolidayYear: ...

    async def alarms(self, principal: OfficialPrincipal) -> tuple[CalendarAlarm, ...]: ...


class CalendarChanges(Protocol):
    """backend.deadlines.service.CalendarService."""

    async def create(
        self,
        principal: OfficialPrincipal,
        code: str,
        name_vi: str,
        name_en: str,
        observes_holidays: bool,
        hours: Sequence[Interval],
        idempotency: Idempotency,
    ) -> Done: ...

    async def rename(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        name_vi: str,
        name_en: str,
        observes_holidays: bool,
        idempotency: Idempotency,
    ) -> Done: ...

    async def set_hours(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        from_day: date,
        hours: Sequence[Interval],
        idempotency: Idempotency,
    ) -> Done: ...

    async def confirm_year(
        self,
        principal: OfficialPrincipal,
        year: int,
        expected_version: int,
        source: str,
        days: Sequence[SpecialDay],
        idempotency: Idempotency,
    ) -> Done: ...


class HistoryReads(Protocol):
    """backend.administration.queries.HistoryQueries."""

    async def history(
        self, principal: OfficialPrincipal, kind: HistoryKind, code: str, page: PageRequest
    ) -> Page[HistoryEntry]: ...


class ChannelReads(Protocol):
    """backend.channels.queries.ChannelQueries."""

    async def channels(self, principal: OfficialPrincipal) -> tuple[Channel, ...]: ...

    async def dead(self, principal: OfficialPrincipal, page: PageRequest) -> Page[Delivery]: ...

    async def resend(
        self, principal: OfficialPrincipal, deliveries: Sequence[UUID], idempotency: Idempotency
    ) -> int: ...


class ChannelChanges(Protocol):
    """backend.channels.administration.ChannelService."""

    async def create(
        self, principal: OfficialPrincipal, new: NewChannel, idempotency: Idempotency
    ) -> tuple[Done, Secrets]: ...

    async def rotate(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        purpose: str,
        overlap_hours: int,
        secret: str | None,
        idempotency: Idempotency,
    ) -> tuple[Done, Secrets]: ...

    async def change(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        name: str,
        callback_url: str | None,
        rate_amount: int,
        rate_seconds: int,
        idempotency: Idempotency,
    ) -> Done: ...

    async def suspend(
        self, principal: OfficialPrincipal, code: str, expected_version: int, idempotency: Idempotency
    ) -> Done: ...

    async def resume(
        self, principal: OfficialPrincipal, code: str, expected_version: int, idempotency: Idempotency
    ) -> Done: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Registers:
    """All that resolvers of the registers may call, beside the public reads of units and categories."""

    units: UnitChanges
    categories: CategoryChanges
    rules: RuleReads
    rule_changes: RuleChanges
    calendars: CalendarReads
    calendar_changes: CalendarChanges
    history: HistoryReads
    channels: ChannelReads
    channel_changes: ChannelChanges
