"""Sets of rules of deadlines as they lie in the database: read whole, written as drafts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import text

from backend.deadlines.facts import RULES, Rows, rows_of, rule_of_row
from backend.deadlines.sets import Node, Units, text_of
from backend.deadlines.types import Rule, RuleText
from foundation.database.unit_of_work import UnitOfWork

UNITS = "SELECT id, code, kind, parent_id, ended_on FROM tenancy.unit WHERE kind <> 'party' AND code <> $1"
CATEGORIES = "SELECT code FROM routing.category WHERE $1 AND ended_on IS NULL"
CALENDARS = "SELECT code FROM deadlines.calendar WHERE $1 ORDER BY code"
HOLDS = """
SELECT s.number FROM deadlines.rule_set s WHERE s.state = 'active' AND s.from_day <= $1
ORDER BY s.from_day DESC, s.number DESC LIMIT 1
"""
NOBODY = ""
"""A statement has a parameter (foundation.database.read_scope); no unit has this code."""

_ALONE = text("SELECT pg_advisory_xact_lock(4801, 4)")
_SET = text("SELECT number, state, from_day, note, version FROM deadlines.rule_set WHERE number = :number")
_NEXT = text("SELECT coalesce(max(number), 0) + 1 FROM deadlines.rule_set")
_INSERT_SET = text(
    "INSERT INTO deadlines.rule_set (number, state, note, created_at) VALUES (:number, 'draft', :note, :at)"
)
_REMOVE = text("DELETE FROM deadlines.rule WHERE set_number = :number AND code = ANY(cast(:codes AS text[]))")
_INSERT = text(
    """
    INSERT INTO deadlines.rule (set_number, code, category, urgency, place_id, calendar, receive, handle,
      wait, escalate)
    VALUES (:number, :code, :category, :urgency, :place, :calendar, :receive, :handle, :wait, :escalate)
    """
)
_STATE = text(
    """
    UPDATE deadlines.rule_set SET state = :state, from_day = :from_day, version = :version
    WHERE number = :number
    """
)


async def units(rows: Rows) -> Units:
    """The city's units as they are now."""
    return Units(
        {
            row["id"]: Node(
                row["id"], row["code"], row["kind"], row["parent_id"], row["ended_on"] is not None
            )
            for row in await rows(UNITS, NOBODY)
        }
    )


async def rules_of(rows: Rows, number: int) -> tuple[Rule, ...]:
    """The rules of a set, by code."""
    return tuple(rule_of_row(row) for row in await rows(RULES, [number]))


async def categories(rows: Rows) -> frozenset[str]:
    """Categories that a citizen may choose."""
    return frozenset(row["code"] for row in await rows(CATEGORIES, True))


class RuleSetStore:
    """Sets of rules in one unit of work. `alone` first: changes of sets come one after the other."""

    def __init__(self, work: UnitOfWork) -> None:
        self._connection = work.connection
        self.rows = rows_of(work)

    async def alone(self) -> None:
        """Let nobody else change a set until the unit of work ends."""
        await self._connection.execute(_ALONE)

    async def calendars(self) -> frozenset[str]:
        """Codes of calendars."""
        return frozenset(row["code"] for row in await self.rows(CALENDARS, True))

    async def head(self, number: int) -> Any:
        """The set without its rules, or None."""
        return (await self._connection.execute(_SET, {"number": number})).one_or_none()

    async def texts(self, number: int, tree: Units) -> dict[str, RuleText]:
        """The rules of a set in codes, by code."""
        return {rule.code: text_of(rule, tree) for rule in await rules_of(self.rows, number)}

    async def holding(self, day: date) -> int | None:
        """The number of the set that holds for what comes in on a day."""
        found = await self.rows(HOLDS, day)
        return found[0]["number"] if found else None

    async def begin(self, note: str, at: datetime) -> int:
        """A new, empty draft. Needs `alone`."""
        number: int = (await self._connection.execute(_NEXT)).scalar_one()
        await self._connection.execute(_INSERT_SET, {"number": number, "note": note, "at": at})
        return number

    async def put(self, number: int, texts: Iterable[RuleText], tree: Units) -> None:
        """Write rules into a draft in the place of those with their codes."""
        given = tuple(texts)
        await self.remove(number, [rule.code for rule in given])
        places: Mapping[str, Node] = tree.by_code()
        rows = [
            {
                "number": number,
                "code": rule.code,
                "category": rule.category,
                "urgency": None if rule.urgency is None else rule.urgency.value,
                "place": places[rule.place].id,
                "calendar": rule.calendar,
                "receive": rule.receive.text,
                "handle": rule.handle.text,
                "wait": rule.wait.text,
                "escalate": rule.escalate.text,
            }
            for rule in given
        ]
        if rows:
            await self._connection.execute(_INSERT, rows)

    async def remove(self, number: int, codes: Sequence[str]) -> None:
        """Take rules out of a draft."""
        await self._connection.execute(_REMOVE, {"number": number, "codes": list(codes)})

    async def become(self, number: int, state: str, from_day: date | None, version: int) -> None:
        """Another state of a set."""
        row = {"number": number, "state": state, "from_day": from_day, "version": version}
        await self._connection.execute(_STATE, row)
