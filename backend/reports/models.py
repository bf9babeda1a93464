"""The report aggregate as it is written. Reads are in `queries.py`."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, FetchedValue, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Tables of this feature that are written through SQLAlchemy."""

    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True)}


class ReportRow(Base):
    """reports.report. The trigger keeps `participants` and `visible_units`; nobody else writes them."""

    __tablename__ = "report"
    __table_args__ = {"schema": "reports"}  # noqa: RUF012 - SQLAlchemy declares it so

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    citizen_id: Mapped[UUID]
    category: Mapped[str]
    ward_id: Mapped[int]
    h3_cell: Mapped[int | None] = mapped_column(BigInteger)
    place: Mapped[str]
    body: Mapped[str]
    state: Mapped[str]
    handler_id: Mapped[int]
    participants: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default=FetchedValue())
    routing_reason: Mapped[dict[str, Any]] = mapped_column(JSONB)
    answer: Mapped[str | None]
    closing_reason: Mapped[str | None]
    legal_reason: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    reopened_at: Mapped[datetime | None]
    merged_into: Mapped[UUID | None]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class TimelineRow(Base):
    """reports.timeline."""

    __tablename__ = "timeline"
    __table_args__ = {"schema": "reports"}  # noqa: RUF012 - SQLAlchemy declares it so

    id: Mapped[UUID] = mapped_column(primary_key=True)
    report_id: Mapped[UUID]
    version: Mapped[int]
    at: Mapped[datetime]
    kind: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    from_unit_id: Mapped[int | None]
    to_unit_id: Mapped[int]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    note: Mapped[str | None]
    stars: Mapped[int | None]
