"""Citizens (công dân): known by (iss, sub), with an id of ours inside."""

from uuid import UUID

from backend.citizens.errors import AccountGone, PhoneUnproven
from foundation.database.database import Database
from foundation.errors import InvalidInput
from foundation.identity.principal import CitizenPrincipal, Origin, VerifiedSession
from foundation.ids import NewId
from foundation.phones import Phone, PhoneDigests

_ACCOUNT = "SELECT citizen_id, phone_digest, deletion FROM citizens.account_of($1, $2, $3)"


def phone_of_claim(claim: str | None) -> Phone | None:
    """The number that a token's claim names, None for what is no number of ours."""
    if claim is None:
        return None
    try:
        return Phone.parse(claim)
    except InvalidInput:
        return None


def require_proven(principal: CitizenPrincipal) -> None:
    """Raise PhoneUnproven unless the account's number is proven: reports are made by reachable people."""
    if not principal.phone_proven:
        raise PhoneUnproven


class CitizenService:
    """Turns a verified session of a citizen into a principal."""

    def __init__(self, database: Database, new_id: NewId, digests: PhoneDigests) -> None:
        self._database = database
        self._new_id = new_id
        self._digests = digests

    async def principal_of(self, session: VerifiedSession, origin: Origin) -> CitizenPrincipal:
        """The citizen behind a session; made known at the first sign-in. Raises AccountGone."""
        (row,) = await self._database.pool.fetch(_ACCOUNT, session.iss, session.sub, self._new_id())
        if row["deletion"] in {"deleting", "deleted"}:
            raise AccountGone
        citizen_id: UUID = row["citizen_id"]
        return CitizenPrincipal(
            origin=origin,
            session=session,
            citizen_id=citizen_id,
            phone_proven=self._is_proven(session, row["phone_digest"]),
        )

    def _is_proven(self, session: VerifiedSession, bound: bytes | None) -> bool:
        """Two words must agree: Keycloak's that the number in use is the verified one, and ours whose it is.

        Keycloak does not know when a number moved to somebody else; the database does not know when the
        person changed it on Keycloak's page.
        """
        phone = phone_of_claim(session.phone)
        if phone is None or bound is None or session.phone != session.phone_verified:
            return False
        return self._digests.of(phone) == bytes(bound)
