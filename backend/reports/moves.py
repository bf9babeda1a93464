"""A step that somebody wants to take: what it needs, and how the report is after it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from backend.reports.errors import (
    AlreadyRated,
    AlreadyReopened,
    EvidenceMissing,
    PartsOpen,
    SameUnit,
    TooLate,
    UnknownLegalReason,
    UnknownUnit,
)
from backend.reports.joined import closing_of, merged_count, withdrawn
from backend.reports.limits import checked_text
from backend.reports.models import ReportRow
from backend.reports.store import is_rated, refusal_of, unit_after_returns, unit_that_takes_reports
from backend.reports.transitions import after
from backend.reports.types import CITIZENS_WORD, ClosingReason, Joined, ReportState, ReportStep
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import InvalidInput

# A step's name in the policies and in the audit log.
ACTIONS = {
    ReportStep.ACCEPTED: "report.accept",
    ReportStep.FORWARDED: "report.forward",
    ReportStep.ASKED: "report.ask",
    ReportStep.REPLIED: "report.reply",
    ReportStep.ANSWERED: "report.answer",
    ReportStep.CLOSED: "report.close",
    ReportStep.ADDED: "report.add",
    ReportStep.WITHDRAWN: "report.take_back",
    ReportStep.RATED: "report.rate",
    ReportStep.REOPENED: "report.reopen",
}
# Against the citizen's wish: on a ground of the law, with a reason in words.
REFUSALS = frozenset(
    {ClosingReason.NO_JURISDICTION, ClosingReason.NOT_REPRODUCIBLE, ClosingReason.OUT_OF_SCOPE}
)
_MAY_BE_SILENT = frozenset({ReportStep.CLOSED, ReportStep.RATED, ReportStep.WITHDRAWN})


class Evidence(Protocol):
    """Whether the unit has shown what it did: files, which another feature keeps."""

    async def shown(self, work: UnitOfWork, report_id: UUID, since: datetime) -> bool:
        """Whether there is a photo or a document of the unit's side, put there at `since` or later."""
        ...


class Parts(Protocol):
    """What supporting units still have to do, which another feature keeps."""

    async def open(self, work: UnitOfWork, report_id: UUID) -> bool:
        """Whether one of them has not done its part, and nobody has set it aside."""
        ...


@dataclass(frozen=True, slots=True)
class Gates:
    """What closing asks of other features."""

    evidence: Evidence
    parts: Parts


@dataclass(frozen=True, slots=True)
class Move:
    """A step that somebody wants to take, unchecked. `field` is the API's name of `note`."""

    step: ReportStep
    code: str
    expected_version: int
    note: str | None = None
    field: str = "note"
    to_unit: str | None = None
    reason: ClosingReason | None = None
    legal_reason: str | None = None
    stars: int | None = None

    def checked_note(self) -> str | None:
        """The text that goes with the step. Raises InvalidInput where one is needed and missing."""
        if self.step is ReportStep.ACCEPTED:
            return None
        if self.note is None:
            if self.step in _MAY_BE_SILENT and self.reason not in REFUSALS:
                return None
            raise InvalidInput(self.field)
        return checked_text(self.field, self.note)


async def change(
    work: UnitOfWork, gates: Gates, report: ReportRow, move: Move, note: str | None, now: datetime
) -> None:
    """Change the locked report as the step says. Raises what stands against it."""
    before = ReportState(report.state)
    closing = await closing_of(work, report, move.step)
    report.state = after(before, move.step)
    match move.step:
        case ReportStep.FORWARDED:
            await _forward(work, report, move, now)
        case ReportStep.ANSWERED:
            report.answer = note
        case ReportStep.CLOSED:
            await _close(work, gates, report, move, before, now)
        case ReportStep.WITHDRAWN:
            report.closing_reason, report.closed_at = ClosingReason.WITHDRAWN, now
        case ReportStep.RATED:
            await _rate(work, report, closing, move, now)
        case ReportStep.REOPENED:
            _reopen(report, closing, now)
        case _:
            pass
    report.version += 1
    report.updated_at = now


async def _forward(work: UnitOfWork, report: ReportRow, move: Move, now: datetime) -> None:
    if move.to_unit is None:
        raise InvalidInput("toUnit")
    target = await unit_that_takes_reports(work, move.to_unit, now)
    if target is None:
        raise UnknownUnit
    if target == report.handler_id:
        raise SameUnit
    report.handler_id = await unit_after_returns(work, report, target)


async def _close(
    work: UnitOfWork, gates: Gates, report: ReportRow, move: Move, before: ReportState, now: datetime
) -> None:
    """Resolved needs something to see; a refusal its ground; no reply that there was a question."""
    reason = move.reason
    if reason is None or reason is ClosingReason.WITHDRAWN:
        raise InvalidInput("reason")
    if reason in REFUSALS:
        if move.legal_reason is None:
            raise InvalidInput("legalReason")
        if await refusal_of(work, checked_text("legalReason", move.legal_reason, 40), now) != reason:
            raise UnknownLegalReason
        report.legal_reason = move.legal_reason.strip()
    elif move.legal_reason is not None:
        raise InvalidInput("legalReason")
    if reason is ClosingReason.NO_REPLY and before is not ReportState.AWAITING_CITIZEN:
        raise InvalidInput("reason")
    if reason is ClosingReason.NO_REPLY and await merged_count(work, report):
        # The citizens of the merged ones were never asked.
        raise InvalidInput("reason")
    if await gates.parts.open(work, report.id):
        raise PartsOpen
    if reason is ClosingReason.RESOLVED:
        since = report.reopened_at or report.created_at
        if not await gates.evidence.shown(work, report.id, since):
            raise EvidenceMissing
    report.closing_reason, report.closed_at = reason, now


async def _rate(
    work: UnitOfWork, report: ReportRow, closing: Joined | ReportRow, move: Move, now: datetime
) -> None:
    if withdrawn(closing):
        raise TooLate
    since = _in_time(closing, now)
    if move.stars is None or not 1 <= move.stars <= 5:
        raise InvalidInput("stars")
    if await is_rated(work, report, since):
        raise AlreadyRated


def _reopen(report: ReportRow, closing: Joined | ReportRow, now: datetime) -> None:
    """A merged report goes its own way from now on, also when the other one's citizen took that back."""
    if report.reopened_at is not None:
        raise AlreadyReopened
    if withdrawn(closing) and report.merged_into is None:
        raise TooLate
    _in_time(closing, now)
    report.reopened_at, report.merged_into = now, None
    report.closing_reason = report.legal_reason = report.closed_at = None


def _in_time(closing: Joined | ReportRow, now: datetime) -> datetime:
    """When it was closed. Raises TooLate."""
    if closing.closed_at is None or now > closing.closed_at + CITIZENS_WORD:
        raise TooLate
    return closing.closed_at
