"""Tokens that must not be let in, over HTTPS at the api's process: status, challenge, code, count in the log.

Keycloak would sign none of them: the realms' keys are the tests' own.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from security_tests.attacks.identity.api_process import Answer, Api
from security_tests.attacks.identity.conftest import ForgedWorld
from security_tests.attacks.identity.counted import Stranger
from security_tests.attacks.identity.realm_of_ours import Forger
from tests.identity import world

INVALID = "identity.token_invalid"
Make = Callable[[Forger], str]


@dataclass(frozen=True)
class Case:
    """A token, and the answer to it."""

    name: str
    token: Make
    missing: str
    code: str = INVALID
    error: str = "invalid_token"
    status: int = 401
    details: str = ""

    @property
    def answer(self) -> Answer:
        challenge = (
            f'DPoP error="{self.error}", error_description="{self.missing}"{self.details}, algs="ES256"'
        )
        return Answer(self.status, challenge, self.code)


def official(**changes: Any) -> Make:
    return lambda forger: forger.official(**changes)


def citizen(**changes: Any) -> Make:
    return lambda forger: forger.citizen(**changes)


def in_seconds(make: Callable[..., str], **claims: int) -> Make:
    """Claims that name moments from now, when the test runs."""
    return lambda forger: make(forger, **{name: int(time.time()) + ahead for name, ahead in claims.items()})


def headed(**header: Any) -> Make:
    return lambda forger: world.sign(forger.official_claims(), **header)


def without_signature(forger: Forger) -> str:
    return world.forged({"alg": "none", "typ": "at+jwt", "kid": "o"}, forger.official_claims())


def with_critical_headers(forger: Forger) -> str:
    header = {"alg": "ES256", "typ": "at+jwt", "kid": "o", "crit": ["exp"]}
    return world.forged(header, forger.official_claims())


def with_the_public_key_as_secret(forger: Forger) -> str:
    header = {"alg": "HS256", "typ": "at+jwt", "kid": "o"}
    return world.signed_by_hmac(header, forger.official_claims(), world.REALM_KEY.as_pem(private=False))


def said_to_be_rs256(forger: Forger) -> str:
    signed = forger.official()
    header = world.forged({"alg": "RS256", "typ": "at+jwt", "kid": "o"}, {}).partition(".")[0]
    return ".".join([header, *signed.split(".")[1:]])


def changed_after_signing(forger: Forger) -> str:
    parts = forger.official().split(".")
    raised = world.forged({}, forger.official_claims(acr="aal3", amr=["pwd", "hwk"])).split(".")[1]
    return ".".join([parts[0], raised, parts[2]])


def of_a_client_without_a_person(forger: Forger) -> str:
    """What `client_credentials` gives: acr says aal1, and nobody signed in."""
    return forger.official(acr="aal1", amr=[], auth_time=None, sid=None, organization=None)


def issued_by_citizens(**changes: Any) -> Make:
    """Claims of the officials' realm, signed by the citizens'."""
    return lambda forger: world.sign(forger.official_claims(**changes), world.OTHER_REALM_KEY, kid="c")


CASES = [
    Case(
        "expired",
        in_seconds(Forger.official, exp=-1, iat=-301),
        "the access token has expired",
        code="identity.token_expired",
    ),
    Case("issued_in_the_future", in_seconds(Forger.official, iat=60), "iat is in the future"),
    Case("not_valid_yet", in_seconds(Forger.official, nbf=60), "nbf is in the future"),
    Case("signed_in_in_the_future", in_seconds(Forger.official, auth_time=60), "auth_time is in the future"),
    Case("for_the_vault", official(aud="ioc-vault"), "aud must be exactly ioc-backend"),
    Case("for_both", official(aud=["ioc-backend", "ioc-vault"]), "aud must be exactly ioc-backend"),
    Case("for_a_list_of_one", official(aud=["ioc-backend"]), "aud must be exactly ioc-backend"),
    Case("for_nobody", official(aud=None), "aud must be exactly ioc-backend"),
    Case(
        "of_a_stranger", official(iss="https://evil.test/realms/hanoi-ioc"), "iss is not an accepted issuer"
    ),
    Case("officials_by_the_citizens_key", issued_by_citizens(), "kid is not a key of the issuer"),
    Case(
        "citizens_realm_with_the_officials_client",
        citizen(azp="ioc-ipad", organization={"u-00070": {"unit_code": ["00070"]}}),
        "azp is not an accepted client",
    ),
    Case("without_algorithm", without_signature, "alg must be ES256"),
    Case("signed_with_the_public_key", with_the_public_key_as_secret, "alg must be ES256"),
    Case("of_another_algorithm", said_to_be_rs256, "alg must be ES256"),
    Case("changed_after_signing", changed_after_signing, "the signature is not valid"),
    Case(
        "by_a_thief",
        lambda forger: world.sign(forger.official_claims(), world.THIEF),
        "the signature is not valid",
    ),
    Case("of_an_unknown_key", headed(kid="x"), "kid is not a key of the issuer"),
    Case("an_id_token", headed(typ="JWT"), "typ must be at+jwt"),
    Case("a_logout_token", headed(typ="logout+jwt"), "typ must be at+jwt"),
    Case("with_critical_headers", with_critical_headers, "crit is not supported"),
    Case("of_an_unknown_client", official(azp="somebody"), "azp is not an accepted client"),
    Case("of_the_events_client", official(azp="ioc-directory-events"), "azp is not an accepted client"),
    Case("without_a_person", of_a_client_without_a_person, "auth_time is missing"),
    Case("bound_to_no_key", official(cnf=None), "cnf.jkt is missing"),
    Case("of_an_unknown_level", official(acr="aal9"), "acr is not a known level"),
    Case("highest_level_without_a_passkey", official(acr="aal3"), "aal3 without a passkey"),
    Case(
        "without_an_organisation",
        official(organization=None),
        "exactly one organization is needed",
        code="identity.organisation_missing",
        error="insufficient_scope",
        status=403,
        details=', scope="organization:u-<unit>"',
    ),
    Case(
        "with_two_organisations",
        official(organization={"u-00070": {"unit_code": ["00070"]}, "u-00376": {"unit_code": ["00376"]}}),
        "exactly one organization is needed",
        code="identity.organisation_missing",
        error="insufficient_scope",
        status=403,
        details=', scope="organization:u-<unit>"',
    ),
    Case(
        "below_the_realms_level",
        official(acr="aal1", amr=["pwd"]),
        "a stronger or more recent sign-in is needed",
        code="identity.step_up_required",
        error="insufficient_user_authentication",
        details=', acr_values="aal2"',
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_token_is_refused(case: Case, api: Api, forged: ForgedWorld) -> None:
    token = case.token(forged.forger)
    assert api.ask(token, forged.forger.proof(token)) == case.answer


@pytest.mark.parametrize("code", sorted({case.code for case in CASES}))
def test_refusals_of_tokens_are_counted_by_network_and_reason(
    code: str, api: Api, forged: ForgedWorld
) -> None:
    stranger = Stranger()
    cases = [case for case in CASES if case.code == code]
    for case in cases:
        token = case.token(forged.forger)
        api.ask(token, forged.forger.proof(token), stranger.header)
    assert stranger.until_counted(forged, code, len(cases)) == len(cases)


def test_officials_own_token_is_let_in(api: Api, forged: ForgedWorld) -> None:
    token = forged.forger.official()
    assert api.ask(token, forged.forger.proof(token)) == Answer(200, None, None)


def test_citizens_own_token_is_let_in(api: Api, forged: ForgedWorld) -> None:
    token = forged.forger.citizen()
    assert api.ask(token, forged.forger.proof(token)) == Answer(200, None, None)


def test_official_whom_tenancy_does_not_know_is_refused(api: Api, forged: ForgedWorld) -> None:
    token = forged.forger.official(sub="00000000-0000-4000-8000-0000000000ff")
    assert api.ask(token, forged.forger.proof(token)) == Answer(403, None, "tenancy.no_duty")
