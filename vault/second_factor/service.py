"""Issuing a person's factor, taking codes, and telling whether one counts.

A failure must stay counted though its refusal undoes the operation. So a code is looked at in a transaction
of its own, which counts, uses the step up and records `vault.factor.check`; whatever the operation comes to,
the code is gone.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import Refusal
from foundation.recording import Activity, AuditEvent
from vault.call.octets import lp
from vault.call.operations import Asked
from vault.keyring.memory import wiped
from vault.keyring.types import Class
from vault.second_factor import codes, queries
from vault.second_factor.errors import FactorLocked, FactorMissing, FactorThere, WrongCode
from vault.second_factor.queries import Factor

WINDOWS = {Class.PERSONAL: timedelta(minutes=15), Class.PARTY: timedelta(minutes=5)}
"""How long a code counts for its class; for `restricted` only for the request that carries it."""
CHECK = AuditEvent("vault.factor.check", activity=Activity.UPDATE)
_ABSENT = b"ioc-vault/no-factor/v1"


class Secrets(Protocol):
    """vault.keyring.service.Keyring."""

    async def seal_secret(self, name: bytes, plaintext: bytes | bytearray) -> bytes:
        """Raises a Refusal when the keys are away."""
        ...

    async def unseal_secret(self, name: bytes, sealed: bytes) -> bytearray:
        """What was sealed under `name`; the caller wipes it. Raises a Refusal when the keys are away."""
        ...


class SecondFactor:
    """`attempts` is the vault's database, with connections apart from those that operations hold.

    A check takes one while its operation keeps another: operations that all wait for one more of the same
    would wait for ever.
    """

    def __init__(
        self,
        secrets: Secrets,
        attempts: Database,
        clock: Clock,
        new_id: Callable[[], UUID],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._secrets = secrets
        self._attempts = attempts
        self._clock = clock
        self._new_id = new_id
        self._random_bytes = random_bytes
        self._absent = b""

    async def issue(self, work: UnitOfWork, person: str, jkt: str) -> str:
        """A new factor of `person` (sub) with the device `jkt`, in place of the old one: its URI.

        In the caller's transaction, which is a ceremony's: say the URI once, sealed, after the commit. Raises
        what the keyring raises.
        """
        factor = self._new_id()
        with wiped(bytearray(self._random_bytes(codes.SECRET))) as secret:
            sealed = await self._secrets.seal_secret(_name(factor, person, jkt), secret)
            await queries.issue(work.connection, factor, person, jkt, sealed, self._clock.now())
            await work.record(
                AuditEvent("vault.factor.issue", activity=Activity.CREATE, resource=f"factor:{factor}")
            )
            return codes.provisioning_uri(secret, person)

    async def issue_first(self, asked: Asked, work: UnitOfWork) -> str:
        """The factor of the device whose call this is, if it has none: its URI. Raises FactorThere.

        One of several at the same moment gets it. Whether the device is enrolled the caller knows.
        """
        session = asked.principal.session
        await queries.begin(work.connection, session.sub, session.jkt, asked.at)
        if await queries.find(work.connection, session.sub, session.jkt) is not None:
            raise FactorThere
        return await self.issue(work, session.sub, session.jkt)

    async def present(self, asked: Asked, work: UnitOfWork, class_: int, code: str) -> None:
        """Take the caller's `code` for `class_`; noted in the caller's transaction if it lasts.

        Before anything else is recorded in that transaction. Raises WrongCode, FactorLocked, FactorMissing.
        What the keyring raises goes on, with nothing counted.
        """
        factor, step = await self._checked(asked, code)
        if class_ in WINDOWS:
            sid = asked.principal.session.sid
            await queries.note(work.connection, factor, step, sid, class_, asked.at)

    async def counts(
        self, connection: AsyncConnection, sub: str, sid: str, jkt: str, class_: int, at: datetime
    ) -> bool:
        """Whether a code that was presented before counts at `at`; `connection` is of this device's call.

        For `restricted` it never does: `present` the one that the request carries.
        """
        if class_ == Class.INTERNAL:
            return True
        if class_ == Class.RESTRICTED:
            return False
        return await queries.counts(
            connection, sub, sid, jkt, class_, since=at - WINDOWS[Class(class_)], at=at
        )

    async def _checked(self, asked: Asked, code: str) -> tuple[UUID, int]:
        async with self._attempts.unit_of_work(asked.principal, CHECK) as work:
            said = await self._check(asked, work, code)
            if isinstance(said, Refusal):
                await work.record_refused(CHECK, said)
            else:
                await work.record(CHECK)
            await work.commit()
        if isinstance(said, Refusal):
            raise said
        return said

    async def _check(self, asked: Asked, work: UnitOfWork, code: str) -> tuple[UUID, int] | Refusal:
        """As much is done for who has no factor as for a wrong code."""
        session, connection = asked.principal.session, work.connection
        sub, jkt = session.sub, session.jkt
        failures, until = await queries.begin(connection, sub, jkt, asked.at)
        if until is not None and asked.at < until:
            return FactorLocked()
        factor = await queries.find(connection, sub, jkt)
        step = await self._step(factor, sub, jkt, code, asked.at)
        if factor is not None and step and await queries.raise_step(connection, factor.id, step):
            await queries.failed(connection, sub, jkt, 0, None)
            return factor.id, step
        failures += 1
        lock = codes.lock_after(failures)
        await queries.failed(connection, sub, jkt, failures, asked.at + lock if lock else None)
        return FactorMissing() if factor is None else WrongCode()

    async def _step(self, factor: Factor | None, sub: str, jkt: str, code: str, at: datetime) -> int:
        absent = await self._sealed_absent()
        name, sealed = (_ABSENT, absent) if factor is None else (_name(factor.id, sub, jkt), factor.sealed)
        with wiped(await self._secrets.unseal_secret(name, sealed)) as secret:
            return codes.matching_step(secret, code, at)

    async def _sealed_absent(self) -> bytes:
        """A secret of nobody's, opened where there is none to open."""
        if not self._absent:
            self._absent = await self._secrets.seal_secret(_ABSENT, self._random_bytes(codes.SECRET))
        return self._absent


def _name(factor: UUID, sub: str, jkt: str) -> bytes:
    members: tuple[bytes | str, ...] = (b"ioc-vault/factor/v1", factor.bytes, sub, jkt)
    return b"".join(lp(member) for member in members)
