"""Floods: what they cost the log, the database and Keycloak, and that others are still heard."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from joserfc.jwk import ECKey
from structlog.testing import capture_logs

from foundation.settings import LimitsSettings, OperationRate, Rate
from security_tests.attacks.flood import (
    FLOODER,
    NEIGHBOUR,
    OTHER,
    STRICT,
    Api,
    bad,
    count,
    document,
    good,
    serving,
    superuser,
    turn_the_minute,
)
from stack.postgres import PostgresCluster
from tests.conftest import Database
from tests.identity import world

WRONG = [f"{number:016d}" for number in range(100)]
WIDE = Rate(amount=1_000_000, seconds=60)


@pytest.fixture
def database(backend_cluster: PostgresCluster, seeded_template: str) -> Iterator[Database]:
    """A seeded database of the test's own."""
    backend_cluster.clone(seeded_template, "flooded")
    yield Database(backend_cluster, "flooded")
    backend_cluster.drop("flooded")


@pytest.fixture
async def api(database: Database, tmp_path: Path) -> AsyncIterator[Api]:
    """One api with small limits."""
    async with serving(database, tmp_path) as api:
        yield api


def codes(line: dict[str, Any]) -> tuple[str, int]:
    return line["status_code"], line["count"]


def submission(number: int) -> dict[str, Any]:
    """Variables of SubmitReport."""
    return {
        "input": {
            "category": "street_light",
            "ward": "00070",
            "place": "Ngõ 12 phố Hàng Bài",
            "body": "Đèn đường tắt từ tối qua.",
            "idempotencyKey": f"flood-of-reports-{number}",
        }
    }


# Bad tokens


async def test_2000_bad_tokens_from_one_network_cost_the_log_one_line_a_reason_and_minute(
    api: Api, database: Database
) -> None:
    headers = bad()
    for _ in range(2_000):
        await api.viewer(FLOODER, headers)
    lines = await turn_the_minute(api, database)
    assert {line["src_endpoint"]["ip"] for line in lines} == {"203.0.113.0"}
    # The first are looked at, as many as the limit allows; the next finds it spent.
    assert sorted(map(codes, lines)) == [("identity.token_invalid", 21), ("limits.too_many", 1_979)]


async def test_bad_tokens_take_no_connection_to_write_and_leave_no_rows(api: Api, database: Database) -> None:
    headers = bad()
    for _ in range(500):
        await api.viewer(FLOODER, headers)
    assert (len(api.checkouts), count(database, "identity.proof_replay")) == (0, 0)
    assert (count(database, "limits.bucket"), count(database, "audit.event")) == (1, 0)


async def test_invented_key_ids_reach_keycloak_once(database: Database, tmp_path: Path) -> None:
    async with serving(database, tmp_path, msgspec.structs.replace(STRICT, sign_in=WIDE)) as api:
        for number in range(300):
            await api.viewer(FLOODER, bad(kid=f"invented-{number}"))
        assert (api.keycloak.key_fetches, len(api.keycloak.introspections)) == (1, 0)


async def test_other_network_is_heard_during_a_flood(api: Api) -> None:
    headers = bad()
    for _ in range(50):
        await api.viewer(FLOODER, headers)
    assert (await api.viewer(OTHER, good())).status_code == 200


async def test_known_device_of_the_flooding_network_is_heard(api: Api) -> None:
    await api.viewer(NEIGHBOUR, good())
    headers = bad()
    for _ in range(50):
        await api.viewer(FLOODER, headers)
    assert (await api.viewer(NEIGHBOUR, good())).status_code == 200


async def test_device_that_sends_bad_tokens_is_known_no_more(api: Api) -> None:
    device = ECKey.generate_key("P-256")
    await api.viewer(FLOODER, good(device))
    headers = bad(key=device)
    answers = Counter([(await api.viewer(FLOODER, headers)).status_code for _ in range(100)])
    assert answers == {401: 21, 429: 79}


async def test_flooder_is_told_when_to_come_back(api: Api) -> None:
    headers = bad()
    for _ in range(50):
        answer = await api.viewer(FLOODER, headers, **{"accept-language": "en"})
    (error,) = answer.json()["errors"]
    wait = int(answer.headers["retry-after"])
    assert 4_000 < wait <= 4_320
    assert error["extensions"] == {
        "code": "limits.too_many",
        "requestId": answer.headers["x-request-id"],
        "retryAfterSeconds": wait,
    }
    assert error["message"] == f"Too many requests. Please try again in {-(-wait // 60)} minutes."


async def test_forged_addresses_do_not_hide_a_flood(api: Api) -> None:
    headers = bad()
    answers = Counter(
        [
            (await api.viewer(FLOODER, headers, **{"x-forwarded-for": f"198.51.{n}.1"})).status_code
            for n in range(100)
        ]
    )
    assert answers == {401: 21, 429: 79}


async def test_1100_networks_make_a_bounded_number_of_lines(database: Database, tmp_path: Path) -> None:
    headers = bad()
    async with serving(database, tmp_path) as api:
        for number in range(1_100):
            await api.viewer(f"2001:db8:{number:x}::1", headers)
        assert len(api.parts.refusals.pending) == 1_001
        assert len(await turn_the_minute(api, database)) == 201


async def test_invented_logouts_cost_the_log_one_line_and_reach_nothing(api: Api, database: Database) -> None:
    token = world.sign(world.citizen_claims(), world.THIEF, typ="logout+jwt", kid="c")
    with capture_logs() as logged:
        answers = Counter([(await api.log_out(FLOODER, token)).status_code for _ in range(200)])
    assert (answers, logged, count(database, "identity.session_end")) == ({400: 200}, [], 0)
    (line,) = await turn_the_minute(api, database)
    assert codes(line) == ("identity.malformed_request", 200)


# Good tokens


async def test_proofs_of_one_person_are_remembered_up_to_the_limit(api: Api, database: Database) -> None:
    answers = Counter([(await api.viewer(FLOODER, good())).status_code for _ in range(100)])
    assert (answers, count(database, "identity.proof_replay")) == ({200: 19, 429: 81}, 19)


async def test_person_cannot_leave_the_limit_by_another_network_session_or_key(api: Api) -> None:
    for _ in range(19):
        await api.viewer(FLOODER, good())
    answer = await api.viewer(OTHER, good(ECKey.generate_key("P-256"), sid="another-session"))
    assert answer.status_code == 429


async def test_other_person_of_the_same_network_is_heard(api: Api) -> None:
    for _ in range(50):
        await api.viewer(FLOODER, good())
    assert (await api.viewer(FLOODER, good(sub="hung"))).status_code == 200


async def test_two_apis_share_a_persons_limit(api: Api, database: Database, tmp_path: Path) -> None:
    async with serving(database, tmp_path) as second:
        answers = await asyncio.gather(
            *(which.viewer(FLOODER, good()) for _ in range(50) for which in (api, second))
        )
    assert Counter(answer.status_code for answer in answers) == {200: 19, 429: 81}


async def test_flood_of_one_person_fills_the_log_with_one_sign_in_and_one_count(
    api: Api, database: Database
) -> None:
    for _ in range(100):
        await api.viewer(FLOODER, good())
    lines = await turn_the_minute(api, database)
    assert [(line["unmapped"]["action"], line.get("count")) for line in lines] == [
        ("session.open", None),
        ("request.refuse", 81),
    ]


# Operations


async def test_report_beyond_the_limit_is_refused_before_anything_runs(api: Api, database: Database) -> None:
    answers = [
        await api.post(FLOODER, good(), documentId=document("SubmitReport"), variables=submission(number))
        for number in range(6)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429, 429]
    assert count(database, "reports.report") == 3
    lines = await turn_the_minute(api, database)
    refused = [line for line in lines if line.get("status_code") == "limits.too_many"]
    # The citizen's own event, once; the rest of the flood is counted.
    assert [line.get("count") for line in refused] == [None, 2]
    assert refused[0]["unmapped"]["action"] == "request.wait"
    assert refused[0]["unmapped"]["resource"] == "rule:submit_report"


async def test_guessing_codes_ends_after_a_few(api: Api) -> None:
    answers = Counter([(await api.track(FLOODER, code)).status_code for code in WRONG[:30]])
    assert answers == {200: 5, 429: 25}


async def test_guessing_at_once_and_at_two_apis_ends_after_a_few(
    api: Api, database: Database, tmp_path: Path
) -> None:
    async with serving(database, tmp_path) as second:
        answers = await asyncio.gather(
            *(which.track(FLOODER, code) for code in WRONG[:15] for which in (api, second))
        )
    assert Counter(answer.status_code for answer in answers) == {200: 5, 429: 25}


async def test_following_a_report_is_not_guessing(api: Api) -> None:
    made = await api.post(NEIGHBOUR, good(), documentId=document("SubmitReport"), variables=submission(0))
    code = made.json()["data"]["submitReport"]["code"]
    answers = [
        (await api.track(FLOODER, code)).json()["data"]["trackReport"]["__typename"] for _ in range(20)
    ]
    assert answers == ["PublicReport"] * 20


@pytest.mark.parametrize(
    "guesses",
    [
        "query Guess($code: String!) { %s }",
        "query Guess($code: String!) { ...F } fragment F on Query { %s }",
        "query Guess($code: String!) { ... on Query { %s } }",
    ],
)
async def test_several_guesses_in_one_document_count_each(
    database: Database, tmp_path: Path, guesses: str
) -> None:
    fields = " ".join(f"g{n}: trackReport(code: $code) {{ __typename }}" for n in range(4))
    async with serving(database, tmp_path, environment="development") as api:
        answers = [
            (await api.post(FLOODER, query=guesses % fields, variables={"code": code})).status_code
            for code in WRONG[:2]
        ]
    assert answers == [200, 429]


async def test_public_requests_of_a_network_end_at_its_limit(api: Api) -> None:
    answers = Counter(
        [(await api.post(FLOODER, documentId=document("Categories"))).status_code for _ in range(100)]
    )
    assert answers == {200: 40, 429: 60}


async def test_limit_of_an_operation_that_is_not_there_stops_the_start(
    database: Database, tmp_path: Path
) -> None:
    limits = LimitsSettings(operations={"submitRepotr": OperationRate(amount=1, seconds=1)})
    with pytest.raises(ValueError, match="submitRepotr"):
        async with serving(database, tmp_path, limits):
            pass


async def test_without_the_shared_count_nobody_is_let_in(api: Api, database: Database) -> None:
    with superuser(database) as connection:
        connection.execute("ALTER TABLE limits.bucket RENAME TO away")
    answer = await api.viewer(FLOODER, good())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["errors"][0]["extensions"]["code"] == "limits.unavailable"
    assert count(database, "identity.proof_replay") == 0
