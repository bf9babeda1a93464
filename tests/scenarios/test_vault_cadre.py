"""A cadre file in the whole running system: two officers enrol a device, on that device alone it opens."""

import asyncio
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pyotp
import pytest
from joserfc.jwk import ECKey

from cli.client import IocClient, Person
from cli.vault import client_of
from cli.vault_ceremony import enrol
from cli.vault_client import VaultClient
from cli.vault_person import at_vault
from foundation.database.connections import for_psycopg
from stack.vault_authority import OFFICERS, DemoAuthority
from tests.conftest import RunningStack
from tests.identity.administration import Administration, TestPerson
from tests.identity.software_passkey import SoftwarePasskey

KEEPER = "phuong"
FILE = {
    "code": "HN.0001",
    "identity": {
        "fullName": "Nguyễn Thị Ánh Nguyệt",
        "birthDate": "1980-05-17",
        "gender": "female",
        "birthPlace": "Hà Nội",
        "hometown": "Hà Nội",
        "ethnicity": "Kinh",
        "citizenId": "001180000017",
        "unit": "P0001",
        "post": "Chuyên viên",
        "qualification": "master",
        "politicalTheory": "advanced",
    },
}


async def _suspended(stack: RunningStack, sub: str) -> None:
    """Wait until the vault has noted that this person's credentials were changed."""
    cluster = stack.stack.vault
    async with asyncio.timeout(60):
        while True:
            with psycopg.connect(**for_psycopg(cluster.settings(cluster.superuser))) as connection:
                if connection.execute(
                    "SELECT 1 FROM credentials.suspension WHERE sub = %s", (sub,)
                ).fetchone():
                    return
            await asyncio.sleep(0.5)


async def _result(client: VaultClient, operation: str, **parameters: Any) -> dict[str, Any]:
    """The result; a device that still waits, and a vault that could not look at Keycloak, are tried again."""
    async with asyncio.timeout(90):
        while True:
            said = await client.call(operation, parameters)
            if said.get("problem", {}).get("code") not in ("vault.device_waits", "vault.blind"):
                assert "problem" not in said, said
                result: dict[str, Any] = said["result"]
                return result
            await asyncio.sleep(1)


@pytest.mark.timeout(420)
async def test_keeper_opens_a_file_on_the_enrolled_device_alone(running_stack: RunningStack) -> None:
    stack, passkey = running_stack.stack, SoftwarePasskey()
    authority = DemoAuthority(stack.home)
    async with Administration(running_stack) as keycloak:
        known = asdict(Person.from_home(stack.home.folder, KEEPER))
        await keycloak.store_passkey(TestPerson(**known, id=authority.sub_of(KEEPER)), passkey)
    await _suspended(running_stack, authority.sub_of(KEEPER))
    first, second = OFFICERS[:2]
    async with at_vault(stack, first) as one, at_vault(stack, second) as other:
        await enrol(stack, KEEPER, (first, one), (second, other))

    def on(device: ECKey | None) -> IocClient:
        return running_stack.client(KEEPER, device=device, acr_values="aal3", passkey=passkey)

    async with on(authority.device(KEEPER)) as phuong:
        vault = client_of(stack, phuong)
        uri = (await _result(vault, "factor.issue"))["uri"]
        (secret,) = parse_qs(urlsplit(uri).query)["secret"]
        await _result(vault, "factor.present", **{"class": "party", "code": pyotp.TOTP(secret).now()})
        mine = await _result(vault, "authority.mine")
        tenant = mine["clearances"][0]["tenant"]
        file = {**FILE, "identity": {**FILE["identity"], "unit": tenant}}
        kept = await _result(vault, "cadre.put", tenant=tenant, file=file)
        opened = await _result(vault, "cadre.open", record=kept["record"])
        found = await _result(vault, "cadre.find", name="anh nguyet")
        again = await vault.call("factor.issue")
        async with on(None) as elsewhere:
            refused = await client_of(stack, elsewhere).call("cadre.open", {"record": kept["record"]})
    assert opened["file"]["identity"]["fullName"] == FILE["identity"]["fullName"]
    assert (opened["version"], opened["tenant"]) == (1, tenant)
    assert [one["record"] for one in found["files"]] == [kept["record"]]
    assert again == {"problem": {"code": "vault.factor_there"}}
    assert refused["problem"]["code"] == "vault.step_up_required"
