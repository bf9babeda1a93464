"""A passkey in software (WebAuthn Level 3): ES256, one credential, user verification as a test says."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from foundation.ids import b64u

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


@dataclass
class SoftwarePasskey:
    """Implements `cli.login.Passkey`. `verifies`: whether the person shows a finger, a face or a PIN."""

    rp_id: str = "localhost"
    verifies: bool = True
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    count: int = 0

    def registration(self, challenge: str, origin: str) -> dict[str, str]:
        """The fields of Keycloak's registration form, attestation "none" (WebAuthn, 6.5.4 and 8.7)."""
        attested = (
            bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + self.cose_key()
        )
        authenticator_data = self._authenticator_data(_ATTESTED) + attested
        attestation = _map(
            ("fmt", _text("none")), ("attStmt", _map()), ("authData", _bytes(authenticator_data))
        )
        return {
            "clientDataJSON": b64u(_client_data("webauthn.create", challenge, origin)),
            "attestationObject": b64u(attestation),
            "publicKeyCredentialId": b64u(self.credential_id),
            "authenticatorLabel": "software",
            "transports": "internal",
            "error": "",
        }

    def assertion(self, challenge: str, origin: str) -> dict[str, str]:
        """The fields of Keycloak's sign-in form (WebAuthn, 6.3.3)."""
        self.count += 1
        client_data = _client_data("webauthn.get", challenge, origin)
        authenticator_data = self._authenticator_data()
        signed = authenticator_data + hashlib.sha256(client_data).digest()
        return {
            "clientDataJSON": b64u(client_data),
            "authenticatorData": b64u(authenticator_data),
            "signature": b64u(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            "credentialId": b64u(self.credential_id),
            "userHandle": "",
            "error": "",
        }

    def as_stored(self) -> dict[str, object]:
        """The credential as Keycloak keeps it: what an administrator stores after an enrolment in person."""
        data = {
            "aaguid": "00000000-0000-0000-0000-000000000000",
            "credentialId": base64.b64encode(self.credential_id).decode(),
            "counter": 0,
            "credentialPublicKey": b64u(self.cose_key()),
            "attestationStatementFormat": "none",
            "transports": ["internal"],
        }
        return {
            "type": "webauthn",
            "userLabel": "software",
            "secretData": "{}",
            "credentialData": json.dumps(data),
        }

    def cose_key(self) -> bytes:
        """The public key in COSE's form (RFC 9053, 7.1.1)."""
        point = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (point.x, point.y))
        # {1: 2, 3: -7, -1: 1, -2: x, -3: y}: EC2, ES256, P-256.
        return b"\xa5\x01\x02\x03\x26\x20\x01\x21" + _bytes(x) + b"\x22" + _bytes(y)

    def _authenticator_data(self, flags: int = 0) -> bytes:
        flags |= _PRESENT | (_VERIFIED if self.verifies else 0)
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")


def _client_data(kind: str, challenge: str, origin: str) -> bytes:
    return json.dumps({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}).encode()


def _bytes(value: bytes) -> bytes:
    """A byte string in CBOR (RFC 8949, 3.1)."""
    size = len(value)
    return (bytes([0x58, size]) if size < 256 else b"\x59" + size.to_bytes(2, "big")) + value


def _text(value: str) -> bytes:
    return bytes([0x60 + len(value)]) + value.encode()


def _map(*members: tuple[str, bytes]) -> bytes:
    return bytes([0xA0 + len(members)]) + b"".join(_text(name) + value for name, value in members)
