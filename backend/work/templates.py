"""Templates (mẫu trả lời) of a unit: texts for questions, answers and closings, with places to fill in.

A template is filled for one report, and what comes out is a proposal: the officer sends it as a text of his
own, by the mutation that asks, answers or closes.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import text

from backend.reports.types import report_resource
from backend.work.errors import NameTaken, TooManyTemplates
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import InvalidInput, NotFound, VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import NewId, is_unit_code
from foundation.policy.engine import Decision, PolicyEngine
from foundation.policy.entities import Resource, unit_ref, unit_refs
from foundation.recording import Activity, AuditEvent
from foundation.texts import MAX_TEXT, checked_label, checked_lines
from foundation.vietnamese import words

MAX_TITLE = 100
MOST_TEMPLATES = 200
"""Of a unit, in use."""
MOST_SHOWN = 100
PLACES = ("code", "unit", "ward", "category")
"""What may stand in braces: the report's code, handling unit, ward, category."""
_BRACE = re.compile(r"[{}]")
_PLACE = re.compile(r"\{(" + "|".join(PLACES) + r")\}")

_UNIT = text("SELECT id, code, tenancy.path_of(id) AS path FROM tenancy.unit WHERE code = :code")
_TEMPLATE = text(
    """
    SELECT t.id, t.version, u.id AS unit_id, u.code AS unit_code, tenancy.path_of(u.id) AS path
    FROM work.template t JOIN tenancy.unit u ON u.id = t.unit_id
    WHERE t.id = :id AND t.retired_at IS NULL FOR UPDATE OF t
    """
)
# A unit's templates are made one after the other: two at once would both be the last that fits.
_ONE_BY_ONE = text("SELECT pg_advisory_xact_lock(4829, cast(:unit AS int))")
_OTHERS = text(
    """
    SELECT count(*) AS many, coalesce(bool_or(title = :title), false) AS taken FROM work.template
    WHERE unit_id = :unit AND id <> :id AND retired_at IS NULL
    """
)
_MAKE = text(
    """
    INSERT INTO work.template (id, unit_id, kind, title, words, version, changed_at)
    VALUES (:id, :unit, :kind, :title, cast(:words AS text[]), 1, :at)
    """
)
_CHANGE = text(
    """
    UPDATE work.template SET kind = :kind, title = :title, words = cast(:words AS text[]),
      version = version + 1, changed_at = :at WHERE id = :id RETURNING version
    """
)
_TEXT = text(
    """
    INSERT INTO work.template_text (template_id, version, title, body, official_id, at)
    VALUES (:id, :version, :title, :body, :official, :at)
    """
)
_RETIRE = text("UPDATE work.template SET retired_at = :at, version = version + 1 WHERE id = :id")
_COLUMNS = """
t.id, t.kind, t.title, x.body, t.version, t.changed_at, u.code AS unit_code
"""
_LIST = f"""
SELECT {_COLUMNS} FROM work.template t JOIN tenancy.unit u ON u.id = t.unit_id
JOIN work.template_text x ON x.template_id = t.id AND x.version = t.version
WHERE t.retired_at IS NULL AND u.code = $1 AND ($2::text IS NULL OR t.kind = $2) AND t.words @> $3::text[]
ORDER BY t.title, t.id LIMIT $4
"""  # noqa: S608 - constants of this file
_FILL = """
SELECT x.body, r.code, h.name AS unit, w.name AS ward, c.name_vi AS category, r.id, r.citizen_id, r.ward_id,
  r.participants, r.state, tenancy.path_of(r.handler_id) AS handler_path
FROM work.template t JOIN work.template_text x ON x.template_id = t.id AND x.version = t.version
CROSS JOIN reports.report r JOIN tenancy.unit h ON h.id = r.handler_id JOIN tenancy.unit w ON w.id = r.ward_id
JOIN routing.category c ON c.code = r.category
WHERE t.id = $1 AND t.retired_at IS NULL AND r.code = $2
"""


class TemplateKind(StrEnum):
    """What a text is for: hỏi, trả lời, đóng."""

    QUESTION = "question"
    ANSWER = "answer"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class Template:
    """A template in its newest version."""

    id: UUID
    unit: str
    kind: TemplateKind
    title: str
    body: str
    version: int
    changed_at: datetime


def checked_body(value: str) -> str:
    """A body whose braces are places that there are. Raises InvalidInput."""
    body = checked_lines("body", value, MAX_TEXT)
    if _BRACE.search(_PLACE.sub("", body)):
        raise InvalidInput("body")
    return body


def filled(body: str, values: dict[str, str]) -> str:
    """The body with its places filled, once: what is filled in is not looked at again."""
    return _PLACE.sub(lambda place: values[place.group(1)], body)


class TemplateService:
    """Reads and changes of templates; one unit of work a method."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def templates(
        self, principal: OfficialPrincipal, unit: str, kind: TemplateKind | None, search: str | None
    ) -> tuple[Template, ...]:
        """A unit's templates in use by title; `search`: all these words, with or without diacritics.

        Of a unit that the person does not work for there are none. Raises InvalidInput, Forbidden.
        """
        wanted = list(words(search)) if search is not None else []
        async with self._database.read_scope(principal, _intent("template.list", Activity.READ)) as scope:
            if not is_unit_code(unit) or len(wanted) > 8:
                raise InvalidInput("search" if is_unit_code(unit) else "unit")
            rows = await scope.rows(_LIST, unit, kind, wanted, MOST_SHOWN)
            self._may_read(principal)
        return tuple(_template(row) for row in rows)

    async def fill(self, principal: OfficialPrincipal, template: UUID, code: str) -> str:
        """The template's text for one report of the person's units. Raises NotFound, Forbidden."""
        async with self._database.read_scope(principal, _intent("template.fill", Activity.READ)) as scope:
            self._may_read(principal)
            row = await scope.row(_FILL, template, code)
            if row is None:
                raise NotFound
            report = report_resource(
                row["id"],
                row["citizen_id"],
                tuple(row["handler_path"]),
                tuple(row["participants"]),
                row["ward_id"],
                row["state"],
            )
            self._policy.authorise(principal, "report.read", report, now=self._clock.now())
        return filled(row["body"], {place: row[place] for place in PLACES})

    async def save(
        self,
        principal: OfficialPrincipal,
        template: UUID | None,
        expected_version: int,
        unit: str,
        kind: TemplateKind,
        title: str,
        body: str,
        idempotency: Idempotency,
    ) -> UUID:
        """Make a template of a unit, or a new version of one (its `unit` stays).

        Raises InvalidInput, NotFound, Forbidden, VersionConflict, NameTaken, TooManyTemplates.
        """
        now = self._clock.now()
        async with self._database.unit_of_work(principal, _intent("template.save", Activity.UPDATE)) as work:
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return UUID(stored["id"])
            label, checked = checked_label("title", title, MAX_TITLE), checked_body(body)
            found = await (_of_unit(work, unit) if template is None else _locked(work, template))
            unit_id = found.id if template is None else found.unit_id
            code = found.code if template is None else found.unit_code
            decision = self._decide(principal, "template.save", unit_id, tuple(found.path))
            if template is not None and found.version != expected_version:
                raise VersionConflict(found.version)
            row: dict[str, Any] = {
                "id": template or self._new_id(),
                "unit": unit_id,
                "kind": kind.value,
                "title": label,
                "words": list(words(f"{label} {checked}")),
                "body": checked,
                "official": principal.official_id,
                "at": now,
            }
            await work.connection.execute(_ONE_BY_ONE, {"unit": unit_id})
            others = (await work.connection.execute(_OTHERS, row)).one()
            if others.taken:
                raise NameTaken
            if others.many >= MOST_TEMPLATES:
                raise TooManyTemplates(MOST_TEMPLATES)
            version = 1
            if template is None:
                await work.connection.execute(_MAKE, row)
            else:
                version = (await work.connection.execute(_CHANGE, row)).scalar_one()
            await work.connection.execute(_TEXT, {**row, "version": version})
            await self._done(work, idempotency, row["id"], code, decision)
            return UUID(str(row["id"]))

    async def retire(
        self, principal: OfficialPrincipal, template: UUID, expected_version: int, idempotency: Idempotency
    ) -> UUID:
        """Take a template out of use; its versions stay. Raises NotFound, Forbidden, VersionConflict."""
        now = self._clock.now()
        async with self._database.unit_of_work(
            principal, _intent("template.retire", Activity.UPDATE)
        ) as work:
            if await claim(work, idempotency, now) is not None:
                return template
            found = await _locked(work, template)
            decision = self._decide(principal, "template.retire", found.unit_id, tuple(found.path))
            if found.version != expected_version:
                raise VersionConflict(found.version)
            await work.connection.execute(_RETIRE, {"id": template, "at": now})
            await self._done(work, idempotency, template, found.unit_code, decision)
            return template

    async def _done(
        self, work: UnitOfWork, idempotency: Idempotency, template: UUID, unit: str, decision: Decision
    ) -> None:
        await keep(work, idempotency, {"id": str(template)})
        await work.record(
            replace(work.intent, resource=f"template:{template}", unit=unit, policies=decision.policies)
        )
        await work.commit()

    def _may_read(self, principal: OfficialPrincipal) -> None:
        unit = min(principal.units, default=principal.unit_id)
        self._decide(principal, "template.read", unit, (unit,))

    def _decide(
        self, principal: OfficialPrincipal, action: str, unit: int, path: tuple[int, ...]
    ) -> Decision:
        resource = Resource("Template", str(unit), {"unit": unit_ref(unit), "unit_path": unit_refs(path)})
        return self._policy.authorise(principal, action, resource, now=self._clock.now())


async def _of_unit(work: UnitOfWork, code: str) -> Any:
    """The unit of this code. Raises InvalidInput."""
    found = None
    if is_unit_code(code):
        found = (await work.connection.execute(_UNIT, {"code": code})).one_or_none()
    if found is None:
        raise InvalidInput("unit")
    return found


async def _locked(work: UnitOfWork, template: UUID) -> Any:
    """The template in use, locked, with its unit. Raises NotFound."""
    found = (await work.connection.execute(_TEMPLATE, {"id": template})).one_or_none()
    if found is None:
        raise NotFound
    return found


def _template(row: asyncpg.Record) -> Template:
    return Template(
        id=row["id"],
        unit=row["unit_code"],
        kind=TemplateKind(row["kind"]),
        title=row["title"],
        body=row["body"],
        version=row["version"],
        changed_at=row["changed_at"],
    )


def _intent(action: str, activity: Activity) -> AuditEvent:
    return AuditEvent(action, activity=activity)
