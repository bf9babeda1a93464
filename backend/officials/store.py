"""How an official is locked and written: the row, its duties, who changed what, and ends of sessions."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text

from backend.officials.errors import DutyOverlap, NoSuchDuty, UnknownUnit
from backend.officials.models import OfficialRow
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import Forbidden, NotFound
from foundation.identity.principal import OfficialPrincipal, SystemPrincipal
from foundation.ids import NewId

_UNIT = text(
    """
    SELECT id, code, name, kind, tenancy.whole_path_of(id) AS path FROM tenancy.unit
    WHERE code = :code AND (ended_on IS NULL OR ended_on > :day)
    """
)
_UNIT_OF_ID = text(
    "SELECT id, code, name, kind, tenancy.whole_path_of(id) AS path FROM tenancy.unit WHERE id = :id"
)
_CHANGE = text(
    """
    INSERT INTO tenancy.official_change (id, official_id, version, at, actor_kind, actor_id, actor_name, kind,
                                         unit_id, duty, from_day, until_day, note)
    VALUES (:id, :official_id, :version, :at, :actor_kind, cast(:actor_id AS uuid),
            coalesce((SELECT o.name FROM tenancy.official o WHERE o.id = cast(:actor_id AS uuid)),
                     cast(:actor_name AS text)),
            :kind, :unit_id, :duty, :from_day, :until_day, :note)
    """
)
# A row whose last day is the day before its first was taken back: it overlaps with nothing.
_OVERLAP = text(
    """
    SELECT EXISTS (
      SELECT FROM tenancy.duty
      WHERE official_id = :official_id AND unit_id = :unit_id AND kind = :kind
        AND (until_day IS NULL OR until_day >= greatest(from_day, cast(:first AS date)))
        AND (cast(:last AS date) IS NULL OR from_day <= cast(:last AS date)))
    """
)
_GIVE = text(
    """
    INSERT INTO tenancy.duty (id, official_id, unit_id, kind, from_day, until_day)
    VALUES (:id, :official_id, :unit_id, :kind, :first, :last)
    ON CONFLICT (official_id, unit_id, kind, from_day) DO UPDATE SET until_day = excluded.until_day
    """
)
_END = text(
    """
    UPDATE tenancy.duty SET until_day = greatest(from_day - 1, cast(:last AS date))
    WHERE official_id = :official_id AND (cast(:unit_id AS int) IS NULL OR unit_id = :unit_id)
      AND (cast(:kind AS text) IS NULL OR kind = :kind)
      AND (until_day IS NULL OR until_day > greatest(from_day - 1, cast(:last AS date)))
    RETURNING unit_id, kind, from_day, until_day
    """
)
_LEFT = text(
    """
    SELECT EXISTS (
      SELECT FROM tenancy.duty WHERE official_id = :official_id
        AND (until_day IS NULL OR until_day > greatest(from_day - 1, cast(:last AS date))))
    """
)
# By person alone: all sessions begun until now.
_END_SESSIONS = text(
    """
    INSERT INTO identity.session_end (event_id, iss, sub, ended_at, cause)
    VALUES (:event_id, :iss, :sub, :at, :cause)
    """
)


@dataclass(frozen=True, slots=True)
class UnitPath:
    """A unit and its inner ids up to the top of its tree, itself first."""

    id: int
    code: str
    name: str
    kind: str
    path: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Noted:
    """One line of who changed what."""

    kind: str
    note: str | None = None
    unit_id: int | None = None
    duty: str | None = None
    from_day: date | None = None
    until_day: date | None = None


async def lock(work: UnitOfWork, code: str) -> OfficialRow:
    """The official, locked until the unit of work ends; unlocked when he may be seen but not changed.

    Row-level security hides from FOR UPDATE what may not be updated; the policy, asked next, then
    refuses with a better answer than "not found". Raises NotFound for hidden and absent alike.
    """
    query = select(OfficialRow).where(OfficialRow.code == code)
    official = (await work.session.scalars(query.with_for_update())).one_or_none()
    if official is None:
        official = (await work.session.scalars(query)).one_or_none()
    if official is None:
        raise NotFound
    return official


async def unit_of(work: UnitOfWork, code: str, day: date) -> UnitPath:
    """A unit that is there on a day. Raises UnknownUnit for ended, hidden and absent alike."""
    row = (await work.connection.execute(_UNIT, {"code": code, "day": day})).one_or_none()
    if row is None:
        raise UnknownUnit(code)
    return UnitPath(row.id, row.code, row.name, row.kind, tuple(row.path))


async def unit_of_id(work: UnitOfWork, unit_id: int) -> UnitPath:
    """The unit of an official. Raises NotFound when it is hidden: then so is he."""
    row = (await work.connection.execute(_UNIT_OF_ID, {"id": unit_id})).one_or_none()
    if row is None:
        raise NotFound
    return UnitPath(row.id, row.code, row.name, row.kind, tuple(row.path))


async def note_change(
    work: UnitOfWork, official_id: UUID, version: int, noted: Noted, new_id: NewId, at: datetime
) -> None:
    """Write who changed what, in the transaction of the change."""
    principal = work.principal
    by_job = isinstance(principal, SystemPrincipal)
    await work.connection.execute(
        _CHANGE,
        {
            "id": new_id(),
            "official_id": official_id,
            "version": version,
            "at": at,
            "actor_kind": "system" if by_job else "official",
            "actor_id": principal.official_id if isinstance(principal, OfficialPrincipal) else None,
            "actor_name": principal.name if isinstance(principal, SystemPrincipal) else None,
            "kind": noted.kind,
            "unit_id": noted.unit_id,
            "duty": noted.duty,
            "from_day": noted.from_day,
            "until_day": noted.until_day,
            "note": noted.note,
        },
    )


async def give_duty(
    work: UnitOfWork,
    official_id: UUID,
    unit_id: int,
    kind: str,
    days: tuple[date, date | None],
    new_id: NewId,
) -> None:
    """Write a duty. Raises DutyOverlap."""
    place = {"official_id": official_id, "unit_id": unit_id, "kind": kind, "first": days[0], "last": days[1]}
    if (await work.connection.execute(_OVERLAP, place)).scalar():
        raise DutyOverlap
    await work.connection.execute(_GIVE, {"id": new_id(), **place})


async def end_duty(
    work: UnitOfWork, official_id: UUID, unit_id: int, kind: str, last: date
) -> tuple[date, date]:
    """End a duty of a kind in a unit, those to come too: days of the latest. Raises NoSuchDuty."""
    place = {"official_id": official_id, "unit_id": unit_id, "kind": kind, "last": last}
    rows = (await work.connection.execute(_END, place)).all()
    if not rows:
        raise NoSuchDuty
    latest = max(rows, key=lambda row: row.from_day)
    return latest.from_day, latest.until_day


async def end_all_duties(work: UnitOfWork, official_id: UUID, today: date) -> None:
    """End every duty at once. Raises Forbidden when one lies where the caller administers nobody."""
    place = {"official_id": official_id, "unit_id": None, "kind": None, "last": today - timedelta(days=1)}
    await work.connection.execute(_END, place)
    if (await work.connection.execute(_LEFT, {"official_id": official_id, "last": place["last"]})).scalar():
        raise Forbidden


async def end_sessions(
    work: UnitOfWork, official: OfficialRow, cause: str, at: datetime, new_id: NewId
) -> None:
    """End every session begun until now: out at the next request, and dead for ever."""
    if official.subject is not None:
        row = {"event_id": f"officials:{new_id()}", "iss": official.issuer, "sub": official.subject}
        await work.connection.execute(_END_SESSIONS, {**row, "at": at, "cause": cause})
