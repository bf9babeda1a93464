"""The quarterly review (rà soát tài khoản): every account and its duties are looked at by somebody else."""

from sqlalchemy import text

from backend.officials.errors import NotOnReview
from backend.officials.limits import checked_note, checked_quarter
from backend.officials.service import Locked, OfficialService
from backend.officials.store import Noted
from backend.officials.types import ChangedOfficial, ReviewDecision
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal

_DECIDE = text(
    """
    UPDATE tenancy.review SET decision = :decision, reviewer_id = :reviewer, decided_at = :at, note = :note,
      reviewer_name = (SELECT o.name FROM tenancy.official o WHERE o.id = :reviewer)
    WHERE quarter = :quarter AND official_id = :official_id RETURNING true
    """
)


class ReviewService:
    """Decisions of a review. They change nothing themselves: what one asks for is an operation of its own."""

    def __init__(self, officials: OfficialService) -> None:
        self._officials = officials

    async def review(
        self,
        principal: OfficialPrincipal,
        code: str,
        quarter: str,
        decision: ReviewDecision,
        note: str | None,
        idempotency: Idempotency,
    ) -> ChangedOfficial:
        """Decide about one official; deciding again replaces the decision, and the history keeps both.

        Raises InvalidInput, NotOnReview. Nobody reviews himself.
        """

        async def change(locked: Locked) -> None:
            reason = None if note is None else checked_note(note)
            row = {
                "decision": decision.value,
                "reviewer": principal.official_id,
                "at": locked.now,
                "note": reason,
                "quarter": checked_quarter(quarter),
                "official_id": locked.official.id,
            }
            if (await locked.work.connection.execute(_DECIDE, row)).scalar() is None:
                raise NotOnReview
            await self._officials.note(locked, Noted(f"reviewed_{decision.value}", reason))

        return await self._officials.change(principal, "official.review", code, None, change, idempotency)
