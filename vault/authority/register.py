"""The register in memory: verified from its first row to its last, then followed row by row.

A row that does not verify makes the vault refuse everything; nothing is ever skipped. What was known once is
held against the table at each look: a tail that is gone, or another row in place of one, breaks the register.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc.jwk import OKPKey
from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.clock import Clock
from foundation.database.database import Database
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.recording import Activity, AuditEvent
from foundation.settings import AuthoritySettings
from vault.authority.errors import NoAuthority, RegisterBroken, RegisterMoved, StatementRefused
from vault.authority.rules import Given, State
from vault.authority.statements import (
    ClearanceBody,
    PostBody,
    Statement,
    head_after,
    parse,
)

FEW = 3
"""Below so many reachable approvers the next loss may leave nobody who can give."""
LARGEST_GENESIS = 32 * 1024
FOUND = AuditEvent("authority.append", activity=Activity.CREATE)

_NOTED = text("SELECT authority.noted_head()")
_ROWS = text("SELECT n, octets, head FROM authority.statement WHERE n >= :known ORDER BY n")
_ALONE = text("SELECT pg_advisory_xact_lock(7420061)")
"""The lock that authority.append takes, until the transaction ends."""
_APPEND = text("SELECT authority.append(:n, :octets)")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Device:
    """A person's enrolled device, in force. `usable_from`: for `party`, `restricted` and approving."""

    jkt: str
    person: str
    usable_from: datetime
    native: bool


@dataclass(frozen=True, slots=True)
class Post:
    """A post in force: `body` is the first-level unit; `own_record` the person's own cadre file."""

    person: str
    body: str
    unit: str
    superior: str | None
    own_record: UUID | None
    from_: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Clearance:
    """A clearance in force: records of `tenant` up to `class_` (1 internal … 4 restricted), as `role`."""

    person: str
    tenant: str
    class_: int
    role: str
    from_: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person has on a device at a moment. `epoch` is what an opening's WHERE repeats."""

    device: Device | None
    posts: tuple[Post, ...]
    clearances: tuple[Clearance, ...]
    epoch: int
    own_records: frozenset[UUID]
    """Files about the person that any post ever named, in force or not."""


@dataclass(slots=True)
class Register:
    """Everybody's standing. Every method that is given a connection looks for new rows first."""

    roots: tuple[OKPKey, OKPKey]
    genesis: Callable[[], bytes | None]
    """The genesis file's octets, None before the ceremony."""
    wait: timedelta
    clock: Clock
    state: State = field(init=False)
    _heads: set[str] = field(default_factory=set)
    _agrees: bool = False
    """Whether a look found what the log notes among the rows; until then each look asks the log again."""
    _last: bytes = b""
    _told: frozenset[str] | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.state = State(self.roots, self.wait)

    async def standing(self, connection: AsyncConnection, person: str, jkt: str, at: datetime) -> Standing:
        """What `person` has at `at` on the device `jkt`. Raises RegisterBroken, NoAuthority.

        A device that is locked, over, or somebody else's is none. `person` is the Keycloak `sub`.
        """
        await self.refresh(connection)
        state = self.state
        if state.epoch < 0:
            raise NoAuthority
        device = state.device_of(jkt, at)
        mine = device is not None and device.given.person == person
        return Standing(
            device=Device(jkt, person, device.usable_from(self.wait), device.native)
            if device and mine
            else None,
            posts=tuple(_post(given) for given in state.posts_of(person, at)),
            clearances=tuple(_clearance(given) for given in state.clearances_of(person, at)),
            epoch=state.epoch,
            own_records=state.own_records_of(person),
        )

    def superiors_of(self, person: str) -> frozenset[str]:
        """Everybody ever above `person`, whatever the number of steps, as of the last look."""
        return self.state.superiors_of(person)

    async def refresh(self, connection: AsyncConnection) -> None:
        """Take in what was added since, after checking all of it. Raises RegisterBroken.

        Not in a transaction that has added a statement itself: what rolls back must not be known.
        """
        async with self._lock:
            try:
                await self._follow(connection)
            except RegisterBroken as broken:
                log.error("register_broken", why=broken.why, epoch=self.state.epoch)
                raise
            self._warn()

    async def append(self, connection: AsyncConnection, octets: bytes) -> AuditEvent:
        """Add a statement in this transaction; the event to record with it. Raises a StatementRefused.

        One statement at a time: whoever comes second is held against what the first one left.
        """
        await self.alone(connection)
        statement, state = parse(octets), self.state
        state.check(statement, self.clock.now())
        return await self._add(connection, statement, state)

    async def alone(self, connection: AsyncConnection) -> None:
        """From now to the end of this transaction nobody else adds a statement; the state is the newest."""
        await connection.execute(_ALONE)
        await self.refresh(connection)

    def head_with(self, octets: bytes) -> bytes:
        """The head after a statement that is the next one."""
        return head_after(self.state.head, octets)

    async def establish(self, database: Database, origin: Origin) -> None:
        """Begin the chain with the genesis file, if there is one and no chain yet. Raises RegisterBroken."""
        async with database.unit_of_work(SystemPrincipal(origin, "vault"), FOUND) as work:
            await self.alone(work.connection)
            octets = self.genesis()
            if self.state.epoch >= 0 or octets is None:
                return
            try:
                statement = parse(octets)
                self.state.check(statement, self.clock.now())
                await work.record(await self._add(work.connection, statement, self.state))
            except StatementRefused as refusal:
                log.error("genesis_refused", code=refusal.code)
                raise RegisterBroken("genesis") from refusal
            await work.commit()

    async def _add(self, connection: AsyncConnection, statement: Statement, state: State) -> AuditEvent:
        head = head_after(state.head, statement.octets)
        given = {"n": state.epoch + 1, "octets": statement.octets}
        try:
            made = (await connection.execute(_APPEND, given)).scalar_one()
        except IntegrityError as error:
            raise RegisterMoved from error
        if made is None:
            raise RegisterMoved
        if bytes(made) != head:
            raise RegisterBroken("the database chains otherwise")
        return AuditEvent(
            FOUND.action,
            activity=Activity.CREATE,
            resource=f"register:{head.hex()}",
            others=(f"statement:{statement.content.id}",),
        )

    async def _follow(self, connection: AsyncConnection) -> None:
        known = max(self.state.epoch, 0)
        # The log first: a head that is noted before the rows are read is among them.
        noted = None if self._agrees else (await connection.execute(_NOTED)).scalar_one()
        rows = (await connection.execute(_ROWS, {"known": known})).all()
        if self.state.epoch >= 0:
            self._is_what_was_known(rows)
            rows = rows[1:]
        for row in rows:
            self._take(row)
        if noted is not None and noted not in self._heads:
            raise RegisterBroken("older than the log")
        self._agrees = bool(self._heads)

    def _is_what_was_known(self, rows: Sequence[Row[Any]]) -> None:
        first = rows[0] if rows else None
        if first is None or (first.n, bytes(first.head), bytes(first.octets)) != (
            self.state.epoch,
            self.state.head,
            self._last,
        ):
            raise RegisterBroken("its end is not what was known")

    def _take(self, row: Row[Any]) -> None:
        octets, n = bytes(row.octets), self.state.epoch + 1
        if row.n != n or bytes(row.head) != head_after(self.state.head, octets):
            raise RegisterBroken("the chain is cut")
        if n == 0 and octets != self.genesis():
            raise RegisterBroken("another genesis than the file's")
        try:
            statement = parse(octets)
            self.state.check(statement, read_at=self.clock.now())
        except StatementRefused as refusal:
            raise RegisterBroken(f"row {n}: {refusal.code}") from refusal
        self.state.apply(statement)
        self._last = octets
        self._heads.add(bytes(row.head).hex())

    def _warn(self) -> None:
        if self.state.epoch < 0:
            return
        approvers = self.state.approvers(self.clock.now())
        if approvers != self._told and len(approvers) < FEW:
            log.warning("few_approvers", reachable=len(approvers))
        self._told = approvers


def register_of(settings: AuthoritySettings, clock: Clock) -> Register:
    """The register that settings describe. Raises ValueError for roots that are no two keys."""
    first, second = json.loads(settings.roots_file.read_text(encoding="utf-8"))["roots"]
    return Register(
        roots=(root_key(bytes.fromhex(first)), root_key(bytes.fromhex(second))),
        genesis=lambda: _genesis(settings.genesis_file),
        wait=timedelta(seconds=settings.device_wait_seconds),
        clock=clock,
    )


def root_key(public: bytes) -> OKPKey:
    """An offline root's public key. Raises ValueError."""
    return OKPKey.import_key(Ed25519PublicKey.from_public_bytes(public))


def _genesis(file: Path) -> bytes | None:
    if not file.exists():
        return None
    with file.open("rb") as opened:
        return opened.read(LARGEST_GENESIS + 1)


def _post(given: Given) -> Post:
    body = given.body
    if not isinstance(body, PostBody):
        raise TypeError("not a post")
    own = None if body.own_record is None else UUID(body.own_record)
    return Post(given.person, body.body, body.unit, body.superior, own, given.from_, given.until)


def _clearance(given: Given) -> Clearance:
    body = given.body
    if not isinstance(body, ClearanceBody):
        raise TypeError("not a clearance")
    return Clearance(given.person, body.tenant, body.class_, body.role, given.from_, given.until)
