"""The way to the vault: sealed octets, which nobody here can open."""

from typing import Annotated

import strawberry

from backend.vault_gateway.errors import VaultRefused as Refused
from backend.vault_gateway.errors import VaultUnavailable
from foundation.errors import Refusal
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.errors import Forbidden, Problem, problem_of
from graphql_schema.scalars import Base64
from graphql_schema.vault_services import Vault

CALL = "vault.pass_on"


@strawberry.type(description="Trả lời đã niêm phong. / The sealed answer; open it before anything is done.")
class VaultAnswer:
    octets: Base64


@strawberry.type(
    description="Kho chưa mở yêu cầu. / The vault did not open it. Unproven: renew what `code` names."
)
class VaultRefused(Problem):
    nonce: str | None = strawberry.field(description="Với vault.use_nonce. / With vault.use_nonce.")
    retry_after_seconds: int | None = strawberry.field(description="Với vault.unavailable. / With it.")


@strawberry.type(description="Bộ khóa của kho, có chữ ký. / The vault's keys; check the signatures.")
class VaultKeyset:
    certificate: str
    keyset: str


VaultCallPayload = Annotated[VaultAnswer | VaultRefused | Forbidden, strawberry.union("VaultCallPayload")]
VaultKeysetPayload = Annotated[VaultKeyset | VaultRefused | Forbidden, strawberry.union("VaultKeysetPayload")]


@strawberry.type
class VaultQuery:
    @strawberry.field(description="Bộ khóa của kho dữ liệu. / The vault's keyset and its certificate.")
    async def vault_keyset(self, info: Info) -> VaultKeysetPayload:
        context = info.context
        try:
            async with context.parsing(CALL):
                context.official()
            notes = await _vault(context).notes()
        except Refused as refusal:
            return _refused(refusal, context)
        except Refusal as refusal:
            payload: VaultKeysetPayload = problem_of(refusal, context.language, VaultKeysetPayload)
            return payload
        return VaultKeyset(certificate=notes.certificate, keyset=notes.keyset)


@strawberry.type
class VaultMutation:
    @strawberry.mutation(
        description="Chuyển phong bì đến kho. / Passes sealed octets to the vault, and its answer back."
    )
    async def vault_call(self, info: Info, request: Base64) -> VaultCallPayload:
        context = info.context
        try:
            async with context.parsing(CALL):
                context.official()
            octets = await _vault(context).call(request, context.vault_credentials)
        except Refused as refusal:
            return _refused(refusal, context)
        except Refusal as refusal:
            payload: VaultCallPayload = problem_of(refusal, context.language, VaultCallPayload)
            return payload
        return VaultAnswer(octets=Base64(octets))


def _vault(context: GraphQLContext) -> Vault:
    vault: Vault | None = context.services.vault
    if vault is None:
        raise VaultUnavailable
    return vault


def _refused(refusal: Refused, context: GraphQLContext) -> VaultRefused:
    return VaultRefused(
        code=refusal.code,
        message=refusal.message(context.language),
        nonce=refusal.nonce,
        retry_after_seconds=refusal.retry_after,
    )
