"""Cadre files as records: what is written is checked first, and kept as one JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from foundation.database.unit_of_work import UnitOfWork
from foundation.recording import Activity, AuditEvent
from vault.cadres import checks
from vault.cadres.types import SCHEMA, CadreFile
from vault.call.operations import Asked
from vault.keyring.memory import wiped
from vault.keyring.types import Class
from vault.records.gate import holding
from vault.records.service import Kind, Records

CADRE = Kind(name="cadre", entity="CadreFile", class_=Class.PARTY, schema=SCHEMA)
HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True)
class Cadres:
    """Keeps and shows cadre files. `records` are those of the kind CADRE."""

    records: Records

    async def put_new(self, asked: Asked, work: UnitOfWork, tenant: str, file: CadreFile) -> dict[str, Any]:
        """A new file of a unit's. Raises InvalidInput, and as Records.put_new."""
        with wiped(self._written(asked, file)) as content:
            return await self.records.put_new(asked, work, tenant, content)

    async def put_next(
        self, asked: Asked, work: UnitOfWork, record: UUID, version: int, file: CadreFile
    ) -> dict[str, Any]:
        """The version after `version`. Raises InvalidInput, and as Records.put_next."""
        with wiped(self._written(asked, file)) as content:
            return await self.records.put_next(asked, work, record, version, content)

    async def put_all(
        self, asked: Asked, work: UnitOfWork, tenant: str, files: Sequence[CadreFile]
    ) -> dict[str, Any]:
        """New files of a unit's, all or none. Raises Forbidden, Changing, and as Gate.admit."""
        action, records = "cadre.import", self.records
        admitted = await records.admit(asked, work)
        stored = await records.results.claim(asked, action, work.connection)
        if stored is not None:
            await work.record(AuditEvent(action, activity=Activity.READ))
            return stored
        decision = records.policies.authorise(
            admitted.described, action, holding(tenant, CADRE.class_), now=asked.at
        )
        kept = list[str]()
        for file in files:
            with wiped(self._written(asked, file)) as content:
                result, _ = await records.added(asked, work, admitted, tenant, content)
            kept.append(result["record"])
        said = {"imported": len(kept), "records": kept}
        await records.results.keep(asked, action, work.connection, tenant, CADRE.class_, said)
        await work.record(
            AuditEvent(
                action,
                activity=Activity.CREATE,
                unit=tenant,
                policies=decision.policies,
                others=tuple(f"{CADRE.name}:{record}" for record in kept),
            )
        )
        return said

    def _written(self, asked: Asked, file: CadreFile) -> bytearray:
        checks.check(file, asked.at.astimezone(HANOI).date())
        content = bytearray()
        msgspec.json.Encoder().encode_into(file, content)
        return content
