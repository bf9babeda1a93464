"""The running directory as api and worker meet it: their real keys, officers who really sign in."""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from joserfc.jwk import ECKey
from psycopg.rows import dict_row

from cli.client import IocClient
from foundation.clock import SystemClock
from foundation.database.connections import for_psycopg
from foundation.database.database import Database
from foundation.directory_queue import Asking, DirectoryQueue, Operation
from foundation.identity.body_proofs import digest_of
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import new_report_code, new_uuid
from foundation.recording import AuditEvent
from stack.home import ROOT
from tests.conftest import RunningStack

HOAN_KIEM, SOC_SON, CITY = "00070", "00376", "C0001"
WAIT_SECONDS = 60.0
EVERY_LETTER = "Ằ Ẳ Ẵ Ắ Ặ Ầ Ẩ Ẫ Ấ Ậ Ề Ể Ễ Ế Ệ Ồ Ổ Ỗ Ố Ộ Ờ Ở Ỡ Ớ Ợ Ừ Ử Ữ Ứ Ự Ỳ Ỷ Ỹ Ý Ỵ Đ đ ă â ê ô ơ ư"


class NoRecorder:
    """Who asks records nothing here: these tests are about what the directory records."""

    async def record(self, *_: Any) -> None: ...

    async def record_refusal(self, *_: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Ended:
    """How a request ended."""

    state: str
    code: str | None
    result: Any
    steps: tuple[str, ...]


@dataclass
class Official:
    """An official of one test's own."""

    code: str
    username: str
    unit: str

    @property
    def account(self) -> dict[str, Any]:
        """The parameters of the request that makes the account."""
        return {
            "unit": self.unit,
            "username": self.username,
            "email": f"{self.username}@ioc.hanoi.example",
            "familyName": "Nguyễn",
            "givenName": EVERY_LETTER,
        }


class Office:
    """Asks the directory and looks at what it did."""

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self._databases: dict[str, Database] = {}

    async def close(self) -> None:
        for database in self._databases.values():
            await database.close()

    def key(self, signer: str) -> ECKey:
        """A process's own key."""
        return ECKey.import_key((self.stack.home / "secrets" / f"queue-{signer}.pem").read_bytes())

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """As somebody who looks everywhere."""
        place = for_psycopg(self.stack.database("backend_superuser"))
        with psycopg.connect(**place, row_factory=dict_row, autocommit=True) as connection:
            done = connection.execute(statement.encode(), values)
            return done.fetchall() if done.description else []

    def official(
        self, unit: str = HOAN_KIEM, state: str = "invited", username: str | None = None
    ) -> Official:
        """A row of tenancy, as the api makes it for an invitation."""
        code = new_report_code()
        official = Official(code, username or f"tam.{code[:8].lower()}", unit)
        self.rows(
            """
            INSERT INTO tenancy.official (id, code, issuer, name, name_key, username, email, unit_id, state)
            SELECT %(id)s, %(code)s, %(issuer)s, 'Nguyễn Thử', 'x', %(username)s, %(email)s, u.id, %(state)s
            FROM tenancy.unit u WHERE u.code = %(unit)s
            """,
            id=new_uuid(),
            code=code,
            issuer=f"{self.stack.endpoints.keycloak_url}/realms/hanoi-ioc",
            username=official.username,
            email=official.account["email"],
            unit=unit,
            state=state,
        )
        return official

    def put(self, official: Official, state: str | None = None, unit: str | None = None) -> None:
        """Change the row as the api does in the transaction that asks."""
        self.rows(
            """
            UPDATE tenancy.official SET state = coalesce(%(state)s, state),
              unit_id = coalesce((SELECT id FROM tenancy.unit WHERE code = %(unit)s), unit_id)
            WHERE code = %(code)s
            """,
            state=state,
            unit=unit,
            code=official.code,
        )
        official.unit = unit or official.unit

    def code_of(self, username: str) -> str:
        """A demo official's code."""
        return str(
            self.rows("SELECT code FROM tenancy.official WHERE username = %(name)s", name=username)[0]["code"]
        )

    async def ask(
        self,
        operation: Operation,
        target: str,
        parameters: dict[str, Any] | None = None,
        *askings: Asking,
        signer: str = "api",
        key: ECKey | None = None,
        then: str | None = None,
    ) -> UUID:
        """A request in a transaction of its own."""
        queue = DirectoryQueue(
            signer=signer, key=key or self.key(signer), clock=SystemClock(), new_id=new_uuid
        )
        principal = SystemPrincipal(Origin("test", "0.0.0.0"), "test")
        event = AuditEvent("test.ask")
        async with self.database(signer).unit_of_work(principal, event) as work:
            request = await queue.add(work, operation, target, parameters or {}, asked_by=askings, then=then)
            await work.record(event)
            await work.commit()
        return request

    def database(self, signer: str) -> Database:
        """As the process that signs."""
        role = {"api": "backend_app", "worker": "backend_worker"}[signer]
        if role not in self._databases:
            self._databases[role] = Database(self.stack.database(role), NoRecorder())
        return self._databases[role]

    async def ended(self, request: UUID) -> Ended:
        """How the request ended, when it has."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            (row,) = self.rows(
                "SELECT state, code, result, fault FROM directory.request WHERE id = %(id)s", id=request
            )
            if row["state"] != "waiting":
                steps = self.rows(
                    "SELECT name FROM directory.step WHERE request_id = %(id)s ORDER BY done_at", id=request
                )
                return Ended(row["state"], row["code"], row["result"], tuple(each["name"] for each in steps))
            if time.monotonic() > deadline:
                raise AssertionError(f"still waiting: {row['fault']}")
            await asyncio.sleep(0.1)

    async def done(self, *asked: Any, **options: Any) -> Ended:
        """Ask and see it done."""
        ended = await self.ended(await self.ask(*asked, **options))
        assert ended.state == "done", ended.code
        return ended

    async def refused(self, *asked: Any, **options: Any) -> str | None:
        """Ask and see it refused: the code."""
        ended = await self.ended(await self.ask(*asked, **options))
        assert ended.state == "refused"
        return ended.code

    def events(self, action: str, resource: str) -> list[str]:
        """The decisions of events of this kind about this resource, the oldest first."""
        found = self.rows(
            """
            SELECT line::json -> 'unmapped' ->> 'decision' AS decision FROM audit.event
            WHERE line::json -> 'unmapped' ->> 'action' = %(action)s
              AND line::json -> 'unmapped' ->> 'resource' = %(resource)s ORDER BY id
            """,
            action=action,
            resource=resource,
        )
        return [row["decision"] for row in found]


def body_of(document: str, given: dict[str, Any]) -> bytes:
    """The body of a mutation, with the contract's document."""
    text = (ROOT / "mobile_contract" / "operations" / f"{document}.graphql").read_text(encoding="utf-8")
    content = {"query": text, "variables": {"input": given}}
    return json.dumps(content, ensure_ascii=False).encode()


async def asking_of(client: IocClient, body: bytes, **changes: Any) -> Asking:
    """What this officer's device sends for a body. `changes` replace claims of the proof."""
    headers = dict(await client.headers(**{"digest": digest_of(body), **changes}))
    return Asking(body=body, token=headers["Authorization"].split()[1], proof=headers["DPoP"])


async def said_by(client: IocClient, document: str, given: dict[str, Any], **changes: Any) -> Asking:
    """An officer says a mutation of the contract."""
    return await asking_of(client, body_of(document, given), **changes)


def invitation_of(official: Official) -> dict[str, Any]:
    """The input of the mutation that invites."""
    return {**official.account, "duties": [], "idempotencyKey": "k" * 20}


def step_of(official: Official) -> dict[str, Any]:
    """The input of a mutation that takes one step."""
    return {"code": official.code, "expectedVersion": 1, "note": "thử", "idempotencyKey": "k" * 20}
