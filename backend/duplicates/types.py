"""What the feature hands out: typed, frozen values."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backend.reports.types import ReportState, UnitRef
from foundation.policy.entities import Resource, citizen_ref


@dataclass(frozen=True, slots=True)
class NearReport:
    """An open report near a place, as its public page shows it; `text` is the officer's version."""

    code: str
    ward: UnitRef
    state: ReportState
    text: str
    created_at: datetime
    following: bool


@dataclass(frozen=True, slots=True)
class ReportNear:
    """An open report near another one, as officers who may read both see it; `distance` in metres."""

    code: str
    ward: UnitRef
    handler: UnitRef
    state: ReportState
    version: int
    created_at: datetime
    distance: int


@dataclass(frozen=True, slots=True)
class Followed:
    """What following and unfollowing answer."""

    code: str
    following: bool


def followings_of(citizen: UUID) -> Resource:
    """All that a citizen follows, as the policies know it."""
    return Resource("Followings", str(citizen), {"citizen": citizen_ref(citizen)})
