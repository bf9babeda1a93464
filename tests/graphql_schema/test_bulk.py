"""Bulk actions through GraphQL: each report answers for itself."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from backend.work.bulk import Asked, Bulk, BulkAction, Outcome
from backend.work.errors import NotAHandler, NotTried, ReportFailed, TooManyParts
from backend.work.types import Worked
from foundation.errors import Forbidden, InvalidInput, NotFound, Refusal, VersionConflict
from graphql_schema.work_services import WorkServices
from tests.graphql_schema.conftest import make_api
from tests.graphql_schema.fakes import CODE, QuietWork


@dataclass
class Told:
    """These outcomes, or a refusal."""

    outcomes: tuple[Outcome, ...] = ()
    refusal: Refusal | None = None
    calls: list[Any] = field(default_factory=list)

    async def run(
        self, principal: Any, bulk: Bulk, reports: Any, idempotency: Any, *, dry: bool
    ) -> tuple[Outcome, ...]:
        self.calls.append((bulk, list(reports), dry))
        if self.refusal is not None:
            raise self.refusal
        return self.outcomes


def run(told: Told, who: str = "minh", **more: Any) -> Any:
    rest: Any = None
    work = WorkServices(
        reads=QuietWork(),  # type: ignore[arg-type]  # nothing of it is asked for here
        changes=rest,
        parts=rest,
        finder=rest,
        views=rest,
        exports=rest,
        templates=rest,
        bulk=told,
    )
    given = {
        "action": "ASSIGN",
        "reports": [{"code": CODE, "workVersion": 3}],
        "dryRun": True,
        "toOfficial": CODE,
        "idempotencyKey": "0123456789abcdef",
    }
    api = make_api(work=work)
    with api.client:
        return api.run("BulkReports", {"input": given | more}, who=who)["bulkReports"]


def test_each_report_answers_with_its_version_or_its_problem() -> None:
    refusals = (NotFound(), VersionConflict(9), NotAHandler(), TooManyParts(10), NotTried(), ReportFailed())
    told = Told((Outcome(CODE, Worked(CODE, 4), None), *(Outcome(CODE, None, one) for one in refusals)))
    answer = run(told)
    assert told.calls == [(Bulk(BulkAction.ASSIGN, official=CODE), [Asked(CODE, 3)], True)]
    assert (answer["__typename"], answer["dryRun"]) == ("BulkDone", True)
    assert [
        (one["workVersion"], one["problem"] and one["problem"]["__typename"]) for one in answer["outcomes"]
    ] == [
        (4, None),
        (None, "NotFound"),
        (None, "VersionConflict"),
        (None, "NotAHandler"),
        (None, "TooManyParts"),
        (None, "NotTried"),
        (None, "ReportFailed"),
    ]
    assert answer["outcomes"][2]["problem"]["currentVersion"] == 9


@pytest.mark.parametrize("refusal", [InvalidInput("reports"), Forbidden()])
def test_what_is_wrong_whichever_the_report_is_one_answer(refusal: Refusal) -> None:
    assert run(Told(refusal=refusal))["code"] == refusal.code


def test_citizen_runs_none() -> None:
    told = Told()
    assert (run(told, who="lan")["code"], told.calls) == ("common.forbidden", [])
