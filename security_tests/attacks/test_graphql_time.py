"""The time of a request: what is slow is cut and nothing is half-written; what is committed is answered."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from backend.reports.types import Report, TimelineEntry
from foundation.identity.principal import Principal
from graphql_schema.limits import Limits
from graphql_schema.services import ReportReads, Services
from security_tests.attacks.fuzzed_api import FuzzedApi
from stack.home import ROOT
from tests.backend.world import HOAN_KIEM, connect
from tests.conftest import Database

SECONDS = 1.5
SUBMIT = (ROOT / "mobile_contract" / "operations" / "SubmitReport.graphql").read_text(encoding="utf-8")
GIVEN = {
    "category": "road",
    "ward": HOAN_KIEM,
    "place": "Ngõ 1",
    "body": "Ổ gà",
    "idempotencyKey": "the-same-intention",
}
# Longer than the request may take, shorter than a transaction may (migrations/backend/sql/0001_roles.sql).
SLOW_COMMIT = """
CREATE FUNCTION reports.slowly() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_sleep(3); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER slowly AFTER INSERT ON reports.report DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION reports.slowly();
"""
WRITTEN = """
SELECT (SELECT count(*) FROM reports.report), (SELECT count(*) FROM platform.idempotency),
       (SELECT count(*) FROM changes.change)
"""
Reading = Callable[[Services], Services]


@dataclass
class SlowReads:
    """The real reads; those named take longer than a request may."""

    real: ReportReads
    slow: str

    async def one(self, principal: Principal, code: str) -> Report:
        await self._maybe_wait("one")
        return await self.real.one(principal, code)

    async def timelines(
        self, principal: Principal, codes: Sequence[str]
    ) -> Mapping[str, tuple[TimelineEntry, ...]]:
        await self._maybe_wait("timelines")
        return await self.real.timelines(principal, codes)

    async def _maybe_wait(self, name: str) -> None:
        if name == self.slow:
            await asyncio.sleep(20)


@contextmanager
def _api(database: Database, slow: str | None = None) -> Iterator[FuzzedApi]:
    def slowed(services: Services) -> Services:
        reads: Any = services.reports if slow is None else SlowReads(services.reports, slow)
        return replace(services, reports=reads)

    api = FuzzedApi(database, Limits(seconds=SECONDS), replace=slowed)
    api.become("lan")
    try:
        yield api
    finally:
        api.close()


@contextmanager
def _locked(database: Database) -> Iterator[None]:
    """Somebody holds the table of reports."""
    with connect(database.settings(database.superuser)) as connection, connection.transaction():
        connection.execute("LOCK TABLE reports.report IN ACCESS EXCLUSIVE MODE")
        yield


def _submit(api: FuzzedApi) -> tuple[int, dict[str, Any]]:
    status, body = api.ask(SUBMIT, {"input": GIVEN})
    answer: dict[str, Any] = json.loads(body)
    return status, answer


def _written(database: Database) -> tuple[int, ...]:
    with connect(database.settings(database.superuser)) as connection:
        row = connection.execute(WRITTEN).fetchone()
    assert row is not None
    return tuple(row)


def _code(answer: dict[str, Any]) -> str:
    (error,) = answer["errors"]
    code: str = error["extensions"]["code"]
    return code


def test_slow_query_is_cut(database: Database) -> None:
    with _api(database) as api, _locked(database):
        status, body = api.ask("{ myReports { edges { cursor } } }")
    answer = json.loads(body)
    assert (status, _code(answer), "data" in answer) == (503, "graphql.timeout", False)


def test_connection_of_a_cut_query_is_whole_or_gone(database: Database) -> None:
    with _api(database) as api:
        with _locked(database):
            cut = [api.ask("{ myReports { edges { cursor } } }")[0] for _ in range(3)]
        answers = [json.loads(api.ask("{ myReports { edges { cursor } } }")[1]) for _ in range(5)]
    assert (cut, answers) == ([503] * 3, [{"data": {"myReports": {"edges": []}}}] * 5)


def test_slow_change_is_cut_and_leaves_nothing(database: Database) -> None:
    with _api(database) as api, _locked(database):
        status, answer = _submit(api)
    assert (status, _code(answer), _written(database)) == (503, "graphql.timeout", (0, 0, 0))


def test_change_that_was_cut_is_made_once_by_the_same_request(database: Database) -> None:
    with _api(database) as api:
        with _locked(database):
            _submit(api)
        made = [_submit(api)[1]["data"]["submitReport"]["code"] for _ in range(2)]
        assert (made[0], _written(database), api.is_consistent()) == (made[1], (1, 1, 1), True)


def test_change_whose_commit_is_slow_is_answered_as_made(database: Database) -> None:
    with connect(database.settings(database.superuser)) as connection:
        connection.execute(SLOW_COMMIT)
    with _api(database) as api:
        status, answer = _submit(api)
        assert (status, answer["data"]["submitReport"]["__typename"], "errors" in answer) == (
            200,
            "ReportChanged",
            False,
        )
        assert (_written(database), api.is_consistent()) == ((1, 1, 1), True)


@pytest.mark.parametrize(("slow", "missing"), [("one", "report"), ("timelines", "timeline")])
def test_change_that_cannot_be_read_again_in_time_is_answered_as_made(
    database: Database, slow: str, missing: str
) -> None:
    with _api(database, slow) as api:
        status, answer = _submit(api)
    made = answer["data"]["submitReport"]
    assert (status, made["__typename"], made["version"], "errors" in answer) == (
        200,
        "ReportChanged",
        1,
        False,
    )
    assert (answer["extensions"]["incomplete"], {**made, **(made["report"] or {})}[missing]) == (True, None)
