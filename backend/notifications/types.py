"""Notifications (thông báo): what is told to a person, how, and what stands in the inbox."""

from dataclasses import dataclass, field
from datetime import datetime, time
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


class Fallback(StrEnum):
    """When another way is taken because no push arrived."""

    NEVER = "never"
    URGENT = "urgent"
    ALWAYS = "always"


class Platform(StrEnum):
    """What a push token's app runs on."""

    ANDROID = "android"
    IOS = "ios"


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

    id: UUID
    kind: str
    resource: str
    version: int
    at: datetime
    urgent: bool = False
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class QuietHours:
    """By the clock of Ha Noi; `begin` after `end` is over midnight."""

    begin: time
    end: time


NIGHT = QuietHours(time(22), time(7))


@dataclass(frozen=True, slots=True)
class Preferences:
    """How a person wants to be told. The inbox has everything, whatever is chosen here."""

    push: bool
    sms: Fallback
    email: Fallback
    quiet: QuietHours | None


@dataclass(frozen=True, slots=True)
class PushToken:
    """Where an app can be reached, as Google's service knows it. It opens nothing, and is shown nowhere."""

    platform: Platform
    token: str = field(repr=False)


def usual(kind: RecipientKind) -> Preferences:
    """What counts for who chose nothing. No number is kept unasked, so no SMS; offices have addresses."""
    email = Fallback.URGENT if kind is RecipientKind.OFFICIAL else Fallback.NEVER
    return Preferences(push=True, sms=Fallback.NEVER, email=email, quiet=NIGHT)


def owner_id(principal: Owner) -> UUID:
    """The citizen's or the official's id."""
    return principal.citizen_id if isinstance(principal, CitizenPrincipal) else principal.official_id


def kind_of(principal: Owner) -> RecipientKind:
    """Whose inbox a principal has."""
    return RecipientKind.CITIZEN if isinstance(principal, CitizenPrincipal) else RecipientKind.OFFICIAL


def inbox_resource(kind: RecipientKind, whose: UUID) -> Resource:
    """A person's own inbox, as the policies know it."""
    citizen = kind is RecipientKind.CITIZEN
    return Resource(
        "Inbox",
        str(whose),
        {
            "citizen": citizen_ref(whose) if citizen else None,
            "official": None if citizen else official_ref(whose),
        },
    )


def own_inbox(principal: Owner) -> Resource:
    """The principal's own."""
    return inbox_resource(kind_of(principal), owner_id(principal))
