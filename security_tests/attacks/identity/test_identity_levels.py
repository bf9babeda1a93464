"""Fields that state a level and an age of the sign-in: over HTTPS; the refusal is an event of a person."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from security_tests.attacks.identity.api_process import Answer, Api, free_port, started
from security_tests.attacks.identity.conftest import ForgedWorld
from security_tests.attacks.identity.realm_of_ours import Forger

LET_IN = Answer(200, None, None)
PAPERS, FRESH, CADRE_FILES = "{ papers }", "{ fresh }", "{ cadreFiles }"
PASSKEY = {"acr": "aal3", "amr": ["pwd", "otp", "hwk"]}

_DENIED = """
SELECT line::jsonb #>> '{unmapped,decision}', line::jsonb ->> 'status_code',
    line::jsonb #>> '{actor,user,uid}' <> ''
FROM audit.event WHERE line::jsonb #>> '{unmapped,action}' = 'graphql.request' ORDER BY id DESC LIMIT 1
"""


def needs(level: str, age: int) -> Answer:
    challenge = (
        'DPoP error="insufficient_user_authentication",'
        ' error_description="a stronger or more recent sign-in is needed",'
        f' acr_values="{level}", max_age="{age}", algs="ES256"'
    )
    return Answer(401, challenge, "identity.step_up_required")


@pytest.fixture(scope="module")
def strict(forged: ForgedWorld, api: Api) -> Iterator[Api]:
    """The api with fields that ask for more, behind the same public address."""
    module = "security_tests.attacks.identity.strict_api"
    with started(forged.on(free_port()), forged.authority, forged.folder, module) as strict:
        yield strict


@dataclass(frozen=True)
class Case:
    """Who asks for what, after which time."""

    name: str
    make: Callable[..., str]
    seconds_ago: int
    query: str
    answer: Answer
    claims: dict[str, Any]


CASES = [
    Case("papers_now", Forger.official, 30, PAPERS, LET_IN, {}),
    Case("papers_after_ten_hours", Forger.official, 36_001, PAPERS, needs("aal2", 36_000), {}),
    Case("papers_with_a_password", Forger.citizen, 30, PAPERS, needs("aal2", 36_000), {}),
    Case("fresh_now", Forger.citizen, 5, FRESH, LET_IN, {}),
    Case("fresh_after_a_while", Forger.citizen, 60, FRESH, needs("aal1", 15), {}),
    Case("files_with_a_code", Forger.official, 30, CADRE_FILES, needs("aal3", 900), {}),
    Case(
        "files_with_a_passkey_at_aal2", Forger.official, 30, CADRE_FILES, needs("aal3", 900), {"amr": ["hwk"]}
    ),
    Case("files_with_a_passkey", Forger.official, 30, CADRE_FILES, LET_IN, PASSKEY),
    Case("files_after_a_while", Forger.official, 901, CADRE_FILES, needs("aal3", 900), PASSKEY),
    Case("both_ask_for_the_highest", Forger.official, 30, "{ papers cadreFiles }", needs("aal3", 900), {}),
    Case(
        "hidden_by_a_directive", Forger.official, 30, "{ cadreFiles @skip(if: true) }", needs("aal3", 900), {}
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_field_runs_for_its_level_and_age_alone(case: Case, strict: Api, forged: ForgedWorld) -> None:
    signed_in = int(time.time()) - case.seconds_ago
    token = case.make(forged.forger, auth_time=signed_in, **case.claims)
    assert strict.ask(token, forged.forger.proof(token), query=case.query) == case.answer


def test_unmet_level_is_an_event_of_the_person(strict: Api, forged: ForgedWorld) -> None:
    token = forged.forger.official()
    strict.ask(token, forged.forger.proof(token), query=CADRE_FILES)
    with forged.look() as connection:
        assert connection.execute(_DENIED).fetchone() == ("deny", "identity.step_up_required", True)
