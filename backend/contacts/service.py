"""Contacts of the people behind reports: given and taken away by them, opened by who handles the report."""

from dataclasses import replace
from typing import Any

import msgspec

from backend.contacts import sql
from backend.contacts.errors import ContactUnavailable, NoContact
from backend.contacts.limits import checked_case, checked_contact
from backend.contacts.types import Contact, Given, NameShown, Purpose
from backend.reports.types import readers_of, report_resource
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import NotFound
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from foundation.ids import NewId, parse_report_code
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import Resource
from foundation.recording import Activity, AuditEvent
from foundation.sealing.bao import SealingUnavailable
from foundation.sealing.envelope import Envelope, Envelopes

PURPOSE = "contact"
"""What envelopes of this feature are bound to, beside the report's code."""


class ContactService:
    """`envelopes` None: this process keeps and opens none."""

    def __init__(
        self,
        *,
        database: Database,
        policy: PolicyEngine,
        envelopes: Envelopes | None,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._database = database
        self._policy = policy
        self._envelopes = envelopes
        self._clock = clock
        self._new_id = new_id

    async def give(
        self,
        principal: CitizenPrincipal,
        code: str,
        name: str | None,
        phone: str | None,
        email: str | None,
        shown: NameShown,
        idempotency: Idempotency,
    ) -> Given:
        """Leave a contact for one's own report, in place of an earlier one.

        Raises NotFound, Forbidden, InvalidInput, ContactUnavailable, IdempotencyMismatch.
        """
        now = self._clock.now()
        intent = AuditEvent("report.give_contact")
        async with self._database.unit_of_work(principal, intent) as work:
            report, policies = await self._held(work, code)
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return Given(**stored)
            contact = checked_contact(name, phone, email, shown)
            envelope = await self._sealed(contact, report.code)
            row = {"report": report.id, "wrapped": envelope.wrapped, "body": envelope.body, "now": now}
            version: int = (await work.connection.execute(sql.GIVE, row)).scalar_one()
            return await self._finish(work, Given(report.code, version, kept=True), policies, idempotency)

    async def remove(self, principal: CitizenPrincipal, code: str, idempotency: Idempotency) -> Given:
        """Take the contact of one's own report away. Raises NoContact, and as `give`."""
        now = self._clock.now()
        intent = AuditEvent("report.remove_contact", activity=Activity.DELETE)
        async with self._database.unit_of_work(principal, intent) as work:
            report, policies = await self._held(work, code)
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return Given(**stored)
            version = (await work.connection.execute(sql.REMOVE, {"report": report.id})).scalar()
            if version is None:
                raise NoContact
            return await self._finish(work, Given(report.code, version, kept=False), policies, idempotency)

    async def open(
        self, principal: OfficialPrincipal, code: str, purpose: Purpose, case_number: str | None
    ) -> Contact:
        """The contact of a report that one handles. Each time is a new reading, with an event of its own.

        What is recorded is committed before anything is decrypted. Raises NotFound, Forbidden, InvalidInput,
        NoContact, ContactUnavailable.
        """
        intent = AuditEvent("report.open_contact", activity=Activity.READ, purpose=purpose.value)
        async with self._database.unit_of_work(principal, intent) as work:
            report, policies = await self._held(work, code)
            case = checked_case(purpose, case_number)
            found = (await work.connection.execute(sql.CONTACT, {"report": report.id})).one_or_none()
            if found is None:
                raise NoContact
            await work.connection.execute(
                sql.OPENING,
                {
                    "id": self._new_id(),
                    "report": report.id,
                    "official": principal.official_id,
                    "unit": report.handler_id,
                    "at": self._clock.now(),
                    "purpose": purpose.value,
                    "case_number": case,
                },
            )
            await work.record(replace(work.intent, policies=policies, case=case))
            await work.commit()
        return await self._opened(Envelope(found.wrapped, bytes(found.body)), report.code)

    async def _held(self, work: UnitOfWork, code: str) -> tuple[Any, tuple[str, ...]]:
        """The report, locked, and the policies that allow it. Raises InvalidInput, NotFound, Forbidden."""
        parsed = parse_report_code(code)
        work.intent = replace(work.intent, resource=f"report:{parsed}")
        report = await _hold(work, parsed)
        work.intent = replace(work.intent, unit=report.handler_code)
        decision = self._policy.authorise(
            work.principal, work.intent.action, _resource_of(report), now=self._clock.now()
        )
        return report, decision.policies

    async def _finish(
        self, work: UnitOfWork, given: Given, policies: tuple[str, ...], idempotency: Idempotency
    ) -> Given:
        answer = {"code": given.code, "version": given.version, "kept": given.kept}
        await keep(work, idempotency, answer)
        await work.record(replace(work.intent, policies=policies))
        await work.commit()
        return given

    async def _sealed(self, contact: Contact, code: str) -> Envelope:
        if self._envelopes is None:
            raise ContactUnavailable
        try:
            return await self._envelopes.seal(msgspec.json.encode(contact), code)
        except SealingUnavailable:
            raise ContactUnavailable from None

    async def _opened(self, envelope: Envelope, code: str) -> Contact:
        if self._envelopes is None:
            raise ContactUnavailable
        try:
            return msgspec.json.decode(await self._envelopes.open(envelope, code), type=Contact)
        except SealingUnavailable:
            raise ContactUnavailable from None


async def _hold(work: UnitOfWork, code: str) -> Any:
    principal = work.principal
    if isinstance(principal, OfficialPrincipal) and principal.city_level:
        seen = await work.connection.execute(sql.SEEN_BY_CITY, {"code": code})
    else:
        seen = await work.connection.execute(sql.SEEN, {"code": code, "readers": list(readers_of(principal))})
    report_id = seen.scalar()
    await work.connection.execute(sql.LOCK, {"id": report_id})
    report = (await work.connection.execute(sql.REPORT, {"id": report_id})).one_or_none()
    if report is None:
        raise NotFound
    return report


def _resource_of(report: Any) -> Resource:
    return report_resource(
        report.id,
        report.citizen_id,
        tuple(report.handler_path),
        tuple(report.participants),
        report.ward_id,
        report.state,
    )
