"""Who may do what with the files of a report: rows under row-level security, then the policies."""

from typing import Any

from backend.media.types import Content, Media, MediaKind, MediaState
from backend.reports.types import report_resource
from foundation.policy.entities import Resource


def resource_of(row: Any) -> Resource:
    """The report behind a row, as the policies see it."""
    return report_resource(
        row["report_id"],
        row["citizen_id"],
        tuple(row["handler_path"]),
        tuple(row["participants"]),
        row["ward_id"],
        row["report_state"],
    )


def released_resource(row: Any) -> Resource:
    """A file as anybody sees it: only whether it is released."""
    return Resource("Media", str(row["id"]), {"state": row["state"]})


def media_of(row: Any, report_code: str) -> Media:
    """A row as a value; `media_version` is the file's own, for a report's stands in the same rows."""
    return Media(
        id=row["id"],
        report_code=report_code,
        kind=MediaKind(row["kind"]),
        state=MediaState(row["state"]),
        content=Content(row["content"]),
        width=row["width"],
        height=row["height"],
        octets=row["octets"],
        created_at=row["created_at"],
        version=row["media_version"],
    )
