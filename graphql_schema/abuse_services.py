"""What resolvers of blocked senders call; part of `graphql_schema.services.Services`."""

from typing import Protocol

from backend.abuse.types import Block, BlockChanged, Reason
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal, Principal
from foundation.paging import Page, PageRequest


class Blocks(Protocol):
    """backend.abuse.service.AbuseService."""

    async def reasons(self, principal: Principal) -> tuple[Reason, ...]: ...

    async def block(
        self,
        principal: OfficialPrincipal,
        report: str,
        reason: str,
        note: str,
        days: int,
        idempotency: Idempotency,
    ) -> BlockChanged: ...

    async def appeal(
        self, principal: CitizenPrincipal, block: str, words: str, idempotency: Idempotency
    ) -> BlockChanged: ...

    async def decide(
        self, principal: OfficialPrincipal, block: str, lift: bool, words: str, idempotency: Idempotency
    ) -> BlockChanged: ...

    async def mine(self, principal: CitizenPrincipal) -> tuple[Block, ...]: ...

    async def listed(
        self, principal: OfficialPrincipal, page: PageRequest, *, waiting: bool = False
    ) -> Page[Block]: ...
