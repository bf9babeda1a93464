"""The services that resolvers call: one call a resolver. The composition root hands over the real ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from backend.changes.errors import SessionOver
from backend.changes.types import Change, ChangePage, ChangePosition
from backend.devices.types import AppRelease, Device, Owner, Session
from backend.media.types import Area, Media, MediaChanged
from backend.officials.types import (
    Account,
    AccountChange,
    AccountFilter,
    AccountPage,
    ChangedOfficial,
    DutyEnding,
    DutyGift,
    Invitation,
    ReviewDecision,
    ReviewPage,
    Step,
)
from backend.reports.types import (
    Changed,
    ClosingReason,
    LegalReason,
    PublicReport,
    Report,
    ReportState,
    Submission,
    TimelineEntry,
)
from backend.routing.types import Category
from backend.tenancy.types import OfficialProfile, Unit, UnitPage
from foundation.directory_queue import Asking
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal, Principal
from foundation.paging import Page, PageRequest
from graphql_schema.abuse_services import Blocks
from graphql_schema.citizen_services import Citizens
from graphql_schema.contact_services import Contacts
from graphql_schema.deadline_services import Deadlines
from graphql_schema.duplicate_services import Follows, Merges, Near
from graphql_schema.ledger_services import LedgerDelays, LedgerReads
from graphql_schema.privacy_services import Privacy, PrivacyCopies, PrivacyDesk
from graphql_schema.register_services import Registers
from graphql_schema.statistics_services import Statistics, TextReleases
from graphql_schema.vault_services import Vault
from graphql_schema.work_services import WorkServices

if TYPE_CHECKING:
    from backend.notifications.types import InboxItem, Preferences, PushToken


class ReportChanges(Protocol):
    """backend.reports.service.ReportService."""

    async def submit(
        self, principal: CitizenPrincipal, submission: Submission, idempotency: Idempotency
    ) -> Changed: ...

    async def accept(
        self, principal: OfficialPrincipal, code: str, expected_version: int, idempotency: Idempotency
    ) -> Changed: ...

    async def forward(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        to_unit: str,
        note: str,
        idempotency: Idempotency,
    ) -> Changed: ...

    async def ask(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        question: str,
        idempotency: Idempotency,
    ) -> Changed: ...

    async def reply(
        self,
        principal: CitizenPrincipal,
        code: str,
        expected_version: int,
        text: str,
        idempotency: Idempotency,
    ) -> Changed: ...

    async def answer(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        text: str,
        idempotency: Idempotency,
    ) -> Changed: ...

    async def close(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        reason: ClosingReason,
        note: str | None,
        legal_reason: str | None,
        idempotency: Idempotency,
    ) -> Changed: ...

    async def add(
        self,
        principal: CitizenPrincipal,
        code: str,
        expected_version: int,
        text: str,
        idempotency: Idempotency,
    ) -> Changed: ...

    async def take_back(
        self,
        principal: CitizenPrincipal,
        code: str,
        expected_version: int,
        note: str | None,
        idempotency: Idempotency,
    ) -> Changed: ...

    async def rate(
        self,
        principal: CitizenPrincipal,
        code: str,
        expected_version: int,
        stars: int,
        text: str | None,
        idempotency: Idempotency,
    ) -> Changed: ...

    async def reopen(
        self,
        principal: CitizenPrincipal,
        code: str,
        expected_version: int,
        note: str,
        idempotency: Idempotency,
    ) -> Changed: ...


class ReportReads(Protocol):
    """backend.reports.queries.ReportQueries."""

    async def mine(self, principal: CitizenPrincipal, page: PageRequest) -> Page[Report]: ...

    async def of_units(
        self,
        principal: OfficialPrincipal,
        page: PageRequest,
        units: tuple[str, ...] | None,
        state: ReportState | None,
        search: str | None,
    ) -> Page[Report]: ...

    async def one(self, principal: Principal, code: str) -> Report: ...

    async def timelines(
        self, principal: Principal, codes: Sequence[str]
    ) -> Mapping[str, tuple[TimelineEntry, ...]]: ...

    async def track(self, principal: Principal, code: str) -> PublicReport: ...

    async def legal_reasons(self, principal: Principal) -> tuple[LegalReason, ...]: ...


class UnitReads(Protocol):
    """backend.tenancy.queries.TenancyQueries."""

    async def units(
        self,
        principal: Principal,
        kind: str | None,
        search: str | None,
        first: int,
        after: tuple[str, int] | None,
        ended: bool,
    ) -> UnitPage: ...

    async def unit(self, principal: Principal, code: str) -> Unit: ...


class Officials(Protocol):
    """backend.tenancy.service.TenancyService."""

    async def me(self, principal: OfficialPrincipal) -> OfficialProfile: ...


class CategoryReads(Protocol):
    """backend.routing.queries.RoutingQueries."""

    async def categories(self, principal: Principal, ended: bool) -> tuple[Category, ...]: ...


class InboxReads(Protocol):
    """backend.notifications.queries.InboxQueries."""

    async def inbox(self, principal: Owner, page: PageRequest) -> Page[InboxItem]: ...

    async def unread(self, principal: Owner) -> int: ...

    async def pushed(self, principal: Owner, token: UUID) -> tuple[InboxItem, ...]: ...

    async def preferences(self, principal: Owner) -> Preferences: ...


class InboxChanges(Protocol):
    """backend.notifications.inbox.InboxService."""

    async def mark_read(
        self, principal: Owner, notices: Sequence[UUID] | None, idempotency: Idempotency
    ) -> None: ...

    async def prefer(
        self, principal: Owner, wanted: Preferences, idempotency: Idempotency
    ) -> Preferences: ...

    async def register(self, principal: Owner, given: PushToken, idempotency: Idempotency) -> None: ...

    async def forget(self, principal: Owner, idempotency: Idempotency) -> None: ...


class MediaReads(Protocol):
    """backend.media.listing.MediaListing."""

    async def of_reports(
        self, principal: Principal, codes: Sequence[str]
    ) -> Mapping[str, tuple[Media, ...]]: ...

    async def released(self, principal: Principal, code: str) -> tuple[Media, ...]: ...


class MediaChanges(Protocol):
    """backend.media.release.MediaReleaseService."""

    async def release(
        self, principal: OfficialPrincipal, media_id: UUID, expected_version: int, idempotency: Idempotency
    ) -> MediaChanged: ...

    async def withdraw(
        self, principal: OfficialPrincipal, media_id: UUID, expected_version: int, idempotency: Idempotency
    ) -> MediaChanged: ...


class MediaRedactions(Protocol):
    """backend.media.redaction.RedactionService."""

    async def redact(
        self,
        principal: OfficialPrincipal,
        media_id: UUID,
        expected_version: int,
        areas: Sequence[Area],
        idempotency: Idempotency,
    ) -> MediaChanged: ...


class Feed(Protocol):
    """backend.changes.service.FeedService."""

    async def since(
        self, principal: CitizenPrincipal | OfficialPrincipal, after: ChangePosition | None, first: int
    ) -> ChangePage: ...

    async def ended(self, principal: CitizenPrincipal | OfficialPrincipal) -> type[SessionOver]: ...

    async def moved(self) -> None: ...

    def follow(
        self, principal: CitizenPrincipal | OfficialPrincipal, after: ChangePosition | None
    ) -> AsyncGenerator[Change, None]: ...


class DeviceReads(Protocol):
    """backend.devices.queries.DeviceQueries."""

    async def sessions(self, principal: Owner, page: PageRequest) -> Page[Session]: ...

    async def devices(self, principal: Owner, page: PageRequest) -> Page[Device]: ...


class DeviceChanges(Protocol):
    """backend.devices.service.DeviceService."""

    async def rename(
        self, principal: Owner, thumbprint: str, name: str, idempotency: Idempotency
    ) -> Device: ...

    async def end_session(self, principal: Owner, session_id: UUID, idempotency: Idempotency) -> None: ...

    async def end_all(self, principal: Owner, *, except_this: bool, idempotency: Idempotency) -> None: ...

    async def report_lost(self, principal: Owner, thumbprint: str, idempotency: Idempotency) -> Device: ...


class AppReads(Protocol):
    """backend.devices.releases.AppReleases."""

    def releases(self) -> tuple[AppRelease, ...]: ...


class AccountReads(Protocol):
    """backend.officials.queries.OfficialQueries."""

    async def accounts(
        self, principal: OfficialPrincipal, wanted: AccountFilter, first: int, after: tuple[str, int] | None
    ) -> AccountPage: ...

    async def account(self, principal: OfficialPrincipal, code: str) -> Account: ...

    async def history(
        self, principal: OfficialPrincipal, code: str, page: PageRequest
    ) -> Page[AccountChange]: ...

    async def reviews(
        self,
        principal: OfficialPrincipal,
        quarter: str,
        open_only: bool,
        first: int,
        after: tuple[str, int] | None,
    ) -> ReviewPage: ...


class AccountChanges(Protocol):
    """backend.officials.service.OfficialService."""

    async def invite(
        self, principal: OfficialPrincipal, invitation: Invitation, asking: Asking, idempotency: Idempotency
    ) -> ChangedOfficial: ...

    async def resend(
        self, principal: OfficialPrincipal, code: str, asking: Asking, idempotency: Idempotency
    ) -> ChangedOfficial: ...

    async def change_duties(
        self,
        principal: OfficialPrincipal,
        step: Step,
        gifts: tuple[DutyGift, ...],
        endings: tuple[DutyEnding, ...],
        idempotency: Idempotency,
    ) -> ChangedOfficial: ...

    async def transfer(
        self,
        principal: OfficialPrincipal,
        step: Step,
        to_unit: str,
        gifts: tuple[DutyGift, ...],
        asking: Asking,
        idempotency: Idempotency,
    ) -> ChangedOfficial: ...

    async def suspend(
        self, principal: OfficialPrincipal, step: Step, asking: Asking, idempotency: Idempotency
    ) -> ChangedOfficial: ...

    async def reinstate(
        self, principal: OfficialPrincipal, step: Step, asking: Asking, idempotency: Idempotency
    ) -> ChangedOfficial: ...

    async def end(
        self, principal: OfficialPrincipal, step: Step, asking: Asking, idempotency: Idempotency
    ) -> ChangedOfficial: ...


class Resets(Protocol):
    """backend.officials.resets.ResetService."""

    async def ask_reset(
        self, principal: OfficialPrincipal, code: str, note: str, asking: Asking, idempotency: Idempotency
    ) -> ChangedOfficial: ...

    async def confirm_reset(
        self,
        principal: OfficialPrincipal,
        code: str,
        request: str,
        digest: str,
        asking: Asking,
        idempotency: Idempotency,
    ) -> ChangedOfficial: ...


class Reviews(Protocol):
    """backend.officials.reviews.ReviewService."""

    async def review(
        self,
        principal: OfficialPrincipal,
        code: str,
        quarter: str,
        decision: ReviewDecision,
        note: str | None,
        idempotency: Idempotency,
    ) -> ChangedOfficial: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All that resolvers may call."""

    report_changes: ReportChanges
    reports: ReportReads
    units: UnitReads
    officials: Officials
    categories: CategoryReads
    inbox: InboxReads
    inbox_changes: InboxChanges
    feed: Feed
    media: MediaReads
    media_changes: MediaChanges
    devices: DeviceReads
    device_changes: DeviceChanges
    apps: AppReads
    accounts: AccountReads
    account_changes: AccountChanges
    resets: Resets
    reviews: Reviews
    registers: Registers
    statistics: Statistics
    deadlines: Deadlines
    texts: TextReleases
    redactions: MediaRedactions | None = None
    """None: this process has no store of files."""
    citizens: Citizens
    work: WorkServices
    contacts: Contacts
    blocks: Blocks
    follows: Follows
    near: Near
    merges: Merges
    ledger: LedgerReads
    ledger_delays: LedgerDelays
    privacy: Privacy
    privacy_desk: PrivacyDesk
    privacy_copies: PrivacyCopies
    vault: Vault | None = None
    """None: this process has no way to the vault."""
