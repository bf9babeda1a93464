"""A new device, in person: a one-time code, the key's fingerprint compared, two officers' signatures."""

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import InvalidInput
from foundation.ids import RandomBytes, new_report_code, parse_report_code, unb64u
from foundation.recording import Activity, AuditEvent
from vault.authority.errors import AlreadyThere, CodeInvalid, NativeOnly, NothingThere, StatementMalformed
from vault.authority.register import Register
from vault.authority.statements import DeviceBody, PublicKey, device_key
from vault.call.operations import Asked

CODE_MINUTES = 15
MOST_CANDIDATES = 32
CODE = AuditEvent("device.code", activity=Activity.CREATE)
ACTIVATE = AuditEvent("device.activate", activity=Activity.CREATE)

_ADD = text("INSERT INTO authority.activation (digest, person, officer) VALUES (:digest, :person, :officer)")
_KNOWN = text(
    "SELECT 1 FROM authority.activation WHERE digest = :digest AND person = :person"
    " AND added_at > now() - make_interval(mins => :minutes)"
)
_USE = text(
    "INSERT INTO authority.candidate (digest, jkt, x, y, native) VALUES (:digest, :jkt, :x, :y, :native)"
)
_CANDIDATES = text(
    "SELECT a.person, a.officer, c.jkt, c.x, c.y, c.native FROM authority.candidate c"
    " JOIN authority.activation a USING (digest) ORDER BY c.added_at DESC LIMIT :most"
)
_SAME = text(
    "SELECT 1 FROM authority.candidate c JOIN authority.activation a USING (digest)"
    " WHERE a.person = :person AND c.jkt = :jkt AND c.x = :x AND c.y = :y AND c.native = :native LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Codes and candidates. Neither is authority."""

    register: Register
    random_bytes: RandomBytes
    native_only: bool
    """In production: browsers are not enrolled."""

    async def code(self, asked: Asked, work: UnitOfWork, person: str) -> str:
        """A code for `person`'s next device, good once and for 15 minutes. Raises NotAnApprover."""
        session = asked.principal.session
        self.register.state.may_approve(session.sub, session.jkt, asked.at)
        code = new_report_code(self.random_bytes)
        row = {"digest": _digest(code), "person": person, "officer": session.sub}
        await work.connection.execute(_ADD, row)
        await work.record(CODE)
        return code

    async def activate(self, asked: Asked, work: UnitOfWork, code: str, key: PublicKey, native: bool) -> str:
        """Use a code up on this device: its fingerprint, to be compared. Raises CodeInvalid, NativeOnly."""
        session = asked.principal.session
        if self.native_only and not native:
            raise NativeOnly
        if device_key(key).thumbprint() != session.jkt:
            raise StatementMalformed("not the key of this device")
        if session.jkt in self.register.state.devices:
            raise AlreadyThere
        try:
            digest = _digest(parse_report_code(code))
        except InvalidInput as error:
            raise CodeInvalid from error
        asked_for = {"digest": digest, "person": session.sub, "minutes": CODE_MINUTES}
        if (await work.connection.execute(_KNOWN, asked_for)).one_or_none() is None:
            raise CodeInvalid
        row = {"digest": digest, "jkt": session.jkt, "x": key.x, "y": key.y, "native": native}
        try:
            await work.connection.execute(_USE, row)
        except IntegrityError as error:
            raise CodeInvalid from error
        await work.record(ACTIVATE)
        return fingerprint(session.jkt)

    async def candidates(self, connection: AsyncConnection) -> list[dict[str, Any]]:
        """Devices that came with a code and are not enrolled, newest first.

        The fingerprint is the key's own; a row that says it is of another key is left out.
        """
        rows = (await connection.execute(_CANDIDATES, {"most": MOST_CANDIDATES})).all()
        found = []
        for row in rows:
            jkt = _thumbprint(row.x, row.y)
            if jkt is None or jkt != row.jkt or jkt in self.register.state.devices:
                continue
            found.append(
                {
                    "person": row.person,
                    "officer": row.officer,
                    "fingerprint": fingerprint(jkt),
                    "key": {"kty": "EC", "crv": "P-256", "x": row.x, "y": row.y},
                    "native": row.native,
                }
            )
        return found

    async def check(self, connection: AsyncConnection, body: DeviceBody) -> None:
        """Raise NothingThere unless this very device came with a code."""
        asked_for = {
            "person": body.person,
            "jkt": device_key(body.key).thumbprint(),
            "x": body.key.x,
            "y": body.key.y,
            "native": body.native,
        }
        if (await connection.execute(_SAME, asked_for)).one_or_none() is None:
            raise NothingThere


def fingerprint(jkt: str) -> str:
    """What two people compare aloud: 80 bits of the key's thumbprint, as 16 Crockford characters."""
    return new_report_code(lambda octets: unb64u(jkt)[:octets])


def _thumbprint(x: str, y: str) -> str | None:
    try:
        return device_key(PublicKey("EC", "P-256", x, y)).thumbprint()
    except StatementMalformed:
        return None


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode("ascii")).digest()
