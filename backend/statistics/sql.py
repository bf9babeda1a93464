"""Statements of officials' figures: the sums, and beside them what the job has not summed up yet.

One statement a view, so that a delta that is just being summed up counts once: a snapshot has it in one
place.
$1 the units' inner ids (0 alone: the whole city), $2 a category or NULL.
"""

_TALLY = ("received", "closed", "on_time", "late", "ratings", "rating_sum")
TALLY = _TALLY
_COLUMNS = ", ".join(_TALLY)
_SUMS = ", ".join(f"coalesce(sum({name}), 0)::bigint AS {name}" for name in _TALLY)
# Unit 0 has sums, and its deltas are those of all units.
_OF_UNITS = "(unit_id = ANY($1::int[]) OR $1::int[] = '{0}')"
_CATEGORY = "($2::text IS NULL OR category = $2)"
# Among the sums '' stands for all categories together.
_EACH = "(category = $2 OR ($2::text IS NULL AND category <> ''))"

# $3 to $5: the first day before, the first day of the period, its last day.
FIGURES = f"""
SELECT day, category, now, {_SUMS} FROM (
  SELECT day, category, day >= $4::date AS now, {_COLUMNS} FROM statistics.daily
  WHERE unit_id = ANY($1::int[]) AND day BETWEEN $3::date AND $5::date AND {_EACH}
  UNION ALL
  SELECT day, category, day >= $4::date, {_COLUMNS} FROM statistics.flow
  WHERE {_OF_UNITS} AND day BETWEEN $3::date AND $5::date AND {_CATEGORY}) f
GROUP BY GROUPING SETS ((now), (now, category), (now, day))
"""  # noqa: S608 - constants of this file
STANDING = f"""
SELECT category, state, sum(reports)::bigint AS reports FROM (
  SELECT category, state, reports FROM statistics.standing WHERE unit_id = ANY($1::int[]) AND {_CATEGORY}
  UNION ALL
  SELECT category, state, reports FROM statistics.move WHERE {_OF_UNITS} AND {_CATEGORY}) s
GROUP BY category, state HAVING sum(reports) <> 0
"""  # noqa: S608 - constants of this file
# A page of units, then theirs alone, each table read once. $3, $4 the period, $5, $6 its whole months,
# $7, $8 after, $9 how many.
_OPEN = "state NOT IN ('closed', 'merged')"
_OF_PAGE = "unit_id = ANY ((SELECT ids FROM those)::int[])"


def _units(category: str) -> str:
    """`category` chooses among the sums: a literal where a partial index has it."""
    return f"""
WITH page AS MATERIALIZED (
  SELECT id, code, name, name_key FROM tenancy.unit
  WHERE id = ANY($1::int[]) AND ($7::text IS NULL OR (name_key, id) > ($7, $8::int))
  ORDER BY name_key, id LIMIT $9
), those AS MATERIALIZED (SELECT array_agg(id) AS ids FROM page
), f AS (SELECT unit_id, {_SUMS} FROM (
  SELECT unit_id, {_COLUMNS} FROM statistics.monthly
  WHERE {_OF_PAGE} AND day >= $5::date AND day < $6::date AND {category}
  UNION ALL
  SELECT unit_id, {_COLUMNS} FROM statistics.daily
  WHERE {_OF_PAGE} AND day >= $3::date AND day < least($5::date, $4::date + 1) AND {category}
  UNION ALL
  SELECT unit_id, {_COLUMNS} FROM statistics.daily
  WHERE {_OF_PAGE} AND day BETWEEN $6::date AND $4::date AND {category}
  UNION ALL
  SELECT unit_id, {_COLUMNS} FROM statistics.flow
  WHERE {_OF_PAGE} AND day BETWEEN $3::date AND $4::date AND {_CATEGORY}) p GROUP BY unit_id
), s AS (SELECT unit_id, sum(reports)::bigint AS open FROM (
  SELECT unit_id, reports FROM statistics.standing WHERE {_OF_PAGE} AND {_OPEN} AND {_CATEGORY}
  UNION ALL
  SELECT unit_id, reports FROM statistics.move WHERE {_OF_PAGE} AND {_OPEN} AND {_CATEGORY}) o
  GROUP BY unit_id
)
SELECT u.id, u.code, u.name, u.name_key, coalesce(s.open, 0) AS open,
  {", ".join(f"coalesce(f.{name}, 0) AS {name}" for name in _TALLY)}
FROM page u LEFT JOIN f ON f.unit_id = u.id LEFT JOIN s ON s.unit_id = u.id
ORDER BY u.name_key, u.id
"""  # noqa: S608 - constants of this file


UNITS = _units("category = '' AND $2::text IS NULL")
UNITS_OF_CATEGORY = _units("category = $2")
# The units asked for by code, and with $2 everything below them. `root`: all of the city.
ASKED = """
WITH RECURSIVE asked AS (
  SELECT u.id, u.code, u.parent_id, u.kind FROM tenancy.unit u WHERE u.code = ANY($1::text[])
), below AS (
  SELECT a.id FROM asked a
  UNION SELECT u.id FROM tenancy.unit u JOIN below b ON u.parent_id = b.id WHERE $2::bool
)
SELECT b.id, a.code, a.kind = 'city' AND a.parent_id IS NULL AND $2::bool AS root
FROM below b LEFT JOIN asked a ON a.id = b.id
"""
ROOT = "SELECT id FROM tenancy.unit WHERE kind = 'city' AND parent_id IS NULL AND id = ANY($1::int[])"
