"""What stands against closing a report: parts of supporting units that are not done."""

from uuid import UUID

from sqlalchemy import text

from foundation.database.unit_of_work import UnitOfWork

_OPEN = text("SELECT work.has_open_parts(:report)")


class WorkParts:
    """Parts as `backend.reports.moves.Parts` asks for them."""

    async def open(self, work: UnitOfWork, report_id: UUID) -> bool:
        """Whether a part is open. The caller has locked the report, so none becomes so meanwhile."""
        return bool((await work.connection.execute(_OPEN, {"report": report_id})).scalar_one())
