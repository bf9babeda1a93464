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
-- happened, and where.
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
END $$;

-- What each delta counts, day by day. The same sums for readers, who add them, and for the job, which moves them.
CREATE VIEW statistics.flow WITH (security_invoker = true) AS
  SELECT d.x, d.unit_id, d.day, d.category, (d.from_state IS NULL)::int - (d.to_state IS NULL)::int AS received,
         0 AS closed, 0 AS on_time, 0 AS late, 0 AS ratings, 0 AS rating_sum
  FROM statistics.delta d WHERE (d.from_state IS NULL) <> (d.to_state IS NULL)
  UNION ALL
  SELECT d.x, d.unit_id, d.on_day, d.category, 0, (d.to_state = 'closed' AND d.from_state <> 'closed')::int,
         d.on_time, d.late, d.ratings, d.rating_sum
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
  SELECT u.id, f.day, f.category, sum(f.received), sum(f.closed), sum(f.on_time), sum(f.late), sum(f.ratings),
    sum(f.rating_sum)
  FROM statistics.flow f CROSS JOIN LATERAL (VALUES (f.unit_id), (0)) u(id)
  WHERE f.x < hi GROUP BY 1, 2, 3
  ON CONFLICT (unit_id, day, category) DO UPDATE SET received = s.received + excluded.received,
    closed = s.closed + excluded.closed, on_time = s.on_time + excluded.on_time, late = s.late + excluded.late,
    ratings = s.ratings + excluded.ratings, rating_sum = s.rating_sum + excluded.rating_sum;
  INSERT INTO statistics.monthly AS s
  SELECT u.id, date_trunc('month', f.day)::date, f.category, sum(f.received), sum(f.closed), sum(f.on_time),
    sum(f.late), sum(f.ratings), sum(f.rating_sum)
  FROM statistics.flow f CROSS JOIN LATERAL (VALUES (f.unit_id), (0)) u(id)
  WHERE f.x < hi GROUP BY 1, 2, 3
  ON CONFLICT (unit_id, day, category) DO UPDATE SET received = s.received + excluded.received,
    closed = s.closed + excluded.closed, on_time = s.on_time + excluded.on_time, late = s.late + excluded.late,
    ratings = s.ratings + excluded.ratings, rating_sum = s.rating_sum + excluded.rating_sum;
  DELETE FROM statistics.delta d WHERE d.x < hi;
  GET DIAGNOSTICS moved = ROW_COUNT;
  RETURN moved;
END $$;

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
    -- One clause, so that a unit that was not granted contradicts the index key. Unit 0 is nobody's.
    EXECUTE format('CREATE POLICY unit_read ON statistics.%I FOR SELECT TO backend_app USING (unit_id = ANY '
      '((SELECT string_to_array(nullif(current_setting(''ioc.units'', true), ''''), '','')::int[])::int[]))', wanted);
    EXECUTE format('CREATE POLICY city_read ON statistics.%I FOR SELECT TO backend_city '
      'USING ((SELECT nullif(current_setting(''ioc.subject'', true), '''')) IS NOT NULL)', wanted);
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION statistics.day_of, statistics.note_report, statistics.note_rating, statistics.roll_up
  FROM PUBLIC;
GRANT USAGE ON SCHEMA statistics TO backend_app, backend_city, backend_worker;
GRANT SELECT ON statistics.delta, statistics.standing, statistics.daily, statistics.monthly, statistics.flow,
  statistics.move TO backend_app, backend_city;
GRANT EXECUTE ON FUNCTION statistics.roll_up TO backend_worker;

-- Makes the sums anew from the reports: after a load that passed the triggers by, or when `drift` finds something.
-- Nobody writes reports meanwhile. For the owner alone.
CREATE FUNCTION statistics.recount() RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  LOCK TABLE reports.report IN SHARE MODE;
  TRUNCATE statistics.delta, statistics.standing, statistics.daily, statistics.monthly;
  INSERT INTO statistics.standing
  SELECT u.id, r.category, r.state, count(*) FROM reports.report r
  CROSS JOIN LATERAL (VALUES (r.handler_id), (0)) u(id) GROUP BY 1, 2, 3;
  INSERT INTO statistics.daily
  SELECT u.id, f.day, f.category, sum(f.received), sum(f.closed), 0, 0, 0, 0 FROM (
    SELECT r.handler_id AS unit_id, statistics.day_of(r.created_at) AS day, r.category, 1 AS received, 0 AS closed
    FROM reports.report r
    UNION ALL
    SELECT t.to_unit_id, statistics.day_of(t.at), r.category, 0, 1
    FROM reports.timeline t JOIN reports.report r ON r.id = t.report_id WHERE t.kind = 'closed'
    UNION ALL
    SELECT r.handler_id, statistics.day_of(r.updated_at), r.category, 0, 1
    FROM reports.report r WHERE r.state = 'closed'
      AND NOT EXISTS (SELECT FROM reports.timeline t WHERE t.report_id = r.id AND t.kind = 'closed')
  ) f CROSS JOIN LATERAL (VALUES (f.unit_id), (0)) u(id) GROUP BY 1, 2, 3;
  INSERT INTO statistics.monthly
  SELECT d.unit_id, date_trunc('month', d.day)::date, d.category, sum(d.received), sum(d.closed), sum(d.on_time),
    sum(d.late), sum(d.ratings), sum(d.rating_sum) FROM statistics.daily d GROUP BY 1, 2, 3;
END $$;
REVOKE ALL ON FUNCTION statistics.recount FROM PUBLIC;
