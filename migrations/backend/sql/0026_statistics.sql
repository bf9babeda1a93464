-- Statistics (thống kê). Officials' figures: what changed is appended in the transaction that changed it, and summed
-- up by a job below the xid watermark; a reader adds what is not summed up yet, so that figures are never behind.
CREATE SCHEMA statistics;

-- One row a change, never updated: two writers never wait for each other, as they would for a counter.
CREATE TABLE statistics.delta (
  x xid8 NOT NULL DEFAULT pg_current_xact_id(),
  unit_id int NOT NULL,
  category text NOT NULL,
  -- The day on which the report was made, and the day of the change; in Ha Noi.
  day date NOT NULL,
  on_day date NOT NULL,
  -- NULL → a state: the unit has one report more; a state → NULL: one less.
  from_state text,
  to_state text,
  on_time smallint NOT NULL DEFAULT 0,
  late smallint NOT NULL DEFAULT 0,
  ratings smallint NOT NULL DEFAULT 0,
  rating_sum smallint NOT NULL DEFAULT 0
-- Emptied again and again: what is dead must not be walked.
) WITH (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);

-- What is summed up. Unit 0 is all units together: no report lies with a Party body, so that is the city.
CREATE TABLE statistics.standing (
  unit_id int NOT NULL,
  category text NOT NULL,
  state text NOT NULL,
  reports bigint NOT NULL,
  PRIMARY KEY (unit_id, category, state)
) WITH (fillfactor = 70);
-- `received` counts where the report lies now, by the day on which it was made; the others by the day on which it
-- happened, and where. Category '' is all categories together: units are compared without telling them apart.
CREATE TABLE statistics.daily (
  unit_id int NOT NULL,
  day date NOT NULL,
  category text NOT NULL,
  received int NOT NULL,
  closed int NOT NULL,
  on_time int NOT NULL,
  late int NOT NULL,
  ratings int NOT NULL,
  rating_sum int NOT NULL,
  PRIMARY KEY (unit_id, day, category)
) WITH (fillfactor = 90);
-- The same by the first of the month: a year of every unit is read from here.
CREATE TABLE statistics.monthly (LIKE statistics.daily INCLUDING ALL) WITH (fillfactor = 70);
CREATE INDEX daily_all ON statistics.daily (unit_id, day) WHERE category = '';
CREATE INDEX monthly_all ON statistics.monthly (unit_id, day) WHERE category = '';

-- What the public may see one day: a report, a deadline that ended, a rating waits until those of four other people
-- stand beside it (docs/decisions/0036-statistics.md). `points`: 1 in time, 0 late; or the stars of a rating.
CREATE TABLE statistics.waiting (
  dimension text NOT NULL CHECK (dimension IN ('place', 'category', 'deadline', 'rating')),
  report_id uuid NOT NULL,
  reporter uuid NOT NULL,
  since timestamptz NOT NULL,
  ward_id int,
  cell bigint,
  category text,
  unit_id int,
  points smallint,
  PRIMARY KEY (dimension, report_id)
);
-- What is let out together, of at least five people, and never told apart again. No report and no person is named.
-- The group: an H3 cell within a ward, a ward, a category, a unit; nothing of them is the whole city.
CREATE TABLE statistics.batch (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  dimension text NOT NULL CHECK (dimension IN ('place', 'category', 'deadline', 'rating')),
  at timestamptz NOT NULL,
  ward_id int,
  cell bigint,
  category text,
  unit_id int,
  reports int NOT NULL CHECK (reports >= 5),
  points int NOT NULL CHECK (points >= 0)
);
CREATE INDEX batch_at ON statistics.batch (dimension, at);
-- How far reports have been taken into `waiting`.
CREATE TABLE statistics.mark (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  taken_until timestamptz NOT NULL
);
-- All whose citizen is not known count as one person.
CREATE FUNCTION statistics.unknown() RETURNS uuid
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$ SELECT '00000000-0000-0000-0000-000000000000'::uuid $$;

-- The day in Ha Noi of a moment.
CREATE FUNCTION statistics.day_of(moment timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE STRICT SET search_path = '' AS $$ SELECT (moment AT TIME ZONE 'Asia/Ho_Chi_Minh')::date $$;

CREATE FUNCTION statistics.note_report() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  made date;
BEGIN
  IF TG_OP = 'INSERT' THEN
    made := (NEW.created_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date;
    INSERT INTO statistics.delta (unit_id, category, day, on_day, from_state, to_state)
    VALUES (NEW.handler_id, NEW.category, made, made, NULL, NEW.state);
    RETURN NULL;
  END IF;
  made := (OLD.created_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date;
  IF TG_OP = 'DELETE' THEN
    INSERT INTO statistics.delta (unit_id, category, day, on_day, from_state, to_state)
    VALUES (OLD.handler_id, OLD.category, made, made, OLD.state, NULL);
  ELSIF NEW.handler_id = OLD.handler_id AND NEW.category = OLD.category THEN
    INSERT INTO statistics.delta (unit_id, category, day, on_day, from_state, to_state)
    VALUES (NEW.handler_id, NEW.category, made, (NEW.updated_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date,
      OLD.state, NEW.state);
  ELSE
    INSERT INTO statistics.delta (unit_id, category, day, on_day, from_state, to_state)
    VALUES (OLD.handler_id, OLD.category, made, made, OLD.state, NULL),
      (NEW.handler_id, NEW.category, made, (NEW.updated_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date, NULL, NEW.state);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER report_figures_made AFTER INSERT OR DELETE ON reports.report
  FOR EACH ROW EXECUTE FUNCTION statistics.note_report();
CREATE TRIGGER report_figures_changed AFTER UPDATE ON reports.report FOR EACH ROW
  WHEN (OLD.state <> NEW.state OR OLD.handler_id <> NEW.handler_id OR OLD.category <> NEW.category)
  EXECUTE FUNCTION statistics.note_report();

-- A citizen rated a report, or rated it anew: `stars` are the points, 1 to 5, `before` those given earlier. For the
-- feature that keeps ratings, in the transaction of the rating.
CREATE FUNCTION statistics.note_rating(a_report uuid, stars int, before int, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  IF stars NOT BETWEEN 1 AND 5 OR before NOT BETWEEN 1 AND 5 THEN
    RAISE EXCEPTION 'a rating is 1 to 5' USING ERRCODE = '23514';
  END IF;
  INSERT INTO statistics.delta (unit_id, category, day, on_day, ratings, rating_sum)
  SELECT r.handler_id, r.category, statistics.day_of(r.created_at), statistics.day_of(at),
    (before IS NULL)::int, stars - coalesce(before, 0)
  FROM reports.report r WHERE r.id = a_report;
  -- A rating that has been published with four others stays as it was; one that still waits is the newest.
  IF before IS NULL THEN
    INSERT INTO statistics.waiting (dimension, report_id, reporter, since, unit_id, points)
    SELECT 'rating', r.id, coalesce(r.citizen_id, statistics.unknown()), at, r.handler_id, stars
    FROM reports.report r WHERE r.id = a_report ON CONFLICT (dimension, report_id) DO NOTHING;
  ELSE
    UPDATE statistics.waiting w SET points = stars WHERE w.dimension = 'rating' AND w.report_id = a_report;
  END IF;
END $$;

-- Who rates once more after a reopening takes the place of his first rating.
CREATE FUNCTION statistics.note_rated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM statistics.note_rating(NEW.report_id, NEW.stars, (SELECT t.stars FROM reports.timeline t
    WHERE t.report_id = NEW.report_id AND t.stars IS NOT NULL AND t.version < NEW.version
    ORDER BY t.version DESC LIMIT 1), NEW.at);
  RETURN NULL;
END $$;
CREATE TRIGGER timeline_figures AFTER INSERT ON reports.timeline FOR EACH ROW
  WHEN (NEW.kind = 'rated') EXECUTE FUNCTION statistics.note_rated();

-- A clock of handling stopped: in time or late, where it was stopped.
CREATE FUNCTION statistics.note_clock() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  INSERT INTO statistics.delta (unit_id, category, day, on_day, on_time, late)
  SELECT NEW.unit_id, r.category, statistics.day_of(r.created_at), statistics.day_of(NEW.stopped_at),
    (NOT NEW.late)::int, NEW.late::int
  FROM reports.report r WHERE r.id = NEW.report_id;
  INSERT INTO statistics.waiting (dimension, report_id, reporter, since, unit_id, points)
  SELECT 'deadline', r.id, coalesce(r.citizen_id, statistics.unknown()), NEW.stopped_at, NEW.unit_id,
    (NOT NEW.late)::int
  FROM reports.report r WHERE r.id = NEW.report_id ON CONFLICT (dimension, report_id) DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER clock_figures_made AFTER INSERT ON deadlines.clock FOR EACH ROW
  WHEN (NEW.kind = 'handle' AND NEW.stopped_at IS NOT NULL) EXECUTE FUNCTION statistics.note_clock();
CREATE TRIGGER clock_figures_stopped AFTER UPDATE ON deadlines.clock FOR EACH ROW
  WHEN (NEW.kind = 'handle' AND OLD.stopped_at IS NULL AND NEW.stopped_at IS NOT NULL)
  EXECUTE FUNCTION statistics.note_clock();

-- What each delta counts, day by day. The same sums for readers, who add them, and for the job, which moves them.
CREATE VIEW statistics.flow WITH (security_invoker = true) AS
  SELECT d.x, d.unit_id, d.day, d.category, (d.from_state IS NULL)::int - (d.to_state IS NULL)::int AS received,
         0 AS closed, 0 AS on_time, 0 AS late, 0 AS ratings, 0 AS rating_sum
  FROM statistics.delta d WHERE (d.from_state IS NULL) <> (d.to_state IS NULL)
  UNION ALL
  -- A clock and a rating have no states; NULL would be the sum where nothing else is counted beside them.
  SELECT d.x, d.unit_id, d.on_day, d.category, 0,
         coalesce((d.to_state = 'closed' AND d.from_state <> 'closed')::int, 0), d.on_time, d.late, d.ratings, d.rating_sum
  FROM statistics.delta d
  WHERE (d.to_state = 'closed' AND d.from_state <> 'closed') OR (d.from_state IS NULL AND d.to_state IS NULL);
CREATE VIEW statistics.move WITH (security_invoker = true) AS
  SELECT d.x, d.unit_id, d.category, s.state, s.reports
  FROM statistics.delta d
  CROSS JOIN LATERAL (VALUES (d.from_state, -1), (d.to_state, 1)) s(state, reports) WHERE s.state IS NOT NULL;

-- Moves every delta below the watermark into the sums; how many. Two at once: the second has nothing to do. All
-- statements of it see the same deltas: those of finished transactions never become more or less.
CREATE FUNCTION statistics.roll_up() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  hi xid8 := pg_snapshot_xmin(pg_current_snapshot());
  moved bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(4801, 26) THEN
    RETURN 0;
  END IF;
  INSERT INTO statistics.standing AS s (unit_id, category, state, reports)
  SELECT u.id, m.category, m.state, sum(m.reports)
  FROM statistics.move m CROSS JOIN LATERAL (VALUES (m.unit_id), (0)) u(id)
  WHERE m.x < hi GROUP BY 1, 2, 3 HAVING sum(m.reports) <> 0
  ON CONFLICT (unit_id, category, state) DO UPDATE SET reports = s.reports + excluded.reports;
  INSERT INTO statistics.daily AS s
  SELECT u.id, f.day, c.code, sum(f.received), sum(f.closed), sum(f.on_time), sum(f.late), sum(f.ratings),
    sum(f.rating_sum)
  FROM statistics.flow f CROSS JOIN LATERAL (VALUES (f.unit_id), (0)) u(id)
  CROSS JOIN LATERAL (VALUES (f.category), ('')) c(code)
  WHERE f.x < hi GROUP BY 1, 2, 3
  ON CONFLICT (unit_id, day, category) DO UPDATE SET received = s.received + excluded.received,
    closed = s.closed + excluded.closed, on_time = s.on_time + excluded.on_time, late = s.late + excluded.late,
    ratings = s.ratings + excluded.ratings, rating_sum = s.rating_sum + excluded.rating_sum;
  INSERT INTO statistics.monthly AS s
  SELECT u.id, date_trunc('month', f.day)::date, c.code, sum(f.received), sum(f.closed), sum(f.on_time),
    sum(f.late), sum(f.ratings), sum(f.rating_sum)
  FROM statistics.flow f CROSS JOIN LATERAL (VALUES (f.unit_id), (0)) u(id)
  CROSS JOIN LATERAL (VALUES (f.category), ('')) c(code)
  WHERE f.x < hi GROUP BY 1, 2, 3
  ON CONFLICT (unit_id, day, category) DO UPDATE SET received = s.received + excluded.received,
    closed = s.closed + excluded.closed, on_time = s.on_time + excluded.on_time, late = s.late + excluded.late,
    ratings = s.ratings + excluded.ratings, rating_sum = s.rating_sum + excluded.rating_sum;
  DELETE FROM statistics.delta d WHERE d.x < hi;
  GET DIAGNOSTICS moved = ROW_COUNT;
  RETURN moved;
END $$;

-- A person's units, and 0 when the city's root is one of them: then so is everything below it.
CREATE FUNCTION statistics.readable(units int[]) RETURNS int[]
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT CASE WHEN EXISTS (SELECT FROM tenancy.unit u
    WHERE u.kind = 'city' AND u.parent_id IS NULL AND u.id = ANY (units)) THEN units || 0 ELSE units END
$$;

ALTER TABLE statistics.delta ENABLE ROW LEVEL SECURITY;
ALTER TABLE statistics.delta FORCE ROW LEVEL SECURITY;
ALTER TABLE statistics.standing ENABLE ROW LEVEL SECURITY;
ALTER TABLE statistics.standing FORCE ROW LEVEL SECURITY;
ALTER TABLE statistics.daily ENABLE ROW LEVEL SECURITY;
ALTER TABLE statistics.daily FORCE ROW LEVEL SECURITY;
ALTER TABLE statistics.monthly ENABLE ROW LEVEL SECURITY;
ALTER TABLE statistics.monthly FORCE ROW LEVEL SECURITY;
DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['delta', 'standing', 'daily', 'monthly'] LOOP
    EXECUTE format('CREATE POLICY owner_all ON statistics.%I TO backend_owner USING (true) WITH CHECK (true)', wanted);
    -- One clause, so that a unit that was not granted contradicts the index key.
    EXECUTE format('CREATE POLICY unit_read ON statistics.%I FOR SELECT TO backend_app USING (unit_id = ANY '
      '((SELECT statistics.readable(string_to_array(nullif(current_setting(''ioc.units'', true), ''''), '','')::int[]))'
      '::int[]))', wanted);
    EXECUTE format('CREATE POLICY city_read ON statistics.%I FOR SELECT TO backend_city '
      'USING ((SELECT nullif(current_setting(''ioc.subject'', true), '''')) IS NOT NULL)', wanted);
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION statistics.day_of, statistics.unknown, statistics.readable, statistics.note_report, statistics.note_rated,
  statistics.note_clock, statistics.note_rating, statistics.roll_up FROM PUBLIC;
GRANT USAGE ON SCHEMA statistics TO backend_app, backend_city, backend_worker;
GRANT SELECT ON statistics.delta, statistics.standing, statistics.daily, statistics.monthly, statistics.flow,
  statistics.move TO backend_app, backend_city;
GRANT EXECUTE ON FUNCTION statistics.roll_up TO backend_worker;
GRANT EXECUTE ON FUNCTION statistics.readable TO backend_app;

-- Makes the sums anew from reports and clocks: after a load that passed the triggers by.
-- Nobody writes reports meanwhile. For the owner alone.
CREATE FUNCTION statistics.recount() RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  kept jsonb;
BEGIN
  LOCK TABLE reports.report, deadlines.clock IN SHARE MODE;
  SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]') INTO kept FROM (
    SELECT f.unit_id, f.day, f.category, sum(f.ratings) AS ratings, sum(f.rating_sum) AS rating_sum FROM (
    SELECT d.unit_id, d.day, d.category, d.ratings, d.rating_sum FROM statistics.daily d
    WHERE d.unit_id <> 0 AND d.category <> ''
    UNION ALL SELECT d.unit_id, d.day, d.category, d.ratings, d.rating_sum FROM statistics.flow d) f
  GROUP BY 1, 2, 3 HAVING sum(f.ratings) <> 0) r;
  TRUNCATE statistics.delta, statistics.standing, statistics.daily, statistics.monthly;
  INSERT INTO statistics.standing
  SELECT u.id, r.category, r.state, count(*) FROM reports.report r
  CROSS JOIN LATERAL (VALUES (r.handler_id), (0)) u(id) GROUP BY 1, 2, 3;
  INSERT INTO statistics.daily
  SELECT u.id, f.day, c.code, sum(f.received), sum(f.closed), sum(f.on_time), sum(f.late), sum(f.ratings),
    sum(f.rating_sum) FROM (
    SELECT r.handler_id AS unit_id, statistics.day_of(r.created_at) AS day, r.category, 1 AS received, 0 AS closed,
      0 AS on_time, 0 AS late, 0 AS ratings, 0 AS rating_sum
    FROM reports.report r
    UNION ALL
    SELECT c.unit_id, statistics.day_of(c.stopped_at), r.category, 0, 0, (NOT c.late)::int, c.late::int, 0, 0
    FROM deadlines.clock c JOIN reports.report r ON r.id = c.report_id
    WHERE c.kind = 'handle' AND c.stopped_at IS NOT NULL
    UNION ALL
    -- Ratings are kept elsewhere, by the day: what was summed up of them stays.
    SELECT k.unit_id, k.day, k.category, 0, 0, 0, 0, k.ratings, k.rating_sum FROM jsonb_to_recordset(kept)
      AS k(unit_id int, day date, category text, ratings int, rating_sum int)
    UNION ALL
    SELECT t.to_unit_id, statistics.day_of(t.at), r.category, 0, 1, 0, 0, 0, 0
    FROM reports.timeline t JOIN reports.report r ON r.id = t.report_id WHERE t.kind = 'closed'
    UNION ALL
    SELECT r.handler_id, statistics.day_of(r.updated_at), r.category, 0, 1, 0, 0, 0, 0
    FROM reports.report r WHERE r.state = 'closed'
      AND NOT EXISTS (SELECT FROM reports.timeline t WHERE t.report_id = r.id AND t.kind = 'closed')
  ) f CROSS JOIN LATERAL (VALUES (f.unit_id), (0)) u(id) CROSS JOIN LATERAL (VALUES (f.category), ('')) c(code)
  GROUP BY 1, 2, 3 ORDER BY 2, 1, 3;
  INSERT INTO statistics.monthly
  SELECT d.unit_id, date_trunc('month', d.day)::date, d.category, sum(d.received), sum(d.closed), sum(d.on_time),
    sum(d.late), sum(d.ratings), sum(d.rating_sum) FROM statistics.daily d GROUP BY 1, 2, 3;
END $$;
REVOKE ALL ON FUNCTION statistics.recount FROM PUBLIC;

-- For the public ------------------------------------------------------------------------------------------------
-- Fixed tables, made anew each hour by a job under a role of its own, and read by everybody as they are: no row of a
-- tenant is touched by a public reading. Every number is a sum of batches, rounded to 5.
CREATE SCHEMA published;
CREATE TABLE published.edition (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  made_at timestamptz NOT NULL
);
CREATE TABLE published.category (
  code text PRIMARY KEY,
  name_vi text NOT NULL,
  name_en text NOT NULL,
  reports int NOT NULL CHECK (reports % 5 = 0),
  before int NOT NULL CHECK (before % 5 = 0)
);
-- Wards and communes; C0001 is what could only be told of the whole city.
CREATE TABLE published.ward (
  code text PRIMARY KEY,
  name text NOT NULL,
  reports int NOT NULL CHECK (reports % 5 = 0),
  before int NOT NULL CHECK (before % 5 = 0)
);
-- Parts of a ward: `cell` is an H3 cell of `resolution` 9, 8 or 7.
CREATE TABLE published.place (
  ward_code text NOT NULL,
  cell bigint NOT NULL,
  resolution smallint NOT NULL CHECK (resolution BETWEEN 7 AND 9),
  latitude double precision NOT NULL,
  longitude double precision NOT NULL,
  reports int NOT NULL CHECK (reports % 5 = 0),
  before int NOT NULL CHECK (before % 5 = 0),
  PRIMARY KEY (ward_code, cell)
);
CREATE TABLE published.unit (
  code text PRIMARY KEY,
  name text NOT NULL,
  -- In steps of 5; NULL: too few.
  on_time_percent int CHECK (on_time_percent % 5 = 0),
  deadlines int NOT NULL CHECK (deadlines % 5 = 0),
  -- In steps of 0.5; NULL: too few.
  satisfaction numeric(2, 1) CHECK (satisfaction * 2 = floor(satisfaction * 2)),
  ratings int NOT NULL CHECK (ratings % 5 = 0)
);
-- Whole answers, such as the map.
CREATE TABLE published.document (
  name text PRIMARY KEY,
  octets bytea NOT NULL,
  digest text NOT NULL
);

ALTER TABLE statistics.waiting ENABLE ROW LEVEL SECURITY;
ALTER TABLE statistics.waiting FORCE ROW LEVEL SECURITY;
ALTER TABLE statistics.batch ENABLE ROW LEVEL SECURITY;
ALTER TABLE statistics.batch FORCE ROW LEVEL SECURITY;
ALTER TABLE statistics.mark ENABLE ROW LEVEL SECURITY;
ALTER TABLE statistics.mark FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON statistics.waiting TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON statistics.batch TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON statistics.mark TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY publisher_all ON statistics.waiting TO backend_publisher USING (true) WITH CHECK (true);
CREATE POLICY publisher_all ON statistics.batch TO backend_publisher USING (true) WITH CHECK (true);
CREATE POLICY publisher_all ON statistics.mark TO backend_publisher USING (true) WITH CHECK (true);
CREATE POLICY publisher_read ON reports.report FOR SELECT TO backend_publisher USING (true);
CREATE POLICY publisher_read ON tenancy.unit FOR SELECT TO backend_publisher USING (kind <> 'party');
CREATE POLICY publisher_read ON routing.category FOR SELECT TO backend_publisher USING (true);

GRANT USAGE ON SCHEMA statistics, published, reports, tenancy, routing TO backend_publisher;
GRANT USAGE ON SCHEMA published TO backend_app, backend_city;
-- Whose, what and roughly where; no text, no exact place, no state.
GRANT SELECT (id, citizen_id, category, ward_id, h3_cell, created_at) ON reports.report TO backend_publisher;
GRANT SELECT (id, code, name, kind, parent_id) ON tenancy.unit TO backend_publisher;
GRANT SELECT (code, name_vi, name_en) ON routing.category TO backend_publisher;
GRANT SELECT, INSERT, DELETE ON statistics.waiting, statistics.batch TO backend_publisher;
GRANT SELECT, INSERT, UPDATE (taken_until) ON statistics.mark TO backend_publisher;
GRANT EXECUTE ON FUNCTION statistics.unknown TO backend_publisher;
GRANT SELECT, INSERT, DELETE ON published.edition, published.category, published.ward, published.place,
  published.unit, published.document TO backend_publisher;
GRANT SELECT ON published.edition, published.category, published.ward, published.place, published.unit,
  published.document TO backend_app, backend_city;

-- Release of texts ------------------------------------------------------------------------------------------------
-- What an officer shows to the public of a report's text, in his own version. The original stays in reports.report,
-- and nobody who reads this reads that.
CREATE SCHEMA releases;
CREATE TABLE releases.text (
  report_id uuid PRIMARY KEY REFERENCES reports.report ON DELETE RESTRICT,
  state text NOT NULL CHECK (state IN ('released', 'withdrawn')),
  body text NOT NULL CHECK (length(body) BETWEEN 1 AND 4000),
  version int NOT NULL CHECK (version >= 1),
  released_at timestamptz NOT NULL,
  released_by uuid NOT NULL
);
ALTER TABLE releases.text ENABLE ROW LEVEL SECURITY;
ALTER TABLE releases.text FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON releases.text TO backend_owner USING (true) WITH CHECK (true);
-- The report's own policy decides.
CREATE POLICY text_read ON releases.text FOR SELECT TO backend_app, backend_city
  USING (EXISTS (SELECT 1 FROM reports.report r WHERE r.id = report_id));
-- The handling unit's alone, and in one's own name; the policies say which of its people.
CREATE POLICY text_add ON releases.text FOR INSERT TO backend_app WITH CHECK (
  state = 'released' AND released_by = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
  AND EXISTS (SELECT 1 FROM reports.report r WHERE r.id = report_id
    AND r.handler_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[])));
CREATE POLICY text_change ON releases.text FOR UPDATE TO backend_app
  USING (EXISTS (SELECT 1 FROM reports.report r WHERE r.id = report_id
    AND r.handler_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])::int[])))
  WITH CHECK (state = 'withdrawn' OR released_by = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid));
-- City rank takes back and never releases.
CREATE POLICY city_withdraw ON releases.text FOR UPDATE TO backend_city
  USING ((SELECT nullif(current_setting('ioc.subject', true), '')) IS NOT NULL) WITH CHECK (state = 'withdrawn');
GRANT USAGE ON SCHEMA releases TO backend_app, backend_city;
GRANT SELECT, INSERT, UPDATE (state, body, version, released_at, released_by) ON releases.text TO backend_app;
GRANT SELECT, UPDATE (state, version) ON releases.text TO backend_city;

-- What was released of a report, for anybody who has its code.
CREATE FUNCTION releases.text_of(a_code text) RETURNS TABLE (body text, version int, released_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT t.body, t.version, t.released_at FROM reports.report r JOIN releases.text t ON t.report_id = r.id
  WHERE r.code = a_code AND t.state = 'released'
$$;
REVOKE ALL ON FUNCTION releases.text_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION releases.text_of TO backend_app, backend_city;

-- Redaction of photos -----------------------------------------------------------------------------------------------
-- A rendition with faces and plates blacked out is a file of its own, which can be released; the original stays.
ALTER TABLE media.object ADD COLUMN redacts uuid REFERENCES media.object ON DELETE RESTRICT;
GRANT INSERT (redacts) ON media.object TO backend_app;
