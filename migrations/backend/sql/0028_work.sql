-- Officers' work on a report: who has it in hand, and what officers write to each other.
-- Nothing of this is the citizen's or the public's: every policy asks for units, and a citizen has none.
CREATE SCHEMA work;

-- Of one report: who of the handling unit has it in hand (phân công). `version` rises with each change of work on it.
CREATE TABLE work.file (
  report_id uuid PRIMARY KEY REFERENCES reports.report ON DELETE RESTRICT,
  version int NOT NULL CHECK (version >= 1),
  assignee_id uuid REFERENCES tenancy.official ON DELETE RESTRICT,
  unit_id int REFERENCES tenancy.unit ON DELETE RESTRICT,
  assigned_at timestamptz,
  CHECK ((assignee_id IS NULL) = (unit_id IS NULL) AND (assignee_id IS NULL) = (assigned_at IS NULL))
);
CREATE INDEX file_assignee ON work.file (assignee_id) WHERE assignee_id IS NOT NULL;

-- The officers' timeline of a report: beside reports.timeline, which its citizen reads. Never changed.
-- `person_id`: whom it is about. `note`: what an officer wrote.
CREATE TABLE work.entry (
  id uuid PRIMARY KEY,
  report_id uuid NOT NULL REFERENCES reports.report ON DELETE RESTRICT,
  at timestamptz NOT NULL,
  kind text NOT NULL CHECK (kind IN ('assigned', 'unassigned', 'released', 'note', 'part_added', 'part_done',
    'part_set_aside', 'part_removed')),
  actor_id uuid REFERENCES tenancy.official ON DELETE RESTRICT,
  unit_id int NOT NULL REFERENCES tenancy.unit ON DELETE RESTRICT,
  person_id uuid REFERENCES tenancy.official ON DELETE RESTRICT,
  -- Whose part it is about.
  about_unit_id int REFERENCES tenancy.unit ON DELETE RESTRICT,
  note text CHECK (length(note) BETWEEN 1 AND 4000),
  CHECK ((kind = 'note' OR starts_with(kind, 'part_')) = (note IS NOT NULL)),
  CHECK (starts_with(kind, 'part_') = (about_unit_id IS NOT NULL)),
  -- "released" is what nobody decided: the report went to another unit, or the person has left.
  CHECK ((kind = 'released') = (actor_id IS NULL))
);
CREATE INDEX entry_report ON work.entry (report_id, id);

-- Whether somebody is a handler of this unit itself today: a duty above it is another unit's.
CREATE FUNCTION work.handles(an_official uuid, a_unit int) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT EXISTS (SELECT FROM tenancy.duty d JOIN tenancy.official o ON o.id = d.official_id
    WHERE d.official_id = an_official AND d.unit_id = a_unit AND d.kind = 'handler' AND o.state = 'active'
      AND d.from_day <= platform.today() AND (d.until_day IS NULL OR d.until_day >= platform.today()))
$$;
-- The handlers of a unit that the caller works for, as colleagues know each other: code and name.
CREATE FUNCTION work.handlers_of(a_unit int) RETURNS TABLE (id uuid, code text, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT o.id, o.code, o.name FROM tenancy.official o
  WHERE a_unit = ANY (string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])
    AND work.handles(o.id, a_unit)
    AND o.id IN (SELECT d.official_id FROM tenancy.duty d WHERE d.unit_id = a_unit AND d.kind = 'handler')
  ORDER BY o.name_key, o.number LIMIT 200
$$;
-- Code and name of people whom entries of visible reports name, for officials alone.
CREATE FUNCTION work.people(ids uuid[]) RETURNS TABLE (id uuid, code text, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT o.id, o.code, o.name FROM tenancy.official o
  WHERE o.id = ANY (ids) AND nullif(current_setting('ioc.units', true), '') IS NOT NULL
$$;
REVOKE ALL ON FUNCTION work.handles, work.handlers_of, work.people FROM PUBLIC;
GRANT EXECUTE ON FUNCTION work.handles, work.handlers_of, work.people TO backend_app, backend_city;

-- A report that goes to another unit is in nobody's hand there, whoever sent it.
CREATE FUNCTION work.release() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  person uuid;
BEGIN
  SELECT f.assignee_id INTO person FROM work.file f WHERE f.report_id = NEW.id FOR UPDATE;
  IF person IS NOT NULL THEN
    UPDATE work.file f SET assignee_id = NULL, unit_id = NULL, assigned_at = NULL, version = f.version + 1
    WHERE f.report_id = NEW.id;
    INSERT INTO work.entry (id, report_id, at, kind, unit_id, person_id)
    VALUES (uuidv7(), NEW.id, NEW.updated_at, 'released', OLD.handler_id, person);
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION work.release FROM PUBLIC;
CREATE TRIGGER report_released AFTER UPDATE ON reports.report
  FOR EACH ROW WHEN (NEW.handler_id <> OLD.handler_id) EXECUTE FUNCTION work.release();

ALTER TABLE work.file ENABLE ROW LEVEL SECURITY;
ALTER TABLE work.file FORCE ROW LEVEL SECURITY;
ALTER TABLE work.entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE work.entry FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON work.file TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON work.entry TO backend_owner USING (true) WITH CHECK (true);
-- Units that have or had the report; not its citizen, to whom the report itself is visible.
CREATE POLICY file_read ON work.file FOR SELECT TO backend_app, backend_city
  USING (EXISTS (SELECT FROM reports.report r WHERE r.id = report_id AND r.visible_units
    && (SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])));
CREATE POLICY entry_read ON work.entry FOR SELECT TO backend_app, backend_city
  USING (EXISTS (SELECT FROM reports.report r WHERE r.id = report_id AND r.visible_units
    && (SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])));
-- In hand is a report of a handler of the unit that handles it, and put there by that unit.
CREATE POLICY file_make ON work.file FOR INSERT TO backend_app, backend_city
  WITH CHECK (assignee_id IS NULL AND version = 1 AND EXISTS (SELECT FROM reports.report r
    WHERE r.id = report_id AND r.handler_id
      = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[])));
CREATE POLICY file_change ON work.file FOR UPDATE TO backend_app, backend_city
  USING (EXISTS (SELECT FROM reports.report r WHERE r.id = report_id AND r.handler_id
    = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[])))
  WITH CHECK (EXISTS (SELECT FROM reports.report r WHERE r.id = report_id AND r.handler_id
      = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[])
    AND (assignee_id IS NULL OR (unit_id = r.handler_id AND work.handles(assignee_id, unit_id)))));
-- Nobody writes in another's name, or for a unit that is not his.
CREATE POLICY entry_write ON work.entry FOR INSERT TO backend_app, backend_city
  WITH CHECK (actor_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
    AND unit_id = ANY (string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])
    AND EXISTS (SELECT FROM reports.report r WHERE r.id = report_id AND r.visible_units
      && (SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])));
-- Jobs tell who was given a report, and take it from who has left; never what was written.
CREATE POLICY worker_read ON work.entry FOR SELECT TO backend_worker USING (true);
CREATE POLICY worker_release ON work.entry FOR INSERT TO backend_worker WITH CHECK (kind = 'released');
CREATE POLICY worker_read ON work.file FOR SELECT TO backend_worker USING (true);
CREATE POLICY worker_release ON work.file FOR UPDATE TO backend_worker USING (true) WITH CHECK (assignee_id IS NULL);

GRANT USAGE ON SCHEMA work TO backend_app, backend_city, backend_worker;
GRANT SELECT ON work.file, work.entry TO backend_app, backend_city;
GRANT INSERT (report_id, version) ON work.file TO backend_app, backend_city;
GRANT UPDATE (version, assignee_id, unit_id, assigned_at) ON work.file TO backend_app, backend_city, backend_worker;
GRANT INSERT ON work.entry TO backend_app, backend_city;
GRANT SELECT ON work.file TO backend_worker;
GRANT SELECT (id, report_id, at, kind, person_id) ON work.entry TO backend_worker;
GRANT INSERT (id, report_id, at, kind, unit_id, person_id) ON work.entry TO backend_worker;
GRANT EXECUTE ON FUNCTION work.handles TO backend_worker;

-- Supporting units (đơn vị phối hợp) ---------------------------------------------------------------------------------
-- A part of the work that another unit than the handling one has: asked for by it, or by the rule that routed the report.
CREATE TABLE work.part (
  id uuid PRIMARY KEY,
  report_id uuid NOT NULL REFERENCES reports.report ON DELETE RESTRICT,
  unit_id int NOT NULL REFERENCES tenancy.unit ON DELETE RESTRICT,
  -- removed: it was not needed; set_aside: it was, and the report is closed without it.
  state text NOT NULL CHECK (state IN ('open', 'done', 'set_aside', 'removed')),
  task text CHECK (length(task) BETWEEN 1 AND 4000),
  result text CHECK (length(result) BETWEEN 1 AND 4000),
  reason text CHECK (length(reason) BETWEEN 1 AND 4000),
  added_at timestamptz NOT NULL,
  ended_at timestamptz,
  UNIQUE (report_id, unit_id),
  CHECK ((state = 'done') = (result IS NOT NULL)),
  CHECK ((state IN ('set_aside', 'removed')) = (reason IS NOT NULL)),
  CHECK ((state = 'open') = (ended_at IS NULL))
);
CREATE INDEX part_unit ON work.part (unit_id) WHERE state = 'open';
-- Who helps with a report sees it as who handled it does, and goes on seeing it: it answers for what it did.
CREATE OR REPLACE FUNCTION reports.keep_visible_units() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    NEW.participants := OLD.participants;
    IF NEW.handler_id <> OLD.handler_id AND NOT OLD.handler_id = ANY (OLD.participants) THEN
      NEW.participants := OLD.participants || OLD.handler_id;
    END IF;
    NEW.participants := NEW.participants || ARRAY(SELECT p.unit_id FROM work.part p
      WHERE p.report_id = NEW.id AND NOT p.unit_id = ANY (NEW.participants) ORDER BY p.unit_id);
  ELSE
    NEW.participants := work.supporting(NEW.routing_reason, NEW.handler_id, NEW.created_at);
  END IF;
  NEW.visible_units := NEW.participants;
  IF NOT NEW.handler_id = ANY (NEW.participants) THEN
    NEW.visible_units := NEW.participants || NEW.handler_id;
  END IF;
  RETURN NEW;
END $$;
-- The supporting units of the rule that a report was routed by, those of them that take work that day.
CREATE FUNCTION work.supporting(reason jsonb, a_handler int, at timestamptz) RETURNS int[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT coalesce(array_agg(DISTINCT u.id ORDER BY u.id), '{}') FROM routing.rule r
  JOIN tenancy.unit u ON u.id = ANY (r.supporting) AND u.id <> a_handler AND u.kind <> 'party'
    AND (u.ended_on IS NULL OR u.ended_on > (at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date)
  WHERE r.code = reason ->> 'rule' AND r.place_id = (reason ->> 'place')::int
    AND r.set_number = (SELECT s.number FROM routing.rule_set s
      WHERE s.state = 'active' AND s.from_day <= (at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date
      ORDER BY s.from_day DESC, s.number DESC LIMIT 1)
$$;
CREATE FUNCTION work.begin_parts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  INSERT INTO work.part (id, report_id, unit_id, state, added_at)
  SELECT uuidv7(), NEW.id, u.unit_id, 'open', NEW.created_at FROM unnest(NEW.participants) u(unit_id);
  RETURN NULL;
END $$;
CREATE TRIGGER report_parts AFTER INSERT ON reports.report
  FOR EACH ROW WHEN (cardinality(NEW.participants) > 0) EXECUTE FUNCTION work.begin_parts();
CREATE FUNCTION work.show_part() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  UPDATE reports.report r SET updated_at = r.updated_at
  WHERE r.id = NEW.report_id AND NOT NEW.unit_id = ANY (r.visible_units);
  RETURN NULL;
END $$;
CREATE TRIGGER part_shown AFTER INSERT ON work.part FOR EACH ROW EXECUTE FUNCTION work.show_part();
-- Who gets the whole report has no part of it any more.
CREATE FUNCTION work.merge_part() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  UPDATE work.part p SET state = 'removed', result = NULL, reason = 'Đơn vị này đã nhận xử lý chính.', ended_at = NEW.updated_at
  WHERE p.report_id = NEW.id AND p.unit_id = NEW.handler_id AND p.state = 'open';
  RETURN NULL;
END $$;
CREATE TRIGGER report_merged AFTER UPDATE ON reports.report
  FOR EACH ROW WHEN (NEW.handler_id <> OLD.handler_id) EXECUTE FUNCTION work.merge_part();
REVOKE ALL ON FUNCTION work.supporting, work.begin_parts, work.show_part, work.merge_part FROM PUBLIC;

-- Whether a part is still open, for who may close the report: closing and asking for a part lock the report both.
CREATE FUNCTION work.has_open_parts(a_report uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT EXISTS (SELECT FROM work.part p WHERE p.report_id = a_report AND p.state = 'open')
$$;
REVOKE ALL ON FUNCTION work.has_open_parts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION work.has_open_parts TO backend_app, backend_city;

ALTER TABLE work.part ENABLE ROW LEVEL SECURITY;
ALTER TABLE work.part FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON work.part TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY part_read ON work.part FOR SELECT TO backend_app, backend_city
  USING (EXISTS (SELECT FROM reports.report r WHERE r.id = report_id AND r.visible_units
    && (SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])));
-- The handling unit asks another one, which is looked up as the asker sees units: never a Party body.
CREATE POLICY part_make ON work.part FOR INSERT TO backend_app, backend_city
  WITH CHECK (state = 'open' AND EXISTS (SELECT FROM reports.report r WHERE r.id = report_id AND r.handler_id <> unit_id
      AND r.handler_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[]))
    AND EXISTS (SELECT FROM tenancy.unit u WHERE u.id = unit_id AND u.kind <> 'party'));
CREATE POLICY part_change ON work.part FOR UPDATE TO backend_app, backend_city
  USING (unit_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[])
    OR EXISTS (SELECT FROM reports.report r WHERE r.id = report_id AND r.handler_id
      = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[])))
  -- What was done is its own unit's to say.
  WITH CHECK (state <> 'done'
    OR unit_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[]));
GRANT SELECT, INSERT ON work.part TO backend_app, backend_city;
GRANT UPDATE (state, task, result, reason, added_at, ended_at) ON work.part TO backend_app, backend_city;

-- Lists and views ----------------------------------------------------------------------------------------------------
-- By which channel a report came; "app" when by none. Asked of reports that the caller sees: an id is nobody's to guess.
CREATE FUNCTION work.channel_of(a_report uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT coalesce((SELECT i.channel FROM channels.inbound i WHERE i.report_id = a_report AND NOT i.linked
    ORDER BY i.at LIMIT 1), 'app')
$$;
-- The inner id of an official, for officials: what is found by it is what they see anyhow.
CREATE FUNCTION work.person_of(a_code text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT o.id FROM tenancy.official o
  WHERE o.code = a_code AND nullif(current_setting('ioc.units', true), '') IS NOT NULL
$$;
REVOKE ALL ON FUNCTION work.channel_of, work.person_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION work.channel_of, work.person_of TO backend_app, backend_city;

-- A list's filters under a name (bộ lọc đã lưu): a person's own, or shared with a unit by its head.
CREATE TABLE work.view (
  id uuid PRIMARY KEY,
  owner_id uuid NOT NULL REFERENCES tenancy.official ON DELETE RESTRICT,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  filter jsonb NOT NULL CHECK (length(filter::text) <= 2000),
  unit_id int REFERENCES tenancy.unit ON DELETE RESTRICT,
  saved_at timestamptz NOT NULL,
  UNIQUE (owner_id, name)
);
CREATE INDEX view_unit ON work.view (unit_id) WHERE unit_id IS NOT NULL;
ALTER TABLE work.view ENABLE ROW LEVEL SECURITY;
ALTER TABLE work.view FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON work.view TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY own ON work.view TO backend_app, backend_city
  USING (owner_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid))
  WITH CHECK (owner_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
    AND (unit_id IS NULL OR unit_id = ANY (
      (SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[])));
CREATE POLICY shared ON work.view FOR SELECT TO backend_app, backend_city USING (unit_id = ANY (
  (SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[]));
GRANT SELECT, INSERT, DELETE ON work.view TO backend_app, backend_city;
GRANT UPDATE (name, filter, unit_id, saved_at) ON work.view TO backend_app, backend_city;

-- Exports ------------------------------------------------------------------------------------------------------------
-- A list as a file (xuất danh sách). `reports`: what the asker's list held when it was asked for, in its order. The file
-- is here from when it is made until it is fetched, a day at most; what was asked and how many rows it had stays.
CREATE TABLE work.export (
  id uuid PRIMARY KEY,
  owner_id uuid NOT NULL REFERENCES tenancy.official ON DELETE RESTRICT,
  format text NOT NULL CHECK (format IN ('csv', 'xlsx')),
  filter jsonb NOT NULL CHECK (length(filter::text) <= 2000),
  reports text[] NOT NULL CHECK (cardinality(reports) <= 10000),
  rows int NOT NULL CHECK (rows BETWEEN 0 AND 10000),
  state text NOT NULL CHECK (state IN ('waiting', 'made', 'fetched')),
  done int NOT NULL DEFAULT 0 CHECK (done BETWEEN 0 AND rows),
  content bytea,
  asked_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  CHECK ((state = 'made') = (content IS NOT NULL))
);
CREATE INDEX export_owner ON work.export (owner_id, asked_at);
CREATE INDEX export_expiry ON work.export (expires_at) WHERE state <> 'fetched';
ALTER TABLE work.export ENABLE ROW LEVEL SECURITY;
ALTER TABLE work.export FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON work.export TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY own_read ON work.export FOR SELECT TO backend_app, backend_city
  USING (owner_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid));
CREATE POLICY own_ask ON work.export FOR INSERT TO backend_app, backend_city
  WITH CHECK (state = 'waiting' AND owner_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid));
CREATE POLICY own_fetch ON work.export FOR UPDATE TO backend_app, backend_city
  USING (state = 'made' AND owner_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid))
  WITH CHECK (state = 'fetched');
CREATE POLICY make ON work.export TO backend_worker USING (true) WITH CHECK (true);
GRANT SELECT (id, owner_id, format, filter, rows, state, done, content, asked_at, expires_at) ON work.export
  TO backend_app, backend_city;
GRANT INSERT (id, owner_id, format, filter, reports, rows, state, asked_at, expires_at) ON work.export
  TO backend_app, backend_city;
GRANT UPDATE (state, content) ON work.export TO backend_app, backend_city;
GRANT SELECT (id, owner_id, format, rows, state, expires_at), UPDATE (state, done, content, reports) ON work.export
  TO backend_worker;
-- What stands in a file of one report: no name, no contact, no text, no exact place. Only reports of the export.
CREATE FUNCTION work.rows_of(an_export uuid, begin_at int, many int)
RETURNS TABLE (code text, category text, ward_code text, ward_name text, handler_code text, handler_name text,
  state text, closing_reason text, channel text, urgency text, due_at timestamptz, late boolean,
  created_at timestamptz, updated_at timestamptz, closed_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT r.code, r.category, w.code, w.name, h.code, h.name, r.state, r.closing_reason, work.channel_of(r.id),
    f.urgency, c.due_at, c.late, r.created_at, r.updated_at, r.closed_at
  FROM (SELECT x.code, x.place FROM work.export e, unnest(e.reports) WITH ORDINALITY x(code, place)
        WHERE e.id = an_export ORDER BY x.place OFFSET begin_at LIMIT many) asked
  JOIN reports.report r ON r.code = asked.code
  JOIN tenancy.unit w ON w.id = r.ward_id JOIN tenancy.unit h ON h.id = r.handler_id
  LEFT JOIN deadlines.followed f ON f.report_id = r.id
  LEFT JOIN LATERAL (SELECT k.due_at, k.late FROM deadlines.clock k WHERE k.report_id = r.id AND k.kind = 'handle'
    ORDER BY k.round DESC LIMIT 1) c ON true
  ORDER BY asked.place
$$;
REVOKE ALL ON FUNCTION work.rows_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION work.rows_of TO backend_worker;

-- Templates (mẫu trả lời) --------------------------------------------------------------------------------------------
-- A unit's texts for questions, answers and closings. Each version stays: it may have been sent.
CREATE TABLE work.template (
  id uuid PRIMARY KEY,
  unit_id int NOT NULL REFERENCES tenancy.unit ON DELETE RESTRICT,
  kind text NOT NULL CHECK (kind IN ('question', 'answer', 'closing')),
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 100),
  -- Folded by the application: what it is found by.
  words text[] NOT NULL,
  version int NOT NULL CHECK (version >= 1),
  changed_at timestamptz NOT NULL,
  retired_at timestamptz
);
CREATE UNIQUE INDEX template_title ON work.template (unit_id, title) WHERE retired_at IS NULL;
CREATE TABLE work.template_text (
  template_id uuid NOT NULL REFERENCES work.template ON DELETE RESTRICT,
  version int NOT NULL,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 100),
  body text NOT NULL CHECK (length(body) BETWEEN 1 AND 4000),
  official_id uuid NOT NULL REFERENCES tenancy.official ON DELETE RESTRICT,
  at timestamptz NOT NULL,
  PRIMARY KEY (template_id, version)
);
ALTER TABLE work.template ENABLE ROW LEVEL SECURITY;
ALTER TABLE work.template FORCE ROW LEVEL SECURITY;
ALTER TABLE work.template_text ENABLE ROW LEVEL SECURITY;
ALTER TABLE work.template_text FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON work.template TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON work.template_text TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY unit_read ON work.template FOR SELECT TO backend_app, backend_city USING (unit_id = ANY (
  (SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[]));
CREATE POLICY unit_make ON work.template FOR INSERT TO backend_app, backend_city WITH CHECK (unit_id = ANY (
  (SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[]));
-- What is out of use stays as it was.
CREATE POLICY unit_change ON work.template FOR UPDATE TO backend_app, backend_city USING (retired_at IS NULL
  AND unit_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[]))
  WITH CHECK (true);
CREATE POLICY text_read ON work.template_text FOR SELECT TO backend_app, backend_city
  USING (EXISTS (SELECT FROM work.template t WHERE t.id = template_id));
CREATE POLICY text_write ON work.template_text FOR INSERT TO backend_app, backend_city
  WITH CHECK (official_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
    AND EXISTS (SELECT FROM work.template t WHERE t.id = template_id AND t.version = template_text.version));
GRANT SELECT, INSERT ON work.template, work.template_text TO backend_app, backend_city;
GRANT UPDATE (kind, title, words, version, changed_at, retired_at) ON work.template TO backend_app, backend_city;
