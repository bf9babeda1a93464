"""`ioc vault register`: the chain of authority, verified from its genesis, read as the vault's own role."""

import secrets

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from cli.output import console
from foundation.clock import SystemClock
from foundation.database.database import Database
from foundation.ids import new_uuid
from foundation.settings import VaultSettings, load
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from vault.authority.chain import links
from vault.authority.errors import RegisterBroken
from vault.authority.register import register_of


async def show(stack: EmbeddedStack) -> None:
    """Print each statement. Raises StackError when the chain does not verify."""
    settings = load(stack.services.settings_file("vault"), VaultSettings)
    clock = SystemClock()
    register = register_of(settings.authority, clock)
    recorder = AuditRecorder(
        service="ioc-vault",
        clock=clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        refusals=RefusalCounter(),
    )
    database = Database(settings.database, recorder)
    try:
        async with database.unscoped() as connection:
            async for one in links(register, connection):
                signers = ", ".join(kid[:8] for kid in one.signers)
                console.print(
                    f"{one.n:>4}  {one.kind:<10} {one.made_at:%Y-%m-%d %H:%M:%S}  head {one.head.hex()[:16]}…"
                    f"  signed by {signers}: {one.reason}",
                    markup=False,
                    highlight=False,
                    soft_wrap=True,
                )
    except RegisterBroken as broken:
        raise StackError("vault", f"the register is broken: {broken.why}", "./ioc logs vault") from broken
    finally:
        await database.close()
    approvers = len(register.state.approvers(clock.now()))
    console.print(f"Verified from the genesis to the head. {approvers} approvers can be reached.")
