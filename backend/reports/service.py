"""What people do with reports: one method a mutation, one unit of work a method."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from backend.citizens.service import require_proven
from backend.reports.joined import refuse_merged
from backend.reports.limits import MAX_PLACE, checked_cell, checked_text
from backend.reports.models import ReportRow
from backend.reports.moves import ACTIONS, Evidence, Gates, Move, Parts, change
from backend.reports.store import StepTaken, lock, unit_path, write_step, write_words
from backend.reports.types import Changed, ClosingReason, ReportState, ReportStep, Submission, report_resource
from backend.routing.service import RoutedPlace, RoutingService
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from foundation.ids import NewId, RandomBytes, new_report_code, parse_report_code
from foundation.policy.engine import Decision, PolicyEngine
from foundation.policy.entities import Resource
from foundation.recording import Activity, AuditEvent

__all__ = ["ReportService", "refuse_merged"]

Actor = CitizenPrincipal | OfficialPrincipal


class Senders(Protocol):
    """Who may send reports at present, which another feature keeps."""

    async def check(self, work: UnitOfWork, clock: Clock) -> None:
        """Raise a Refusal while the citizen of the unit of work may send none."""
        ...


class ReportService:
    """Changes of reports. A refusal raises and is recorded; anything else has its effect exactly once."""

    def __init__(
        self,
        *,
        database: Database,
        policy: PolicyEngine,
        routing: RoutingService,
        evidence: Evidence,
        parts: Parts,
        senders: Senders,
        clock: Clock,
        new_id: NewId,
        random_bytes: RandomBytes,
    ) -> None:
        self._database = database
        self._policy = policy
        self._routing = routing
        self._gates = Gates(evidence, parts)
        self._senders = senders
        self._clock = clock
        self._new_id = new_id
        self._random_bytes = random_bytes

    async def submit(
        self, principal: CitizenPrincipal, submission: Submission, idempotency: Idempotency
    ) -> Changed:
        """Take in a report; it has a unit at once.

        Raises PhoneUnproven, InvalidInput, UnknownCategory, UnknownWard, Forbidden, IdempotencyMismatch, and
        what `senders` raises.
        """
        now = self._clock.now()
        intent = AuditEvent("report.submit", activity=Activity.CREATE)
        async with self._database.unit_of_work(principal, intent) as work:
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return _changed(stored)
            require_proven(principal)
            checked = _checked(submission)
            routed = await self._routing.route(work, checked.category, checked.ward, now)
            ward = Resource("Unit", str(routed.ward_id), {"kind": routed.ward_kind})
            decision = self._policy.authorise(principal, intent.action, ward, now=now)
            await self._senders.check(work, self._clock)
            report = self._new_report(principal, checked, routed, now)
            work.session.add(report)
            taken = StepTaken(ReportStep.SUBMITTED, now, "citizen", principal.citizen_id, None, None, None)
            await write_step(work, report, taken, self._new_id)
            await write_words(work, report)
            return await self._finish(work, report, idempotency, decision)

    async def accept(
        self, principal: OfficialPrincipal, code: str, expected_version: int, idempotency: Idempotency
    ) -> Changed:
        """The handling unit takes the report up."""
        return await self._take(principal, Move(ReportStep.ACCEPTED, code, expected_version), idempotency)

    async def forward(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        to_unit: str,
        note: str,
        idempotency: Idempotency,
    ) -> Changed:
        """Hand the report over to another unit of the city; sent to and fro, it goes to the level above.

        Raises SameUnit, UnknownUnit beside the rest.
        """
        move = Move(ReportStep.FORWARDED, code, expected_version, note, "note", to_unit)
        return await self._take(principal, move, idempotency)

    async def ask(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        question: str,
        idempotency: Idempotency,
    ) -> Changed:
        """Ask the citizen; the report waits for the reply."""
        move = Move(ReportStep.ASKED, code, expected_version, question, "question")
        return await self._take(principal, move, idempotency)

    async def reply(
        self,
        principal: CitizenPrincipal,
        code: str,
        expected_version: int,
        text: str,
        idempotency: Idempotency,
    ) -> Changed:
        """The citizen's reply to a question; the work goes on."""
        move = Move(ReportStep.REPLIED, code, expected_version, text, "text")
        return await self._take(principal, move, idempotency)

    async def answer(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        text: str,
        idempotency: Idempotency,
    ) -> Changed:
        """The unit's answer: what was done."""
        move = Move(ReportStep.ANSWERED, code, expected_version, text, "text")
        return await self._take(principal, move, idempotency)

    async def close(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        reason: ClosingReason,
        note: str | None,
        legal_reason: str | None,
        idempotency: Idempotency,
    ) -> Changed:
        """End the work with a reason: resolved with evidence, or refused on a ground of the law and in words.

        Raises EvidenceMissing, UnknownLegalReason, PartsOpen beside the rest.
        """
        move = Move(ReportStep.CLOSED, code, expected_version, note, reason=reason, legal_reason=legal_reason)
        return await self._take(principal, move, idempotency)

    async def add(
        self,
        principal: CitizenPrincipal,
        code: str,
        expected_version: int,
        text: str,
        idempotency: Idempotency,
    ) -> Changed:
        """The citizen tells more; the work goes on as it was."""
        move = Move(ReportStep.ADDED, code, expected_version, text, "text")
        return await self._take(principal, move, idempotency)

    async def take_back(
        self,
        principal: CitizenPrincipal,
        code: str,
        expected_version: int,
        note: str | None,
        idempotency: Idempotency,
    ) -> Changed:
        """The citizen takes the report back; it is closed, and neither rated nor reopened."""
        return await self._take(
            principal, Move(ReportStep.WITHDRAWN, code, expected_version, note), idempotency
        )

    async def rate(
        self,
        principal: CitizenPrincipal,
        code: str,
        expected_version: int,
        stars: int,
        text: str | None,
        idempotency: Idempotency,
    ) -> Changed:
        """1 to 5 stars for a closed report, within 15 days, once for each closing.

        Raises TooLate, AlreadyRated beside the rest.
        """
        move = Move(ReportStep.RATED, code, expected_version, text, "text", stars=stars)
        return await self._take(principal, move, idempotency)

    async def reopen(
        self,
        principal: CitizenPrincipal,
        code: str,
        expected_version: int,
        note: str,
        idempotency: Idempotency,
    ) -> Changed:
        """Not done, says the citizen: once, within 15 days. Raises TooLate, AlreadyReopened too."""
        move = Move(ReportStep.REOPENED, code, expected_version, note)
        return await self._take(principal, move, idempotency)

    async def _take(self, principal: Actor, move: Move, idempotency: Idempotency) -> Changed:
        """Take one step: lock, decide, check the version, change, record, commit."""
        now = self._clock.now()
        async with self._database.unit_of_work(principal, AuditEvent(ACTIONS[move.step])) as work:
            code = parse_report_code(move.code)
            work.intent = replace(work.intent, resource=f"report:{code}")
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return _changed(stored)
            note = move.checked_note()
            report = await lock(work, code)
            handler = await unit_path(work, report.handler_id)
            work.intent = replace(work.intent, unit=handler.code)
            resource = _resource_of(report, handler.path)
            decision = self._policy.authorise(principal, work.intent.action, resource, now=now)
            if report.version != move.expected_version:
                raise VersionConflict(report.version)
            taken = self._taken(principal, report, move, note, now)
            await change(work, self._gates, report, move, note, now)
            await write_step(work, report, taken, self._new_id)
            return await self._finish(work, report, idempotency, decision)

    async def _finish(
        self, work: UnitOfWork, report: ReportRow, idempotency: Idempotency, decision: Decision
    ) -> Changed:
        changed = Changed(report.code, report.version, ReportState(report.state))
        await keep(
            work, idempotency, {"code": changed.code, "version": changed.version, "state": changed.state}
        )
        handler = await unit_path(work, report.handler_id)
        await work.record(
            replace(
                work.intent,
                resource=f"report:{report.code}",
                unit=handler.code,
                policies=decision.policies,
            )
        )
        await work.commit()
        return changed

    def _new_report(
        self, principal: CitizenPrincipal, submission: Submission, routed: RoutedPlace, now: datetime
    ) -> ReportRow:
        return ReportRow(
            id=self._new_id(),
            code=new_report_code(self._random_bytes),
            citizen_id=principal.citizen_id,
            category=submission.category,
            ward_id=routed.ward_id,
            h3_cell=checked_cell(submission.latitude, submission.longitude),
            place=submission.place,
            body=submission.body,
            state=ReportState.RECEIVED,
            handler_id=routed.routing.unit_id,
            routing_reason={"rule": routed.routing.rule, "place": routed.routing.place},
            version=1,
            created_at=now,
            updated_at=now,
        )

    @staticmethod
    def _taken(principal: Actor, report: ReportRow, move: Move, note: str | None, now: datetime) -> StepTaken:
        citizen = isinstance(principal, CitizenPrincipal)
        return StepTaken(
            step=move.step,
            at=now,
            actor_kind="citizen" if citizen else "official",
            actor_id=principal.citizen_id
            if isinstance(principal, CitizenPrincipal)
            else principal.official_id,
            from_state=ReportState(report.state),
            from_unit=report.handler_id,
            note=note,
            stars=move.stars,
        )


def _checked(submission: Submission) -> Submission:
    """The submission within its limits. Raises InvalidInput naming the field."""
    checked_cell(submission.latitude, submission.longitude)
    return replace(
        submission,
        place=checked_text("place", submission.place, MAX_PLACE),
        body=checked_text("body", submission.body),
        category=checked_text("category", submission.category, 40),
        ward=checked_text("ward", submission.ward, 8),
    )


def _resource_of(report: ReportRow, handler_path: tuple[int, ...]) -> Resource:
    return report_resource(
        report.id, report.citizen_id, handler_path, tuple(report.participants), report.ward_id, report.state
    )


def _changed(stored: dict[str, Any]) -> Changed:
    return Changed(stored["code"], stored["version"], ReportState(stored["state"]))
