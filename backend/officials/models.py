"""The official as he is written. Reads are in `queries.py`."""

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import Date, DateTime, FetchedValue
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Tables of this feature that are written through SQLAlchemy."""

    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True), date: Date()}


class OfficialRow(Base):
    """tenancy.official. `subject` is the directory's to tell, days of activity are noted by a function."""

    __tablename__ = "official"
    __table_args__ = {"schema": "tenancy"}  # noqa: RUF012 - SQLAlchemy declares it so

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    issuer: Mapped[str]
    subject: Mapped[str | None] = mapped_column(server_default=FetchedValue())
    name: Mapped[str]
    family_name: Mapped[str | None]
    given_name: Mapped[str | None]
    name_key: Mapped[str]
    search_text: Mapped[str]
    username: Mapped[str | None]
    email: Mapped[str | None]
    unit_id: Mapped[int]
    state: Mapped[str]
    created_on: Mapped[date]
    activated_on: Mapped[date | None] = mapped_column(server_default=FetchedValue())
    version: Mapped[int]
