"""Looking through all files that a person may open: list, look-up, structure. By a scan inside the vault.

No index of names exists, for it would tell the names to whoever has the database (design.md 7, vault.md 7).
Files are opened 1,000 at a time, after the event of the look is kept.
"""

import heapq
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
import structlog

from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import Forbidden, NotFound
from foundation.recording import Activity, AuditEvent
from vault.cadres.filters import Listable, listable
from vault.cadres.glances import DECODER, Glance, Query, Seen
from vault.cadres.service import CADRE, HANOI
from vault.call.operations import Asked
from vault.keyring.memory import wiped
from vault.records import queries
from vault.records.envelope import RecordUnreadable
from vault.records.gate import NOBODYS, Admitted, holding, scope
from vault.records.service import Records

BATCH = 1_000
_AGES = (30, 40, 50, 60)

log = structlog.get_logger()


class FilterMismatch(Exception):
    """A page would show what the policies do not allow: a fault of ours, and nothing is shown."""


@dataclass(frozen=True, slots=True)
class Look:
    """A look that was allowed and recorded."""

    asked: Asked
    admitted: Admitted
    tenants: tuple[str, ...]
    listable: Listable


@dataclass(frozen=True, slots=True)
class Looking:
    """`records` are those of the kind CADRE."""

    records: Records

    async def begin(self, asked: Asked, work: UnitOfWork, action: str, tenant: str | None) -> Look:
        """Decide and record a look through `tenant`'s files, or through all of the person's clearances.

        Raises Forbidden, and as Gate.admit.
        """
        admitted = await self.records.admit(asked, work)
        tenants = admitted.tenants if tenant is None else (tenant,)
        policies = set[str]()
        for one in tenants or (NOBODYS,):
            decided = self.records.policies.authorise(
                admitted.described, action, holding(one, CADRE.class_), now=asked.at
            )
            policies.update(decided.policies)
        first, *others = (f"unit:{one}" for one in tenants)
        await work.record(
            AuditEvent(
                action,
                activity=Activity.READ,
                resource=first,
                others=tuple(others),
                policies=tuple(sorted(policies)),
            )
        )
        return Look(asked, admitted, tenants, listable(admitted))

    async def batches(self, look: Look) -> AsyncIterator[list[Seen]]:
        """Everything that may be opened, by record. Raises Changing when the register changes meanwhile."""
        after = None
        tenants = sorted(look.listable.tenants.intersection(look.tenants))
        while True:
            async with self.records.database.unscoped() as connection:
                await scope(connection, look.admitted, CADRE.class_)
                found = await queries.scan(
                    connection, tenants, CADRE.class_, CADRE.name, look.admitted.epoch, after, BATCH
                )
                batch = []
                for kept in found:
                    if kept.place.record not in look.listable.hidden:
                        content = await self.records.unsealed(connection, kept)
                        with wiped(content.plain) as plain:
                            glance = _glanced(plain)
                        batch.append(Seen(kept.place.record, kept.place.tenant, kept.place.version, glance))
            yield batch
            if len(found) < BATCH:
                return
            after = found[-1].place.record

    async def first(
        self, look: Look, most: int, wanted: Callable[[Seen], bool], after: tuple[str, str] | None = None
    ) -> tuple[list[Seen], bool]:
        """The first `most` of what is wanted, sorted as Vietnamese lists of people; whether more follow."""
        best: list[tuple[tuple[str, str], Seen]] = []
        async for batch in self.batches(look):
            fresh = [(seen.place, seen) for seen in batch if wanted(seen)]
            best += [one for one in fresh if after is None or one[0] > after]
            best = heapq.nsmallest(most + 1, best, key=lambda one: one[0])
        shown = [seen for _, seen in best[:most]]
        for seen in shown:
            self._decide_again(look, seen)
        return shown, len(best) > most

    async def find(self, look: Look, query: Query, most: int) -> tuple[list[Seen], bool]:
        """As `first`, of what fits the query."""
        return await self.first(look, most, lambda seen: query.finds(seen.glance))

    async def structure(self, look: Look) -> dict[str, Any]:
        """Numbers of files by age, gender, qualification, political theory and unit; figures alone leave."""
        today = look.asked.at.astimezone(HANOI).date()
        total, counts = 0, {name: Counter[str]() for name in _DIMENSIONS}
        async for batch in self.batches(look):
            total += len(batch)
            for seen in batch:
                for name, of in _DIMENSIONS.items():
                    counts[name][of(seen, today)] += 1
        return {
            "total": total,
            "on": today.isoformat(),
            **{name: dict(sorted(found.items())) for name, found in counts.items()},
        }

    def _decide_again(self, look: Look, seen: Seen) -> None:
        try:
            self.records.decide(look.admitted, "cadre.open", seen.record, seen.tenant, look.asked)
        except (Forbidden, NotFound) as refusal:
            log.error("policy.filter_mismatch", action="cadre.open", record=str(seen.record))
            raise FilterMismatch from refusal


def _glanced(plain: bytearray) -> Glance:
    try:
        return DECODER.decode(plain)
    except msgspec.MsgspecError:
        # The library's text may quote the content.
        raise RecordUnreadable("not a cadre file") from None


def age_group(born: date, today: date) -> str:
    """ "0-29", "30-39" … "60-"."""
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    for low, high in zip((0, *_AGES), _AGES, strict=False):
        if age < high:
            return f"{low}-{high - 1}"
    return f"{_AGES[-1]}-"


_DIMENSIONS: dict[str, Callable[[Seen, date], str]] = {
    "age": lambda seen, today: age_group(seen.glance.identity.birth_date, today),
    "gender": lambda seen, _: seen.glance.identity.gender,
    "qualification": lambda seen, _: seen.glance.identity.qualification,
    "politicalTheory": lambda seen, _: seen.glance.identity.political_theory,
    "unit": lambda seen, _: seen.glance.identity.unit,
}
