"""The services of officials as the api and the worker compose them, and short words for what tests do."""

import base64
import json
import secrets
from dataclasses import dataclass
from typing import Any

from joserfc.jwk import ECKey

from backend.officials.queries import OfficialQueries
from backend.officials.resets import ResetService
from backend.officials.reviews import ReviewService
from backend.officials.service import OfficialService
from backend.officials.types import (
    Account,
    AccountFilter,
    ChangedOfficial,
    DutyGift,
    DutyKind,
    Invitation,
    Step,
)
from backend.officials.upkeep import OfficialUpkeep
from foundation.database.unit_of_work import UnitOfWork
from foundation.directory_queue import Asking, DirectoryQueue
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from foundation.recording import AuditEvent
from tests.backend.world import HOAN_KIEM, OFFICIALS, POLICIES, World, compose, connect, key, session
from tests.conftest import Database

ASKING = Asking(body=b'{"query":"mutation"}', token="token", proof="proof")
SECOND = Asking(body=b'{"query":"second"}', token="token-2", proof="proof-2")
WHY = "Theo quyết định số 12"
HANDLER = DutyGift(DutyKind.HANDLER, HOAN_KIEM)


@dataclass
class Rig:
    """What tests call."""

    world: World
    database: Database
    officials: OfficialService
    resets: ResetService
    reviews: ReviewService
    queries: OfficialQueries
    upkeep: OfficialUpkeep

    async def invited(
        self,
        who: str = "yen",
        username: str = "an",
        unit: str = HOAN_KIEM,
        duties: tuple[DutyGift, ...] = (HANDLER,),
        **given: Any,
    ) -> ChangedOfficial:
        """A new official, invited by one of the administrators."""
        username = f"{username}.nguyen"
        names = {"family_name": "Nguyễn", "given_name": "Thị An", "email": f"{username}@example.vn", **given}
        invitation = Invitation(unit=unit, username=username, duties=duties, **names)
        return await self.officials.invite(await self.world.official(who), invitation, ASKING, key())

    async def step(self, code: str, version: int | None = None, who: str = "nga") -> Step:
        """A step on an official in the version that is there now."""
        if version is None:
            version = (await self.account(code, who)).version
        return Step(code, version, WHY)

    async def account(self, code: str, who: str = "nga") -> Account:
        """The official as an administrator sees him."""
        return await self.queries.account(await self.world.official(who), code)

    async def found(self, who: str, **wanted: Any) -> list[str]:
        """Names on the first page of the list."""
        page = await self.queries.accounts(await self.world.official(who), AccountFilter(**wanted), 100, None)
        return [account.name for account in page.items]

    def code_of(self, name: str) -> str:
        """The code of one of the seeded officials, by the end of the name."""
        row = self.look("SELECT code FROM tenancy.official WHERE name LIKE %s", f"%{name}")[0]
        return str(row[0])

    def look(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Rows as a superuser sees them."""
        with connect(self.database.settings(self.database.superuser)) as connection:
            return connection.execute(query.encode(), arguments).fetchall()

    def do(self, statement: str, *arguments: object, role: str | None = None) -> None:
        """A statement of a superuser, or of another role that signs in."""
        with connect(self.database.settings(role or self.database.superuser)) as connection:
            connection.execute(statement.encode(), arguments)

    def account_made(self, code: str, subject: str) -> None:
        """The directory tells which account of Keycloak an official has."""
        self.do(
            "SELECT tenancy.official_created(%s, %s, %s)", code, OFFICIALS, subject, role="backend_directory"
        )

    async def signed_in(self, subject: str, unit: str = HOAN_KIEM) -> OfficialPrincipal:
        """A session of an account, before its first use."""
        return await self.world.tenancy.principal_of(session(OFFICIALS, subject, unit), self.world.origin())

    async def first_use(self, principal: OfficialPrincipal) -> None:
        """What the gateway does with a session's first use."""
        event = AuditEvent("session.open")
        work: UnitOfWork
        async with self.world.database.unit_of_work(principal, event) as work:
            await self.world.tenancy.note_activity(work)
            await work.record(event)
            await work.commit()

    def requests(self) -> list[tuple[str, str, dict[str, Any]]]:
        """(operation, target, parameters) of what the directory was asked, in order."""
        rows = self.look("SELECT operation, target, jws FROM directory.request ORDER BY id")
        return [(operation, target, _claims(jws)["params"]) for operation, target, jws in rows]

    def events(self) -> list[tuple[str, str | None]]:
        """(action, refusal) of what was recorded about officials, in order."""
        lines = [json.loads(row[0]) for row in self.look("SELECT line FROM audit.event ORDER BY xid, id")]
        return [_told(line) for line in lines if _told(line)[0].startswith(("official.", "organisation."))]

    def history(self, code: str) -> list[tuple[str, str]]:
        """(kind, actor) of an official's history, oldest first."""
        return [
            (kind, actor)
            for kind, actor in self.look(
                "SELECT c.kind, c.actor_name FROM tenancy.official_change c"
                " JOIN tenancy.official o ON o.id = c.official_id WHERE o.code = %s ORDER BY c.id",
                code,
            )
        ]


def compose_rig(database: Database) -> Rig:
    """The services on a database; open the world's databases before use."""
    world = compose(database.settings("backend_app"), database.settings("backend_worker"))
    policy = PolicyEngine.load(POLICIES)
    queues = {
        signer: DirectoryQueue(
            signer=signer, key=ECKey.generate_key("P-256"), clock=world.clock, new_id=new_uuid
        )
        for signer in ("api", "worker")
    }
    officials = OfficialService(
        database=world.database,
        policy=policy,
        directory=queues["api"],
        clock=world.clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
    )
    return Rig(
        world=world,
        database=database,
        officials=officials,
        resets=ResetService(officials, new_uuid, secrets.token_bytes),
        reviews=ReviewService(officials),
        queries=OfficialQueries(world.database, policy, world.clock),
        upkeep=OfficialUpkeep(world.worker_database, policy, queues["worker"], world.clock, new_uuid),
    )


def _claims(jws: str) -> dict[str, Any]:
    payload = jws.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def _told(line: dict[str, Any]) -> tuple[str, str | None]:
    return line["api"]["operation"] if "api" in line else "", line.get("status_code")
