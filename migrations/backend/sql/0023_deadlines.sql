-- Deadlines (thời hạn) as data: sets of rules, the clocks of each report, pauses with reasons.

-- Rules --------------------------------------------------------------------------------------------------------
-- As sets of routing rules: written as a draft, holds from a day, never changed from then on. A report keeps the
-- set that held on the day on which it came in (docs/decisions/0033-deadlines.md).
CREATE TABLE deadlines.rule_set (
  number int PRIMARY KEY CHECK (number >= 1),
  state text NOT NULL CHECK (state IN ('draft', 'active', 'discarded')),
  from_day date CHECK (state <> 'active' OR from_day IS NOT NULL),
  note text NOT NULL CHECK (length(note) BETWEEN 1 AND 300),
  version int NOT NULL DEFAULT 1 CHECK (version >= 1),
  created_at timestamptz NOT NULL
);
CREATE INDEX rule_set_day ON deadlines.rule_set (from_day DESC, number DESC) WHERE state = 'active';
-- category × urgency × place → how long. NULL: every one. Lengths are "8h" or "5d": working hours or days.
CREATE TABLE deadlines.rule (
  set_number int NOT NULL REFERENCES deadlines.rule_set ON DELETE RESTRICT,
  code text COLLATE "C" NOT NULL CHECK (code ~ '^[a-z0-9][a-z0-9_-]{1,59}$'),
  category text REFERENCES routing.category ON DELETE RESTRICT,
  urgency text CHECK (urgency IN ('normal', 'high', 'urgent')),
  place_id int NOT NULL REFERENCES tenancy.unit ON DELETE RESTRICT,
  calendar text COLLATE "C" NOT NULL REFERENCES deadlines.calendar ON DELETE RESTRICT,
  receive text NOT NULL CHECK (receive ~ '^[1-9][0-9]{0,2}[hd]$'),
  handle text NOT NULL CHECK (handle ~ '^[1-9][0-9]{0,2}[hd]$'),
  -- How long waiting for the citizen stops the handling clock at most.
  wait text NOT NULL CHECK (wait ~ '^[1-9][0-9]{0,2}[hd]$'),
  -- How long after a missed deadline the city is told.
  escalate text NOT NULL CHECK (escalate ~ '^[1-9][0-9]{0,2}[hd]$'),
  PRIMARY KEY (set_number, code),
  -- Never two answers to one question.
  UNIQUE NULLS NOT DISTINCT (set_number, place_id, category, urgency)
);
-- Why an officer may stop the handling clock, and how long at most.
CREATE TABLE deadlines.pause_reason (
  code text COLLATE "C" PRIMARY KEY CHECK (code ~ '^[a-z][a-z_]{1,31}$'),
  name_vi text NOT NULL CHECK (length(name_vi) BETWEEN 1 AND 200),
  name_en text NOT NULL CHECK (length(name_en) BETWEEN 1 AND 200),
  longest text NOT NULL CHECK (longest ~ '^[1-9][0-9]{0,2}[hd]$'),
  position int NOT NULL
);

-- Clocks -------------------------------------------------------------------------------------------------------
-- One row a report that is followed: its lock, and how urgent it is.
CREATE TABLE deadlines.followed (
  report_id uuid PRIMARY KEY REFERENCES reports.report ON DELETE RESTRICT,
  urgency text NOT NULL DEFAULT 'normal' CHECK (urgency IN ('normal', 'high', 'urgent')),
  version int NOT NULL DEFAULT 1 CHECK (version >= 1)
);
CREATE TABLE deadlines.urgency_change (
  id uuid PRIMARY KEY,
  report_id uuid NOT NULL REFERENCES deadlines.followed ON DELETE RESTRICT,
  at timestamptz NOT NULL,
  urgency text NOT NULL CHECK (urgency IN ('normal', 'high', 'urgent')),
  official_id uuid NOT NULL REFERENCES tenancy.official ON DELETE RESTRICT
);
CREATE INDEX urgency_change_report ON deadlines.urgency_change (report_id, at);
CREATE TABLE deadlines.pause (
  id uuid PRIMARY KEY,
  report_id uuid NOT NULL REFERENCES deadlines.followed ON DELETE RESTRICT,
  reason text COLLATE "C" NOT NULL REFERENCES deadlines.pause_reason ON DELETE RESTRICT,
  started_at timestamptz NOT NULL,
  -- When it ends by itself.
  until_at timestamptz NOT NULL CHECK (until_at > started_at),
  ended_at timestamptz CHECK (ended_at >= started_at),
  official_id uuid NOT NULL REFERENCES tenancy.official ON DELETE RESTRICT
);
CREATE INDEX pause_report ON deadlines.pause (report_id, started_at);
CREATE UNIQUE INDEX pause_once ON deadlines.pause (report_id) WHERE ended_at IS NULL;

-- What a report owes: `receive` from its coming in, `handle` from being received, at the latest from when that was
-- due. A report that is taken up again after its answer begins a round of its own. A stopped clock never changes.
-- `late`: its time ran out before it stopped, or has run out now. While paused, `due_at` reckons with the
-- longest that the pause may last. `unit_id`: who keeps it while it runs; then who stopped it.
CREATE TABLE deadlines.clock (
  report_id uuid NOT NULL REFERENCES deadlines.followed ON DELETE RESTRICT,
  kind text NOT NULL CHECK (kind IN ('receive', 'handle')),
  round int NOT NULL DEFAULT 1 CHECK (round >= 1),
  unit_id int NOT NULL REFERENCES tenancy.unit ON DELETE RESTRICT,
  rule_set int NOT NULL,
  rule text COLLATE "C" NOT NULL,
  urgency text NOT NULL CHECK (urgency IN ('normal', 'high', 'urgent')),
  calendar text COLLATE "C" NOT NULL REFERENCES deadlines.calendar ON DELETE RESTRICT,
  allowed_minutes int NOT NULL CHECK (allowed_minutes > 0),
  started_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL CHECK (due_at > started_at),
  paused_since timestamptz,
  paused_until timestamptz,
  -- When it stood still because the citizen had been asked: beginnings and ends in turn.
  waited timestamptz[] NOT NULL DEFAULT '{}' CHECK (cardinality(waited) % 2 = 0),
  stopped_at timestamptz,
  late boolean NOT NULL DEFAULT false,
  -- What has been said of it (backend/deadlines/stages.py), and when to look again.
  stage int NOT NULL DEFAULT 0 CHECK (stage BETWEEN 0 AND 4),
  next_at timestamptz,
  PRIMARY KEY (report_id, kind, round),
  FOREIGN KEY (rule_set, rule) REFERENCES deadlines.rule (set_number, code) ON DELETE RESTRICT,
  CHECK ((paused_since IS NULL) = (paused_until IS NULL)),
  CHECK (stopped_at IS NULL OR (next_at IS NULL AND paused_since IS NULL))
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_insert_threshold = 1000, autovacuum_vacuum_insert_scale_factor = 0);
-- Lists by due time: a unit's, and the city's. They hold what a list shows of a clock, so that a page of ten units
-- is read from the index alone; only running clocks stand in them.
CREATE INDEX clock_unit ON deadlines.clock (unit_id, due_at, report_id)
  INCLUDE (kind, round, urgency, rule, calendar, started_at, paused_since, paused_until, stopped_at, late)
  WHERE stopped_at IS NULL;
CREATE INDEX clock_city ON deadlines.clock (due_at, report_id)
  INCLUDE (kind, round, urgency, rule, calendar, started_at, paused_since, paused_until, stopped_at, late)
  -- For statements that ask for the whole city, and say so: no other may walk it and throw away the rest (0007).
  WHERE stopped_at IS NULL AND due_at > '-infinity';
CREATE INDEX clock_next ON deadlines.clock (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX clock_open ON deadlines.clock (report_id) WHERE stopped_at IS NULL;
CREATE INDEX clock_stopped ON deadlines.clock (stopped_at) WHERE stopped_at IS NOT NULL;

ALTER TABLE deadlines.rule_set ENABLE ROW LEVEL SECURITY;
ALTER TABLE deadlines.rule_set FORCE ROW LEVEL SECURITY;
ALTER TABLE deadlines.rule ENABLE ROW LEVEL SECURITY;
ALTER TABLE deadlines.rule FORCE ROW LEVEL SECURITY;
ALTER TABLE deadlines.pause_reason ENABLE ROW LEVEL SECURITY;
ALTER TABLE deadlines.pause_reason FORCE ROW LEVEL SECURITY;
ALTER TABLE deadlines.followed ENABLE ROW LEVEL SECURITY;
ALTER TABLE deadlines.followed FORCE ROW LEVEL SECURITY;
ALTER TABLE deadlines.urgency_change ENABLE ROW LEVEL SECURITY;
ALTER TABLE deadlines.urgency_change FORCE ROW LEVEL SECURITY;
ALTER TABLE deadlines.pause ENABLE ROW LEVEL SECURITY;
ALTER TABLE deadlines.pause FORCE ROW LEVEL SECURITY;
ALTER TABLE deadlines.clock ENABLE ROW LEVEL SECURITY;
ALTER TABLE deadlines.clock FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON deadlines.rule_set TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON deadlines.rule TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON deadlines.pause_reason TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON deadlines.followed TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON deadlines.urgency_change TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON deadlines.pause TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON deadlines.clock TO backend_owner USING (true) WITH CHECK (true);

-- Rules are an administrator's, as routing's are.
CREATE POLICY rule_set_read ON deadlines.rule_set FOR SELECT TO backend_app, backend_city, backend_worker USING (true);
CREATE POLICY rule_set_make ON deadlines.rule_set FOR INSERT TO backend_app, backend_city
  WITH CHECK (state = 'draft' AND (SELECT tenancy.administers_platform()));
CREATE POLICY rule_set_change ON deadlines.rule_set FOR UPDATE TO backend_app, backend_city
  USING ((SELECT tenancy.administers_platform()) AND (state = 'draft'
    OR (state = 'active' AND from_day > platform.today())))
  WITH CHECK ((SELECT tenancy.administers_platform()) AND (from_day IS NULL
    OR from_day >= platform.today()));
CREATE POLICY rule_read ON deadlines.rule FOR SELECT TO backend_app, backend_city, backend_worker USING (true);
CREATE POLICY rule_make ON deadlines.rule FOR INSERT TO backend_app, backend_city
  WITH CHECK ((SELECT tenancy.administers_platform()));
CREATE POLICY rule_remove ON deadlines.rule FOR DELETE TO backend_app, backend_city
  USING ((SELECT tenancy.administers_platform()));
CREATE POLICY pause_reason_read ON deadlines.pause_reason FOR SELECT
  TO backend_app, backend_city, backend_worker USING (true);

CREATE FUNCTION deadlines.keep_rules() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM 1 FROM deadlines.rule_set s
  WHERE s.number = CASE TG_OP WHEN 'DELETE' THEN OLD.set_number ELSE NEW.set_number END AND s.state = 'draft'
  FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'only a draft is changed' USING ERRCODE = '23514';
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION deadlines.keep_rules FROM PUBLIC;
CREATE TRIGGER rule_of_draft AFTER INSERT OR UPDATE OR DELETE ON deadlines.rule
  FOR EACH ROW EXECUTE FUNCTION deadlines.keep_rules();

-- A stopped clock is what statistics stand on: it stays, whoever writes.
CREATE FUNCTION deadlines.keep_stopped() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  IF OLD.stopped_at IS NOT NULL THEN
    RAISE EXCEPTION 'a stopped clock stays as it is' USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION deadlines.keep_stopped FROM PUBLIC;
CREATE TRIGGER clock_stopped BEFORE UPDATE ON deadlines.clock
  FOR EACH ROW EXECUTE FUNCTION deadlines.keep_stopped();

-- The worker follows reports: steps and states, never what was written.
CREATE POLICY deadlines_follow ON reports.timeline FOR SELECT TO backend_worker USING (true);
GRANT SELECT (id, report_id, version, at, to_state, to_unit_id) ON reports.timeline TO backend_worker;
CREATE POLICY worker_all ON deadlines.followed TO backend_worker USING (true) WITH CHECK (true);
CREATE POLICY worker_read ON deadlines.urgency_change FOR SELECT TO backend_worker USING (true);
CREATE POLICY worker_read ON deadlines.pause FOR SELECT TO backend_worker USING (true);
CREATE POLICY worker_all ON deadlines.clock TO backend_worker USING (true) WITH CHECK (true);

-- A clock's list is the unit's that has it now: one clause, no OR, as lists of reports (0007).
CREATE POLICY clock_read ON deadlines.clock FOR SELECT TO backend_app
  USING (unit_id = ANY (string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[]));
CREATE POLICY clock_move ON deadlines.clock FOR UPDATE TO backend_app
  USING (unit_id = ANY (string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[]))
  WITH CHECK (unit_id = ANY (string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[]));
CREATE POLICY city_read ON deadlines.clock FOR SELECT TO backend_city
  USING ((SELECT nullif(current_setting('ioc.subject', true), '')) IS NOT NULL);
CREATE POLICY city_move ON deadlines.clock FOR UPDATE TO backend_city
  USING ((SELECT nullif(current_setting('ioc.subject', true), '')) IS NOT NULL)
  WITH CHECK ((SELECT nullif(current_setting('ioc.subject', true), '')) IS NOT NULL);
-- What belongs to a report: the report's own policy decides. Changed by the unit that handles it; nobody writes
-- in another's name.
CREATE POLICY followed_read ON deadlines.followed FOR SELECT TO backend_app, backend_city
  USING (EXISTS (SELECT FROM reports.report r WHERE r.id = report_id));
CREATE POLICY followed_change ON deadlines.followed FOR UPDATE TO backend_app
  USING (EXISTS (SELECT FROM reports.report r WHERE r.id = report_id AND r.handler_id
    = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[])));
CREATE POLICY city_change ON deadlines.followed FOR UPDATE TO backend_city
  USING (EXISTS (SELECT FROM reports.report r WHERE r.id = report_id));
CREATE POLICY urgency_read ON deadlines.urgency_change FOR SELECT TO backend_app, backend_city
  USING (EXISTS (SELECT FROM reports.report r WHERE r.id = report_id));
CREATE POLICY urgency_write ON deadlines.urgency_change FOR INSERT TO backend_app, backend_city
  WITH CHECK (official_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
    AND EXISTS (SELECT FROM reports.report r WHERE r.id = report_id));
CREATE POLICY pause_read ON deadlines.pause FOR SELECT TO backend_app, backend_city
  USING (EXISTS (SELECT FROM reports.report r WHERE r.id = report_id));
CREATE POLICY pause_write ON deadlines.pause FOR INSERT TO backend_app, backend_city
  WITH CHECK (official_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
    AND EXISTS (SELECT FROM reports.report r WHERE r.id = report_id AND r.handler_id
      = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[])));
-- Once ended it stays ended.
CREATE POLICY pause_end ON deadlines.pause FOR UPDATE TO backend_app, backend_city
  USING (ended_at IS NULL AND EXISTS (SELECT FROM reports.report r WHERE r.id = report_id AND r.handler_id
    = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[])))
  WITH CHECK (ended_at IS NOT NULL);

GRANT SELECT ON deadlines.rule_set, deadlines.rule, deadlines.pause_reason, deadlines.followed,
  deadlines.urgency_change, deadlines.pause, deadlines.clock TO backend_app, backend_city, backend_worker;
GRANT INSERT, UPDATE (state, from_day, note, version) ON deadlines.rule_set TO backend_app, backend_city;
GRANT INSERT, DELETE ON deadlines.rule TO backend_app, backend_city;
GRANT UPDATE (urgency, version) ON deadlines.followed TO backend_app, backend_city;
GRANT INSERT ON deadlines.urgency_change, deadlines.pause TO backend_app, backend_city;
GRANT UPDATE (ended_at) ON deadlines.pause TO backend_app, backend_city;
-- Whose and which can't change.
GRANT UPDATE (unit_id, rule_set, rule, urgency, calendar, allowed_minutes, started_at, due_at, paused_since, paused_until,
  waited, stopped_at, late, stage, next_at) ON deadlines.clock TO backend_app, backend_city, backend_worker;
GRANT INSERT ON deadlines.clock TO backend_worker;
GRANT INSERT (report_id), UPDATE (version) ON deadlines.followed TO backend_worker;

-- What is public ------------------------------------------------------------------------------------------------
-- Countdown and pauses, for anybody who has the codes: owner's rights on purpose, no person, no text, no id.
CREATE FUNCTION deadlines.clocks_of(codes text[])
RETURNS TABLE (code text, level text, kind text, round int, urgency text, rule text, calendar text,
  started_at timestamptz, due_at timestamptz, paused_since timestamptz, paused_until timestamptz,
  waited timestamptz[], stopped_at timestamptz, late boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT r.code, f.urgency, c.kind, c.round, c.urgency, c.rule, c.calendar, c.started_at, c.due_at,
    c.paused_since, c.paused_until, c.waited, c.stopped_at, c.late
  FROM unnest(codes) asked(code) JOIN reports.report r ON r.code = asked.code
  JOIN deadlines.followed f ON f.report_id = r.id JOIN deadlines.clock c ON c.report_id = r.id
  ORDER BY r.code, c.round, c.kind DESC
$$;
-- A pause that was open when the work was done ended with it.
CREATE FUNCTION deadlines.pauses_of(codes text[])
RETURNS TABLE (code text, reason text, name_vi text, name_en text, started_at timestamptz, until_at timestamptz,
  ended_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT r.code, p.reason, n.name_vi, n.name_en, p.started_at, p.until_at,
    least(p.ended_at, (SELECT min(c.stopped_at) FROM deadlines.clock c
                       WHERE c.report_id = p.report_id AND c.kind = 'handle' AND c.stopped_at >= p.started_at))
  FROM unnest(codes) asked(code) JOIN reports.report r ON r.code = asked.code
  JOIN deadlines.pause p ON p.report_id = r.id JOIN deadlines.pause_reason n ON n.code = p.reason
  ORDER BY r.code, p.started_at
$$;
REVOKE ALL ON FUNCTION deadlines.clocks_of, deadlines.pauses_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION deadlines.clocks_of, deadlines.pauses_of TO backend_app, backend_city;

-- Who is to be told: holders of a duty at the unit, else at the nearest unit above it where somebody has it.
CREATE FUNCTION deadlines.people_of(a_unit int, a_kind text, a_day date) RETURNS TABLE (official_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  WITH held AS (
    SELECT d.official_id, p.step FROM unnest(tenancy.path_of(a_unit)) WITH ORDINALITY p(unit_id, step)
    JOIN tenancy.duty d ON d.unit_id = p.unit_id AND d.kind = a_kind
      AND d.from_day <= a_day AND (d.until_day IS NULL OR d.until_day >= a_day)
    JOIN tenancy.official o ON o.id = d.official_id AND o.state = 'active'
  )
  SELECT DISTINCT h.official_id FROM held h WHERE h.step = (SELECT min(n.step) FROM held n)
  ORDER BY 1 LIMIT 200
$$;
REVOKE ALL ON FUNCTION deadlines.people_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION deadlines.people_of TO backend_worker;

-- The latest stopped clocks since a moment, without report or person, for the trial of a draft.
-- `halts`: beginnings and ends of what stopped the clock, in turn.
CREATE FUNCTION deadlines.stopped_since(since timestamptz, most int)
RETURNS TABLE (category text, ward_id int, kind text, urgency text, started_at timestamptz, stopped_at timestamptz,
  late boolean, halts timestamptz[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT r.category, r.ward_id, c.kind, c.urgency, c.started_at, c.stopped_at, c.late,
    c.waited || coalesce((SELECT array_agg(h.at ORDER BY p.started_at, h.at)
      FROM deadlines.pause p, unnest(ARRAY[p.started_at, coalesce(p.ended_at, p.until_at)]) h(at)
      WHERE p.report_id = c.report_id AND p.started_at >= c.started_at AND p.started_at < c.stopped_at), '{}')
  FROM (SELECT * FROM deadlines.clock k WHERE k.stopped_at >= since ORDER BY k.stopped_at DESC
        LIMIT least(most, 5000)) c
  JOIN reports.report r ON r.id = c.report_id
  WHERE tenancy.administers_platform()
$$;
REVOKE ALL ON FUNCTION deadlines.stopped_since FROM PUBLIC;
GRANT EXECUTE ON FUNCTION deadlines.stopped_since TO backend_app, backend_city;
