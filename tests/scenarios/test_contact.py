"""A contact on the real system: left by the app, sealed in OpenBao, opened by the ward, told to the SOC."""

import asyncio
import secrets
from pathlib import Path
from typing import Any

from cli.client import IocClient
from stack.home import ROOT
from tests.backend.world import TEXT, connect
from tests.conftest import RunningStack

OPERATIONS = Path(ROOT) / "mobile_contract" / "operations"
NAME, PHONE = "Nguyễn Thị Lan", "+84977123409"


async def run(client: IocClient, name: str, /, *, keyed: bool = True, **given: Any) -> dict[str, Any]:
    """One document of the contract."""
    document = (OPERATIONS / f"{name}.graphql").read_text(encoding="utf-8")
    key = {"idempotencyKey": secrets.token_hex(16)} if keyed else {}
    answer = await client.graphql(document, {"input": {**given, **key}})
    assert "errors" not in answer, answer
    (found,) = answer["data"].values()
    return dict(found)


async def test_contact_is_left_opened_by_the_ward_and_the_soc_knows_why(running_stack: RunningStack) -> None:
    async with (
        running_stack.client("lan") as lan,
        running_stack.client("minh") as minh,
        running_stack.client("dung") as dung,
    ):
        sent = {"category": "street_light", "ward": "00070", "place": "Phố Huế", "body": TEXT}
        code = (await run(lan, "SubmitReport", **sent))["code"]
        left = await run(lan, "GiveContact", code=code, name=NAME, phone="0977 123 409", nameShown="HANDLER")
        assert left == {"__typename": "ContactChanged", "code": code, "version": 1, "kept": True}
        asked = {"code": code, "purpose": "LEGAL_REQUEST", "caseNumber": "128/UBND-VP"}
        opened = await run(minh, "OpenContact", keyed=False, **asked)
        assert opened == {
            "__typename": "OpenedContact",
            "code": code,
            "name": NAME,
            "phone": PHONE,
            "email": None,
        }
        refused = await run(dung, "OpenContact", keyed=False, **asked)
        assert refused["code"] == "common.not_found"

        # Beside it stands the refusal of the other ward.
        line = await _received(running_stack, f'"report:{code}"', '"report.open_contact"', "128/UBND-VP")
        assert "legal_request" in line
    # Neither the database nor anything that a process printed has it.
    with connect(running_stack.database("backend_superuser")) as connection:
        ((kept,),) = connection.execute("SELECT string_agg(c::text, '') FROM contacts.contact c")
    printed = "".join(
        file.read_text(encoding="utf-8", errors="replace")
        for file in (running_stack.home / "logs").glob("*.log")
    )
    audited = (running_stack.home / "openbao" / "audit.log").read_text(encoding="utf-8")
    for word in (NAME, PHONE, "0977 123 409"):
        assert word not in kept + printed + audited + running_stack.soc_file.read_text(encoding="utf-8")


async def _received(stack: RunningStack, *words: str) -> str:
    """The SOC's newest line with all of the words."""
    for _ in range(400):
        lines = stack.soc_file.read_text(encoding="utf-8").splitlines()
        found = [line for line in lines if all(word in line for word in words)]
        if found:
            return found[-1]
        await asyncio.sleep(0.2)
    raise AssertionError(f"no line with {words}")
