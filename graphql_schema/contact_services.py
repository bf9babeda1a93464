"""What resolvers of contacts call; part of `graphql_schema.services.Services`."""

from typing import Protocol

from backend.contacts.types import Contact, Given, NameShown, Purpose
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal


class Contacts(Protocol):
    """backend.contacts.service.ContactService."""

    async def give(
        self,
        principal: CitizenPrincipal,
        code: str,
        name: str | None,
        phone: str | None,
        email: str | None,
        shown: NameShown,
        idempotency: Idempotency,
    ) -> Given: ...

    async def remove(self, principal: CitizenPrincipal, code: str, idempotency: Idempotency) -> Given: ...

    async def open(
        self, principal: OfficialPrincipal, code: str, purpose: Purpose, case_number: str | None
    ) -> Contact: ...
