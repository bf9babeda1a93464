"""What the feature of channels (kênh tiếp nhận) hands out: typed, frozen values."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from foundation.identity.principal import ChannelPrincipal
from foundation.phones import Phone


class ChannelKind(StrEnum):
    """How a channel speaks: Standard Webhooks, Zalo OA, Open311 GeoReport v2."""

    WEBHOOK = "webhook"
    ZALO = "zalo"
    OPEN311 = "open311"


class ChannelState(StrEnum):
    """Whether a channel is heard."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Key:
    """A secret in force, opened."""

    id: UUID
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Door:
    """A channel as its messages meet it: its keys in force, the newest first, and how much it may send."""

    code: str
    kind: ChannelKind
    state: ChannelState
    zalo_app_id: str | None
    rate_amount: int
    rate_seconds: int
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Caller:
    """A channel that has proven itself, and by which key."""

    principal: ChannelPrincipal
    key_id: UUID


@dataclass(frozen=True, slots=True)
class Message:
    """A report as a channel hands it in, unchecked. `own_id` is the channel's own id of it.

    `sender` is the channel's id of the person, where there is no number.
    """

    own_id: str
    body_digest: bytes
    body: str
    place: str | None = None
    category: str | None = None
    ward: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    phone: Phone | None = None
    sender: str | None = field(default=None, repr=False)


class Outcome(StrEnum):
    """What became of a message."""

    TAKEN = "taken"
    """A new report."""
    REPEATED = "repeated"
    """Handed in before under the same id."""
    LINKED = "linked"
    """The same person said the same about the same place before: it belongs to that report."""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """The report that a message became or belongs to, as it stands."""

    outcome: Outcome
    code: str
    version: int
    state: str
    unit: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a report stands that the channel handed in itself. No text, no exact place."""

    code: str
    category: str
    state: str
    closing_reason: str | None
    unit_name: str
    created_at: datetime
    updated_at: datetime


class DeliveryState(StrEnum):
    """A status change on its way back to a channel."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"
    """Given up, or refused by the far end: an operator looks and sends it again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One status change for one channel."""

    id: UUID
    channel: str
    report_code: str
    version: int
    report_state: str
    attempts: int
    fault: str | None
    state: DeliveryState
    changed_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewChannel:
    """A channel as an administrator describes it, unchecked. `secret`: Zalo's own, else one is made."""

    code: str
    kind: ChannelKind
    name: str
    callback_url: str | None
    zalo_app_id: str | None
    secret: str | None = field(repr=False)
    rate_amount: int = 60
    rate_seconds: int = 60


@dataclass(frozen=True, slots=True)
class Secrets:
    """Secrets that were just made: shown this once. `receive` proves our status changes to the channel."""

    send: str | None = field(default=None, repr=False)
    receive: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A key as administrators see it: never the secret."""

    purpose: str
    from_at: datetime
    until_at: datetime | None


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as administrators see it."""

    code: str
    kind: ChannelKind
    name: str
    state: ChannelState
    callback_url: str | None
    zalo_app_id: str | None
    rate_amount: int
    rate_seconds: int
    version: int
    keys: tuple[ShownKey, ...]
