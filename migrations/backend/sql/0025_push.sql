-- Notices (thông báo) for citizens and officials: the inbox, and what leaves the house to tell of it.

ALTER TABLE notifications.inbox
  ADD COLUMN recipient_kind text NOT NULL DEFAULT 'citizen' CHECK (recipient_kind IN ('citizen', 'official')),
  ADD COLUMN urgency text NOT NULL DEFAULT 'normal' CHECK (urgency IN ('quiet', 'normal', 'urgent')),
  ADD COLUMN delivery_id uuid,
  ADD COLUMN read_at timestamptz,
  ADD CONSTRAINT inbox_kind CHECK (kind ~ '^[a-z_]{1,30}(\.[a-z_]{1,30}){1,2}$'),
  ADD CONSTRAINT inbox_resource CHECK (resource ~ '^[a-z_]{1,30}:[A-Za-z0-9_-]{1,80}$');
CREATE INDEX inbox_unread ON notifications.inbox (recipient) WHERE read_at IS NULL;
CREATE INDEX inbox_delivery ON notifications.inbox (delivery_id) WHERE delivery_id IS NOT NULL;

-- Whether a row of (person, kind of person) is the principal's own.
CREATE FUNCTION notifications.own(person uuid, person_kind text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = '' AS $$
  SELECT person = nullif(current_setting('ioc.subject', true), '')::uuid
    AND person_kind = CASE WHEN nullif(current_setting('ioc.citizen', true), '') IS NULL
                           THEN 'official' ELSE 'citizen' END
$$;

DROP POLICY own ON notifications.inbox;
CREATE POLICY own ON notifications.inbox FOR SELECT TO backend_app, backend_city USING (
  recipient = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
  AND recipient_kind = (SELECT CASE WHEN nullif(current_setting('ioc.citizen', true), '') IS NULL
                                    THEN 'official' ELSE 'citizen' END));
CREATE POLICY own_mark ON notifications.inbox FOR UPDATE TO backend_app, backend_city
  USING (notifications.own(recipient, recipient_kind)) WITH CHECK (notifications.own(recipient, recipient_kind));
GRANT USAGE ON SCHEMA notifications TO backend_city;
GRANT SELECT, UPDATE (read_at) ON notifications.inbox TO backend_app, backend_city;
-- Whoever tells, tells by notifications.tell().
REVOKE INSERT ON notifications.inbox FROM backend_worker;

-- How a person wants to be told. Without a row: foundation of backend/notifications/types.py. `phone` is sealed
-- (docs/decisions/0026-phone-numbers.md) and there only while its owner wants messages by SMS.
CREATE TABLE notifications.preference (
  person uuid PRIMARY KEY,
  person_kind text NOT NULL CHECK (person_kind IN ('citizen', 'official')),
  push boolean NOT NULL,
  sms text NOT NULL CHECK (sms IN ('never', 'urgent', 'always')),
  email text NOT NULL CHECK (email IN ('never', 'urgent', 'always')),
  quiet_from time,
  quiet_to time,
  phone bytea,
  changed_at timestamptz NOT NULL,
  CHECK ((quiet_from IS NULL) = (quiet_to IS NULL)),
  CHECK ((phone IS NULL) = (sms = 'never'))
);

-- Where a push goes: an app on a device that its owner signed in on. One token, one owner.
CREATE TABLE notifications.push_token (
  id uuid PRIMARY KEY,
  person uuid NOT NULL,
  person_kind text NOT NULL CHECK (person_kind IN ('citizen', 'official')),
  iss text COLLATE "C" NOT NULL,
  sub text COLLATE "C" NOT NULL,
  sid text COLLATE "C" NOT NULL,
  jkt text COLLATE "C" NOT NULL,
  platform text NOT NULL CHECK (platform IN ('android', 'ios')),
  token text COLLATE "C" NOT NULL UNIQUE CHECK (length(token) BETWEEN 16 AND 2048),
  registered_at timestamptz NOT NULL,
  UNIQUE (iss, sub, jkt)
);
CREATE INDEX push_token_person ON notifications.push_token (person);
CREATE INDEX push_token_device ON notifications.push_token (jkt);
CREATE INDEX push_token_age ON notifications.push_token (registered_at);

-- What is on its way to a person. Notices about one thing that nobody was told of yet travel together: one row waits
-- for (recipient, resource). `token` is all that leaves the house. While it is 'sending', whoever has it has it until
-- `claimed_until`.
CREATE TABLE notifications.delivery (
  id uuid PRIMARY KEY,
  token uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  recipient uuid NOT NULL,
  recipient_kind text NOT NULL CHECK (recipient_kind IN ('citizen', 'official')),
  resource text NOT NULL,
  urgency text NOT NULL CHECK (urgency IN ('normal', 'urgent')),
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sending', 'sent', 'dropped', 'failed')),
  channel text NOT NULL DEFAULT 'push' CHECK (channel IN ('push', 'sms', 'email')),
  created_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  claimed_until timestamptz,
  tries int NOT NULL DEFAULT 0,
  done_at timestamptz,
  outcome text CHECK (outcome ~ '^[a-z_]{1,40}$'),
  CHECK ((done_at IS NULL) = (state IN ('waiting', 'sending')))
);
CREATE UNIQUE INDEX delivery_waiting ON notifications.delivery (recipient, resource) WHERE state = 'waiting';
CREATE INDEX delivery_due ON notifications.delivery (due_at) WHERE state IN ('waiting', 'sending');
CREATE INDEX delivery_done ON notifications.delivery (recipient, done_at) WHERE state = 'sent';
CREATE INDEX delivery_age ON notifications.delivery (created_at);

-- Each sending, written before it is made: what has no outcome may have arrived, and was perhaps sent again.
CREATE TABLE notifications.attempt (
  id uuid PRIMARY KEY,
  delivery_id uuid NOT NULL REFERENCES notifications.delivery ON DELETE RESTRICT,
  channel text NOT NULL CHECK (channel IN ('push', 'sms', 'email')),
  push_token_id uuid,
  at timestamptz NOT NULL,
  outcome text CHECK (outcome IN ('sent', 'dead', 'refused', 'later'))
);
CREATE INDEX attempt_delivery ON notifications.attempt (delivery_id);

DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['preference', 'push_token', 'delivery', 'attempt'] LOOP
    EXECUTE format('ALTER TABLE notifications.%I ENABLE ROW LEVEL SECURITY', wanted);
    EXECUTE format('ALTER TABLE notifications.%I FORCE ROW LEVEL SECURITY', wanted);
    EXECUTE format('CREATE POLICY owner_all ON notifications.%I TO backend_owner USING (true) WITH CHECK (true)', wanted);
    EXECUTE format('CREATE POLICY deliver ON notifications.%I TO backend_worker USING (true) WITH CHECK (true)', wanted);
  END LOOP;
END $$;
CREATE POLICY own ON notifications.preference TO backend_app, backend_city
  USING (notifications.own(person, person_kind)) WITH CHECK (notifications.own(person, person_kind));
CREATE POLICY own_see ON notifications.push_token FOR SELECT TO backend_app, backend_city
  USING (notifications.own(person, person_kind));
CREATE POLICY own_forget ON notifications.push_token FOR DELETE TO backend_app, backend_city
  USING (notifications.own(person, person_kind));
CREATE POLICY own_see ON notifications.delivery FOR SELECT TO backend_app, backend_city
  USING (notifications.own(recipient, recipient_kind));
GRANT SELECT, INSERT, UPDATE ON notifications.preference TO backend_app, backend_city;
GRANT SELECT ON notifications.preference TO backend_worker;
-- The api never reads a token: it was told it, and needs it no more.
GRANT SELECT (id, person, person_kind, jkt, platform, registered_at), DELETE ON notifications.push_token
  TO backend_app, backend_city;
GRANT SELECT, DELETE ON notifications.push_token TO backend_worker;
GRANT SELECT (id, token, recipient, recipient_kind) ON notifications.delivery TO backend_app, backend_city;
GRANT SELECT, UPDATE (state, channel, due_at, claimed_until, tries, done_at, outcome) ON notifications.delivery
  TO backend_worker;
GRANT SELECT, INSERT, UPDATE (outcome) ON notifications.attempt TO backend_worker;

-- Puts a notice into a person's inbox. Answers with the delivery that a job must be enqueued for, or nothing:
-- when this event was told before, when the notice joins a delivery that waits already, when it is a quiet one.
CREATE FUNCTION notifications.tell(
  new_id uuid, a_recipient uuid, a_recipient_kind text, event_id uuid, a_kind text, a_resource text, a_version int,
  an_urgency text, a_now timestamptz
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  opened notifications.delivery;
BEGIN
  INSERT INTO notifications.inbox (id, recipient, recipient_kind, change_id, kind, resource, version, urgency, at)
  VALUES (new_id, a_recipient, a_recipient_kind, event_id, a_kind, a_resource, a_version, an_urgency, a_now)
  ON CONFLICT (recipient, change_id) DO NOTHING;
  IF NOT FOUND OR an_urgency = 'quiet' THEN
    RETURN NULL;
  END IF;
  INSERT INTO notifications.delivery AS d (id, recipient, recipient_kind, resource, urgency, created_at, due_at)
  VALUES (new_id, a_recipient, a_recipient_kind, a_resource, an_urgency, a_now, a_now)
  ON CONFLICT (recipient, resource) WHERE state = 'waiting'
  DO UPDATE SET urgency = CASE WHEN excluded.urgency = 'urgent' THEN 'urgent' ELSE d.urgency END,
                due_at = CASE WHEN excluded.urgency = 'urgent' AND d.urgency = 'normal' THEN a_now ELSE d.due_at END
  RETURNING d.* INTO opened;
  UPDATE notifications.inbox i SET delivery_id = opened.id WHERE i.id = new_id;
  -- It is new, or has become urgent: a job must look at it now.
  RETURN CASE WHEN opened.id = new_id OR (an_urgency = 'urgent' AND opened.due_at = a_now) THEN opened.id END;
END $$;

-- The device that signed in tells where it can be reached. The session's row is locked: an end of the session comes
-- before, and then nothing is registered, or after, and then it is dropped. False: the session has ended.
CREATE FUNCTION notifications.register_token(
  new_id uuid, a_person_kind text, an_iss text, a_sub text, a_sid text, a_jkt text, a_platform text, a_token text,
  a_now timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  me constant uuid := nullif(current_setting('ioc.subject', true), '')::uuid;
BEGIN
  PERFORM FROM devices.session s
  WHERE s.iss = an_iss AND s.sid = a_sid AND s.jkt = a_jkt AND s.sub = a_sub AND s.person = me AND s.ended_at IS NULL
  FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  -- Whoever had this app or this device before is no longer reached there.
  DELETE FROM notifications.push_token t
  WHERE (t.token = a_token OR t.jkt = a_jkt) AND NOT (t.iss = an_iss AND t.sub = a_sub AND t.jkt = a_jkt);
  INSERT INTO notifications.push_token AS t
    (id, person, person_kind, iss, sub, sid, jkt, platform, token, registered_at)
  VALUES (new_id, me, a_person_kind, an_iss, a_sub, a_sid, a_jkt, a_platform, a_token, a_now)
  ON CONFLICT (iss, sub, jkt) DO UPDATE
    SET sid = excluded.sid, platform = excluded.platform, token = excluded.token, registered_at = excluded.registered_at;
  -- At most twenty a person: the oldest are forgotten.
  DELETE FROM notifications.push_token t WHERE t.id IN (
    SELECT o.id FROM notifications.push_token o WHERE o.person = me ORDER BY o.registered_at DESC, o.id OFFSET 20);
  RETURN true;
END $$;

-- Ends that somebody or something made: sign-out, removal, disabling, a lost device. A session that merely grew old
-- makes none, and its device goes on being told.
CREATE FUNCTION notifications.drop_tokens() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  IF NEW.sid IS NOT NULL THEN
    DELETE FROM notifications.push_token t
    WHERE t.iss = NEW.iss
      AND (t.sid = NEW.sid OR EXISTS (
        SELECT FROM devices.session s
        WHERE s.iss = NEW.iss AND s.sid = NEW.sid AND s.sub = t.sub AND s.jkt = t.jkt));
  ELSIF NEW.sub IS NOT NULL THEN
    DELETE FROM notifications.push_token t
    WHERE t.iss = NEW.iss AND t.sub = NEW.sub AND (NEW.jkt IS NULL OR t.jkt = NEW.jkt)
      AND (NEW.except_sid IS NULL OR NOT (t.sid = NEW.except_sid OR EXISTS (
        SELECT FROM devices.session s
        WHERE s.iss = NEW.iss AND s.sid = NEW.except_sid AND s.sub = t.sub AND s.jkt = t.jkt)));
  ELSE
    DELETE FROM notifications.push_token t WHERE t.iss = NEW.iss;
  END IF;
  RETURN NULL;
END $$;
-- By its name after devices.end_rows(), which takes the lock that register_token() holds.
CREATE TRIGGER session_tokens AFTER INSERT ON identity.session_end
  FOR EACH ROW EXECUTE FUNCTION notifications.drop_tokens();

-- Somebody else signs in on the device.
CREATE FUNCTION notifications.drop_former_owners() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  DELETE FROM notifications.push_token t WHERE t.jkt = NEW.jkt AND NOT (t.iss = NEW.iss AND t.sub = NEW.sub);
  RETURN NULL;
END $$;
CREATE TRIGGER session_next_owner AFTER INSERT ON devices.session
  FOR EACH ROW EXECUTE FUNCTION notifications.drop_former_owners();

-- A number that its owner no longer has is no address.
CREATE FUNCTION notifications.drop_phone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  UPDATE notifications.preference p SET phone = NULL, sms = 'never' WHERE p.person = OLD.citizen_id;
  RETURN NULL;
END $$;
CREATE TRIGGER phone_gone AFTER DELETE ON citizens.phone
  FOR EACH ROW EXECUTE FUNCTION notifications.drop_phone();
CREATE TRIGGER phone_changed AFTER UPDATE ON citizens.phone
  FOR EACH ROW WHEN (OLD.digest <> NEW.digest) EXECUTE FUNCTION notifications.drop_phone();

-- Where letters go, and whether the person is still there to be told: nothing for who left or was suspended.
CREATE FUNCTION notifications.address_of(a_recipient uuid, a_recipient_kind text) RETURNS TABLE (email text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT o.email FROM tenancy.official o
  WHERE a_recipient_kind = 'official' AND o.id = a_recipient AND o.state = 'active'
  UNION ALL
  SELECT NULL FROM citizens.citizen c
  WHERE a_recipient_kind = 'citizen' AND c.id = a_recipient AND c.issuer NOT LIKE 'urn:ioc:%'
$$;

-- A person who leaves takes everything along.
CREATE FUNCTION notifications.forget_person(a_person uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  DELETE FROM notifications.attempt a USING notifications.delivery d
    WHERE a.delivery_id = d.id AND d.recipient = a_person;
  DELETE FROM notifications.delivery d WHERE d.recipient = a_person;
  DELETE FROM notifications.inbox i WHERE i.recipient = a_person;
  DELETE FROM notifications.push_token t WHERE t.person = a_person;
  DELETE FROM notifications.preference p WHERE p.person = a_person;
$$;

-- Deliveries after 30 days, read notices after a year, tokens that no app renewed in 270 days (Google forgets them
-- then too).
CREATE FUNCTION notifications.sweep(a_now timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  DELETE FROM notifications.attempt a USING notifications.delivery d
    WHERE a.delivery_id = d.id AND d.done_at IS NOT NULL AND d.created_at < a_now - interval '30 days';
  DELETE FROM notifications.delivery d WHERE d.done_at IS NOT NULL AND d.created_at < a_now - interval '30 days';
  DELETE FROM notifications.inbox i WHERE i.read_at < a_now - interval '1 year';
  DELETE FROM notifications.push_token t WHERE t.registered_at < a_now - interval '270 days';
$$;

REVOKE ALL ON FUNCTION notifications.own, notifications.tell, notifications.register_token, notifications.drop_tokens,
  notifications.drop_former_owners, notifications.drop_phone, notifications.address_of, notifications.forget_person,
  notifications.sweep FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notifications.own TO backend_app, backend_city;
GRANT EXECUTE ON FUNCTION notifications.tell TO backend_app, backend_city, backend_worker;
GRANT EXECUTE ON FUNCTION notifications.register_token TO backend_app, backend_city;
GRANT EXECUTE ON FUNCTION notifications.address_of, notifications.sweep, notifications.forget_person TO backend_worker;
