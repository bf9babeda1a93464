"""Authority in the whole running system: the ceremony as it is told, and who is nobody without a device."""

import pytest

from cli.vault_ceremony import ceremony
from cli.vault_person import at_vault
from cli.vault_register import show
from stack.vault_authority import DemoAuthority
from tests.conftest import RunningStack


def _enrolments(register: str) -> int:
    return register.count("a new device, in person")


async def test_ceremony_enrols_a_device_and_the_register_verifies(
    running_stack: RunningStack, capsys: pytest.CaptureFixture[str]
) -> None:
    await show(running_stack.stack)
    before = _enrolments(capsys.readouterr().out)
    await ceremony(running_stack.stack, "thao")
    told = capsys.readouterr().out
    assert "Genesis, signed by both offline roots" in told
    assert "thao's device opens party and restricted from" in told
    await show(running_stack.stack)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split()[1] == "genesis"
    # Others of this stack may have added statements too.
    assert _enrolments("\n".join(shown)) == before + 1
    assert shown[-1].startswith("Verified from the genesis to the head.")
    async with at_vault(running_stack.stack, "thao") as thao:
        mine = (await thao.call("authority.mine"))["result"]
    assert mine["device"]["jkt"] == DemoAuthority(running_stack.stack.home).device("thao").thumbprint()


async def test_administrator_of_people_is_nobody_at_the_vault(running_stack: RunningStack) -> None:
    async with at_vault(running_stack.stack, "son") as son:
        mine = (await son.call("authority.mine"))["result"]
        pending = await son.call("authority.pending")
    assert (mine["device"], mine["posts"], mine["clearances"]) == (None, [], [])
    assert pending == {"problem": {"code": "vault.not_an_approver"}}
