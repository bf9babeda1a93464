"""What api and worker ask of the directory, the only process that administers Keycloak.

A request is a row of `directory.request`, written in the transaction of its cause: a compact JWS by the
asking process's own key (ES256), and what the officers' devices signed. The directory believes neither the
row nor the process: for what gives somebody something it checks the officers' own words
(docs/decisions/0025-directory-queue.md).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from joserfc.jwk import ECKey
from sqlalchemy import text

from foundation.clock import Clock
from foundation.database.unit_of_work import UnitOfWork
from foundation.identity import jose
from foundation.ids import NewId
from foundation.settings import DirectoryQueueSettings, read_secret

TYP = "ioc-directory+jwt"
VERSION = 1
LIFE = timedelta(hours=24)
"""A request that Keycloak's absence kept waiting longer is refused: too much may have changed."""

NUMBER_LEFT = "citizens.number_left"
"""The job that the directory itself enqueues when an account leaves a number: who has that is told."""
PASSWORD_FOR, NUMBER_FOR, LEFT_FOR = "recovery-password", "recovery-number", "number-left"
"""What the directory seals for the worker alone, about a recovery and about a request."""

_INSERT = text(
    "INSERT INTO directory.request (id, signer, operation, target, jws)"
    " VALUES (:id, :signer, :operation, :target, :jws)"
)
_ASKING = text(
    "INSERT INTO directory.asking (request_id, position, body, token, proof)"
    " VALUES (:id, :position, :body, :token, :proof)"
)
_OUTCOME = text("SELECT state, code, result FROM directory.outcome(:id)")


class Operation(StrEnum):
    """What may be asked. Targets: an official's or unit's code, a citizen's id, a session's id."""

    OFFICIAL_CREATE = "official.create"
    OFFICIAL_ENABLE = "official.enable"
    OFFICIAL_DISABLE = "official.disable"
    OFFICIAL_END = "official.end"
    OFFICIAL_MOVE = "official.move"
    OFFICIAL_RESET = "official.reset"
    OFFICIAL_END_SESSIONS = "official.end_sessions"
    SESSION_END = "session.end"
    ORGANISATION_PUT = "organisation.put"
    CITIZEN_VERIFY_PHONE = "citizen.verify_phone"
    CITIZEN_DISABLE = "citizen.disable"
    CITIZEN_ENABLE = "citizen.enable"
    CITIZEN_DELETE = "citizen.delete"
    CITIZEN_END_SESSIONS = "citizen.end_sessions"
    CITIZEN_RESET = "citizen.reset"


@dataclass(frozen=True, slots=True)
class Asking:
    """What an officer's device sent for a mutation: the body's exact octets, its token, its proof.

    The proof signs the body: claim `digest`, `sha-256=:<base64>:` (RFC 9530).
    """

    body: bytes
    token: str
    proof: str

    def digest(self) -> str:
        """Hex SHA-256 over the SHA-256 of body, token and proof: what the request's JWS names it by."""
        parts = (self.body, self.token.encode("ascii"), self.proof.encode("ascii"))
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request: `state` "waiting", "done" or "refused"; `code` says why it was refused."""

    state: str
    code: str | None
    result: Mapping[str, Any] | None


class DirectoryQueue:
    """Asks the directory in the name of one process."""

    def __init__(self, *, signer: str, key: ECKey, clock: Clock, new_id: NewId) -> None:
        self._signer = signer
        self._key = key
        self._clock = clock
        self._new_id = new_id

    @classmethod
    def of(cls, settings: DirectoryQueueSettings, clock: Clock, new_id: NewId) -> "DirectoryQueue":
        """With the key that the settings name. Raises OSError, ValueError."""
        key = ECKey.import_key(read_secret(settings.key_file))
        return cls(signer=settings.signer, key=key, clock=clock, new_id=new_id)

    async def add(
        self,
        work: UnitOfWork,
        operation: Operation,
        target: str,
        parameters: Mapping[str, object],
        *,
        asked_by: Sequence[Asking] = (),
        then: str | None = None,
    ) -> UUID:
        """Ask, in the unit of work's transaction; the request's id.

        `then` names a job with the one argument `request` (the id), which is enqueued when the request is
        done or refused for good.
        """
        request = self._new_id()
        issued = int(self._clock.now().timestamp())
        claims: dict[str, Any] = {
            "v": VERSION,
            "op": str(operation),
            "target": target,
            "params": dict(parameters),
            "then": then,
            "asked": [asking.digest() for asking in asked_by],
            "jti": str(request),
            "iat": issued,
            "exp": issued + int(LIFE.total_seconds()),
        }
        compact = jose.sign({"typ": TYP, "kid": self._key.thumbprint()}, claims, self._key)
        row = {"id": request, "signer": self._signer, "operation": str(operation), "target": target}
        await work.connection.execute(_INSERT, {**row, "jws": compact})
        for position, asking in enumerate(asked_by):
            parts = {"body": asking.body, "token": asking.token, "proof": asking.proof}
            await work.connection.execute(_ASKING, {"id": request, "position": position, **parts})
        return request

    async def outcome(self, work: UnitOfWork, request: UUID) -> Outcome:
        """What became of a request, as the function of this name."""
        return await outcome(work, request)


async def outcome(work: UnitOfWork, request: UUID) -> Outcome:
    """What became of a request. Raises LookupError when there is none."""
    row = (await work.connection.execute(_OUTCOME, {"id": request})).one_or_none()
    if row is None:
        raise LookupError("the directory has no such request")
    result = json.loads(row.result) if isinstance(row.result, str) else row.result
    return Outcome(row.state, row.code, result)
