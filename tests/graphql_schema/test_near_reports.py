"""Officers' near reports through GraphQL."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from backend.duplicates.types import ReportNear
from backend.reports.types import ReportState
from foundation.errors import NotFound, Refusal
from foundation.ids import show_report_code
from tests.graphql_schema.conftest import Api, make_api
from tests.graphql_schema.fakes import CODE, HOAN_KIEM, NOW

FOUND = ReportNear(CODE, HOAN_KIEM, HOAN_KIEM, ReportState.IN_PROGRESS, 4, NOW, 367)


@dataclass
class Near:
    """One report, or a refusal."""

    calls: list[Any] = field(default_factory=list)
    refusal: Refusal | None = None

    async def around(self, principal: Any, code: str) -> tuple[ReportNear, ...]:
        self.calls.append(code)
        if self.refusal is not None:
            raise self.refusal
        return (FOUND,)


@pytest.fixture
def near() -> Near:
    return Near()


@pytest.fixture
def door(near: Near) -> Iterator[Api]:
    api = make_api(near=near)
    with api.client:
        yield api


def test_near_report_is_shown_with_all_that_the_app_asks(door: Api, near: Near) -> None:
    shown = door.run("NearReportsForOfficers", {"code": CODE}, who="minh")["nearReportsForOfficers"]
    assert near.calls == [CODE]
    assert shown == {
        "__typename": "ReportsNear",
        "reports": [
            {
                "code": CODE,
                "shownCode": show_report_code(CODE),
                "ward": {"code": "00070", "name": "Phường Hoàn Kiếm"},
                "handler": {"code": "00070", "name": "Phường Hoàn Kiếm"},
                "state": "IN_PROGRESS",
                "version": 4,
                "createdAt": "2026-07-01T10:00:00+07:00",
                "distanceMetres": 367,
            }
        ],
    }


def test_citizen_is_refused_and_reaches_nothing(door: Api, near: Near) -> None:
    shown = door.run("NearReportsForOfficers", {"code": CODE}, who="lan")["nearReportsForOfficers"]
    assert (shown["__typename"], shown["code"], near.calls) == ("Forbidden", "common.forbidden", [])


def test_hidden_report_is_not_found(door: Api, near: Near) -> None:
    near.refusal = NotFound()
    shown = door.run("NearReportsForOfficers", {"code": CODE}, who="minh")["nearReportsForOfficers"]
    assert (shown["__typename"], shown["code"]) == ("NotFound", NotFound.code)
