"""Requests as they were signed: which process may ask what, and is this row what it signed?"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from joserfc.jwk import ECKey

from directory.errors import Expired, Forged
from foundation.directory_queue import LIFE, TYP, VERSION, Asking, Operation
from foundation.identity import jose
from foundation.settings import SignerSettings, read_secret

SKEW = timedelta(seconds=60)
"""How far the signed moment may lie from the one at which the row was written, which no caller can choose."""

_JOB = re.compile(r"[a-z][a-z_]{0,39}(?:\.[a-z][a-z_]{0,39})+")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of `directory.request` with its askings, as somebody wrote them."""

    id: UUID
    signer: str
    operation: str
    target: str
    jws: str
    created_at: datetime
    attempts: int
    give_up: bool
    askings: tuple[Asking, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What a process of ours signed. `asked_at` is the moment that it signed."""

    id: UUID
    signer: str
    operation: Operation
    target: str
    parameters: Mapping[str, Any]
    then: str | None
    asked_at: datetime
    askings: tuple[Asking, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """How many officers must have asked, by the process that passes it on. An absent process may not ask."""

    api: int | None = None
    worker: int | None = None

    def of(self, signer: str) -> int | None:
        """The number for this process; None: never."""
        return {"api": self.api, "worker": self.worker}.get(signer)


RULES: Mapping[Operation, Rule] = {
    # What gives somebody something: only on the officer's own word.
    Operation.OFFICIAL_CREATE: Rule(api=1),
    Operation.OFFICIAL_ENABLE: Rule(api=1),
    Operation.OFFICIAL_MOVE: Rule(api=1),
    Operation.OFFICIAL_END: Rule(api=1),
    Operation.OFFICIAL_RESET: Rule(api=2),
    Operation.CITIZEN_RESET: Rule(api=1),
    # The worker disables who has been idle.
    Operation.OFFICIAL_DISABLE: Rule(api=1, worker=0),
    # What only ends sessions.
    Operation.OFFICIAL_END_SESSIONS: Rule(api=0, worker=0),
    Operation.CITIZEN_END_SESSIONS: Rule(api=0, worker=0),
    Operation.SESSION_END: Rule(api=0, worker=0),
    # What follows from our own tables.
    Operation.ORGANISATION_PUT: Rule(worker=0),
    Operation.CITIZEN_VERIFY_PHONE: Rule(api=0, worker=0),
    Operation.CITIZEN_DISABLE: Rule(worker=0),
    Operation.CITIZEN_ENABLE: Rule(worker=0),
    Operation.CITIZEN_DELETE: Rule(worker=0),
}


class Signers:
    """The public keys of the processes that may ask."""

    def __init__(self, settings: Mapping[Any, SignerSettings]) -> None:
        self._keys: dict[tuple[str, str], ECKey] = {}
        for name, signer in settings.items():
            for file in signer.public_key_files:
                key = ECKey.import_key(read_secret(file))
                self._keys[str(name), key.thumbprint()] = key

    def verified(self, row: Row, now: datetime) -> Request:
        """What was signed. Raises Forged, or Expired when it waited too long."""
        claims = self._claims(row)
        operation = _operation(claims, row)
        issued = _moment(claims.get("iat"))
        ends = _moment(claims.get("exp"))
        if abs(issued - row.created_at) > SKEW or not issued < ends <= issued + LIFE:
            raise Forged
        parameters = claims.get("params")
        then = claims.get("then")
        if not isinstance(parameters, dict) or not (then is None or _is_job(then)):
            raise Forged
        _check_askings(claims.get("asked"), row.askings)
        if RULES[operation].of(row.signer) != len(row.askings):
            raise Forged
        if ends <= now:
            raise Expired
        return Request(row.id, row.signer, operation, row.target, parameters, then, issued, row.askings)

    def _claims(self, row: Row) -> dict[str, Any]:
        try:
            header = jose.header_of(row.jws)
            key = self._keys.get((row.signer, str(header.get("kid"))))
            if key is None or header.get("typ") != TYP:
                raise Forged
            return jose.verified_payload_of(row.jws, key)
        except jose.NotJose as error:
            raise Forged from error


def _operation(claims: dict[str, Any], row: Row) -> Operation:
    """The operation, which like target and id must be the row's."""
    said = (claims.get("v"), claims.get("op"), claims.get("target"), claims.get("jti"))
    if said != (VERSION, row.operation, row.target, str(row.id)):
        raise Forged
    try:
        return Operation(row.operation)
    except ValueError as error:
        raise Forged from error


def _check_askings(said: Any, askings: Sequence[Asking]) -> None:
    if not isinstance(said, list) or len(said) != len(askings):
        raise Forged
    for digest, asking in zip(said, askings, strict=True):
        try:
            same = isinstance(digest, str) and hmac.compare_digest(digest, asking.digest())
        except (UnicodeEncodeError, TypeError):
            same = False
        if not same:
            raise Forged


def _is_job(then: Any) -> bool:
    return isinstance(then, str) and _JOB.fullmatch(then) is not None


def _moment(value: Any) -> datetime:
    try:
        return jose.moment_of(value)
    except jose.NotJose as error:
        raise Forged from error
