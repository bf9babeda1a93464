"""What the feature hands out: typed, frozen values."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from foundation.policy.entities import Resource, citizen_ref


class RequestKind(StrEnum):
    """Rights of a data subject (Law 91/2025/QH15, Art. 4.1)."""

    VIEW = "view"
    CORRECT = "correct"
    PROVIDE = "provide"
    DELETE = "delete"
    RESTRICT = "restrict"
    OBJECT = "object"


class RequestState(StrEnum):
    """Mới nhận, đã tiếp nhận, đã thực hiện, từ chối."""

    RECEIVED = "received"
    ACCEPTED = "accepted"
    DONE = "done"
    REFUSED = "refused"


class Step(StrEnum):
    """What the data-protection officer does with a request."""

    ACCEPT = "accept"
    EXTEND = "extend"
    """Once: the days that the law allows on top."""
    DONE = "done"
    REFUSE = "refuse"


class Ground(StrEnum):
    """On which ground of law a request is refused."""

    KEPT_BY_LAW = "kept_by_law"
    RIGHTS_OF_OTHERS = "rights_of_others"
    STATE_SECRET = "state_secret"  # noqa: S105 - a ground's name, no secret
    INQUIRY = "inquiry"
    UNFOUNDED = "unfounded"


@dataclass(frozen=True, slots=True)
class Kept:
    """Data that stays though the person had everything deleted, and on which ground."""

    code: str
    data_vi: str
    data_en: str
    basis: str


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How long data is kept. `months` from what `begins` names; None: kept. `due`: what it would take now."""

    code: str
    version: int
    from_day: date
    data_vi: str
    data_en: str
    begins: str | None
    months: int | None
    act: str
    basis: str
    is_assumed: bool
    """The figure is ours, and wants a lawyer."""
    after_deletion: bool
    due: int
    """At most 10,000 are counted."""


@dataclass(frozen=True, slots=True)
class Consent:
    """Whether a person agrees to a purpose. `version` and the texts are the wording of today."""

    purpose: str
    version: int
    text_vi: str
    text_en: str
    given: bool
    of_version: int | None
    """The wording that the last word was about; None: never a word."""
    since: datetime | None


@dataclass(frozen=True, slots=True)
class PrivacyRequest:
    """A data subject's request, the same for who asked and who answers. Nobody is named."""

    id: UUID
    kind: RequestKind
    state: RequestState
    details: str | None
    asked_at: datetime
    reply_due_at: datetime
    due_at: datetime
    extended: bool
    replied_at: datetime | None
    answered_at: datetime | None
    ground: Ground | None
    answer: str | None
    version: int
    kept: tuple[Kept, ...] = ()
    """What stays, of a deletion that was granted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A step with its words; `ground` with a refusal, and with nothing else."""

    step: Step
    text: str | None = None
    ground: Ground | None = None


@dataclass(frozen=True, slots=True)
class Processing:
    """An entry of the register of processing; `transfer`: what goes abroad."""

    code: str
    purpose_vi: str
    purpose_en: str
    basis: str
    data: str
    retention: str
    recipients: str
    transfer: str | None


def file_of(citizen: UUID) -> Resource:
    """All that a person agreed to and asked for, as the policies know it."""
    return Resource("PrivacyFile", str(citizen), {"citizen": citizen_ref(citizen)})


def everybody() -> Resource:
    """Requests of all persons."""
    return Resource("PrivacyFile", "all", {"citizen": None})
