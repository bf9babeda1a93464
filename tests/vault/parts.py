"""A device, a session and keys for tests of the call, without anything running."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime

from joserfc.jwk import ECKey

from foundation.identity import jose
from foundation.identity.body_proofs import digest_of
from foundation.ids import b64u
from vault.call import octets, request
from vault.call.keys import RequestKey
from vault.call.request import Binding

NOW = datetime(2026, 11, 27, 12, 0, 30, tzinfo=UTC)
URL = "https://vault.example/v1/call"
HELLO = octets.content({"operation": "hello", "parameters": {}})
KEY = RequestKey.of_seed(b"k" * 32)
KEYS = {KEY.kid: KEY}


@dataclass
class Device:
    """A person's device as it makes calls."""

    sub: str = "minh"
    sid: str = "session-of-minh"
    token: str = "token.of.minh"
    iss: str = "https://login.example/realms/hanoi-ioc"
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))

    def binding(self, jti: str = "jti-1") -> Binding:
        """What a request of this device's is bound to."""
        ath = b64u(hashlib.sha256(self.token.encode()).digest())
        return Binding(self.iss, self.sub, self.sid, self.key.thumbprint(), ath, jti)

    def seal(self, binding: Binding | None = None, json: bytes = HELLO) -> "Call":
        """A fresh request."""
        answer_key = secrets.token_bytes(32)
        binding = binding or self.binding()
        frame = request.seal(KEY.public, binding, answer_key, secrets.token_bytes(16), json)
        return Call(binding, answer_key, frame)

    def proof(self, frame: bytes, nonce: str | None, **changes: object) -> str:
        """A proof of `frame`; `changes` replace claims, None leaves one out."""
        claims: dict[str, object] = {
            "htm": "POST",
            "htu": URL,
            "ath": b64u(hashlib.sha256(self.token.encode()).digest()),
            "jti": "jti-1",
            "iat": int(NOW.timestamp()),
            "nonce": nonce,
            "digest": digest_of(frame),
        } | changes
        kept = {name: value for name, value in claims.items() if value is not None}
        return jose.sign({"typ": "dpop+jwt", "jwk": self.key.as_dict(private=False)}, kept, self.key)


@dataclass(frozen=True)
class Call:
    """A request with what its device keeps of it."""

    binding: Binding
    answer_key: bytes
    frame: bytes
