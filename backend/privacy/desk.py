"""What the data-protection officer does: requests seen and answered, the register of processing."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from backend.privacy.errors import WrongStep
from backend.privacy.rows import COLUMNS, LOCKED, REQUEST, request_of
from backend.privacy.service import page_of
from backend.privacy.types import (
    Answer,
    PrivacyRequest,
    Processing,
    RequestState,
    RetentionRule,
    Step,
    everybody,
)
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.jobs import enqueue
from foundation.errors import InvalidInput, NotFound, VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.paging import Page, PageRequest
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent
from foundation.texts import checked_text

MAX_ANSWER = 2_000
FOLLOW = "privacy.follow"
"""The job that carries an answer out and tells the asker."""
LIST = AuditEvent("privacy.list", activity=Activity.READ)
ANSWER = AuditEvent("privacy.answer")
REGISTER = AuditEvent("privacy.register", activity=Activity.READ)
RETENTION = AuditEvent("privacy.retention", activity=Activity.READ)
_LIST = f"""
SELECT {COLUMNS} FROM privacy.request
WHERE ($1::boolean IS FALSE OR state IN ('received', 'accepted'))
  AND ($2::timestamptz IS NULL OR (asked_at, id) < ($2, $3::uuid))
ORDER BY asked_at DESC, id DESC LIMIT $4
"""  # noqa: S608 - a constant
_REGISTER = """
SELECT code, purpose_vi, purpose_en, basis, data, retention, recipients, transfer
FROM privacy.processing ORDER BY code LIMIT $1
"""
MOST_PROCESSING = 200
_RETENTION = "SELECT * FROM privacy.retention($1)"
_MORE = text("SELECT more_days FROM privacy.clock WHERE kind = :kind")
_STEP = text(
    """
    UPDATE privacy.request SET state = :state, due_at = :due_at, extended = :extended,
      replied_at = coalesce(replied_at, :now), answered_at = :answered_at, reason = :reason, answer = :answer,
      version = version + 1
    WHERE id = :id
    """
)
_END = {Step.DONE: RequestState.DONE, Step.REFUSE: RequestState.REFUSED}


class PrivacyDesk:
    """The data-protection officer's side of the feature."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def requests(
        self, principal: OfficialPrincipal, page: PageRequest, *, only_open: bool
    ) -> Page[PrivacyRequest]:
        """Everybody's requests, the newest first. Raises Forbidden."""
        async with self._database.read_scope(principal, _at(LIST, principal)) as scope:
            self._decide(principal, LIST)
            after = (None, None) if page.after is None else (page.after.at, page.after.id)
            rows = await scope.rows(_LIST, only_open, *after, page.first + 1)
        return page_of(rows, page)

    async def register(self, principal: OfficialPrincipal) -> tuple[Processing, ...]:
        """The register of processing. Raises Forbidden."""
        async with self._database.read_scope(principal, _at(REGISTER, principal)) as scope:
            self._decide(principal, REGISTER)
            rows = await scope.rows(_REGISTER, MOST_PROCESSING)
        return tuple(Processing(**dict(row)) for row in rows)

    async def retention(self, principal: OfficialPrincipal) -> tuple[RetentionRule, ...]:
        """The rules in force with what each would take now; nothing is taken. Raises Forbidden."""
        async with self._database.read_scope(principal, _at(RETENTION, principal)) as scope:
            self._decide(principal, RETENTION)
            rows = await scope.rows(_RETENTION, self._clock.now())
        return tuple(_rule_of(dict(row)) for row in rows)

    async def answer(
        self,
        principal: OfficialPrincipal,
        request: UUID,
        expected_version: int,
        given: Answer,
        idempotency: Idempotency,
    ) -> PrivacyRequest:
        """Accept, extend, carry out or refuse a request. A refusal names its ground; all but ACCEPT say why.

        Raises NotFound, VersionConflict, WrongStep, InvalidInput, Forbidden, IdempotencyMismatch.
        """
        intent = _at(replace(ANSWER, resource=f"privacy:{request}"), principal)
        async with self._database.unit_of_work(principal, intent) as work:
            now = self._clock.now()
            if await claim(work, idempotency, now) is not None:
                known = (await work.connection.execute(REQUEST, {"id": request})).mappings().one()
                return request_of(known)
            policies = self._decide(principal, ANSWER)
            row = (await work.connection.execute(LOCKED, {"id": request})).mappings().one_or_none()
            if row is None:
                raise NotFound
            if row["version"] != expected_version:
                raise VersionConflict(row["version"])
            more = (await work.connection.execute(_MORE, {"kind": row["kind"]})).scalar_one()
            changed = _stepped(request_of(row), given, timedelta(days=more), now)
            ended = now if given.step in _END else None
            await work.connection.execute(_STEP, {**changed, "id": request, "now": now, "answered_at": ended})
            answered = (await work.connection.execute(REQUEST, {"id": request})).mappings().one()
            await enqueue(work, FOLLOW, request_id=request)
            await keep(work, idempotency, {})
            await work.record(replace(intent, purpose=given.step.value, policies=policies))
            await work.commit()
        return request_of(answered)

    def _decide(self, principal: OfficialPrincipal, event: AuditEvent) -> tuple[str, ...]:
        return self._policy.authorise(principal, event.action, everybody(), now=self._clock.now()).policies


def _rule_of(row: dict[str, Any]) -> RetentionRule:
    return RetentionRule(is_assumed=row.pop("assumed"), **row)


def _at(event: AuditEvent, principal: OfficialPrincipal) -> AuditEvent:
    return replace(event, unit=principal.unit_code)


def _stepped(request: PrivacyRequest, given: Answer, more: timedelta, now: datetime) -> dict[str, Any]:
    """The columns after a step. Raises InvalidInput, WrongStep."""
    words = None if given.text is None else checked_text("text", given.text, MAX_ANSWER)
    if words is None and given.step is not Step.ACCEPT:
        raise InvalidInput("text")
    if (given.ground is not None) != (given.step is Step.REFUSE):
        raise InvalidInput("ground")
    if request.state not in {RequestState.RECEIVED, RequestState.ACCEPTED}:
        raise WrongStep
    if given.step is Step.ACCEPT and request.state is not RequestState.RECEIVED:
        raise WrongStep
    extends = given.step is Step.EXTEND
    # What is overdue stays so: more time is said within the time.
    if extends and (request.extended or now > request.due_at):
        raise WrongStep
    return {
        "state": _END.get(given.step, RequestState.ACCEPTED).value,
        "due_at": request.due_at + more if extends else request.due_at,
        "extended": request.extended or extends,
        "reason": None if given.ground is None else given.ground.value,
        "answer": words if words is not None else request.answer,
    }
