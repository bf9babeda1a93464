"""A door that offers `factor.present`, and trial operations that need a code as those on records do."""

import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
from sqlalchemy.ext.asyncio import AsyncConnection

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from foundation.database.database import Database as Pools
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import Forbidden
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import new_uuid
from foundation.recording import AuditEvent
from tests.parts import Database
from tests.vault.parts import NOW, Device
from tests.vault.rig import Clock, Rig
from tests.vault.safe import Safe
from vault.call.operations import Answer, Asked, Operation
from vault.keyring.types import Class
from vault.second_factor.codes import PERIOD, code_of
from vault.second_factor.operations import operations
from vault.second_factor.service import SecondFactor

CEREMONY = AuditEvent("vault.trial_ceremony")
OPEN = AuditEvent("vault.trial_open")


@dataclass
class FactorRig:
    """A vault with second factors."""

    rig: Rig
    factor: SecondFactor
    safe: Safe
    attempts: Pools
    policy_refuses: bool = False
    enrolled: set[tuple[str, str]] = field(default_factory=set)
    """(sub, jkt) of what the register would have."""

    @classmethod
    async def of(cls, vault: Database, safe: Safe | None = None, clock: Clock | None = None) -> "FactorRig":
        """As a process that has just started on this database."""
        safe, clock = safe or Safe(), clock or Clock()
        recorder = AuditRecorder(
            service="ioc-vault",
            clock=clock,
            new_id=new_uuid,
            random_bytes=secrets.token_bytes,
            refusals=RefusalCounter(),
        )
        attempts = Pools(vault.settings("vault_app", pool_size=2), recorder)
        factor = SecondFactor(safe, attempts, clock, new_uuid, secrets.token_bytes)
        made = cls(Rig.of(vault), factor, safe, attempts)
        made.rig = Rig.of(vault, operations(factor, made._enrolled), made._trials())
        made.rig.clock.at = clock.at
        await made.rig.database.open()
        return made

    def __post_init__(self) -> None:
        self._jtis = (f"j{number}" for number in itertools.count(1))

    async def close(self) -> None:
        """Let go of the database."""
        await self.attempts.close()
        await self.rig.database.close()

    async def enrol(self, device: Device) -> "Authenticator":
        """What this person's second device shows from now on."""
        principal = SystemPrincipal(Origin("ceremony", "10.0.0.0"), "ceremony")
        async with self.rig.database.unit_of_work(principal, CEREMONY) as work:
            uri = await self.factor.issue(work, device.sub, device.key.thumbprint())
            await work.commit()
        (secret,) = parse_qs(urlsplit(uri).query)["secret"]
        return Authenticator(secret, uri)

    async def issued(self, device: Device) -> dict[str, Any]:
        """What the device reads that asks for its factor."""
        return await self.rig.ask(device, next(self._jtis) + device.token, "factor.issue")

    async def _enrolled(self, _connection: AsyncConnection, sub: str, jkt: str, _at: datetime) -> bool:
        return (sub, jkt) in self.enrolled

    async def present(self, device: Device, code: str, class_: str = "party") -> dict[str, Any]:
        """What the device reads."""
        return await self.rig.ask(
            device, next(self._jtis) + device.token, "factor.present", **{"class": class_, "code": code}
        )

    async def open_restricted(self, device: Device, code: str) -> dict[str, Any]:
        """A request that carries its code."""
        return await self.rig.ask(device, next(self._jtis) + device.token, "open", code=code)

    async def counts(
        self, device: Device, class_: Class, *, later: timedelta = timedelta(), **other: str
    ) -> bool:
        """Whether a code counts for this device, session and class so much later."""
        jkt = other.get("jkt", device.key.thumbprint())
        sub, sid = other.get("sub", device.sub), other.get("sid", device.sid)
        principal = SystemPrincipal(Origin("look", "10.0.0.0"), "look")
        async with self.rig.database.unit_of_work(principal, OPEN) as work:
            await work.connection.exec_driver_sql("SELECT set_config('ioc.device', $1, true)", (jkt,))
            return await self.factor.counts(work.connection, sub, sid, jkt, class_, self.rig.clock.at + later)

    def move(self, moment: timedelta) -> None:
        """Time passes."""
        self.rig.clock.at += moment

    def _trials(self) -> Mapping[str, Operation]:
        async def opened() -> dict[str, Any]:
            return {"opened": True}

        async def run(asked: Asked, work: UnitOfWork) -> Answer:
            await self.factor.present(asked, work, Class.RESTRICTED, code_of(asked.parameters))
            if self.policy_refuses:
                raise Forbidden
            await work.record(OPEN)
            return opened

        return {"open": Operation(OPEN, lambda _: None, run)}


@dataclass(frozen=True)
class Authenticator:
    """The second device."""

    secret: str
    uri: str

    def code(self, steps: int = 0, since: timedelta = timedelta()) -> str:
        """What it shows so many steps from the moment that tests begin at."""
        totp = pyotp.TOTP(self.secret)
        return totp.generate_otp(int((NOW + since).timestamp()) // PERIOD + steps)

    def wrong(self) -> str:
        """Six digits that it shows at none of the steps about that moment."""
        shown = {self.code(steps) for steps in range(-3, 200)}
        return next(code for code in map("{:06}".format, range(1000)) if code not in shown)
