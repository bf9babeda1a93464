"""The genesis of authority for the demo people of one machine: both roots lie here, so both sign here.

In production the roots' holders sign it offline, and nobody has the officers' devices but the officers.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml
from joserfc.jwk import ECKey, OKPKey

from foundation.ids import b64u, new_uuid
from stack.home import PEOPLE, Home
from stack.secret_files import write_secret
from stack.vault_keys import VaultKeys
from vault.authority.statements import (
    OFFICER,
    Content,
    GenesisBody,
    NamedClearance,
    NamedDevice,
    NamedPost,
    PublicKey,
    assemble,
    sign,
    write_payload,
)

OFFICERS = ("ha", "quang", "dung", "minh")
"""Security officers of the demo, each of another body; none administers Keycloak or the platform."""
KEEPERS = ("phuong",)
"""Keep the cadre files of their body."""
KEEPER = "keeper"
PARTY = 3


@dataclass(frozen=True)
class DemoAuthority:
    """Devices of demo people, and the genesis that names them."""

    home: Home

    def device_file(self, name: str) -> Path:
        """A demo person's enrolled device: its key, which no real device would let out."""
        return self.home.secret(f"vault-device-{name}.json")

    def device(self, name: str) -> ECKey | None:
        """The person's device, None when there is none."""
        file = self.device_file(name)
        return ECKey.import_key(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None

    def keep_device(self, name: str, key: ECKey) -> None:
        """From now on this is the person's device."""
        file = self.device_file(name)
        file.unlink(missing_ok=True)
        write_secret(file, json.dumps(key.as_dict(private=True)).encode())

    def sub_of(self, name: str) -> str:
        """A demo person's `sub` at Keycloak. Raises KeyError."""
        found: str = _officials()[name]["id"]
        return found

    def name_of(self, sub: str) -> str:
        """Inverse of `sub_of`; of somebody else the `sub` itself."""
        return next((name for name, person in _officials().items() if person["id"] == sub), sub)

    def prepare(self, now: datetime | None = None) -> None:
        """Make devices and genesis, unless there is one."""
        genesis = VaultKeys(self.home).genesis
        if genesis.exists():
            return
        now = (now or datetime.now(UTC)).replace(microsecond=0)
        people = _officials()
        for name in (*OFFICERS, *KEEPERS):
            self.keep_device(name, ECKey.generate_key("P-256"))
        body = GenesisBody(
            posts=[self._post(people[name]) for name in (*OFFICERS, *KEEPERS)],
            devices=[self._named_device(people[name]) for name in (*OFFICERS, *KEEPERS)],
            clearances=[
                *(_clearance(people[name], 1, OFFICER) for name in OFFICERS),
                *(_clearance(people[name], PARTY, KEEPER) for name in KEEPERS),
            ],
        )
        payload = write_payload(Content("genesis", new_uuid(), body, now, None, "demo installation"))
        roots = [OKPKey.import_key(key) for key in VaultKeys(self.home).root_keys()]
        write_secret(genesis, assemble(b64u(payload), [sign(payload, root) for root in roots]))

    def _post(self, person: dict[str, Any]) -> NamedPost:
        unit = person["organisation"]
        return NamedPost(person["id"], unit, unit, None, None, id=str(new_uuid()))

    def _named_device(self, person: dict[str, Any]) -> NamedDevice:
        key = self.device(person["username"])
        if key is None:
            raise ValueError(person["username"])
        return NamedDevice(person["id"], public_half(key), True, id=str(new_uuid()))


def _officials() -> dict[str, dict[str, Any]]:
    everybody = yaml.safe_load(PEOPLE.read_text(encoding="utf-8"))["officials"]
    return {person["username"]: person for person in everybody}


def public_half(key: ECKey) -> PublicKey:
    """As it stands in a statement."""
    members = key.as_dict(private=False)
    return msgspec.convert({name: members[name] for name in ("kty", "crv", "x", "y")}, PublicKey)


def _clearance(person: dict[str, Any], class_: int, role: str) -> NamedClearance:
    return NamedClearance(person["id"], person["organisation"], class_, role, id=str(new_uuid()))
