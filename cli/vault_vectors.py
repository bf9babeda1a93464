"""`python -m cli.vault_vectors [--write]`: the vectors of the vault's call, made and checked for drift.

Sealing is random, so a request and a proof are kept as they once were made; everything that follows from them
is made anew each time and compared.
"""

import argparse
import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import ECKey

from foundation.identity import jose
from foundation.identity.body_proofs import digest_of
from foundation.ids import b64u
from stack.home import ROOT
from vault.call import answer, octets, request
from vault.call.keys import RequestKey
from vault.call.keyset import Certificate, Keyset, ListedKey, Seen, accept, certify, issue
from vault.call.nonces import Nonces
from vault.call.proofs import verify_call
from vault.call.request import Binding

FILE = ROOT / "mobile_contract" / "vectors" / "vault" / "call.json"
NOW = datetime(2026, 11, 27, 12, 0, 0, tzinfo=UTC)
URL = "https://vault.example/v1/call"
TOKEN = "header.payload.signature"  # noqa: S105 - a stand-in whose hash is what matters
ISSUER = "https://login.example/realms/hanoi-ioc"
ANSWER_KEY = bytes(range(32))
OPERATION_ID = bytes(range(0x40, 0x50))
R = bytes(range(0x80, 0xA0))
ASKED = octets.content({"operation": "hello", "parameters": {}})
ANSWERED = octets.content({"result": {"hello": "session1", "at": "2026-11-27T12:00:00+00:00"}})
LENGTHS = (1, 4096, 4097, 16_384, 16_385, 65_536, 65_537, 262_144, 262_145, 300_000, 1_000_000, 2**24 + 1)


def request_key() -> RequestKey:
    """The vault's key of the vectors."""
    return RequestKey.of_seed(hashlib.sha256(b"a request key for vectors alone").digest())


def device_key(kept: dict[str, Any]) -> ECKey:
    """The device's key of the vectors."""
    return ECKey.import_key(kept) if kept else ECKey.generate_key("P-256")


def signing_key(name: str) -> Ed25519PrivateKey:
    """One of the signers of the vectors."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def binding_of(jkt: str) -> Binding:
    """What the vectors' request belongs to."""
    ath = b64u(hashlib.sha256(TOKEN.encode()).digest())
    return Binding(ISSUER, "person-1", "session-1", jkt, ath, "proof-1")


def build(kept: dict[str, Any]) -> dict[str, Any]:
    """All vectors; sealed and signed octets are taken from `kept` where they are there."""
    key, nonces = request_key(), Nonces(b"n" * 32)
    device = device_key(kept.get("device", {}))
    binding = binding_of(device.thumbprint())
    frame = bytes.fromhex(kept.get("request", {}).get("octets", ""))
    frame = frame or request.seal(key.public, binding, ANSWER_KEY, OPERATION_ID, ASKED)
    opened = request.unseal(frame, binding, {key.kid: key})
    if (opened.answer_key, opened.operation_id, opened.json) != (ANSWER_KEY, OPERATION_ID, ASKED):
        raise ValueError("the kept request holds something else")
    nonce = nonces.at(NOW)
    proof = kept.get("proof", {}).get("jws") or sign_proof(device, binding, frame, nonce)
    verify_call(proof, url=URL, token=TOKEN, jkt=binding.jkt, frame=frame, nonces=nonces, now=NOW)
    sealed = answer.seal(opened.answer_key, opened.digest, R, ANSWERED)
    return {
        "device": device.as_dict(private=True),
        "padding": [[length, octets.padded_length(length)] for length in LENGTHS],
        "requestKey": {
            "seed": hashlib.sha256(b"a request key for vectors alone").hexdigest(),
            "public": key.public.hex(),
            "kid": key.kid.hex(),
        },
        "binding": {name: getattr(binding, name) for name in ("iss", "sub", "sid", "jkt", "ath", "jti")},
        "request": {
            "info": binding.info(key.kid).hex(),
            "answerKey": ANSWER_KEY.hex(),
            "operationId": OPERATION_ID.hex(),
            "json": ASKED.decode(),
            "octets": frame.hex(),
        },
        "proof": {"url": URL, "token": TOKEN, "nonce": nonce, "digest": digest_of(frame), "jws": proof},
        "nonce": {"key": (b"n" * 32).hex(), "at": NOW.isoformat(), "nonce": nonce},
        "answer": {"r": R.hex(), "json": ANSWERED.decode(), "octets": sealed.hex()},
        "keyset": notes(key),
        "refused": refused(frame, sealed),
    }


def sign_proof(device: ECKey, binding: Binding, frame: bytes, nonce: str) -> str:
    """The device's proof of the vectors' request."""
    header = {"typ": "dpop+jwt", "jwk": device.as_dict(private=False)}
    claims = {
        "htm": "POST",
        "htu": URL,
        "ath": binding.ath,
        "jti": binding.jti,
        "iat": int(NOW.timestamp()),
        "nonce": nonce,
        "digest": digest_of(frame),
    }
    return jose.sign(header, claims, device)


def notes(key: RequestKey) -> dict[str, Any]:
    """Both notes with their signers."""
    roots, signer = [signing_key("root 1"), signing_key("root 2")], signing_key("keyset")
    expires = NOW + timedelta(hours=48)
    certificate = certify(
        Certificate(3, NOW + timedelta(days=365), signer.public_key().public_bytes_raw()), roots
    )
    keyset = issue(Keyset(7, expires, (ListedKey(key.public, expires),)), signer)
    first, second = (root.public_key().public_bytes_raw() for root in roots)
    accept(certificate, keyset, roots=(first, second), seen=Seen(3, 7), now=NOW)
    return {
        "roots": [first.hex(), second.hex()],
        "now": NOW.isoformat(),
        "certificate": certificate,
        "keyset": keyset,
        "certificateVersion": 3,
        "keysetVersion": 7,
    }


def refused(frame: bytes, sealed: bytes) -> list[dict[str, Any]]:
    """What a reader must refuse, each an XOR of one octet, or a length that is cut or drawn out."""
    places = {
        "version": 0,
        "suite": 1,
        "kid": 7,
        "encapsulated key": 15,
        "X25519 share": 1_134,
        "ciphertext": 1_135,
        "tag": len(frame) - 1,
    }
    cases = [{"of": "request", "name": name, "xorAt": at, "with": 1} for name, at in places.items()]
    places = {"version": 0, "r": 1, "ciphertext": 33, "tag": len(sealed) - 1}
    cases += [{"of": "answer", "name": name, "xorAt": at, "with": 1} for name, at in places.items()]
    return cases + [{"of": of, "name": "cut by one", "cutTo": -1} for of in ("request", "answer")]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m cli.vault_vectors")
    parser.add_argument("--write", action="store_true", help="make the file anew, with new sealed octets")
    arguments = parser.parse_args()
    kept = {} if arguments.write else json.loads(FILE.read_text(encoding="utf-8"))
    text = json.dumps(build(kept), ensure_ascii=False, indent=1) + "\n"
    if arguments.write:
        FILE.write_text(text, encoding="utf-8")
    elif text != FILE.read_text(encoding="utf-8"):
        sys.exit("mobile_contract/vectors/vault/call.json is not what the code makes")


if __name__ == "__main__":
    main()
