-- How the person behind a report is reached: sealed, one row a report, opened one at a time for a purpose.
CREATE SCHEMA contacts;

-- `wrapped` and `body`: foundation/sealing/envelope.py. Nothing here tells what is inside, or how much of it.
CREATE TABLE contacts.contact (
  report_id uuid PRIMARY KEY REFERENCES reports.report ON DELETE RESTRICT,
  version int NOT NULL CHECK (version >= 1),
  wrapped text NOT NULL CHECK (wrapped ~ '^vault:v[0-9]+:[A-Za-z0-9+/=]+$' AND length(wrapped) <= 400),
  body bytea NOT NULL CHECK (length(body) BETWEEN 30 AND 2000),
  given_at timestamptz NOT NULL
);

-- Who opened which contact, why: what the ledger shows to the person. Never changed.
CREATE TABLE contacts.opening (
  id uuid PRIMARY KEY,
  report_id uuid NOT NULL REFERENCES reports.report ON DELETE RESTRICT,
  official_id uuid NOT NULL REFERENCES tenancy.official ON DELETE RESTRICT,
  unit_id int NOT NULL REFERENCES tenancy.unit ON DELETE RESTRICT,
  at timestamptz NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('call_back', 'visit', 'emergency', 'legal_request')),
  case_number text CHECK (length(case_number) BETWEEN 3 AND 40),
  CHECK (purpose <> 'legal_request' OR case_number IS NOT NULL)
);
CREATE INDEX opening_report ON contacts.opening (report_id, id);

-- Whether the caller is the citizen behind a report, or works for the unit that handles it: who once had it is neither.
CREATE FUNCTION contacts.is_mine(a_report uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT EXISTS (SELECT FROM reports.report r WHERE r.id = a_report
    AND r.citizen_id = nullif(current_setting('ioc.citizen', true), '')::uuid)
$$;
CREATE FUNCTION contacts.is_handled(a_report uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT EXISTS (SELECT FROM reports.report r WHERE r.id = a_report
    AND r.handler_id = ANY (string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[]))
$$;
REVOKE ALL ON FUNCTION contacts.is_mine, contacts.is_handled FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contacts.is_mine, contacts.is_handled TO backend_app, backend_city;

ALTER TABLE contacts.contact ENABLE ROW LEVEL SECURITY;
ALTER TABLE contacts.contact FORCE ROW LEVEL SECURITY;
ALTER TABLE contacts.opening ENABLE ROW LEVEL SECURITY;
ALTER TABLE contacts.opening FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON contacts.contact TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON contacts.opening TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY contact_read ON contacts.contact FOR SELECT TO backend_app, backend_city
  USING (contacts.is_mine(report_id) OR contacts.is_handled(report_id));
CREATE POLICY contact_give ON contacts.contact FOR INSERT TO backend_app WITH CHECK (contacts.is_mine(report_id));
CREATE POLICY contact_change ON contacts.contact FOR UPDATE TO backend_app
  USING (contacts.is_mine(report_id)) WITH CHECK (contacts.is_mine(report_id));
CREATE POLICY contact_remove ON contacts.contact FOR DELETE TO backend_app USING (contacts.is_mine(report_id));
-- Nobody opens in another's name, or for a unit that does not handle the report.
CREATE POLICY opening_write ON contacts.opening FOR INSERT TO backend_app, backend_city
  WITH CHECK (official_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
    AND EXISTS (SELECT FROM reports.report r WHERE r.id = report_id AND r.handler_id = unit_id)
    AND contacts.is_handled(report_id));

GRANT USAGE ON SCHEMA contacts TO backend_app, backend_city;
GRANT SELECT ON contacts.contact TO backend_app, backend_city;
GRANT INSERT, DELETE ON contacts.contact TO backend_app;
GRANT UPDATE (version, wrapped, body, given_at) ON contacts.contact TO backend_app;
GRANT INSERT ON contacts.opening TO backend_app, backend_city;

-- With the account goes what the person can be reached by.
CREATE FUNCTION contacts.forget_person() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  DELETE FROM contacts.contact c USING reports.report r WHERE r.id = c.report_id AND r.citizen_id = NEW.id;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION contacts.forget_person FROM PUBLIC;
CREATE TRIGGER citizen_forgotten AFTER UPDATE OF issuer ON citizens.citizen
  FOR EACH ROW WHEN (NEW.issuer = 'urn:ioc:deleted') EXECUTE FUNCTION contacts.forget_person();
