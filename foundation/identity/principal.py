"""Who acts. Built from a verified token by the composition root; never from an argument."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: `network` is the caller's /24 or /48 with host bits zero ("203.0.113.0").

    `network_kind` is "city" (a network of the city's own offices), "internet", or "unknown".
    """

    request_id: str
    network: str
    language: str = "vi"
    network_kind: str = "unknown"


@dataclass(frozen=True, slots=True)
class VerifiedSession:
    """What a verified access token and its DPoP proof say. Identity is (iss, sub)."""

    iss: str
    sub: str
    sid: str
    jkt: str
    azp: str
    acr: str
    amr: tuple[str, ...]
    auth_time: datetime
    expires_at: datetime
    organisation: str | None
    """Unit code of the one working organisation; None for citizens."""
    token_digest: bytes
    """SHA-256 of the access token: what introspection answers are remembered by."""
    phone: str | None = field(default=None, repr=False)
    """A citizen's number as the account names it at Keycloak; None for officials."""
    phone_verified: str | None = field(default=None, repr=False)
    """The number that was proven last, as the directory wrote it at Keycloak."""
    unseen: bool = False
    """No first use of this session is noted yet: note it with its audit event."""
    due: bool = False
    """It is time to note that it is in use, for the owner's list of sessions."""

    def as_unseen(self) -> Self:
        """The same session, whose first use is to be noted."""
        return replace(self, unseen=True)

    def as_due(self) -> Self:
        """The same session, whose last use is to be noted."""
        return replace(self, due=True)


@dataclass(frozen=True, slots=True)
class AnonymousPrincipal:
    """Nobody: documents marked public only."""

    origin: Origin


@dataclass(frozen=True, slots=True)
class CitizenPrincipal:
    """A citizen (công dân) of the realm `ihanoi`."""

    origin: Origin
    session: VerifiedSession
    citizen_id: UUID
    phone_proven: bool = False
    """The number in use is proven, and this account's: without it nothing is sent in."""


@dataclass(frozen=True, slots=True)
class Duty:
    """A duty (nhiệm vụ) that is in force: `kind` such as "handler", "lead", "city_operator"."""

    kind: str
    unit_id: int
    unit_code: str


@dataclass(frozen=True, slots=True)
class OfficialDevice:
    """An official's device (thiết bị), by its key's thumbprint (RFC 7638). `state`: "enrolled", "revoked"."""

    thumbprint: str
    owner_id: UUID
    state: str


@dataclass(frozen=True, slots=True)
class OfficialPrincipal:
    """An official (cán bộ) of the realm `hanoi-ioc`, at one working organisation.

    `units` are the inner ids of current duties' subtrees ∩ the token's organisation's subtree.
    """

    origin: Origin
    session: VerifiedSession
    official_id: UUID
    unit_id: int
    unit_code: str
    duties: tuple[Duty, ...]
    units: frozenset[int]
    city_level: bool
    device: OfficialDevice | None = None
    """What the session is used on, once devices are enrolled (backend/devices)."""
    administered: frozenset[int] = frozenset()
    """Inner ids of the units whose people this person administers (duty unit_admin); they open no report."""


@dataclass(frozen=True, slots=True)
class SystemPrincipal:
    """A job or a reminder; `name` has a database role and policies of its own."""

    origin: Origin
    name: str


@dataclass(frozen=True, slots=True)
class ChannelPrincipal:
    """A channel (kênh) that hands in reports: "1022", "portal" or "zalo"; `state` "active" or "suspended".

    Built from a verified signature or key (backend/channels); never from a name that somebody wrote.
    """

    origin: Origin
    name: str
    state: str


Principal = AnonymousPrincipal | CitizenPrincipal | OfficialPrincipal | SystemPrincipal | ChannelPrincipal
