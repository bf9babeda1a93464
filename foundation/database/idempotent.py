"""Answers kept for 24 h, so that a repeated mutation has one effect and one answer."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import text

from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import IdempotencyMismatch
from foundation.idempotency import Idempotency

KEPT = timedelta(hours=24)

# A second caller with the same key waits here until the first one's transaction has ended.
_CLAIM = text(
    """
    INSERT INTO platform.idempotency AS i (subject, operation, key, body_digest, created_at)
    VALUES (nullif(current_setting('ioc.subject', true), '')::uuid, :operation, :key, :digest, :now)
    ON CONFLICT (subject, operation, key) DO UPDATE
      SET body_digest = excluded.body_digest, answer = NULL, created_at = excluded.created_at
      WHERE i.created_at < :expired
    RETURNING true
    """
)
_STORED = text(
    """
    SELECT body_digest, answer FROM platform.idempotency
    WHERE subject = nullif(current_setting('ioc.subject', true), '')::uuid
      AND operation = :operation AND key = :key
    """
)
_KEEP = text(
    """
    UPDATE platform.idempotency SET answer = cast(:answer AS jsonb)
    WHERE subject = nullif(current_setting('ioc.subject', true), '')::uuid
      AND operation = :operation AND key = :key
    """
)


async def claim(work: UnitOfWork, idempotency: Idempotency, now: datetime) -> dict[str, Any] | None:
    """Claim the key for this unit of work, or hand out the answer of an earlier one.

    Returns None when the work is to be done (end it with `keep`), else the stored answer.
    Raises IdempotencyMismatch when the key was used for another body.
    """
    place = {"operation": work.intent.action, "key": idempotency.key}
    claimed = await work.connection.execute(
        _CLAIM, {**place, "digest": idempotency.body_digest, "now": now, "expired": now - KEPT}
    )
    if claimed.scalar() is True:
        return None
    digest, answer = (await work.connection.execute(_STORED, place)).one()
    if bytes(digest) != idempotency.body_digest:
        raise IdempotencyMismatch
    stored: dict[str, Any] = answer if isinstance(answer, dict) else msgspec.json.decode(answer)
    return stored


async def keep(work: UnitOfWork, idempotency: Idempotency, answer: dict[str, Any]) -> None:
    """Keep the answer, in the transaction of the effect."""
    await work.connection.execute(
        _KEEP,
        {
            "operation": work.intent.action,
            "key": idempotency.key,
            "answer": msgspec.json.encode(answer).decode(),
        },
    )
