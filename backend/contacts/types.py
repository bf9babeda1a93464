"""What the feature of contacts hands out. Texts of people stay out of every `repr`."""

from dataclasses import dataclass, field
from enum import StrEnum


class NameShown(StrEnum):
    """To whom the name goes."""

    HANDLER = "handler"
    """To who opens the contact, and to nobody else."""
    NOBODY = "nobody"
    """It is not even kept."""


class Purpose(StrEnum):
    """Why a contact is opened (mục đích)."""

    CALL_BACK = "call_back"
    """To ask the person about the report."""
    VISIT = "visit"
    """To agree on a visit at the place."""
    EMERGENCY = "emergency"
    """Somebody may be in danger."""
    LEGAL_REQUEST = "legal_request"
    """An authority asks by the law: with the number of its document."""


@dataclass(frozen=True, slots=True)
class Contact:
    """How a person is reached. `phone` is E.164."""

    name: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Given:
    """A contact was sealed, or taken away: what is known without opening it."""

    code: str
    version: int
    kept: bool
