"""Resets of an official's credentials: one officer asks, a second one confirms what the first one signed."""

import hmac
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from backend.officials.errors import ResetOver, SecondOfficerNeeded, WrongState
from backend.officials.limits import checked_note
from backend.officials.service import Locked, OfficialService
from backend.officials.store import Noted
from backend.officials.types import ChangedOfficial, OfficialState
from foundation.directory_queue import Asking, Operation
from foundation.errors import InvalidInput
from foundation.idempotency import Idempotency
from foundation.identity.body_proofs import digest_of
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import NewId, RandomBytes, new_report_code, parse_report_code

LIFE = timedelta(minutes=30)
"""How long a request waits for the second officer."""

_REPLACE = text(
    """
    UPDATE tenancy.reset_request SET state = 'replaced', body = NULL, token = NULL, proof = NULL
    WHERE official_id = :official_id AND state = 'open'
    """
)
_ASK = text(
    """
    INSERT INTO tenancy.reset_request (id, code, official_id, state, asked_by, asked_name, asked_at,
                                       expires_at, note, digest, body, token, proof)
    VALUES (:id, :code, :official_id, 'open', :asked_by,
            (SELECT o.name FROM tenancy.official o WHERE o.id = :asked_by), :asked_at, :expires_at, :note,
            :digest, :body, :token, :proof)
    """
)
_OPEN = text(
    """
    SELECT id, asked_by, expires_at, digest, body, token, proof FROM tenancy.reset_request
    WHERE official_id = :official_id AND code = :code AND state = 'open'
    """
)
_CONFIRM = text(
    """
    UPDATE tenancy.reset_request SET state = 'confirmed', confirmed_by = :confirmed_by, confirmed_at = :at,
      body = NULL, token = NULL, proof = NULL
    WHERE id = :id
    """
)


class ResetService:
    """Both halves of a reset. The directory checks both officers' words again, by itself."""

    def __init__(self, officials: OfficialService, new_id: NewId, random_bytes: RandomBytes) -> None:
        self._officials = officials
        self._new_id = new_id
        self._random_bytes = random_bytes

    async def ask_reset(
        self, principal: OfficialPrincipal, code: str, note: str, asking: Asking, idempotency: Idempotency
    ) -> ChangedOfficial:
        """Ask; a request that was open is replaced. Nothing happens to the account yet. Raises WrongState."""

        async def change(locked: Locked) -> None:
            reason = checked_note(note)
            _check_has_account(locked)
            await locked.work.connection.execute(_REPLACE, {"official_id": locked.official.id})
            row = self._row(principal, locked, asking, reason)
            await locked.work.connection.execute(_ASK, row)
            await self._officials.note(locked, Noted("reset_asked", reason))

        return await self._officials.change(principal, "official.ask_reset", code, None, change, idempotency)

    async def confirm_reset(
        self,
        principal: OfficialPrincipal,
        code: str,
        request: str,
        digest: str,
        asking: Asking,
        idempotency: Idempotency,
    ) -> ChangedOfficial:
        """The second officer's word: sessions end, and the directory takes the credentials away.

        Raises ResetOver, SecondOfficerNeeded, WrongState; InvalidInput for another digest than the first's.
        """

        async def change(locked: Locked) -> None:
            _check_has_account(locked)
            first = await self._first(principal, locked, request, digest)
            await self._officials.note(locked, Noted("reset_confirmed"))
            await self._officials.end_sessions(locked, "official_reset")
            await self._officials.ask_directory(locked, Operation.OFFICIAL_RESET, {}, (first, asking))

        return await self._officials.change(
            principal, "official.confirm_reset", code, None, change, idempotency
        )

    async def _first(self, principal: OfficialPrincipal, locked: Locked, request: str, digest: str) -> Asking:
        """What the first officer's device sent; the request is confirmed."""
        place = {"official_id": locked.official.id, "code": _code_of(request)}
        row = (await locked.work.connection.execute(_OPEN, place)).one_or_none()
        if row is None or row.expires_at <= locked.now:
            raise ResetOver
        if row.asked_by == principal.official_id:
            raise SecondOfficerNeeded
        if not (digest.isascii() and hmac.compare_digest(row.digest, digest)):
            raise InvalidInput("digest")
        await locked.work.connection.execute(
            _CONFIRM, {"id": row.id, "confirmed_by": principal.official_id, "at": locked.now}
        )
        return Asking(body=bytes(row.body), token=row.token, proof=row.proof)

    def _row(
        self, principal: OfficialPrincipal, locked: Locked, asking: Asking, reason: str
    ) -> dict[str, Any]:
        asked_at: datetime = locked.now
        return {
            "id": self._new_id(),
            "code": new_report_code(self._random_bytes),
            "official_id": locked.official.id,
            "asked_by": principal.official_id,
            "asked_at": asked_at,
            "expires_at": asked_at + LIFE,
            "note": reason,
            "digest": digest_of(asking.body),
            "body": asking.body,
            "token": asking.token,
            "proof": asking.proof,
        }


def _check_has_account(locked: Locked) -> None:
    """Only who has signed in has credentials to be taken away; who never did gets the invitation again."""
    if locked.official.state != OfficialState.ACTIVE:
        raise WrongState(locked.official.state)


def _code_of(request: str) -> str:
    try:
        return parse_report_code(request)
    except InvalidInput:
        raise InvalidInput("request") from None
