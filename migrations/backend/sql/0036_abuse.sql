-- Citizens who may send no new reports for a time. Who blocks names a report, not a person, and learns nobody's name.
CREATE SCHEMA abuse;

CREATE TABLE abuse.reason (
  code text PRIMARY KEY CHECK (code ~ '^[a-z][a-z_]{2,30}$'),
  name_vi text NOT NULL CHECK (length(name_vi) BETWEEN 1 AND 200),
  name_en text NOT NULL CHECK (length(name_en) BETWEEN 1 AND 200)
);
INSERT INTO abuse.reason (code, name_vi, name_en) VALUES
  ('false_report', 'Cố ý phản ánh sai sự thật', 'Knowingly untrue reports'),
  ('insult', 'Xúc phạm, lăng mạ', 'Insults'),
  ('threat', 'Đe dọa', 'Threats'),
  ('flooding', 'Gửi lặp lại hàng loạt', 'The same again and again');

-- One a report: it is never renewed for what was blocked before.
CREATE TABLE abuse.block (
  id uuid PRIMARY KEY,
  code text NOT NULL UNIQUE CHECK (code ~ '^[0-9A-HJKMNP-TV-Z]{16}$'),
  report_id uuid NOT NULL UNIQUE REFERENCES reports.report ON DELETE RESTRICT,
  citizen_id uuid NOT NULL REFERENCES citizens.citizen ON DELETE RESTRICT,
  unit_id int NOT NULL REFERENCES tenancy.unit ON DELETE RESTRICT,
  reason text NOT NULL REFERENCES abuse.reason ON DELETE RESTRICT,
  note text CHECK (length(note) BETWEEN 1 AND 1000),
  blocked_by uuid NOT NULL REFERENCES tenancy.official ON DELETE RESTRICT,
  blocked_at timestamptz NOT NULL,
  until_at timestamptz NOT NULL CHECK (until_at > blocked_at AND until_at <= blocked_at + interval '90 days'),
  appeal text CHECK (length(appeal) BETWEEN 1 AND 2000),
  appealed_at timestamptz,
  lifted boolean,
  decision text CHECK (length(decision) BETWEEN 1 AND 1000),
  decided_by uuid REFERENCES tenancy.official ON DELETE RESTRICT,
  decided_at timestamptz,
  CHECK ((decided_at IS NULL) = (decided_by IS NULL) AND (decided_at IS NULL) = (lifted IS NULL)),
  -- Anybody may give in; that it stays is another person's word, on an appeal.
  CHECK (lifted IS NOT false OR (decided_by <> blocked_by AND appealed_at IS NOT NULL))
);
CREATE INDEX block_citizen ON abuse.block (citizen_id, until_at DESC);
CREATE INDEX block_newest ON abuse.block (blocked_at DESC, id DESC);

ALTER TABLE abuse.reason ENABLE ROW LEVEL SECURITY;
ALTER TABLE abuse.reason FORCE ROW LEVEL SECURITY;
ALTER TABLE abuse.block ENABLE ROW LEVEL SECURITY;
ALTER TABLE abuse.block FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON abuse.reason TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON abuse.block TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY reason_read ON abuse.reason FOR SELECT TO backend_app, backend_city USING (true);

-- Whether the principal, an official, has the duty: at the city's operating centre, or as head of the unit or of one above.
CREATE FUNCTION abuse.operates(a_day date) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT EXISTS (SELECT FROM tenancy.duty d
    WHERE d.official_id = nullif(current_setting('ioc.subject', true), '')::uuid AND d.kind = 'city_operator'
      AND nullif(current_setting('ioc.citizen', true), '') IS NULL
      AND d.unit_id = ANY (string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])
      AND d.from_day <= a_day AND (d.until_day IS NULL OR d.until_day >= a_day))
$$;
CREATE FUNCTION abuse.leads(a_unit int, a_day date) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT EXISTS (SELECT FROM tenancy.duty d
    WHERE d.official_id = nullif(current_setting('ioc.subject', true), '')::uuid AND d.kind = 'lead'
      AND nullif(current_setting('ioc.citizen', true), '') IS NULL
      AND d.unit_id = ANY (tenancy.path_of(a_unit))
      AND a_unit = ANY (string_to_array(nullif(current_setting('ioc.units', true), ''), ',')::int[])
      AND d.from_day <= a_day AND (d.until_day IS NULL OR d.until_day >= a_day))
$$;
CREATE FUNCTION abuse.day_of(a_now timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$ SELECT (a_now AT TIME ZONE 'Asia/Ho_Chi_Minh')::date $$;

-- Blocks whoever sent the report. What came of it: 'blocked', 'again' (for this report somebody was blocked before),
-- 'nobody' (a channel brought it, or the sender is gone).
-- Who sends at this moment is through, or finds the block: see `blocked_until`.
CREATE FUNCTION abuse.block_sender(new_id uuid, a_code text, a_report uuid, a_reason text, a_note text, a_until timestamptz,
  a_now timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  sent record;
BEGIN
  SELECT r.citizen_id, r.handler_id, c.issuer INTO sent
  FROM reports.report r LEFT JOIN citizens.citizen c ON c.id = r.citizen_id WHERE r.id = a_report;
  IF NOT FOUND OR NOT (abuse.leads(sent.handler_id, abuse.day_of(a_now)) OR abuse.operates(abuse.day_of(a_now))) THEN
    RAISE EXCEPTION 'no duty there' USING ERRCODE = '42501';
  END IF;
  IF sent.citizen_id IS NULL OR sent.issuer = 'urn:ioc:deleted' THEN
    RETURN 'nobody';
  END IF;
  PERFORM pg_advisory_xact_lock(4836, hashtext(sent.citizen_id::text));
  INSERT INTO abuse.block (id, code, report_id, citizen_id, unit_id, reason, note, blocked_by, blocked_at, until_at)
  VALUES (new_id, a_code, a_report, sent.citizen_id, sent.handler_id, a_reason, a_note,
    nullif(current_setting('ioc.subject', true), '')::uuid, a_now, a_until)
  ON CONFLICT (report_id) DO NOTHING;
  RETURN CASE WHEN FOUND THEN 'blocked' ELSE 'again' END;
END $$;
-- Until when the principal, a citizen, may send no reports; NULL: not at all. Held until the transaction ends.
CREATE FUNCTION abuse.blocked_until(a_now timestamptz) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  me constant uuid := nullif(current_setting('ioc.citizen', true), '')::uuid;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(4836, hashtext(me::text));
  RETURN (SELECT max(b.until_at) FROM abuse.block b
    WHERE b.citizen_id = me AND b.until_at > a_now AND b.lifted IS NOT true);
END $$;
-- The principal's own blocks, a citizen's, the newest first.
CREATE FUNCTION abuse.mine(most int) RETURNS TABLE (code text, report_code text, unit_code text, unit_name text, reason text,
  note text, blocked_at timestamptz, until_at timestamptz, appeal text, appealed_at timestamptz, lifted boolean,
  decision text, decided_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT b.code, r.code, u.code, u.name, b.reason, b.note, b.blocked_at, b.until_at, b.appeal, b.appealed_at, b.lifted,
    b.decision, b.decided_at
  FROM abuse.block b JOIN reports.report r ON r.id = b.report_id JOIN tenancy.unit u ON u.id = b.unit_id
  WHERE b.citizen_id = nullif(current_setting('ioc.citizen', true), '')::uuid
  ORDER BY b.blocked_at DESC, b.id DESC LIMIT least(most, 50)
$$;
-- 'appealed'; 'absent', which another's is too; 'heard' before; 'over': it has ended, or was lifted.
CREATE FUNCTION abuse.appeal(a_code text, a_text text, a_now timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  b abuse.block;
BEGIN
  SELECT * INTO b FROM abuse.block o WHERE o.code = a_code
    AND o.citizen_id = nullif(current_setting('ioc.citizen', true), '')::uuid FOR UPDATE;
  IF NOT FOUND THEN RETURN 'absent'; END IF;
  IF b.appealed_at IS NOT NULL THEN RETURN 'heard'; END IF;
  IF b.lifted OR b.until_at <= a_now THEN RETURN 'over'; END IF;
  UPDATE abuse.block o SET appeal = a_text, appealed_at = a_now WHERE o.id = b.id;
  RETURN 'appealed';
END $$;
-- All blocks for the city's operating centre, the newest first; nobody's name.
CREATE FUNCTION abuse.listed(waiting boolean, after_at timestamptz, after_id uuid, most int, a_now timestamptz)
RETURNS TABLE (id uuid, code text, report_code text, unit_code text, unit_name text, reason text, note text,
  blocked_at timestamptz, until_at timestamptz, appeal text, appealed_at timestamptz, lifted boolean, decision text,
  decided_at timestamptz, mine boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT b.id, b.code, r.code, u.code, u.name, b.reason, b.note, b.blocked_at, b.until_at, b.appeal, b.appealed_at,
    b.lifted, b.decision, b.decided_at, b.blocked_by = nullif(current_setting('ioc.subject', true), '')::uuid
  FROM abuse.block b JOIN reports.report r ON r.id = b.report_id JOIN tenancy.unit u ON u.id = b.unit_id
  WHERE abuse.operates(abuse.day_of(a_now))
    AND (NOT waiting OR (b.appealed_at IS NOT NULL AND b.decided_at IS NULL AND b.until_at > a_now))
    AND (after_id IS NULL OR (b.blocked_at, b.id) < (after_at, after_id))
  ORDER BY b.blocked_at DESC, b.id DESC LIMIT least(most, 101)
$$;
-- 'decided'; 'absent'; 'over': decided before, or ended; 'own': who blocked does not say that it stays;
-- 'early': nobody has appealed.
CREATE FUNCTION abuse.decide(a_code text, a_lift boolean, a_text text, a_now timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  me constant uuid := nullif(current_setting('ioc.subject', true), '')::uuid;
  b abuse.block;
BEGIN
  IF NOT abuse.operates(abuse.day_of(a_now)) THEN
    RAISE EXCEPTION 'no duty there' USING ERRCODE = '42501';
  END IF;
  SELECT * INTO b FROM abuse.block o WHERE o.code = a_code FOR UPDATE;
  IF NOT FOUND THEN RETURN 'absent'; END IF;
  IF b.decided_at IS NOT NULL OR b.until_at <= a_now THEN RETURN 'over'; END IF;
  IF NOT a_lift AND b.blocked_by = me THEN RETURN 'own'; END IF;
  IF NOT a_lift AND b.appealed_at IS NULL THEN RETURN 'early'; END IF;
  UPDATE abuse.block o SET lifted = a_lift, decision = a_text, decided_by = me, decided_at = a_now WHERE o.id = b.id;
  RETURN 'decided';
END $$;

-- Who leaves takes the words along; that there was a block stays.
CREATE FUNCTION abuse.forget() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  UPDATE abuse.block b SET note = NULL, appeal = NULL, decision = NULL WHERE b.citizen_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER citizen_left_blocks AFTER UPDATE OF issuer ON citizens.citizen
  FOR EACH ROW WHEN (NEW.issuer = 'urn:ioc:deleted') EXECUTE FUNCTION abuse.forget();

REVOKE ALL ON FUNCTION abuse.operates, abuse.leads, abuse.day_of, abuse.block_sender, abuse.blocked_until, abuse.mine,
  abuse.appeal, abuse.listed, abuse.decide, abuse.forget FROM PUBLIC;
GRANT USAGE ON SCHEMA abuse TO backend_app, backend_city;
GRANT SELECT ON abuse.reason TO backend_app, backend_city;
GRANT EXECUTE ON FUNCTION abuse.block_sender TO backend_app, backend_city;
GRANT EXECUTE ON FUNCTION abuse.blocked_until, abuse.mine, abuse.appeal TO backend_app;
GRANT EXECUTE ON FUNCTION abuse.listed, abuse.decide TO backend_city;
