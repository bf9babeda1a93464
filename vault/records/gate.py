"""Who asks: their sign-in, code, device and standing, looked at before any record is."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.identity.principal import VerifiedSession
from foundation.identity.step_up import PASSKEY
from foundation.policy.entities import DescribedCaller, EntityRef, Resource
from vault.call.operations import Asked
from vault.keyring.types import Class
from vault.records import levels
from vault.records.errors import DeviceNotEnrolled, DeviceWaits
from vault.records.ports import Factor, Register, Standing, Watch

KEEPER, READER = "keeper", "reader"
NOBODYS = "none"
"""The holding of what is not there: nobody has a clearance for it, so deciding takes the same way."""
_SCOPE = text("SELECT set_config('ioc.holdings', :holdings, true)")


@dataclass(frozen=True, slots=True)
class Admitted:
    """A person who may ask about a class, as the policies are told. `epoch` is the register's."""

    described: DescribedCaller
    keeps: frozenset[str]
    """Tenants whose records of the class the person keeps, and reads."""
    reads: frozenset[str]
    barred: frozenset[UUID]
    """The own file, and those of superiors."""
    epoch: int

    @property
    def tenants(self) -> tuple[str, ...]:
        """All whose records the person may come near, in order."""
        return tuple(sorted(self.keeps | self.reads))


@dataclass(frozen=True, slots=True)
class Gate:
    """`native_alone`: personal and higher classes open in the managed app alone (production)."""

    register: Register
    factor: Factor
    watch: Watch
    native_alone: bool

    async def admit(self, asked: Asked, connection: AsyncConnection, class_: Class) -> Admitted:
        """The caller's standing, and row-level security set to it for this transaction.

        The same statements for everybody. Raises StepUpNeeded, DeviceNotEnrolled, DeviceWaits, and what the
        watch of credentials raises.
        """
        session, at = asked.principal.session, asked.at
        self.watch.check(class_, at)
        counts = await self.factor.counts(connection, session.sub, session.sid, session.jkt, class_, at)
        levels.require(session, class_, at, code_counts=counts)
        standing = await self.register.standing(connection, person=session.sub, jkt=session.jkt, at=at)
        above = await self._files_above(connection, session.sub, at)
        suspended = await self.watch.suspended(connection, session.sub)
        self._check_device(standing, asked, class_, suspended=suspended)
        own = standing.own_records
        held = [clearance for clearance in standing.clearances if clearance.class_ >= class_]
        keeps = frozenset(clearance.tenant for clearance in held if clearance.role == KEEPER)
        reads = frozenset(clearance.tenant for clearance in held if clearance.role == READER)
        described = DescribedCaller(
            EntityRef("Person", session.sub),
            (
                ("keeps", _holdings(keeps, class_)),
                ("reads", _holdings(reads, class_)),
                ("own", _files(own)),
                ("superiors", _files(above)),
            ),
            (
                ("acr", _level(session)),
                ("sign_in_age", max(int((at - session.auth_time).total_seconds()), 0)),
                ("second_factor", counts),
            ),
        )
        admitted = Admitted(described, keeps, reads, own | above, standing.epoch)
        await scope(connection, admitted, class_)
        return admitted

    async def _files_above(self, connection: AsyncConnection, sub: str, at: datetime) -> frozenset[UUID]:
        found = set[UUID]()
        for superior in sorted(self.register.superiors_of(sub)):
            standing = await self.register.standing(connection, person=superior, jkt="", at=at)
            found.update(standing.own_records)
        return frozenset(found)

    def _check_device(self, standing: Standing, asked: Asked, class_: Class, *, suspended: bool) -> None:
        session, device = asked.principal.session, standing.device
        if device is None or (device.person, device.jkt) != (session.sub, session.jkt) or suspended:
            raise DeviceNotEnrolled
        if self.native_alone and class_ is not Class.INTERNAL and not device.native:
            raise DeviceNotEnrolled
        if device.usable_from > asked.at:
            raise DeviceWaits(device.usable_from.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def holding_ref(tenant: str, class_: Class) -> EntityRef:
    """All records of a class of a tenant."""
    return EntityRef("Holding", NOBODYS if tenant == NOBODYS else f"{tenant}:{int(class_)}")


def holding(tenant: str, class_: Class) -> Resource:
    """The same, as what is decided on."""
    return Resource("Holding", holding_ref(tenant, class_).id, {})


def _holdings(tenants: frozenset[str], class_: Class) -> tuple[EntityRef, ...]:
    return tuple(holding_ref(tenant, class_) for tenant in sorted(tenants))


def _files(records: frozenset[UUID]) -> tuple[EntityRef, ...]:
    return tuple(EntityRef("CadreFile", str(record)) for record in sorted(records))


def _level(session: VerifiedSession) -> int:
    """3 for a passkey alone: the claim says aal3 whenever the level was asked for."""
    level = {"aal1": 1, "aal2": 2, "aal3": 3}[session.acr]
    return level if level < 3 or PASSKEY in session.amr else 2


async def scope(connection: AsyncConnection, admitted: Admitted, class_: Class) -> None:
    """Set row-level security of this transaction to what the person may come near."""
    holdings = ",".join(f"{tenant}:{int(class_)}" for tenant in admitted.tenants)
    await connection.execute(_SCOPE, {"holdings": holdings})
