"""An officer is invited through the api, activates by the letter's link, works, is suspended and is out."""

import asyncio
import secrets
import time
from pathlib import Path
from typing import Any

import pytest

from cli.activation import activate, link_in
from cli.client import ApiRefused, IocClient, https_client
from cli.login import Person
from cli.mail import letters, read, text_of
from stack.home import ROOT
from tests.conftest import RunningStack

PATIENCE_SECONDS = 90.0
OUT_WITHIN_SECONDS = 5.0
VIEWER = "{ viewer { ... on Official { name unit { code } duties { kind } } } }"


def document(name: str) -> str:
    return (ROOT / "mobile_contract" / "operations" / f"{name}.graphql").read_text(encoding="utf-8")


async def changed(officer: IocClient, name: str, field: str, given: dict[str, Any]) -> dict[str, Any]:
    """A mutation that the officer's device signs, and that took effect."""
    variables = {"input": {**given, "idempotencyKey": secrets.token_hex(16)}}
    answer = await officer.graphql_signed(document(name), variables)
    payload: dict[str, Any] = answer["data"][field]
    assert payload["__typename"] == "OfficialChanged", payload
    return payload


async def letter_to(stack: RunningStack, address: str) -> str:
    """The letter to an address, when it has come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for file in letters(Path(stack.home) / "mail"):
            if read(file)["x-recipients"] == address:
                return text_of(read(file))
        await asyncio.sleep(0.2)
    raise AssertionError("no letter came")


async def test_invited_officer_activates_works_and_is_out_when_suspended(running_stack: RunningStack) -> None:
    name = f"moi.{secrets.token_hex(4)}"
    invitation = {
        "unit": "00070",
        "username": name,
        "email": f"{name}@ioc.hanoi.example",
        "familyName": "Đặng",
        "givenName": "Thị Ngọc Ánh",
        "duties": [{"kind": "HANDLER", "unit": "00070"}],
    }
    async with running_stack.client("yen") as yen:
        invited = await changed(yen, "InviteOfficial", "inviteOfficial", invitation)
        link = link_in(await letter_to(running_stack, invitation["email"]))
        async with https_client(running_stack.endpoints.ca_file) as browser:
            password, secret = await activate(browser, link)
        person = Person(name, "hanoi-ioc", password, secret, "00070")
        async with IocClient(running_stack.home, person, running_stack.endpoints) as officer:
            answer = await officer.graphql(VIEWER)
            assert answer["data"]["viewer"] == {
                "name": "Đặng Thị Ngọc Ánh",
                "unit": {"code": "00070"},
                "duties": [{"kind": "handler"}],
            }
            # The first sign-in has raised the version.
            step = {"code": invited["code"], "expectedVersion": invited["version"] + 1, "note": "Thử"}
            await changed(yen, "SuspendOfficial", "suspendOfficial", step)
            suspended_at = time.monotonic()
            with pytest.raises(ApiRefused):
                await officer.graphql(VIEWER)
            assert time.monotonic() - suspended_at < OUT_WITHIN_SECONDS
