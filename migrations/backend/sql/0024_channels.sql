-- Channels (kênh tiếp nhận): who hands in reports of others, with which keys; what came in, and what goes back.

-- A register. `rate`: reports that are taken at once; each place comes back after rate_seconds / rate_amount.
CREATE SCHEMA channels;
CREATE TABLE channels.channel (
  code text COLLATE "C" PRIMARY KEY CHECK (code ~ '^[a-z0-9][a-z0-9-]{1,31}$' AND code !~ '[0-9]{9}'),
  kind text NOT NULL CHECK (kind IN ('webhook', 'zalo', 'open311')),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  state text NOT NULL CHECK (state IN ('active', 'suspended')),
  -- Where status changes go; none: it asks (Open311), or gets none.
  callback_url text CHECK (length(callback_url) BETWEEN 9 AND 500),
  zalo_app_id text CHECK (zalo_app_id ~ '^[0-9]{5,30}$'),
  rate_amount int NOT NULL CHECK (rate_amount BETWEEN 1 AND 100000),
  rate_seconds int NOT NULL CHECK (rate_seconds BETWEEN 1 AND 86400),
  version int NOT NULL DEFAULT 1 CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  CHECK ((kind = 'zalo') = (zalo_app_id IS NOT NULL))
);
-- `sealed`: AES-256-GCM under a key outside the database, bound to this id. Open311 shows its key with each request,
-- so of that one there is a digest alone. What we sign with is never what they sign with: else what we sent could
-- be sent back to us as a report.
CREATE TABLE channels.key (
  id uuid PRIMARY KEY,
  channel text COLLATE "C" NOT NULL REFERENCES channels.channel ON DELETE RESTRICT,
  purpose text NOT NULL CHECK (purpose IN ('in', 'out')),
  sealed bytea,
  digest bytea UNIQUE CHECK (octet_length(digest) = 32),
  from_at timestamptz NOT NULL,
  until_at timestamptz CHECK (until_at >= from_at),
  CHECK ((sealed IS NULL) <> (digest IS NULL))
);
CREATE INDEX key_channel ON channels.key (channel, purpose);

-- What a channel handed in, by its own id: once for as long as the report lives. `linked`: the report was there.
CREATE TABLE channels.inbound (
  channel text COLLATE "C" NOT NULL REFERENCES channels.channel ON DELETE RESTRICT,
  external_id text COLLATE "C" NOT NULL CHECK (length(external_id) BETWEEN 1 AND 128),
  -- Deferred: the id is claimed before the report is written, so that a second caller waits for the first.
  report_id uuid NOT NULL REFERENCES reports.report ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED,
  body_digest bytea NOT NULL CHECK (octet_length(body_digest) = 32),
  linked boolean NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (channel, external_id)
);
CREATE INDEX inbound_report ON channels.inbound (report_id);
-- The same person, place and words, as a keyed digest; kept for the window alone.
CREATE TABLE channels.fingerprint (
  digest bytea NOT NULL CHECK (octet_length(digest) = 32),
  report_id uuid NOT NULL REFERENCES reports.report ON DELETE RESTRICT,
  at timestamptz NOT NULL,
  PRIMARY KEY (digest, report_id)
);
CREATE INDEX fingerprint_age ON channels.fingerprint (at);
CREATE INDEX fingerprint_report ON channels.fingerprint (report_id);

-- A status change on its way back. The id is the webhook's: sent again, it is the same message.
CREATE TABLE channels.delivery (
  id uuid PRIMARY KEY,
  channel text COLLATE "C" NOT NULL REFERENCES channels.channel ON DELETE RESTRICT,
  external_id text COLLATE "C" NOT NULL,
  change_id uuid NOT NULL,
  report_code text COLLATE "C" NOT NULL,
  version int NOT NULL,
  step text NOT NULL,
  report_state text NOT NULL,
  closing_reason text,
  unit_code text NOT NULL,
  unit_name text NOT NULL,
  changed_at timestamptz NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dead')),
  attempts smallint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  next_at timestamptz NOT NULL,
  -- A status or a word of ours; never what the far end wrote.
  fault text CHECK (fault ~ '^[a-z0-9_]{1,40}$'),
  ended_at timestamptz,
  resent_by uuid,
  UNIQUE (change_id, channel, external_id)
);
CREATE INDEX delivery_due ON channels.delivery (channel, next_at) WHERE state = 'waiting';
CREATE INDEX delivery_dead ON channels.delivery (ended_at DESC, id DESC) WHERE state = 'dead';
CREATE INDEX delivery_age ON channels.delivery (ended_at) WHERE state = 'sent';

DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['channel', 'key', 'inbound', 'fingerprint', 'delivery'] LOOP
    EXECUTE format('ALTER TABLE channels.%I ENABLE ROW LEVEL SECURITY', wanted);
    EXECUTE format('ALTER TABLE channels.%I FORCE ROW LEVEL SECURITY', wanted);
    EXECUTE format('CREATE POLICY owner_all ON channels.%I TO backend_owner USING (true) WITH CHECK (true)', wanted);
  END LOOP;
END $$;

CREATE POLICY administer ON channels.channel TO backend_app, backend_city
  USING ((SELECT tenancy.administers_platform())) WITH CHECK ((SELECT tenancy.administers_platform()));
CREATE POLICY administer ON channels.key TO backend_app, backend_city
  USING ((SELECT tenancy.administers_platform())) WITH CHECK ((SELECT tenancy.administers_platform()));
-- City level sees what did not reach a channel, and nobody at all when no principal was set.
CREATE POLICY city_read ON channels.delivery FOR SELECT TO backend_city
  USING ((SELECT nullif(current_setting('ioc.subject', true), '')) IS NOT NULL);
CREATE POLICY city_resend ON channels.delivery FOR UPDATE TO backend_city
  USING ((SELECT nullif(current_setting('ioc.subject', true), '')) IS NOT NULL AND state = 'dead')
  WITH CHECK (state = 'waiting' AND resent_by = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid));
CREATE POLICY send ON channels.delivery TO backend_worker USING (true) WITH CHECK (true);
CREATE POLICY send ON channels.channel FOR SELECT TO backend_worker USING (true);
CREATE POLICY send ON channels.key FOR SELECT TO backend_worker USING (purpose = 'out');

GRANT USAGE ON SCHEMA channels TO backend_app, backend_city, backend_worker;
GRANT SELECT, INSERT, UPDATE (name, state, callback_url, zalo_app_id, rate_amount, rate_seconds, version)
  ON channels.channel TO backend_app, backend_city;
GRANT SELECT (id, channel, purpose, from_at, until_at), INSERT, UPDATE (until_at) ON channels.key
  TO backend_app, backend_city;
GRANT SELECT ON channels.delivery TO backend_city, backend_worker;
GRANT UPDATE (state, attempts, next_at, ended_at, resent_by) ON channels.delivery TO backend_city;
GRANT UPDATE (state, attempts, next_at, fault, ended_at) ON channels.delivery TO backend_worker;
GRANT SELECT (code, state, callback_url) ON channels.channel TO backend_worker;
GRANT SELECT (id, channel, purpose, sealed, from_at, until_at) ON channels.key TO backend_worker;

ALTER TABLE reports.timeline DROP CONSTRAINT timeline_actor_kind_check;
ALTER TABLE reports.timeline ADD CONSTRAINT timeline_actor_kind_check
  CHECK (actor_kind IN ('citizen', 'official', 'system', 'channel'));

-- Who a channel is, before there is a principal: its keys in force by its code.
CREATE FUNCTION channels.door(a_code text, a_now timestamptz)
RETURNS TABLE (code text, kind text, state text, zalo_app_id text, rate_amount int, rate_seconds int,
  key_id uuid, sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT c.code, c.kind, c.state, c.zalo_app_id, c.rate_amount, c.rate_seconds, k.id, k.sealed
  FROM channels.channel c LEFT JOIN channels.key k ON k.channel = c.code AND k.purpose = 'in'
    AND k.sealed IS NOT NULL AND k.from_at <= a_now AND (k.until_at IS NULL OR k.until_at > a_now)
  WHERE c.code = a_code ORDER BY k.from_at DESC
$$;
-- The client of an Open311 key.
CREATE FUNCTION channels.client(a_digest bytea, a_now timestamptz)
RETURNS TABLE (code text, kind text, state text, rate_amount int, rate_seconds int, key_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT c.code, c.kind, c.state, c.rate_amount, c.rate_seconds, k.id
  FROM channels.key k JOIN channels.channel c ON c.code = k.channel
  WHERE k.digest = a_digest AND k.purpose = 'in' AND k.from_at <= a_now
    AND (k.until_at IS NULL OR k.until_at > a_now)
$$;
CREATE FUNCTION channels.is_open(a_channel text, a_key uuid, a_now timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT EXISTS (SELECT FROM channels.channel c JOIN channels.key k ON k.channel = c.code
    WHERE c.code = a_channel AND c.state = 'active' AND k.id = a_key AND k.purpose = 'in' AND k.from_at <= a_now
      AND (k.until_at IS NULL OR k.until_at > a_now))
$$;

-- Where a report goes, as backend/routing/rules.py says it (a differential test keeps the two equal): from the place
-- upwards the first level with a rule whose target takes reports; there a rule for the category goes first.
CREATE FUNCTION channels.routed(a_category text, a_path int[], a_day date)
RETURNS TABLE (unit_id int, rule text, place int)
LANGUAGE sql STABLE SET search_path = '' AS $$
  (SELECT t.id, r.code, r.place_id
   FROM routing.rule r
   JOIN tenancy.unit t ON t.id = coalesce(r.target_id, a_path[1]) AND t.kind <> 'party'
     AND (t.ended_on IS NULL OR t.ended_on > a_day)
   WHERE r.set_number = (SELECT s.number FROM routing.rule_set s WHERE s.state = 'active' AND s.from_day <= a_day
       ORDER BY s.from_day DESC, s.number DESC LIMIT 1)
     AND r.place_id = ANY (a_path) AND (r.category IS NULL OR r.category = a_category)
   ORDER BY array_position(a_path, r.place_id), r.category IS NULL LIMIT 1)
  UNION ALL
  -- Without a rule the nearest active unit of the path, at last its root.
  SELECT f.id, 'fallback', f.id FROM (SELECT u.id FROM tenancy.unit u WHERE u.id = ANY (a_path)
    ORDER BY u.kind = 'party' OR coalesce(u.ended_on <= a_day, false),
      CASE WHEN u.kind = 'party' OR u.ended_on <= a_day THEN -array_position(a_path, u.id)
        ELSE array_position(a_path, u.id) END LIMIT 1) f
  LIMIT 1
$$;

-- One report of a channel, whole or not at all, in one statement: see docs/decisions/0034-channels.md for why not in
-- the way of other changes. outcome: taken; repeated (the same words under the same id: the answer of then);
-- mismatch (other words); double (`code` is the report of another message that says the same; nothing was written:
-- channels.link); closed (suspended, or the key is over). `a_line` names unit "00000": the unit takes its place.
CREATE FUNCTION channels.take_in(
  a_channel text, a_key uuid, an_external text, a_body_digest bytea, a_fingerprint bytea, a_since timestamptz,
  a_report uuid, a_code text, a_citizen uuid, a_category text, a_ward text, a_cell bigint, a_place text, a_body text,
  a_phone bytea, some_words text[], a_step uuid, a_change uuid, an_event uuid, a_line text, a_now timestamptz,
  a_day date
) RETURNS TABLE (outcome text, code text, version int, state text, unit text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  before record;
  category_code text;
  ward tenancy.unit;
  goes record;
  reason jsonb;
  handler_code text;
BEGIN
  IF a_line IS NULL OR strpos(a_line, '"unit":"00000"') = 0 THEN
    RAISE EXCEPTION 'no event, no effect' USING ERRCODE = '42501';
  END IF;
  IF NOT channels.is_open(a_channel, a_key, a_now) THEN
    RETURN QUERY SELECT 'closed', NULL::text, NULL::int, NULL::text, NULL::text;
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM channels.inbound i WHERE i.channel = a_channel AND i.external_id = an_external) THEN
    RETURN QUERY SELECT * FROM channels.told_before(a_channel, an_external, a_body_digest);
    RETURN;
  END IF;
  IF a_fingerprint IS NOT NULL THEN
    -- Of two that say the same at once, the second finds the first.
    PERFORM pg_advisory_xact_lock(4824, hashtext(encode(a_fingerprint, 'hex')));
    SELECT r.code, r.version, r.state, u.code AS unit INTO before FROM channels.fingerprint f
    JOIN reports.report r ON r.id = f.report_id AND r.state <> 'closed' JOIN tenancy.unit u ON u.id = r.handler_id
    WHERE f.digest = a_fingerprint AND f.at > a_since ORDER BY f.at LIMIT 1;
    IF FOUND THEN
      RETURN QUERY SELECT 'double', before.code, before.version, before.state, before.unit;
      RETURN;
    END IF;
  END IF;
  INSERT INTO channels.inbound (channel, external_id, report_id, body_digest, linked, at)
  VALUES (a_channel, an_external, a_report, a_body_digest, false, a_now) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN QUERY SELECT * FROM channels.told_before(a_channel, an_external, a_body_digest);
    RETURN;
  END IF;

  -- No unit ends between here and the commit (tenancy.keep_tree).
  PERFORM pg_advisory_xact_lock_shared(4801, 1);
  SELECT c.code INTO category_code FROM routing.category c
  WHERE c.ended_on IS NULL OR c.ended_on > a_day
  ORDER BY c.code = coalesce(a_category, '') DESC, c.code = 'other' DESC, c.position DESC LIMIT 1;
  SELECT u.* INTO ward FROM tenancy.unit asked JOIN tenancy.unit u ON u.id = tenancy.current_of(asked.id, a_day)
  WHERE asked.code = a_ward AND u.kind IN ('ward', 'commune');
  reason := '{}';
  IF NOT FOUND THEN
    -- Nobody knows where: the city's centre finds out.
    SELECT u.* INTO STRICT ward FROM tenancy.unit u WHERE u.kind = 'city' AND u.parent_id IS NULL;
    reason := '{"ward": "unknown"}';
  END IF;
  IF category_code IS DISTINCT FROM a_category THEN
    reason := reason || '{"category": "unknown"}';
  END IF;
  SELECT * INTO STRICT goes FROM channels.routed(category_code, tenancy.path_of(ward.id), a_day);
  SELECT u.code INTO STRICT handler_code FROM tenancy.unit u WHERE u.id = goes.unit_id AND u.kind <> 'party';

  INSERT INTO citizens.citizen (id, issuer, subject) VALUES (a_citizen, 'urn:ioc:unclaimed', a_citizen::text);
  INSERT INTO reports.report (id, code, citizen_id, category, ward_id, h3_cell, place, body, state, handler_id,
    routing_reason, version, created_at, updated_at)
  VALUES (a_report, a_code, a_citizen, category_code, ward.id, a_cell, a_place, a_body, 'received', goes.unit_id,
    reason || jsonb_build_object('rule', goes.rule, 'place', goes.place), 1, a_now, a_now);
  INSERT INTO reports.timeline (id, report_id, version, at, kind, to_state, to_unit_id, actor_kind, actor_id)
  VALUES (a_step, a_report, 1, a_now, 'submitted', 'received', goes.unit_id, 'channel', a_citizen);
  INSERT INTO changes.change (id, kind, resource, version, at, units, citizen_id)
  VALUES (a_change, 'report.submitted', 'report:' || a_code, 1, a_now, ARRAY[goes.unit_id], a_citizen);
  PERFORM reports.write_search(a_report, some_words);
  IF a_phone IS NOT NULL THEN
    INSERT INTO citizens.unclaimed (code, report_id, phone_digest, noted_at) VALUES (a_code, a_report, a_phone, a_now);
  END IF;
  IF a_fingerprint IS NOT NULL THEN
    INSERT INTO channels.fingerprint (digest, report_id, at) VALUES (a_fingerprint, a_report, a_now);
  END IF;
  INSERT INTO jobs.procrastinate_jobs (queue_name, task_name, priority, args)
  VALUES ('default', 'reports.fan_out', 0, jsonb_build_object('change_id', a_change));
  INSERT INTO audit.event (id, line)
  VALUES (an_event, replace(a_line, '"unit":"00000"', '"unit":"' || handler_code || '"'));
  RETURN QUERY SELECT 'taken', a_code, 1, 'received', handler_code;
END $$;

-- What a message under this id became; the same words or others.
CREATE FUNCTION channels.told_before(a_channel text, an_external text, a_body_digest bytea)
RETURNS TABLE (outcome text, code text, version int, state text, unit text)
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT CASE WHEN i.body_digest = a_body_digest THEN 'repeated' ELSE 'mismatch' END, r.code, r.version, r.state,
    u.code
  FROM channels.inbound i JOIN reports.report r ON r.id = i.report_id JOIN tenancy.unit u ON u.id = r.handler_id
  WHERE i.channel = a_channel AND i.external_id = an_external
$$;

-- A message that says what another has said belongs to that one's report.
CREATE FUNCTION channels.link(
  a_channel text, a_key uuid, an_external text, a_body_digest bytea, a_fingerprint bytea, a_code text, an_event uuid,
  a_line text, a_now timestamptz
) RETURNS TABLE (outcome text, code text, version int, state text, unit text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  IF a_line IS NULL THEN
    RAISE EXCEPTION 'no event, no effect' USING ERRCODE = '42501';
  END IF;
  IF NOT channels.is_open(a_channel, a_key, a_now) THEN
    RETURN QUERY SELECT 'closed', NULL::text, NULL::int, NULL::text, NULL::text;
    RETURN;
  END IF;
  INSERT INTO channels.inbound AS i (channel, external_id, report_id, body_digest, linked, at)
  SELECT a_channel, an_external, r.id, a_body_digest, true, a_now FROM reports.report r
  JOIN channels.fingerprint f ON f.report_id = r.id AND f.digest = a_fingerprint WHERE r.code = a_code
  ON CONFLICT DO NOTHING;
  IF FOUND THEN
    INSERT INTO audit.event (id, line) VALUES (an_event, a_line);
    RETURN QUERY SELECT 'linked', t.code, t.version, t.state, t.unit
    FROM channels.told_before(a_channel, an_external, a_body_digest) t;
    RETURN;
  END IF;
  RETURN QUERY SELECT * FROM channels.told_before(a_channel, an_external, a_body_digest);
END $$;

-- Where reports stand that a channel handed in itself, by codes, or by its own times (newest first).
CREATE FUNCTION channels.standing(a_channel text, some_codes text[], since timestamptz, until_ timestamptz, wanted int)
RETURNS TABLE (code text, category text, state text, closing_reason text, unit_name text, created_at timestamptz,
  updated_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT r.code, r.category, r.state, r.closing_reason, u.name, r.created_at, r.updated_at
  FROM reports.report r JOIN tenancy.unit u ON u.id = r.handler_id
  WHERE (some_codes IS NULL OR r.code = ANY (some_codes)) AND r.id IN (SELECT i.report_id FROM channels.inbound i
    WHERE i.channel = a_channel AND (some_codes IS NOT NULL OR (i.at >= since AND i.at <= until_)))
  ORDER BY r.created_at DESC, r.id DESC LIMIT least(wanted, 1000)
$$;

-- A change goes to every channel that handed the report in and has an address. What was announced before is not
-- announced again. Returns the channels to wake.
CREATE FUNCTION channels.announce(a_change uuid, a_now timestamptz) RETURNS SETOF text
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  WITH told AS (
    INSERT INTO channels.delivery (id, channel, external_id, change_id, report_code, version, step, report_state,
      closing_reason, unit_code, unit_name, changed_at, next_at)
    SELECT uuidv7(), i.channel, i.external_id, c.id, r.code, c.version, t.kind, t.to_state,
      CASE WHEN t.to_state = 'closed' THEN r.closing_reason END, u.code, u.name, t.at, a_now
    FROM changes.change c
    JOIN reports.report r ON r.code = substr(c.resource, 8) AND starts_with(c.resource, 'report:')
    JOIN reports.timeline t ON t.report_id = r.id AND t.version = c.version
    JOIN tenancy.unit u ON u.id = t.to_unit_id
    JOIN channels.inbound i ON i.report_id = r.id
    JOIN channels.channel h ON h.code = i.channel AND h.callback_url IS NOT NULL
    WHERE c.id = a_change AND t.kind NOT IN ('submitted', 'claimed')
    ON CONFLICT (change_id, channel, external_id) DO NOTHING RETURNING channel
  )
  SELECT DISTINCT told.channel FROM told
$$;

-- What has become too old: fingerprints after their window, what was sent after 30 days.
CREATE FUNCTION channels.sweep(fingerprints_before timestamptz, sent_before timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  WITH prints AS (DELETE FROM channels.fingerprint f WHERE f.at < fingerprints_before RETURNING 1),
       sent AS (DELETE FROM channels.delivery d WHERE d.state = 'sent' AND d.ended_at < sent_before RETURNING 1)
  SELECT (SELECT count(*) FROM prints) + (SELECT count(*) FROM sent)
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA channels FROM PUBLIC;
GRANT EXECUTE ON FUNCTION channels.door, channels.client, channels.take_in, channels.link, channels.standing
  TO backend_app;
GRANT EXECUTE ON FUNCTION channels.announce, channels.sweep TO backend_worker;

-- The queue's own triggers name its tables without a schema, which a definer function's empty search path hides.
ALTER FUNCTION jobs.procrastinate_trigger_function_status_events_insert_v1 SET search_path = jobs, pg_catalog;
