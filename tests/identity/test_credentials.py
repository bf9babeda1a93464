"""How credentials must stand in the headers."""

import pytest

from foundation.identity.authenticator import credentials_of
from foundation.identity.challenges import IdentityRefusal


def refused(authorization: list[str], dpop: list[str]) -> tuple[int, str, str | None]:
    with pytest.raises(IdentityRefusal) as caught:
        credentials_of(authorization, dpop)
    return caught.value.status, caught.value.code, caught.value.www_authenticate


def malformed(description: str) -> tuple[int, str, str]:
    challenge = f'DPoP error="invalid_request", error_description="{description}", algs="ES256"'
    return 400, "identity.malformed_request", challenge


def test_one_token_and_one_proof_are_read() -> None:
    assert credentials_of(["DPoP a.b.c"], ["d.e.f"]) == ("a.b.c", "d.e.f")


def test_no_token_is_challenged_without_an_error() -> None:
    assert refused([], []) == (401, "identity.unauthenticated", 'DPoP algs="ES256"')


def test_missing_proof_is_named() -> None:
    challenge = (
        'DPoP error="invalid_dpop_proof", error_description="the DPoP header is missing", algs="ES256"'
    )
    assert refused(["DPoP a.b.c"], []) == (401, "identity.proof_missing", challenge)


def test_bound_token_as_bearer_is_refused() -> None:
    challenge = 'DPoP error="invalid_token", error_description="the scheme must be DPoP", algs="ES256"'
    assert refused(["Bearer a.b.c"], ["d.e.f"]) == (401, "identity.token_invalid", challenge)


def test_two_tokens_are_refused() -> None:
    assert refused(["DPoP a.b.c", "DPoP a.b.c"], ["d.e.f"]) == malformed(
        "one Authorization header is allowed"
    )


def test_two_proofs_are_refused() -> None:
    assert refused(["DPoP a.b.c"], ["d.e.f", "d.e.f"]) == malformed("one DPoP header is allowed")


@pytest.mark.parametrize(
    "value", ["DPoP", "DPoP ", "DPoP a b", "DPoP a.b.c, DPoP d", "DPoP ắ.b.c", "DPoP a\n"]
)
def test_unreadable_authorization_is_refused(value: str) -> None:
    assert refused([value], ["d.e.f"]) == malformed("Authorization must be DPoP and a token")


def test_oversized_token_is_refused() -> None:
    assert refused(["DPoP " + "a" * 8193], ["d.e.f"]) == malformed("the token is too long")


def test_oversized_proof_is_refused() -> None:
    assert refused(["DPoP a.b.c"], ["a" * 4097]) == malformed("the DPoP proof is too long")
