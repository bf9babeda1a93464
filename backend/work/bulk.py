"""The same done to many reports: each in its own transaction, by the same method as if it were done alone."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never
from uuid import UUID

import structlog

from backend.work.errors import NotTried, ReportFailed
from backend.work.parts import PartService
from backend.work.service import WorkService
from backend.work.templates import TemplateService
from backend.work.types import Worked
from foundation.deadline import OutOfTime, one_of_many
from foundation.errors import InvalidInput, Refusal
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import parse_report_code

MOST_REPORTS = 100

log = structlog.get_logger()


class BulkAction(StrEnum):
    """What is done to many at once. Closing is not: each needs its own evidence or reason."""

    ASSIGN = "assign"
    UNASSIGN = "unassign"
    NOTE = "note"
    ADD_SUPPORTING_UNIT = "add_supporting_unit"


@dataclass(frozen=True, slots=True)
class Bulk:
    """What is to be done: `official` of an assignment; `text` of a note or a task, of a note instead
    `template`, filled for each report; `unit` that is asked to help."""

    action: BulkAction
    official: str | None = None
    text: str | None = None
    template: UUID | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A report by its code, and the version of the work on it that the person saw."""

    code: str
    version: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one report, or would: done, or the refusal that came."""

    code: str
    done: Worked | None
    refusal: Refusal | None


class BulkService:
    """Runs one action over many reports. A refused report stops no other."""

    def __init__(self, changes: WorkService, parts: PartService, templates: TemplateService) -> None:
        self._changes = changes
        self._parts = parts
        self._templates = templates

    async def run(
        self,
        principal: OfficialPrincipal,
        bulk: Bulk,
        reports: Sequence[Asked],
        idempotency: Idempotency,
        *,
        dry: bool,
    ) -> tuple[Outcome, ...]:
        """Outcomes in the order of `reports`, 1 to 100 different ones. `dry`: nothing of it stays.

        Each report has its own key, which follows from `idempotency`: a repetition finds what was done, and
        tries again what was refused. A fault at one is the outcome of that one (ReportFailed), and what the
        time of the request does not reach is not tried (NotTried). Raises InvalidInput for what is wrong
        whichever the report.
        """
        codes = [parse_report_code(asked.code) for asked in reports]
        if not 1 <= len(codes) <= MOST_REPORTS or len(set(codes)) != len(codes):
            raise InvalidInput("reports")
        _check(bulk)
        outcomes = []
        for code, asked in zip(codes, reports, strict=True):
            key = None if dry else _key_of(idempotency, code)
            outcomes.append(await self._outcome(principal, bulk, Asked(code, asked.version), key))
        return tuple(outcomes)

    async def _outcome(
        self, principal: OfficialPrincipal, bulk: Bulk, asked: Asked, key: Idempotency | None
    ) -> Outcome:
        try:
            async with one_of_many():
                return Outcome(asked.code, await self._one(principal, bulk, asked, key), None)
        except Refusal as refusal:
            return Outcome(asked.code, None, refusal)
        except OutOfTime:
            return Outcome(asked.code, None, NotTried())
        except Exception:
            # Raised on, it would hide what was done to those before.
            log.exception("bulk_report_failed", action=bulk.action.value)
            return Outcome(asked.code, None, ReportFailed())

    async def _one(
        self, principal: OfficialPrincipal, bulk: Bulk, asked: Asked, key: Idempotency | None
    ) -> Worked:
        match bulk.action:
            case BulkAction.ASSIGN:
                return await self._changes.assign(
                    principal, asked.code, asked.version, bulk.official or "", key
                )
            case BulkAction.UNASSIGN:
                return await self._changes.take_away(principal, asked.code, asked.version, key)
            case BulkAction.NOTE:
                text = bulk.text or ""
                if bulk.template is not None:
                    text = await self._templates.fill(principal, bulk.template, asked.code)
                return await self._changes.write_note(principal, asked.code, text, key)
            case BulkAction.ADD_SUPPORTING_UNIT:
                return await self._parts.add(principal, asked.code, bulk.unit or "", bulk.text or "", key)
            case _:
                assert_never(bulk.action)


def _check(bulk: Bulk) -> None:
    """Exactly what the action needs is there. Raises InvalidInput naming the field."""
    note = bulk.action is BulkAction.NOTE
    wanted = {
        "toOfficial": (bulk.official, bulk.action is BulkAction.ASSIGN),
        "template": (bulk.template, note and bulk.text is None),
        "text": (
            bulk.text,
            bulk.action is BulkAction.ADD_SUPPORTING_UNIT or (note and bulk.template is None),
        ),
        "unit": (bulk.unit, bulk.action is BulkAction.ADD_SUPPORTING_UNIT),
    }
    for field, (given, needed) in wanted.items():
        if (given is not None) is not needed:
            raise InvalidInput(field)


def _key_of(idempotency: Idempotency, code: str) -> Idempotency:
    """The key of one report's change: another one for each report and each bulk."""
    digest = hashlib.sha256(f"bulk/{idempotency.key}/{code}".encode()).hexdigest()
    return Idempotency(digest, idempotency.body_digest)
