"""The statements behind `queries.py`. Every one has bind parameters (see foundation.database.read_scope).

Lists read the narrow visibility table per unit, newest first, and join at most a page of reports:
constant work for a small and a large unit, on the first page and on any other.
"""

from dataclasses import dataclass
from uuid import UUID

_COLUMNS = """
r.id, r.code, r.citizen_id, r.category, r.ward_id, r.handler_id, r.place, r.body, r.state, r.participants,
r.answer, r.closing_reason, r.legal_reason, r.closed_at, r.reopened_at,
reports.main_facts(r.merged_into) AS joined,
(SELECT count(*) FROM reports.report m WHERE m.merged_into = r.id) AS merged_count,
r.routing_reason ->> 'rule' AS routing_rule, r.version, r.created_at,
r.updated_at, w.code AS ward_code, w.name AS ward_name, h.code AS handler_code, h.name AS handler_name
"""
_UNITS = "JOIN tenancy.unit w ON w.id = r.ward_id JOIN tenancy.unit h ON h.id = r.handler_id"

# By (reader, code): a hidden and an absent code are the same miss in the same index.
ONE = f"""
SELECT {_COLUMNS}, tenancy.path_of(r.handler_id) AS handler_path
FROM (SELECT k.report_id FROM reports.report_by_reader k
      WHERE k.reader = ANY($2::uuid[]) AND k.code = $1 LIMIT 1) seen
JOIN reports.report r ON r.id = seen.report_id {_UNITS}
"""  # noqa: S608 - constants of this file
CITY_ONE = f"""
SELECT {_COLUMNS}, tenancy.path_of(r.handler_id) AS handler_path
FROM reports.report r {_UNITS} WHERE r.code = $1
"""  # noqa: S608 - constants of this file
# Of many codes: each is looked up as ONE looks up its own.
MANY = f"""
SELECT {_COLUMNS}, tenancy.path_of(r.handler_id) AS handler_path
FROM unnest($1::text[]) asked(code) CROSS JOIN LATERAL (
  SELECT k.report_id FROM reports.report_by_reader k
  WHERE k.reader = ANY($2::uuid[]) AND k.code = asked.code LIMIT 1) seen
JOIN reports.report r ON r.id = seen.report_id {_UNITS}
"""  # noqa: S608 - constants of this file
CITY_MANY = f"""
SELECT {_COLUMNS}, tenancy.path_of(r.handler_id) AS handler_path
FROM reports.report r {_UNITS} WHERE r.code = ANY($1::text[])
"""  # noqa: S608 - constants of this file
# The timeline is cut by months of its ids (uuidv7). A report's entries are not older than the report
# (`since_of`, a bind parameter) nor newer than tomorrow: without both, every month there is is looked into.
_UNTIL = """
(lpad(to_hex(((extract(epoch FROM now()) + 86400) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
"""
TIMELINES = f"""
SELECT asked.id AS report_id, entry.*
FROM unnest($1::uuid[], $3::uuid[]) asked(id, since) CROSS JOIN LATERAL (
  SELECT t.version, t.at, t.kind, t.from_state, t.to_state, t.actor_kind, t.note, t.stars,
         u.code AS unit_code, u.name AS unit_name
  FROM reports.timeline t JOIN tenancy.unit u ON u.id = t.to_unit_id
  WHERE t.report_id = asked.id AND t.id >= asked.since AND t.id < {_UNTIL} ORDER BY t.version LIMIT $2) entry
ORDER BY asked.id, entry.version
"""  # noqa: S608 - constants of this file
TIMELINE = f"""
SELECT t.version, t.at, t.kind, t.from_state, t.to_state, t.actor_kind, t.note, t.stars,
       u.code AS unit_code, u.name AS unit_name
FROM reports.timeline t JOIN tenancy.unit u ON u.id = t.to_unit_id
WHERE t.report_id = $1 AND t.id >= $3 AND t.id < {_UNTIL} ORDER BY t.version LIMIT $2
"""  # noqa: S608 - constants of this file
PUBLIC = """
SELECT code, category, ward_code, ward_name, handler_code, handler_name, state, closing_reason,
       created_at, updated_at, merged_into
FROM reports.public_report WHERE code = $1
"""
PUBLIC_TIMELINE = """
SELECT version, at, kind, to_state, unit_code, unit_name
FROM reports.public_timeline WHERE code = $1 ORDER BY version LIMIT $2
"""
LEGAL_REASONS = """
SELECT code, closing_reason, name_vi, name_en, basis FROM reports.legal_reason
WHERE from_day <= $1 AND (until_day IS NULL OR until_day >= $1) ORDER BY position, code LIMIT $2
"""
# As in backend/tenancy/queries.py: all units are read, whatever is asked: a hidden one costs no page more.
UNIT_IDS = "SELECT id FROM tenancy.unit WHERE code || '' = ANY($1::text[])"


def since_of(report_id: UUID) -> UUID:
    """The least id that an entry of this report's timeline can have, with a day for clocks that differ."""
    milliseconds = report_id.int >> 80
    return UUID(int=max(milliseconds - 86_400_000, 0) << 80)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list newest first: its first page, and a page after a position.

    Two statements, for `$n IS NULL OR (at, id) < ($n, …)` is no index condition once its plan is kept:
    page 1,000 would read the 999 before it.
    """

    first: str
    after: str


# Named by partial indexes: only a statement that wants every report of a list may walk that list's index.
# With a filter of its own a plan that walks it and throws away the rest is not to be had (migration 0007).
_EVERY = "created_at > '-infinity'"
# All units are a few pages: read once, not looked up twice a row.
_UNITS_ONCE = "WITH units AS MATERIALIZED (SELECT id, code, name FROM tenancy.unit)"
_JOIN_UNITS = "JOIN units w ON w.id = r.ward_id JOIN units h ON h.id = r.handler_id"


def _own(position: str, limit: int) -> str:
    return f"""
    {_UNITS_ONCE} SELECT {_COLUMNS} FROM (
      SELECT * FROM reports.report c WHERE c.citizen_id = $1 {position}
      ORDER BY c.created_at DESC, c.id DESC LIMIT ${limit}) r {_JOIN_UNITS}
    ORDER BY r.created_at DESC, r.id DESC
    """  # noqa: S608 - constants of this file


def _of_units(filters: str, limit: int) -> str:
    """LATERAL per unit: as many index entries a unit as a page has rows, merged."""
    return f"""
    {_UNITS_ONCE} SELECT {_COLUMNS} FROM (
      SELECT DISTINCT x.created_at, x.report_id FROM unnest($1::int[]) u(unit_id) CROSS JOIN LATERAL (
        SELECT v.created_at, v.report_id FROM reports.report_visibility v
        WHERE v.unit_id = u.unit_id AND {filters}
        ORDER BY v.created_at DESC, v.report_id DESC LIMIT ${limit}) x
      ORDER BY x.created_at DESC, x.report_id DESC LIMIT ${limit}) page
    JOIN reports.report r ON r.id = page.report_id {_JOIN_UNITS}
    ORDER BY page.created_at DESC, page.report_id DESC
    """  # noqa: S608 - constants of this file


def _of_city(filters: str, limit: int) -> str:
    return f"""
    {_UNITS_ONCE} SELECT {_COLUMNS} FROM (
      SELECT * FROM reports.report c WHERE {filters}
      ORDER BY c.created_at DESC, c.id DESC LIMIT ${limit}) r {_JOIN_UNITS}
    ORDER BY r.created_at DESC, r.id DESC
    """  # noqa: S608 - constants of this file


MINE = Listing(_own("", 2), _own("AND (c.created_at, c.id) < ($2::timestamptz, $3::uuid)", 4))
UNIT_LIST = Listing(
    _of_units(f"v.{_EVERY}", 2),
    _of_units(f"v.{_EVERY} AND (v.created_at, v.report_id) < ($2::timestamptz, $3::uuid)", 4),
)
UNIT_STATE_LIST = Listing(
    _of_units("v.state = $2", 3),
    _of_units("v.state = $2 AND (v.created_at, v.report_id) < ($3::timestamptz, $4::uuid)", 5),
)
CITY_LIST = Listing(
    _of_city(f"c.{_EVERY}", 1),
    _of_city(f"c.{_EVERY} AND (c.created_at, c.id) < ($1::timestamptz, $2::uuid)", 3),
)
CITY_STATE_LIST = Listing(
    _of_city("c.state = $1", 2),
    _of_city("c.state = $1 AND (c.created_at, c.id) < ($2::timestamptz, $3::uuid)", 4),
)


def _search(function: str) -> Listing:
    """Ids by words ($2) and state ($3), newest first; row-level security decides on each report again."""
    found = f"""
    {_UNITS_ONCE} SELECT {_COLUMNS}
    FROM {function}($1::int[], $2::text[], $3::text, %s) found(report_id)
    JOIN reports.report r ON r.id = found.report_id {_JOIN_UNITS}
    ORDER BY r.created_at DESC, r.id DESC
    """  # noqa: S608 - constants of this file
    return Listing(found % "NULL, NULL, $4", found % "$4::timestamptz, $5::uuid, $6")


UNIT_SEARCH = _search("reports.search_units")
CITY_SEARCH = _search("reports.search_city")
