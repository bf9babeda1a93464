"""Proofs that must not be let in, over HTTPS: of another key, request or moment, or used before."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from security_tests.attacks.identity.api_process import Answer, Api, free_port, started
from security_tests.attacks.identity.conftest import ForgedWorld
from security_tests.attacks.identity.counted import Stranger
from security_tests.attacks.identity.realm_of_ours import Forger
from tests.identity import world

LET_IN = Answer(200, None, None)
OTHER_TOKEN = "a.b.c"


def refused(code: str, missing: str) -> Answer:
    return Answer(
        401,
        f'DPoP error="invalid_dpop_proof", error_description="{missing}", algs="ES256"',
        f"identity.{code}",
    )


REPLAYED = refused("proof_replayed", "jti has been used")
TOO_OLD = "iat is not within 60 seconds or precedes the memory of proofs"


@dataclass(frozen=True)
class Case:
    """A proof for a token, and the answer to it."""

    name: str
    proof: Callable[[Forger, str], str]
    missing: str
    code: str = "proof_invalid"


def proof(**changes: Any) -> Callable[[Forger, str], str]:
    return lambda forger, token: forger.proof(token, **changes)


def seconds_off(seconds: int) -> Callable[[Forger, str], str]:
    return lambda forger, token: forger.proof(token, iat=int(time.time()) + seconds)


def for_path(path: str) -> Callable[[Forger, str], str]:
    return lambda forger, token: forger.proof(token, htu=f"{forger.api_url}{path}")


def of_another_token(forger: Forger, token: str) -> str:
    return forger.proof(token, ath=world.proof_claims(OTHER_TOKEN)["ath"])


def with_the_private_key(forger: Forger, token: str) -> str:
    return forger.proof(token, header={"jwk": forger.device.as_dict(private=True)})


def without_signature(forger: Forger, token: str) -> str:
    header = {"alg": "none", "typ": "dpop+jwt", "jwk": forger.device.as_dict(private=False)}
    claims = world.proof_claims(token, htu=f"{forger.api_url}/graphql", iat=int(time.time()), jti=token[-20:])
    return world.forged(header, claims)


CASES = [
    Case("by_a_thief", proof(key=world.THIEF), "the key is not the one the token is bound to"),
    Case(
        "by_a_thief_naming_the_owners_key",
        lambda forger, token: forger.proof(
            token, key=world.THIEF, header={"jwk": forger.device.as_dict(private=False)}
        ),
        "the signature is not valid",
    ),
    Case("for_another_method", proof(htm="GET"), "htm is not the request's method"),
    Case("for_another_path", for_path("/identity/backchannel-logout"), "htu is not the request's URL"),
    Case("for_another_host", proof(htu="https://evil.test/graphql"), "htu is not the request's URL"),
    Case("for_plain_http", proof(htu="http://localhost/graphql"), "htu is not the request's URL"),
    Case("of_another_token", of_another_token, "ath is not the token's hash"),
    Case("of_no_token", proof(ath=None), "ath is not the token's hash"),
    Case("too_early", seconds_off(90), TOO_OLD, code="proof_too_old"),
    Case("too_late", seconds_off(-90), TOO_OLD, code="proof_too_old"),
    Case("without_an_id", proof(jti=None), "jti must be 1 to 128 printable ASCII characters"),
    Case("without_algorithm", without_signature, "alg must be ES256"),
    Case("of_another_type", proof(header={"typ": "at+jwt"}), "typ must be dpop+jwt"),
    Case("with_the_private_key", with_the_private_key, "jwk must be a public key"),
]


@pytest.fixture
def other_port() -> int:
    return free_port()


@pytest.fixture
def other_api(forged: ForgedWorld, api: Api, other_port: int) -> Iterator[Api]:
    """A second process behind the same public address."""
    with started(forged.on(other_port), forged.authority, forged.folder) as other:
        yield other


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_proof_is_refused(case: Case, api: Api, forged: ForgedWorld) -> None:
    token = forged.forger.citizen()
    answer = api.ask(token, case.proof(forged.forger, token))
    assert answer == refused(case.code, case.missing)


@pytest.mark.parametrize("code", sorted({case.code for case in CASES}))
def test_refusals_of_proofs_are_counted_by_network_and_reason(
    code: str, api: Api, forged: ForgedWorld
) -> None:
    reason = f"identity.{code}"
    stranger = Stranger()
    cases = [case for case in CASES if case.code == code]
    for case in cases:
        token = forged.forger.citizen()
        api.ask(token, case.proof(forged.forger, token), stranger.header)
    assert stranger.until_counted(forged, reason, len(cases)) == len(cases)


def test_replayed_proof_is_refused_and_counted(api: Api, forged: ForgedWorld) -> None:
    stranger = Stranger()
    token = forged.forger.citizen()
    used = forged.forger.proof(token)
    answers = [api.ask(token, used, stranger.header) for _ in range(2)]
    seen = answers, stranger.until_counted(forged, "identity.proof_replayed", 1)
    assert seen == ([LET_IN, REPLAYED], 1)


def test_proof_used_at_one_process_is_refused_at_another(
    api: Api, other_api: Api, forged: ForgedWorld
) -> None:
    token = forged.forger.citizen()
    used = forged.forger.proof(token)
    assert [api.ask(token, used), other_api.ask(token, used)] == [LET_IN, REPLAYED]


def test_proof_used_before_a_restart_is_refused_after_it(
    api: Api, forged: ForgedWorld, other_port: int
) -> None:
    token = forged.forger.citizen()
    used = forged.forger.proof(token)
    answers = []
    for _ in range(2):
        with started(forged.on(other_port), forged.authority, forged.folder) as process:
            answers.append(process.ask(token, used))
    assert answers == [LET_IN, REPLAYED]


def test_proof_for_the_public_address_is_let_in_whatever_the_host_header(
    api: Api, forged: ForgedWorld
) -> None:
    token = forged.forger.citizen()
    assert api.ask(token, forged.forger.proof(token), ("host", "evil.test")) == LET_IN


def test_proof_for_a_forged_host_header_is_refused(api: Api, forged: ForgedWorld) -> None:
    token = forged.forger.citizen()
    stolen = forged.forger.proof(token, htu="https://evil.test/graphql")
    answer = api.ask(token, stolen, ("host", "evil.test"), ("x-forwarded-host", "evil.test"))
    assert answer == refused("proof_invalid", "htu is not the request's URL")


def test_token_without_a_proof_is_refused(api: Api, forged: ForgedWorld) -> None:
    answer = api.send([("authorization", f"DPoP {forged.forger.citizen()}")])
    assert answer == refused("proof_missing", "the DPoP header is missing")


def test_two_proofs_are_refused(api: Api, forged: ForgedWorld) -> None:
    token = forged.forger.citizen()
    answer = api.ask(token, forged.forger.proof(token), ("dpop", forged.forger.proof(token)))
    challenge = 'DPoP error="invalid_request", error_description="one DPoP header is allowed", algs="ES256"'
    assert answer == Answer(400, challenge, "identity.malformed_request")


def test_bound_token_sent_as_bearer_is_refused(api: Api, forged: ForgedWorld) -> None:
    token = forged.forger.citizen()
    headers = [("authorization", f"Bearer {token}"), ("dpop", forged.forger.proof(token))]
    challenge = 'DPoP error="invalid_token", error_description="the scheme must be DPoP", algs="ES256"'
    assert api.send(headers) == Answer(401, challenge, "identity.token_invalid")


def test_no_credentials_are_asked_for_without_an_error(api: Api) -> None:
    assert api.send([]) == Answer(401, 'DPoP algs="ES256"', "identity.unauthenticated")
