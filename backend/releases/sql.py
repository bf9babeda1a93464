"""The statements of text releases; parameters are $n for both drivers."""

_REPORT = """
r.id AS report_id, r.code, r.citizen_id, r.ward_id, r.state AS report_state, r.participants, r.version,
r.visible_units, tenancy.path_of(r.handler_id) AS handler_path, h.code AS handler_code
"""
# By (reader, code), as reports are found: a hidden and an absent code are the same miss in the same index.
REPORT = f"""
SELECT {_REPORT} FROM (SELECT k.report_id FROM reports.report_by_reader k
  WHERE k.reader = ANY($2::uuid[]) AND k.code = $1 LIMIT 1) seen
JOIN reports.report r ON r.id = seen.report_id JOIN tenancy.unit h ON h.id = r.handler_id
"""  # noqa: S608 - constants of this file
CITY_REPORT = f"""
SELECT {_REPORT} FROM reports.report r JOIN tenancy.unit h ON h.id = r.handler_id WHERE r.code = $1
"""  # noqa: S608 - constants of this file
# Releases of a report come one after the other from here on.
LOCK = "SELECT version FROM reports.report WHERE id = $1 FOR UPDATE"
PRESENT = "SELECT state, body, version FROM releases.text WHERE report_id = $1"
RELEASE = """
INSERT INTO releases.text AS t (report_id, state, body, version, released_at, released_by)
VALUES ($1, 'released', $2, $3, $4, $5)
ON CONFLICT (report_id) DO UPDATE SET state = 'released', body = excluded.body, version = excluded.version,
  released_at = excluded.released_at, released_by = excluded.released_by
"""
WITHDRAW = "UPDATE releases.text SET state = 'withdrawn', version = $2 WHERE report_id = $1"
CHANGE = """
INSERT INTO changes.change (id, kind, resource, version, at, units, citizen_id)
VALUES ($1, $2, $3, $4, $5, $6::int[], $7)
"""
# Anybody's, by the public code.
RELEASED = "SELECT body, version, released_at FROM releases.text_of($1)"
