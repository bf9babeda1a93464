-- Administration (quản trị): units, categories, sets of routing rules, working-hour calendars; who changed what.

-- Whether the principal administers the platform: a duty platform_admin at the city's root, in force today. The
-- second wall behind the policies: a forgotten decision writes nothing.
CREATE FUNCTION tenancy.administers_platform() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT EXISTS (
    SELECT FROM tenancy.duty d JOIN tenancy.unit u ON u.id = d.unit_id
    JOIN tenancy.official o ON o.id = d.official_id AND o.state = 'active'
    WHERE d.official_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
      AND d.kind = 'platform_admin' AND u.kind = 'city' AND u.parent_id IS NULL
      AND d.from_day <= platform.today()
      AND (d.until_day IS NULL OR d.until_day >= platform.today()))
$$;
REVOKE ALL ON FUNCTION tenancy.administers_platform FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy.administers_platform TO backend_app, backend_city;

-- History ------------------------------------------------------------------------------------------------------
-- Append-only: what a thing was and became, who did it, when. No grant changes or removes a row.
CREATE TABLE platform.history (
  id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind ~ '^[a-z][a-z_]{1,39}$'),
  code text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
  version int NOT NULL CHECK (version >= 1),
  at timestamptz NOT NULL,
  action text NOT NULL CHECK (length(action) <= 80),
  actor_id uuid NOT NULL REFERENCES tenancy.official ON DELETE RESTRICT,
  actor_unit text NOT NULL,
  before jsonb,
  after jsonb NOT NULL,
  UNIQUE (kind, code, version)
);
CREATE INDEX history_of ON platform.history (kind, code, at DESC, id DESC);
ALTER TABLE platform.history ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.history FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON platform.history TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY history_write ON platform.history FOR INSERT TO backend_app, backend_city WITH CHECK (
  actor_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
  AND (SELECT tenancy.administers_platform()));
CREATE POLICY history_read ON platform.history FOR SELECT TO backend_app, backend_city
  USING ((SELECT tenancy.administers_platform()));
GRANT SELECT, INSERT ON platform.history TO backend_app, backend_city;

-- Names of those who changed something, for those who may read the history; nobody else's.
CREATE FUNCTION platform.names_of_actors(people uuid[]) RETURNS TABLE (id uuid, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT o.id, o.name FROM tenancy.official o
  WHERE o.id = ANY (people) AND tenancy.administers_platform()
    AND EXISTS (SELECT FROM platform.history h WHERE h.actor_id = o.id)
$$;
REVOKE ALL ON FUNCTION platform.names_of_actors FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.names_of_actors TO backend_app, backend_city;
CREATE INDEX history_actor ON platform.history (actor_id);

-- Units --------------------------------------------------------------------------------------------------------
ALTER TABLE tenancy.unit
  ADD COLUMN version int NOT NULL DEFAULT 1 CHECK (version >= 1),
  ADD COLUMN successor_id int REFERENCES tenancy.unit ON DELETE RESTRICT,
  ADD CHECK (successor_id IS NULL OR (ended_on IS NOT NULL AND successor_id <> id));

CREATE POLICY unit_make ON tenancy.unit FOR INSERT TO backend_app, backend_city
  WITH CHECK (kind <> 'party' AND parent_id IS NOT NULL AND (SELECT tenancy.administers_platform()));
CREATE POLICY unit_change ON tenancy.unit FOR UPDATE TO backend_app, backend_city
  USING (kind <> 'party' AND (SELECT tenancy.administers_platform()))
  WITH CHECK (kind <> 'party' AND (SELECT tenancy.administers_platform()));
GRANT INSERT (code, parent_id, name, name_key, kind) ON tenancy.unit TO backend_app, backend_city;
GRANT UPDATE (parent_id, name, name_key, ended_on, successor_id, version) ON tenancy.unit
  TO backend_app, backend_city;

-- Holds whoever writes: two trees, neither in the other; no unit below itself. The lock lets no two changes of
-- the tree pass each other, and none while a report is given its unit (backend/routing/service.py).
CREATE FUNCTION tenancy.keep_tree() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  above tenancy.unit;
BEGIN
  PERFORM pg_advisory_xact_lock(4801, 1);
  IF NEW.parent_id IS NULL THEN
    IF TG_OP = 'UPDATE' AND OLD.parent_id IS NOT NULL THEN
      RAISE EXCEPTION 'a unit does not become a root' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
  END IF;
  SELECT * INTO above FROM tenancy.unit u WHERE u.id = NEW.parent_id;
  IF (above.kind = 'party') <> (NEW.kind = 'party') THEN
    RAISE EXCEPTION 'a unit stays in its tree' USING ERRCODE = '23514';
  END IF;
  IF NEW.id = ANY (tenancy.path_of(NEW.parent_id)) THEN
    RAISE EXCEPTION 'a unit is not below itself' USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION tenancy.keep_tree FROM PUBLIC;
CREATE TRIGGER unit_tree BEFORE INSERT OR UPDATE OF parent_id, ended_on ON tenancy.unit
  FOR EACH ROW EXECUTE FUNCTION tenancy.keep_tree();

-- Where what belonged to a unit goes: itself while it lasts, else the end of its successors; none: NULL.
CREATE FUNCTION tenancy.current_of(a_unit int, a_day date) RETURNS int
LANGUAGE sql STABLE SET search_path = '' AS $$
  WITH RECURSIVE on_ AS (
    SELECT u.id, u.successor_id, u.ended_on, 0 AS step FROM tenancy.unit u WHERE u.id = a_unit
    UNION ALL SELECT u.id, u.successor_id, u.ended_on, o.step + 1 FROM tenancy.unit u
    JOIN on_ o ON u.id = o.successor_id WHERE o.ended_on <= a_day AND o.step < 100
  )
  SELECT o.id FROM on_ o WHERE o.ended_on IS NULL OR o.ended_on > a_day ORDER BY o.step LIMIT 1
$$;
REVOKE ALL ON FUNCTION tenancy.current_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy.current_of TO backend_app, backend_city, backend_worker;

-- Routing ------------------------------------------------------------------------------------------------------
ALTER TABLE routing.category
  ADD COLUMN ended_on date,
  ADD COLUMN version int NOT NULL DEFAULT 1 CHECK (version >= 1);

-- A set is written as a draft, holds from a day, and is never changed from then on. Of the sets that begin by a
-- day the one that begins last holds, of two on one day the later number.
CREATE TABLE routing.rule_set (
  number int PRIMARY KEY CHECK (number >= 1),
  state text NOT NULL CHECK (state IN ('draft', 'active', 'discarded')),
  from_day date CHECK (state <> 'active' OR from_day IS NOT NULL),
  note text NOT NULL CHECK (length(note) BETWEEN 1 AND 300),
  version int NOT NULL DEFAULT 1 CHECK (version >= 1),
  created_at timestamptz NOT NULL
);
CREATE INDEX rule_set_day ON routing.rule_set (from_day DESC, number DESC) WHERE state = 'active';
ALTER TABLE routing.rule ADD COLUMN set_number int REFERENCES routing.rule_set ON DELETE RESTRICT,
  -- Units that help the one that answers (đơn vị phối hợp).
  ADD COLUMN supporting int[] NOT NULL DEFAULT '{}' CHECK (cardinality(supporting) <= 10);
INSERT INTO routing.rule_set (number, state, from_day, note, created_at)
SELECT 1, 'active', min(r.from_day), 'Bộ quy tắc đầu tiên', now() FROM routing.rule r HAVING count(*) > 0;
DELETE FROM routing.rule r WHERE r.until_day < platform.today();
DELETE FROM routing.rule r USING routing.rule newer WHERE newer.place_id = r.place_id
  AND newer.category IS NOT DISTINCT FROM r.category AND (newer.from_day, newer.id) > (r.from_day, r.id);
UPDATE routing.rule SET set_number = 1;
DROP INDEX routing.rule_place;
ALTER TABLE routing.rule
  ALTER COLUMN set_number SET NOT NULL,
  DROP CONSTRAINT rule_code_from_day_key,
  DROP COLUMN from_day,
  DROP COLUMN until_day,
  ADD CHECK (code ~ '^[a-z0-9][a-z0-9_-]{1,59}$'),
  ADD UNIQUE (set_number, code),
  -- Never two answers to one question.
  ADD UNIQUE NULLS NOT DISTINCT (set_number, place_id, category);

ALTER TABLE routing.category ENABLE ROW LEVEL SECURITY;
ALTER TABLE routing.category FORCE ROW LEVEL SECURITY;
ALTER TABLE routing.rule ENABLE ROW LEVEL SECURITY;
ALTER TABLE routing.rule FORCE ROW LEVEL SECURITY;
ALTER TABLE routing.rule_set ENABLE ROW LEVEL SECURITY;
ALTER TABLE routing.rule_set FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON routing.category TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON routing.rule TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON routing.rule_set TO backend_owner USING (true) WITH CHECK (true);
-- What is public to read is an administrator's to write.
CREATE POLICY category_read ON routing.category FOR SELECT TO backend_app, backend_city USING (true);
CREATE POLICY category_make ON routing.category FOR INSERT TO backend_app, backend_city
  WITH CHECK ((SELECT tenancy.administers_platform()));
CREATE POLICY category_change ON routing.category FOR UPDATE TO backend_app, backend_city
  USING ((SELECT tenancy.administers_platform())) WITH CHECK ((SELECT tenancy.administers_platform()));
CREATE POLICY rule_read ON routing.rule FOR SELECT TO backend_app, backend_city USING (true);
CREATE POLICY rule_make ON routing.rule FOR INSERT TO backend_app, backend_city
  WITH CHECK ((SELECT tenancy.administers_platform()));
CREATE POLICY rule_remove ON routing.rule FOR DELETE TO backend_app, backend_city
  USING ((SELECT tenancy.administers_platform()));
CREATE POLICY rule_set_read ON routing.rule_set FOR SELECT TO backend_app, backend_city USING (true);
CREATE POLICY rule_set_make ON routing.rule_set FOR INSERT TO backend_app, backend_city
  WITH CHECK (state = 'draft' AND (SELECT tenancy.administers_platform()));
-- What has held for a day stays as it was; no set begins in the past.
CREATE POLICY rule_set_change ON routing.rule_set FOR UPDATE TO backend_app, backend_city
  USING ((SELECT tenancy.administers_platform()) AND (state = 'draft'
    OR (state = 'active' AND from_day > platform.today())))
  WITH CHECK ((SELECT tenancy.administers_platform()) AND (from_day IS NULL
    OR from_day >= platform.today()));

CREATE FUNCTION routing.keep_rules() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM 1 FROM routing.rule_set s
  WHERE s.number = CASE TG_OP WHEN 'DELETE' THEN OLD.set_number ELSE NEW.set_number END AND s.state = 'draft'
  FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'only a draft is changed' USING ERRCODE = '23514';
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION routing.keep_rules FROM PUBLIC;
-- After row-level security: who may write no rule learns of no draft.
CREATE TRIGGER rule_of_draft AFTER INSERT OR UPDATE OR DELETE ON routing.rule
  FOR EACH ROW EXECUTE FUNCTION routing.keep_rules();

GRANT INSERT, UPDATE (name_vi, name_en, position, ended_on, version) ON routing.category TO backend_app, backend_city;
GRANT INSERT, DELETE ON routing.rule TO backend_app, backend_city;
GRANT SELECT, INSERT, UPDATE (state, from_day, note, version) ON routing.rule_set TO backend_app, backend_city;

-- How many reports there were since a moment, by category and ward: numbers alone, for the trial of a draft.
CREATE FUNCTION routing.reports_since(since timestamptz) RETURNS TABLE (category text, ward_id int, reports bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT r.category, r.ward_id, count(*) FROM reports.report r
  WHERE r.created_at >= since AND r.created_at > '-infinity' AND tenancy.administers_platform()
  GROUP BY r.category, r.ward_id
$$;
REVOKE ALL ON FUNCTION routing.reports_since FROM PUBLIC;
GRANT EXECUTE ON FUNCTION routing.reports_since TO backend_app, backend_city;

-- What a unit still has: numbers alone, for who ends it.
CREATE FUNCTION tenancy.holdings_of(a_unit int, a_day date)
RETURNS TABLE (open_reports bigint, people bigint, duties bigint, children bigint, rules bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  -- Its own, and those that are still on their way from units that became part of it.
  WITH RECURSIVE heir_of AS (
    SELECT a_unit AS id UNION SELECT u.id FROM tenancy.unit u JOIN heir_of h ON u.successor_id = h.id
  )
  SELECT
    (SELECT count(*) FROM heir_of h JOIN reports.report_visibility v ON v.unit_id = h.id
     JOIN reports.report r ON r.id = v.report_id WHERE v.state <> 'closed' AND r.handler_id = h.id),
    (SELECT count(*) FROM tenancy.official o WHERE o.unit_id = a_unit AND o.state <> 'ended'),
    (SELECT count(*) FROM tenancy.duty d
     WHERE d.unit_id = a_unit AND (d.until_day IS NULL OR d.until_day >= greatest(d.from_day, a_day))),
    (SELECT count(*) FROM tenancy.unit u
     WHERE u.parent_id = a_unit AND (u.ended_on IS NULL OR u.ended_on > a_day)),
    (SELECT count(*) FROM routing.rule r JOIN routing.rule_set s ON s.number = r.set_number
     WHERE s.state = 'active' AND a_unit = ANY (r.supporting || r.place_id || coalesce(r.target_id, -1))
       AND (s.from_day > a_day OR s.number = (SELECT f.number FROM routing.rule_set f
         WHERE f.state = 'active' AND f.from_day <= a_day ORDER BY f.from_day DESC, f.number DESC LIMIT 1)))
  WHERE tenancy.administers_platform()
$$;
REVOKE ALL ON FUNCTION tenancy.holdings_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy.holdings_of TO backend_app, backend_city;

-- Duties at a unit that was ended end the day before: taking is the administrator's, giving never. Only in the
-- transaction that ends the unit, so that this is no way to take any duty.
CREATE FUNCTION tenancy.end_duties_of(a_unit int, a_day date, at timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  ended bigint;
BEGIN
  PERFORM 1 FROM tenancy.unit u WHERE u.id = a_unit AND u.ended_on = a_day AND u.kind <> 'party';
  IF NOT FOUND OR NOT tenancy.administers_platform() THEN
    RAISE EXCEPTION 'no unit that was ended by you' USING ERRCODE = '42501';
  END IF;
  -- A duty that was to begin later never is in force. The history of each official tells it.
  WITH gone AS (
    UPDATE tenancy.duty d SET until_day = greatest(d.from_day, a_day) - 1
    WHERE d.unit_id = a_unit AND (d.until_day IS NULL OR d.until_day >= greatest(d.from_day, a_day))
    RETURNING d.official_id, d.kind, d.from_day, d.until_day
  ), officials AS (
    UPDATE tenancy.official o SET version = o.version + 1 WHERE o.id IN (SELECT g.official_id FROM gone g)
    RETURNING o.id, o.version
  ), told AS (
    INSERT INTO tenancy.official_change (id, official_id, version, at, actor_kind, actor_id, actor_name, kind,
      unit_id, duty, from_day, until_day, note)
    SELECT uuidv7(), g.official_id, o.version, at, 'official', a.id, a.name, 'duty_ended', a_unit, g.kind,
      g.from_day, g.until_day, 'Đơn vị đã kết thúc'
    FROM gone g JOIN officials o ON o.id = g.official_id, tenancy.official a
    WHERE a.id = nullif(current_setting('ioc.subject', true), '')::uuid
    RETURNING 1
  )
  SELECT count(*) INTO ended FROM told;
  RETURN ended;
END $$;
REVOKE ALL ON FUNCTION tenancy.end_duties_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy.end_duties_of TO backend_app, backend_city;

-- Open reports of an ended unit go to its successor, a batch a transaction. To whom, the unit itself says: the
-- worker can't choose. States stay; the timeline tells.
CREATE FUNCTION reports.hand_over(a_unit int, a_day date, at timestamptz, batch int)
RETURNS TABLE (report_code text, unit_code text, change_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  heir tenancy.unit;
  taken reports.report;
BEGIN
  SELECT u.* INTO heir FROM tenancy.unit u
  WHERE u.id = tenancy.current_of(a_unit, a_day) AND u.id <> a_unit AND u.kind <> 'party';
  IF NOT FOUND THEN
    RETURN;
  END IF;
  FOR taken IN
    SELECT r.* FROM reports.report r WHERE r.handler_id = a_unit AND r.state <> 'closed'
      AND r.id IN (SELECT v.report_id FROM reports.report_visibility v
                   WHERE v.unit_id = a_unit AND v.state <> 'closed')
    ORDER BY r.id LIMIT least(batch, 500) FOR UPDATE OF r
  LOOP
    UPDATE reports.report r SET handler_id = heir.id, version = r.version + 1, updated_at = at
    WHERE r.id = taken.id RETURNING r.* INTO taken;
    INSERT INTO reports.timeline (id, report_id, version, at, kind, from_state, to_state, from_unit_id,
      to_unit_id, actor_kind)
    VALUES (uuidv7(), taken.id, taken.version, at, 'forwarded', taken.state, taken.state, a_unit, heir.id, 'system');
    INSERT INTO changes.change (id, kind, resource, version, at, units, citizen_id)
    VALUES (uuidv7(), 'report.forwarded', 'report:' || taken.code, taken.version, at, taken.visible_units,
      taken.citizen_id)
    RETURNING id INTO change_id;
    report_code := taken.code;
    unit_code := heir.code;
    RETURN NEXT;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION reports.hand_over FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reports.hand_over TO backend_worker;

-- Calendars ----------------------------------------------------------------------------------------------------
CREATE SCHEMA deadlines;
CREATE TABLE deadlines.calendar (
  code text COLLATE "C" PRIMARY KEY CHECK (code ~ '^[a-z][a-z0-9_]{1,39}$'),
  name_vi text NOT NULL CHECK (length(name_vi) BETWEEN 1 AND 200),
  name_en text NOT NULL CHECK (length(name_en) BETWEEN 1 AND 200),
  -- A hotline that is always open knows no holidays.
  observes_holidays boolean NOT NULL,
  version int NOT NULL DEFAULT 1 CHECK (version >= 1)
);
-- Weekly hours from a day on, in Asia/Ho_Chi_Minh: minutes since Monday 00:00. A multirange has no overlaps.
CREATE TABLE deadlines.hours (
  calendar text COLLATE "C" NOT NULL REFERENCES deadlines.calendar ON DELETE RESTRICT,
  from_day date NOT NULL,
  week int4multirange NOT NULL CHECK (NOT isempty(week) AND week <@ '{[0,10080)}'::int4multirange),
  PRIMARY KEY (calendar, from_day)
);
-- A year whose days off (ngày nghỉ) and swapped working days (ngày làm bù) somebody confirmed, with the decision.
CREATE TABLE deadlines.year (
  year int PRIMARY KEY CHECK (year BETWEEN 2020 AND 2199),
  source text NOT NULL CHECK (length(source) BETWEEN 1 AND 300),
  version int NOT NULL DEFAULT 1 CHECK (version >= 1),
  confirmed_at timestamptz NOT NULL
);
CREATE TABLE deadlines.day (
  day date PRIMARY KEY,
  year int NOT NULL REFERENCES deadlines.year ON DELETE RESTRICT CHECK (year = extract(year FROM day)),
  kind text NOT NULL CHECK (kind IN ('off', 'working')),
  name_vi text NOT NULL CHECK (length(name_vi) BETWEEN 1 AND 200),
  name_en text NOT NULL CHECK (length(name_en) BETWEEN 1 AND 200),
  -- Whose hours a swapped working day has: 1 is Monday.
  like_weekday int CHECK (like_weekday BETWEEN 1 AND 7),
  CHECK ((kind = 'working') = (like_weekday IS NOT NULL))
);
CREATE INDEX day_year ON deadlines.day (year, day);
ALTER TABLE deadlines.calendar ENABLE ROW LEVEL SECURITY;
ALTER TABLE deadlines.calendar FORCE ROW LEVEL SECURITY;
ALTER TABLE deadlines.hours ENABLE ROW LEVEL SECURITY;
ALTER TABLE deadlines.hours FORCE ROW LEVEL SECURITY;
ALTER TABLE deadlines.year ENABLE ROW LEVEL SECURITY;
ALTER TABLE deadlines.year FORCE ROW LEVEL SECURITY;
ALTER TABLE deadlines.day ENABLE ROW LEVEL SECURITY;
ALTER TABLE deadlines.day FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON deadlines.calendar TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON deadlines.hours TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON deadlines.year TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON deadlines.day TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY calendar_read ON deadlines.calendar FOR SELECT TO backend_app, backend_city, backend_worker USING (true);
CREATE POLICY hours_read ON deadlines.hours FOR SELECT TO backend_app, backend_city, backend_worker USING (true);
CREATE POLICY year_read ON deadlines.year FOR SELECT TO backend_app, backend_city, backend_worker USING (true);
CREATE POLICY day_read ON deadlines.day FOR SELECT TO backend_app, backend_city, backend_worker USING (true);
CREATE POLICY calendar_make ON deadlines.calendar FOR INSERT TO backend_app, backend_city
  WITH CHECK ((SELECT tenancy.administers_platform()));
CREATE POLICY calendar_change ON deadlines.calendar FOR UPDATE TO backend_app, backend_city
  USING ((SELECT tenancy.administers_platform())) WITH CHECK ((SELECT tenancy.administers_platform()));
-- Hours that have held stay as they were.
CREATE POLICY hours_make ON deadlines.hours FOR INSERT TO backend_app, backend_city
  WITH CHECK ((SELECT tenancy.administers_platform())
    AND from_day >= platform.today());
CREATE POLICY hours_remove ON deadlines.hours FOR DELETE TO backend_app, backend_city
  USING ((SELECT tenancy.administers_platform())
    AND from_day >= platform.today());
CREATE POLICY year_make ON deadlines.year FOR INSERT TO backend_app, backend_city
  WITH CHECK ((SELECT tenancy.administers_platform()));
CREATE POLICY year_change ON deadlines.year FOR UPDATE TO backend_app, backend_city
  USING ((SELECT tenancy.administers_platform())) WITH CHECK ((SELECT tenancy.administers_platform()));
CREATE POLICY day_make ON deadlines.day FOR INSERT TO backend_app, backend_city
  WITH CHECK ((SELECT tenancy.administers_platform()));
CREATE POLICY day_remove ON deadlines.day FOR DELETE TO backend_app, backend_city
  USING ((SELECT tenancy.administers_platform()));
GRANT USAGE ON SCHEMA deadlines TO backend_app, backend_city, backend_worker;
GRANT SELECT ON deadlines.calendar, deadlines.hours, deadlines.year, deadlines.day
  TO backend_app, backend_city, backend_worker;
GRANT INSERT, UPDATE (name_vi, name_en, observes_holidays, version) ON deadlines.calendar TO backend_app, backend_city;
GRANT INSERT, DELETE ON deadlines.hours, deadlines.day TO backend_app, backend_city;
GRANT INSERT, UPDATE (source, version, confirmed_at) ON deadlines.year TO backend_app, backend_city;
