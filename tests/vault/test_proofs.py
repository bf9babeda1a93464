"""The proof of a call, and the vault's nonces."""

from datetime import timedelta

import pytest

from tests.vault.parts import NOW, URL, Device
from vault.call.errors import Unauthenticated, UseNonce
from vault.call.nonces import Nonces
from vault.call.proofs import verify_call

NONCES = Nonces(b"n" * 32)
FRAME = b"the exact octets"


def _verify(device: Device, proof: str, *, frame: bytes = FRAME, seconds: int = 0) -> str:
    now = NOW + timedelta(seconds=seconds)
    thumbprint = device.key.thumbprint()
    good = verify_call(
        proof, url=URL, token=device.token, jkt=thumbprint, frame=frame, nonces=NONCES, now=now
    )
    return good.jti


def test_good_proof_passes() -> None:
    device = Device()
    assert _verify(device, device.proof(FRAME, NONCES.at(NOW))) == "jti-1"


@pytest.mark.parametrize(
    "changes",
    [
        {"digest": None},
        {"digest": "sha-256=:AAAA:"},
        {"digest": ["sha-256=:AAAA:"]},
        {"htu": "https://api.example/graphql"},
        {"htu": "https://vault.example/v1/stream"},
        {"htm": "GET"},
        {"ath": "x"},
        {"iat": int(NOW.timestamp()) - 61},
        {"iat": int(NOW.timestamp()) + 61},
        {"jti": ""},
    ],
)
def test_proof_of_something_else_is_refused(changes: dict[str, object]) -> None:
    device = Device()
    with pytest.raises(Unauthenticated):
        _verify(device, device.proof(FRAME, NONCES.at(NOW), **changes))


def test_proof_of_other_octets_is_refused() -> None:
    device = Device()
    proof = device.proof(FRAME, NONCES.at(NOW))
    for place in range(len(FRAME)):
        changed = bytearray(FRAME)
        changed[place] ^= 1
        with pytest.raises(Unauthenticated):
            _verify(device, proof, frame=bytes(changed))


def test_proof_of_another_device_is_refused() -> None:
    thief, device = Device(), Device()
    with pytest.raises(Unauthenticated):
        _verify(device, thief.proof(FRAME, NONCES.at(NOW)))


def test_proof_with_any_character_changed_is_refused() -> None:
    device = Device()
    proof = device.proof(FRAME, NONCES.at(NOW))
    passed = []
    for place, character in enumerate(proof):
        changed = proof[:place] + ("A" if character != "A" else "B") + proof[place + 1 :]
        try:
            _verify(device, changed)
        except Unauthenticated:
            continue
        passed.append(place)
    assert passed == []


def test_proof_held_back_for_over_a_minute_is_refused() -> None:
    device = Device()
    proof = device.proof(FRAME, NONCES.at(NOW))
    assert _verify(device, proof, seconds=60) == "jti-1"
    with pytest.raises(Unauthenticated):
        _verify(device, proof, seconds=61)


@pytest.mark.parametrize("nonce", [None, "", "AQ", "Hà", NONCES.at(NOW) + "A", NONCES.at(NOW)[:-1]])
def test_proof_without_the_vaults_nonce_is_told_to_use_it(nonce: str | None) -> None:
    device = Device()
    with pytest.raises(UseNonce):
        _verify(device, device.proof(FRAME, nonce))


def test_nonce_lives_two_buckets_and_is_of_one_key() -> None:
    nonce = NONCES.at(NOW)  # 30 s into its bucket
    known = [NONCES.knows(nonce, NOW + timedelta(seconds=s)) for s in (-31, 0, 209, 210)]
    assert known == [False, True, True, False]
    assert not Nonces(b"m" * 32).knows(nonce, NOW)


def test_short_key_of_nonces_is_refused() -> None:
    with pytest.raises(ValueError, match="32 octets"):
        Nonces(b"n" * 31)
