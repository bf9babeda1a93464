"""Blocks of senders: by a head or the city, seen and appealed by the citizen, decided by another."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from backend.abuse.errors import (
    AppealedBefore,
    BlockedBefore,
    BlockOver,
    NoAppeal,
    NoSender,
    OwnBlock,
    SenderBlocked,
)
from backend.abuse.types import Block, BlockChanged, Reason, blocks_of
from backend.reports.types import UnitRef, readers_of, report_resource
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import InvalidInput, NotFound, Refusal
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal, Principal
from foundation.ids import NewId, RandomBytes, new_report_code, parse_report_code
from foundation.paging import Page, PageRequest, Position
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent
from foundation.texts import checked_text

MOST_DAYS = 90
MAX_REASONS, MAX_MINE = 20, 50
MAX_NOTE, MAX_APPEAL = 1000, 2000
BLOCK = AuditEvent("report.block_sender", activity=Activity.CREATE)
APPEAL = AuditEvent("abuse.appeal")
DECIDE = AuditEvent("abuse.decide")
READ_OWN = AuditEvent("abuse.read_own", activity=Activity.READ)
READ = AuditEvent("abuse.read_blocks", activity=Activity.READ)
_SEEN = text(
    """
    SELECT report_id FROM reports.report_by_reader
    WHERE reader = ANY(cast(:readers AS uuid[])) AND code = :code LIMIT 1
    """
)
_COLUMNS = """
r.id, r.citizen_id, r.ward_id, r.participants, r.state, tenancy.path_of(r.handler_id) AS handler_path,
(SELECT u.code FROM tenancy.unit u WHERE u.id = r.handler_id) AS handler_code
"""
_REPORT = text(f"SELECT {_COLUMNS} FROM reports.report r WHERE r.id = :id")  # noqa: S608 - constants of this file
_OF_CITY = text(f"SELECT {_COLUMNS} FROM reports.report r WHERE r.code = :code")  # noqa: S608 - as above
_REASON = text("SELECT 1 FROM abuse.reason WHERE code = :reason")
_BLOCK = text("SELECT abuse.block_sender(:id, :code, :report, :reason, :note, :until, :now)")
_UNTIL = text("SELECT abuse.blocked_until(:now)")
_APPEAL = text("SELECT abuse.appeal(:code, :words, :now)")
_DECIDE = text("SELECT abuse.decide(:code, :lift, :words, :now)")
_REASONS = "SELECT code, name_vi, name_en FROM abuse.reason ORDER BY code LIMIT $1"
_MINE = "SELECT * FROM abuse.mine($1)"
_LISTED = "SELECT * FROM abuse.listed($1, $2, $3, $4, $5)"
_REFUSALS: dict[str, type[Refusal]] = {
    "nobody": NoSender,
    "again": BlockedBefore,
    "heard": AppealedBefore,
    "absent": NotFound,
    "over": BlockOver,
    "own": OwnBlock,
    "early": NoAppeal,
}


class AbuseService:
    """Who may send no reports for a time. Reading, rating and every right of the person go on."""

    def __init__(
        self,
        *,
        database: Database,
        policy: PolicyEngine,
        clock: Clock,
        new_id: NewId,
        random_bytes: RandomBytes,
    ) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id
        self._random_bytes = random_bytes

    async def reasons(self, principal: Principal) -> tuple[Reason, ...]:
        """For what somebody may be blocked. Anybody may know."""
        async with self._database.read_scope(principal, READ) as scope:
            rows = await scope.rows(_REASONS, MAX_REASONS)
        return tuple(Reason(**dict(row)) for row in rows)

    async def block(
        self,
        principal: OfficialPrincipal,
        report: str,
        reason: str,
        note: str,
        days: int,
        idempotency: Idempotency,
    ) -> BlockChanged:
        """Who sent the report sends no new ones for `days`, 1 to 90.

        Raises NotFound, Forbidden, InvalidInput, NoSender, BlockedBefore, IdempotencyMismatch.
        """
        async with self._database.unit_of_work(principal, BLOCK) as work:
            parsed = parse_report_code(report)
            work.intent = replace(BLOCK, resource=f"report:{parsed}")
            found = await _report(work, parsed)
            work.intent = replace(work.intent, unit=found.handler_code)
            now = self._clock.now()
            resource = report_resource(
                found.id,
                found.citizen_id,
                tuple(found.handler_path),
                tuple(found.participants),
                found.ward_id,
                found.state,
            )
            policies = self._policy.authorise(principal, BLOCK.action, resource, now=now).policies
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return BlockChanged(stored["code"])
            if not 1 <= days <= MOST_DAYS:
                raise InvalidInput("days")
            words = checked_text("note", note, MAX_NOTE)
            if (await work.connection.execute(_REASON, {"reason": reason})).scalar() is None:
                raise InvalidInput("reason")
            code = new_report_code(self._random_bytes)
            given = {
                "id": self._new_id(),
                "code": code,
                "report": found.id,
                "reason": reason,
                "note": words,
                "until": now + timedelta(days=days),
                "now": now,
            }
            _check((await work.connection.execute(_BLOCK, given)).scalar_one(), "blocked")
            work.intent = replace(work.intent, purpose=reason)
            return await self._finish(work, code, policies, idempotency)

    async def appeal(
        self, principal: CitizenPrincipal, block: str, words: str, idempotency: Idempotency
    ) -> BlockChanged:
        """Say why one should not be blocked, once a block.

        Raises NotFound for what is absent or another's, AppealedBefore, BlockOver, InvalidInput,
        IdempotencyMismatch.
        """

        async def write(work: UnitOfWork, code: str) -> None:
            given = {
                "code": code,
                "words": checked_text("text", words, MAX_APPEAL),
                "now": self._clock.now(),
            }
            _check((await work.connection.execute(_APPEAL, given)).scalar_one(), "appealed")

        return await self._change(principal, APPEAL, block, write, idempotency)

    async def decide(
        self, principal: OfficialPrincipal, block: str, lift: bool, words: str, idempotency: Idempotency
    ) -> BlockChanged:
        """The city's operating centre lifts a block, or says on an appeal that it stays.

        Raises NotFound, Forbidden, OwnBlock, NoAppeal, BlockOver, InvalidInput, IdempotencyMismatch.
        """

        async def write(work: UnitOfWork, code: str) -> None:
            given = {
                "code": code,
                "lift": lift,
                "words": checked_text("text", words, MAX_NOTE),
                "now": self._clock.now(),
            }
            _check((await work.connection.execute(_DECIDE, given)).scalar_one(), "decided")

        return await self._change(principal, DECIDE, block, write, idempotency)

    async def mine(self, principal: CitizenPrincipal) -> tuple[Block, ...]:
        """The citizen's own blocks, the newest first; 50 at most. Raises Forbidden."""
        async with self._database.read_scope(principal, READ_OWN) as scope:
            self._decided(principal, READ_OWN)
            rows = await scope.rows(_MINE, MAX_MINE)
        return tuple(_block(row) for row in rows)

    async def listed(
        self, principal: OfficialPrincipal, page: PageRequest, *, waiting: bool = False
    ) -> Page[Block]:
        """All blocks, the newest first; `waiting`: those with an undecided appeal. Raises Forbidden."""
        async with self._database.read_scope(principal, READ) as scope:
            self._decided(principal, READ)
            after = (None, None) if page.after is None else (page.after.at, page.after.id)
            rows = await scope.rows(_LISTED, waiting, *after, page.first + 1, self._clock.now())
        shown = rows[: page.first]
        return Page(
            items=tuple(replace(_block(row), mine=row["mine"]) for row in shown),
            positions=tuple(Position(row["blocked_at"], row["id"]) for row in shown),
            has_next=len(rows) > page.first,
        )

    async def _change(
        self,
        principal: CitizenPrincipal | OfficialPrincipal,
        event: AuditEvent,
        block: str,
        write: Callable[[UnitOfWork, str], Awaitable[None]],
        idempotency: Idempotency,
    ) -> BlockChanged:
        async with self._database.unit_of_work(principal, event) as work:
            parsed, policies = parse_report_code(block), self._decided(principal, event)
            work.intent = replace(event, resource=f"block:{parsed}")
            stored = await claim(work, idempotency, self._clock.now())
            if stored is not None:
                return BlockChanged(stored["code"])
            await write(work, parsed)
            return await self._finish(work, parsed, policies, idempotency)

    async def _finish(
        self, work: UnitOfWork, code: str, policies: tuple[str, ...], idempotency: Idempotency
    ) -> BlockChanged:
        await keep(work, idempotency, {"code": code})
        await work.record(replace(work.intent, policies=policies))
        await work.commit()
        return BlockChanged(code)

    def _decided(self, principal: Principal, event: AuditEvent) -> tuple[str, ...]:
        citizen = principal.citizen_id if isinstance(principal, CitizenPrincipal) else None
        return self._policy.authorise(
            principal, event.action, blocks_of(citizen), now=self._clock.now()
        ).policies


class SenderGate:
    """What `reports` asks before it takes in a report."""

    async def check(self, work: UnitOfWork, clock: Clock) -> None:
        """Raise SenderBlocked while the citizen of the unit of work is blocked.

        Who is being blocked at this moment waits for that: either the report is in, or the block is found.
        """
        until = (await work.connection.execute(_UNTIL, {"now": clock.now()})).scalar()
        if until is not None:
            raise SenderBlocked(until)


async def _report(work: UnitOfWork, code: str) -> Any:
    """A report that the principal may see. Raises NotFound."""
    principal = work.principal
    if isinstance(principal, OfficialPrincipal) and principal.city_level:
        found = (await work.connection.execute(_OF_CITY, {"code": code})).one_or_none()
    else:
        asked = {"code": code, "readers": list(readers_of(principal))}
        seen = (await work.connection.execute(_SEEN, asked)).scalar()
        found = (await work.connection.execute(_REPORT, {"id": seen})).one_or_none()
    if found is None:
        raise NotFound
    return found


def _check(said: str, wanted: str) -> None:
    if said != wanted:
        raise _REFUSALS[said]


def _block(row: Any) -> Block:
    return Block(
        code=row["code"],
        report=row["report_code"],
        unit=UnitRef(row["unit_code"], row["unit_name"]),
        reason=row["reason"],
        note=row["note"],
        blocked_at=row["blocked_at"],
        until=row["until_at"],
        appeal=row["appeal"],
        appealed_at=row["appealed_at"],
        lifted=row["lifted"],
        decision=row["decision"],
        decided_at=row["decided_at"],
    )
