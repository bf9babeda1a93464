"""Notifications (thông báo): what is told to a person, and what stands in the inbox."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from foundation.policy.entities import Resource, citizen_ref, official_ref

Owner = CitizenPrincipal | OfficialPrincipal


class RecipientKind(StrEnum):
    """Whose inbox."""

    CITIZEN = "citizen"
    OFFICIAL = "official"


class Urgency(StrEnum):
    """How a notice goes out."""

    QUIET = "quiet"
    """It stands in the inbox, and nothing is sent."""
    NORMAL = "normal"
    """It is sent, not in the recipient's quiet hours."""
    URGENT = "urgent"
    """It is sent at once, also in quiet hours."""


@dataclass(frozen=True, slots=True)
class Notice:
    """That something happened, for one person. Telling the same `event_id` to one person again does nothing.

    `kind` is two or three lower-case words ("deadline.warned"), `resource` is "kind:code" ("report:<code>"),
    `version` the resource's at that event.
    """

    recipient: UUID
    recipient_kind: RecipientKind
    event_id: UUID
    kind: str
    resource: str
    version: int
    urgency: Urgency = Urgency.NORMAL


@dataclass(frozen=True, slots=True)
class InboxItem:
    """That something happened: `resource` is "report:<code>", `kind` such as "report.accepted"."""

    kind: str
    resource: str
    version: int
    at: datetime


def owner_id(principal: Owner) -> UUID:
    """The citizen's or the official's id."""
    return principal.citizen_id if isinstance(principal, CitizenPrincipal) else principal.official_id


def kind_of(principal: Owner) -> RecipientKind:
    """Whose inbox a principal has."""
    return RecipientKind.CITIZEN if isinstance(principal, CitizenPrincipal) else RecipientKind.OFFICIAL


def inbox_resource(principal: Owner) -> Resource:
    """A person's own inbox, as the policies know it."""
    citizen = isinstance(principal, CitizenPrincipal)
    whose = owner_id(principal)
    return Resource(
        "Inbox",
        str(whose),
        {
            "citizen": citizen_ref(whose) if citizen else None,
            "official": None if citizen else official_ref(whose),
        },
    )
