"""What citizens agree to, and what they ask for about their own data."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from backend.deadlines.service import working_days_after
from backend.privacy.errors import AlreadyOpen, OldText
from backend.privacy.rows import COLUMNS, REQUEST, request_of
from backend.privacy.types import Consent, PrivacyRequest, RequestKind, file_of
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.errors import InvalidInput, NotFound
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal
from foundation.ids import NewId
from foundation.paging import Page, PageRequest, Position
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent
from foundation.texts import checked_text

MAX_DETAILS = 2_000
READ_CONSENTS = AuditEvent("consent.read", activity=Activity.READ)
GIVE = AuditEvent("consent.give", activity=Activity.CREATE)
WITHDRAW = AuditEvent("consent.withdraw", activity=Activity.CREATE)
READ = AuditEvent("privacy.read", activity=Activity.READ)
ASK = AuditEvent("privacy.request", activity=Activity.CREATE)
_CONSENTS = """
SELECT t.purpose, t.version, t.text_vi, t.text_en, coalesce(c.given, false) AS given, c.text_version, c.at
FROM (SELECT DISTINCT ON (purpose) purpose, version, text_vi, text_en FROM privacy.consent_text
  ORDER BY purpose, version DESC) t
LEFT JOIN LATERAL (SELECT o.given, o.text_version, o.at FROM privacy.consent o
  WHERE o.citizen_id = $1 AND o.purpose = t.purpose ORDER BY o.at DESC, o.id DESC LIMIT 1) c ON true
ORDER BY t.purpose
"""
_REQUESTS = f"""
SELECT {COLUMNS} FROM privacy.request
WHERE citizen_id = $1 AND ($2::timestamptz IS NULL OR (asked_at, id) < ($2, $3::uuid))
ORDER BY asked_at DESC, id DESC LIMIT $4
"""  # noqa: S608 - a constant
# A person's words are written one after the other: the last one holds, and one request of a kind is open.
ALONE = text("SELECT pg_advisory_xact_lock(4834, hashtext(:citizen))")
_WORDING = text("SELECT max(version) FROM privacy.consent_text WHERE purpose = :purpose")
_LAST = text(
    """
    SELECT given, text_version FROM privacy.consent WHERE citizen_id = :citizen AND purpose = :purpose
    ORDER BY at DESC, id DESC LIMIT 1
    """
)
_SAY = text(
    """
    INSERT INTO privacy.consent (id, citizen_id, purpose, text_version, given, at)
    VALUES (:id, :citizen, :purpose, :version, :given, :at)
    """
)
_CLOCK = text("SELECT reply_working_days, days FROM privacy.clock WHERE kind = :kind")
_OPEN = text(
    """
    SELECT 1 FROM privacy.request
    WHERE citizen_id = :citizen AND kind = :kind AND state IN ('received', 'accepted')
    """
)
_ASK = text(
    """
    INSERT INTO privacy.request (id, citizen_id, kind, details, asked_at, reply_due_at, due_at)
    VALUES (:id, :citizen, :kind, :details, :at, :reply_due_at, :due_at)
    """
)


class PrivacyService:
    """A citizen's side of the feature."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def consents(self, principal: CitizenPrincipal) -> tuple[Consent, ...]:
        """Each purpose with today's wording, and whether the citizen agrees. Raises Forbidden."""
        async with self._database.read_scope(principal, READ_CONSENTS) as scope:
            self._decide(principal, READ_CONSENTS)
            rows = await scope.rows(_CONSENTS, principal.citizen_id)
        return tuple(
            Consent(
                purpose=row["purpose"],
                version=row["version"],
                text_vi=row["text_vi"],
                text_en=row["text_en"],
                given=row["given"],
                of_version=row["text_version"],
                since=row["at"],
            )
            for row in rows
        )

    async def give(
        self, principal: CitizenPrincipal, purpose: str, version: int, idempotency: Idempotency
    ) -> None:
        """The citizen agrees to this wording. Given again it stays as it was.

        Raises NotFound: no such purpose; OldText, Forbidden, IdempotencyMismatch.
        """
        await self._say(principal, purpose, version, idempotency, GIVE)

    async def withdraw(self, principal: CitizenPrincipal, purpose: str, idempotency: Idempotency) -> None:
        """The citizen no longer agrees, to whatever wording. Raises as `give`, OldText excepted."""
        await self._say(principal, purpose, None, idempotency, WITHDRAW)

    async def requests(self, principal: CitizenPrincipal, page: PageRequest) -> Page[PrivacyRequest]:
        """The citizen's own requests, the newest first. Raises Forbidden."""
        async with self._database.read_scope(principal, READ) as scope:
            self._decide(principal, READ)
            after = (None, None) if page.after is None else (page.after.at, page.after.id)
            rows = await scope.rows(_REQUESTS, principal.citizen_id, *after, page.first + 1)
        return page_of(rows, page)

    async def ask(
        self, principal: CitizenPrincipal, kind: RequestKind, details: str | None, idempotency: Idempotency
    ) -> PrivacyRequest:
        """Ask for a right; what is to be corrected must be said. The policy wants the second factor.

        Raises AlreadyOpen, InvalidInput, Forbidden, IdempotencyMismatch.
        """
        async with self._database.unit_of_work(principal, ASK) as work:
            now = self._clock.now()
            stored = await claim(work, idempotency, now)
            if stored is not None:
                known = (await work.connection.execute(REQUEST, {"id": UUID(stored["id"])})).mappings().one()
                return request_of(known)
            policies = self._decide(principal, ASK)
            words = None if details is None else checked_text("details", details, MAX_DETAILS)
            if words is None and kind is RequestKind.CORRECT:
                raise InvalidInput("details")
            mine = {"citizen": principal.citizen_id, "kind": kind.value}
            await work.connection.execute(ALONE, {"citizen": str(principal.citizen_id)})
            if (await work.connection.execute(_OPEN, mine)).first() is not None:
                raise AlreadyOpen
            days = (await work.connection.execute(_CLOCK, {"kind": kind.value})).one()
            row = {
                "id": self._new_id(),
                "details": words,
                "at": now,
                "reply_due_at": await working_days_after(work, now, days.reply_working_days),
                "due_at": now + timedelta(days=days.days),
            }
            await work.connection.execute(_ASK, mine | row)
            asked = (await work.connection.execute(REQUEST, {"id": row["id"]})).mappings().one()
            await keep(work, idempotency, {"id": str(row["id"])})
            await work.record(replace(ASK, resource=f"privacy:{row['id']}", policies=policies))
            await work.commit()
        return request_of(asked)

    async def _say(
        self,
        principal: CitizenPrincipal,
        purpose: str,
        version: int | None,
        idempotency: Idempotency,
        event: AuditEvent,
    ) -> None:
        async with self._database.unit_of_work(principal, event) as work:
            now = self._clock.now()
            if await claim(work, idempotency, now) is not None:
                return
            policies = self._decide(principal, event)
            current = (await work.connection.execute(_WORDING, {"purpose": purpose})).scalar_one()
            if current is None:
                raise NotFound
            if version is not None and version != current:
                raise OldText(current)
            mine = {"citizen": principal.citizen_id, "purpose": purpose}
            await work.connection.execute(ALONE, {"citizen": str(principal.citizen_id)})
            last = (await work.connection.execute(_LAST, mine)).one_or_none()
            given = event is GIVE
            if _is_news(last, given, current):
                said = {"id": self._new_id(), "version": current, "given": given, "at": now}
                await work.connection.execute(_SAY, mine | said)
            await keep(work, idempotency, {})
            await work.record(replace(event, purpose=purpose, policies=policies))
            await work.commit()

    def _decide(self, principal: CitizenPrincipal, event: AuditEvent) -> tuple[str, ...]:
        resource = file_of(principal.citizen_id)
        return self._policy.authorise(principal, event.action, resource, now=self._clock.now()).policies


def _is_news(last: Any, given: bool, current: int) -> bool:
    """Whether this says something that the person's last word does not say already."""
    if not given:
        return last is not None and bool(last.given)
    return last is None or not last.given or last.text_version != current


def page_of(rows: Sequence[Any], page: PageRequest) -> Page[PrivacyRequest]:
    """A page of requests; `rows` may have one more than asked for."""
    items = tuple(request_of(row) for row in rows[: page.first])
    positions = tuple(Position(item.asked_at, item.id) for item in items)
    return Page(items, positions, len(rows) > page.first)
