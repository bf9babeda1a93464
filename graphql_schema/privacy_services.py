"""What resolvers of privacy call; part of `graphql_schema.services.Services`."""

from typing import Protocol
from uuid import UUID

from backend.privacy.copies import DataCopy
from backend.privacy.types import Answer, Consent, PrivacyRequest, Processing, RequestKind, RetentionRule
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from foundation.paging import Page, PageRequest


class Privacy(Protocol):
    """backend.privacy.service.PrivacyService."""

    async def consents(self, principal: CitizenPrincipal) -> tuple[Consent, ...]: ...

    async def give(
        self, principal: CitizenPrincipal, purpose: str, version: int, idempotency: Idempotency
    ) -> None: ...

    async def withdraw(self, principal: CitizenPrincipal, purpose: str, idempotency: Idempotency) -> None: ...

    async def requests(self, principal: CitizenPrincipal, page: PageRequest) -> Page[PrivacyRequest]: ...

    async def ask(
        self, principal: CitizenPrincipal, kind: RequestKind, details: str | None, idempotency: Idempotency
    ) -> PrivacyRequest: ...


class PrivacyDesk(Protocol):
    """backend.privacy.desk.PrivacyDesk."""

    async def requests(
        self, principal: OfficialPrincipal, page: PageRequest, *, only_open: bool
    ) -> Page[PrivacyRequest]: ...

    async def register(self, principal: OfficialPrincipal) -> tuple[Processing, ...]: ...

    async def retention(self, principal: OfficialPrincipal) -> tuple[RetentionRule, ...]: ...

    async def answer(
        self,
        principal: OfficialPrincipal,
        request: UUID,
        expected_version: int,
        given: Answer,
        idempotency: Idempotency,
    ) -> PrivacyRequest: ...


class PrivacyCopies(Protocol):
    """backend.privacy.copies.CopyService."""

    async def ask(self, principal: CitizenPrincipal, idempotency: Idempotency) -> DataCopy: ...

    async def mine(self, principal: CitizenPrincipal) -> tuple[DataCopy, ...]: ...

    async def fetch(self, principal: CitizenPrincipal, copy: UUID, idempotency: Idempotency) -> bytes: ...
