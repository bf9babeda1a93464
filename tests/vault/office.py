"""A vault with authority's operations, and people who call it on their devices."""

import dataclasses
import itertools
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from foundation.ids import unb64u
from tests.parts import Database
from tests.vault.chain import Chain, id_at, public
from tests.vault.parts import Device
from tests.vault.registered import HOME
from tests.vault.rig import Clock, Rig
from vault.authority.operations import operations_of
from vault.authority.register import Register
from vault.authority.statements import sign


class Office:
    """Officers of the genesis call on the devices that it names; others on devices of their own."""

    def __init__(self, vault: Database, *, native_only: bool = False) -> None:
        self.chain, clock = Chain(), Clock()
        self.genesis = self.chain.genesis()
        self.register = Register(self.chain.pinned, lambda: self.genesis, timedelta(days=1), clock)
        operations = operations_of(
            self.register,
            lambda: id_at(clock.at),
            lambda size: next(self._codes)[:size],
            native_only=native_only,
        )
        self.rig = Rig.of(vault, operations)
        self.rig.clock = clock
        self.rig.door = dataclasses.replace(self.rig.door, clock=clock, guard=self.register.refresh)
        self._numbers = itertools.count(1)
        self._codes = (bytes([number]) * 10 for number in itertools.count(1))

    async def begin(self) -> "Office":
        """With the genesis in the chain."""
        await self.rig.database.open()
        await self.register.establish(self.rig.database, HOME)
        return self

    def device(self, name: str, key: str | None = None) -> Device:
        """The person signed in on the device whose key is kept as `key`."""
        device = Device(
            sub=name,
            sid=f"session-{name}-{key}",
            token=f"token.of.{name}.{key}",
            key=self.chain.key_of(key or name),
        )
        self.rig.keycloak.sign_in(device)
        return device

    async def ask(self, who: str | Device, operation: str, **parameters: Any) -> dict[str, Any]:
        """What the device reads: {"result": …} or {"problem": …}."""
        device = self.device(who) if isinstance(who, str) else who
        return await self.rig.ask(device, f"jti-{next(self._numbers)}", operation, **parameters)

    async def result(self, who: str | Device, operation: str, **parameters: Any) -> dict[str, Any]:
        """As `ask`, of what must succeed."""
        said = await self.ask(who, operation, **parameters)
        return said["result"]

    async def problem(self, who: str | Device, operation: str, **parameters: Any) -> str:
        """As `ask`, of what must be refused: its code."""
        said = await self.ask(who, operation, **parameters)
        return said["problem"]["code"]

    async def proposed(self, who: str, kind: str, body: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A proposal: {"id": …, "payload": …}."""
        terms = {"from": None, "until": None, "reason": "need"} | more
        return await self.result(who, "authority.propose", kind=kind, body=body, **terms)

    def signed(self, name: str, proposal: dict[str, Any]) -> dict[str, str]:
        """Parameters of authority.sign, made with the key that is kept as `name`."""
        made = sign(unb64u(proposal["payload"]), self.chain.key_of(name))
        return {"proposal": proposal["id"], "protected": made.protected, "signature": made.signature}

    async def given(self, kind: str, body: dict[str, Any], by: Sequence[str]) -> dict[str, Any]:
        """Proposed by the first, signed by all: what the last one reads."""
        proposal = await self.proposed(by[0], kind, body)
        said: dict[str, Any] = {}
        for name in by:
            said = await self.result(name, "authority.sign", **self.signed(name, proposal))
        return said

    async def candidate(self, person: str, key: str, officer: str = "an") -> dict[str, Any]:
        """A device that came with a code: the body of its proposal."""
        code = (await self.result(officer, "device.code", person=person))["code"]
        device = self.device(person, key)
        jwk = {"kty": "EC", "crv": "P-256", "x": public(device.key).x, "y": public(device.key).y}
        await self.result(device, "device.activate", code=code, key=jwk, native=True)
        return {"person": person, "key": jwk, "native": True}

    def lock(self, name: str, **target: Any) -> dict[str, str]:
        """Parameters of authority.lock, made and signed on the device that is kept as `name`."""
        made = json.loads(self.chain.lock([name], at=self.rig.clock.at, **target))
        return {"payload": made["payload"], **made["signatures"][0]}
