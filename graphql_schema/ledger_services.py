"""What resolvers of the access ledger call; part of `graphql_schema.services.Services`."""

from typing import Protocol

from backend.ledger.types import Delay, DelayChanged, DelayRule, Entry, Month
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal, Principal
from foundation.paging import Page, PageRequest


class LedgerReads(Protocol):
    """backend.ledger.service.Ledger."""

    async def mine(
        self, principal: CitizenPrincipal, page: PageRequest, code: str | None = None
    ) -> Page[Entry]: ...

    async def months(self, principal: Principal) -> tuple[Month, ...]: ...


class LedgerDelays(Protocol):
    """backend.ledger.delays.DelayService."""

    async def rules(self, principal: Principal) -> tuple[DelayRule, ...]: ...

    async def listed(self, principal: OfficialPrincipal, page: PageRequest) -> Page[Delay]: ...

    async def order(
        self,
        principal: OfficialPrincipal,
        code: str,
        unit: str,
        rule: str,
        days: int,
        case_number: str,
        idempotency: Idempotency,
    ) -> DelayChanged: ...

    async def confirm(
        self, principal: OfficialPrincipal, delay: str, idempotency: Idempotency
    ) -> DelayChanged: ...

    async def lift(
        self, principal: OfficialPrincipal, delay: str, idempotency: Idempotency
    ) -> DelayChanged: ...
