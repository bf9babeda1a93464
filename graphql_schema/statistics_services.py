"""What resolvers of the figures call; part of `graphql_schema.services.Services`."""

from dataclasses import dataclass
from typing import Protocol

from backend.releases.types import PublicText, TextChanged
from backend.statistics.types import Figures, PublicFigures, UnitFiguresPage, Wanted
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal, Principal


class OfficialsFigures(Protocol):
    """backend.statistics.queries.StatisticsQueries."""

    async def figures(self, principal: OfficialPrincipal, wanted: Wanted) -> Figures: ...

    async def of_units(
        self, principal: OfficialPrincipal, wanted: Wanted, first: int, after: tuple[str, int] | None
    ) -> UnitFiguresPage: ...


class PublicFigureReads(Protocol):
    """backend.statistics.public.PublicFigureQueries."""

    async def figures(self, principal: Principal, places: int) -> PublicFigures: ...


class TextReleases(Protocol):
    """backend.releases.service.TextReleaseService."""

    async def release(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        text: str,
        idempotency: Idempotency,
    ) -> TextChanged: ...

    async def withdraw(
        self, principal: OfficialPrincipal, code: str, expected_version: int, idempotency: Idempotency
    ) -> TextChanged: ...

    async def released_text(self, principal: Principal, code: str) -> PublicText | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """All that resolvers of figures may call."""

    officials: OfficialsFigures
    public: PublicFigureReads
