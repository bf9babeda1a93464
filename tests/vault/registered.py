"""A register on a database of a test's own, with the keys of everybody who signs."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from foundation.identity.principal import Origin
from tests.vault.chain import Chain
from tests.vault.rig import Clock, Rig
from vault.authority.errors import RegisterBroken
from vault.authority.register import FOUND, Register
from vault.authority.statements import head_after
from vault.call.door import principal_of

HOME = Origin("start", "127.0.0.0")


@dataclass
class Registered:
    """The register of a running vault, whatever a superuser does, and others as after a restart."""

    rig: Rig
    chain: Chain = field(default_factory=Chain)
    genesis: bytes | None = None
    register: Register = field(init=False)

    def __post_init__(self) -> None:
        self.genesis = self.chain.genesis()
        self.register = self.started()

    def started(self) -> Register:
        """A register as after a restart: it knows nothing yet."""
        return Register(self.chain.pinned, lambda: self.genesis, timedelta(days=1), Clock())

    async def begin(self) -> "Registered":
        """With the genesis in the chain."""
        await self.register.establish(self.rig.database, HOME)
        await self.look()
        return self

    async def add(self, octets: bytes, register: Register | None = None) -> None:
        """Append as an operation does. Raises a StatementRefused."""
        device = self.rig.device()
        principal = principal_of(self.rig.keycloak.sessions[device.token], HOME)
        async with self.rig.database.unit_of_work(principal, FOUND) as work:
            await work.record(await (register or self.register).append(work.connection, octets))
            await work.commit()

    async def look(self, register: Register | None = None) -> int:
        """The epoch that a register comes to. Raises RegisterBroken."""
        register = register or self.register
        async with self.rig.database.unscoped() as connection:
            await register.refresh(connection)
        return register.state.epoch

    async def is_broken(self) -> None:
        """For who was there before and for who starts now."""
        for register in (self.register, self.started()):
            with pytest.raises(RegisterBroken):
                await self.look(register)

    def sql(self, statement: str, *values: object) -> None:
        """As superuser."""
        with self.rig.vault.cluster.connect(self.rig.vault.name) as superuser:
            superuser.execute(statement.encode(), values)

    def insert(self, octets: bytes) -> None:
        """As superuser: a row at the end, well chained."""
        state = self.register.state
        values = (state.epoch + 1, octets, head_after(state.head, octets))
        self.sql("INSERT INTO authority.statement (n, octets, head) VALUES (%s, %s, %s)", *values)
