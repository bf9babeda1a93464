"""What becomes of routing rules when a unit becomes part of another: sets that name it are written anew."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Protocol

from backend.administration.types import HistoryKind, Made
from backend.routing.store import RuleSetStore
from backend.routing.types import RuleSetState, RuleText
from foundation.database.unit_of_work import UnitOfWork
from foundation.ids import NewId


class Succession(Protocol):
    """backend.tenancy.units.Succession."""

    @property
    def unit_code(self) -> str: ...
    @property
    def successor_code(self) -> str: ...
    @property
    def day(self) -> date: ...


def succeeded(rules: Iterable[RuleText], unit: str, heir: str) -> dict[str, RuleText]:
    """The rules with the successor in the unit's place, by code.

    A rule for the unit as a place is dropped where the successor has one of its own for that category.
    """
    kept = list(rules)
    own = {rule.category for rule in kept if rule.place == heir}
    renamed = {}
    for rule in kept:
        if rule.place == unit and rule.category in own:
            continue
        target = heir if rule.target == unit else rule.target
        helping = dict.fromkeys(heir if code == unit else code for code in rule.supporting)
        renamed[rule.code] = replace(
            rule,
            place=heir if rule.place == unit else rule.place,
            target=target,
            supporting=tuple(code for code in helping if code != target),
        )
    return renamed


class RulesFollow:
    """Has the sets that hold, will hold, or are drafts follow a succession, in its unit of work."""

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id

    async def __call__(self, work: UnitOfWork, succession: Succession, now: datetime) -> tuple[Made, ...]:
        """A set that was put in force stays as it was: another with the next number takes its day."""
        store = RuleSetStore(work)
        await store.alone()
        holding = await store.holding(succession.day)
        numbers = [] if holding is None else [holding]
        made = []
        for number in [*numbers, *await store.coming(succession.day)]:
            made += await self._replace(store, number, succession, now)
        for number in await store.drafts():
            made += await self._mend(store, number, succession)
        return tuple(made)

    async def _replace(
        self, store: RuleSetStore, number: int, succession: Succession, now: datetime
    ) -> list[Made]:
        tree = await store.tree()
        before = await store.texts(number, tree)
        after = succeeded(before.values(), succession.unit_code, succession.successor_code)
        if after == before:
            return []
        head = await store.head(number)
        note = f"{succession.unit_code} → {succession.successor_code} (bộ quy tắc {number})"
        copy = await store.begin(note, now)
        await store.put(copy, after.values(), tree, self._new_id)
        from_day = max(head.from_day, succession.day)
        await store.become(copy, RuleSetState.ACTIVE, from_day, 1)
        fields = {"state": "active", "fromDay": from_day.isoformat(), "note": note, "copyOf": number}
        return [Made(HistoryKind.ROUTING_RULES, str(copy), 1, None, fields)]

    async def _mend(self, store: RuleSetStore, number: int, succession: Succession) -> list[Made]:
        tree = await store.tree()
        before = await store.texts(number, tree)
        after = succeeded(before.values(), succession.unit_code, succession.successor_code)
        if after == before:
            return []
        head = await store.head(number)
        await store.remove(number, list(before))
        await store.put(number, after.values(), tree, self._new_id)
        await store.become(number, head.state, None, head.version + 1)
        names = {"unit": succession.unit_code}
        became = {"unit": succession.successor_code}
        return [Made(HistoryKind.ROUTING_RULES, str(number), head.version + 1, names, became)]
