"""What resolvers of officers' work call; part of `graphql_schema.services.Services`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from backend.work.types import Colleague, Work, Worked
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal, Principal


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


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkServices:
    """Work on reports: read and changed."""

    reads: WorkReads
    changes: WorkChanges
    parts: PartChanges
