"""The statements of contacts."""

from sqlalchemy import text

_COLUMNS = """
r.id, r.code, r.citizen_id, r.ward_id, r.handler_id, r.participants, r.state,
tenancy.path_of(r.handler_id) AS handler_path,
(SELECT u.code FROM tenancy.unit u WHERE u.id = r.handler_id) AS handler_code
"""
SEEN = text(
    """
    SELECT report_id FROM reports.report_by_reader
    WHERE reader = ANY(cast(:readers AS uuid[])) AND code = :code LIMIT 1
    """
)
SEEN_BY_CITY = text("SELECT id FROM reports.report WHERE code = :code")
# Row-level security hides from the lock what may not be changed; the next statement reads what may be seen.
LOCK = text("SELECT 1 FROM reports.report r WHERE r.id = :id FOR UPDATE")
REPORT = text(f"SELECT {_COLUMNS} FROM reports.report r WHERE r.id = :id")  # noqa: S608 - constants of this file
GIVE = text(
    """
    INSERT INTO contacts.contact AS c (report_id, version, wrapped, body, given_at)
    VALUES (:report, 1, :wrapped, :body, :now)
    ON CONFLICT (report_id) DO UPDATE SET version = c.version + 1, wrapped = excluded.wrapped,
      body = excluded.body, given_at = excluded.given_at
    RETURNING version
    """
)
REMOVE = text("DELETE FROM contacts.contact WHERE report_id = :report RETURNING version")
CONTACT = text("SELECT wrapped, body FROM contacts.contact WHERE report_id = :report")
OPENING = text(
    """
    INSERT INTO contacts.opening (id, report_id, official_id, unit_id, at, purpose, case_number)
    VALUES (:id, :report, :official, :unit, :at, :purpose, :case_number)
    """
)
