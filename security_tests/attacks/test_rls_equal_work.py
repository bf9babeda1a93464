"""Hidden and absent are the same: the same statements, the same pages read, the same refusal. No clocks."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from backend.reports.sql import ONE, UNIT_IDS, UNIT_LIST, UNIT_STATE_LIST
from backend.reports.store import _SEEN
from backend.tenancy.queries import _UNIT
from foundation.database.read_scope import ReadScope
from foundation.errors import Refusal
from security_tests.attacks.database.scene import Scene
from security_tests.attacks.database.work import Work, work_of
from tests.backend.world import World, compose, key

MINH = "minh"


def _work(scene: Scene, who: str, statement: str, *arguments: Any) -> Work:
    with scene.as_role("backend_app", who) as connection:
        return work_of(connection, statement, *arguments)


def _readers(scene: Scene, who: str) -> list[str]:
    units = [int(unit) for unit in scene.settings_of(who)[2].split(",") if unit]
    citizen = scene.settings_of(who)[1]
    return [f"{unit:032x}" for unit in units] + ([citizen] if citizen else [])


@pytest.mark.parametrize("who", ["minh", "lan"])
def test_hidden_and_absent_report_read_the_same_pages(scene: Scene, who: str) -> None:
    readers = _readers(scene, who)
    hidden = _work(scene, who, ONE, scene.facts["hidden_code"], readers)
    assert hidden == _work(scene, who, ONE, scene.facts["absent_code"], readers)


def test_by_the_code_alone_a_hidden_report_would_cost_a_page_more(scene: Scene) -> None:
    """Why reads go by (reader, code): row-level security looks at the row before it hides it."""
    statement = "SELECT body FROM reports.report WHERE code = $1"
    hidden = _work(scene, MINH, statement, scene.facts["hidden_code"])
    absent = _work(scene, MINH, statement, scene.facts["absent_code"])
    assert (hidden.buffers - absent.buffers, hidden.removed) == (1, 1)


@pytest.mark.parametrize("who", ["minh", "lan"])
def test_hidden_and_absent_report_are_looked_up_for_a_change_alike(scene: Scene, who: str) -> None:
    statement = str(_SEEN).replace(":readers", "$1").replace(":code", "$2")
    readers = _readers(scene, who)
    hidden = _work(scene, who, statement, readers, scene.facts["hidden_code"])
    assert hidden == _work(scene, who, statement, readers, scene.facts["absent_code"])


def test_list_of_a_hidden_unit_reads_what_that_of_an_absent_one_reads(scene: Scene) -> None:
    hidden = _work(scene, MINH, UNIT_LIST.first, [scene.facts["hidden_unit"]], 51)
    assert hidden == _work(scene, MINH, UNIT_LIST.first, [scene.facts["absent_unit"]], 51)


def test_list_by_state_of_a_hidden_unit_reads_what_that_of_an_absent_one_reads(scene: Scene) -> None:
    hidden = _work(scene, MINH, UNIT_STATE_LIST.first, [scene.facts["hidden_unit"]], "in_progress", 51)
    absent = _work(scene, MINH, UNIT_STATE_LIST.first, [scene.facts["absent_unit"]], "in_progress", 51)
    assert hidden == absent


def test_policy_with_a_gate_would_walk_the_hidden_unit(scene: Scene) -> None:
    """Why the list's policy has one clause and no OR: EXPLAIN, and time, would tell how much is hidden."""
    gate = (
        "DROP POLICY visibility_read ON reports.report_visibility",
        "CREATE POLICY visibility_read ON reports.report_visibility FOR SELECT TO backend_app USING ("
        " (SELECT current_setting('ioc.all', true) = '1') OR unit_id ="
        " ANY (string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[]))",
    )
    with scene.without(gate, "backend_app", MINH) as connection:
        hidden = work_of(connection, UNIT_LIST.first, [scene.facts["hidden_unit"]], 51)
        absent = work_of(connection, UNIT_LIST.first, [scene.facts["absent_unit"]], 51)
    assert (hidden.removed, absent.removed) == (1, 0)


@pytest.mark.parametrize(
    ("statement", "codes"),
    [(UNIT_IDS, (["P0002"], ["P9999"])), (_UNIT, ("P0002", "P9999"))],
    ids=["list", "one"],
)
def test_party_body_and_absent_unit_read_the_same_pages(scene: Scene, statement: str, codes: Any) -> None:
    """Units are a few pages, read as a whole whatever is asked."""
    more = [[scene.facts["unit"]]] if "$2" in statement else []
    with scene.as_role("backend_app", MINH) as connection:
        hidden, absent = (work_of(connection, statement, code, *more, as_if_large=False) for code in codes)
    assert (hidden.buffers, hidden.nodes) == (absent.buffers, absent.nodes)


@contextmanager
def _statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the read scopes run."""
    run: list[str] = []
    with monkeypatch.context() as patch:
        for name in ("rows", "row"):
            method = getattr(ReadScope, name)

            async def noted(self: ReadScope, query: str, *arguments: object, _method: Any = method) -> Any:
                run.append(query)
                return await _method(self, query, *arguments)

            patch.setattr(ReadScope, name, noted)
        yield run


async def _refusal(world: World, principal: Any, code: str, operation: str) -> tuple[str, str, Any]:
    attempts: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
        "one": lambda: world.queries.one(principal, code),
        "timeline": lambda: world.queries.timeline(principal, code),
        "accept": lambda: world.reports.accept(principal, code, 1, key()),
    }
    with pytest.raises(Refusal) as refused:
        await attempts[operation]()
    return refused.type.__name__, str(refused.value), refused.value.code


@pytest.mark.parametrize("operation", ["one", "timeline", "accept"])
def test_hidden_and_absent_report_have_one_refusal_after_one_way(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    async def both() -> list[tuple[Any, list[str]]]:
        database = scene.database
        world = compose(database.settings("backend_app"), database.settings("backend_worker"))
        await world.database.open()
        try:
            minh = await world.official(MINH)
            answers = []
            for code in (scene.facts["hidden_code"], scene.facts["absent_code"]):
                with _statements(monkeypatch) as run:
                    answers.append((await _refusal(world, minh, code, operation), run))
            return answers
        finally:
            await world.database.close()

    hidden, absent = asyncio.run(both())
    assert hidden == absent


def test_citizen_at_work_on_anothers_report_gets_no_other_error_than_on_none(scene: Scene) -> None:
    """UPDATE by plain SQL: hidden and absent are both nothing."""
    counts = []
    for code in ("hidden_code", "absent_code"):
        with scene.as_role("backend_app", "lan") as connection:
            cursor = connection.execute(
                "UPDATE reports.report SET answer = 'x' WHERE code = %s", (scene.facts[code],)
            )
            counts.append(cursor.rowcount)
    assert counts == [0, 0]
