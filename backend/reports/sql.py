"""The statements behind `queries.py`. Every one has bind parameters (see foundation.database.read_scope).

Lists read the narrow visibility table per unit, newest first, and join at most a page of reports:
constant work for a small and a large unit, on the first page and on any other.
"""

_COLUMNS = """
r.id, r.code, r.citizen_id, r.category, r.ward_id, r.place, r.body, r.state, r.participants, r.answer,
r.closing_reason, r.routing_reason ->> 'rule' AS routing_rule, r.version, r.created_at, r.updated_at,
w.code AS ward_code, w.name AS ward_name, h.code AS handler_code, h.name AS handler_name
"""
_UNITS = "JOIN tenancy.unit w ON w.id = r.ward_id JOIN tenancy.unit h ON h.id = r.handler_id"

ONE = f"""
SELECT {_COLUMNS}, tenancy.path_of(r.handler_id) AS handler_path
FROM reports.report r {_UNITS} WHERE r.code = $1
"""  # noqa: S608 - constants of this file
TIMELINE = """
SELECT t.version, t.at, t.kind, t.from_state, t.to_state, t.actor_kind, t.note,
       u.code AS unit_code, u.name AS unit_name
FROM reports.timeline t JOIN tenancy.unit u ON u.id = t.to_unit_id
WHERE t.report_id = $1 ORDER BY t.version LIMIT $2
"""
PUBLIC = """
SELECT code, category, ward_code, ward_name, handler_code, handler_name, state, closing_reason,
       created_at, updated_at
FROM reports.public_report WHERE code = $1
"""
PUBLIC_TIMELINE = """
SELECT version, at, kind, to_state, unit_code, unit_name
FROM reports.public_timeline WHERE code = $1 ORDER BY version LIMIT $2
"""
UNIT_IDS = "SELECT id FROM tenancy.unit WHERE code = ANY($1::text[])"

MINE = f"""
SELECT {_COLUMNS} FROM reports.report r {_UNITS}
WHERE r.citizen_id = $1 AND ($2::timestamptz IS NULL OR (r.created_at, r.id) < ($2, $3::uuid))
ORDER BY r.created_at DESC, r.id DESC LIMIT $4
"""  # noqa: S608 - constants of this file


def _unit_list(state_filter: str, at: int) -> str:
    """LATERAL per unit; `at` is the number of the first of the three parameters (at, id, limit)."""
    return f"""
    SELECT {_COLUMNS} FROM (
      SELECT DISTINCT x.created_at, x.report_id FROM unnest($1::int[]) u(unit_id) CROSS JOIN LATERAL (
        SELECT v.created_at, v.report_id FROM reports.report_visibility v
        WHERE v.unit_id = u.unit_id {state_filter}
          AND ($%(at)d::timestamptz IS NULL OR (v.created_at, v.report_id) < ($%(at)d, $%(id)d::uuid))
        ORDER BY v.created_at DESC, v.report_id DESC LIMIT $%(limit)d) x
      ORDER BY x.created_at DESC, x.report_id DESC LIMIT $%(limit)d) page
    JOIN reports.report r ON r.id = page.report_id {_UNITS}
    ORDER BY r.created_at DESC, r.id DESC
    """ % {"at": at, "id": at + 1, "limit": at + 2}  # noqa: S608 - constants of this file


def _city_list(state_filter: str, at: int) -> str:
    return f"""
    SELECT {_COLUMNS} FROM reports.report r {_UNITS}
    WHERE ($%(at)d::timestamptz IS NULL OR (r.created_at, r.id) < ($%(at)d, $%(id)d::uuid)) {state_filter}
    ORDER BY r.created_at DESC, r.id DESC LIMIT $%(limit)d
    """ % {"at": at, "id": at + 1, "limit": at + 2}  # noqa: S608 - constants of this file


UNIT_LIST = _unit_list("", 2)
UNIT_STATE_LIST = _unit_list("AND v.state = $2", 3)
CITY_LIST = _city_list("", 1)
CITY_STATE_LIST = _city_list("AND r.state = $1", 2)
