"""What resolvers of officers' work call; part of `graphql_schema.services.Services`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from backend.reports.types import Report
from backend.work.bulk import Asked, Bulk, Outcome
from backend.work.exports import Export, File, Format
from backend.work.filters import ListFilter
from backend.work.templates import Template, TemplateKind
from backend.work.types import Colleague, Work, Worked
from backend.work.views import SavedView
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal, Principal
from foundation.paging import Page, PageRequest


class WorkReads(Protocol):
    """backend.work.queries.WorkQueries."""

    async def of_reports(self, principal: Principal, codes: Sequence[str]) -> Mapping[str, Work]: ...

    async def assignable(self, principal: OfficialPrincipal, code: str) -> tuple[Colleague, ...]: ...


class WorkChanges(Protocol):
    """backend.work.service.WorkService."""

    async def assign(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        to_official: str,
        idempotency: Idempotency,
    ) -> Worked: ...

    async def take_away(
        self, principal: OfficialPrincipal, code: str, expected_version: int, idempotency: Idempotency
    ) -> Worked: ...

    async def write_note(
        self, principal: OfficialPrincipal, code: str, note: str, idempotency: Idempotency
    ) -> Worked: ...


class PartChanges(Protocol):
    """backend.work.parts.PartService."""

    async def add(
        self, principal: OfficialPrincipal, code: str, unit: str, task: str, idempotency: Idempotency
    ) -> Worked: ...

    async def remove(
        self, principal: OfficialPrincipal, code: str, unit: str, reason: str, idempotency: Idempotency
    ) -> Worked: ...

    async def set_aside(
        self, principal: OfficialPrincipal, code: str, unit: str, reason: str, idempotency: Idempotency
    ) -> Worked: ...

    async def finish(
        self, principal: OfficialPrincipal, code: str, unit: str, result: str, idempotency: Idempotency
    ) -> Worked: ...


class ReportFinder(Protocol):
    """backend.work.finding.Finder."""

    async def find(
        self, principal: OfficialPrincipal, wanted: ListFilter, page: PageRequest
    ) -> Page[Report]: ...


class Views(Protocol):
    """backend.work.views.ViewService."""

    async def views(self, principal: OfficialPrincipal) -> tuple[SavedView, ...]: ...

    async def save(
        self,
        principal: OfficialPrincipal,
        view: UUID | None,
        name: str,
        wanted: ListFilter,
        share_with: str | None,
        idempotency: Idempotency,
    ) -> UUID: ...

    async def delete(self, principal: OfficialPrincipal, view: UUID, idempotency: Idempotency) -> None: ...


class Exports(Protocol):
    """backend.work.exports.ExportService."""

    async def ask(
        self, principal: OfficialPrincipal, wanted: ListFilter, kind: Format, idempotency: Idempotency
    ) -> UUID: ...

    async def one(self, principal: OfficialPrincipal, export: UUID) -> Export: ...

    async def fetch(self, principal: OfficialPrincipal, export: UUID, idempotency: Idempotency) -> File: ...


class Templates(Protocol):
    """backend.work.templates.TemplateService."""

    async def templates(
        self, principal: OfficialPrincipal, unit: str, kind: TemplateKind | None, search: str | None
    ) -> tuple[Template, ...]: ...

    async def fill(self, principal: OfficialPrincipal, template: UUID, code: str) -> str: ...

    async def save(
        self,
        principal: OfficialPrincipal,
        template: UUID | None,
        expected_version: int,
        unit: str,
        kind: TemplateKind,
        title: str,
        body: str,
        idempotency: Idempotency,
    ) -> UUID: ...

    async def retire(
        self, principal: OfficialPrincipal, template: UUID, expected_version: int, idempotency: Idempotency
    ) -> UUID: ...


class BulkChanges(Protocol):
    """backend.work.bulk.BulkService."""

    async def run(
        self,
        principal: OfficialPrincipal,
        bulk: Bulk,
        reports: Sequence[Asked],
        idempotency: Idempotency,
        *,
        dry: bool,
    ) -> tuple[Outcome, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkServices:
    """Work on reports: read and changed."""

    reads: WorkReads
    changes: WorkChanges
    parts: PartChanges
    finder: ReportFinder
    views: Views
    exports: Exports
    templates: Templates
    bulk: BulkChanges
