"""What resolvers of the figures call; part of `graphql_schema.services.Services`."""

from dataclasses import dataclass
from typing import Protocol

from backend.statistics.types import Figures, UnitFiguresPage, Wanted
from foundation.identity.principal import OfficialPrincipal


class OfficialsFigures(Protocol):
    """backend.statistics.queries.StatisticsQueries."""

    async def figures(self, principal: OfficialPrincipal, wanted: Wanted) -> Figures: ...

    async def of_units(
        self, principal: OfficialPrincipal, wanted: Wanted, first: int, after: tuple[str, int] | None
    ) -> UnitFiguresPage: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """All that resolvers of figures may call."""

    officials: OfficialsFigures
