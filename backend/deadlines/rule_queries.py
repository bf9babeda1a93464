"""Sets of rules of deadlines, for who administers them: listed, read, checked, tried on what was."""

from datetime import timedelta

from backend.administration.service import authorise_reading
from backend.administration.types import Register
from backend.deadlines.clocks import Terms
from backend.deadlines.facts import calendars, rows_of
from backend.deadlines.rule_sets import MAX_NUMBER
from backend.deadlines.rule_store import HOLDS, categories, rules_of, units
from backend.deadlines.sets import faults_of, text_of, trial
from backend.deadlines.types import Fault, Rule, RuleSet, RuleSetState, RuleText, Trial
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.database.read_scope import ReadScope
from foundation.errors import InvalidInput, NotFound
from foundation.identity.principal import OfficialPrincipal
from foundation.paging import MAX_PAGE
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

MAX_DAYS = 90
MOST_TRIED = 5_000
"""Clocks of a trial: the latest."""
_SETS = """
SELECT s.number, s.state, s.from_day, s.note, s.version, s.created_at,
  (SELECT count(*) FROM deadlines.rule r WHERE r.set_number = s.number) AS rules
FROM deadlines.rule_set s WHERE ($1::int IS NULL OR s.number < $1) AND ($2::int IS NULL OR s.number = $2)
ORDER BY s.number DESC LIMIT $3
"""
_PAST = """
SELECT category, ward_id, kind, urgency, started_at, stopped_at, late, halts
FROM deadlines.stopped_since($1, $2)
"""


class DeadlineRuleQueries:
    """Reads of rules of deadlines."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def rule_sets(
        self, principal: OfficialPrincipal, first: int, before: int | None
    ) -> tuple[tuple[RuleSet, ...], bool]:
        """Sets numbered under `before`, the newest first, and whether there are more. Raises Forbidden."""
        async with self._database.read_scope(principal, _reading("deadline.rules")) as scope:
            await self._may_read(scope)
            if not 1 <= first <= MAX_PAGE:
                raise InvalidInput("first")
            found = await self._sets(scope, before, None, first + 1)
        return found[:first], len(found) > first

    async def rule_set(self, principal: OfficialPrincipal, number: int) -> RuleSet:
        """One set. Raises NotFound, Forbidden."""
        async with self._database.read_scope(principal, _reading("deadline.rules")) as scope:
            await self._may_read(scope)
            return await self._set(scope, number)

    async def rules(
        self, principal: OfficialPrincipal, number: int, first: int, after: str | None
    ) -> tuple[tuple[RuleText, ...], bool]:
        """Rules of a set by code after a code, and whether there are more. Raises NotFound, Forbidden."""
        async with self._database.read_scope(principal, _reading("deadline.rules")) as scope:
            await self._may_read(scope)
            if not 1 <= first <= MAX_PAGE:
                raise InvalidInput("first")
            await self._set(scope, number)
            rows = rows_of(scope)
            tree = await units(rows)
            texts = [text_of(rule, tree) for rule in await rules_of(rows, number)]
        found = [rule for rule in texts if after is None or rule.code > after]
        return tuple(found[:first]), len(found) > first

    async def faults(self, principal: OfficialPrincipal, number: int) -> tuple[Fault, ...]:
        """What keeps a set from being put in force; nothing: it may be. Raises NotFound, Forbidden."""
        async with self._database.read_scope(principal, _reading("deadline.rules")) as scope:
            await self._may_read(scope)
            await self._set(scope, number)
            rows = rows_of(scope)
            return faults_of(await rules_of(rows, number), await units(rows), await categories(rows))

    async def trial(self, principal: OfficialPrincipal, number: int, days: int) -> Trial:
        """What a set would have made of the clocks that stopped in the last 1–90 days: numbers alone.

        Raises NotFound, Forbidden, InvalidInput.
        """
        since = self._clock.now() - timedelta(days=days if 1 <= days <= MAX_DAYS else 0)
        async with self._database.read_scope(principal, _reading("deadline.try")) as scope:
            await self._may_read(scope)
            if not 1 <= days <= MAX_DAYS:
                raise InvalidInput("days")
            await self._set(scope, number)
            rows = rows_of(scope)
            rules = await rules_of(rows, number)
            past = await rows(_PAST, since, MOST_TRIED)
            first = min((row["started_at"] for row in past), default=since)
            working = await calendars(rows, [rule.calendar for rule in rules], first)
            tree = await units(rows)

        def terms_of(rule: Rule) -> Terms:
            return Terms(number, rule, working[rule.calendar])

        return trial(days, past, tree, terms_of, rules)

    async def _may_read(self, scope: ReadScope) -> None:
        await authorise_reading(scope, self._policy, Register.DEADLINES, self._clock.now())

    async def _set(self, scope: ReadScope, number: int) -> RuleSet:
        found = await self._sets(scope, None, number, 1) if 0 < number <= MAX_NUMBER else ()
        if not found:
            raise NotFound
        return found[0]

    async def _sets(
        self, scope: ReadScope, before: int | None, number: int | None, limit: int
    ) -> tuple[RuleSet, ...]:
        holding = await scope.row(HOLDS, self._clock.now().astimezone(HANOI).date())
        return tuple(
            RuleSet(
                number=row["number"],
                state=RuleSetState(row["state"]),
                from_day=row["from_day"],
                note=row["note"],
                rules=row["rules"],
                version=row["version"],
                created_at=row["created_at"],
                holds=holding is not None and row["number"] == holding["number"],
            )
            for row in await scope.rows(_SETS, before, number, limit)
        )


def _reading(action: str) -> AuditEvent:
    return AuditEvent(action, activity=Activity.READ)
