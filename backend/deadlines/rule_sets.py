"""What administrators do to rules of deadlines: a draft, its rules, the day from which it holds."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from backend.administration.service import AdministrationService
from backend.administration.types import Done, Fields, HistoryKind, Made, Register
from backend.deadlines.errors import IncompleteRules, NotADraft
from backend.deadlines.rule_store import RuleSetStore, categories, rules_of, units
from backend.deadlines.sets import PLACES, Units, check_single, faults_of
from backend.deadlines.types import RuleSetState, RuleText
from foundation.clock import HANOI
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import InvalidInput, NotFound, VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.recording import Activity, AuditEvent
from foundation.texts import MAX_NOTE, checked_label

MAX_RULES = 1_000
MAX_PUT = 100
MAX_AHEAD = 366
"""Days that a set may begin ahead."""
MAX_NUMBER = 2**31 - 1
LENGTHS = ("receive", "handle", "wait", "escalate")
_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{1,59}")

Make = Callable[[UnitOfWork, RuleSetStore, datetime], Awaitable[Made]]


class DeadlineRuleService:
    """Changes of sets of rules. Whatever is in force has a deadline for every report that may come."""

    def __init__(self, administration: AdministrationService) -> None:
        self._administration = administration

    async def draft(
        self, principal: OfficialPrincipal, copy_of: int | None, note: str, idempotency: Idempotency
    ) -> Done:
        """A draft with the rules of another set, or of the one that holds today. Raises NotFound."""

        async def make(work: UnitOfWork, store: RuleSetStore, now: datetime) -> Made:
            checked = checked_label("note", note, MAX_NOTE)
            source = await store.holding(_day(now)) if copy_of is None else copy_of
            if copy_of is not None and await _head(store, copy_of) is None:
                raise NotFound
            tree = await units(store.rows)
            rules = {} if source is None else await store.texts(source, tree)
            known = await categories(store.rows)
            # What has ended since needs no rule; a draft that names it would never hold.
            rules = {code: rule for code, rule in rules.items() if rule.category in known | {None}}
            number = await store.begin(checked, now)
            await store.put(number, rules.values(), tree)
            fields = {**_fields(RuleSetState.DRAFT, None, {}), "note": checked, "copyOf": source}
            return _named(work, number, 1, None, fields)

        return await self._change(principal, "deadline.draft", Activity.CREATE, idempotency, make)

    async def change(
        self,
        principal: OfficialPrincipal,
        number: int,
        expected_version: int,
        put: Sequence[RuleText],
        remove: Sequence[str],
        idempotency: Idempotency,
    ) -> Done:
        """Put rules into a draft, by code, and take others out.

        Raises NotFound, VersionConflict, NotADraft, DoubleRule, and InvalidInput naming the field of `put`.
        """

        async def make(work: UnitOfWork, store: RuleSetStore, now: datetime) -> Made:
            head = await _locked(work, store, number, expected_version)
            if head.state != RuleSetState.DRAFT:
                raise NotADraft
            tree = await units(store.rows)
            _check_put(put, remove)
            for rule in put:
                _check_rule(rule, tree, await categories(store.rows), await store.calendars())
            before = await store.texts(number, tree)
            gone = {rule.code for rule in put} | set(remove)
            if not set(remove) <= before.keys():
                raise InvalidInput("remove")
            after = {code: rule for code, rule in before.items() if code not in gone}
            after |= {rule.code: rule for rule in put}
            if len(after) > MAX_RULES:
                raise InvalidInput("put")
            check_single(after.values())
            await store.remove(number, remove)
            await store.put(number, put, tree)
            await store.become(number, head.state, head.from_day, head.version + 1)
            touched = [{code: rules[code] for code in gone & rules.keys()} for rules in (before, after)]
            fields = [_fields(head.state, head.from_day, rules) for rules in touched]
            return _named(work, number, head.version + 1, *fields)

        return await self._change(principal, "deadline.change", Activity.UPDATE, idempotency, make)

    async def activate(
        self,
        principal: OfficialPrincipal,
        number: int,
        expected_version: int,
        from_day: date,
        idempotency: Idempotency,
    ) -> Done:
        """Have a draft hold for reports that come in from a day on, today or later; open ones keep theirs.

        Raises IncompleteRules, NotADraft beside the rest.
        """

        async def make(work: UnitOfWork, store: RuleSetStore, now: datetime) -> Made:
            head = await _locked(work, store, number, expected_version)
            if head.state != RuleSetState.DRAFT:
                raise NotADraft
            if not 0 <= (from_day - _day(now)).days <= MAX_AHEAD:
                raise InvalidInput("fromDay")
            rules = await rules_of(store.rows, number)
            faults = faults_of(rules, await units(store.rows), await categories(store.rows))
            if faults:
                raise IncompleteRules(faults)
            await store.become(number, RuleSetState.ACTIVE, from_day, head.version + 1)
            before = _fields(head.state, head.from_day, {})
            after = _fields(RuleSetState.ACTIVE, from_day, {})
            return _named(work, number, head.version + 1, before, after)

        return await self._change(principal, "deadline.activate", Activity.UPDATE, idempotency, make)

    async def discard(
        self, principal: OfficialPrincipal, number: int, expected_version: int, idempotency: Idempotency
    ) -> Done:
        """Give up a draft, or a set that does not hold yet. Raises NotADraft for one that has held."""

        async def make(work: UnitOfWork, store: RuleSetStore, now: datetime) -> Made:
            head = await _locked(work, store, number, expected_version)
            waiting = head.state == RuleSetState.ACTIVE and head.from_day > _day(now)
            if head.state != RuleSetState.DRAFT and not waiting:
                raise NotADraft
            await store.become(number, RuleSetState.DISCARDED, None, head.version + 1)
            before = _fields(head.state, head.from_day, {})
            after = _fields(RuleSetState.DISCARDED, None, {})
            return _named(work, number, head.version + 1, before, after)

        return await self._change(principal, "deadline.discard", Activity.DELETE, idempotency, make)

    async def _change(
        self,
        principal: OfficialPrincipal,
        action: str,
        activity: Activity,
        idempotency: Idempotency,
        make: Make,
    ) -> Done:
        async def alone(work: UnitOfWork, now: datetime) -> Made:
            store = RuleSetStore(work)
            await store.alone()
            return await make(work, store, now)

        intent = AuditEvent(action, activity=activity)
        return await self._administration.change(principal, Register.DEADLINES, intent, idempotency, alone)


async def _head(store: RuleSetStore, number: int) -> Any:
    return await store.head(number) if 0 < number <= MAX_NUMBER else None


async def _locked(work: UnitOfWork, store: RuleSetStore, number: int, expected_version: int) -> Any:
    head = await _head(store, number)
    if head is None:
        raise NotFound
    work.intent = replace(work.intent, resource=f"rule:deadlines-{number}")
    if head.version != expected_version:
        raise VersionConflict(head.version)
    return head


def _check_put(put: Sequence[RuleText], remove: Sequence[str]) -> None:
    if len(put) > MAX_PUT or len(remove) > MAX_PUT or not (put or remove):
        raise InvalidInput("put")
    codes = [rule.code for rule in put]
    if len({*codes, *remove}) != len(codes) + len(remove):
        raise InvalidInput("put.code")


def _check_rule(rule: RuleText, tree: Units, known: frozenset[str], calendars: frozenset[str]) -> None:
    """Raise InvalidInput naming the field that is out of its limits."""
    if not _CODE.fullmatch(rule.code):
        raise InvalidInput("put.code")
    if rule.category is not None and rule.category not in known:
        raise InvalidInput("put.category")
    place = tree.by_code().get(rule.place)
    if place is None or place.ended or place.kind not in PLACES:
        raise InvalidInput("put.place")
    if rule.calendar not in calendars:
        raise InvalidInput("put.calendar")
    for name in LENGTHS:
        if not getattr(rule, name).holds:
            raise InvalidInput(f"put.{name}")


def _named(work: UnitOfWork, number: int, version: int, before: Fields | None, after: Fields) -> Made:
    work.intent = replace(work.intent, resource=f"rule:deadlines-{number}")
    return Made(HistoryKind.DEADLINE_RULES, str(number), version, before, after)


def _fields(state: str, from_day: date | None, rules: dict[str, RuleText]) -> Fields:
    told = {
        code: {
            "category": rule.category,
            "urgency": rule.urgency,
            "place": rule.place,
            "calendar": rule.calendar,
            **{name: getattr(rule, name).text for name in LENGTHS},
        }
        for code, rule in rules.items()
    }
    return {"state": str(state), "fromDay": None if from_day is None else from_day.isoformat(), "rules": told}


def _day(now: datetime) -> date:
    return now.astimezone(HANOI).date()
