"""Each way in which a DPoP proof does not fit, and what the caller is told. Replay: test_revocation.py."""

import pytest

from foundation.identity.challenges import IdentityRefusal
from foundation.identity.proofs import Proof, verify_proof
from foundation.ids import b64u
from tests.identity import world

TOKEN = world.official_token()


def verified(proof: str, *, method: str = "POST", url: str = world.URL) -> Proof:
    jkt = world.DEVICE.thumbprint()
    return verify_proof(proof, method=method, url=url, token=TOKEN, jkt=jkt, now=world.NOW)


def refused(proof: str, *, method: str = "POST", url: str = world.URL) -> tuple[str, str | None]:
    with pytest.raises(IdentityRefusal) as caught:
        verified(proof, method=method, url=url)
    return caught.value.code, caught.value.www_authenticate


def invalid(description: str, code: str = "identity.proof_invalid") -> tuple[str, str]:
    return code, f'DPoP error="invalid_dpop_proof", error_description="{description}", algs="ES256"'


TOO_OLD = invalid(
    "iat is not within 60 seconds or precedes the memory of proofs", code="identity.proof_too_old"
)


def test_fitting_proof_is_accepted() -> None:
    assert verified(world.proof(TOKEN)) == Proof(jti="a-proof", issued_at=world.NOW)


def test_proof_with_an_explicit_default_port_query_and_upper_case_host_is_accepted() -> None:
    proof = world.proof(TOKEN, htu="https://API.test:443/graphql?documentId=1#top")
    assert verified(proof, url="https://api.test/graphql").jti == "a-proof"


def test_proof_of_another_key_is_refused() -> None:
    assert refused(world.proof(TOKEN, world.THIEF)) == invalid("the key is not the one the token is bound to")


def test_proof_that_shows_the_devices_key_but_is_signed_by_another_is_refused() -> None:
    shown = {"jwk": world.DEVICE.as_dict(private=False)}
    assert refused(world.proof(TOKEN, world.THIEF, shown)) == invalid("the signature is not valid")


def test_proof_for_another_method_is_refused() -> None:
    assert refused(world.proof(TOKEN, htm="GET")) == invalid("htm is not the request's method")


def test_proof_with_a_method_in_lower_case_is_refused() -> None:
    assert refused(world.proof(TOKEN, htm="post")) == invalid("htm is not the request's method")


@pytest.mark.parametrize(
    "htu",
    [
        "https://api.test:8443/other",
        "https://api.test:8443/graphql/",
        "https://evil.test:8443/graphql",
        "https://api.test/graphql",
        "http://api.test:8443/graphql",
        "/graphql",
    ],
)
def test_proof_for_another_url_is_refused(htu: str) -> None:
    assert refused(world.proof(TOKEN, htu=htu)) == invalid("htu is not the request's URL")


def test_proof_with_credentials_in_its_url_is_refused() -> None:
    proof = world.proof(TOKEN, htu="https://x@api.test:8443/graphql")
    assert refused(proof) == invalid("htu must not carry credentials")


def test_proof_without_url_is_refused() -> None:
    assert refused(world.proof(TOKEN, htu=None)) == invalid("htu is missing")


def test_proof_with_an_impossible_port_is_refused() -> None:
    assert refused(world.proof(TOKEN, htu="https://api.test:99999/graphql")) == invalid("htu is not a URL")


def test_proof_without_token_hash_is_refused() -> None:
    assert refused(world.proof(TOKEN, ath=None)) == invalid("ath is not the token's hash")


def test_proof_for_another_token_is_refused() -> None:
    proof = world.proof(world.official_token(jti="onrtrt:2"))
    assert refused(proof) == invalid("ath is not the token's hash")


@pytest.mark.parametrize("seconds", [-61, 61])
def test_proof_more_than_a_minute_off_is_refused(seconds: int) -> None:
    assert refused(world.proof(TOKEN, iat=int(world.at(seconds).timestamp()))) == TOO_OLD


@pytest.mark.parametrize("seconds", [-60, 60])
def test_proof_a_minute_off_is_accepted(seconds: int) -> None:
    moment = world.at(seconds)
    assert verified(world.proof(TOKEN, iat=int(moment.timestamp()))).issued_at == moment


@pytest.mark.parametrize("iat", [10**400, -(10**400), 2**63])
def test_proof_of_a_moment_beyond_all_calendars_is_too_old(iat: int) -> None:
    assert refused(world.proof(TOKEN, iat=iat)) == TOO_OLD


@pytest.mark.parametrize("iat", ["now", 1.5, True, None])
def test_proof_without_a_whole_moment_is_refused(iat: object) -> None:
    assert refused(world.proof(TOKEN, iat=iat)) == invalid("iat must be a whole number")


@pytest.mark.parametrize("jti", ["", "x" * 129, "mã", "a\nb", 7, None])
def test_proof_without_a_usable_jti_is_refused(jti: object) -> None:
    description = "jti must be 1 to 128 printable ASCII characters"
    assert refused(world.proof(TOKEN, jti=jti)) == invalid(description)


def test_proof_of_another_type_is_refused() -> None:
    assert refused(world.proof(TOKEN, header={"typ": "JWT"})) == invalid("typ must be dpop+jwt")


def test_proof_with_the_private_key_in_its_header_is_refused() -> None:
    leaked = {"jwk": world.DEVICE.as_dict(private=True)}
    assert refused(world.proof(TOKEN, header=leaked)) == invalid("jwk must be a public key")


def test_proof_without_key_is_refused() -> None:
    header = {"alg": "ES256", "typ": "dpop+jwt"}
    assert refused(world.forged(header, world.proof_claims(TOKEN))) == invalid("jwk is missing")


def test_proof_with_a_secret_as_key_is_refused() -> None:
    header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": {"kty": "oct", "k": b64u(b"secret")}}
    assert refused(world.forged(header, world.proof_claims(TOKEN))) == invalid("jwk must be a public key")


def test_proof_with_an_rsa_key_is_refused() -> None:
    header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}
    assert refused(world.forged(header, world.proof_claims(TOKEN))) == invalid("jwk must be a P-256 key")


def test_proof_with_a_point_off_the_curve_is_refused() -> None:
    jwk = {**world.DEVICE.as_dict(private=False), "y": b64u(b"\x01" * 32)}
    header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk}
    assert refused(world.forged(header, world.proof_claims(TOKEN))) == invalid("jwk is not a P-256 key")


def test_proof_with_alg_none_is_refused() -> None:
    header = {"alg": "none", "typ": "dpop+jwt", "jwk": world.DEVICE.as_dict(private=False)}
    assert refused(world.forged(header, world.proof_claims(TOKEN))) == invalid("alg must be ES256")


def test_proof_with_one_changed_bit_is_refused() -> None:
    head, payload, signature = world.proof(TOKEN).split(".")
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    assert refused(f"{head}.{payload}.{flipped}") == invalid("the signature is not valid")


def test_oversized_proof_is_refused() -> None:
    assert refused("a" * 4097) == invalid("the proof is too long")
