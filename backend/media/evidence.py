"""What was done, to be seen: the files that the unit has put to a report."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from foundation.database.unit_of_work import UnitOfWork

_SHOWN = text("SELECT media.has_evidence(:report, :since)")


class MediaEvidence:
    """A photo or a document in one of the unit's places."""

    async def shown(self, work: UnitOfWork, report_id: UUID, since: datetime) -> bool:
        """Whether there is one, added at `since` or later."""
        return bool((await work.connection.execute(_SHOWN, {"report": report_id, "since": since})).scalar())
