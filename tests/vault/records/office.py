"""The Organisation Committee at work: cadre files on a real database, people cleared as a test says."""

import itertools
import secrets
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from foundation.ids import b64u, new_uuid
from foundation.policy.engine import PolicyEngine
from stack.home import ROOT
from tests.parts import Database
from tests.vault.parts import NOW, Device
from tests.vault.records.doubles import Enrolled, Factor, Held, Keys, Register, Watch
from tests.vault.rig import Rig
from vault.cadres.operations import operations_of
from vault.cadres.service import CADRE, Cadres
from vault.call import answer, octets, request
from vault.call.operations import GREETING, Operations
from vault.keyring.types import Class
from vault.records.gate import Gate
from vault.records.results import Results
from vault.records.service import Records

HOAN_KIEM, CONSTRUCTION = "00070", "D0001"
POLICIES = PolicyEngine.load(ROOT / "policies" / "vault")


def file(code: str = "HK-0001", name: str = "Nguyễn Văn Hòa", **identity: Any) -> dict[str, Any]:
    """A small file as an app sends it."""
    return {
        "code": code,
        "identity": {
            "fullName": name,
            "birthDate": "1980-02-03",
            "gender": "male",
            "birthPlace": "Hà Nội",
            "hometown": "Nam Định",
            "ethnicity": "Kinh",
            "citizenId": "001080123456",
            "unit": "00070",
            "post": "Phó Chủ tịch",
            "qualification": "master",
            "politicalTheory": "advanced",
            **identity,
        },
    }


@dataclass
class Office:
    """The door, and what it stands on."""

    rig: Rig
    keys: Keys
    register: Register
    factor: Factor
    watch: Watch
    cadres: Cadres
    numbers: itertools.count = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def of(cls, vault: Database, *, native_alone: bool = True) -> "Office":
        """On this database."""
        rig = Rig.of(vault)
        keys, register, factor, watch = Keys(), Register(), Factor(), Watch()
        records = Records(
            kind=CADRE,
            gate=Gate(register, factor, watch, native_alone),
            policies=POLICIES,
            keys=keys,
            results=Results(keys),
            database=rig.database,
            new_id=new_uuid,
            random_bytes=secrets.token_bytes,
        )
        cadres = Cadres(records)
        rig.door = replace(rig.door, operations=Operations(GREETING, operations_of(cadres)))
        return cls(rig, keys, register, factor, watch, cadres)

    def person(self, name: str, *clearances: Held, **session: Any) -> Device:
        """Somebody on an enrolled device, signed in by passkey a minute ago."""
        device = self.rig.device(name)
        self.signed_in(device, **session)
        jkt = device.key.thumbprint()
        self.register.devices[jkt] = Enrolled(jkt, name)
        self.register.clearances[name] = clearances
        return device

    def signed_in(self, device: Device, **session: Any) -> None:
        """The device's session anew."""
        values = {"acr": "aal3", "amr": ("hwk",), "auth_time": NOW - timedelta(minutes=1), **session}
        before = self.rig.keycloak.sessions[device.token]
        self.rig.keycloak.sessions[device.token] = replace(before, **values)

    def keeper(self, name: str = "kien", *tenants: str) -> Device:
        """An officer who keeps the files of `tenants`."""
        return self.person(name, *(Held(tenant, Class.PARTY, "keeper") for tenant in tenants or (HOAN_KIEM,)))

    def reader(self, name: str = "mai", *tenants: str) -> Device:
        """A leader who reads them."""
        return self.person(name, *(Held(tenant, Class.PARTY, "reader") for tenant in tenants or (HOAN_KIEM,)))

    async def ask(self, device: Device, operation: str, **parameters: Any) -> dict[str, Any]:
        """What the device reads."""
        return await self.rig.ask(device, f"j{next(self.numbers)}", operation, **parameters)

    async def again(self, device: Device, operation_id: bytes, operation: str, **parameters: Any) -> dict:
        """The same under an operation id of the test's."""
        jti = f"j{next(self.numbers)}-{b64u(operation_id)}"
        (key, *_) = self.rig.keys.live(self.rig.clock.now()).values()
        answer_key = secrets.token_bytes(32)
        inside = octets.content({"operation": operation, "parameters": parameters})
        frame = request.seal(key.public, device.binding(jti), answer_key, operation_id, inside)
        now = self.rig.clock.now()
        proof = device.proof(frame, self.rig.nonces.at(now), jti=jti, iat=int(now.timestamp()))
        return answer.unseal(await self.rig.pass_on(device, frame, proof), answer_key, frame)

    async def kept(self, device: Device, tenant: str = HOAN_KIEM, **parts: Any) -> str:
        """A file's record id, put by `device`."""
        said = await self.ask(device, "cadre.put", tenant=tenant, file=file(**parts))
        return said["result"]["record"]

    def bump(self) -> None:
        """The register has one more statement."""
        with self.rig.vault.cluster.connect(self.rig.vault.name) as superuser:
            superuser.execute(
                "INSERT INTO authority.statement (n, octets, head)"
                " SELECT authority.epoch() + 1, '\\x3030', sha256((authority.epoch() + 1)::text::bytea)"
            )

    def rows(self, query: str) -> list[tuple]:
        """What a superuser finds."""
        with self.rig.vault.cluster.connect(self.rig.vault.name) as superuser:
            return superuser.execute(query.encode()).fetchall()

    def actions(self) -> list[tuple[str, str, str | None]]:
        """(action, decision, reason) of the log's lines."""
        return [
            (line["unmapped"]["action"], line["unmapped"]["decision"], line.get("status_code"))
            for line in self.rig.events()
        ]


def record_of(text: str) -> UUID:
    """A record's id as the register names it."""
    return UUID(text)
