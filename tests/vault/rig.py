"""A door on a real database; tokens, sessions and the clock are the test's."""

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from foundation.database.database import Database as Pools
from foundation.identity.challenges import IdentityUnavailable, SessionEnded, TokenInvalid
from foundation.identity.principal import Origin, VerifiedSession
from foundation.ids import new_uuid
from tests.parts import Database
from tests.vault.parts import NOW, URL, Call, Device
from vault.call import answer, octets, request
from vault.call.door import CallDoor
from vault.call.keys import SEED
from vault.call.nonces import Nonces
from vault.call.operations import GREETING, Operation, Operations
from vault.call.request_keys import AgedKey, RequestKeys


@dataclass
class Clock:
    """Stands still unless moved."""

    at: datetime = NOW

    def now(self) -> datetime:
        """The moment."""
        return self.at


class Keycloak:
    """Tokens by their text, sessions that live until they are ended; or nobody answers."""

    def __init__(self) -> None:
        self.sessions: dict[str, VerifiedSession] = {}
        self.ended: set[str] = set()
        self.away = False
        self.asked_anew = 0
        self.anew: str | None = None
        """"ended" or "away": what is only learnt when it is asked anew."""

    def sign_in(self, device: Device) -> None:
        """`device` has a token from now on."""
        self.sessions[device.token] = VerifiedSession(
            iss=device.iss,
            sub=device.sub,
            sid=device.sid,
            jkt=device.key.thumbprint(),
            azp="ioc-ipad",
            acr="aal2",
            amr=("pwd", "otp"),
            auth_time=NOW,
            expires_at=datetime(2027, 1, 1, tzinfo=UTC),
            organisation="00070",
            token_digest=hashlib.sha256(device.token.encode()).digest(),
        )

    async def verify(self, token: str, now: datetime) -> VerifiedSession:
        """As foundation.identity.tokens."""
        if token not in self.sessions:
            raise TokenInvalid("unknown")
        return self.sessions[token]

    async def confirm(self, token: str, session: VerifiedSession) -> None:
        """As foundation.identity.introspection."""
        if self.away:
            raise IdentityUnavailable
        if session.sid in self.ended:
            raise SessionEnded

    async def confirm_now(self, token: str, session: VerifiedSession) -> None:
        """As foundation.identity.introspection, which remembers; this fake does not."""
        self.asked_anew += 1
        if self.anew == "ended":
            raise SessionEnded
        if self.anew == "away":
            raise IdentityUnavailable
        await self.confirm(token, session)


@dataclass
class Rig:
    """The vault's side, and what a backend that passes octets on sees."""

    vault: Database
    database: Pools
    clock: Clock
    keycloak: Keycloak
    nonces: Nonces
    keys: RequestKeys
    door: CallDoor
    counted: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, vault: Database, *features: Mapping[str, Operation]) -> "Rig":
        """A door on this database, with the operations of `features` beside the greeting."""
        clock, keycloak, counted = Clock(), Keycloak(), Counter[str]()
        recorder = AuditRecorder(
            service="ioc-vault",
            clock=clock,
            new_id=new_uuid,
            random_bytes=secrets.token_bytes,
            refusals=RefusalCounter(),
        )
        database = Pools(vault.settings("vault_app"), recorder)
        nonces = Nonces(b"n" * 32)
        keys = RequestKeys("certificate", Ed25519PrivateKey.generate())
        keys.hold([AgedKey.of_seed(secrets.token_bytes(SEED), NOW)])
        door = CallDoor(
            url=URL,
            tokens=keycloak,
            sessions=keycloak,
            nonces=nonces,
            keys=keys,
            operations=Operations(GREETING, *features),
            database=database,
            clock=clock,
            random_bytes=secrets.token_bytes,
            count_refusal=lambda _origin, code: counted.update([code]),
        )
        return cls(vault, database, clock, keycloak, nonces, keys, door, counted)

    def device(self, name: str = "minh", **more: str) -> Device:
        """A device that is signed in."""
        device = Device(sub=name, sid=f"session-{name}", token=f"token.of.{name}", **more)
        self.keycloak.sign_in(device)
        return device

    def sealed(self, device: Device, jti: str, value: dict[str, Any] | None = None) -> tuple[Call, str]:
        """A request to the vault's key of now, and its proof."""
        now = self.clock.now()
        if self.keys.due(now):
            fresh = AgedKey.of_seed(secrets.token_bytes(SEED), now.replace(microsecond=0))
            self.keys.hold([fresh, *self.keys.held])
        (key, *_) = self.keys.live(now).values()
        binding = device.binding(jti)
        answer_key = secrets.token_bytes(32)
        json_ = octets.content(value or {"operation": "hello", "parameters": {}})
        frame = request.seal(key.public, binding, answer_key, secrets.token_bytes(16), json_)
        now = self.clock.now()
        proof = device.proof(frame, self.nonces.at(now), jti=jti, iat=int(now.timestamp()))
        return Call(binding, answer_key, frame), proof

    async def pass_on(self, device: Device, frame: bytes, proof: str) -> bytes:
        """As an honest backend does, and a stolen one may do with whatever it has."""
        origin = Origin(str(new_uuid()), "10.0.0.0")
        return await self.door.call(frame, [f"DPoP {device.token}"], [proof], origin)

    async def ask(self, device: Device, jti: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """What the device reads."""
        call, proof = self.sealed(device, jti, {"operation": operation, "parameters": parameters})
        return answer.unseal(await self.pass_on(device, call.frame, proof), call.answer_key, call.frame)

    async def hello(self, device: Device, jti: str) -> dict[str, Any]:
        """What the device reads when it greets."""
        return await self.ask(device, jti, "hello")

    def events(self) -> list[dict[str, Any]]:
        """The lines of the vault's log so far, in their order."""
        with self.vault.cluster.connect(self.vault.name) as superuser:
            rows = superuser.execute("SELECT id, line FROM audit.event ORDER BY xid, id").fetchall()
        return [json.loads(line) for _, line in rows]

    def proofs(self) -> int:
        """How many proofs are remembered."""
        with self.vault.cluster.connect(self.vault.name) as superuser:
            row = superuser.execute("SELECT count(*) FROM calls.proof").fetchone()
        return 0 if row is None else int(row[0])
