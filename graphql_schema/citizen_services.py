"""What resolvers of citizens' accounts call; part of `graphql_schema.services.Services`."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from backend.citizens.types import (
    AccountView,
    Claimed,
    CodeSent,
    DeletionView,
    PhoneProved,
    RecoveryOpened,
    RecoveryOutcome,
    RecoveryState,
)
from foundation.directory_queue import Asking
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal


class AccountChanges(Protocol):
    """backend.citizens.accounts.AccountService."""

    async def account(self, principal: CitizenPrincipal) -> AccountView: ...

    async def ask_deletion(self, principal: CitizenPrincipal, idempotency: Idempotency) -> DeletionView: ...

    async def keep_account(self, principal: CitizenPrincipal, idempotency: Idempotency) -> None: ...

    async def claim_report(
        self, principal: CitizenPrincipal, code: str, idempotency: Idempotency
    ) -> Claimed: ...


class PhoneChanges(Protocol):
    """backend.citizens.phones.PhoneService."""

    async def start(self, principal: CitizenPrincipal, number: str, idempotency: Idempotency) -> CodeSent: ...

    async def change(
        self, principal: CitizenPrincipal, number: str, idempotency: Idempotency
    ) -> CodeSent: ...

    async def prove(
        self, principal: CitizenPrincipal, code: str, idempotency: Idempotency
    ) -> PhoneProved: ...


class Recoveries(Protocol):
    """backend.citizens.recoveries.RecoveryService."""

    async def open(
        self, principal: OfficialPrincipal, number: str, idempotency: Idempotency
    ) -> RecoveryOpened: ...

    async def prove(
        self,
        principal: OfficialPrincipal,
        recovery_id: UUID,
        number: str,
        code: str,
        asking: Asking,
        idempotency: Idempotency,
    ) -> RecoveryState: ...

    async def collect(
        self, principal: OfficialPrincipal, recovery_id: UUID, idempotency: Idempotency
    ) -> RecoveryOutcome: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Citizens:
    """All of the feature."""

    accounts: AccountChanges
    phones: PhoneChanges
    recoveries: Recoveries
