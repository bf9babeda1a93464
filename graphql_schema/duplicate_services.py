"""What resolvers of near reports and followings call; part of `graphql_schema.services.Services`."""

from typing import Protocol

from backend.duplicates.types import Followed, NearReport, ReportNear
from backend.reports.types import Changed, Merge, Merged
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal


class Follows(Protocol):
    """backend.duplicates.service.FollowService."""

    async def near(
        self, principal: CitizenPrincipal, category: str, latitude: float, longitude: float
    ) -> tuple[NearReport, ...]: ...

    async def follow(self, principal: CitizenPrincipal, code: str, idempotency: Idempotency) -> Followed: ...

    async def unfollow(
        self, principal: CitizenPrincipal, code: str, idempotency: Idempotency
    ) -> Followed: ...


class Near(Protocol):
    """backend.duplicates.near.NearQueries."""

    async def around(self, principal: OfficialPrincipal, code: str) -> tuple[ReportNear, ...]: ...


class Merges(Protocol):
    """backend.reports.merging.MergeService."""

    async def merge(
        self, principal: OfficialPrincipal, merge: Merge, idempotency: Idempotency | None
    ) -> Merged: ...

    async def unmerge(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        reason: str,
        idempotency: Idempotency,
    ) -> Changed: ...
