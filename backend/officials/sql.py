"""The statements behind `queries.py`. Every one has bind parameters (see foundation.database.read_scope)."""

# Duties in force on a day or to come, as JSON beside their official: a page needs no second statement.
_DUTIES = """
(SELECT coalesce(jsonb_agg(jsonb_build_object('kind', d.kind, 'unit', v.code, 'unit_name', v.name,
          'from_day', d.from_day, 'until_day', d.until_day, 'in_force', d.from_day <= {day})
          ORDER BY d.from_day, d.kind, v.code), '[]'::jsonb)
 FROM tenancy.duty d JOIN tenancy.unit v ON v.id = d.unit_id
 WHERE d.official_id = o.id AND (d.until_day IS NULL OR d.until_day >= greatest(d.from_day, {day})))
"""
# What the directory was asked lately: newest first.
_REQUESTS = """
(SELECT coalesce(jsonb_agg(jsonb_build_object('operation', q.operation, 'state', q.state, 'since', q.since,
          'ended_at', q.ended_at, 'error', q.error) ORDER BY q.since DESC), '[]'::jsonb)
 FROM tenancy.directory_requests(o.code) q) AS requests
"""
_COLUMNS = """
o.id, o.code, o.name, o.name_key, o.number, o.username, o.email, o.state, o.version, o.last_active_day,
u.code AS unit_code, u.name AS unit_name
"""
LIST = f"""
WITH RECURSIVE below AS (
  SELECT b.id FROM tenancy.unit b WHERE b.code = $2::text
  UNION SELECT b.id FROM tenancy.unit b JOIN below ON b.parent_id = below.id
)
SELECT {_COLUMNS}, {_DUTIES.format(day="$8::date")} AS duties, {_REQUESTS}
FROM (
  -- The page first: what is told of each is gathered for its rows alone, whatever the plan.
  SELECT * FROM tenancy.official c
  WHERE c.unit_id = ANY($1::int[]) AND ($2::text IS NULL OR c.unit_id IN (SELECT id FROM below))
    AND ($3::text IS NULL OR c.search_text LIKE $3) AND ($4::text IS NULL OR c.state = $4)
    AND ($5::text IS NULL OR (c.name_key, c.number) > ($5, $6))
  ORDER BY c.name_key, c.number LIMIT $7) o
JOIN tenancy.unit u ON u.id = o.unit_id ORDER BY o.name_key, o.number
"""  # noqa: S608 - constants of this file
ONE = f"""
SELECT {_COLUMNS}, {_DUTIES.format(day="$2::date")} AS duties, {_REQUESTS},
       tenancy.whole_path_of(o.unit_id) AS unit_path
FROM tenancy.official o JOIN tenancy.unit u ON u.id = o.unit_id WHERE o.code = $1
"""  # noqa: S608 - constants of this file
OPEN_RESET = """
SELECT code, digest, asked_by, asked_name, asked_at, expires_at, note FROM tenancy.reset_request
WHERE official_id = $1 AND state = 'open' AND expires_at > $2
"""
_CHANGES = """
SELECT c.id, c.kind, c.at, c.version, c.actor_name, c.actor_kind, v.code AS unit_code, v.name AS unit_name,
       c.duty, c.from_day, c.until_day, c.note
FROM tenancy.official_change c LEFT JOIN tenancy.unit v ON v.id = c.unit_id
WHERE c.official_id = $1 {position} ORDER BY c.id DESC LIMIT $2
"""
CHANGES = _CHANGES.format(position="")
CHANGES_AFTER = _CHANGES.format(position="AND c.id < $3::uuid")
REVIEWS = f"""
SELECT {_COLUMNS}, {_DUTIES.format(day="$7::date")} AS duties, r.quarter, r.due_on, r.decision,
       r.reviewer_name, r.decided_at, r.note
FROM (
  SELECT s.official_id, s.quarter, s.due_on, s.decision, s.reviewer_name, s.decided_at, s.note
  FROM tenancy.review s JOIN tenancy.official c ON c.id = s.official_id
  WHERE s.quarter = $1 AND c.unit_id = ANY($2::int[]) AND (NOT $3::boolean OR s.decision IS NULL)
    AND ($4::text IS NULL OR (c.name_key, c.number) > ($4, $5))
  ORDER BY c.name_key, c.number LIMIT $6) r
JOIN tenancy.official o ON o.id = r.official_id JOIN tenancy.unit u ON u.id = o.unit_id
ORDER BY o.name_key, o.number
"""  # noqa: S608 - constants of this file
