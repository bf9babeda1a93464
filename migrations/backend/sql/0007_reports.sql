-- Reports (phản ánh): routing as data, the aggregate, its timeline, who sees it, and the change table.
CREATE SCHEMA routing;
CREATE TABLE routing.category (
  code text PRIMARY KEY CHECK (code ~ '^[a-z][a-z_]{1,39}$'),
  name_vi text NOT NULL,
  name_en text NOT NULL,
  position int NOT NULL
);
-- category × place × time → unit. NULL category: every category; NULL target: the place's own unit.
CREATE TABLE routing.rule (
  id uuid PRIMARY KEY,
  code text NOT NULL,
  category text REFERENCES routing.category ON DELETE RESTRICT,
  place_id int NOT NULL REFERENCES tenancy.unit ON DELETE RESTRICT,
  target_id int REFERENCES tenancy.unit ON DELETE RESTRICT,
  from_day date NOT NULL,
  until_day date CHECK (until_day >= from_day),
  UNIQUE (code, from_day)
);
CREATE INDEX rule_place ON routing.rule (place_id);
GRANT USAGE ON SCHEMA routing TO backend_app, backend_city;
GRANT SELECT ON routing.category, routing.rule TO backend_app, backend_city;

CREATE SCHEMA reports;
CREATE TABLE reports.report (
  id uuid PRIMARY KEY,
  -- 80 random bits made by the server: a guess at UNIQUE tells nothing.
  code text COLLATE "C" NOT NULL UNIQUE CHECK (code ~ '^[0-9A-HJKMNP-TV-Z]{16}$'),
  citizen_id uuid NOT NULL REFERENCES citizens.citizen ON DELETE RESTRICT,
  category text NOT NULL REFERENCES routing.category ON DELETE RESTRICT,
  ward_id int NOT NULL REFERENCES tenancy.unit ON DELETE RESTRICT,
  h3_cell bigint,
  place text NOT NULL CHECK (length(place) BETWEEN 1 AND 300),
  body text NOT NULL CHECK (length(body) BETWEEN 1 AND 4000),
  -- Text with a CHECK, not an enum: enum comparison is not leakproof and so no index condition under RLS.
  state text NOT NULL CHECK (state IN ('received', 'in_progress', 'awaiting_citizen', 'answered', 'closed')),
  handler_id int NOT NULL REFERENCES tenancy.unit ON DELETE RESTRICT,
  participants int[] NOT NULL DEFAULT '{}',
  visible_units int[] NOT NULL,
  routing_reason jsonb NOT NULL,
  answer text CHECK (length(answer) BETWEEN 1 AND 4000),
  closing_reason text CHECK (closing_reason IN
    ('resolved', 'no_jurisdiction', 'not_reproducible', 'no_reply')),
  version int NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CHECK ((state = 'closed') = (closing_reason IS NOT NULL))
);
CREATE INDEX report_citizen ON reports.report (citizen_id, created_at DESC, id DESC);
-- Of a list's order there is one index for each filter, and no other that the planner could walk and filter:
-- this one is for statements that ask for everything, and say so (created_at > '-infinity').
CREATE INDEX report_created ON reports.report (created_at DESC, id DESC) WHERE created_at > '-infinity';
CREATE INDEX report_state ON reports.report (state, created_at DESC, id DESC);

-- Lists go through this narrow table (docs/decisions/0005-visibility-table.md).
CREATE TABLE reports.report_visibility (
  unit_id int NOT NULL,
  created_at timestamptz NOT NULL,
  report_id uuid NOT NULL REFERENCES reports.report ON DELETE RESTRICT,
  state text NOT NULL,
  PRIMARY KEY (report_id, unit_id)
-- Lists are read from its indexes alone as long as its pages are known to be visible to all: the newest entries
-- are the most read, so it is vacuumed by thousands of changes, not by a fifth of the table.
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_insert_threshold = 1000, autovacuum_vacuum_insert_scale_factor = 0);
-- As with report_created: what a unit has in all; with a state, the next.
CREATE INDEX report_visibility_all ON reports.report_visibility (unit_id, created_at DESC, report_id DESC)
  WHERE created_at > '-infinity';
CREATE INDEX report_visibility_state ON reports.report_visibility (unit_id, state, created_at DESC, report_id DESC);

-- Who may see a report finds it by (himself, code), so that a hidden and an absent code are the same miss:
-- by the code alone, a hidden report costs a page more. A reader is a citizen, or a unit as a uuid.
CREATE TABLE reports.report_by_reader (
  reader uuid NOT NULL,
  code text COLLATE "C" NOT NULL,
  report_id uuid NOT NULL REFERENCES reports.report ON DELETE RESTRICT,
  PRIMARY KEY (reader, code)
);
CREATE FUNCTION reports.reader_of_unit(unit_id int) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT SET search_path = '' AS $$ SELECT lpad(to_hex(unit_id), 32, '0')::uuid $$;

CREATE TABLE reports.timeline (
  id uuid NOT NULL,
  report_id uuid NOT NULL REFERENCES reports.report ON DELETE RESTRICT,
  version int NOT NULL,
  at timestamptz NOT NULL,
  kind text NOT NULL CHECK (kind IN
    ('submitted', 'accepted', 'forwarded', 'asked', 'replied', 'answered', 'closed')),
  from_state text,
  to_state text NOT NULL,
  from_unit_id int,
  to_unit_id int NOT NULL,
  actor_kind text NOT NULL CHECK (actor_kind IN ('citizen', 'official', 'system')),
  actor_id uuid,
  note text CHECK (length(note) BETWEEN 1 AND 4000),
  PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX timeline_report ON reports.timeline (report_id, version);

CREATE SCHEMA changes;
-- What changed, for everybody who reacts: read in the order (x, id) below the xid watermark.
CREATE TABLE changes.change (
  id uuid NOT NULL,
  x xid8 NOT NULL DEFAULT pg_current_xact_id(),
  kind text NOT NULL,
  resource text NOT NULL,
  version int NOT NULL,
  at timestamptz NOT NULL,
  units int[] NOT NULL,
  citizen_id uuid,
  PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX change_order ON changes.change (x, id);

-- Who has handled a report goes on seeing it; the narrow table follows the report, whoever writes.
CREATE FUNCTION reports.keep_visible_units() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    NEW.participants := OLD.participants;
    IF NEW.handler_id <> OLD.handler_id AND NOT OLD.handler_id = ANY (OLD.participants) THEN
      NEW.participants := OLD.participants || OLD.handler_id;
    END IF;
  ELSE
    NEW.participants := '{}';
  END IF;
  NEW.visible_units := NEW.participants;
  IF NOT NEW.handler_id = ANY (NEW.participants) THEN
    NEW.visible_units := NEW.participants || NEW.handler_id;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER report_visible_units BEFORE INSERT OR UPDATE ON reports.report
  FOR EACH ROW EXECUTE FUNCTION reports.keep_visible_units();

CREATE FUNCTION reports.keep_visibility() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.state <> OLD.state THEN
    UPDATE reports.report_visibility v SET state = NEW.state WHERE v.report_id = NEW.id;
  END IF;
  IF TG_OP = 'INSERT' OR NEW.visible_units <> OLD.visible_units THEN
    INSERT INTO reports.report_visibility (unit_id, created_at, report_id, state)
    SELECT u.unit_id, NEW.created_at, NEW.id, NEW.state FROM unnest(NEW.visible_units) u(unit_id)
    ON CONFLICT (report_id, unit_id) DO NOTHING;
    INSERT INTO reports.report_by_reader (reader, code, report_id)
    SELECT reports.reader_of_unit(u.unit_id), NEW.code, NEW.id FROM unnest(NEW.visible_units) u(unit_id)
    UNION ALL SELECT NEW.citizen_id, NEW.code, NEW.id
    ON CONFLICT (reader, code) DO NOTHING;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER report_visibility AFTER INSERT OR UPDATE ON reports.report
  FOR EACH ROW EXECUTE FUNCTION reports.keep_visibility();
REVOKE ALL ON FUNCTION reports.keep_visible_units, reports.keep_visibility, reports.reader_of_unit FROM PUBLIC;

ALTER TABLE reports.report ENABLE ROW LEVEL SECURITY;
ALTER TABLE reports.report FORCE ROW LEVEL SECURITY;
ALTER TABLE reports.report_visibility ENABLE ROW LEVEL SECURITY;
ALTER TABLE reports.report_visibility FORCE ROW LEVEL SECURITY;
ALTER TABLE reports.report_by_reader ENABLE ROW LEVEL SECURITY;
ALTER TABLE reports.report_by_reader FORCE ROW LEVEL SECURITY;
ALTER TABLE reports.timeline ENABLE ROW LEVEL SECURITY;
ALTER TABLE reports.timeline FORCE ROW LEVEL SECURITY;
ALTER TABLE changes.change ENABLE ROW LEVEL SECURITY;
ALTER TABLE changes.change FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON reports.report TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON reports.report_visibility TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON reports.report_by_reader TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON reports.timeline TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON changes.change TO backend_owner USING (true) WITH CHECK (true);

CREATE POLICY report_read ON reports.report FOR SELECT TO backend_app USING (
  citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid)
  OR visible_units && (SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[]));
-- The handler is looked up as the writer sees units: a hidden (Party) and an absent unit are the same refusal.
CREATE POLICY report_submit ON reports.report FOR INSERT TO backend_app WITH CHECK (
  citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid)
  AND state = 'received' AND version = 1
  AND EXISTS (SELECT 1 FROM tenancy.unit u WHERE u.id = handler_id AND u.kind <> 'party'));
CREATE POLICY report_work ON reports.report FOR UPDATE TO backend_app
  USING (citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid)
    OR handler_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[]))
  WITH CHECK ((citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid)
    OR visible_units && (SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[]))
    AND EXISTS (SELECT 1 FROM tenancy.unit u WHERE u.id = handler_id AND u.kind <> 'party'));
-- City level sees every report, and nobody at all when no principal was set.
CREATE POLICY city_read ON reports.report FOR SELECT TO backend_city
  USING ((SELECT nullif(current_setting('ioc.subject', true), '')) IS NOT NULL);
CREATE POLICY worker_read ON reports.report FOR SELECT TO backend_worker USING (true);
CREATE POLICY city_work ON reports.report FOR UPDATE TO backend_city
  USING ((SELECT nullif(current_setting('ioc.subject', true), '')) IS NOT NULL)
  WITH CHECK (EXISTS (SELECT 1 FROM tenancy.unit u WHERE u.id = handler_id AND u.kind <> 'party'));

-- One clause each, no OR: what was not granted then contradicts the index key, and no hidden entry is walked.
CREATE POLICY visibility_read ON reports.report_visibility FOR SELECT TO backend_app
  USING (unit_id = ANY (string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[]));
CREATE POLICY city_read ON reports.report_visibility FOR SELECT TO backend_city
  USING ((SELECT nullif(current_setting('ioc.subject', true), '')) IS NOT NULL);
CREATE POLICY reader_read ON reports.report_by_reader FOR SELECT TO backend_app USING (reader = ANY ((SELECT
  array_append((SELECT array_agg(lpad(to_hex(u::int), 32, '0')::uuid)
                FROM unnest(string_to_array(nullif(current_setting('ioc.units', true), ''), ',')) u),
               nullif(current_setting('ioc.citizen', true), '')::uuid))::uuid[]));

-- The report's own policy decides: a hidden and an absent report give the same error. Nobody writes in
-- another's name.
CREATE POLICY timeline_read ON reports.timeline FOR SELECT TO backend_app, backend_city
  USING (EXISTS (SELECT 1 FROM reports.report r WHERE r.id = report_id));
CREATE POLICY timeline_write ON reports.timeline FOR INSERT TO backend_app, backend_city
  WITH CHECK (actor_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
    AND EXISTS (SELECT 1 FROM reports.report r WHERE r.id = report_id));

-- Who announces a change sees the report, and announces it to that report's citizen.
CREATE POLICY change_of_report ON changes.change FOR INSERT TO backend_app, backend_city
  WITH CHECK (starts_with(resource, 'report:') AND EXISTS (SELECT 1 FROM reports.report r
    WHERE r.code = substr(resource, 8) AND r.citizen_id = change.citizen_id));
CREATE POLICY change_read ON changes.change FOR SELECT TO backend_worker USING (true);

-- What anybody may follow: owner's rights on purpose, safe columns only, no text, no exact place, no id.
CREATE VIEW reports.public_report WITH (security_barrier = true) AS
  SELECT r.code, r.category, w.code AS ward_code, w.name AS ward_name, h.code AS handler_code,
         h.name AS handler_name, r.state, r.closing_reason, r.created_at, r.updated_at
  FROM reports.report r
  JOIN tenancy.unit w ON w.id = r.ward_id JOIN tenancy.unit h ON h.id = r.handler_id;
CREATE VIEW reports.public_timeline WITH (security_barrier = true) AS
  SELECT r.code, t.version, t.at, t.kind, t.to_state, u.code AS unit_code, u.name AS unit_name
  FROM reports.timeline t
  JOIN reports.report r ON r.id = t.report_id JOIN tenancy.unit u ON u.id = t.to_unit_id
  -- Only the months that there have been since the report, and a day for clocks that differ (backend/reports/sql.py).
  WHERE t.id >= (lpad(to_hex(((extract(epoch FROM uuid_extract_timestamp(r.id)) - 86400) * 1000)::bigint), 12, '0')
      || repeat('0', 20))::uuid
    AND t.id < (lpad(to_hex(((extract(epoch FROM now()) + 86400) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

CREATE FUNCTION platform.ensure_all_partitions(from_day date, months int) RETURNS int
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  SELECT platform.ensure_partitions('reports.timeline'::regclass, from_day, months)
       + platform.ensure_partitions('changes.change'::regclass, from_day, months)
$$;
REVOKE ALL ON FUNCTION platform.ensure_all_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.ensure_all_partitions TO backend_worker;
SELECT platform.ensure_all_partitions((now() - interval '1 month')::date, 26);

GRANT USAGE ON SCHEMA reports, changes TO backend_app, backend_city, backend_worker;
GRANT SELECT ON reports.report TO backend_app;
-- Who has handled it is the trigger's to write.
GRANT INSERT (id, code, citizen_id, category, ward_id, h3_cell, place, body, state, handler_id, routing_reason,
  answer, closing_reason, version, created_at, updated_at) ON reports.report TO backend_app;
GRANT SELECT ON reports.report TO backend_city;
-- A job learns whom a change concerns, never what was written or where exactly.
GRANT SELECT (id, code, citizen_id, category, ward_id, state, handler_id, participants, version) ON reports.report
  TO backend_worker;
-- Whose, where, what and when can't change; nor can the code.
GRANT UPDATE (state, handler_id, answer, closing_reason, version, updated_at) ON reports.report
  TO backend_app, backend_city;
GRANT SELECT ON reports.report_visibility TO backend_app, backend_city;
GRANT SELECT ON reports.report_by_reader TO backend_app;
GRANT SELECT, INSERT ON reports.timeline TO backend_app, backend_city;
GRANT INSERT (id, kind, resource, version, at, units, citizen_id) ON changes.change TO backend_app, backend_city;
GRANT SELECT ON changes.change TO backend_worker;
GRANT SELECT ON reports.public_report, reports.public_timeline TO backend_app, backend_city;
