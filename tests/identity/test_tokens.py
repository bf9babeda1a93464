"""Each way in which an access token is not one of ours, and what the caller is told."""

import json

import pytest

from foundation.identity.challenges import IdentityRefusal
from foundation.ids import b64u
from tests.identity import world


async def refused(token: str) -> tuple[str, str | None]:
    with pytest.raises(IdentityRefusal) as caught:
        await world.verifier().verify(token, world.NOW)
    return caught.value.code, caught.value.www_authenticate


def invalid(description: str) -> tuple[str, str]:
    challenge = f'DPoP error="invalid_token", error_description="{description}", algs="ES256"'
    return "identity.token_invalid", challenge


async def test_officials_token_gives_its_session() -> None:
    session = await world.verifier().verify(world.official_token(), world.NOW)
    assert (session.iss, session.organisation, session.acr) == (world.OFFICIALS, "00070", "aal2")


async def test_citizens_token_gives_a_session_without_organisation() -> None:
    session = await world.verifier().verify(world.citizen_token(), world.NOW)
    assert (session.iss, session.organisation, session.acr) == (world.CITIZENS, None, "aal1")


async def test_expired_token_is_refused() -> None:
    description = "the access token has expired"
    expected = f'DPoP error="invalid_token", error_description="{description}", algs="ES256"'
    code, challenge = await refused(world.official_token(exp=int(world.NOW.timestamp())))
    assert (code, challenge) == ("identity.token_expired", expected)


async def test_token_from_the_future_is_refused() -> None:
    assert await refused(world.official_token(iat=int(world.at(6).timestamp()))) == invalid(
        "iat is in the future"
    )


async def test_early_token_is_refused() -> None:
    token = world.official_token(nbf=int(world.at(60).timestamp()))
    assert await refused(token) == invalid("nbf is in the future")


async def test_sign_in_from_the_future_is_refused() -> None:
    token = world.official_token(auth_time=int(world.at(60).timestamp()))
    assert await refused(token) == invalid("auth_time is in the future")


async def test_token_for_the_vault_is_refused() -> None:
    assert await refused(world.official_token(aud="ioc-vault")) == invalid("aud must be exactly ioc-backend")


async def test_token_for_both_audiences_is_refused() -> None:
    token = world.official_token(aud=["ioc-backend", "ioc-vault"])
    assert await refused(token) == invalid("aud must be exactly ioc-backend")


async def test_token_for_a_list_of_this_audience_alone_is_refused() -> None:
    token = world.official_token(aud=["ioc-backend"])
    assert await refused(token) == invalid("aud must be exactly ioc-backend")


async def test_token_without_audience_is_refused() -> None:
    assert await refused(world.official_token(aud=None)) == invalid("aud must be exactly ioc-backend")


async def test_token_of_another_issuer_is_refused() -> None:
    token = world.official_token(iss="https://keycloak.test/realms/master")
    assert await refused(token) == invalid("iss is not an accepted issuer")


async def test_token_of_one_realm_signed_by_the_other_is_refused() -> None:
    token = world.sign(world.official_claims(), world.OTHER_REALM_KEY, kid="c")
    assert await refused(token) == invalid("kid is not a key of the issuer")


async def test_token_signed_by_a_stranger_is_refused() -> None:
    token = world.sign(world.official_claims(), world.THIEF)
    assert await refused(token) == invalid("the signature is not valid")


async def test_token_with_one_changed_bit_is_refused() -> None:
    header, payload, signature = world.official_token().split(".")
    flipped = signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:]
    assert await refused(f"{header}.{payload}.{flipped}") == invalid("the signature is not valid")


async def test_token_with_an_exchanged_payload_is_refused() -> None:
    header, _, signature = world.official_token().split(".")
    payload = b64u(json.dumps(world.official_claims(acr="aal3", amr=["hwk"])).encode())
    assert await refused(f"{header}.{payload}.{signature}") == invalid("the signature is not valid")


async def test_token_with_alg_none_is_refused() -> None:
    header = {"alg": "none", "typ": "at+jwt", "kid": "o"}
    assert await refused(world.forged(header, world.official_claims())) == invalid("alg must be ES256")


async def test_token_signed_with_the_public_key_as_hmac_secret_is_refused() -> None:
    header = {"alg": "HS256", "typ": "at+jwt", "kid": "o"}
    token = world.signed_by_hmac(header, world.official_claims(), world.REALM_KEY.as_pem(private=False))
    assert await refused(token) == invalid("alg must be ES256")


async def test_id_token_type_is_refused() -> None:
    assert await refused(world.sign(world.official_claims(), typ="JWT")) == invalid("typ must be at+jwt")


async def test_token_with_crit_is_refused() -> None:
    header = {"alg": "ES256", "typ": "at+jwt", "kid": "o", "crit": ["exp"]}
    assert await refused(world.forged(header, world.official_claims())) == invalid("crit is not supported")


async def test_token_without_kid_is_refused() -> None:
    header = {"alg": "ES256", "typ": "at+jwt"}
    assert await refused(world.forged(header, world.official_claims())) == invalid("kid is missing")


async def test_token_of_an_unknown_client_is_refused() -> None:
    assert await refused(world.official_token(azp="ihanoi-app")) == invalid("azp is not an accepted client")


async def test_token_without_session_is_refused() -> None:
    assert await refused(world.official_token(sid=None)) == invalid("sid is missing")


async def test_token_without_subject_is_refused() -> None:
    assert await refused(world.official_token(sub=None)) == invalid("sub is missing")


async def test_token_that_is_bound_to_no_key_is_refused() -> None:
    assert await refused(world.official_token(cnf=None)) == invalid("cnf.jkt is missing")


async def test_token_bound_to_a_certificate_is_refused() -> None:
    assert await refused(world.official_token(cnf={"x5t#S256": "A" * 43})) == invalid("cnf.jkt is missing")


async def test_token_of_a_client_without_a_person_is_refused() -> None:
    assert await refused(world.official_token(auth_time=None)) == invalid("auth_time is missing")


async def test_token_of_an_unknown_level_is_refused() -> None:
    assert await refused(world.official_token(acr="aal9")) == invalid("acr is not a known level")


async def test_highest_level_without_a_passkey_is_refused() -> None:
    assert await refused(world.official_token(acr="aal3")) == invalid("aal3 without a passkey")


async def test_token_with_a_duplicate_member_is_refused() -> None:
    header = b64u(b'{"alg":"ES256","alg":"none","typ":"at+jwt","kid":"o"}')
    token = f"{header}.{b64u(json.dumps(world.official_claims()).encode())}.AA"
    assert await refused(token) == invalid("not JSON in base64url")


async def test_token_that_is_no_jws_is_refused() -> None:
    assert await refused("abc") == invalid("three parts are needed")


async def test_oversized_token_is_refused() -> None:
    assert await refused(world.official_token(scope="x" * 8192)) == invalid("the token is too long")


async def test_officials_token_below_their_level_needs_a_step_up() -> None:
    code, challenge = await refused(world.official_token(acr="aal1", amr=["pwd"]))
    assert (code, challenge) == (
        "identity.step_up_required",
        'DPoP error="insufficient_user_authentication", '
        'error_description="a stronger or more recent sign-in is needed", acr_values="aal2", algs="ES256"',
    )


ORGANISATION = (
    "identity.organisation_missing",
    'DPoP error="insufficient_scope", error_description="exactly one organization is needed", '
    'scope="organization:u-<unit>", algs="ES256"',
)


async def test_officials_token_without_organisation_is_refused() -> None:
    assert await refused(world.official_token(organization=None)) == ORGANISATION


async def test_officials_token_with_two_organisations_is_refused() -> None:
    two = {"u-00070": {"unit_code": ["00070"]}, "u-00376": {"unit_code": ["00376"]}}
    assert await refused(world.official_token(organization=two)) == ORGANISATION


async def test_officials_token_whose_alias_is_not_its_units_is_refused() -> None:
    other = {"u-00070": {"unit_code": ["P0002"]}}
    assert await refused(world.official_token(organization=other)) == ORGANISATION


async def test_officials_token_with_names_of_organisations_alone_is_refused() -> None:
    assert await refused(world.official_token(organization=["u-00070"])) == ORGANISATION
