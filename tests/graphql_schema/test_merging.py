"""Merging near duplicates through GraphQL."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from backend.reports.errors import HasMerged, MergeReasonNeeded, NotMerged, ReportMerged, TooManyMerged
from backend.reports.types import Asked, Changed, Joined, Merge, Merged, MergedReport, ReportState
from foundation.errors import NotFound, Refusal
from foundation.ids import show_report_code
from tests.graphql_schema.conftest import IDEMPOTENCY_KEY, Api, make_api
from tests.graphql_schema.fakes import CODE, PUBLIC, REPORT

OTHER = "FEDCBA9876543210"
INPUT: dict[str, Any] = {
    "into": {"code": CODE, "expectedVersion": 4},
    "merged": [{"code": show_report_code(OTHER), "expectedVersion": 1}],
    "reason": "Cùng một cột đèn.",
    "dryRun": False,
    "idempotencyKey": IDEMPOTENCY_KEY,
}
APART = {"code": OTHER, "expectedVersion": 2, "reason": "Khác nhau.", "idempotencyKey": IDEMPOTENCY_KEY}


@dataclass
class Merges:
    """One report is merged, or a refusal comes."""

    calls: list[Any] = field(default_factory=list)
    refusal: Refusal | None = None

    async def merge(self, principal: Any, merge: Merge, idempotency: Any) -> Merged:
        self.calls.append((merge, None if idempotency is None else idempotency.key))
        if self.refusal is not None:
            raise self.refusal
        return Merged(CODE, (MergedReport(Changed(OTHER, 2, ReportState.MERGED), 367),))

    async def unmerge(self, principal: Any, *given: Any) -> Changed:
        self.calls.append(given[:3])
        if self.refusal is not None:
            raise self.refusal
        return Changed(OTHER, 3, ReportState.IN_PROGRESS)


@pytest.fixture
def merges() -> Merges:
    return Merges()


@pytest.fixture
def door(merges: Merges) -> Iterator[Api]:
    api = make_api(merges=merges)
    with api.client:
        yield api


def test_what_is_asked_reaches_the_service_and_what_is_done_the_app(door: Api, merges: Merges) -> None:
    shown = door.run("MergeReports", {"input": INPUT}, who="minh")["mergeReports"]
    assert merges.calls == [(Merge(Asked(CODE, 4), (Asked(OTHER, 1),), "Cùng một cột đèn."), IDEMPOTENCY_KEY)]
    assert shown == {
        "__typename": "ReportsMerged",
        "dryRun": False,
        "into": CODE,
        "reports": [{"code": OTHER, "version": 2, "state": "MERGED", "distanceMetres": 367}],
    }


def test_rehearsal_has_no_key(door: Api, merges: Merges) -> None:
    shown = door.run("MergeReports", {"input": {**INPUT, "dryRun": True}}, who="minh")["mergeReports"]
    assert (shown["dryRun"], merges.calls[0][1]) == (True, None)


@pytest.mark.parametrize(
    ("refusal", "more"),
    [
        (ReportMerged(CODE), {"into": CODE}),
        (HasMerged(OTHER), {"report": OTHER}),
        (MergeReasonNeeded(OTHER), {"report": OTHER}),
        (TooManyMerged(100), {"most": 100}),
        (NotFound(), {}),
    ],
)
def test_refusal_is_a_member_of_the_union_and_says_which_report(
    door: Api, merges: Merges, refusal: Refusal, more: dict[str, Any]
) -> None:
    merges.refusal = refusal
    shown = door.run("MergeReports", {"input": INPUT}, who="minh")["mergeReports"]
    assert shown == {
        "__typename": type(refusal).__name__,
        "code": refusal.code,
        "message": refusal.message("en"),
        **more,
    }


def test_taking_apart_reaches_the_service(door: Api, merges: Merges) -> None:
    shown = door.run("UnmergeReport", {"input": APART}, who="minh")["unmergeReport"]
    assert merges.calls == [(OTHER, 2, "Khác nhau.")]
    assert shown == {"__typename": "ReportChanged", "code": OTHER, "version": 3, "state": "IN_PROGRESS"}


def test_nothing_to_take_apart(door: Api, merges: Merges) -> None:
    merges.refusal = NotMerged()
    shown = door.run("UnmergeReport", {"input": APART}, who="minh")["unmergeReport"]
    assert (shown["__typename"], shown["code"]) == ("NotMerged", "reports.not_merged")


@pytest.mark.parametrize(("name", "given"), [("MergeReports", INPUT), ("UnmergeReport", APART)])
def test_citizen_is_refused_and_reaches_nothing(
    door: Api, merges: Merges, name: str, given: dict[str, Any]
) -> None:
    shown = door.run(name, {"input": given}, who="lan")[name[0].lower() + name[1:]]
    assert (shown["__typename"], merges.calls) == ("Forbidden", [])


def test_citizen_sees_into_which_report_his_was_merged_and_where_that_stands(door: Api) -> None:
    joined = Joined(OTHER, ReportState.IN_PROGRESS, None, None)
    door.services.answers["one"] = replace(REPORT, state=ReportState.MERGED, joined=joined)
    shown = door.run("Report", {"code": CODE})["report"]
    assert (shown["state"], shown["mergedCount"]) == ("MERGED", 0)
    assert shown["mergedInto"] == {
        "code": OTHER,
        "shownCode": show_report_code(OTHER),
        "state": "IN_PROGRESS",
        "closingReason": None,
        "closedAt": None,
    }


def test_public_page_names_the_other_report(door: Api) -> None:
    door.services.answers["track"] = replace(PUBLIC, state=ReportState.MERGED, merged_into=OTHER)
    shown = door.run("TrackReport", {"code": CODE}, who=None)["trackReport"]
    assert (shown["state"], shown["mergedInto"]) == ("MERGED", OTHER)


def test_step_on_a_merged_report_says_where_to_look(door: Api) -> None:
    door.services.answers["accept"] = ReportMerged(OTHER)
    given = {"code": CODE, "expectedVersion": 1, "idempotencyKey": IDEMPOTENCY_KEY}
    shown = door.run("AcceptReport", {"input": given}, who="minh")["acceptReport"]
    assert (shown["__typename"], shown["into"]) == ("ReportMerged", OTHER)
