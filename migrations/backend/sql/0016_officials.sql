-- Officials as people administer them: accounts with a state, duties given and ended, who changed what, reviews.
-- Settings of a transaction: ioc.administers holds the units whose people the caller may administer.

-- A public code: 16 Crockford characters, 80 random bits. For people who were there before; others bring theirs.
CREATE FUNCTION tenancy.new_code() RETURNS text
LANGUAGE sql VOLATILE SET search_path = '' AS $$
  WITH random AS MATERIALIZED (
    SELECT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) AS octets)
  SELECT string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (get_byte(r.octets, n) & 31) + 1, 1), '' ORDER BY n)
  FROM random r, generate_series(0, 15) n
$$;
REVOKE ALL ON FUNCTION tenancy.new_code FROM PUBLIC;

ALTER TABLE tenancy.official
  -- Keycloak's id: unknown until the directory has made the account.
  ALTER COLUMN subject DROP NOT NULL,
  ADD COLUMN code text NOT NULL DEFAULT tenancy.new_code() UNIQUE CHECK (code ~ '^[0-9A-HJKMNP-TV-Z]{16}$'),
  -- Tells people of one name apart in the alphabetical list. No counter: that would tell how many there are.
  ADD COLUMN number int NOT NULL DEFAULT random(1, 2147483647),
  -- The unit that employs: the one organisation of the account.
  ADD COLUMN unit_id int REFERENCES tenancy.unit ON DELETE RESTRICT,
  -- Keycloak wants the two parts of the name; NULL for people who were there before.
  ADD COLUMN family_name text CHECK (length(family_name) BETWEEN 1 AND 100),
  ADD COLUMN given_name text CHECK (length(given_name) BETWEEN 1 AND 100),
  ADD COLUMN username text CHECK (username ~ '^[a-z][a-z0-9._-]{1,39}$'),
  ADD COLUMN email text CHECK (length(email) <= 254 AND email ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND email = lower(email)),
  -- Name and user name without diacritics, made by the application.
  ADD COLUMN search_text text NOT NULL DEFAULT '',
  ADD COLUMN state text NOT NULL DEFAULT 'active' CHECK (state IN ('invited', 'active', 'suspended', 'ended')),
  ADD COLUMN created_on date NOT NULL DEFAULT platform.today(),
  ADD COLUMN activated_on date,
  -- Days in Ha Noi. What 45 idle days are counted from; a session's first use notes it.
  ADD COLUMN last_active_day date,
  ADD COLUMN version int NOT NULL DEFAULT 1,
  ADD CHECK (state <> 'active' OR subject IS NOT NULL);
UPDATE tenancy.official o SET activated_on = o.created_on, unit_id = (
  SELECT d.unit_id FROM tenancy.duty d WHERE d.official_id = o.id
  ORDER BY d.until_day IS NULL DESC, d.from_day DESC, d.unit_id LIMIT 1);
CREATE INDEX official_list ON tenancy.official (name_key, number);
CREATE INDEX official_unit ON tenancy.official (unit_id);
-- Keycloak keeps the names of accounts that ended; an invitation that came to nothing gives its names back.
CREATE UNIQUE INDEX official_username ON tenancy.official (issuer, username)
  WHERE subject IS NOT NULL OR state <> 'ended';
CREATE UNIQUE INDEX official_email ON tenancy.official (issuer, email) WHERE subject IS NOT NULL OR state <> 'ended';

ALTER TABLE tenancy.duty
  DROP CONSTRAINT duty_kind_check,
  ADD CONSTRAINT duty_kind_check
    CHECK (kind IN ('handler', 'lead', 'city_operator', 'platform_admin', 'unit_admin')),
  DROP CONSTRAINT duty_check,
  -- The day before the first: taken back before it was ever in force.
  ADD CONSTRAINT duty_days CHECK (until_day >= from_day - 1);

-- Who changed what, for ever. `note` is the reason in words; it never leaves for the log.
CREATE TABLE tenancy.official_change (
  id uuid PRIMARY KEY,
  official_id uuid NOT NULL REFERENCES tenancy.official ON DELETE RESTRICT,
  version int NOT NULL,
  at timestamptz NOT NULL,
  actor_kind text NOT NULL CHECK (actor_kind IN ('official', 'system')),
  actor_id uuid,
  actor_name text NOT NULL CHECK (length(actor_name) BETWEEN 1 AND 200),
  kind text NOT NULL CHECK (kind ~ '^[a-z][a-z_]{2,30}$'),
  unit_id int REFERENCES tenancy.unit ON DELETE RESTRICT,
  duty text,
  from_day date,
  until_day date,
  note text CHECK (length(note) BETWEEN 1 AND 500)
);
CREATE INDEX official_change_of ON tenancy.official_change (official_id, id DESC);

-- A reset of credentials waits here for a second officer. What the first one's device signed is kept for the
-- directory, which checks both itself, and forgotten when the request is over.
CREATE TABLE tenancy.reset_request (
  id uuid PRIMARY KEY,
  code text NOT NULL UNIQUE CHECK (code ~ '^[0-9A-HJKMNP-TV-Z]{16}$'),
  official_id uuid NOT NULL REFERENCES tenancy.official ON DELETE RESTRICT,
  state text NOT NULL CHECK (state IN ('open', 'confirmed', 'replaced')),
  asked_by uuid NOT NULL REFERENCES tenancy.official ON DELETE RESTRICT,
  asked_name text NOT NULL,
  asked_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL CHECK (expires_at > asked_at),
  note text NOT NULL CHECK (length(note) BETWEEN 1 AND 500),
  digest text NOT NULL CHECK (digest ~ '^sha-256=:[A-Za-z0-9+/]{43}=:$'),
  body bytea,
  token text,
  proof text,
  confirmed_by uuid REFERENCES tenancy.official ON DELETE RESTRICT
    CONSTRAINT reset_request_two CHECK (confirmed_by <> asked_by),
  confirmed_at timestamptz,
  CONSTRAINT reset_request_not_oneself CHECK (asked_by <> official_id AND confirmed_by <> official_id),
  CHECK ((state = 'confirmed') = (confirmed_by IS NOT NULL)),
  CHECK (state = 'open' OR (body IS NULL AND token IS NULL AND proof IS NULL))
);
CREATE UNIQUE INDEX reset_request_open ON tenancy.reset_request (official_id) WHERE state = 'open';

-- The quarterly review (rà soát tài khoản): who was looked at by whom, and what was decided.
CREATE TABLE tenancy.review (
  quarter text NOT NULL CHECK (quarter ~ '^20[0-9]{2}Q[1-4]$'),
  official_id uuid NOT NULL REFERENCES tenancy.official ON DELETE RESTRICT,
  unit_id int NOT NULL REFERENCES tenancy.unit ON DELETE RESTRICT,
  due_on date NOT NULL,
  decision text CHECK (decision IN ('keep', 'change', 'end')),
  reviewer_id uuid REFERENCES tenancy.official ON DELETE RESTRICT
    CONSTRAINT review_not_oneself CHECK (reviewer_id <> official_id),
  reviewer_name text,
  decided_at timestamptz,
  note text CHECK (length(note) BETWEEN 1 AND 500),
  PRIMARY KEY (quarter, official_id),
  CHECK ((decision IS NULL) = (reviewer_id IS NULL) AND (decision IS NULL) = (decided_at IS NULL))
);
CREATE INDEX review_unit ON tenancy.review (quarter, unit_id);

ALTER TABLE tenancy.official_change ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenancy.official_change FORCE ROW LEVEL SECURITY;
ALTER TABLE tenancy.reset_request ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenancy.reset_request FORCE ROW LEVEL SECURITY;
ALTER TABLE tenancy.review ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenancy.review FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON tenancy.official_change TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON tenancy.reset_request TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON tenancy.review TO backend_owner USING (true) WITH CHECK (true);

-- Who administers people sees them and their unit, a Party body's too; nobody changes himself.
CREATE POLICY unit_administered ON tenancy.unit FOR SELECT TO backend_app, backend_city USING (
  id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.administers', true), ''), ',')::int[])::int[]));
CREATE POLICY official_administered ON tenancy.official FOR SELECT TO backend_app, backend_city USING (
  unit_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.administers', true), ''), ',')::int[])::int[]));
CREATE POLICY official_invite ON tenancy.official FOR INSERT TO backend_app, backend_city WITH CHECK (
  unit_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.administers', true), ''), ',')::int[])::int[])
  AND state = 'invited' AND subject IS NULL);
CREATE POLICY official_change ON tenancy.official FOR UPDATE TO backend_app, backend_city USING (
  unit_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.administers', true), ''), ',')::int[])::int[])
  AND id <> (SELECT nullif(current_setting('ioc.subject', true), '')::uuid));
-- Rows of a visible official are visible; the sub-select is itself under row-level security.
CREATE POLICY duty_seen ON tenancy.duty FOR SELECT TO backend_app, backend_city
  USING (EXISTS (SELECT FROM tenancy.official o WHERE o.id = official_id));
CREATE POLICY duty_give ON tenancy.duty FOR INSERT TO backend_app, backend_city WITH CHECK (
  unit_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.administers', true), ''), ',')::int[])::int[])
  AND official_id <> (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
  AND EXISTS (SELECT FROM tenancy.official o WHERE o.id = official_id));
CREATE POLICY duty_end ON tenancy.duty FOR UPDATE TO backend_app, backend_city USING (
  unit_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.administers', true), ''), ',')::int[])::int[])
  AND official_id <> (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
  AND EXISTS (SELECT FROM tenancy.official o WHERE o.id = official_id));
CREATE POLICY change_seen ON tenancy.official_change FOR SELECT TO backend_app, backend_city
  USING (EXISTS (SELECT FROM tenancy.official o WHERE o.id = official_id));
CREATE POLICY change_told ON tenancy.official_change FOR INSERT TO backend_app, backend_city WITH CHECK (
  actor_kind = 'official' AND actor_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
  AND official_id <> actor_id AND EXISTS (SELECT FROM tenancy.official o WHERE o.id = official_id));
CREATE POLICY reset_seen ON tenancy.reset_request FOR SELECT TO backend_app, backend_city USING (
  official_id <> (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
  AND EXISTS (SELECT FROM tenancy.official o WHERE o.id = official_id));
CREATE POLICY reset_ask ON tenancy.reset_request FOR INSERT TO backend_app, backend_city WITH CHECK (
  state = 'open' AND asked_by = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
  AND EXISTS (SELECT FROM tenancy.official o WHERE o.id = official_id));
CREATE POLICY reset_close ON tenancy.reset_request FOR UPDATE TO backend_app, backend_city USING (
  state = 'open' AND official_id <> (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
  AND EXISTS (SELECT FROM tenancy.official o WHERE o.id = official_id))
  WITH CHECK (state = 'replaced'
    OR confirmed_by = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid));
CREATE POLICY review_seen ON tenancy.review FOR SELECT TO backend_app, backend_city USING (
  unit_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.administers', true), ''), ',')::int[])::int[]));
CREATE POLICY review_decide ON tenancy.review FOR UPDATE TO backend_app, backend_city USING (
  unit_id = ANY ((SELECT string_to_array(nullif(current_setting('ioc.administers', true), ''), ',')::int[])::int[])
  AND official_id <> (SELECT nullif(current_setting('ioc.subject', true), '')::uuid))
  WITH CHECK (reviewer_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid));
-- The worker suspends who has been idle and makes the lists of reviews; it gives nobody anything.
CREATE POLICY worker_seen ON tenancy.official FOR SELECT TO backend_worker USING (true);
CREATE POLICY worker_suspend ON tenancy.official FOR UPDATE TO backend_worker
  USING (state IN ('invited', 'active')) WITH CHECK (state = 'suspended');
CREATE POLICY worker_seen ON tenancy.duty FOR SELECT TO backend_worker USING (true);
CREATE POLICY worker_seen ON tenancy.official_change FOR SELECT TO backend_worker USING (true);
CREATE POLICY worker_told ON tenancy.official_change FOR INSERT TO backend_worker WITH CHECK (actor_kind = 'system');
CREATE POLICY worker_seen ON tenancy.review FOR SELECT TO backend_worker USING (true);
CREATE POLICY worker_list ON tenancy.review FOR INSERT TO backend_worker WITH CHECK (decision IS NULL);

GRANT INSERT (id, code, issuer, name, family_name, given_name, name_key, search_text, username, email, unit_id,
  state, created_on, version) ON tenancy.official TO backend_app, backend_city;
GRANT UPDATE (state, unit_id, version) ON tenancy.official TO backend_app, backend_city;
GRANT SELECT ON tenancy.duty TO backend_app, backend_city, backend_worker;
GRANT INSERT ON tenancy.duty TO backend_app, backend_city;
GRANT UPDATE (until_day) ON tenancy.duty TO backend_app, backend_city;
GRANT SELECT, INSERT ON tenancy.official_change TO backend_app, backend_city;
GRANT SELECT, INSERT ON tenancy.reset_request TO backend_app, backend_city;
GRANT UPDATE (state, body, token, proof, confirmed_by, confirmed_at) ON tenancy.reset_request
  TO backend_app, backend_city;
GRANT SELECT ON tenancy.review TO backend_app, backend_city, backend_worker;
GRANT UPDATE (decision, reviewer_id, reviewer_name, decided_at, note) ON tenancy.review
  TO backend_app, backend_city;
GRANT SELECT ON tenancy.official TO backend_worker;
GRANT UPDATE (state, version) ON tenancy.official TO backend_worker;
GRANT SELECT, INSERT ON tenancy.official_change TO backend_worker;
GRANT INSERT ON tenancy.review TO backend_worker;
-- Whoever suspends ends the sessions in the same transaction: what is dead stays dead, whatever Keycloak knows.
GRANT INSERT (event_id, iss, sid, sub, ended_at, cause) ON identity.session_end TO backend_city, backend_worker;

-- As before, and: suspended and ended officials are nobody from the next request on. Administering people
-- (unit_admin), as administering the platform, gives no unit: it opens no report.
DROP FUNCTION tenancy.resolve(text, text, text, date);
CREATE FUNCTION tenancy.resolve(an_issuer text, a_subject text, a_unit_code text, a_day date)
RETURNS TABLE (official_id uuid, official_name text, unit_id int, duties jsonb, units int[], administered int[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  WITH RECURSIVE person AS (
    SELECT o.id, o.name FROM tenancy.official o
    WHERE o.issuer = an_issuer AND o.subject = a_subject AND o.state IN ('invited', 'active')
  ), working AS (
    SELECT u.id FROM tenancy.unit u WHERE u.code = a_unit_code AND (u.ended_on IS NULL OR u.ended_on > a_day)
  ), duty AS (
    SELECT d.kind, d.unit_id, u.code
    FROM tenancy.duty d JOIN person p ON p.id = d.official_id JOIN tenancy.unit u ON u.id = d.unit_id
    WHERE d.from_day <= a_day AND (d.until_day IS NULL OR d.until_day >= a_day)
  ), below_working AS (
    SELECT w.id FROM working w
    UNION SELECT u.id FROM tenancy.unit u JOIN below_working b ON u.parent_id = b.id
  ), below_duty AS (
    SELECT d.unit_id AS id FROM duty d WHERE d.kind NOT IN ('platform_admin', 'unit_admin')
    UNION SELECT u.id FROM tenancy.unit u JOIN below_duty b ON u.parent_id = b.id
  ), below_administering AS (
    -- A duty over the working unit's superior is not carried along into the working unit.
    SELECT d.unit_id AS id FROM duty d JOIN below_working b ON b.id = d.unit_id WHERE d.kind = 'unit_admin'
    UNION SELECT u.id FROM tenancy.unit u JOIN below_administering b ON u.parent_id = b.id
  )
  SELECT p.id, p.name, w.id,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', d.kind, 'unit_id', d.unit_id, 'unit_code', d.code)
             ORDER BY d.kind, d.code), '[]'::jsonb)
     FROM duty d
     -- A duty that bars goes along wherever its holder works.
     WHERE d.kind = 'platform_admin' OR d.unit_id IN (SELECT b.id FROM below_working b)),
    (SELECT coalesce(array_agg(x.id ORDER BY x.id), '{}'::int[])
     FROM (SELECT b.id FROM below_working b INTERSECT SELECT b.id FROM below_duty b) x),
    (SELECT coalesce(array_agg(b.id ORDER BY b.id), '{}'::int[]) FROM below_administering b)
  FROM person p CROSS JOIN working w
$$;
REVOKE ALL ON FUNCTION tenancy.resolve FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy.resolve TO backend_app;

-- As tenancy.path_of, whoever asks: to the administrator of a Party body the bodies above it are hidden, and a
-- path that ends too early would make the body look like the top of its tree.
CREATE FUNCTION tenancy.whole_path_of(a_unit int) RETURNS int[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  WITH RECURSIVE up AS (
    SELECT u.id, u.parent_id, 0 AS step FROM tenancy.unit u WHERE u.id = a_unit
    UNION ALL SELECT u.id, u.parent_id, up.step + 1 FROM tenancy.unit u JOIN up ON u.id = up.parent_id
  )
  SELECT array_agg(up.id ORDER BY up.step) FROM up
$$;
REVOKE ALL ON FUNCTION tenancy.whole_path_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy.whole_path_of TO backend_app, backend_city, backend_worker;

-- The first use of a session: the day is noted, and who was invited is active from now on.
CREATE FUNCTION tenancy.note_activity(a_day date, a_moment timestamptz)
RETURNS TABLE (code text, activated boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  myself uuid := nullif(current_setting('ioc.subject', true), '')::uuid;
  before tenancy.official;
BEGIN
  SELECT * INTO before FROM tenancy.official o WHERE o.id = myself AND o.state IN ('invited', 'active') FOR UPDATE;
  IF before.id IS NULL THEN
    RETURN;
  END IF;
  UPDATE tenancy.official o SET last_active_day = greatest(o.last_active_day, a_day),
    activated_on = coalesce(o.activated_on, a_day), state = 'active',
    version = o.version + (before.state = 'invited')::int
  WHERE o.id = myself;
  IF before.state = 'invited' THEN
    INSERT INTO tenancy.official_change (id, official_id, version, at, actor_kind, actor_id, actor_name, kind)
    VALUES (uuidv7(), myself, before.version + 1, a_moment, 'official', myself, before.name, 'activated');
  END IF;
  RETURN QUERY SELECT before.code, before.state = 'invited';
END $$;
REVOKE ALL ON FUNCTION tenancy.note_activity FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy.note_activity TO backend_app, backend_city;

-- The directory alone tells which account of Keycloak an official has, once. Telling the same again changes nothing.
CREATE FUNCTION tenancy.official_created(a_code text, an_issuer text, a_subject text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  UPDATE tenancy.official o SET subject = a_subject
  WHERE o.code = a_code AND o.issuer = an_issuer AND (o.subject IS NULL OR o.subject = a_subject);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no official without an account has this code' USING ERRCODE = 'no_data_found';
  END IF;
END $$;
REVOKE ALL ON FUNCTION tenancy.official_created FROM PUBLIC;

-- What the directory asks before it does anything to an account.
CREATE FUNCTION tenancy.account_of(a_code text)
RETURNS TABLE (issuer text, subject text, state text, unit_code text, username text, email text,
               family_name text, given_name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT o.issuer, o.subject, o.state, u.code, o.username, o.email, o.family_name, o.given_name
  FROM tenancy.official o LEFT JOIN tenancy.unit u ON u.id = o.unit_id WHERE o.code = a_code
$$;
REVOKE ALL ON FUNCTION tenancy.account_of FROM PUBLIC;

-- Whether (iss, sub) is an active official with a duty over the people of a unit on a day: over it or above it.
CREATE FUNCTION tenancy.administers(an_issuer text, a_subject text, a_unit_code text, a_day date) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  WITH RECURSIVE up AS (
    SELECT u.id, u.parent_id FROM tenancy.unit u WHERE u.code = a_unit_code
    UNION SELECT u.id, u.parent_id FROM tenancy.unit u JOIN up ON u.id = up.parent_id
  )
  SELECT EXISTS (
    SELECT FROM tenancy.official o JOIN tenancy.duty d ON d.official_id = o.id JOIN up ON up.id = d.unit_id
    WHERE o.issuer = an_issuer AND o.subject = a_subject AND o.state = 'active' AND d.kind = 'unit_admin'
      AND d.from_day <= a_day AND (d.until_day IS NULL OR d.until_day >= a_day))
$$;
REVOKE ALL ON FUNCTION tenancy.administers FROM PUBLIC;
GRANT USAGE ON SCHEMA tenancy TO backend_directory;
GRANT EXECUTE ON FUNCTION tenancy.official_created, tenancy.account_of, tenancy.administers TO backend_directory;

-- Requests for a reset that nobody confirmed: what the officers' devices sent is forgotten.
CREATE FUNCTION tenancy.forget_resets(a_moment timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  WITH over AS (
    UPDATE tenancy.reset_request r SET state = 'replaced', body = NULL, token = NULL, proof = NULL
    WHERE r.state = 'open' AND r.expires_at <= a_moment RETURNING 1)
  SELECT count(*) FROM over
$$;
REVOKE ALL ON FUNCTION tenancy.forget_resets FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy.forget_resets TO backend_worker;

-- The code of any unit, for events about people of Party bodies, which the worker sees nothing of.
CREATE FUNCTION tenancy.unit_code_of(a_unit int) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT u.code FROM tenancy.unit u WHERE u.id = a_unit
$$;
REVOKE ALL ON FUNCTION tenancy.unit_code_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy.unit_code_of TO backend_worker;

-- Organisations follow the units, those of the Party too, whose names the worker sees nowhere else.
CREATE FUNCTION tenancy.organisation_of(a_code text, a_day date) RETURNS TABLE (name text, ended boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT u.name, u.ended_on IS NOT NULL AND u.ended_on <= a_day FROM tenancy.unit u WHERE u.code = a_code
$$;
REVOKE ALL ON FUNCTION tenancy.organisation_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy.organisation_of TO backend_worker;

-- What is under way for an account, for who administers it and for the person: states and words, nothing else.
CREATE INDEX request_target ON directory.request (target, id);
CREATE FUNCTION tenancy.directory_requests(a_code text)
RETURNS TABLE (operation text, state text, since timestamptz, ended_at timestamptz, error text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT r.operation, r.state, r.created_at, r.ended_at, coalesce(r.code, r.fault)
  FROM directory.request r
  WHERE r.target = a_code AND r.operation LIKE 'official.%' AND EXISTS (
    SELECT FROM tenancy.official o WHERE o.code = a_code AND (
      o.id = nullif(current_setting('ioc.subject', true), '')::uuid
      OR o.unit_id = ANY (string_to_array(nullif(current_setting('ioc.administers', true), ''), ',')::int[])))
  ORDER BY r.id DESC LIMIT 5
$$;
REVOKE ALL ON FUNCTION tenancy.directory_requests FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy.directory_requests TO backend_app, backend_city;

-- For the job that is told of a request's end.
CREATE FUNCTION tenancy.ended_request(a_request uuid)
RETURNS TABLE (official_id uuid, code text, unit_code text, version int, operation text, state text, refusal text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT o.id, o.code, u.code, o.version, r.operation, r.state, r.code
  FROM directory.request r JOIN tenancy.official o ON o.code = r.target
  LEFT JOIN tenancy.unit u ON u.id = o.unit_id
  WHERE r.id = a_request AND r.operation LIKE 'official.%'
$$;
REVOKE ALL ON FUNCTION tenancy.ended_request FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy.ended_request TO backend_worker;
