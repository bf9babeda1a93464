"""Takes in what channels send: one message, one report, whole or not at all."""

import asyncio
import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from backend.channels.errors import Suspended
from backend.channels.limits import (
    MAX_PLACE,
    NOWHERE_KNOWN,
    checked_code,
    checked_own_id,
    checked_words,
)
from backend.channels.types import Caller, Message, Outcome, Standing, TakenIn
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.errors import IdempotencyMismatch, Refusal
from foundation.identity.principal import Principal
from foundation.ids import NewId, RandomBytes, new_report_code
from foundation.phones import PhoneDigests
from foundation.places import checked_cell
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import Resource
from foundation.recording import Activity, AuditEvent
from foundation.vietnamese import words

WINDOW = timedelta(hours=24)
"""Within it the same person's same words about the same place are the same report."""
_ANY_UNIT = "00000"
"""Stands in the audit line for the unit that the statement finds."""
_TAKE_IN = (
    "SELECT * FROM channels.take_in($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,"
    " $17, $18, $19, $20, $21, $22)"
)
_LINK = "SELECT * FROM channels.link($1, $2, $3, $4, $5, $6, $7, $8, $9)"
_STANDING = "SELECT * FROM channels.standing($1, $2, $3, $4, $5)"
_PLACES = "SELECT id, code, kind FROM tenancy.unit WHERE kind = ANY($1::text[])"
SUBMIT = AuditEvent("report.submit", activity=Activity.CREATE)


class Lines(Protocol):
    """audit.recorder.AuditRecorder: a line that goes along in the statement of its effect."""

    async def line_of(self, asked: Any, principal: Principal, event: AuditEvent) -> tuple[UUID, str]: ...


@dataclass(frozen=True, slots=True)
class _Checked:
    """A message within its limits."""

    own_id: str
    body: str
    place: str
    category: str | None
    ward: str | None
    cell: int | None


class IntakeService:
    """Takes in reports of channels. A refusal raises and is recorded by the caller, within its limits."""

    def __init__(
        self,
        *,
        database: Database,
        policy: PolicyEngine,
        lines: Lines,
        phones: PhoneDigests,
        clock: Clock,
        new_id: NewId,
        random_bytes: RandomBytes,
    ) -> None:
        self._database = database
        self._policy = policy
        self._lines = lines
        self._phones = phones
        self._clock = clock
        self._new_id = new_id
        self._random_bytes = random_bytes
        self._places: dict[str, Resource] = {}
        self._city: Resource | None = None
        self._asked_at: datetime | None = None
        self._asking = asyncio.Lock()

    async def take_in(self, caller: Caller, message: Message) -> TakenIn:
        """One message. Handed in again it is the answer of then, whatever else was sent meanwhile.

        Raises InvalidInput naming the field, Suspended, Forbidden, IdempotencyMismatch.
        """
        checked = _checked(message)
        now = self._clock.now()
        place = await self._place(checked.ward, now)
        decision = self._policy.authorise(caller.principal, SUBMIT.action, place, now=now)
        phone = None if message.phone is None else self._phones.of(message.phone)
        print_ = _fingerprint(caller, message, checked, phone)
        code = new_report_code(self._random_bytes)
        event = replace(SUBMIT, resource=f"report:{code}", unit=_ANY_UNIT, policies=decision.policies)
        event_id, line = await self._lines.line_of(self._database.pool, caller.principal, event)
        row: Any = await self._database.pool.fetchrow(
            _TAKE_IN,
            caller.principal.name,
            caller.key_id,
            checked.own_id,
            message.body_digest,
            print_,
            now - WINDOW,
            self._new_id(),
            code,
            self._new_id(),
            checked.category,
            checked.ward,
            checked.cell,
            checked.place,
            checked.body,
            phone,
            list(words(f"{checked.body} {checked.place} {code}")),
            self._new_id(),
            self._new_id(),
            event_id,
            line,
            now,
            now.astimezone(HANOI).date(),
        )
        if row["outcome"] == "double" and print_ is not None:
            row = await self._link(caller, message, print_, row["code"], now)
        return _told(row)

    async def standing(
        self, caller: Caller, codes: list[str] | None, since: datetime, until: datetime, most: int
    ) -> tuple[Standing, ...]:
        """Reports that the channel handed in itself: by codes, or by when. Others are not there."""
        rows = await self._database.pool.fetch(_STANDING, caller.principal.name, codes, since, until, most)
        return tuple(Standing(**dict(row)) for row in rows)

    async def _link(self, caller: Caller, message: Message, print_: bytes, code: str, now: datetime) -> Any:
        event = AuditEvent("report.link", resource=f"report:{code}")
        event_id, line = await self._lines.line_of(self._database.pool, caller.principal, event)
        return await self._database.pool.fetchrow(
            _LINK,
            caller.principal.name,
            caller.key_id,
            message.own_id,
            message.body_digest,
            print_,
            code,
            event_id,
            line,
            now,
        )

    async def _place(self, ward: str | None, now: datetime) -> Resource:
        """The ward as policies see it: what kind a unit is never changes. An unknown one is the city's."""
        found = self._places.get(ward or "")
        if found is not None:
            return found
        async with self._asking:
            if self._asked_at is None or now - self._asked_at > timedelta(seconds=10):
                rows = await self._database.pool.fetch(_PLACES, ["ward", "commune", "city"])
                units = {row["code"]: Resource("Unit", str(row["id"]), {"kind": row["kind"]}) for row in rows}
                self._city = next(unit for unit in units.values() if unit.attributes["kind"] == "city")
                self._places = {k: unit for k, unit in units.items() if unit is not self._city}
                self._asked_at = now
        if self._city is None:
            raise LookupError("the city has no root: reference data is missing")
        return self._places.get(ward or "", self._city)


def _checked(message: Message) -> _Checked:
    """The message within its limits. Raises InvalidInput naming the field."""
    return _Checked(
        own_id=checked_own_id(message.own_id),
        body=checked_words("body", message.body),
        place=checked_words("place", message.place, MAX_PLACE) if message.place else NOWHERE_KNOWN,
        category=checked_code("category", message.category),
        ward=checked_code("ward", message.ward),
        cell=checked_cell(message.latitude, message.longitude),
    )


def _fingerprint(caller: Caller, message: Message, checked: _Checked, phone: bytes | None) -> bytes | None:
    """The same for the same person, place and words, by whatever channel; None when nobody knows the person.

    `phone` is a keyed digest, so that the fingerprint tells nobody a number.
    """
    if phone is None and message.sender is None:
        return None
    person = phone or f"{caller.principal.name}\n{message.sender}".encode()
    parts = (
        b"ioc/same-report/v1",
        person,
        (checked.ward or "").encode(),
        " ".join(sorted(words(checked.place))).encode(),
        " ".join(sorted(words(checked.body))).encode(),
    )
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()


def _told(row: Any) -> TakenIn:
    """What the statement says became of it. Raises Suspended, IdempotencyMismatch."""
    refusals: dict[str, type[Refusal]] = {"closed": Suspended, "mismatch": IdempotencyMismatch}
    refusal = refusals.get(row["outcome"])
    if refusal is not None:
        raise refusal()
    return TakenIn(Outcome(row["outcome"]), row["code"], row["version"], row["state"], row["unit"])
