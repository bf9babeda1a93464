"""A citizen's own account: seen, its deletion asked for and taken back, reports of before claimed."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from backend.citizens import sql
from backend.citizens.errors import NoDeletion
from backend.citizens.keys import PhoneKeys
from backend.citizens.phones import MOVE
from backend.citizens.service import phone_of_claim, require_proven
from backend.citizens.types import (
    AccountView,
    Claimed,
    DeletionView,
    PhoneStanding,
    PhoneView,
    account_resource,
)
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import NotFound
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal
from foundation.ids import NewId, parse_report_code
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent
from foundation.settings import PhoneSettings

CLAIMED = "report.claimed"


class AccountService:
    """What a citizen does with the account as a whole."""

    def __init__(
        self,
        *,
        database: Database,
        policy: PolicyEngine,
        keys: PhoneKeys,
        clock: Clock,
        new_id: NewId,
        settings: PhoneSettings,
    ) -> None:
        self._database = database
        self._policy = policy
        self._keys = keys
        self._clock = clock
        self._new_id = new_id
        self._grace = timedelta(days=settings.deletion_days)

    async def account(self, principal: CitizenPrincipal) -> AccountView:
        """The account as its owner sees it. Raises Forbidden."""
        now = self._clock.now()
        intent = AuditEvent("account.read", activity=Activity.READ)
        async with self._database.read_scope(principal, intent) as scope:
            self._policy.authorise(principal, intent.action, account_resource(principal.citizen_id), now=now)
            row = await scope.row(sql.ACCOUNT, principal.citizen_id)
        if row is None:
            raise NotFound
        deletion = None
        if row["asked_at"] is not None:
            final = row["deletion"] != "asked" or row["due_at"] <= now
            deletion = DeletionView(row["asked_at"], row["due_at"], final)
        return AccountView(self._phone(principal, row), deletion)

    async def ask_deletion(self, principal: CitizenPrincipal, idempotency: Idempotency) -> DeletionView:
        """Ask for the deletion; asked again it stays as it was. The policy wants the second factor."""
        now = self._clock.now()
        intent = AuditEvent("account.ask_deletion", activity=Activity.DELETE)
        async with self._database.unit_of_work(principal, intent) as work:
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return _deletion(stored)
            decision = self._policy.authorise(
                principal, intent.action, account_resource(principal.citizen_id), now=now
            )
            citizen = {"citizen": principal.citizen_id}
            asked = {**citizen, "now": now, "due": now + self._grace}
            new = (await work.connection.execute(sql.ASK_DELETION, asked)).rowcount == 1
            row = (await work.connection.execute(sql.DELETION, citizen)).one()
            answer = {"asked_at": row.asked_at.isoformat(), "due_at": row.due_at.isoformat()}
            if new:
                await self._tell(work, principal, "account.deletion_asked", now)
            await keep(work, idempotency, answer)
            await work.record(replace(intent, policies=decision.policies))
            await work.commit()
        return _deletion(answer)

    async def keep_account(self, principal: CitizenPrincipal, idempotency: Idempotency) -> None:
        """Take the request for deletion back. Raises NoDeletion, also when the time for it is over."""
        now = self._clock.now()
        intent = AuditEvent("account.keep")
        async with self._database.unit_of_work(principal, intent) as work:
            if await claim(work, idempotency, now) is not None:
                return
            decision = self._policy.authorise(
                principal, intent.action, account_resource(principal.citizen_id), now=now
            )
            taken_back = {"citizen": principal.citizen_id, "now": now}
            if (await work.connection.execute(sql.KEEP_ACCOUNT, taken_back)).scalar() is not True:
                raise NoDeletion
            await self._tell(work, principal, "account.deletion_taken_back", now)
            await keep(work, idempotency, {})
            await work.record(replace(intent, policies=decision.policies))
            await work.commit()

    async def claim_report(self, principal: CitizenPrincipal, code: str, idempotency: Idempotency) -> Claimed:
        """Make a report one's own that came by a channel from the number that is bound to the account.

        Raises InvalidInput, PhoneUnproven; NotFound for a wrong code, another's report, one with an owner.
        """
        now = self._clock.now()
        intent = AuditEvent("report.claim")
        async with self._database.unit_of_work(principal, intent) as work:
            canonical = parse_report_code(code)
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return Claimed(**stored)
            decision = self._policy.authorise(
                principal, intent.action, account_resource(principal.citizen_id), now=now
            )
            require_proven(principal)
            row = {"code": canonical, "entry": self._new_id(), "change": self._new_id(), "now": now}
            found = (await work.connection.execute(sql.CLAIM, row)).one_or_none()
            if found is None:
                raise NotFound
            answer: dict[str, Any] = {"code": canonical, "version": found.version, "state": found.state}
            await keep(work, idempotency, answer)
            event = replace(intent, resource=f"report:{canonical}", unit=found.unit_code)
            await work.record(replace(event, policies=decision.policies))
            await work.commit()
        return Claimed(**answer)

    def _phone(self, principal: CitizenPrincipal, row: Any) -> PhoneView:
        """What is known of the number: Keycloak's word in the token, ours in the row."""
        named, verified = map(phone_of_claim, (principal.session.phone, principal.session.phone_verified))
        if row["moving"] is not None:
            phone = self._keys.number(bytes(row["moving"]), MOVE, principal.citizen_id)
            return PhoneView(PhoneStanding.WAITING, phone.ending, row["moves_at"])
        if principal.phone_proven and named is not None:
            return PhoneView(PhoneStanding.PROVEN, named.ending)
        if row["digest"] is not None:
            known = verified is not None and self._keys.digests.of(verified) == bytes(row["digest"])
            if not known:
                return PhoneView(PhoneStanding.CONFIRMING)
        if named is None:
            return PhoneView(PhoneStanding.NONE)
        return PhoneView(PhoneStanding.UNPROVEN, named.ending)

    async def _tell(self, work: UnitOfWork, principal: CitizenPrincipal, kind: str, now: datetime) -> None:
        row = {"id": self._new_id(), "kind": kind, "now": now}
        await work.connection.execute(sql.TELL_ONESELF, row)


def _deletion(stored: dict[str, Any]) -> DeletionView:
    asked_at, due_at = (datetime.fromisoformat(stored[name]) for name in ("asked_at", "due_at"))
    return DeletionView(asked_at, due_at, final=False)
