"""Sets of rules as they lie in the database: read whole, written as drafts."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import text

from backend.routing.rules import rule_of_row
from backend.routing.sets import Node, Tree, rule_of, text_of
from backend.routing.types import Rule, RuleText
from foundation.database.unit_of_work import UnitOfWork
from foundation.ids import NewId

UNITS = "SELECT id, code, kind, parent_id, ended_on FROM tenancy.unit WHERE kind <> 'party' AND code <> $1"
RULES = """
SELECT id, code, category, place_id, target_id, supporting FROM routing.rule
WHERE set_number = $1 ORDER BY code
"""
HOLDS = """
SELECT s.number FROM routing.rule_set s WHERE s.state = 'active' AND s.from_day <= $1
ORDER BY s.from_day DESC, s.number DESC LIMIT 1
"""
NOBODY = ""
"""A statement has a parameter (foundation.database.read_scope); no unit has this code."""

_ALONE = text("SELECT pg_advisory_xact_lock(4801, 2)")
_UNITS = text("SELECT id, code, kind, parent_id, ended_on FROM tenancy.unit WHERE kind <> 'party'")
_RULES = text(RULES.replace("$1", ":number"))
_HOLDS = text(HOLDS.replace("$1", ":day"))
_COMING = text(
    "SELECT number FROM routing.rule_set WHERE state = 'active' AND from_day > :day ORDER BY from_day, number"
)
_DRAFTS = text("SELECT number FROM routing.rule_set WHERE state = 'draft' ORDER BY number")
_CATEGORIES = text("SELECT code FROM routing.category WHERE ended_on IS NULL")
_SET = text("SELECT number, state, from_day, note, version FROM routing.rule_set WHERE number = :number")
_NEXT = text("SELECT coalesce(max(number), 0) + 1 FROM routing.rule_set")
_INSERT_SET = text(
    """
    INSERT INTO routing.rule_set (number, state, note, created_at) VALUES (:number, 'draft', :note, :at)
    """
)
_REMOVE = text("DELETE FROM routing.rule WHERE set_number = :number AND code = ANY(cast(:codes AS text[]))")
_INSERT = text(
    """
    INSERT INTO routing.rule (id, set_number, code, category, place_id, target_id, supporting)
    VALUES (:id, :number, :code, :category, :place, :target, cast(:supporting AS int[]))
    """
)
_STATE = text(
    """
    UPDATE routing.rule_set SET state = :state, from_day = :from_day, version = :version
    WHERE number = :number
    """
)


def tree_of(rows: Iterable[Any]) -> Tree:
    """The city's units from rows of `UNITS`."""
    nodes = {
        unit: Node(unit, code, kind, parent, ended is not None) for unit, code, kind, parent, ended in rows
    }
    return Tree(nodes)


class RuleSetStore:
    """Sets of rules in one unit of work. `alone` first: changes of sets come one after the other."""

    def __init__(self, work: UnitOfWork) -> None:
        self._connection = work.connection

    async def alone(self) -> None:
        """Let nobody else change a set until the unit of work ends."""
        await self._connection.execute(_ALONE)

    async def tree(self) -> Tree:
        """The city's units as they are now."""
        return tree_of((await self._connection.execute(_UNITS)).all())

    async def categories(self) -> frozenset[str]:
        """Categories that a citizen may choose."""
        return frozenset((await self._connection.execute(_CATEGORIES)).scalars())

    async def head(self, number: int) -> Any:
        """The set without its rules, or None."""
        return (await self._connection.execute(_SET, {"number": number})).one_or_none()

    async def rules(self, number: int) -> tuple[Rule, ...]:
        """The rules of a set, by code."""
        rows = (await self._connection.execute(_RULES, {"number": number})).all()
        return tuple(map(rule_of_row, rows))

    async def texts(self, number: int, tree: Tree) -> dict[str, RuleText]:
        """The rules of a set in codes, by code."""
        return {rule.code: text_of(rule, tree) for rule in await self.rules(number)}

    async def holding(self, day: date) -> int | None:
        """The number of the set that holds on a day."""
        number: int | None = (await self._connection.execute(_HOLDS, {"day": day})).scalar()
        return number

    async def coming(self, day: date) -> Sequence[int]:
        """Numbers of sets that begin after a day, the earliest first."""
        return (await self._connection.execute(_COMING, {"day": day})).scalars().all()

    async def drafts(self) -> Sequence[int]:
        """Numbers of drafts."""
        return (await self._connection.execute(_DRAFTS)).scalars().all()

    async def begin(self, note: str, at: Any) -> int:
        """A new, empty draft. Needs `alone`."""
        number: int = (await self._connection.execute(_NEXT)).scalar_one()
        await self._connection.execute(_INSERT_SET, {"number": number, "note": note, "at": at})
        return number

    async def put(self, number: int, rules: Iterable[RuleText], tree: Tree, new_id: NewId) -> None:
        """Write rules into a draft in the place of those with their codes."""
        texts = tuple(rules)
        await self.remove(number, [rule.code for rule in texts])
        rows = []
        for rule in (rule_of(text_, tree) for text_ in texts):
            row = {"code": rule.code, "category": rule.category, "place": rule.place, "target": rule.target}
            rows.append({**row, "id": new_id(), "number": number, "supporting": list(rule.supporting)})
        if rows:
            await self._connection.execute(_INSERT, rows)

    async def remove(self, number: int, codes: Sequence[str]) -> None:
        """Take rules out of a draft."""
        await self._connection.execute(_REMOVE, {"number": number, "codes": list(codes)})

    async def become(self, number: int, state: str, from_day: date | None, version: int) -> None:
        """Another state of a set."""
        row = {"number": number, "state": state, "from_day": from_day, "version": version}
        await self._connection.execute(_STATE, row)
