"""The timelines of a whole list: one transaction, the same walls as for one."""

from typing import Any

import pytest

from foundation.database.read_scope import ReadScope
from foundation.errors import Forbidden, InvalidInput
from foundation.ids import new_report_code
from foundation.paging import PageRequest
from tests.backend.world import SOC_SON, World, connect
from tests.conftest import Database

REFUSED = """
SELECT line::jsonb -> 'unmapped' ->> 'resource' FROM audit.event
WHERE line::jsonb -> 'unmapped' ->> 'decision' = 'deny' ORDER BY id
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What read scopes do from now on: "begin" for a transaction, else the statement."""
    done: list[str] = []
    begin, rows, row = ReadScope.__aenter__, ReadScope.rows, ReadScope.row

    async def noted_begin(self: ReadScope) -> ReadScope:
        done.append("begin")
        return await begin(self)

    async def noted_rows(self: ReadScope, query: str, *arguments: object) -> Any:
        done.append(query)
        return await rows(self, query, *arguments)

    async def noted_row(self: ReadScope, query: str, *arguments: object) -> Any:
        done.append(query)
        return await row(self, query, *arguments)

    monkeypatch.setattr(ReadScope, "__aenter__", noted_begin)
    monkeypatch.setattr(ReadScope, "rows", noted_rows)
    monkeypatch.setattr(ReadScope, "row", noted_row)
    return done


@pytest.mark.parametrize("name", ["minh", "quang"])
@pytest.mark.parametrize("count", [1, 7])
async def test_timelines_of_any_number_of_reports_are_two_statements_in_one_transaction(
    world: World, run: list[str], name: str, count: int
) -> None:
    official = await world.official(name)
    codes = [(await world.submitted()).code for _ in range(count)]
    run.clear()
    found = await world.queries.timelines(official, codes)
    assert (len(found), run.count("begin"), len(run)) == (count, 1, 3)


async def test_timelines_are_those_of_each_report(world: World) -> None:
    lan = await world.citizen("lan")
    codes = [(await world.submitted(lan)).code for _ in range(3)]
    each = {code: await world.queries.timeline(lan, code) for code in codes}
    assert await world.queries.timelines(lan, codes) == each


async def test_hidden_and_absent_reports_are_left_out_and_recorded(world: World, database: Database) -> None:
    lan, hung = await world.citizen("lan"), await world.citizen("hung")
    own, hidden = (await world.submitted(lan)).code, (await world.submitted(hung, SOC_SON)).code
    absent = new_report_code(lambda size: b"\x07" * size)
    found = await world.queries.timelines(lan, [hidden, own, absent])
    with connect(database.settings(database.superuser)) as connection:
        refused = {row[0] for row in connection.execute(REFUSED)}
    assert (list(found), refused) == ([own], {f"report:{hidden}", f"report:{absent}"})


async def test_policies_decide_on_each_report_of_a_list(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lan = await world.citizen("lan")
    codes = [(await world.submitted(lan)).code for _ in range(2)]
    page = await world.queries.mine(lan, PageRequest(1))
    decided: list[str] = []

    def refuses(principal: Any, action: str, resource: Any, **_: Any) -> None:
        decided.append(action)
        raise Forbidden

    monkeypatch.setattr(world.queries._policy, "authorise", refuses)
    found = await world.queries.timelines(lan, codes)
    assert (len(page.items), found, decided) == (1, {}, ["report.read"] * 2)


async def test_more_than_a_page_of_timelines_is_refused(world: World) -> None:
    with pytest.raises(InvalidInput):
        await world.queries.timelines(await world.citizen("lan"), ["0" * 16] * 101)
