-- Units as a tree, officials, and duties with dates. Tenancy is the master; Keycloak only says who.
-- By itself PostgreSQL lets everybody execute a new function.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE SCHEMA tenancy;

CREATE TABLE tenancy.unit (
  id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  code text NOT NULL UNIQUE CHECK (code ~ '^([0-9]{5}|[CDP][0-9]{4})$'),
  parent_id int REFERENCES tenancy.unit ON DELETE RESTRICT,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  -- What names are sorted by: made by the application (Vietnamese order), for the database has no ICU.
  name_key text COLLATE "C" NOT NULL,
  kind text NOT NULL CHECK (kind IN ('city', 'department', 'ward', 'commune', 'party')),
  ended_on date,
  CHECK ((kind = 'city' AND code LIKE 'C%') OR (kind = 'department' AND code LIKE 'D%')
      OR (kind = 'party' AND code LIKE 'P%') OR (kind IN ('ward', 'commune') AND code ~ '^[0-9]{5}$'))
);
CREATE INDEX unit_parent ON tenancy.unit (parent_id);
CREATE INDEX unit_name ON tenancy.unit (name_key, id);

CREATE TABLE tenancy.official (
  id uuid PRIMARY KEY,
  issuer text NOT NULL,
  subject text NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  name_key text COLLATE "C" NOT NULL,
  UNIQUE (issuer, subject)
);

CREATE TABLE tenancy.duty (
  id uuid PRIMARY KEY,
  official_id uuid NOT NULL REFERENCES tenancy.official ON DELETE RESTRICT,
  unit_id int NOT NULL REFERENCES tenancy.unit ON DELETE RESTRICT,
  kind text NOT NULL CHECK (kind IN ('handler', 'lead', 'city_operator', 'platform_admin')),
  -- Days in Ha Noi, both included.
  from_day date NOT NULL,
  until_day date CHECK (until_day >= from_day),
  UNIQUE (official_id, unit_id, kind, from_day)
);
CREATE INDEX duty_official ON tenancy.duty (official_id);

ALTER TABLE tenancy.unit ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenancy.unit FORCE ROW LEVEL SECURITY;
ALTER TABLE tenancy.official ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenancy.official FORCE ROW LEVEL SECURITY;
ALTER TABLE tenancy.duty ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenancy.duty FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON tenancy.unit TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON tenancy.official TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON tenancy.duty TO backend_owner USING (true) WITH CHECK (true);
-- Names and codes of units are public; who works there is not.
-- A Party body (cơ quan Đảng) is seen by who works there, and not by city-level rank.
CREATE POLICY unit_read ON tenancy.unit FOR SELECT TO backend_app, backend_city, backend_worker
  USING (kind <> 'party');
CREATE POLICY unit_own ON tenancy.unit FOR SELECT TO backend_app USING (
  id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[]));
CREATE POLICY official_self ON tenancy.official FOR SELECT TO backend_app, backend_city
  USING (id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid));

-- Before there is a principal, somebody has to say what a verified (iss, sub) may do where:
-- this function alone, by exact identity. Units = current duties' subtrees ∩ the working unit's subtree.
CREATE FUNCTION tenancy.resolve(an_issuer text, a_subject text, a_unit_code text, a_day date)
RETURNS TABLE (official_id uuid, official_name text, unit_id int, duties jsonb, units int[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  WITH RECURSIVE person AS (
    SELECT o.id, o.name FROM tenancy.official o WHERE o.issuer = an_issuer AND o.subject = a_subject
  ), working AS (
    SELECT u.id FROM tenancy.unit u WHERE u.code = a_unit_code AND (u.ended_on IS NULL OR u.ended_on > a_day)
  ), duty AS (
    SELECT d.kind, d.unit_id, u.code
    FROM tenancy.duty d JOIN person p ON p.id = d.official_id JOIN tenancy.unit u ON u.id = d.unit_id
    WHERE d.from_day <= a_day AND (d.until_day IS NULL OR d.until_day >= a_day)
  ), below_working AS (
    SELECT w.id FROM working w
    UNION SELECT u.id FROM tenancy.unit u JOIN below_working b ON u.parent_id = b.id
  ), below_duty AS (
    -- Administering the platform gives no unit.
    SELECT d.unit_id AS id FROM duty d WHERE d.kind <> 'platform_admin'
    UNION SELECT u.id FROM tenancy.unit u JOIN below_duty b ON u.parent_id = b.id
  )
  SELECT p.id, p.name, w.id,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', d.kind, 'unit_id', d.unit_id, 'unit_code', d.code)
             ORDER BY d.kind, d.code), '[]'::jsonb)
     FROM duty d
     -- A duty that bars goes along wherever its holder works.
     WHERE d.kind = 'platform_admin' OR d.unit_id IN (SELECT b.id FROM below_working b)),
    (SELECT coalesce(array_agg(x.id ORDER BY x.id), '{}'::int[])
     FROM (SELECT b.id FROM below_working b INTERSECT SELECT b.id FROM below_duty b) x)
  FROM person p CROSS JOIN working w
$$;
REVOKE ALL ON FUNCTION tenancy.resolve FROM PUBLIC;

-- A unit and every unit above it, the unit first: what "covers what lies below" is compared with.
CREATE FUNCTION tenancy.path_of(a_unit int) RETURNS int[]
LANGUAGE sql STABLE SET search_path = '' AS $$
  WITH RECURSIVE up AS (
    SELECT u.id, u.parent_id, 0 AS step FROM tenancy.unit u WHERE u.id = a_unit
    UNION ALL SELECT u.id, u.parent_id, up.step + 1 FROM tenancy.unit u JOIN up ON u.id = up.parent_id
  )
  SELECT array_agg(up.id ORDER BY up.step) FROM up
$$;
REVOKE ALL ON FUNCTION tenancy.path_of FROM PUBLIC;

GRANT USAGE ON SCHEMA tenancy TO backend_app, backend_city, backend_worker;
GRANT SELECT ON tenancy.unit TO backend_app, backend_city, backend_worker;
GRANT SELECT ON tenancy.official TO backend_app, backend_city;
GRANT EXECUTE ON FUNCTION tenancy.resolve TO backend_app;
GRANT EXECUTE ON FUNCTION tenancy.path_of TO backend_app, backend_city, backend_worker;

-- Citizens: (iss, sub) outside, an id of ours inside; nothing else about them here.
CREATE SCHEMA citizens;
CREATE TABLE citizens.citizen (
  id uuid PRIMARY KEY,
  issuer text NOT NULL,
  subject text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (issuer, subject)
);
ALTER TABLE citizens.citizen ENABLE ROW LEVEL SECURITY;
ALTER TABLE citizens.citizen FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON citizens.citizen TO backend_owner USING (true) WITH CHECK (true);

-- A citizen is known from the first verified sign-in on. `new_id` is used only then.
CREATE FUNCTION citizens.resolve(an_issuer text, a_subject text, new_id uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  found_id uuid;
BEGIN
  SELECT c.id INTO found_id FROM citizens.citizen c WHERE c.issuer = an_issuer AND c.subject = a_subject;
  IF found_id IS NULL THEN
    INSERT INTO citizens.citizen (id, issuer, subject) VALUES (new_id, an_issuer, a_subject)
    ON CONFLICT (issuer, subject) DO NOTHING;
    SELECT c.id INTO found_id FROM citizens.citizen c WHERE c.issuer = an_issuer AND c.subject = a_subject;
  END IF;
  RETURN found_id;
END $$;
REVOKE ALL ON FUNCTION citizens.resolve FROM PUBLIC;
GRANT USAGE ON SCHEMA citizens TO backend_app;
GRANT EXECUTE ON FUNCTION citizens.resolve TO backend_app;
