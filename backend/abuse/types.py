"""What the feature of blocked senders (chặn người gửi) hands out. Texts stay out of every `repr`."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from backend.reports.types import UnitRef
from foundation.policy.entities import Resource, citizen_ref


@dataclass(frozen=True, slots=True)
class Reason:
    """For what somebody may be blocked."""

    code: str
    name_vi: str
    name_en: str


@dataclass(frozen=True, slots=True)
class Block:
    """One block: whoever sent `report` may send no new ones until `until`. Nobody's name is in it."""

    code: str
    report: str
    unit: UnitRef
    reason: str
    blocked_at: datetime
    until: datetime
    note: str | None = field(default=None, repr=False)
    appeal: str | None = field(default=None, repr=False)
    appealed_at: datetime | None = None
    lifted: bool | None = None
    """None: nobody has decided."""
    decision: str | None = field(default=None, repr=False)
    decided_at: datetime | None = None
    mine: bool = False
    """Of the asking official's making."""


@dataclass(frozen=True, slots=True)
class BlockChanged:
    """What a change answers."""

    code: str


def blocks_of(citizen: UUID | None) -> Resource:
    """All blocks of a citizen, of everybody for None, as the policies know them."""
    if citizen is None:
        return Resource("SenderBlocks", "city", {})
    return Resource("SenderBlocks", str(citizen), {"citizen": citizen_ref(citizen)})
