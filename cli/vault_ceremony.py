"""`ioc vault ceremony`: the genesis, its officers on their devices, and a new device that two enrol."""

from typing import Any

from joserfc.jwk import ECKey

from cli.output import console
from cli.vault_client import VaultClient
from cli.vault_person import at_vault
from foundation.ids import unb64u
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.vault_authority import OFFICERS, DemoAuthority, public_half
from stack.vault_keys import VaultKeys
from vault.authority.enrolment import fingerprint
from vault.authority.statements import GenesisBody, device_key, parse, sign


class Refused(StackError):
    """A step that the vault did not take."""

    def __init__(self, step: str, answer: dict[str, Any]) -> None:
        super().__init__("vault", f"{step}: {answer['problem']['code']}", "./ioc vault register")


async def ceremony(stack: EmbeddedStack, person: str) -> None:
    """Walk through it, with a new device for `person`. Raises StackError at the first step that fails."""
    show_genesis(stack)
    first, second = OFFICERS[:2]
    async with at_vault(stack, first) as one, at_vault(stack, second) as other:
        for name, client in ((first, one), (second, other)):
            mine = await result(client, "authority.mine")
            console.print(f"{name}: on the enrolled device, epoch {mine['epoch']}, head {mine['head'][:16]}…")
        await enrol(stack, person, (first, one), (second, other))


def show_genesis(stack: EmbeddedStack) -> None:
    """What both roots signed: who, of which body, on which device."""
    statement = parse(VaultKeys(stack.home).genesis.read_bytes())
    body = statement.content.body
    if not isinstance(body, GenesisBody):
        raise StackError("vault", "the genesis file holds something else", "./ioc down --remove-data")
    roots = " and ".join(one.kid[:8] for one in statement.signatures)
    console.print(f"Genesis, signed by both offline roots: {roots}")
    bodies = {post.person: post.body for post in body.posts}
    for device in body.devices:
        shown = fingerprint(device_key(device.key).thumbprint())
        roles = ", ".join(one.role for one in body.clearances if one.person == device.person)
        name = DemoAuthority(stack.home).name_of(device.person)
        console.print(f"  {name} of {bodies[device.person]}: {roles}; {shown}")


async def enrol(
    stack: EmbeddedStack, person: str, first: tuple[str, VaultClient], second: tuple[str, VaultClient]
) -> None:
    """A new device for `person`: code, fingerprint, two signatures."""
    sub = DemoAuthority(stack.home).sub_of(person)
    code = (await result(first[1], "device.code", person=sub))["code"]
    console.print(f"{first[0]} hands {person} a one-time code: {code}")
    key = ECKey.generate_key("P-256")
    half = public_half(key)
    jwk = {"kty": half.kty, "crv": half.crv, "x": half.x, "y": half.y}
    async with at_vault(stack, person, key) as fresh:
        shown = await result(fresh, "device.activate", code=code, key=jwk, native=True)
        console.print(f"{person}'s new device shows {shown['fingerprint']}")
        seen = await result(second[1], "authority.pending")
        (candidate,) = [one for one in seen["candidates"] if one["key"] == jwk]
        console.print(f"{second[0]} sees             {candidate['fingerprint']}: the same")
        body = {"person": sub, "key": jwk, "native": True}
        terms = {"from": None, "until": None, "reason": "a new device, in person"}
        proposal = await result(first[1], "authority.propose", kind="device", body=body, **terms)
        added = None
        for name, client in (first, second):
            said = await result(client, "authority.sign", **_signed(client, proposal))
            added = said["added"]
            console.print(f"{name} signs" + (f": statement {added['n']}" if added else ""))
        DemoAuthority(stack.home).keep_device(person, key)
        mine = await result(fresh, "authority.mine")
        console.print(f"{person}'s device opens party and restricted from {mine['device']['usableFrom']}")


async def result(client: VaultClient, operation: str, **parameters: Any) -> dict[str, Any]:
    """What an operation gave. Raises Refused."""
    answer = await client.call(operation, parameters)
    if "problem" in answer:
        raise Refused(operation, answer)
    given: dict[str, Any] = answer["result"]
    return given


def _signed(client: VaultClient, proposal: dict[str, Any]) -> dict[str, str]:
    made = sign(unb64u(proposal["payload"]), client.person.key)
    return {"proposal": proposal["id"], "protected": made.protected, "signature": made.signature}
