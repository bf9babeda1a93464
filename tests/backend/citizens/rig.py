"""Citizens' accounts as api and worker put them together, on a real database; the gateway is the double."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
from joserfc.jwk import ECKey
from sqlalchemy import event

from backend.citizens.keys import PhoneKeys
from backend.citizens.messages import PURPOSE, Letter, Outbox
from backend.citizens.sms import HttpSmsGateway
from backend.citizens.upkeep import CitizenUpkeep
from foundation.directory_queue import Asking, DirectoryQueue
from foundation.identity.principal import CitizenPrincipal, Origin
from foundation.ids import new_uuid
from foundation.phones import PhoneDigests, PhoneSeal
from foundation.policy.engine import PolicyEngine
from foundation.settings import PhoneSettings, Rate, SmsLimits, SmsSettings
from graphql_schema.citizen_services import Citizens
from services.citizens import citizens_of
from services.seed import load_citizens
from stack.home import ROOT
from tests.backend.world import CITIZENS, PHONE_KEY, POLICIES, World, connect, key, session
from tests.conftest import Database

_OFTEN = Rate(amount=1_000_000, seconds=60)
WIDE = SmsLimits(spacing_seconds=1, number=_OFTEN, person=_OFTEN, network=_OFTEN, everybody=_OFTEN)
LAN, HUNG, NEW = "+84912000001", "+84912000002", "+84987000003"
NOWHERE = Path("/nonexistent")
WORD = Asking(body=b"{}", token="token", proof="proof")
"""What an officer's device sent; here nobody looks at it (tests/directory does)."""


@dataclass
class Bureau:
    """The feature, and whom to be."""

    world: World
    database: Database
    citizens: Citizens
    keys: PhoneKeys
    recovery_seal: PhoneSeal
    upkeep: CitizenUpkeep
    folder: Path
    """Where the gateway's double puts messages."""

    def rows(self, query: str, *arguments: Any) -> list[Any]:
        """What a superuser sees."""
        with connect(self.database.settings(self.database.superuser)) as connection:
            return connection.execute(query.encode(), arguments).fetchall()

    def do(self, query: str, *arguments: Any) -> None:
        """What a superuser does."""
        with connect(self.database.settings(self.database.superuser)) as connection:
            connection.execute(query.encode(), arguments)

    def know(self, who: str, phone: str) -> None:
        """Somebody proved a number before."""
        people = {"citizens": [{"id": who, "phone": phone}]}
        with connect(self.database.settings(self.database.superuser)) as connection:
            load_citizens(connection, people, CITIZENS, self.keys.digests)

    async def person(
        self, who: str = "lan", *, named: str | None = LAN, verified: str | None = None, acr: str = "aal1"
    ) -> CitizenPrincipal:
        """Somebody whose token names these numbers."""
        signed_in = replace(session(CITIZENS, who, acr=acr), phone=named, phone_verified=verified)
        network = f"203.0.{sum(who.encode()) % 250}.0"
        return await self.world.citizens.principal_of(signed_in, Origin(str(new_uuid()), network))

    def letters(self) -> list[Letter]:
        """What waits to be sent, the oldest first."""
        found = self.rows("SELECT id, sealed FROM citizens.message WHERE sealed IS NOT NULL ORDER BY id")
        return [
            msgspec.json.decode(self.keys.seal.open(bytes(sealed), PURPOSE, row_id), type=Letter)
            for row_id, sealed in found
        ]

    def last_code(self) -> str:
        """The code of the newest message."""
        return next(word for word in self.letters()[-1].text.split() if len(word) == 6 and word.isdigit())

    def message_ids(self) -> list[UUID]:
        """Of all messages, the oldest first."""
        return [row[0] for row in self.rows("SELECT id FROM citizens.message ORDER BY id")]

    def events(self) -> list[str]:
        """Actions and decisions, in order."""
        found = self.rows("SELECT line::json -> 'unmapped' FROM audit.event ORDER BY xid, id")
        return [f"{row[0]['action']}={row[0]['decision']}" for row in found]

    def asked(self) -> list[tuple[str, str]]:
        """(operation, target) of what waits for the directory."""
        return self.rows(
            "SELECT operation, target FROM directory.request WHERE state = 'waiting' ORDER BY id"
        )

    def answer(self, operation: str, result: str | None = "{}", code: str | None = None) -> UUID:
        """The directory ends what waits of this kind: done, or refused with a code. The request's id."""
        ((request,),) = self.rows(
            """
            UPDATE directory.request SET state = %s, code = %s, result = %s::jsonb, jws = NULL,
              ended_at = clock_timestamp() WHERE operation = %s AND state = 'waiting' RETURNING id
            """,
            "done" if code is None else "refused",
            code,
            result,
            operation,
        )
        found: UUID = request
        return found

    def bound(self, who: str) -> bytes | None:
        """The digest that is bound to somebody's account."""
        found = self.rows(
            "SELECT digest FROM citizens.phone p JOIN citizens.citizen c ON c.id = p.citizen_id"
            " WHERE c.subject = %s",
            who,
        )
        return bytes(found[0][0]) if found else None

    async def proved(self, principal: CitizenPrincipal, phone: str) -> str:
        """Ask for a code, read it, enter it; where the number stands."""
        await self.citizens.phones.start(principal, phone, key())
        return str((await self.citizens.phones.prove(principal, self.last_code(), key())).standing)

    @asynccontextmanager
    async def statements(self) -> AsyncIterator[list[str]]:
        """The statements that run within, each without its values."""
        seen: list[str] = []
        engine = self.world.database.engine.sync_engine

        def note(_c: Any, _k: Any, statement: str, *_rest: Any) -> None:
            seen.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(engine, "before_cursor_execute", note)


def bureau_of(world: World, database: Database, folder: Path, url: str, limits: SmsLimits) -> Bureau:
    """The feature on a world."""
    (folder / "token").write_text("a-token")
    keys = PhoneKeys(PhoneDigests(PHONE_KEY), PhoneSeal(bytes(range(1, 33))))
    recovery_seal = PhoneSeal(bytes(range(2, 34)))
    policy, clock = PolicyEngine.load(POLICIES), world.clock
    settings = PhoneSettings(digest_key_file=NOWHERE, seal_key_file=NOWHERE, limits=limits)

    def queue(signer: str) -> DirectoryQueue:
        return DirectoryQueue(signer=signer, key=ECKey.generate_key("P-256"), clock=clock, new_id=new_uuid)

    gateway = HttpSmsGateway(
        SmsSettings(url=url, token_file=folder / "token"), httpx.AsyncClient(timeout=1.0, trust_env=False)
    )
    upkeep = CitizenUpkeep(
        database=world.worker_database,
        policy=policy,
        keys=keys,
        recovery_seal=recovery_seal,
        outbox=Outbox(keys.seal, new_uuid),
        directory=queue("worker"),
        gateway=gateway,
        clock=clock,
        new_id=new_uuid,
    )
    citizens = citizens_of(world.database, policy, clock, keys, settings, queue("api"))
    return Bureau(world, database, citizens, keys, recovery_seal, upkeep, folder / "sms")


@asynccontextmanager
async def gateway_at(folder: Path) -> AsyncIterator[str]:
    """The double's own program, without TLS; its address."""
    spec = importlib.util.spec_from_file_location("gateway", ROOT / "deploy" / "local" / "sms" / "gateway.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (folder / "sms").mkdir()
    gateway = module.Gateway(folder / "sms", b"a-token")
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/messages"
