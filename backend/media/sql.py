"""The statements of the media feature; parameters are $n for both drivers."""

_REPORT = """
r.id AS report_id, r.code, r.citizen_id, r.ward_id, r.state AS report_state, r.participants, r.version,
tenancy.path_of(r.handler_id) AS handler_path, h.code AS handler_code
"""
# By (reader, code), as reports are found: a hidden and an absent code are the same miss in the same index.
REPORT = f"""
SELECT {_REPORT}, r.visible_units FROM (SELECT k.report_id FROM reports.report_by_reader k
  WHERE k.reader = ANY($2::uuid[]) AND k.code = $1 LIMIT 1) seen
JOIN reports.report r ON r.id = seen.report_id JOIN tenancy.unit h ON h.id = r.handler_id
"""  # noqa: S608 - constants of this file
CITY_REPORT = f"""
SELECT {_REPORT}, r.visible_units FROM reports.report r JOIN tenancy.unit h ON h.id = r.handler_id
WHERE r.code = $1
"""  # noqa: S608 - constants of this file
# Uploads to one report come one after the other from here on.
LOCK = "SELECT version FROM reports.report WHERE id = $1 FOR UPDATE"
# The first place between two that nothing has; NULL: none.
FREE_PLACE = """
SELECT min(place) FROM generate_series($2::int, $3::int) place
WHERE NOT EXISTS (SELECT 1 FROM media.object m WHERE m.report_id = $1 AND m.position = place)
"""
# Whether the person has an answer kept for this key: then this is a repeat, and the limit does not meet it.
FULL = """
SELECT (SELECT count(*) FROM media.object m WHERE m.report_id = $1 AND m.position BETWEEN $2::int AND $3::int)
    > $3::int - $2::int
  AND NOT EXISTS (SELECT 1 FROM platform.idempotency i
    WHERE i.subject = nullif(current_setting('ioc.subject', true), '')::uuid
      AND i.operation = $4 AND i.key = $5)
"""
INSERT = """
INSERT INTO media.object (id, report_id, position, uploader_id, kind, state, content, width, height, octets,
                          created_at)
VALUES ($1, $2, $3, $4, $5, 'private', $6, $7, $8, $9, $10)
"""
_MEDIA = (
    "m.id, m.kind, m.state, m.content, m.width, m.height, m.octets, m.created_at, m.version AS media_version"
)
# What the caller may not read of the report is NULL; a released file is there all the same.
ONE = f"""
SELECT {_MEDIA}, {_REPORT}, r.visible_units FROM media.object m
LEFT JOIN reports.report r ON r.id = m.report_id LEFT JOIN tenancy.unit h ON h.id = r.handler_id
WHERE m.id = $1 AND m.state <> 'lost'
"""  # noqa: S608 - constants of this file
# Of every report of a list at once, under the same walls as one.
REPORTS = f"""
SELECT {_REPORT} FROM (SELECT DISTINCT k.report_id FROM reports.report_by_reader k
  WHERE k.reader = ANY($2::uuid[]) AND k.code = ANY($1::text[])) seen
JOIN reports.report r ON r.id = seen.report_id JOIN tenancy.unit h ON h.id = r.handler_id
"""  # noqa: S608 - constants of this file
CITY_REPORTS = f"""
SELECT {_REPORT} FROM reports.report r JOIN tenancy.unit h ON h.id = r.handler_id
WHERE r.code = ANY($1::text[])
"""  # noqa: S608 - constants of this file
OF_REPORTS = f"""
SELECT asked.id AS report_id, entry.* FROM unnest($1::uuid[]) asked(id) CROSS JOIN LATERAL (
  SELECT {_MEDIA} FROM media.object m WHERE m.report_id = asked.id AND m.state <> 'lost'
  ORDER BY m.created_at, m.id LIMIT $2) entry
"""  # noqa: S608 - constants of this file
# Anybody's, by the public code.
RELEASED = """
SELECT id, kind, 'released' AS state, content, width, height, octets, created_at, version AS media_version
FROM media.released_of($1)
"""
# A rendition of a photo of the same report, in a place of its own.
INSERT_REDACTED = """
INSERT INTO media.object (id, report_id, position, uploader_id, kind, state, content, width, height, octets,
                          created_at, redacts)
VALUES ($1, $2, $3, $4, 'photo', 'private', $5, $6, $7, $8, $9, $10)
"""
CHANGE_STATE = """
UPDATE media.object SET state = $2, version = version + 1, released_at = $3, released_by = $4
WHERE id = $1 RETURNING version
"""
CHANGE = """
INSERT INTO changes.change (id, kind, resource, version, at, units, citizen_id)
VALUES ($1, $2, $3, $4, $5, $6::int[], $7)
"""
