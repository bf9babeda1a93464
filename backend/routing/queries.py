"""Categories for anybody; sets of rules for who administers them."""

from collections.abc import Iterable
from datetime import timedelta

from backend.administration.service import authorise_reading
from backend.administration.types import Register
from backend.routing.rules import indexed, rule_of_row
from backend.routing.sets import Tree, compare, faults_of, text_of, trial
from backend.routing.store import HOLDS, NOBODY, RULES, UNITS, tree_of
from backend.routing.types import (
    Category,
    Fault,
    Rule,
    RuleDifference,
    RuleSet,
    RuleSetState,
    RuleText,
    Trial,
)
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.database.read_scope import ReadScope
from foundation.errors import InvalidInput, NotFound
from foundation.identity.principal import OfficialPrincipal, Principal
from foundation.paging import MAX_PAGE
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

_CATEGORIES = """
SELECT code, name_vi, name_en, position, version, ended_on FROM routing.category
WHERE $2 OR ended_on IS NULL OR ended_on > $3 ORDER BY position, code LIMIT $1
"""
_SETS = """
SELECT s.number, s.state, s.from_day, s.note, s.version, s.created_at,
  (SELECT count(*) FROM routing.rule r WHERE r.set_number = s.number) AS rules
FROM routing.rule_set s WHERE ($1::int IS NULL OR s.number < $1) AND ($2::int IS NULL OR s.number = $2)
ORDER BY s.number DESC LIMIT $3
"""
_ACTIVE = "SELECT code FROM routing.category WHERE $1 AND ended_on IS NULL"
_PAST = "SELECT category, ward_id, reports FROM routing.reports_since($1)"
MAX_CATEGORIES = 500
MAX_DAYS = 90


class RoutingQueries:
    """Reads of routing data."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def categories(self, principal: Principal, ended: bool = False) -> tuple[Category, ...]:
        """Categories in the order in which people should see them; `ended`: those that are no more, too."""
        intent = AuditEvent("category.list", activity=Activity.READ)
        today = self._clock.now().astimezone(HANOI).date()
        async with self._database.read_scope(principal, intent) as scope:
            rows = await scope.rows(_CATEGORIES, MAX_CATEGORIES, ended, today)
        return tuple(Category(*row) for row in rows)

    async def rule_sets(
        self, principal: OfficialPrincipal, first: int, before: int | None
    ) -> tuple[tuple[RuleSet, ...], bool]:
        """Sets numbered under `before`, the newest first, and whether there are more. Raises Forbidden."""
        async with self._database.read_scope(principal, _reading("routing.list")) as scope:
            await self._may_read(scope)
            if not 1 <= first <= MAX_PAGE:
                raise InvalidInput("first")
            found = await self._sets(scope, before, None, first + 1)
        return found[:first], len(found) > first

    async def rule_set(self, principal: OfficialPrincipal, number: int) -> RuleSet:
        """One set. Raises NotFound, Forbidden."""
        async with self._database.read_scope(principal, _reading("routing.read")) as scope:
            await self._may_read(scope)
            return await self._set(scope, number)

    async def rules(
        self, principal: OfficialPrincipal, number: int, first: int, after: str | None
    ) -> tuple[tuple[RuleText, ...], bool]:
        """Rules of a set by code after a code, and whether there are more. Raises NotFound, Forbidden."""
        async with self._database.read_scope(principal, _reading("routing.read")) as scope:
            await self._may_read(scope)
            if not 1 <= first <= MAX_PAGE:
                raise InvalidInput("first")
            await self._set(scope, number)
            tree = await _tree(scope)
            texts = [text_of(rule, tree) for rule in await _rules(scope, number)]
        found = [rule for rule in texts if after is None or rule.code > after]
        return tuple(found[:first]), len(found) > first

    async def compare(
        self, principal: OfficialPrincipal, before: int, after: int
    ) -> tuple[RuleDifference, ...]:
        """Rules that two sets have differently. Raises NotFound, Forbidden."""
        async with self._database.read_scope(principal, _reading("routing.compare")) as scope:
            await self._may_read(scope)
            for number in (before, after):
                await self._set(scope, number)
            tree = await _tree(scope)
            one, other = [
                [text_of(rule, tree) for rule in await _rules(scope, number)] for number in (before, after)
            ]
        return compare(one, other)

    async def faults(self, principal: OfficialPrincipal, number: int) -> tuple[Fault, ...]:
        """What keeps a set from being put in force; nothing: it may be. Raises NotFound, Forbidden."""
        async with self._database.read_scope(principal, _reading("routing.read")) as scope:
            await self._may_read(scope)
            await self._set(scope, number)
            categories = [row["code"] for row in await scope.rows(_ACTIVE, True)]
            return faults_of(await _rules(scope, number), await _tree(scope), categories)

    async def trial(self, principal: OfficialPrincipal, number: int, days: int) -> Trial:
        """What a set would have done to the reports of the last 1–90 days. Raises NotFound, Forbidden.

        Counts by category and ward: who administers the platform sees no single report.
        """
        now = self._clock.now()
        async with self._database.read_scope(principal, _reading("routing.try")) as scope:
            await self._may_read(scope)
            if not 1 <= days <= MAX_DAYS:
                raise InvalidInput("days")
            await self._set(scope, number)
            tree = await _tree(scope)
            holding = await scope.row(HOLDS, now.astimezone(HANOI).date())
            present: Iterable[Rule] = () if holding is None else await _rules(scope, holding["number"])
            rows = await scope.rows(_PAST, now - timedelta(days=days))
            past = {(row["category"], row["ward_id"]): row["reports"] for row in rows}
            return trial(days, past, indexed(present), indexed(await _rules(scope, number)), tree)

    async def _may_read(self, scope: ReadScope) -> None:
        await authorise_reading(scope, self._policy, Register.ROUTING, self._clock.now())

    async def _set(self, scope: ReadScope, number: int) -> RuleSet:
        found = await self._sets(scope, None, number, 1)
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


async def _rules(scope: ReadScope, number: int) -> tuple[Rule, ...]:
    return tuple(map(rule_of_row, await scope.rows(RULES, number)))


async def _tree(scope: ReadScope) -> Tree:
    return tree_of(await scope.rows(UNITS, NOBODY))


def _reading(action: str) -> AuditEvent:
    return AuditEvent(action, activity=Activity.READ)
