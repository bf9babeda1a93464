"""The registers on the real system: a department is made, rules reach it, it becomes part of another."""

import asyncio
import secrets
from pathlib import Path
from typing import Any

from cli.client import IocClient
from foundation.ids import GlobalIds
from stack.home import ROOT
from tests.backend.world import TEXT, connect
from tests.conftest import RunningStack

OPERATIONS = Path(ROOT) / "mobile_contract" / "operations"
DOING = "SELECT count(*) FROM jobs.procrastinate_jobs WHERE task_name = %s AND status IN ('todo', 'doing')"


async def run(client: IocClient, name: str, /, **given: Any) -> dict[str, Any]:
    """One document of the contract; a mutation's input gets a fresh key."""
    document = (OPERATIONS / f"{name}.graphql").read_text(encoding="utf-8")
    variables = given
    if document.startswith("mutation"):
        variables = {"input": {**given, "idempotencyKey": secrets.token_hex(16)}}
    answer = await client.graphql(document, variables)
    assert "errors" not in answer, answer
    (found,) = answer["data"].values()
    return dict(found)


async def test_department_is_made_gets_reports_and_becomes_part_of_another(
    running_stack: RunningStack,
) -> None:
    async with running_stack.client("tu") as tu, running_stack.client("lan") as lan:
        made = await run(
            tu, "CreateUnit", code="D0097", name="Sở Thử nghiệm", kind="DEPARTMENT", parentCode="C0001"
        )
        assert made["version"] == 1, made
        # A category of this test's own: what holds is the whole system's.
        category = "probe_" + "".join(secrets.choice("abcdefghij") for _ in range(8))
        await run(tu, "CreateCategory", code=category, nameVi="Thử nghiệm", nameEn="Probe")
        draft = await run(tu, "DraftRoutingRules", note="Thử nghiệm")
        rule = {"code": "probe", "categoryCode": category, "placeCode": "C0001", "targetCode": "D0097"}
        step = {"number": draft["number"], "expectedVersion": 1}
        assert (await run(tu, "ChangeRoutingRules", **step, put=[rule]))["version"] == 2
        trial = await run(tu, "TryRoutingRules", number=draft["number"])
        assert trial["faultCount"] == 0, trial
        today = draft["rules"]["createdAt"][:10]
        held = await run(tu, "ActivateRoutingRules", number=draft["number"], expectedVersion=2, fromDay=today)
        assert held["rules"]["holds"] is True, held

        sent = {"category": category, "ward": "00070", "place": "Phố Huế", "body": TEXT}
        first = await run(lan, "SubmitReport", **sent)
        assert first["report"]["handler"]["code"] == "D0097"
        ended = await run(tu, "EndUnit", code="D0097", expectedVersion=1, successorCode="D0001")
        assert ended["unit"]["successorCode"] == "D0001", ended
        await _done(running_stack, "reports.hand_over")
        moved = await run(lan, "Report", code=first["code"])
        assert (moved["handler"]["code"], moved["timeline"][-1]["actor"]) == ("D0001", "SYSTEM")
        second = await run(lan, "SubmitReport", **sent)
        assert second["report"]["handler"]["code"] == "D0001"

        of = GlobalIds.of_code("Unit", "D0097")
        history = [edge["node"] for edge in (await run(tu, "History", of=of))["edges"]]
        assert [(one["action"], one["actor"]) for one in history] == [
            ("unit.end", "Lý Minh Tú"),
            ("unit.create", "Lý Minh Tú"),
        ]
        await run(tu, "EndCategory", code=category, expectedVersion=1)


async def test_officer_keeps_no_register(running_stack: RunningStack) -> None:
    async with running_stack.client("minh") as minh:
        refused = await run(
            minh, "CreateUnit", code="D0096", name="Sở của tôi", kind="DEPARTMENT", parentCode="C0001"
        )
    assert refused["code"] == "common.forbidden"


async def _done(stack: RunningStack, task: str) -> None:
    for _ in range(900):
        with connect(stack.database("backend_superuser")) as connection:
            (left,) = connection.execute(DOING.encode(), (task,)).fetchone() or (0,)
        if left == 0:
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(task)
