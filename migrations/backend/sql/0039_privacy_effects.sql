-- What follows from consents and from answers to requests of data subjects, and who is told of them.

-- Push goes abroad (FCM) by consent alone: no word is no consent, the last word holds. Officials are told as part of their work.
CREATE FUNCTION notifications.may_push(a_recipient uuid, a_recipient_kind text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT a_recipient_kind = 'official' OR coalesce((SELECT c.given FROM privacy.consent c
    WHERE c.citizen_id = a_recipient AND c.purpose = 'push' ORDER BY c.at DESC, c.id DESC LIMIT 1), false)
$$;
-- Without consent there is no ground to keep where somebody's devices are reached: who agrees again registers again.
CREATE FUNCTION notifications.drop_unwanted_tokens() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  DELETE FROM notifications.push_token t WHERE t.person = NEW.citizen_id AND t.person_kind = 'citizen';
  RETURN NULL;
END $$;
CREATE TRIGGER push_withdrawn AFTER INSERT ON privacy.consent
  FOR EACH ROW WHEN (NEW.purpose = 'push' AND NOT NEW.given) EXECUTE FUNCTION notifications.drop_unwanted_tokens();

-- `request_id`: withdrawn by carrying out that request of the person's; the api says nothing in its name.
ALTER TABLE privacy.consent ADD COLUMN request_id uuid REFERENCES privacy.request ON DELETE RESTRICT,
  ADD CONSTRAINT consent_request CHECK (request_id IS NULL OR NOT given);
REVOKE INSERT ON privacy.consent FROM backend_app;
GRANT INSERT (id, citizen_id, purpose, text_version, given, at) ON privacy.consent TO backend_app;
-- When what was granted has begun: once.
ALTER TABLE privacy.request ADD COLUMN carried_out_at timestamptz CHECK (carried_out_at IS NULL OR state = 'done');

-- Begins what an answer "done" says, once; whether it did. Restricting and objecting end all that rests on the person's consent
-- or wish: agreed before the answer, that is; what is said afterwards holds. What the law wants told stays in the inbox.
-- Deletion begins three days after the answer, so that it can be read and taken back, and not after the law's day.
CREATE FUNCTION privacy.carry_out(a_request uuid, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  q privacy.request;
BEGIN
  SELECT r.* INTO q FROM privacy.request r JOIN citizens.citizen c ON c.id = r.citizen_id AND c.issuer NOT LIKE 'urn:ioc:%'
  WHERE r.id = a_request AND r.state = 'done' AND r.carried_out_at IS NULL FOR UPDATE OF r;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF q.kind IN ('restrict', 'object') THEN
    -- As backend/privacy/service.py: a person's words are written one after the other.
    PERFORM pg_advisory_xact_lock(4834, hashtext(q.citizen_id::text));
    INSERT INTO privacy.consent (id, citizen_id, purpose, text_version, given, at, request_id)
    SELECT uuidv7(), q.citizen_id, said.purpose, said.text_version, false, a_now, q.id
    FROM (SELECT DISTINCT ON (o.purpose) o.purpose, o.text_version, o.given, o.at FROM privacy.consent o
          WHERE o.citizen_id = q.citizen_id ORDER BY o.purpose, o.at DESC, o.id DESC) said
    WHERE said.given AND said.at <= q.answered_at;
    UPDATE notifications.preference p SET push = false, sms = 'never', email = 'never', phone = NULL, changed_at = a_now
    WHERE p.person = q.citizen_id AND p.person_kind = 'citizen' AND p.changed_at <= q.answered_at;
  ELSIF q.kind = 'delete' THEN
    INSERT INTO citizens.deletion AS d (citizen_id, asked_at, due_at)
    VALUES (q.citizen_id, q.asked_at, greatest(a_now, least(a_now + interval '3 days', q.due_at)))
    ON CONFLICT (citizen_id) DO UPDATE SET due_at = least(d.due_at, excluded.due_at) WHERE d.state = 'asked';
  END IF;
  UPDATE privacy.request r SET carried_out_at = a_now WHERE r.id = q.id;
  RETURN true;
END $$;

-- Whom a request's state is to be told to; nobody who has left.
CREATE FUNCTION privacy.asker(a_request uuid) RETURNS TABLE (citizen_id uuid, kind text, state text, extended boolean, version int)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT r.citizen_id, r.kind, r.state, r.extended, r.version FROM privacy.request r
  JOIN citizens.citizen c ON c.id = r.citizen_id AND c.issuer NOT LIKE 'urn:ioc:%' WHERE r.id = a_request
$$;

-- What officers were reminded of: once for each moment.
CREATE TABLE privacy.reminder (
  request_id uuid NOT NULL REFERENCES privacy.request ON DELETE RESTRICT,
  stage text COLLATE "C" NOT NULL CHECK (stage IN ('reply_due', 'reply_late', 'due', 'late')),
  moment timestamptz NOT NULL,
  PRIMARY KEY (request_id, stage, moment)
);
ALTER TABLE privacy.reminder ENABLE ROW LEVEL SECURITY;
ALTER TABLE privacy.reminder FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON privacy.reminder TO backend_owner USING (true) WITH CHECK (true);
-- Takes reminders whose moment has come: a day before the reply is due, three before the answer is, and when they are late.
CREATE FUNCTION privacy.take_reminders(a_now timestamptz, most int)
RETURNS TABLE (request_id uuid, stage text, moment timestamptz, version int)
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
  WITH found AS (
    SELECT r.id, CASE WHEN r.reply_due_at < a_now THEN 'reply_late' ELSE 'reply_due' END AS stage, r.reply_due_at AS moment
    FROM privacy.request r WHERE r.state = 'received' AND r.reply_due_at <= a_now + interval '1 day'
    UNION ALL
    SELECT r.id, CASE WHEN r.due_at < a_now THEN 'late' ELSE 'due' END, r.due_at
    FROM privacy.request r WHERE r.state IN ('received', 'accepted') AND r.due_at <= a_now + interval '3 days'
  ), taken AS (
    INSERT INTO privacy.reminder AS m (request_id, stage, moment)
    SELECT f.id, f.stage, f.moment FROM found f
    WHERE NOT EXISTS (SELECT FROM privacy.reminder s WHERE s.request_id = f.id AND s.stage = f.stage AND s.moment = f.moment)
    ORDER BY f.moment, f.id, f.stage LIMIT most
    ON CONFLICT DO NOTHING RETURNING m.request_id, m.stage, m.moment
  )
  SELECT t.request_id, t.stage, t.moment, r.version FROM taken t JOIN privacy.request r ON r.id = t.request_id
$$;
REVOKE ALL ON FUNCTION notifications.may_push, notifications.drop_unwanted_tokens, privacy.carry_out, privacy.asker,
  privacy.take_reminders FROM PUBLIC;
GRANT USAGE ON SCHEMA privacy TO backend_worker;
GRANT EXECUTE ON FUNCTION notifications.may_push, privacy.carry_out, privacy.asker, privacy.take_reminders TO backend_worker;
