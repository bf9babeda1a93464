"""What administrators do with officials: one method a mutation, one unit of work a method.

In tenancy the effect is immediate: who is suspended is out at the next request. Keycloak follows through the
directory's queue, written in the same transaction with what the officer's device signed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.exc import IntegrityError

from backend.officials.errors import DutyOutsideUnit, SameUnit, Taken, WrongState
from backend.officials.limits import (
    MAX_DUTIES,
    checked_invitation,
    checked_note,
    checked_unit,
    days_of_gift,
    last_day_of,
)
from backend.officials.models import OfficialRow
from backend.officials.store import (
    Noted,
    UnitPath,
    end_all_duties,
    end_duty,
    end_sessions,
    give_duty,
    lock,
    note_change,
    unit_of,
    unit_of_id,
)
from backend.officials.types import (
    CITY_ONLY,
    ChangedOfficial,
    DutyEnding,
    DutyGift,
    Invitation,
    OfficialState,
    Step,
    account_resource,
    duty_resource,
)
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.directory_queue import Asking, DirectoryQueue, Operation
from foundation.errors import InvalidInput, VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import NewId, RandomBytes, new_report_code, parse_report_code
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent
from foundation.vietnamese import fold, person_key

DIRECTORY_DONE = "officials.directory_done"
"""The job that is told what became of a request of this feature."""

_UNIQUE = {"official_username": "username", "official_email": "email"}


@dataclass(frozen=True, slots=True)
class Locked:
    """An official under change: locked, allowed, in the expected version, which is raised already."""

    work: UnitOfWork
    official: OfficialRow
    unit: UnitPath
    now: datetime
    today: date
    note: str | None = None
    """Why, as the officer put it: checked."""


Change = Callable[[Locked], Awaitable[None]]


class OfficialService:
    """Changes of officials. A refusal raises and is recorded; anything else has its effect exactly once."""

    def __init__(
        self,
        *,
        database: Database,
        policy: PolicyEngine,
        directory: DirectoryQueue | None,
        clock: Clock,
        new_id: NewId,
        random_bytes: RandomBytes,
    ) -> None:
        self._database = database
        self._policy = policy
        self._directory = directory
        self._clock = clock
        self._new_id = new_id
        self._random_bytes = random_bytes

    async def invite(
        self, principal: OfficialPrincipal, invitation: Invitation, asking: Asking, idempotency: Idempotency
    ) -> ChangedOfficial:
        """A new official of a unit, with the first duties; the directory makes the account, sends the mail.

        Raises InvalidInput, UnknownUnit, Forbidden, Taken, DutyOutsideUnit, IdempotencyMismatch.
        """
        now = self._clock.now()
        intent = AuditEvent("official.invite", activity=Activity.CREATE)
        async with self._database.unit_of_work(principal, intent) as work:
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return changed_of(stored)
            given = checked_invitation(invitation)
            unit = await unit_of(work, given.unit, _day(now))
            official = self._new_official(principal, given, unit, now)
            work.intent = replace(work.intent, resource=f"official:{official.code}", unit=unit.code)
            decision = self._policy.authorise(
                principal, intent.action, account_resource(official.id, unit.path, official.state), now=now
            )
            await _insert(work, official)
            locked = Locked(work, official, unit, now, _day(now))
            await self.note(locked, Noted("invited", unit_id=unit.id))
            await self._give(locked, given.duties)
            await self.ask_directory(locked, Operation.OFFICIAL_CREATE, _account(official, unit), (asking,))
            return await self._finish(locked, idempotency, decision.policies)

    async def resend(
        self, principal: OfficialPrincipal, code: str, asking: Asking, idempotency: Idempotency
    ) -> ChangedOfficial:
        """The invitation again, or an account that could not be made once more. Raises WrongState."""

        async def change(locked: Locked) -> None:
            _check_state(locked, OfficialState.INVITED)
            await self.note(locked, Noted("invited_again"))
            official = locked.official
            await self.ask_directory(
                locked, Operation.OFFICIAL_CREATE, _account(official, locked.unit), (asking,)
            )

        return await self.change(principal, "official.resend", code, None, change, idempotency)

    async def change_duties(
        self,
        principal: OfficialPrincipal,
        step: Step,
        gifts: tuple[DutyGift, ...],
        endings: tuple[DutyEnding, ...],
        idempotency: Idempotency,
    ) -> ChangedOfficial:
        """End and give duties; in force from the next request on. Keycloak knows of no duty.

        Raises InvalidInput, UnknownUnit, Forbidden, DutyOutsideUnit, DutyOverlap, NoSuchDuty.
        """

        async def change(locked: Locked) -> None:
            if not 1 <= len(gifts) + len(endings) <= MAX_DUTIES:
                raise InvalidInput("duties")
            await self._end(locked, endings)
            await self._give(locked, gifts)

        return await self.change(principal, "official.change_duties", step.code, step, change, idempotency)

    async def transfer(
        self,
        principal: OfficialPrincipal,
        step: Step,
        to_unit: str,
        gifts: tuple[DutyGift, ...],
        asking: Asking,
        idempotency: Idempotency,
    ) -> ChangedOfficial:
        """To another unit: every duty ends, new ones begin there, sessions end, the organisation moves.

        Raises UnknownUnit, SameUnit, WrongState, and as `change_duties`. The caller administers both units.
        """

        async def change(locked: Locked) -> None:
            _check_state(locked, OfficialState.INVITED, OfficialState.ACTIVE, OfficialState.SUSPENDED)
            official, today = locked.official, locked.today
            if official.subject is None:
                # The account is made for the unit that the officer signed; it moves once it is there.
                raise WrongState(official.state)
            unit = await unit_of(locked.work, checked_unit(to_unit), today)
            if unit.id == official.unit_id:
                raise SameUnit
            arrival = account_resource(official.id, unit.path, official.state)
            self._policy.authorise(principal, "official.transfer", arrival, now=locked.now)
            await end_all_duties(locked.work, official.id, today)
            official.unit_id = unit.id
            await locked.work.session.flush()
            moved = replace(locked, unit=unit)
            await self.note(moved, Noted("transferred", locked.note, unit.id))
            await self._give(moved, gifts)
            await end_sessions(locked.work, official, "official_transferred", locked.now, self._new_id)
            await self.ask_directory(moved, Operation.OFFICIAL_MOVE, {"toUnit": unit.code}, (asking,))

        return await self.change(principal, "official.transfer", step.code, step, change, idempotency)

    async def suspend(
        self, principal: OfficialPrincipal, step: Step, asking: Asking, idempotency: Idempotency
    ) -> ChangedOfficial:
        """Out at the next request, subscriptions end; duties stay for a reinstatement. Raises WrongState."""

        async def change(locked: Locked) -> None:
            _check_state(locked, OfficialState.INVITED, OfficialState.ACTIVE)
            await self._put(locked, OfficialState.SUSPENDED)
            await self.ask_directory(locked, Operation.OFFICIAL_DISABLE, {}, (asking,))

        return await self.change(principal, "official.suspend", step.code, step, change, idempotency)

    async def reinstate(
        self, principal: OfficialPrincipal, step: Step, asking: Asking, idempotency: Idempotency
    ) -> ChangedOfficial:
        """Back after a suspension, with the duties that are still in force. Sessions of before stay dead."""

        async def change(locked: Locked) -> None:
            _check_state(locked, OfficialState.SUSPENDED)
            was_active = locked.official.activated_on is not None
            state = OfficialState.ACTIVE if was_active else OfficialState.INVITED
            await self._put(locked, state, "reinstated")
            await self.ask_directory(locked, Operation.OFFICIAL_ENABLE, {}, (asking,))

        return await self.change(principal, "official.reinstate", step.code, step, change, idempotency)

    async def end(
        self, principal: OfficialPrincipal, step: Step, asking: Asking, idempotency: Idempotency
    ) -> ChangedOfficial:
        """Has left: every duty ends, and nothing brings the account back."""

        async def change(locked: Locked) -> None:
            await end_all_duties(locked.work, locked.official.id, locked.today)
            await self._put(locked, OfficialState.ENDED)
            await self.ask_directory(locked, Operation.OFFICIAL_END, {}, (asking,))

        return await self.change(principal, "official.end", step.code, step, change, idempotency)

    async def change(
        self,
        principal: OfficialPrincipal,
        action: str,
        code: str,
        expected: Step | None,
        change: Change,
        idempotency: Idempotency,
    ) -> ChangedOfficial:
        """Lock, decide, check the version, `change`, record, commit. For the services of this feature."""
        now = self._clock.now()
        async with self._database.unit_of_work(principal, AuditEvent(action)) as work:
            code = parse_report_code(code)
            work.intent = replace(work.intent, resource=f"official:{code}")
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return changed_of(stored)
            note = None if expected is None else checked_note(expected.note)
            official = await lock(work, code)
            unit = await unit_of_id(work, official.unit_id)
            work.intent = replace(work.intent, unit=unit.code)
            resource = account_resource(official.id, unit.path, official.state)
            decision = self._policy.authorise(principal, action, resource, now=now)
            if expected is not None and official.version != expected.expected_version:
                raise VersionConflict(official.version)
            official.version += 1
            locked = Locked(work, official, unit, now, _day(now), note)
            await change(locked)
            return await self._finish(locked, idempotency, decision.policies)

    async def note(self, locked: Locked, noted: Noted) -> None:
        """Write who changed what."""
        official = locked.official
        await note_change(locked.work, official.id, official.version, noted, self._new_id, locked.now)

    async def ask_directory(
        self,
        locked: Locked,
        operation: Operation,
        parameters: dict[str, Any],
        asked_by: tuple[Asking, ...],
    ) -> None:
        """Ask in this transaction; the outcome comes as a job. Raises RuntimeError without a directory."""
        if self._directory is None:
            raise RuntimeError("this process has no way to the directory")
        await self._directory.add(
            locked.work, operation, locked.official.code, parameters, asked_by=asked_by, then=DIRECTORY_DONE
        )

    async def end_sessions(self, locked: Locked, cause: str) -> None:
        """Out at the next request."""
        await end_sessions(locked.work, locked.official, cause, locked.now, self._new_id)

    async def _put(self, locked: Locked, state: OfficialState, kind: str | None = None) -> None:
        locked.official.state = state
        await self.note(locked, Noted(kind or state.value, locked.note))
        if state in {OfficialState.SUSPENDED, OfficialState.ENDED}:
            await self.end_sessions(locked, f"official_{state.value}")

    async def _give(self, locked: Locked, gifts: tuple[DutyGift, ...]) -> None:
        official = locked.official
        for gift in gifts:
            first, last = days_of_gift(gift, locked.today)
            unit = await unit_of(locked.work, checked_unit(gift.unit), first)
            self._decide_duty(locked, "duty.give", gift.kind, unit)
            if official.unit_id not in unit.path:
                raise DutyOutsideUnit
            if gift.kind in CITY_ONLY and unit.kind != "city":
                raise InvalidInput("kind")
            await give_duty(locked.work, official.id, unit.id, gift.kind, (first, last), self._new_id)
            await self.note(locked, Noted("duty_given", locked.note, unit.id, gift.kind, first, last))

    async def _end(self, locked: Locked, endings: tuple[DutyEnding, ...]) -> None:
        for ending in endings:
            last = last_day_of(ending, locked.today)
            # A unit that has ended may still have duties to be ended.
            unit = await unit_of(locked.work, checked_unit(ending.unit), date.min)
            self._decide_duty(locked, "duty.end", ending.kind, unit)
            first, last = await end_duty(locked.work, locked.official.id, unit.id, ending.kind, last)
            await self.note(locked, Noted("duty_ended", locked.note, unit.id, ending.kind, first, last))

    def _decide_duty(self, locked: Locked, action: str, kind: str, unit: UnitPath) -> None:
        principal = locked.work.principal
        duty = duty_resource(locked.official.id, kind, unit.path)
        self._policy.authorise(principal, action, duty, now=locked.now)

    async def _finish(
        self, locked: Locked, idempotency: Idempotency, policies: tuple[str, ...]
    ) -> ChangedOfficial:
        official, work = locked.official, locked.work
        changed = ChangedOfficial(official.code, official.version, OfficialState(official.state))
        await keep(
            work, idempotency, {"code": changed.code, "version": changed.version, "state": changed.state}
        )
        await work.session.flush()
        await work.record(replace(work.intent, policies=policies))
        await work.commit()
        return changed

    def _new_official(
        self, principal: OfficialPrincipal, given: Invitation, unit: UnitPath, now: datetime
    ) -> OfficialRow:
        name = f"{given.family_name} {given.given_name}"
        return OfficialRow(
            id=self._new_id(),
            code=new_report_code(self._random_bytes),
            # The realm of officials is the one that the administrator is in.
            issuer=principal.session.iss,
            name=name,
            family_name=given.family_name,
            given_name=given.given_name,
            name_key=person_key(name),
            search_text=fold(f"{name} {given.username}"),
            username=given.username,
            email=given.email,
            unit_id=unit.id,
            state=OfficialState.INVITED,
            created_on=_day(now),
            version=1,
        )


def changed_of(stored: dict[str, Any]) -> ChangedOfficial:
    """The answer that was kept."""
    return ChangedOfficial(stored["code"], stored["version"], OfficialState(stored["state"]))


async def _insert(work: UnitOfWork, official: OfficialRow) -> None:
    """Write the new official. Raises Taken when somebody has the user name or the address."""
    try:
        async with work.session.begin_nested():
            work.session.add(official)
            await work.session.flush()
    except IntegrityError as error:
        constraint = getattr(getattr(error.orig, "__cause__", None), "constraint_name", None)
        if constraint in _UNIQUE:
            raise Taken(_UNIQUE[constraint]) from None
        raise


def _account(official: OfficialRow, unit: UnitPath) -> dict[str, Any]:
    return {
        "unit": unit.code,
        "username": official.username,
        "email": official.email,
        "familyName": official.family_name,
        "givenName": official.given_name,
    }


def _check_state(locked: Locked, *allowed: OfficialState) -> None:
    if locked.official.state not in allowed:
        raise WrongState(locked.official.state)


def _day(now: datetime) -> date:
    return now.astimezone(HANOI).date()
