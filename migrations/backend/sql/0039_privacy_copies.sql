-- Copies of one's own data (bản sao dữ liệu cá nhân): asked for, made by the worker, fetched once, gone after a day.
CREATE TABLE privacy.copy (
  id uuid PRIMARY KEY,
  citizen_id uuid NOT NULL REFERENCES citizens.citizen ON DELETE RESTRICT,
  -- Of an officer's answer, else of the person's own asking.
  request_id uuid REFERENCES privacy.request ON DELETE RESTRICT,
  state text NOT NULL CHECK (state IN ('waiting', 'made', 'fetched', 'gone')),
  done int NOT NULL DEFAULT 0 CHECK (done >= 0),
  content bytea,
  asked_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL CHECK (expires_at > asked_at),
  CHECK ((state = 'made') = (content IS NOT NULL))
);
CREATE UNIQUE INDEX copy_waiting ON privacy.copy (citizen_id) WHERE state = 'waiting';
CREATE INDEX copy_citizen ON privacy.copy (citizen_id, asked_at DESC, id DESC);
CREATE INDEX copy_expiry ON privacy.copy (expires_at) WHERE state IN ('waiting', 'made');
ALTER TABLE privacy.copy ENABLE ROW LEVEL SECURITY;
ALTER TABLE privacy.copy FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON privacy.copy TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY own_seen ON privacy.copy FOR SELECT TO backend_app
  USING (citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid));
CREATE POLICY own_asked ON privacy.copy FOR INSERT TO backend_app
  WITH CHECK (state = 'waiting' AND citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid));
CREATE POLICY own_fetched ON privacy.copy FOR UPDATE TO backend_app
  USING (state = 'made' AND citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid))
  WITH CHECK (state = 'fetched');
CREATE POLICY made ON privacy.copy TO backend_worker USING (true) WITH CHECK (true);
GRANT SELECT (id, citizen_id, state, done, content, asked_at, expires_at) ON privacy.copy TO backend_app;
GRANT INSERT (id, citizen_id, state, asked_at, expires_at) ON privacy.copy TO backend_app;
GRANT UPDATE (state, content) ON privacy.copy TO backend_app;
GRANT SELECT (id, citizen_id, request_id, state, expires_at), INSERT (id, citizen_id, request_id, state, asked_at, expires_at),
  UPDATE (state, done, content) ON privacy.copy TO backend_worker;

-- One part of what is held of the person behind a copy that is being made: as the person sees it in the app. Units and roles,
-- never an official; nobody else's report but the code of one that is followed; no officers' notes to each other.
CREATE FUNCTION privacy.copy_part(a_copy uuid, part text, a_now timestamptz, most int) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  me uuid;
BEGIN
  SELECT c.citizen_id INTO me FROM privacy.copy c JOIN citizens.citizen p ON p.id = c.citizen_id
  WHERE c.id = a_copy AND c.state = 'waiting' AND p.issuer NOT LIKE 'urn:ioc:%';
  IF me IS NULL THEN
    RETURN;
  END IF;
  CASE part
  WHEN 'account' THEN RETURN QUERY
    SELECT jsonb_build_object('signInId', c.subject, 'knownSince', c.created_at, 'phoneProvenAt', p.proven_at,
      'deletionAskedAt', d.asked_at, 'deletionDueAt', d.due_at)
    FROM citizens.citizen c LEFT JOIN citizens.phone p ON p.citizen_id = c.id LEFT JOIN citizens.deletion d ON d.citizen_id = c.id
    WHERE c.id = me;
  WHEN 'reports' THEN RETURN QUERY
    SELECT jsonb_build_object('code', r.code, 'category', r.category, 'ward', w.name, 'place', r.place, 'text', r.body, 'state', r.state,
      'unit', h.name, 'answer', r.answer, 'closingReason', r.closing_reason, 'legalReason', r.legal_reason,
      'sentAt', r.created_at, 'changedAt', r.updated_at, 'closedAt', r.closed_at, 'reopenedAt', r.reopened_at,
      'contactGivenAt', k.given_at, 'shownToEverybody', x.body,
      'mergedInto', (SELECT m.code FROM reports.report m WHERE m.id = r.merged_into))
    FROM reports.report r JOIN tenancy.unit w ON w.id = r.ward_id JOIN tenancy.unit h ON h.id = r.handler_id
    LEFT JOIN contacts.contact k ON k.report_id = r.id LEFT JOIN releases.text x ON x.report_id = r.id AND x.state = 'released'
    WHERE r.citizen_id = me ORDER BY r.created_at DESC, r.id DESC LIMIT most;
  WHEN 'timeline' THEN RETURN QUERY
    SELECT jsonb_build_object('report', r.code, 'at', t.at, 'step', t.kind, 'state', t.to_state, 'unit', u.name, 'by', t.actor_kind,
      'text', CASE WHEN t.kind NOT IN ('forwarded', 'merged', 'unmerged') THEN t.note END, 'stars', t.stars)
    FROM reports.report r JOIN reports.timeline t ON t.report_id = r.id JOIN tenancy.unit u ON u.id = t.to_unit_id
    WHERE r.citizen_id = me ORDER BY t.at DESC, t.id DESC LIMIT most;
  WHEN 'files' THEN RETURN QUERY
    SELECT jsonb_build_object('report', r.code, 'kind', m.kind, 'type', m.content, 'octets', m.octets, 'addedAt', m.created_at,
      'addedBy', CASE WHEN m.position <= 10 THEN 'citizen' ELSE 'unit' END, 'shownToEverybody', m.state = 'released')
    FROM reports.report r JOIN media.object m ON m.report_id = r.id AND m.state <> 'lost'
    WHERE r.citizen_id = me ORDER BY m.created_at DESC, m.id DESC LIMIT most;
  WHEN 'accesses' THEN RETURN QUERY
    SELECT jsonb_build_object('report', r.code, 'what', e.subject, 'role', e.role, 'unit', u.name, 'day', e.day, 'purpose', e.purpose)
    FROM reports.report r JOIN ledger.entry e ON e.report_id = r.id AND e.shown_at <= a_now
    JOIN tenancy.unit u ON u.id = e.shown_unit_id
    WHERE r.citizen_id = me ORDER BY e.shown_at DESC, e.id DESC LIMIT most;
  WHEN 'consents' THEN RETURN QUERY
    SELECT jsonb_build_object('purpose', c.purpose, 'version', c.text_version, 'given', c.given, 'at', c.at,
      'byRequest', c.request_id IS NOT NULL)
    FROM privacy.consent c WHERE c.citizen_id = me ORDER BY c.at DESC, c.id DESC LIMIT most;
  WHEN 'requests' THEN RETURN QUERY
    SELECT jsonb_build_object('kind', q.kind, 'state', q.state, 'text', q.details, 'askedAt', q.asked_at, 'dueAt', q.due_at,
      'answeredAt', q.answered_at, 'ground', q.reason, 'answer', q.answer)
    FROM privacy.request q WHERE q.citizen_id = me ORDER BY q.asked_at DESC, q.id DESC LIMIT most;
  WHEN 'follows' THEN RETURN QUERY
    SELECT jsonb_build_object('report', r.code, 'since', f.followed_at) FROM duplicates.follower f
    JOIN reports.report r ON r.id = f.report_id WHERE f.citizen_id = me ORDER BY f.followed_at DESC, r.id DESC LIMIT most;
  WHEN 'blocks' THEN RETURN QUERY
    SELECT jsonb_build_object('report', r.code, 'unit', u.name, 'reason', b.reason, 'text', b.note, 'from', b.blocked_at,
      'until', b.until_at, 'appeal', b.appeal, 'appealedAt', b.appealed_at, 'lifted', b.lifted, 'decision', b.decision,
      'decidedAt', b.decided_at)
    FROM abuse.block b JOIN reports.report r ON r.id = b.report_id JOIN tenancy.unit u ON u.id = b.unit_id
    WHERE b.citizen_id = me ORDER BY b.blocked_at DESC, b.id DESC LIMIT most;
  WHEN 'devices' THEN RETURN QUERY
    SELECT jsonb_build_object('name', d.name, 'app', d.app, 'version', d.version, 'platform', d.platform,
      'firstUseAt', d.first_use_at, 'lastUseAt', d.last_use_at, 'network', d.network, 'lostAt', d.lost_at,
      'pushSince', t.registered_at)
    FROM devices.device d LEFT JOIN notifications.push_token t ON t.iss = d.iss AND t.sub = d.sub AND t.jkt = d.jkt
    WHERE d.person = me ORDER BY d.first_use_at DESC, d.id DESC LIMIT most;
  WHEN 'sessions' THEN RETURN QUERY
    SELECT jsonb_build_object('device', d.name, 'startedAt', s.started_at, 'lastUseAt', s.last_use_at, 'level', s.acr,
      'network', s.network, 'endedAt', s.ended_at)
    FROM devices.session s JOIN devices.device d ON d.id = s.device_id
    WHERE s.person = me ORDER BY s.first_use_at DESC, s.id DESC LIMIT most;
  WHEN 'notices' THEN RETURN QUERY
    SELECT jsonb_build_object('kind', i.kind, 'report', CASE WHEN starts_with(i.resource, 'report:') THEN substr(i.resource, 8) END,
      'at', i.at, 'readAt', i.read_at)
    FROM notifications.inbox i WHERE i.recipient = me AND i.recipient_kind = 'citizen' ORDER BY i.at DESC, i.id DESC LIMIT most;
  WHEN 'preferences' THEN RETURN QUERY
    SELECT jsonb_build_object('push', p.push, 'sms', p.sms, 'email', p.email, 'quietFrom', p.quiet_from, 'quietTo', p.quiet_to,
      'numberKept', p.phone IS NOT NULL, 'changedAt', p.changed_at)
    FROM notifications.preference p WHERE p.person = me AND p.person_kind = 'citizen';
  ELSE
    RAISE EXCEPTION 'no part of a copy: %', part USING ERRCODE = '22023';
  END CASE;
END $$;
REVOKE ALL ON FUNCTION privacy.copy_part FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy.copy_part TO backend_worker;

-- Who leaves takes copies along.
CREATE FUNCTION privacy.forget_copies() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  UPDATE privacy.copy c SET state = 'gone', content = NULL WHERE c.citizen_id = NEW.id AND c.state IN ('waiting', 'made');
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION privacy.forget_copies FROM PUBLIC;
CREATE TRIGGER privacy_left_copies AFTER UPDATE OF issuer ON citizens.citizen
  FOR EACH ROW WHEN (NEW.issuer = 'urn:ioc:deleted') EXECUTE FUNCTION privacy.forget_copies();
