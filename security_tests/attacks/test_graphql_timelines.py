"""Timelines asked for by the list: a hidden report costs what an absent one costs."""

import pytest

from backend.reports.sql import MANY
from security_tests.attacks.database.scene import Scene
from security_tests.attacks.database.work import Work, work_of


def _work(scene: Scene, who: str, code: str) -> Work:
    _, citizen, units, _ = scene.settings_of(who)
    readers = [f"{int(unit):032x}" for unit in units.split(",") if unit] + ([citizen] if citizen else [])
    with scene.as_role("backend_app", who) as connection:
        return work_of(connection, MANY, [code], readers)


@pytest.mark.parametrize("who", ["minh", "lan"])
def test_hidden_and_absent_reports_of_a_list_read_the_same_pages(scene: Scene, who: str) -> None:
    assert _work(scene, who, scene.facts["hidden_code"]) == _work(scene, who, scene.facts["absent_code"])


def test_by_the_code_alone_a_hidden_report_of_a_list_would_cost_a_page_more(scene: Scene) -> None:
    statement = "SELECT body FROM reports.report WHERE code = ANY($1::text[])"
    with scene.as_role("backend_app", "minh") as connection:
        hidden, absent = (
            work_of(connection, statement, [scene.facts[code]]) for code in ("hidden_code", "absent_code")
        )
    assert (hidden.buffers - absent.buffers, hidden.removed) == (1, 1)
