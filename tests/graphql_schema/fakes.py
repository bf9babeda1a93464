"""Services and a gateway at the seam: they remember calls and answer what the test says."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from backend.deadlines.types import ReportDeadlines
from backend.devices.types import AppRelease, Device, DeviceState, NetworkKind, Session
from backend.media.types import Content, Media, MediaChanged, MediaKind, MediaState
from backend.notifications.types import InboxItem, Preferences, RecipientKind, usual
from backend.reports.types import (
    Changed,
    PublicReport,
    PublicTimelineEntry,
    Report,
    ReportState,
    ReportStep,
    TimelineEntry,
    UnitRef,
)
from backend.routing.types import Category
from backend.tenancy.types import DutyView, OfficialProfile, Unit, UnitPage
from backend.work.types import Work
from foundation.errors import NotFound, Refusal
from foundation.identity import step_up
from foundation.identity.challenges import TokenExpired, Unauthenticated
from foundation.identity.principal import (
    CitizenPrincipal,
    Duty,
    OfficialPrincipal,
    Origin,
    Principal,
    VerifiedSession,
)
from foundation.paging import Page, PageRequest, Position
from foundation.recording import AuditEvent
from graphql_schema.deadline_services import Deadlines
from graphql_schema.services import Services
from graphql_schema.transport import RequestParts
from graphql_schema.work_services import WorkServices

NOW = datetime(2026, 7, 1, 3, 0, tzinfo=UTC)
CODE = "0123456789ABCDEF"
ROW_ID = UUID("01890000-0000-7000-8000-000000000001")
CITIZEN_ID = UUID("01890000-0000-7000-8000-00000000c171")
HOAN_KIEM = UnitRef("00070", "Phường Hoàn Kiếm")

REPORT = Report(
    code=CODE,
    category="lighting",
    ward=HOAN_KIEM,
    handler=HOAN_KIEM,
    place="Số 1 Tràng Tiền",
    body="Đèn đường hỏng",
    state=ReportState.RECEIVED,
    answer=None,
    closing_reason=None,
    routing_reason="ward-default",
    version=1,
    created_at=NOW,
    updated_at=NOW,
    mine=True,
)
ENTRY = TimelineEntry(1, NOW, ReportStep.SUBMITTED, None, ReportState.RECEIVED, HOAN_KIEM, "citizen", None)
PUBLIC = PublicReport(
    code=CODE,
    category="lighting",
    ward=HOAN_KIEM,
    handler=HOAN_KIEM,
    state=ReportState.RECEIVED,
    closing_reason=None,
    created_at=NOW,
    updated_at=NOW,
    timeline=(PublicTimelineEntry(1, NOW, ReportStep.SUBMITTED, ReportState.RECEIVED, HOAN_KIEM),),
)
UNIT = Unit("00070", "Phường Hoàn Kiếm", "ward", "C0001")


DEVICE = Device(
    thumbprint="k" * 43,
    name="iPhone17,3",
    app="ihanoi-app",
    version="1.0.0",
    platform="iOS 26.1",
    first_used_at=NOW,
    last_used_at=NOW,
    network=NetworkKind.INTERNET,
    state=DeviceState.ENROLLED,
    current=True,
)
SESSION = Session(ROW_ID, "aal1", NOW, NOW, NetworkKind.INTERNET, current=True, device=DEVICE)


def session(sub: str, acr: str = "aal2", realm: str = "ihanoi") -> VerifiedSession:
    """A verified session that signed in at NOW."""
    return VerifiedSession(
        iss=f"https://id.example/realms/{realm}",
        sub=sub,
        sid="s",
        jkt="j",
        azp="app",
        acr=acr,
        amr=("pwd",),
        auth_time=NOW,
        expires_at=NOW + timedelta(minutes=5),
        organisation=None,
        token_digest=b"\0" * 32,
    )


def citizen(origin: Origin, sub: str = "lan") -> CitizenPrincipal:
    """A citizen."""
    return CitizenPrincipal(origin=origin, session=session(sub, "aal1"), citizen_id=CITIZEN_ID)


def official(origin: Origin) -> OfficialPrincipal:
    """An officer of Hoàn Kiếm ward."""
    return OfficialPrincipal(
        origin=origin,
        session=session("minh", "aal2", "hanoi-ioc"),
        official_id=CITIZEN_ID,
        unit_id=7,
        unit_code="00070",
        duties=(Duty("handler", 7, "00070"),),
        units=frozenset({7}),
        city_level=False,
    )


PHOTO = Media(ROW_ID, CODE, MediaKind.PHOTO, MediaState.PRIVATE, Content.JPEG, 4000, 3000, 812_345, NOW)


@dataclass
class Fake:
    """Every service in one: `answers` by method, an exception among them is raised."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)

    def _called(self, name: str, *arguments: Any) -> Any:
        self.calls.append((name, *arguments))
        answer = self.answers[name]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def names(self) -> list[str]:
        """The methods called, in order."""
        return [call[0] for call in self.calls]

    # Changes of reports.
    async def submit(self, *given: Any) -> Changed:
        return self._called("submit", *given)

    async def accept(self, *given: Any) -> Changed:
        return self._called("accept", *given)

    async def forward(self, *given: Any) -> Changed:
        return self._called("forward", *given)

    async def ask(self, *given: Any) -> Changed:
        return self._called("ask", *given)

    async def reply(self, *given: Any) -> Changed:
        return self._called("reply", *given)

    async def answer(self, *given: Any) -> Changed:
        return self._called("answer", *given)

    async def close(self, *given: Any) -> Changed:
        return self._called("close", *given)

    async def add(self, *given: Any) -> Changed:
        return self._called("add", *given)

    async def take_back(self, *given: Any) -> Changed:
        return self._called("take_back", *given)

    async def rate(self, *given: Any) -> Changed:
        return self._called("rate", *given)

    async def reopen(self, *given: Any) -> Changed:
        return self._called("reopen", *given)

    # Reads.
    async def mine(self, principal: Principal, page: PageRequest) -> Page[Report]:
        return self._called("mine", principal, page)

    async def of_units(self, *given: Any) -> Page[Report]:
        return self._called("of_units", *given)

    async def one(self, principal: Principal, code: str) -> Report:
        return self._called("one", principal, code)

    async def timelines(
        self, principal: Principal, codes: Sequence[str]
    ) -> Mapping[str, tuple[TimelineEntry, ...]]:
        return self._called("timelines", principal, tuple(codes))

    async def track(self, principal: Principal, code: str) -> PublicReport:
        return self._called("track", principal, code)

    async def units(self, *given: Any) -> UnitPage:
        return self._called("units", *given)

    async def unit(self, principal: Principal, code: str) -> Unit:
        return self._called("unit", principal, code)

    async def me(self, principal: Principal) -> OfficialProfile:
        return self._called("me", principal)

    async def categories(self, principal: Principal, ended: bool) -> tuple[Category, ...]:
        return self._called("categories", principal, ended)

    async def of_reports(self, principal: Principal, codes: Sequence[str]) -> Mapping[str, tuple[Media, ...]]:
        return self._called("of_reports", principal, tuple(codes))

    async def released(self, principal: Principal, code: str) -> tuple[Media, ...]:
        return self._called("released", principal, code)

    async def released_text(self, *given: Any) -> Any:
        return self._called("released_text", *given)

    async def release(self, *given: Any) -> MediaChanged:
        return self._called("release", *given)

    async def withdraw(self, *given: Any) -> MediaChanged:
        return self._called("withdraw", *given)

    async def inbox(self, principal: Principal, page: PageRequest) -> Page[InboxItem]:
        return self._called("inbox", principal, page)

    async def unread(self, principal: Principal) -> int:
        return self._called("unread", principal)

    async def pushed(self, principal: Principal, token: UUID) -> tuple[InboxItem, ...]:
        return self._called("pushed", principal, token)

    async def preferences(self, principal: Principal) -> Preferences:
        return self._called("preferences", principal)

    async def mark_read(self, *given: Any) -> None:
        return self._called("mark_read", *given)

    async def prefer(self, *given: Any) -> Preferences:
        return self._called("prefer", *given)

    async def register(self, *given: Any) -> None:
        return self._called("register", *given)

    async def forget(self, *given: Any) -> None:
        return self._called("forget", *given)

    async def sessions(self, principal: Principal, page: PageRequest) -> Page[Session]:
        return self._called("sessions", principal, page)

    async def devices(self, principal: Principal, page: PageRequest) -> Page[Device]:
        return self._called("devices", principal, page)

    def releases(self) -> tuple[AppRelease, ...]:
        return self._called("releases")

    # Sessions and devices.
    async def rename(self, *given: Any) -> Device:
        return self._called("rename", *given)

    async def end_session(self, *given: Any) -> None:
        return self._called("end_session", *given)

    async def end_all(self, principal: Principal, *, except_this: bool, idempotency: Any) -> None:
        return self._called("end_all", principal, except_this, idempotency)

    async def report_lost(self, *given: Any) -> Device:
        return self._called("report_lost", *given)


class QuietDeadlines:
    """Nothing is reckoned yet."""

    async def of_reports(self, principal: Principal, codes: Sequence[str]) -> dict[str, ReportDeadlines]:
        return {}


class QuietWork:
    """Nobody has anything in hand."""

    async def of_reports(self, principal: Principal, codes: Sequence[str]) -> dict[str, Work]:
        return {}


def every(rest: Any, **given: Any) -> Services:
    """Services for a test: those given, and `rest` in the place of every other."""
    given.setdefault(
        "deadlines", Deadlines(reads=QuietDeadlines(), changes=rest, rules=rest, rule_changes=rest)
    )
    given.setdefault(
        "work",
        WorkServices(
            reads=QuietWork(),
            changes=rest,
            parts=rest,
            finder=rest,
            views=rest,
            exports=rest,
            templates=rest,
            bulk=rest,
        ),
    )
    return Services(**{field.name: given.get(field.name, rest) for field in fields(Services)})


def standard_answers() -> dict[str, Any]:
    """What a quiet day answers."""
    changed = Changed(CODE, 2, ReportState.IN_PROGRESS)
    page = Page((REPORT,), (Position(NOW, ROW_ID),), has_next=True)
    item = InboxItem(ROW_ID, "report.accepted", f"report:{CODE}", 2, NOW)
    changes = dict.fromkeys(
        (
            "submit",
            "accept",
            "forward",
            "ask",
            "reply",
            "answer",
            "close",
            "add",
            "take_back",
            "rate",
            "reopen",
        ),
        changed,
    )
    return {
        **changes,
        "mine": page,
        "of_units": page,
        "one": REPORT,
        "timelines": {CODE: (ENTRY,)},
        "track": PUBLIC,
        "of_reports": {CODE: (PHOTO,)},
        "released": (),
        "released_text": None,
        "release": MediaChanged(ROW_ID, CODE, 2, MediaState.RELEASED),
        "withdraw": MediaChanged(ROW_ID, CODE, 3, MediaState.PRIVATE),
        "sessions": Page((SESSION,), (Position(NOW, ROW_ID),), has_next=True),
        "devices": Page((DEVICE,), (Position(NOW, ROW_ID),), has_next=False),
        "rename": DEVICE,
        "end_session": None,
        "end_all": None,
        "report_lost": DEVICE,
        "releases": (AppRelease("ihanoi-app", "1.0.0", "1.2.0", "https://store.example/ihanoi"),),
        "units": UnitPage((UNIT,), (("hoan kiem", 7),), has_next=False),
        "unit": UNIT,
        "me": OfficialProfile("Trần Văn Minh", UNIT, (DutyView("handler", "00070"),)),
        "categories": (Category("lighting", "Chiếu sáng", "Lighting"),),
        "unread": 3,
        "pushed": (item,),
        "preferences": usual(RecipientKind.CITIZEN),
        "mark_read": None,
        "prefer": usual(RecipientKind.CITIZEN),
        "register": None,
        "forget": None,
        "inbox": Page((item,), (Position(NOW, ROW_ID),), has_next=False),
    }


@dataclass
class FakeGateway:
    """Authorization "DPoP lan", "DPoP minh", "DPoP hung"; anything else is an expired token."""

    refusals: list[tuple[Principal, AuditEvent, Refusal]] = field(default_factory=list)
    seen: list[RequestParts] = field(default_factory=list)
    now: datetime = NOW
    staying: Exception | None = None
    """Why who was let in no longer stays."""

    def origin_of(self, parts: RequestParts) -> Origin:
        return Origin(parts.request_id, "203.0.113.0", parts.language)

    async def before_reading(self, parts: RequestParts, origin: Origin) -> None:
        """Nobody must wait."""

    def limited(self, principal: Principal, names: Sequence[str]) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def authenticate(self, parts: RequestParts, origin: Origin) -> Principal:
        self.seen.append(parts)
        if not parts.authorization:
            raise Unauthenticated
        match parts.authorization[0].removeprefix("DPoP "):
            case "minh":
                return official(origin)
            case "lan" | "hung" as name:
                return citizen(origin, name)
            case "nobody-here":
                raise NotFound
            case "crash":
                raise RuntimeError("secret of the database")
        raise TokenExpired

    async def again(self, parts: RequestParts, origin: Origin) -> Principal:
        return await self.authenticate(parts, origin)

    async def stays(self, parts: RequestParts, principal: Principal) -> None:
        if self.staying is not None:
            raise self.staying

    def check_step_up(self, principal: Principal, acr: str, max_age: timedelta | None) -> None:
        assert isinstance(principal, CitizenPrincipal | OfficialPrincipal)
        step_up.require(principal.session, acr=acr, max_age=max_age, now=self.now)

    async def refused(self, principal: Principal, intent: AuditEvent, refusal: Refusal) -> None:
        self.refusals.append((principal, intent, refusal))

    @property
    def codes(self) -> list[str]:
        """Codes of what was recorded, in order."""
        return [refusal.code for _, _, refusal in self.refusals]
