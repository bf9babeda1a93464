"""Officials (cán bộ) as those see them who administer people."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from foundation.policy.entities import Resource, official_ref, unit_ref, unit_refs


class OfficialState(StrEnum):
    """Mời, đang hoạt động, tạm dừng, đã kết thúc."""

    INVITED = "invited"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


class DutyKind(StrEnum):
    """Kinds of duties (nhiệm vụ)."""

    HANDLER = "handler"
    LEAD = "lead"
    CITY_OPERATOR = "city_operator"
    PLATFORM_ADMIN = "platform_admin"
    UNIT_ADMIN = "unit_admin"
    DATA_PROTECTION = "data_protection"


CITY_ONLY = frozenset({DutyKind.CITY_OPERATOR, DutyKind.PLATFORM_ADMIN, DutyKind.DATA_PROTECTION})
"""Duties that are held at the city itself."""


class ReviewDecision(StrEnum):
    """Giữ nguyên, điều chỉnh, kết thúc. A decision; what it asks for is done by the operations for it."""

    KEEP = "keep"
    CHANGE = "change"
    END = "end"


@dataclass(frozen=True, slots=True)
class DutyGift:
    """A duty to be given. Days in Ha Noi, both included; None: from today, without end."""

    kind: DutyKind
    unit: str
    from_day: date | None = None
    until_day: date | None = None


@dataclass(frozen=True, slots=True)
class DutyEnding:
    """A duty to be ended. `last_day` None: at once, so that today no longer counts."""

    kind: DutyKind
    unit: str
    last_day: date | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A new official, unchecked."""

    unit: str
    username: str
    email: str
    family_name: str
    given_name: str
    duties: tuple[DutyGift, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """Which official, in which version the person saw him, and why."""

    code: str
    expected_version: int
    note: str


@dataclass(frozen=True, slots=True)
class ChangedOfficial:
    """The outcome of a change."""

    code: str
    version: int
    state: OfficialState


@dataclass(frozen=True, slots=True)
class UnitName:
    """Code and name of a unit."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class AccountDuty:
    """A duty, past ones too; `in_force` today."""

    kind: str
    unit: UnitName
    from_day: date
    until_day: date | None
    in_force: bool


@dataclass(frozen=True, slots=True)
class OpenReset:
    """A reset that waits for a second officer, who names `request` and `digest` of what the first signed."""

    request: str
    digest: str
    asked_by: str
    asked_at: datetime
    expires_at: datetime
    note: str
    mine: bool


@dataclass(frozen=True, slots=True)
class DirectoryRequest:
    """What the directory was asked: `state` "waiting", "done", "refused"; `error` says what hinders it."""

    operation: str
    state: str
    since: datetime
    ended_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Account:
    """One official with his duties that are in force or to come."""

    code: str
    name: str
    username: str | None
    email: str | None
    unit: UnitName
    state: OfficialState
    version: int
    last_active_day: date | None
    duties: tuple[AccountDuty, ...]
    requests: tuple[DirectoryRequest, ...] = ()
    """Of the directory, newest first, at most five."""
    reset: OpenReset | None = None


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """Which officials of those administered. `unit`: that unit and what lies below it."""

    search: str | None = None
    unit: str | None = None
    state: OfficialState | None = None


@dataclass(frozen=True, slots=True)
class AccountPage:
    """Accounts in the order of Vietnamese lists of people; `keys` are their positions."""

    items: tuple[Account, ...]
    keys: tuple[tuple[str, int], ...]
    has_next: bool


@dataclass(frozen=True, slots=True)
class AccountChange:
    """Who changed what. `actor` is a name, or the job's; `kind` such as "duty_given"."""

    kind: str
    at: datetime
    version: int
    actor: str
    by_system: bool
    unit: UnitName | None
    duty: str | None
    from_day: date | None
    until_day: date | None
    note: str | None


@dataclass(frozen=True, slots=True)
class ReviewEntry:
    """One official on a quarter's list ("2026Q4")."""

    quarter: str
    code: str
    name: str
    unit: UnitName
    state: OfficialState
    due_on: date
    decision: ReviewDecision | None
    reviewer: str | None
    decided_at: datetime | None
    note: str | None
    duties: tuple[AccountDuty, ...]


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """Entries of a quarter's list, and their positions."""

    items: tuple[ReviewEntry, ...]
    keys: tuple[tuple[str, int], ...]
    has_next: bool


def account_resource(official_id: UUID, unit_path: tuple[int, ...], state: str) -> Resource:
    """An official as policies see him."""
    return Resource(
        "Account",
        str(official_id),
        {"official": official_ref(official_id), "unit_path": unit_refs(unit_path), "state": state},
    )


def duty_resource(official_id: UUID, kind: str, unit_path: tuple[int, ...]) -> Resource:
    """A duty as it is given or ended. `unit_path`: the unit first, the top of its tree last, none missing."""
    return Resource(
        "DutyGrant",
        str(official_id),
        {
            "official": official_ref(official_id),
            "kind": kind,
            "unit_path": unit_refs(unit_path),
            "root": unit_ref(unit_path[-1]),
        },
    )


def quarter_of(day: date) -> str:
    """The quarter of a day: "2026Q4"."""
    return f"{day.year}Q{(day.month + 2) // 3}"
