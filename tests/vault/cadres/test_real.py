"""Cadre files on the real OpenBao and the real register: signed statements give, and a lock takes at once."""

import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pyotp
import pytest

from foundation.database.database import Database as Pools
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import new_uuid
from foundation.recording import AuditEvent
from services.vault import enrolled_in
from stack.home import ROOT
from tests.parts import Database
from tests.vault.chain import BORN
from tests.vault.parts import NOW, Device
from tests.vault.records.doubles import Factor, Watch
from tests.vault.records.office import POLICIES, Office, file
from tests.vault.registered import Registered
from tests.vault.rig import Rig
from vault.authority.statements import ClearanceBody, PostBody
from vault.cadres.operations import operations_of
from vault.cadres.service import CADRE, Cadres
from vault.call.operations import GREETING, Operation, Operations
from vault.keyring.service import Keyring
from vault.records.gate import Gate
from vault.records.results import Results
from vault.records.service import Records
from vault.second_factor.operations import operations as factor_operations
from vault.second_factor.service import SecondFactor

BY = ("an", "binh")
COMMITTEE = "P0002"
NOT_FOUND = {"problem": {"code": "common.not_found"}}


@dataclass
class Real:
    """The office with nothing of ours doubled but the code of the second factor and Keycloak."""

    office: Office
    registered: Registered

    def device(self, name: str) -> Device:
        """A person's device whose key is the chain's, signed in by passkey."""
        device = Device(
            sub=name, sid=f"session-{name}", token=f"token.of.{name}", key=self.registered.chain.key_of(name)
        )
        self.office.rig.keycloak.sign_in(device)
        self.office.signed_in(device)
        return device

    async def enrolled(
        self, name: str, role: str | None, own: str | None = None, above: str | None = None
    ) -> Device:
        """Somebody whom two officers gave post, device and, if any, clearance, two days ago."""
        chain, at = self.registered.chain, NOW - timedelta(days=2)
        body = PostBody(name, COMMITTEE, COMMITTEE, above, own)
        await self.registered.add(chain.make("post", body, BY, at=at))
        await self.registered.add(chain.device(name, BY, at=at))
        if role is not None:
            await self.registered.add(
                chain.make("clearance", ClearanceBody(name, COMMITTEE, 3, role), BY, at=at)
            )
        return self.device(name)


@pytest.fixture
async def real(vault_database: Database, keyring: Keyring) -> AsyncIterator[Real]:
    """On OpenBao and the vault's database."""
    rig = Rig.of(vault_database)
    await rig.database.open()
    registered = await Registered(rig).begin()
    yield _real(rig, registered, keyring, Factor())
    await rig.database.close()


def _real(
    rig: Rig, registered: Registered, keyring: Keyring, factor: Any, *more: Mapping[str, Operation]
) -> Real:
    register, watch = registered.register, Watch()
    records = Records(
        kind=CADRE,
        gate=Gate(register, factor, watch, native_alone=True),
        policies=POLICIES,
        keys=keyring,
        results=Results(keyring),
        database=rig.database,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
    )
    cadres = Cadres(records)
    operations = Operations(GREETING, operations_of(cadres), *more)
    rig.door = replace(rig.door, operations=operations, guard=register.refresh)
    return Real(Office(rig, keyring, register, factor, watch, cadres), registered)


async def test_leader_opens_what_the_officer_keeps_and_a_colleague_learns_nothing(real: Real) -> None:
    kien = await real.enrolled("kien", "keeper")
    mai, colleague = await real.enrolled("mai", "reader"), await real.enrolled("nam", None)
    record = await real.office.kept(kien, COMMITTEE)
    opened = await real.office.ask(mai, "cadre.open", record=record)
    assert opened["result"]["file"] == file()
    hidden = await real.office.ask(colleague, "cadre.open", record=record)
    absent = await real.office.ask(colleague, "cadre.open", record=str(new_uuid()))
    assert hidden == absent == NOT_FOUND
    found = await real.office.ask(mai, "cadre.find", name="hoa")
    assert [one["record"] for one in found["result"]["files"]] == [record]
    assert (await real.office.ask(mai, "cadre.structure"))["result"]["total"] == 1
    assert real.office.rows("SELECT tenant, class FROM keyring.epoch_key") == [(COMMITTEE, 3)]


async def test_repeated_write_is_answered_from_what_was_sealed(real: Real) -> None:
    kien, operation_id = await real.enrolled("kien", "keeper"), secrets.token_bytes(16)
    asked = {"tenant": COMMITTEE, "file": file()}
    first = await real.office.again(kien, operation_id, "cadre.put", **asked)
    assert await real.office.again(kien, operation_id, "cadre.put", **asked) == first
    assert first["result"]["version"] == 1


async def test_own_file_and_the_superiors_are_hidden_by_posts_of_the_register(real: Real) -> None:
    kien = await real.enrolled("kien", "keeper")
    of_chief, of_nam = await real.office.kept(kien, COMMITTEE), await real.office.kept(kien, COMMITTEE)
    await real.enrolled("chief", None, own=of_chief)
    nam = await real.enrolled("nam", "reader", own=of_nam, above="chief")
    for record in (of_chief, of_nam):
        assert await real.office.ask(nam, "cadre.open", record=record) == NOT_FOUND
    assert (await real.office.ask(nam, "cadre.list"))["result"]["files"] == []


async def test_locked_post_or_superior_leaves_the_files_hidden(real: Real) -> None:
    kien = await real.enrolled("kien", "keeper")
    of_chief, of_nam = await real.office.kept(kien, COMMITTEE), await real.office.kept(kien, COMMITTEE)
    await real.enrolled("chief", None, own=of_chief)
    nam = await real.enrolled("nam", "reader", own=of_nam, above="chief")
    held = str(real.registered.register.state.posts["nam"][0].id)
    await real.registered.add(real.registered.chain.lock(("nam",), statement=held))
    await real.registered.add(real.registered.chain.lock(("binh",), person="chief"))
    for record in (of_chief, of_nam):
        assert await real.office.ask(nam, "cadre.open", record=record) == NOT_FOUND
    assert (await real.office.ask(nam, "cadre.list"))["result"]["files"] == []


async def test_lock_by_one_officer_closes_the_files_at_once(real: Real) -> None:
    kien, mai = await real.enrolled("kien", "keeper"), await real.enrolled("mai", "reader")
    record = await real.office.kept(kien, COMMITTEE)
    assert (await real.office.ask(mai, "cadre.open", record=record)).keys() == {"result"}
    await real.registered.add(real.registered.chain.lock(("binh",), person="mai"))
    assert await real.office.ask(mai, "cadre.open", record=record) == {
        "problem": {"code": "vault.device_not_enrolled"}
    }


async def test_device_of_today_waits(real: Real) -> None:
    record = await real.office.kept(await real.enrolled("kien", "keeper"), COMMITTEE)
    chain = real.registered.chain
    await real.registered.add(chain.make("post", PostBody("mai", COMMITTEE, COMMITTEE, None, None), BY))
    await real.registered.add(chain.device("mai", BY))
    await real.registered.add(chain.make("clearance", ClearanceBody("mai", COMMITTEE, 3, "reader"), BY))
    said = await real.office.ask(real.device("mai"), "cadre.open", record=record)
    assert said["problem"]["code"] == "vault.device_waits"


async def test_security_officer_of_the_genesis_opens_nothing(real: Real) -> None:
    record = await real.office.kept(await real.enrolled("kien", "keeper"), COMMITTEE)
    assert BORN < NOW
    assert await real.office.ask(real.device("an"), "cadre.open", record=record) == NOT_FOUND


async def test_code_of_the_vaults_own_factor_opens_for_five_minutes(
    vault_database: Database, keyring: Keyring
) -> None:
    rig = Rig.of(vault_database)
    await rig.database.open()
    attempts = Pools(vault_database.settings("vault_app", pool_size=2), rig.database._recorder)
    factor = SecondFactor(keyring, attempts, rig.clock, new_uuid, secrets.token_bytes)
    registered = await Registered(rig).begin()
    offered = factor_operations(factor, enrolled_in(registered.register))
    real = _real(rig, registered, keyring, factor, offered)
    kien = await real.enrolled("kien", "keeper")
    system = SystemPrincipal(Origin("ceremony", "10.0.0.0"), "ceremony")
    async with rig.database.unit_of_work(system, AuditEvent("vault.trial_ceremony")) as work:
        uri = await factor.issue(work, "kien", kien.key.thumbprint())
        await work.commit()
    put = {"tenant": COMMITTEE, "file": file()}
    needed = {"problem": {"code": "vault.step_up_required", "factor": "code"}}
    assert await real.office.ask(kien, "cadre.put", **put) == needed
    code = pyotp.parse_uri(uri).at(rig.clock.at)
    assert "result" in await real.office.ask(kien, "factor.present", **{"class": "party", "code": code})
    assert (await real.office.ask(kien, "cadre.put", **put))["result"]["version"] == 1
    rig.clock.at = NOW + timedelta(minutes=5, seconds=1)
    assert await real.office.ask(kien, "cadre.put", **put) == needed
    await attempts.close()
    await rig.database.close()


def test_policies_of_the_vault_are_the_ones_that_are_checked() -> None:
    text = (ROOT / "policies" / "vault" / "cadres.cedar").read_text(encoding="utf-8")
    assert text in POLICIES.texts[1]
