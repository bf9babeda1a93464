"""What resolvers of the access ledger call; part of `graphql_schema.services.Services`."""

from typing import Protocol

from backend.ledger.types import Entry
from foundation.identity.principal import CitizenPrincipal
from foundation.paging import Page, PageRequest


class LedgerReads(Protocol):
    """backend.ledger.service.Ledger."""

    async def mine(
        self, principal: CitizenPrincipal, page: PageRequest, code: str | None = None
    ) -> Page[Entry]: ...
