-- The inbox in the app: that something happened to a report, never what was written.
CREATE SCHEMA notifications;
CREATE TABLE notifications.inbox (
  id uuid PRIMARY KEY,
  recipient uuid NOT NULL,
  change_id uuid NOT NULL,
  kind text NOT NULL,
  resource text NOT NULL,
  version int NOT NULL,
  at timestamptz NOT NULL,
  UNIQUE (recipient, change_id)
);
CREATE INDEX inbox_recipient ON notifications.inbox (recipient, at DESC, id DESC);
ALTER TABLE notifications.inbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE notifications.inbox FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON notifications.inbox TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY own ON notifications.inbox FOR SELECT TO backend_app
  USING (recipient = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid));
CREATE POLICY deliver ON notifications.inbox TO backend_worker USING (true) WITH CHECK (true);
GRANT USAGE ON SCHEMA notifications TO backend_app, backend_worker;
GRANT SELECT ON notifications.inbox TO backend_app;
GRANT SELECT, INSERT ON notifications.inbox TO backend_worker;
