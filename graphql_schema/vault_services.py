"""What resolvers of the vault's call reach; part of `graphql_schema.services.Services`."""

from typing import Protocol

from backend.vault_gateway.types import Credentials, Notes


class Vault(Protocol):
    """backend.vault_gateway.service.VaultGateway."""

    async def call(self, frame: bytes, credentials: Credentials) -> bytes: ...

    async def notes(self) -> Notes: ...
