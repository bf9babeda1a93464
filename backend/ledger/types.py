"""What the access ledger (sổ truy cập) hands out: typed, frozen values."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from backend.reports.types import UnitRef
from foundation.policy.entities import Resource, citizen_ref


class Subject(StrEnum):
    """What was opened."""

    LISTED = "listed"
    """The text, as one of a list or of a search."""
    REPORT = "report"
    """The report itself."""
    CONTACT = "contact"
    """How the person is reached."""


class Role(StrEnum):
    """As what somebody opened it."""

    HANDLER = "handler"
    LEAD = "lead"
    CITY_OPERATOR = "city_operator"
    OFFICIAL = "official"
    """By no duty that is in force any more."""


class Purpose(StrEnum):
    """Why. The last four are named by who opens a contact; the others follow from the duty."""

    HANDLING = "handling"
    """A handler of the unit that answers for the report, or of a unit above it."""
    SUPERVISION = "supervision"
    """The head of that unit or of one above it, or the city's operating centre."""
    INVOLVED = "involved"
    """Somebody of a unit that had the report before, or has a part in it."""
    CALL_BACK = "call_back"
    VISIT = "visit"
    EMERGENCY = "emergency"
    LEGAL_REQUEST = "legal_request"


@dataclass(frozen=True, slots=True)
class Entry:
    """Who opened what, on which day in Ha Noi, why. `number` counts what has been shown of this report."""

    number: int
    report: str
    subject: Subject
    role: Role
    unit: UnitRef
    day: date
    purpose: Purpose
    delay_rule: str | None
    """By which rule it was shown late."""


def ledger_of(citizen: UUID) -> Resource:
    """All entries about a citizen's reports, as the policies know them."""
    return Resource("Ledger", str(citizen), {"citizen": citizen_ref(citizen)})


class DelayState(StrEnum):
    """Where the delay of entries stands."""

    ASKED = "asked"
    """It waits for a second person."""
    IN_FORCE = "in_force"
    LIFTED = "lifted"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class DelayRule:
    """By which law entries may be shown late, and how many days at most."""

    code: str
    name_vi: str
    name_en: str
    basis: str
    most_days: int


@dataclass(frozen=True, slots=True)
class Delay:
    """An order: openings of a report by one unit are shown after `until`."""

    code: str
    report: str
    unit: UnitRef
    rule: str
    case_number: str
    state: DelayState
    ordered_by: str
    ordered_at: datetime
    until: datetime
    confirmed_by: str | None


@dataclass(frozen=True, slots=True)
class DelayChanged:
    """What a change of a delay answers."""

    code: str
    state: DelayState


@dataclass(frozen=True, slots=True)
class Month:
    """Entries of a month that all are shown; `digest` is what the audit log has of it."""

    month: date
    entries: int
    digest: str


def access_ledger() -> Resource:
    """The ledger of all, as the policies know it."""
    return Resource("AccessLedger", "city", {})
