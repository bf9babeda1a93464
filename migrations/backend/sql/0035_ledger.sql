-- The access ledger: which role of which unit opened a citizen's report or contact, on which day, why.
CREATE SCHEMA ledger;

-- By which law an entry may be shown late, and how late at most. Data of the city's.
CREATE TABLE ledger.delay_rule (
  code text PRIMARY KEY CHECK (code ~ '^[a-z][a-z_]{2,30}$'),
  name_vi text NOT NULL CHECK (length(name_vi) BETWEEN 1 AND 200),
  name_en text NOT NULL CHECK (length(name_en) BETWEEN 1 AND 200),
  basis text NOT NULL CHECK (length(basis) BETWEEN 1 AND 200),
  most_days int NOT NULL CHECK (most_days BETWEEN 1 AND 90)
);
INSERT INTO ledger.delay_rule (code, name_vi, name_en, basis, most_days) VALUES
  ('inspection', 'Đang thanh tra', 'Under inspection', 'Luật Thanh tra', 60),
  ('denunciation', 'Đang xác minh tố cáo', 'A denunciation is being verified', 'Luật Tố cáo', 60),
  ('investigation', 'Đang điều tra', 'Under investigation', 'Bộ luật Tố tụng hình sự', 90);

-- Openings of a report by one unit are shown after `until_at`. In force once a second person has confirmed it.
CREATE TABLE ledger.delay (
  id uuid PRIMARY KEY,
  code text NOT NULL UNIQUE CHECK (code ~ '^[0-9A-HJKMNP-TV-Z]{16}$'),
  report_id uuid NOT NULL REFERENCES reports.report ON DELETE RESTRICT,
  unit_id int NOT NULL REFERENCES tenancy.unit ON DELETE RESTRICT,
  rule text NOT NULL REFERENCES ledger.delay_rule ON DELETE RESTRICT,
  case_number text NOT NULL CHECK (length(case_number) BETWEEN 3 AND 40),
  ordered_by uuid NOT NULL REFERENCES tenancy.official ON DELETE RESTRICT,
  ordered_name text NOT NULL CHECK (length(ordered_name) BETWEEN 1 AND 200),
  ordered_at timestamptz NOT NULL,
  until_at timestamptz NOT NULL CHECK (until_at > ordered_at AND until_at <= ordered_at + interval '90 days'),
  confirmed_by uuid REFERENCES tenancy.official ON DELETE RESTRICT CHECK (confirmed_by <> ordered_by),
  confirmed_name text CHECK (length(confirmed_name) BETWEEN 1 AND 200),
  confirmed_at timestamptz,
  lifted_by uuid REFERENCES tenancy.official ON DELETE RESTRICT,
  lifted_at timestamptz,
  CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL)),
  CHECK ((lifted_by IS NULL) = (lifted_at IS NULL))
);
CREATE INDEX delay_report ON ledger.delay (report_id, unit_id);
CREATE INDEX delay_newest ON ledger.delay (ordered_at DESC, id DESC);

-- Nobody's name: the audit log knows who. Never deleted, and changed in `shown_at` alone, by lifting a delay.
CREATE TABLE ledger.entry (
  id uuid PRIMARY KEY,
  -- No foreign key: its lock would make who reads wait for who works on the report.
  report_id uuid NOT NULL,
  subject text NOT NULL CHECK (subject IN ('listed', 'report', 'contact')),
  role text NOT NULL CHECK (role IN ('handler', 'lead', 'city_operator', 'official')),
  unit_id int NOT NULL REFERENCES tenancy.unit ON DELETE RESTRICT,
  -- The unit, or the nearest above it with five people, as of that day.
  shown_unit_id int NOT NULL REFERENCES tenancy.unit ON DELETE RESTRICT,
  -- A day in Ha Noi.
  day date NOT NULL,
  purpose text NOT NULL CHECK (purpose IN (
    'handling', 'supervision', 'involved', 'call_back', 'visit', 'emergency', 'legal_request')),
  noted_at timestamptz NOT NULL,
  -- When it is shown, which is what it is numbered by: what is delayed leaves no hole.
  shown_at timestamptz NOT NULL CHECK (shown_at >= noted_at),
  delay_id uuid REFERENCES ledger.delay ON DELETE RESTRICT,
  -- Of the month's digest: without it, who guesses an entry could look whether it is there.
  salt uuid NOT NULL DEFAULT gen_random_uuid(),
  UNIQUE (report_id, subject, unit_id, role, day, purpose)
);
CREATE INDEX entry_shown ON ledger.entry (report_id, shown_at, id);
CREATE INDEX entry_day ON ledger.entry (day);
CREATE INDEX entry_delay ON ledger.entry (delay_id) WHERE delay_id IS NOT NULL;

-- What was there when a month was over, committed to the audit log. `checked_at`: after the longest delay it was found whole,
-- and all of it shown; `differs_at`: it was not.
CREATE TABLE ledger.month (
  month date PRIMARY KEY CHECK (extract(day FROM month) = 1),
  entries int NOT NULL CHECK (entries >= 0),
  digest text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
  committed_at timestamptz NOT NULL,
  checked_at timestamptz,
  differs_at timestamptz,
  CHECK (checked_at IS NULL OR differs_at IS NULL)
);

ALTER TABLE ledger.month ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.month FORCE ROW LEVEL SECURITY;
ALTER TABLE ledger.delay_rule ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.delay_rule FORCE ROW LEVEL SECURITY;
ALTER TABLE ledger.delay ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.delay FORCE ROW LEVEL SECURITY;
ALTER TABLE ledger.entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.entry FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON ledger.delay_rule TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON ledger.month TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON ledger.delay TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON ledger.entry TO backend_owner USING (true) WITH CHECK (true);

-- The nearest unit at or above with five people who have a duty in it on that day; the topmost when there is none.
-- People of units below do not count: those show their own name. Nor do people who are suspended or have left.
CREATE FUNCTION ledger.shown_unit(a_unit int, a_day date) RETURNS int
LANGUAGE sql STABLE SET search_path = '' AS $$
  WITH counted AS (
    SELECT p.unit, p.step, (SELECT count(DISTINCT d.official_id) FROM tenancy.duty d
      JOIN tenancy.official o ON o.id = d.official_id AND o.state = 'active' WHERE d.unit_id = p.unit
      AND d.from_day <= a_day AND (d.until_day IS NULL OR d.until_day >= a_day)) >= 5 AS enough
    FROM unnest(tenancy.path_of(a_unit)) WITH ORDINALITY p(unit, step)
  )
  SELECT c.unit FROM counted c ORDER BY c.enough DESC, CASE WHEN c.enough THEN c.step ELSE -c.step END LIMIT 1
$$;

-- Whether a moment is now, give or take what two machines' clocks differ by.
CREATE FUNCTION ledger.is_now(a_moment timestamptz) RETURNS boolean
LANGUAGE sql SET search_path = '' AS $$
  SELECT a_moment BETWEEN clock_timestamp() - interval '60 seconds' AND clock_timestamp() + interval '60 seconds'
$$;

-- The delay is held until the end: what is lifted meanwhile lifts this entry too. Nobody says of which day it is: an entry put
-- ahead would hide the openings of that day, one put back would change a month that is committed.
CREATE FUNCTION ledger.put(
  new_id uuid, a_report uuid, a_subject text, a_role text, a_unit int, a_purpose text, a_now timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  a_day constant date := (a_now AT TIME ZONE 'Asia/Ho_Chi_Minh')::date;
  late record;
BEGIN
  IF ledger.is_now(a_now) IS NOT TRUE THEN
    RAISE EXCEPTION 'not now' USING ERRCODE = '42501';
  END IF;
  SELECT d.id, d.until_at INTO late FROM ledger.delay d
  WHERE d.report_id = a_report AND d.unit_id = a_unit AND d.confirmed_at IS NOT NULL AND d.lifted_at IS NULL
    AND d.until_at > a_now ORDER BY d.until_at DESC LIMIT 1 FOR SHARE;
  INSERT INTO ledger.entry
    (id, report_id, subject, role, unit_id, shown_unit_id, day, purpose, noted_at, shown_at, delay_id)
  VALUES (new_id, a_report, a_subject, a_role, a_unit, ledger.shown_unit(a_unit, a_day), a_day, a_purpose, a_now,
    coalesce(late.until_at, a_now), late.id)
  ON CONFLICT (report_id, subject, unit_id, role, day, purpose) DO NOTHING;
END $$;

-- Notes that the principal, an official, gets to see these reports. As what: the duty nearest to the unit that handles
-- the report, a handler's before a head's.
CREATE FUNCTION ledger.note(new_ids uuid[], reports uuid[], a_subject text, a_now timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  me constant uuid := nullif(current_setting('ioc.subject', true), '')::uuid;
  mine constant int[] := string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[];
  a_day constant date := (a_now AT TIME ZONE 'Asia/Ho_Chi_Minh')::date;
  opened record;
BEGIN
  IF me IS NULL OR nullif(current_setting('ioc.citizen', true), '') IS NOT NULL OR a_subject = 'contact' THEN
    RAISE EXCEPTION 'nobody to note' USING ERRCODE = '42501';
  END IF;
  FOR opened IN
    SELECT asked.new_id, asked.report_id, r.handler_id, duty.kind, duty.unit_id, duty.step
    FROM unnest(new_ids, reports) asked(new_id, report_id)
    JOIN reports.report r ON r.id = asked.report_id
    LEFT JOIN LATERAL (
      SELECT d.kind, d.unit_id, array_position(tenancy.path_of(r.handler_id), d.unit_id) AS step
      FROM tenancy.duty d
      WHERE d.official_id = me AND d.unit_id = ANY (mine) AND d.kind IN ('handler', 'lead', 'city_operator')
        AND d.from_day <= a_day AND (d.until_day IS NULL OR d.until_day >= a_day)
      ORDER BY step NULLS LAST, array_position(ARRAY['handler', 'lead', 'city_operator'], d.kind), d.unit_id
      LIMIT 1) duty ON true
    -- In one order, so that two who read the same list do not wait for each other.
    ORDER BY asked.report_id
  LOOP
    PERFORM ledger.put(opened.new_id, opened.report_id, a_subject, coalesce(opened.kind, 'official'),
      coalesce(opened.unit_id, (SELECT o.unit_id FROM tenancy.official o WHERE o.id = me), opened.handler_id),
      CASE WHEN opened.step IS NULL THEN 'involved' WHEN opened.kind = 'handler' THEN 'handling' ELSE 'supervision' END,
      a_now);
  END LOOP;
END $$;

-- With each opening of a contact comes its entry. A handler of the handling unit opens, and nobody else.
CREATE FUNCTION ledger.note_contact() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM ledger.put(NEW.id, NEW.report_id, 'contact', 'handler', NEW.unit_id, NEW.purpose, NEW.at);
  RETURN NULL;
END $$;
CREATE TRIGGER opening_noted AFTER INSERT ON contacts.opening FOR EACH ROW EXECUTE FUNCTION ledger.note_contact();

-- What the citizen may see at a moment of the own reports, the newest first. An entry's number is how many of its report
-- were shown up to it: what comes later, however old its day, comes behind.
CREATE FUNCTION ledger.shown(a_code text, a_now timestamptz, after_at timestamptz, after_id uuid, most int)
RETURNS TABLE (id uuid, shown_at timestamptz, code text, number int, subject text, role text, unit_code text,
               unit_name text, day date, purpose text, delay_rule text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT e.id, e.shown_at, e.code, (SELECT count(*)::int FROM ledger.entry b
      WHERE b.report_id = e.report_id AND (b.shown_at, b.id) <= (e.shown_at, e.id)),
    e.subject, e.role, u.code, u.name, e.day, e.purpose, d.rule
  FROM (
    SELECT r.code, x.* FROM reports.report r JOIN ledger.entry x ON x.report_id = r.id
    WHERE r.citizen_id = nullif(current_setting('ioc.citizen', true), '')::uuid
      AND (a_code IS NULL OR r.code = a_code) AND x.shown_at <= a_now
      AND (after_id IS NULL OR (x.shown_at, x.id) < (after_at, after_id))
    ORDER BY x.shown_at DESC, x.id DESC LIMIT most) e
  JOIN tenancy.unit u ON u.id = e.shown_unit_id
  LEFT JOIN ledger.delay d ON d.id = e.delay_id
  ORDER BY e.shown_at DESC, e.id DESC
$$;

-- Whether the principal operates the city's centre: who may order delays, beside what the policies say.
CREATE FUNCTION ledger.operates() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT EXISTS (SELECT FROM tenancy.duty d
    WHERE d.official_id = nullif(current_setting('ioc.subject', true), '')::uuid AND d.kind = 'city_operator'
      AND d.from_day <= platform.today() AND (d.until_day IS NULL OR d.until_day >= platform.today()))
$$;
-- Whether what the principal opens is noted for a unit: by employment or by a duty that is not over. A handler opens contacts for
-- units below, too.
CREATE FUNCTION ledger.is_own(a_unit int) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT EXISTS (SELECT FROM tenancy.official o
    WHERE o.id = nullif(current_setting('ioc.subject', true), '')::uuid AND o.unit_id = a_unit)
  OR EXISTS (SELECT FROM tenancy.duty d
    WHERE d.official_id = nullif(current_setting('ioc.subject', true), '')::uuid
      AND (d.unit_id = a_unit OR (d.kind = 'handler' AND d.unit_id = ANY (tenancy.path_of(a_unit))))
      AND (d.until_day IS NULL OR d.until_day >= platform.today()))
$$;
CREATE POLICY rule_read ON ledger.delay_rule FOR SELECT TO backend_app, backend_city USING (true);
CREATE POLICY delay_read ON ledger.delay FOR SELECT TO backend_city USING ((SELECT ledger.operates()));
CREATE POLICY delay_order ON ledger.delay FOR INSERT TO backend_city WITH CHECK (
  (SELECT ledger.operates()) AND ordered_by = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
  AND NOT ledger.is_own(unit_id) AND ledger.is_now(ordered_at)
  AND until_at <= ordered_at + (SELECT make_interval(days => r.most_days) FROM ledger.delay_rule r WHERE r.code = rule));
CREATE POLICY delay_confirm ON ledger.delay FOR UPDATE TO backend_city USING (
  (SELECT ledger.operates()) AND confirmed_by IS NULL AND lifted_by IS NULL
  AND ordered_by <> (SELECT nullif(current_setting('ioc.subject', true), '')::uuid) AND NOT ledger.is_own(unit_id))
  WITH CHECK (confirmed_by = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid));

-- The end of a delay before its time: what it held back is shown from now on. Whether there was one.
CREATE FUNCTION ledger.lift(a_code text, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  lifted uuid;
BEGIN
  IF NOT ledger.operates() THEN
    RAISE EXCEPTION 'nobody to lift' USING ERRCODE = '42501';
  END IF;
  UPDATE ledger.delay d SET lifted_by = nullif(current_setting('ioc.subject', true), '')::uuid, lifted_at = a_now
  WHERE d.code = a_code AND d.lifted_at IS NULL AND d.until_at > a_now RETURNING d.id INTO lifted;
  UPDATE ledger.entry e SET shown_at = greatest(e.noted_at, a_now) WHERE e.delay_id = lifted AND e.shown_at > a_now;
  RETURN lifted IS NOT NULL;
END $$;

-- Months that are over for a day and not committed yet, from the first entry on; empty ones among them.
CREATE FUNCTION ledger.due_months(a_day date) RETURNS SETOF date
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT m::date FROM generate_series(
    (SELECT date_trunc('month', min(e.day)::timestamp) FROM ledger.entry e),
    date_trunc('month', a_day::timestamp - interval '1 day') - interval '1 month', interval '1 month') m
  WHERE NOT EXISTS (SELECT FROM ledger.month x WHERE x.month = m::date) ORDER BY m LIMIT 24
$$;
-- How many entries a month has, SHA-256 of their leaves in order, and how many are not shown yet. A leaf is SHA-256 of the
-- entry's salt and what its citizen sees of it.
CREATE FUNCTION ledger.total(a_month date, a_now timestamptz) RETURNS TABLE (entries int, digest text, hidden int)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT count(*)::int, encode(sha256(coalesce(string_agg(x.leaf, ''::bytea ORDER BY x.leaf), ''::bytea)), 'hex'),
    (count(*) FILTER (WHERE x.shown_at > a_now))::int
  FROM (
    SELECT e.shown_at, sha256(uuid_send(e.salt) || convert_to(
      concat_ws('|', r.code, e.subject, e.role, u.code, e.day, e.purpose), 'UTF8')) AS leaf
    FROM ledger.entry e JOIN tenancy.unit u ON u.id = e.shown_unit_id LEFT JOIN reports.report r ON r.id = e.report_id
    WHERE e.day >= a_month AND e.day < a_month + interval '1 month') x
$$;
-- What is not whole or not shown yet is nobody's: its count would tell of delays.
CREATE POLICY month_read ON ledger.month FOR SELECT TO backend_app, backend_city USING (checked_at IS NOT NULL);
CREATE POLICY worker_months ON ledger.month TO backend_worker USING (true) WITH CHECK (true);

REVOKE ALL ON FUNCTION ledger.shown_unit, ledger.is_now, ledger.is_own, ledger.put, ledger.note, ledger.note_contact, ledger.shown, ledger.operates,
  ledger.lift, ledger.due_months, ledger.total FROM PUBLIC;
GRANT USAGE ON SCHEMA ledger TO backend_app, backend_city, backend_worker;
GRANT EXECUTE ON FUNCTION ledger.note TO backend_app, backend_city;
GRANT EXECUTE ON FUNCTION ledger.shown TO backend_app;
GRANT EXECUTE ON FUNCTION ledger.is_now, ledger.is_own, ledger.operates, ledger.lift TO backend_city;
GRANT EXECUTE ON FUNCTION ledger.due_months, ledger.total TO backend_worker;
GRANT SELECT ON ledger.delay_rule TO backend_app, backend_city;
GRANT SELECT, INSERT (id, code, report_id, unit_id, rule, case_number, ordered_by, ordered_name, ordered_at, until_at),
  UPDATE (confirmed_by, confirmed_name, confirmed_at) ON ledger.delay TO backend_city;
GRANT SELECT ON ledger.month TO backend_app, backend_city, backend_worker;
GRANT INSERT (month, entries, digest, committed_at), UPDATE (checked_at, differs_at) ON ledger.month TO backend_worker;
