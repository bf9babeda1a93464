"""The statements of the hourly job, run as backend_publisher."""

from sqlalchemy import text

MARK = text(
    """
    INSERT INTO statistics.mark (taken_until) VALUES (:first)
    ON CONFLICT (only_row) DO UPDATE SET taken_until = mark.taken_until RETURNING taken_until
    """
)
MOVE_MARK = text("UPDATE statistics.mark SET taken_until = :until")
TAKE_IN = text(
    """
    INSERT INTO statistics.waiting (dimension, report_id, reporter, since, ward_id, cell, category)
    SELECT d.name, r.id, coalesce(r.citizen_id, statistics.unknown()), r.created_at,
      CASE d.name WHEN 'place' THEN r.ward_id END, CASE d.name WHEN 'place' THEN r.h3_cell END,
      CASE d.name WHEN 'category' THEN r.category END
    FROM reports.report r CROSS JOIN (VALUES ('place'), ('category')) d(name)
    WHERE r.created_at > '-infinity' AND r.created_at >= :since AND r.created_at < :until
    ON CONFLICT (dimension, report_id) DO NOTHING
    """
)
# What was merged into another report waits on: the same thing is one, until they are taken apart.
WAITING = text(
    """
    SELECT report_id, reporter, since, ward_id, cell, category, unit_id, points FROM statistics.waiting
    WHERE dimension = :dimension AND (dimension NOT IN ('place', 'category') OR NOT EXISTS (
      SELECT FROM reports.report r WHERE r.id = report_id AND r.merged_into IS NOT NULL))
    """
)
BATCH = text(
    """
    INSERT INTO statistics.batch (dimension, at, ward_id, cell, category, unit_id, reports, points)
    VALUES (:dimension, :at, :ward, :cell, :category, :unit, :reports, :points)
    """
)
GONE = text(
    "DELETE FROM statistics.waiting"
    " WHERE dimension = :dimension AND report_id = ANY(cast(:reports AS uuid[]))"
)
FORGET = text("DELETE FROM statistics.batch WHERE at < :than")
CLEAR = tuple(
    text(f"DELETE FROM published.{table}")  # noqa: S608 - names of this line
    for table in ("edition", "category", "ward", "place", "unit", "document")
)
EDITION = text("INSERT INTO published.edition (made_at) VALUES (:now)")

_COUNTS = """
  coalesce(sum(b.reports) FILTER (WHERE b.at > :begin AND b.at <= :now), 0)::int AS reports,
  coalesce(sum(b.reports) FILTER (WHERE b.at <= :begin), 0)::int AS before
"""
OF_CATEGORIES = text(
    f"""
    SELECT k.code, k.name_vi, k.name_en, {_COUNTS}
    FROM statistics.batch b JOIN routing.category k ON k.code = b.category
    WHERE b.dimension = 'category' AND b.at > :before GROUP BY k.code, k.name_vi, k.name_en
    """  # noqa: S608 - constants of this file
)
# What is of no ward is of the city.
OF_WARDS = text(
    f"""
    SELECT u.code, u.name, {_COUNTS}
    FROM statistics.batch b JOIN tenancy.unit u
      ON u.id = b.ward_id OR (b.ward_id IS NULL AND u.kind = 'city' AND u.parent_id IS NULL)
    WHERE b.dimension = 'place' AND b.at > :before GROUP BY u.code, u.name
    """  # noqa: S608 - constants of this file
)
OF_PLACES = text(
    f"""
    SELECT u.code AS ward_code, b.cell, {_COUNTS}
    FROM statistics.batch b JOIN tenancy.unit u ON u.id = b.ward_id
    WHERE b.dimension = 'place' AND b.at > :before AND b.cell IS NOT NULL GROUP BY u.code, b.cell
    ORDER BY u.code, b.cell
    """  # noqa: S608 - constants of this file
)
OF_UNITS = text(
    """
    SELECT u.code, u.name,
      coalesce(sum(b.points) FILTER (WHERE b.dimension = 'deadline'), 0)::int AS on_time,
      coalesce(sum(b.reports) FILTER (WHERE b.dimension = 'deadline'), 0)::int AS deadlines,
      coalesce(sum(b.points) FILTER (WHERE b.dimension = 'rating'), 0)::int AS points,
      coalesce(sum(b.reports) FILTER (WHERE b.dimension = 'rating'), 0)::int AS ratings
    FROM statistics.batch b JOIN tenancy.unit u ON u.id = b.unit_id
    WHERE b.dimension IN ('deadline', 'rating') AND b.at > :begin GROUP BY u.code, u.name
    """
)
CATEGORY = text(
    "INSERT INTO published.category (code, name_vi, name_en, reports, before)"
    " VALUES (:code, :name_vi, :name_en, :reports, :before)"
)
WARD = text(
    "INSERT INTO published.ward (code, name, reports, before) VALUES (:code, :name, :reports, :before)"
)
PLACE = text(
    "INSERT INTO published.place (ward_code, cell, resolution, latitude, longitude, reports, before)"
    " VALUES (:ward_code, :cell, :resolution, :latitude, :longitude, :reports, :before)"
)
UNIT = text(
    "INSERT INTO published.unit (code, name, on_time_percent, deadlines, satisfaction, ratings)"
    " VALUES (:code, :name, :on_time_percent, :deadlines, :satisfaction, :ratings)"
)
DOCUMENT = text("INSERT INTO published.document (name, octets, digest) VALUES (:name, :octets, :digest)")
