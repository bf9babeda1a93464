-- The change feed: who may read which change, and the one reader of a process.
-- A narrow row per unit, written by trigger, so that resuming after weeks is constant work for each page.
CREATE TABLE changes.of_unit (
  unit_id int NOT NULL,
  x xid8 NOT NULL,
  change_id uuid NOT NULL,
  PRIMARY KEY (unit_id, x, change_id)
);
CREATE INDEX change_citizen ON changes.change (citizen_id, x, id);

CREATE FUNCTION changes.keep_units() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  INSERT INTO changes.of_unit (unit_id, x, change_id)
  SELECT DISTINCT u.unit_id, NEW.x, NEW.id FROM unnest(NEW.units) u(unit_id);
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION changes.keep_units FROM PUBLIC;
CREATE TRIGGER change_units AFTER INSERT ON changes.change
  FOR EACH ROW EXECUTE FUNCTION changes.keep_units();

ALTER TABLE changes.of_unit ENABLE ROW LEVEL SECURITY;
ALTER TABLE changes.of_unit FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON changes.of_unit TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY unit_read ON changes.of_unit FOR SELECT TO backend_app
  USING (unit_id = ANY (string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[]));
-- The units of a change are those that see the report at that moment (backend/reports/store.py).
CREATE POLICY change_seen ON changes.change FOR SELECT TO backend_app USING (
  citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid)
  OR units && (SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[]));
CREATE POLICY city_seen ON changes.change FOR SELECT TO backend_city
  USING ((SELECT nullif(current_setting('ioc.subject', true), '')) IS NOT NULL);

-- The reader of a process sees every change, and of a report what a decision needs; no text, no place.
CREATE POLICY feed_read ON changes.change FOR SELECT TO backend_feed USING (true);
CREATE POLICY feed_read ON reports.report FOR SELECT TO backend_feed USING (true);
CREATE POLICY feed_read ON tenancy.unit FOR SELECT TO backend_feed USING (true);

-- Changes are kept as long as a cursor lives, and a day.
CREATE FUNCTION changes.forget(older_than timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  WITH gone AS (DELETE FROM changes.change c WHERE c.at < older_than RETURNING c.id),
       narrow AS (DELETE FROM changes.of_unit u USING gone g WHERE u.change_id = g.id RETURNING 1)
  SELECT count(*) FROM gone
$$;
REVOKE ALL ON FUNCTION changes.forget FROM PUBLIC;
GRANT EXECUTE ON FUNCTION changes.forget TO backend_worker;

GRANT SELECT ON changes.change TO backend_app, backend_city;
GRANT SELECT ON changes.of_unit TO backend_app;
GRANT USAGE ON SCHEMA changes, reports, tenancy, identity TO backend_feed;
GRANT SELECT ON changes.change TO backend_feed;
GRANT SELECT (id, code, citizen_id, ward_id, state, handler_id, participants, version) ON reports.report
  TO backend_feed;
GRANT SELECT (id, parent_id) ON tenancy.unit TO backend_feed;
GRANT EXECUTE ON FUNCTION tenancy.path_of TO backend_feed;
GRANT SELECT (iss, sid, sub, ended_at, recorded_at) ON identity.session_end TO backend_feed;
