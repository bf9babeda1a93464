"""What the feature of citizens' accounts hands out: typed, frozen values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from foundation.policy.entities import Resource, citizen_ref


class PhoneStanding(StrEnum):
    """What is known of the number that an account names."""

    NONE = "none"
    """It names none."""
    UNPROVEN = "unproven"
    """Named at Keycloak, not proven since."""
    WAITING = "waiting"
    """Proven, but another account has it: it moves when that one's notice is over."""
    CONFIRMING = "confirming"
    """Proven; the token does not say so yet: refresh it."""
    PROVEN = "proven"


@dataclass(frozen=True, slots=True)
class PhoneView:
    """The number as its owner sees it: the last digits alone. `moves_at` while it is WAITING."""

    standing: PhoneStanding
    ending: str | None = None
    moves_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeletionView:
    """A deletion that was asked for. Until `due_at` it may be taken back."""

    asked_at: datetime
    due_at: datetime
    final: bool
    """The time is over: nothing can be taken back."""


@dataclass(frozen=True, slots=True)
class AccountView:
    """A citizen's own account."""

    phone: PhoneView
    deletion: DeletionView | None


@dataclass(frozen=True, slots=True)
class CodeSent:
    """A code is on its way, whoever has the number: `ending` is what the caller typed."""

    ending: str
    expires_at: datetime
    resend_at: datetime


@dataclass(frozen=True, slots=True)
class PhoneProved:
    """The code was right."""

    standing: PhoneStanding
    ending: str
    moves_at: datetime | None


class RecoveryState(StrEnum):
    """How far a recovery in person is."""

    ASKED = "asked"
    """The code is on its way to the number."""
    WAITING = "waiting"
    """The code was right; Keycloak is being told."""
    DONE = "done"
    """One half of the new password is at the desk, the other one went to the number."""
    REFUSED = "refused"
    """There is no account with this number, or it can't be reset."""


@dataclass(frozen=True, slots=True)
class RecoveryOpened:
    """An officer began a recovery in person. A number that nobody has begins one that leads nowhere."""

    recovery_id: UUID
    ending: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RecoveryOutcome:
    """`desk_half`: the first half of the one-time password, for a few minutes once it is DONE."""

    state: RecoveryState
    desk_half: str | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A report that has its owner now."""

    code: str
    version: int
    state: str


def account_resource(citizen_id: UUID) -> Resource:
    """A citizen's own account as the policies see it."""
    return Resource("CitizenAccount", str(citizen_id), {"citizen": citizen_ref(citizen_id)})
