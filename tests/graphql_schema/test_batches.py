"""What resolvers of one turn ask for is one call."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from backend.reports.types import Report, TimelineEntry
from foundation.paging import Page, Position
from graphql_schema.batches import Batch
from tests.graphql_schema.conftest import Api
from tests.graphql_schema.fakes import ENTRY, NOW, REPORT, ROW_ID

Timeline = tuple[TimelineEntry, ...]
LIST = "{ %s { edges { node { code timeline { version } } } } }"
CODES = [f"{number:016d}" for number in range(100)]


def _page() -> Page[Report]:
    rows = tuple(replace(REPORT, code=code) for code in CODES)
    return Page(rows, tuple(Position(NOW, ROW_ID) for _ in rows), has_next=False)


@pytest.mark.parametrize(
    ("field", "method", "who"), [("myReports", "mine", "lan"), ("unitReports", "of_units", "minh")]
)
def test_timelines_of_a_list_are_one_call(api: Api, field: str, method: str, who: str) -> None:
    api.services.answers |= {method: _page(), "timelines": dict.fromkeys(CODES, (ENTRY,))}
    answer = api.post(LIST % field, who=who).json()
    shown = [edge["node"]["timeline"] for edge in answer["data"][field]["edges"]]
    assert (shown, api.services.names) == ([[{"version": 1}]] * 100, [method, "timelines"])


def test_timelines_of_two_lists_are_asked_for_together(api: Api) -> None:
    document = """{ a: myReports { ...C } b: myReports { ...C } }
      fragment C on ReportConnection { edges { node { timeline { version } } } }"""
    api.services.answers |= {"mine": _page(), "timelines": dict.fromkeys(CODES, (ENTRY,))}
    api.post(document)
    assert api.services.names == ["mine", "mine", "timelines"]


def test_report_that_may_not_be_read_has_no_timeline_and_the_others_have(api: Api) -> None:
    api.services.answers |= {"mine": _page(), "timelines": dict.fromkeys(CODES[1:], (ENTRY,))}
    answer = api.post(LIST % "myReports").json()
    shown = [edge["node"]["timeline"] for edge in answer["data"]["myReports"]["edges"]]
    (error,) = answer["errors"]
    assert (shown[0], shown[1], error["extensions"]["code"]) == (None, [{"version": 1}], "common.not_found")


def test_failed_reading_fails_every_row(api: Api) -> None:
    api.services.answers |= {"mine": _page(), "timelines": RuntimeError("of the database")}
    answer = api.post(LIST % "myReports").json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["common.internal"] * 100


async def _cut(after_turns: int) -> tuple[list[str], list[object]]:
    """The first who asked is cut after some turns of the loop; then somebody asks again."""
    begun: list[str] = []

    async def read(codes: Sequence[str]) -> Mapping[str, Timeline]:
        begun.extend(codes)
        await asyncio.sleep(0.05)
        return dict.fromkeys(codes, (ENTRY,))

    timelines = Batch(read)
    tasks = [asyncio.create_task(timelines.of(code)) for code in ("a", "b")]
    for _ in range(after_turns):
        await asyncio.sleep(0)
    tasks[0].cancel()
    ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)
    await timelines.of("c")
    return begun, ended


@pytest.mark.parametrize("after_turns", [1, 2, 3])
async def test_who_waits_for_a_reading_that_was_cut_is_told(after_turns: int) -> None:
    _, ended = await _cut(after_turns)
    assert [type(end) for end in ended] == [asyncio.CancelledError, RuntimeError]


async def test_reading_goes_on_after_one_was_cut() -> None:
    read, _ = await _cut(1)
    assert read == ["c"]
