"""Officials as their administrators see them, and each as others see him."""

from datetime import date
from typing import Any

import asyncpg
import msgspec

from backend.officials import sql
from backend.officials.limits import MAX_SEARCH, checked_quarter
from backend.officials.types import (
    Account,
    AccountChange,
    AccountDuty,
    AccountFilter,
    AccountPage,
    DirectoryRequest,
    OfficialState,
    OpenReset,
    ReviewDecision,
    ReviewEntry,
    ReviewPage,
    UnitName,
    account_resource,
)
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.database.read_scope import ReadScope
from foundation.errors import InvalidInput, NotFound
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import is_unit_code, parse_report_code
from foundation.paging import Page, PageRequest, Position
from foundation.policy.engine import PolicyEngine
from foundation.policy.errors import PolicyDenied
from foundation.recording import Activity, AuditEvent
from foundation.vietnamese import fold

NamePosition = tuple[str, int]


class _DutyRow(msgspec.Struct, frozen=True):
    kind: str
    unit: str
    unit_name: str
    from_day: date
    until_day: date | None
    in_force: bool


class OfficialQueries:
    """Reads of officials. In lists the filter decides: units whose people the caller administers."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def accounts(
        self, principal: OfficialPrincipal, wanted: AccountFilter, first: int, after: NamePosition | None
    ) -> AccountPage:
        """Accounts in the order of Vietnamese lists of people: given name, family name, middle name.

        Raises InvalidInput for a page size outside 1–100, a long search, or what can be no unit.
        """
        intent = AuditEvent("official.list", activity=Activity.READ, unit=principal.unit_code)
        async with self._database.read_scope(principal, intent) as scope:
            first = PageRequest(first).first
            if wanted.unit is not None and not is_unit_code(wanted.unit):
                raise InvalidInput("unit")
            rows = await scope.rows(
                sql.LIST,
                sorted(principal.administered),
                wanted.unit,
                _pattern(wanted.search),
                wanted.state,
                *(after or (None, None)),
                first + 1,
                self._today(),
            )
        shown = rows[:first]
        return AccountPage(
            items=tuple(_account_of(row) for row in shown),
            keys=tuple((row["name_key"], row["number"]) for row in shown),
            has_next=len(rows) > first,
        )

    async def account(self, principal: OfficialPrincipal, code: str) -> Account:
        """One official by code, with the reset that waits. Raises NotFound for hidden and absent alike."""
        intent = AuditEvent("official.read", activity=Activity.READ, unit=principal.unit_code)
        async with self._database.read_scope(principal, intent) as scope:
            row = await self._decided(scope, principal, code)
            reset = await scope.row(sql.OPEN_RESET, row["id"], self._clock.now())
        return _account_of(row, _reset_of(reset, principal))

    async def history(
        self, principal: OfficialPrincipal, code: str, page: PageRequest
    ) -> Page[AccountChange]:
        """Who changed what, newest first. Raises NotFound."""
        intent = AuditEvent("official.read_changes", activity=Activity.READ, unit=principal.unit_code)
        async with self._database.read_scope(principal, intent) as scope:
            row = await self._decided(scope, principal, code)
            if page.after is None:
                rows = await scope.rows(sql.CHANGES, row["id"], page.first + 1)
            else:
                rows = await scope.rows(sql.CHANGES_AFTER, row["id"], page.first + 1, page.after.id)
        shown = rows[: page.first]
        return Page(
            items=tuple(_change_of(found) for found in shown),
            positions=tuple(Position(found["at"], found["id"]) for found in shown),
            has_next=len(rows) > page.first,
        )

    async def reviews(
        self,
        principal: OfficialPrincipal,
        quarter: str,
        open_only: bool,
        first: int,
        after: NamePosition | None,
    ) -> ReviewPage:
        """A quarter's list of those administered. Raises InvalidInput."""
        intent = AuditEvent("official.list_reviews", activity=Activity.READ, unit=principal.unit_code)
        async with self._database.read_scope(principal, intent) as scope:
            first = PageRequest(first).first
            rows = await scope.rows(
                sql.REVIEWS,
                checked_quarter(quarter),
                sorted(principal.administered),
                open_only,
                *(after or (None, None)),
                first + 1,
                self._today(),
            )
        shown = rows[:first]
        return ReviewPage(
            items=tuple(_review_of(row) for row in shown),
            keys=tuple((row["name_key"], row["number"]) for row in shown),
            has_next=len(rows) > first,
        )

    async def _decided(self, scope: ReadScope, principal: OfficialPrincipal, code: str) -> asyncpg.Record:
        """The official's row, if the policies let the caller see it. Raises NotFound, InvalidInput."""
        row = await scope.row(sql.ONE, parse_report_code(code), self._today())
        if row is None:
            raise NotFound
        resource = account_resource(row["id"], tuple(row["unit_path"]), row["state"])
        try:
            self._policy.authorise(principal, "official.read", resource, now=self._clock.now())
        except PolicyDenied as refusal:
            # What nothing allows looks as if it were not there; what something forbids is told so.
            if refusal.policies:
                raise
            raise NotFound from None
        return row

    def _today(self) -> date:
        return self._clock.now().astimezone(HANOI).date()


def _pattern(search: str | None) -> str | None:
    """The LIKE pattern of a search, without diacritics. Raises InvalidInput."""
    if search is None:
        return None
    if len(search) > MAX_SEARCH or "\x00" in search:
        raise InvalidInput("search")
    try:
        search.encode("utf-8")
    except UnicodeEncodeError as error:  # half a surrogate pair, which JSON lets through
        raise InvalidInput("search") from error
    folded = fold(search)
    for special in "\\%_":
        folded = folded.replace(special, f"\\{special}")
    return f"%{folded}%"


def _duties_of(row: asyncpg.Record) -> tuple[AccountDuty, ...]:
    return tuple(
        AccountDuty(
            duty.kind, UnitName(duty.unit, duty.unit_name), duty.from_day, duty.until_day, duty.in_force
        )
        for duty in msgspec.json.decode(row["duties"], type=list[_DutyRow])
    )


def _common(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "code": row["code"],
        "name": row["name"],
        "unit": UnitName(row["unit_code"], row["unit_name"]),
        "state": OfficialState(row["state"]),
        "duties": _duties_of(row),
    }


def _account_of(row: asyncpg.Record, reset: OpenReset | None = None) -> Account:
    return Account(
        **_common(row),
        username=row["username"],
        email=row["email"],
        version=row["version"],
        last_active_day=row["last_active_day"],
        requests=tuple(msgspec.json.decode(row["requests"], type=list[DirectoryRequest])),
        reset=reset,
    )


def _reset_of(row: asyncpg.Record | None, principal: OfficialPrincipal) -> OpenReset | None:
    if row is None:
        return None
    return OpenReset(
        request=row["code"],
        digest=row["digest"],
        asked_by=row["asked_name"],
        asked_at=row["asked_at"],
        expires_at=row["expires_at"],
        note=row["note"],
        mine=row["asked_by"] == principal.official_id,
    )


def _change_of(row: asyncpg.Record) -> AccountChange:
    unit = None if row["unit_code"] is None else UnitName(row["unit_code"], row["unit_name"])
    return AccountChange(
        kind=row["kind"],
        at=row["at"],
        version=row["version"],
        actor=row["actor_name"],
        by_system=row["actor_kind"] == "system",
        unit=unit,
        duty=row["duty"],
        from_day=row["from_day"],
        until_day=row["until_day"],
        note=row["note"],
    )


def _review_of(row: asyncpg.Record) -> ReviewEntry:
    decision = row["decision"]
    return ReviewEntry(
        **_common(row),
        quarter=row["quarter"],
        due_on=row["due_on"],
        decision=None if decision is None else ReviewDecision(decision),
        reviewer=row["reviewer_name"],
        decided_at=row["decided_at"],
        note=row["note"],
    )
