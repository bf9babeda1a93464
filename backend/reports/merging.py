"""Merging near duplicates into the report that is worked on, and taking one apart: a method a mutation."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from backend.reports.errors import HasMerged, MergeReasonNeeded, NotMerged, PartsOpen, TooManyMerged
from backend.reports.joined import merged_count, refuse_merged
from backend.reports.limits import checked_text
from backend.reports.models import ReportRow
from backend.reports.moves import Parts
from backend.reports.store import (
    StepTaken,
    ids_of,
    lock,
    state_before_merging,
    unit_path,
    write_step,
)
from backend.reports.transitions import after
from backend.reports.types import (
    Asked,
    Changed,
    Merge,
    Merged,
    MergedReport,
    ReportState,
    ReportStep,
    report_resource,
)
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import InvalidInput, VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import NewId, parse_report_code
from foundation.places import metres_between
from foundation.policy.engine import PolicyEngine
from foundation.recording import AuditEvent

MOST_AT_ONCE = 20
MOST_MERGED = 100
"""Into one report, in all."""
NEAR = 1_000
"""Metres between the centres of the cells, within which nobody has to say why."""
MERGE, UNMERGE = AuditEvent("report.merge"), AuditEvent("report.unmerge")


@dataclass(frozen=True, slots=True)
class _Held:
    """A locked report that the person may merge."""

    report: ReportRow
    unit: str
    policies: tuple[str, ...]


class MergeService:
    """Merged reports stand still; the one that they were merged into is not changed by it."""

    def __init__(
        self, *, database: Database, policy: PolicyEngine, parts: Parts, clock: Clock, new_id: NewId
    ) -> None:
        self._database = database
        self._policy = policy
        self._parts = parts
        self._clock = clock
        self._new_id = new_id

    async def merge(
        self, principal: OfficialPrincipal, merge: Merge, idempotency: Idempotency | None
    ) -> Merged:
        """Merge 1 to 20 open reports into another one: all of them or none.

        `idempotency` None: a rehearsal, which does all of it and leaves without a commit. Raises NotFound for
        hidden and absent alike, Forbidden, InvalidInput, VersionConflict, IllegalTransition, ReportMerged,
        HasMerged, TooManyMerged, PartsOpen, MergeReasonNeeded, IdempotencyMismatch.
        """
        now = self._clock.now()
        async with self._database.unit_of_work(principal, MERGE) as work:
            checked = _checked(merge)
            codes = [checked.into.code, *(asked.code for asked in checked.merged)]
            others = tuple(f"report:{code}" for code in codes[1:])
            work.intent = replace(MERGE, resource=f"report:{codes[0]}", others=others)
            stored = None if idempotency is None else await claim(work, idempotency, now)
            if stored is not None:
                return _merged(stored)
            held = await self._held(work, principal, codes, now)
            await self._check(work, checked, held)
            done = [await self._merge_one(work, principal, checked, held, code, now) for code in codes[1:]]
            merged = Merged(codes[0], tuple(done))
            if idempotency is None:
                return merged
            await keep(work, idempotency, _kept(merged))
            for code in codes[1:]:
                await work.record(
                    AuditEvent(
                        MERGE.action,
                        resource=f"report:{code}",
                        unit=held[code].unit,
                        policies=held[code].policies,
                        others=(f"report:{codes[0]}",),
                    )
                )
            await work.commit()
            return merged

    async def unmerge(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        reason: str,
        idempotency: Idempotency,
    ) -> Changed:
        """Take a merged report apart: it is where it was before, and its deadlines go on.

        Raises NotFound for hidden and absent alike, Forbidden, InvalidInput, VersionConflict, NotMerged,
        IdempotencyMismatch.
        """
        now = self._clock.now()
        async with self._database.unit_of_work(principal, UNMERGE) as work:
            parsed = parse_report_code(code)
            work.intent = replace(UNMERGE, resource=f"report:{parsed}")
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return _changed(stored)
            note = checked_text("reason", reason)
            held = (await self._held(work, principal, [parsed], now))[parsed]
            report = held.report
            if report.version != expected_version:
                raise VersionConflict(report.version)
            if report.merged_into is None:
                raise NotMerged
            report.state, report.merged_into = await state_before_merging(work, report), None
            changed = await self._step(work, principal, report, ReportStep.UNMERGED, note, now)
            await keep(work, idempotency, _row(changed))
            await work.record(replace(work.intent, unit=held.unit, policies=held.policies))
            await work.commit()
            return changed

    async def _held(
        self, work: UnitOfWork, principal: OfficialPrincipal, codes: list[str], now: datetime
    ) -> Mapping[str, _Held]:
        """The reports by code, all locked, in the order of their ids: two who merge wait for each other.

        Raises NotFound, Forbidden.
        """
        ids = await ids_of(work, codes)
        reports = {code: await lock(work, code) for code in sorted(codes, key=lambda code: ids[code])}
        held = {}
        for code in codes:
            report = reports[code]
            handler = await unit_path(work, report.handler_id)
            work.intent = replace(work.intent, unit=handler.code)
            resource = report_resource(
                report.id,
                report.citizen_id,
                handler.path,
                tuple(report.participants),
                report.ward_id,
                report.state,
            )
            decision = self._policy.authorise(principal, work.intent.action, resource, now=now)
            held[code] = _Held(report, handler.code, decision.policies)
        return held

    async def _check(self, work: UnitOfWork, merge: Merge, held: Mapping[str, _Held]) -> None:
        """What stands against it, that can be said of one report by itself."""
        for asked in (merge.into, *merge.merged):
            report = held[asked.code].report
            if report.version != asked.version:
                raise VersionConflict(report.version)
            await refuse_merged(work, report.id)
            after(ReportState(report.state), ReportStep.MERGED)
        into = held[merge.into.code].report
        if await merged_count(work, into) + len(merge.merged) > MOST_MERGED:
            raise TooManyMerged(MOST_MERGED)
        for asked in merge.merged:
            report = held[asked.code].report
            if await merged_count(work, report):
                raise HasMerged(asked.code)
            if await self._parts.open(work, report.id):
                raise PartsOpen
            distance = metres_between(into.h3_cell, report.h3_cell)
            near = distance is not None and distance <= NEAR and report.category == into.category
            if merge.reason is None and not near:
                raise MergeReasonNeeded(asked.code)

    async def _merge_one(
        self,
        work: UnitOfWork,
        principal: OfficialPrincipal,
        merge: Merge,
        held: Mapping[str, _Held],
        code: str,
        now: datetime,
    ) -> MergedReport:
        report, into = held[code].report, held[merge.into.code].report
        before = ReportState(report.state)
        report.state, report.merged_into = ReportState.MERGED, into.id
        changed = await self._step(work, principal, report, ReportStep.MERGED, merge.reason, now, before)
        distance = metres_between(into.h3_cell, report.h3_cell)
        return MergedReport(changed, None if distance is None else round(distance))

    async def _step(
        self,
        work: UnitOfWork,
        principal: OfficialPrincipal,
        report: ReportRow,
        step: ReportStep,
        note: str | None,
        now: datetime,
        before: ReportState = ReportState.MERGED,
    ) -> Changed:
        report.version += 1
        report.updated_at = now
        taken = StepTaken(step, now, "official", principal.official_id, before, report.handler_id, note)
        await write_step(work, report, taken, self._new_id)
        return Changed(report.code, report.version, ReportState(report.state))


def _checked(merge: Merge) -> Merge:
    """The codes as they are kept, each once, and the reason. Raises InvalidInput naming the field."""
    into = replace(merge.into, code=parse_report_code(merge.into.code))
    merged = tuple(Asked(parse_report_code(asked.code), asked.version) for asked in merge.merged)
    codes = {into.code, *(asked.code for asked in merged)}
    if not 1 <= len(merged) <= MOST_AT_ONCE or len(codes) != len(merged) + 1:
        raise InvalidInput("merged")
    reason = None if merge.reason is None else checked_text("reason", merge.reason)
    return Merge(into, merged, reason)


def _row(changed: Changed) -> dict[str, Any]:
    return {"code": changed.code, "version": changed.version, "state": changed.state}


def _kept(merged: Merged) -> dict[str, Any]:
    reports = [{**_row(one.changed), "distance": one.distance} for one in merged.reports]
    return {"into": merged.into, "reports": reports}


def _changed(stored: Mapping[str, Any]) -> Changed:
    return Changed(stored["code"], stored["version"], ReportState(stored["state"]))


def _merged(stored: Mapping[str, Any]) -> Merged:
    return Merged(
        stored["into"], tuple(MergedReport(_changed(one), one["distance"]) for one in stored["reports"])
    )
