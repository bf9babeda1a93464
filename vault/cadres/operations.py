"""The operations `cadre.…` as they are asked for inside a request: parameters in, results out."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from foundation.database.unit_of_work import UnitOfWork
from foundation.recording import Activity, AuditEvent
from vault.cadres import importing
from vault.cadres.checks import converted
from vault.cadres.glances import Query
from vault.cadres.looking import Look, Looking
from vault.cadres.service import HANOI, Cadres
from vault.cadres.types import CadreCode, CadreFile, Part, UnitCode
from vault.call.operations import Answer, Asked, Operation, Plain
from vault.records.service import said

First = Annotated[int, Meta(ge=1, le=50)]
Asked_ = Annotated[str, Meta(min_length=1, max_length=120)]
Version = Annotated[int, Meta(ge=1, le=2**53)]


class Put(Part, frozen=True, kw_only=True):
    """A new file of `tenant`'s, or the version after `version` of `record`."""

    file: CadreFile
    tenant: UnitCode | None = None
    record: UUID | None = None
    version: Version | None = None

    def __post_init__(self) -> None:
        new, next_ = self.tenant is not None, self.record is not None
        if new == next_ or next_ != (self.version is not None):
            raise ValueError("either tenant, or record and version")


class Open(Part, frozen=True, kw_only=True):
    """A file by its record."""

    record: UUID


class Delete(Part, frozen=True, kw_only=True):
    """A file that is still at `version`."""

    record: UUID
    version: Version


class Place(Part, frozen=True, kw_only=True):
    """Where a page of a list ends."""

    key: Annotated[str, Meta(max_length=400)]
    record: UUID


class List(Part, frozen=True, kw_only=True):
    """A page of all files of `tenant`'s, or of all that may be opened."""

    tenant: UnitCode | None = None
    first: First = 20
    after: Place | None = None


class Find(Part, frozen=True, kw_only=True):
    """A look-up by at least one of name, code, unit, post."""

    name: Asked_ | None = None
    code: CadreCode | None = None
    unit: UnitCode | None = None
    post: Asked_ | None = None
    tenant: UnitCode | None = None
    first: First = 20

    def __post_init__(self) -> None:
        if self.name is self.code is self.unit is self.post is None:
            raise ValueError("nothing is asked for")


class Structure(Part, frozen=True, kw_only=True):
    """Figures of `tenant`'s files, or of all that may be opened."""

    tenant: UnitCode | None = None


class Import(Part, frozen=True, kw_only=True):
    """A part of a list as CSV. `dry_run` keeps nothing and says what would be."""

    tenant: UnitCode
    csv: Annotated[str, Meta(min_length=1, max_length=60_000)]
    dry_run: bool


def operations_of(cadres: Cadres) -> Mapping[str, Operation]:
    """All of them, by name."""

    async def put(asked: Asked, work: UnitOfWork) -> Answer:
        wanted = converted(asked.parameters, Put)
        if wanted.tenant is not None:
            return said(await cadres.put_new(asked, work, wanted.tenant, wanted.file))
        if wanted.record is None or wanted.version is None:
            raise TypeError("checked by Put")
        return said(await cadres.put_next(asked, work, wanted.record, wanted.version, wanted.file))

    async def open_(asked: Asked, work: UnitOfWork) -> Answer:
        kept = await cadres.records.open(asked, work, converted(asked.parameters, Open).record)

        async def answer() -> Plain:
            content = await cadres.records.plain(kept)
            place = content.place
            head = {
                "record": str(place.record),
                "tenant": place.tenant,
                "version": place.version,
                "schema": place.schema,
                "at": content.at,
            }
            return Plain((msgspec.json.encode(head)[:-1], b',"file":', content.plain, b"}"))

        return answer

    async def history(asked: Asked, work: UnitOfWork) -> Answer:
        past = await cadres.records.history(asked, work, converted(asked.parameters, Open).record)
        versions = [
            {"version": one.version, "at": one.at.isoformat(), "by": one.by, "octets": one.octets}
            for one in past
        ]
        return said({"versions": versions})

    async def delete(asked: Asked, work: UnitOfWork) -> Answer:
        wanted = converted(asked.parameters, Delete)
        return said(await cadres.records.delete(asked, work, wanted.record, wanted.version))

    return {
        **_looking(cadres, Looking(cadres.records)),
        "cadre.put": _operation("cadre.put", Activity.UPDATE, Put, put),
        "cadre.open": _operation("cadre.open", Activity.READ, Open, open_),
        "cadre.history": _operation("cadre.history", Activity.READ, Open, history),
        "cadre.delete": _operation("cadre.delete", Activity.DELETE, Delete, delete),
    }


def _looking(cadres: Cadres, looking: Looking) -> Mapping[str, Operation]:
    async def list_(asked: Asked, work: UnitOfWork) -> Answer:
        wanted = converted(asked.parameters, List)
        look = await looking.begin(asked, work, "cadre.list", wanted.tenant)
        after = None if wanted.after is None else (wanted.after.key, str(wanted.after.record))

        async def answer() -> Plain:
            shown, more = await looking.first(look, wanted.first, lambda _: True, after)
            key, record = shown[-1].place if more else ("", "")
            return _plain(
                {
                    "files": [seen.shown() for seen in shown],
                    "next": {"key": key, "record": record} if more else None,
                }
            )

        return answer

    async def find(asked: Asked, work: UnitOfWork) -> Answer:
        wanted = converted(asked.parameters, Find)
        look = await looking.begin(asked, work, "cadre.find", wanted.tenant)
        query = Query(wanted.name, wanted.code, wanted.unit, wanted.post)

        async def answer() -> Plain:
            shown, more = await looking.find(look, query, wanted.first)
            return _plain({"files": [seen.shown() for seen in shown], "more": more})

        return answer

    async def structure(asked: Asked, work: UnitOfWork) -> Answer:
        wanted = converted(asked.parameters, Structure)
        look = await looking.begin(asked, work, "cadre.structure", wanted.tenant)

        async def answer() -> dict[str, Any]:
            return await looking.structure(look)

        return answer

    async def import_(asked: Asked, work: UnitOfWork) -> Answer:
        wanted = converted(asked.parameters, Import)
        rows = importing.read(wanted.csv, asked.at.astimezone(HANOI).date())
        told = {
            "good": len(rows.good),
            "bad": [{"row": row, "field": field} for row, field in rows.bad],
        }
        if wanted.dry_run or rows.bad:
            look = await looking.begin(asked, work, "cadre.import", wanted.tenant)
            codes = {file.code: row for row, file in rows.good}

            async def answer() -> dict[str, Any]:
                found = [codes[code] async for code in _codes(looking, look) if code in codes]
                return {**told, "imported": 0, "records": [], "known": sorted(found)}

            return answer
        kept = await cadres.put_all(asked, work, wanted.tenant, [file for _, file in rows.good])
        return said({**told, **kept, "known": []})

    return {
        "cadre.list": _operation("cadre.list", Activity.READ, List, list_),
        "cadre.find": _operation("cadre.find", Activity.READ, Find, find),
        "cadre.structure": _operation("cadre.structure", Activity.READ, Structure, structure),
        "cadre.import": _operation("cadre.import", Activity.CREATE, Import, import_),
    }


async def _codes(looking: Looking, look: Look) -> AsyncIterator[str]:
    async for batch in looking.batches(look):
        for seen in batch:
            yield seen.glance.code


def _plain(result: dict[str, Any]) -> Plain:
    """Wiped once sealed; the words that it was made of go when their memory is used again."""
    return Plain((bytearray(msgspec.json.encode(result)),))


def _operation(name: str, activity: Activity, kind: type[Part], run: Any) -> Operation:
    def check(parameters: dict[str, Any]) -> None:
        converted(parameters, kind)

    return Operation(AuditEvent(name, activity=activity), check, run)
