"""What the reports feature hands out: typed, frozen values. Report = phản ánh hiện trường."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from foundation.identity.principal import (
    AnonymousPrincipal,
    ChannelPrincipal,
    CitizenPrincipal,
    OfficialPrincipal,
    Principal,
    SystemPrincipal,
)
from foundation.policy.entities import Resource, citizen_ref, unit_ref, unit_refs

CITIZENS_WORD = timedelta(days=15)
"""How long after its closing the citizen may rate a report or reopen it."""


class ReportState(StrEnum):
    """Where a report stands."""

    RECEIVED = "received"
    IN_PROGRESS = "in_progress"
    AWAITING_CITIZEN = "awaiting_citizen"
    ANSWERED = "answered"
    CLOSED = "closed"
    MERGED = "merged"
    """The same as another report, which is worked on in its place."""


class ReportStep(StrEnum):
    """What happened to a report: one entry of the timeline each."""

    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    FORWARDED = "forwarded"
    ASKED = "asked"
    REPLIED = "replied"
    ANSWERED = "answered"
    CLOSED = "closed"
    ADDED = "added"
    WITHDRAWN = "withdrawn"
    RATED = "rated"
    REOPENED = "reopened"
    MERGED = "merged"
    UNMERGED = "unmerged"


class ClosingReason(StrEnum):
    """Why a report was closed."""

    RESOLVED = "resolved"
    NO_JURISDICTION = "no_jurisdiction"
    NOT_REPRODUCIBLE = "not_reproducible"
    OUT_OF_SCOPE = "out_of_scope"
    NO_REPLY = "no_reply"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class UnitRef:
    """A unit as others show it."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One change, as the citizen and the officers see it. `note` is a question, an answer, a reason."""

    version: int
    at: datetime
    step: ReportStep
    from_state: ReportState | None
    to_state: ReportState
    unit: UnitRef
    actor: str
    """"citizen", "official", "system" or "channel"."""
    note: str | None
    stars: int | None = None
    """1 to 5, of a rating."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The report that another one was merged into, as its public page shows it."""

    code: str
    state: ReportState
    closing_reason: ClosingReason | None
    closed_at: datetime | None

    @property
    def rateable_until(self) -> datetime | None:
        """Until when citizens of merged reports may rate it; None: it is not closed, or was withdrawn."""
        return _rateable_until(self.closed_at, self.closing_reason)


@dataclass(frozen=True, slots=True)
class Report:
    """A report as its citizen and its officers see it."""

    code: str
    category: str
    ward: UnitRef
    handler: UnitRef
    place: str
    body: str
    state: ReportState
    answer: str | None
    closing_reason: ClosingReason | None
    routing_reason: str
    version: int
    created_at: datetime
    updated_at: datetime
    mine: bool
    legal_reason: str | None = None
    """The ground of a refusal: a code of `LegalReason`."""
    closed_at: datetime | None = None
    reopened_at: datetime | None = None
    joined: Joined | None = None
    """The report that this one was merged into."""
    merged_count: int = 0
    """How many that the reader sees were merged into this one; officers alone are told."""

    @property
    def rateable_until(self) -> datetime | None:
        """Until when the citizen may rate it; None when it is not closed, or was withdrawn.

        A merged report is rated once the other one is closed.
        """
        if self.joined is not None:
            return self.joined.rateable_until
        return _rateable_until(self.closed_at, self.closing_reason)

    @property
    def reopenable_until(self) -> datetime | None:
        """Until when the citizen may reopen it, which is done once."""
        return None if self.reopened_at is not None else self.rateable_until


@dataclass(frozen=True, slots=True)
class LegalReason:
    """A ground for refusing a report, as officers choose it."""

    code: str
    closing_reason: ClosingReason
    name_vi: str
    name_en: str
    basis: str


@dataclass(frozen=True, slots=True)
class PublicTimelineEntry:
    """One change, as anybody sees it: no text."""

    version: int
    at: datetime
    step: ReportStep
    to_state: ReportState
    unit: UnitRef


@dataclass(frozen=True, slots=True)
class PublicReport:
    """A report as anybody who has its code sees it."""

    code: str
    category: str
    ward: UnitRef
    handler: UnitRef
    state: ReportState
    closing_reason: ClosingReason | None
    created_at: datetime
    updated_at: datetime
    timeline: tuple[PublicTimelineEntry, ...]
    merged_into: str | None = None
    """Code of the report that it was merged into."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What a mutation answers: the report's code, its version and state after the change."""

    code: str
    version: int
    state: ReportState


@dataclass(frozen=True, slots=True)
class Asked:
    """A report by its code, and the version that the person saw."""

    code: str
    version: int


@dataclass(frozen=True, slots=True)
class Merge:
    """Reports that are said to be the same as `into`, unchecked; `reason`: why, where that is not plain."""

    into: Asked
    merged: tuple[Asked, ...]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class MergedReport:
    """A report that was merged, or would be; `distance` in metres, None where a place is not known."""

    changed: Changed
    distance: int | None


@dataclass(frozen=True, slots=True)
class Merged:
    """What merging answers: into which report, and the others in the order given."""

    into: str
    reports: tuple[MergedReport, ...]


@dataclass(frozen=True, slots=True)
class Submission:
    """A new report as it comes in. Limits are checked by the service."""

    category: str
    ward: str
    place: str
    body: str
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class OpenedReport:
    """A report whose text is about to be shown to an official."""

    id: UUID
    code: str


class Openings(Protocol):
    """Whoever keeps who opened what (backend.ledger.service.Ledger). Asked before anything is shown."""

    async def note(
        self, principal: OfficialPrincipal, reports: Sequence[OpenedReport], *, listed: bool
    ) -> None:
        """Keep it. A failure raises, so that nothing is shown either."""
        ...


def _rateable_until(closed_at: datetime | None, reason: ClosingReason | None) -> datetime | None:
    return None if closed_at is None or reason is ClosingReason.WITHDRAWN else closed_at + CITIZENS_WORD


def readers_of(principal: Principal) -> tuple[UUID, ...]:
    """The keys of reports.report_by_reader under which a principal finds reports; a unit's is its id."""
    match principal:
        case CitizenPrincipal():
            return (principal.citizen_id,)
        case OfficialPrincipal():
            return tuple(UUID(int=unit) for unit in sorted(principal.units))
        case AnonymousPrincipal() | SystemPrincipal() | ChannelPrincipal():
            return ()


def report_resource(
    report_id: UUID,
    citizen_id: UUID,
    handler_path: tuple[int, ...],
    participants: tuple[int, ...],
    ward_id: int,
    state: str,
) -> Resource:
    """A report as the policies see it, with every attribute that their schema demands.

    `handler_path` is the handler followed by all units above it.
    """
    return Resource(
        "Report",
        str(report_id),
        {
            "citizen": citizen_ref(citizen_id),
            "handler": unit_ref(handler_path[0]),
            "handler_path": unit_refs(handler_path),
            "participants": unit_refs(participants),
            "ward": unit_ref(ward_id),
            "state": state,
        },
    )
