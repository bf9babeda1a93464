-- Notices (thông báo) for citizens and officials: the inbox, and what leaves the house to tell of it.

ALTER TABLE notifications.inbox
  ADD COLUMN recipient_kind text NOT NULL DEFAULT 'citizen' CHECK (recipient_kind IN ('citizen', 'official')),
  ADD COLUMN urgency text NOT NULL DEFAULT 'normal' CHECK (urgency IN ('quiet', 'normal', 'urgent')),
  ADD COLUMN read_at timestamptz,
  ADD CONSTRAINT inbox_kind CHECK (kind ~ '^[a-z_]{1,30}(\.[a-z_]{1,30}){1,2}$'),
  ADD CONSTRAINT inbox_resource CHECK (resource ~ '^[a-z_]{1,30}:[A-Za-z0-9_-]{1,80}$');
CREATE INDEX inbox_unread ON notifications.inbox (recipient) WHERE read_at IS NULL;
DROP POLICY own ON notifications.inbox;
CREATE POLICY own ON notifications.inbox FOR SELECT TO backend_app, backend_city USING (
  recipient = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
  AND recipient_kind = (SELECT CASE WHEN nullif(current_setting('ioc.citizen', true), '') IS NULL
                                    THEN 'official' ELSE 'citizen' END));
GRANT USAGE ON SCHEMA notifications TO backend_city;
GRANT SELECT ON notifications.inbox TO backend_city;
-- Whoever tells, tells by notifications.tell().
REVOKE INSERT ON notifications.inbox FROM backend_worker;

-- What is on its way to a person, by push, SMS or letter. Notices about one thing that nobody was told of yet
-- travel together: one row waits for (recipient, resource). `token` is all that leaves the house.
CREATE TABLE notifications.delivery (
  id uuid PRIMARY KEY,
  token uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  recipient uuid NOT NULL,
  recipient_kind text NOT NULL CHECK (recipient_kind IN ('citizen', 'official')),
  resource text NOT NULL,
  urgency text NOT NULL CHECK (urgency IN ('normal', 'urgent')),
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sending', 'sent', 'dropped', 'failed')),
  created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX delivery_waiting ON notifications.delivery (recipient, resource) WHERE state = 'waiting';
ALTER TABLE notifications.delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE notifications.delivery FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON notifications.delivery TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY deliver ON notifications.delivery TO backend_worker USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE (state) ON notifications.delivery TO backend_worker;

-- Puts a notice into a person's inbox. Answers with the delivery that a job must be enqueued for, or nothing:
-- when this event was told before, when the notice joins a delivery that waits already, when it is a quiet one.
CREATE FUNCTION notifications.tell(
  new_id uuid, a_recipient uuid, a_recipient_kind text, event_id uuid, a_kind text, a_resource text, a_version int,
  an_urgency text, a_now timestamptz
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  opened uuid;
BEGIN
  INSERT INTO notifications.inbox (id, recipient, recipient_kind, change_id, kind, resource, version, urgency, at)
  VALUES (new_id, a_recipient, a_recipient_kind, event_id, a_kind, a_resource, a_version, an_urgency, a_now)
  ON CONFLICT (recipient, change_id) DO NOTHING;
  IF NOT FOUND OR an_urgency = 'quiet' THEN
    RETURN NULL;
  END IF;
  -- Answers with a row when it is new or has become urgent: then a job must look at it now.
  INSERT INTO notifications.delivery AS d (id, recipient, recipient_kind, resource, urgency, created_at)
  VALUES (new_id, a_recipient, a_recipient_kind, a_resource, an_urgency, a_now)
  ON CONFLICT (recipient, resource) WHERE state = 'waiting' DO UPDATE SET urgency = excluded.urgency
  WHERE d.urgency = 'normal' AND excluded.urgency = 'urgent'
  RETURNING d.id INTO opened;
  RETURN opened;
END $$;
REVOKE ALL ON FUNCTION notifications.tell FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notifications.tell TO backend_app, backend_city, backend_worker;
