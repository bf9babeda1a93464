"""Delays of entries by the law: ordered by one operator of the city, confirmed by another, lifted by any."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from backend.ledger.errors import DelayOver, OwnUnit, SecondOperatorNeeded
from backend.ledger.types import Delay, DelayChanged, DelayRule, DelayState, access_ledger
from backend.reports.types import UnitRef
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import InvalidInput, NotFound
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal, Principal
from foundation.ids import NewId, RandomBytes, new_report_code, parse_report_code
from foundation.paging import Page, PageRequest, Position
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

MAX_RULES = 20
ORDER = AuditEvent("ledger.order_delay", activity=Activity.CREATE)
CONFIRM = AuditEvent("ledger.confirm_delay")
LIFT = AuditEvent("ledger.lift_delay")
LIST = AuditEvent("ledger.read_delays", activity=Activity.READ)
# The number of a document, as the audit log takes it: "12/2026/TT-P3".
_CASE = re.compile(r"[0-9]{1,6}(/[0-9]{4})?/[A-Z][A-Z0-9]{0,15}(-[A-Z0-9]{1,16}){0,2}")

_RULES = "SELECT code, name_vi, name_en, basis, most_days FROM ledger.delay_rule ORDER BY code LIMIT $1"
_MOST = text("SELECT most_days FROM ledger.delay_rule WHERE code = :rule")
_UNIT = text("SELECT id FROM tenancy.unit WHERE code = :unit")
_REPORT = text("SELECT id FROM reports.report WHERE code = :report")
_ORDER = text(
    """
    INSERT INTO ledger.delay (id, code, report_id, unit_id, rule, case_number, ordered_by, ordered_name,
                              ordered_at, until_at)
    VALUES (:id, :code, :report, :unit, :rule, :case_number, :me,
            (SELECT o.name FROM tenancy.official o WHERE o.id = :me), :now, :until)
    """
)
_ONE = text(
    """
    SELECT d.code, d.unit_id, u.code AS unit_code, d.rule, d.case_number, d.ordered_by, d.until_at,
           d.confirmed_at, d.lifted_at, r.code AS report_code
    FROM ledger.delay d JOIN tenancy.unit u ON u.id = d.unit_id JOIN reports.report r ON r.id = d.report_id
    WHERE d.code = :code
    """
)
_CONFIRM = text(
    """
    UPDATE ledger.delay SET confirmed_by = :me, confirmed_at = :now,
      confirmed_name = (SELECT o.name FROM tenancy.official o WHERE o.id = :me)
    WHERE code = :code AND confirmed_by IS NULL RETURNING code
    """
)
_OWN = text("SELECT ledger.is_own(:unit)")
_LIFT = text("SELECT ledger.lift(:code, :now)")
_COLUMNS = """
d.id, d.code, r.code AS report_code, u.code AS unit_code, u.name AS unit_name, d.rule, d.case_number,
d.ordered_name, d.ordered_at, d.until_at, d.confirmed_name, d.confirmed_at, d.lifted_at
"""
_LISTED = f"""
SELECT {_COLUMNS} FROM ledger.delay d
JOIN tenancy.unit u ON u.id = d.unit_id JOIN reports.report r ON r.id = d.report_id
WHERE ($1::uuid IS NULL OR (d.ordered_at, d.id) < ($2::timestamptz, $1::uuid))
ORDER BY d.ordered_at DESC, d.id DESC LIMIT $3
"""  # noqa: S608 - constants of this file


class DelayService:
    """Orders of delays. None reaches back: what was shown stays shown."""

    def __init__(
        self,
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

    async def rules(self, principal: Principal) -> tuple[DelayRule, ...]:
        """By which laws entries may be shown late. Anybody may know."""
        async with self._database.read_scope(principal, LIST) as scope:
            rows = await scope.rows(_RULES, MAX_RULES)
        return tuple(DelayRule(**dict(row)) for row in rows)

    async def listed(self, principal: OfficialPrincipal, page: PageRequest) -> Page[Delay]:
        """All delays, the newest order first. Raises Forbidden."""
        async with self._database.read_scope(principal, LIST) as scope:
            self._decide(principal, LIST)
            after = (None, None) if page.after is None else (page.after.id, page.after.at)
            rows = await scope.rows(_LISTED, *after, page.first + 1)
        now, shown = self._clock.now(), rows[: page.first]
        return Page(
            items=tuple(_delay(row, now) for row in shown),
            positions=tuple(Position(row["ordered_at"], row["id"]) for row in shown),
            has_next=len(rows) > page.first,
        )

    async def order(
        self,
        principal: OfficialPrincipal,
        code: str,
        unit: str,
        rule: str,
        days: int,
        case_number: str,
        idempotency: Idempotency,
    ) -> DelayChanged:
        """Openings of a report by `unit` are to be shown `days` later than now, once a second person agrees.

        Raises NotFound, Forbidden, OwnUnit, InvalidInput, IdempotencyMismatch.
        """
        async with self._database.unit_of_work(principal, ORDER) as work:
            parsed, policies = parse_report_code(code), self._decide(principal, ORDER)
            work.intent = replace(ORDER, resource=f"report:{parsed}")
            now = self._clock.now()
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return _stored(stored)
            report = (await work.connection.execute(_REPORT, {"report": parsed})).scalar()
            if report is None:
                raise NotFound
            unit_id = (await work.connection.execute(_UNIT, {"unit": unit})).scalar()
            if unit_id is None:
                raise InvalidInput("unit")
            work.intent = replace(work.intent, unit=unit)
            await _refuse_own(work, principal, unit_id)
            case = _checked_case(case_number)
            delay = new_report_code(self._random_bytes)
            await work.connection.execute(
                _ORDER,
                {
                    "id": self._new_id(),
                    "code": delay,
                    "report": report,
                    "unit": unit_id,
                    "rule": rule,
                    "case_number": case,
                    "me": principal.official_id,
                    "now": now,
                    "until": now + timedelta(days=await _checked_days(work, rule, days)),
                },
            )
            work.intent = replace(work.intent, purpose=rule, case=case)
            return await self._finish(work, DelayChanged(delay, DelayState.ASKED), policies, idempotency)

    async def confirm(
        self, principal: OfficialPrincipal, delay: str, idempotency: Idempotency
    ) -> DelayChanged:
        """The second person's word. Raises SecondOperatorNeeded, OwnUnit, DelayOver; as `order`."""

        async def change(work: UnitOfWork, row: Any, now: datetime) -> DelayState:
            if row.ordered_by == principal.official_id:
                raise SecondOperatorNeeded
            await _refuse_own(work, principal, row.unit_id)
            if _state(row.confirmed_at, row.lifted_at, row.until_at, now) is not DelayState.ASKED:
                raise DelayOver
            given = {"code": row.code, "me": principal.official_id, "now": now}
            if (await work.connection.execute(_CONFIRM, given)).scalar() is None:
                raise DelayOver
            return DelayState.IN_FORCE

        return await self._change(principal, CONFIRM, delay, change, idempotency)

    async def lift(self, principal: OfficialPrincipal, delay: str, idempotency: Idempotency) -> DelayChanged:
        """What was held back is shown from now on; one person is enough. Raises DelayOver; as `order`."""

        async def change(work: UnitOfWork, row: Any, now: datetime) -> DelayState:
            if not (await work.connection.execute(_LIFT, {"code": row.code, "now": now})).scalar_one():
                raise DelayOver
            return DelayState.LIFTED

        return await self._change(principal, LIFT, delay, change, idempotency)

    async def _change(
        self,
        principal: OfficialPrincipal,
        event: AuditEvent,
        code: str,
        change: Any,
        idempotency: Idempotency,
    ) -> DelayChanged:
        async with self._database.unit_of_work(principal, event) as work:
            parsed, policies = parse_report_code(code), self._decide(principal, event)
            now = self._clock.now()
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return _stored(stored)
            row = (await work.connection.execute(_ONE, {"code": parsed})).one_or_none()
            if row is None:
                raise NotFound
            work.intent = replace(
                event,
                resource=f"report:{row.report_code}",
                unit=row.unit_code,
                purpose=row.rule,
                case=row.case_number,
            )
            state = await change(work, row, now)
            return await self._finish(work, DelayChanged(parsed, state), policies, idempotency)

    async def _finish(
        self, work: UnitOfWork, done: DelayChanged, policies: tuple[str, ...], idempotency: Idempotency
    ) -> DelayChanged:
        await keep(work, idempotency, {"code": done.code, "state": done.state.value})
        await work.record(replace(work.intent, policies=policies))
        await work.commit()
        return done

    def _decide(self, principal: OfficialPrincipal, event: AuditEvent) -> tuple[str, ...]:
        now = self._clock.now()
        return self._policy.authorise(principal, event.action, access_ledger(), now=now).policies


async def _refuse_own(work: UnitOfWork, principal: OfficialPrincipal, unit: int) -> None:
    """Raises OwnUnit for the working unit, the one that employs, and those of duties elsewhere."""
    if unit == principal.unit_id or (await work.connection.execute(_OWN, {"unit": unit})).scalar_one():
        raise OwnUnit


def _checked_case(case_number: str) -> str:
    """The number with D for Đ, as the log takes it. Raises InvalidInput."""
    case = case_number.replace("Đ", "D")
    if not _CASE.fullmatch(case):
        raise InvalidInput("caseNumber")
    return case


async def _checked_days(work: UnitOfWork, rule: str, days: int) -> int:
    most = (await work.connection.execute(_MOST, {"rule": rule})).scalar()
    if most is None:
        raise InvalidInput("rule")
    if not 1 <= days <= most:
        raise InvalidInput("days")
    return days


def _state(
    confirmed_at: datetime | None, lifted_at: datetime | None, until: datetime, now: datetime
) -> DelayState:
    if lifted_at is not None:
        return DelayState.LIFTED
    if until <= now:
        return DelayState.OVER
    return DelayState.ASKED if confirmed_at is None else DelayState.IN_FORCE


def _delay(row: Any, now: datetime) -> Delay:
    return Delay(
        code=row["code"],
        report=row["report_code"],
        unit=UnitRef(row["unit_code"], row["unit_name"]),
        rule=row["rule"],
        case_number=row["case_number"],
        state=_state(row["confirmed_at"], row["lifted_at"], row["until_at"], now),
        ordered_by=row["ordered_name"],
        ordered_at=row["ordered_at"],
        until=row["until_at"],
        confirmed_by=row["confirmed_name"],
    )


def _stored(answer: dict[str, Any]) -> DelayChanged:
    return DelayChanged(answer["code"], DelayState(answer["state"]))
