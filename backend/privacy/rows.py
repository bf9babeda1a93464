"""Rows of requests, as values."""

from typing import Any

import msgspec
from sqlalchemy import text

from backend.privacy.types import Ground, Kept, PrivacyRequest, RequestKind, RequestState

COLUMNS = (
    "id, kind, state, details, asked_at, reply_due_at, due_at, extended, replied_at, answered_at, reason,"
    " answer, version, CASE WHEN kind = 'delete' AND state = 'done'"
    " THEN (SELECT jsonb_agg(jsonb_build_object("
    "'code', k.code, 'data_vi', k.data_vi, 'data_en', k.data_en, 'basis', k.basis) ORDER BY k.code)::text"
    " FROM privacy.rules(platform.today()) k WHERE k.after_deletion) END AS kept"
)
REQUEST = text(f"SELECT {COLUMNS} FROM privacy.request WHERE id = :id")  # noqa: S608 - a constant
LOCKED = text(f"SELECT {COLUMNS} FROM privacy.request WHERE id = :id FOR UPDATE")  # noqa: S608 - as above


def request_of(row: Any) -> PrivacyRequest:
    """A request from a row of `COLUMNS`, a mapping."""
    return PrivacyRequest(
        id=row["id"],
        kind=RequestKind(row["kind"]),
        state=RequestState(row["state"]),
        details=row["details"],
        asked_at=row["asked_at"],
        reply_due_at=row["reply_due_at"],
        due_at=row["due_at"],
        extended=row["extended"],
        replied_at=row["replied_at"],
        answered_at=row["answered_at"],
        ground=None if row["reason"] is None else Ground(row["reason"]),
        answer=row["answer"],
        version=row["version"],
        kept=() if row["kept"] is None else msgspec.json.decode(row["kept"], type=tuple[Kept, ...]),
    )
