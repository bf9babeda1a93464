-- Privacy (bảo vệ dữ liệu cá nhân): consents, requests of data subjects with their clocks, the register of processing.

-- The data-protection officer's duty (bộ phận bảo vệ dữ liệu cá nhân). It opens no report: it gives no unit.
ALTER TABLE tenancy.duty
  DROP CONSTRAINT duty_kind_check,
  ADD CONSTRAINT duty_kind_check
    CHECK (kind IN ('handler', 'lead', 'city_operator', 'platform_admin', 'unit_admin', 'data_protection'));
-- As in 0016, and the new duty is no way into a unit's reports.
CREATE OR REPLACE FUNCTION tenancy.resolve(an_issuer text, a_subject text, a_unit_code text, a_day date)
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
    SELECT d.unit_id AS id FROM duty d WHERE d.kind NOT IN ('platform_admin', 'unit_admin', 'data_protection')
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
-- Whether the principal has the duty at the city's root, in force today: the second wall behind the policies.
CREATE FUNCTION tenancy.protects_data() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT EXISTS (
    SELECT FROM tenancy.duty d JOIN tenancy.unit u ON u.id = d.unit_id
    JOIN tenancy.official o ON o.id = d.official_id AND o.state IN ('invited', 'active')
    WHERE d.official_id = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid)
      AND d.kind = 'data_protection' AND u.kind = 'city' AND u.parent_id IS NULL
      AND d.from_day <= platform.today()
      AND (d.until_day IS NULL OR d.until_day >= platform.today()))
$$;
REVOKE ALL ON FUNCTION tenancy.protects_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy.protects_data TO backend_app, backend_city;

CREATE SCHEMA privacy;

-- What consent is asked for, in which words. A new wording is a new version; the old ones prove what was agreed to.
CREATE TABLE privacy.consent_text (
  purpose text COLLATE "C" NOT NULL CHECK (purpose ~ '^[a-z][a-z_]{2,30}$'),
  version int NOT NULL CHECK (version >= 1),
  text_vi text NOT NULL CHECK (length(text_vi) BETWEEN 1 AND 2000),
  text_en text NOT NULL CHECK (length(text_en) BETWEEN 1 AND 2000),
  PRIMARY KEY (purpose, version)
);
INSERT INTO privacy.consent_text (purpose, version, text_vi, text_en) VALUES
  ('push', 1, 'Tôi đồng ý nhận thông báo đẩy. Mã của thiết bị và một mã thông báo không mang nội dung được chuyển qua dịch vụ FCM ở nước ngoài.',
   'I agree to push notifications. The device''s token and an opaque id without content pass through FCM abroad.'),
  ('survey', 1, 'Tôi đồng ý được mời góp ý về chất lượng giải quyết phản ánh.',
   'I agree to be asked how well reports were handled.');

-- Append-only: each row says that the person agreed or no longer agrees. No row: never agreed.
CREATE TABLE privacy.consent (
  id uuid PRIMARY KEY,
  citizen_id uuid NOT NULL REFERENCES citizens.citizen ON DELETE RESTRICT,
  purpose text COLLATE "C" NOT NULL,
  text_version int NOT NULL,
  given boolean NOT NULL,
  at timestamptz NOT NULL,
  FOREIGN KEY (purpose, text_version) REFERENCES privacy.consent_text ON DELETE RESTRICT
);
CREATE INDEX consent_citizen ON privacy.consent (citizen_id, purpose, at DESC, id DESC);

-- How many days each right has, and how many more with a reason, once (Law 91/2025/QH15 with Decree 356/2025).
CREATE TABLE privacy.clock (
  kind text COLLATE "C" PRIMARY KEY CHECK (kind IN ('view', 'correct', 'provide', 'delete', 'restrict', 'object')),
  reply_working_days int NOT NULL CHECK (reply_working_days BETWEEN 1 AND 30),
  days int NOT NULL CHECK (days BETWEEN 1 AND 90),
  more_days int NOT NULL CHECK (more_days BETWEEN 1 AND 90)
);
INSERT INTO privacy.clock (kind, reply_working_days, days, more_days) VALUES
  ('view', 2, 10, 10), ('correct', 2, 10, 10), ('provide', 2, 10, 10), ('delete', 2, 20, 20),
  ('restrict', 2, 15, 15), ('object', 2, 15, 15);

CREATE TABLE privacy.request (
  id uuid PRIMARY KEY,
  citizen_id uuid NOT NULL REFERENCES citizens.citizen ON DELETE RESTRICT,
  kind text COLLATE "C" NOT NULL REFERENCES privacy.clock ON DELETE RESTRICT,
  state text NOT NULL DEFAULT 'received' CHECK (state IN ('received', 'accepted', 'done', 'refused')),
  details text CHECK (length(details) BETWEEN 1 AND 2000),
  asked_at timestamptz NOT NULL,
  reply_due_at timestamptz NOT NULL CHECK (reply_due_at > asked_at),
  due_at timestamptz NOT NULL CHECK (due_at > asked_at),
  extended boolean NOT NULL DEFAULT false,
  replied_at timestamptz,
  answered_at timestamptz,
  reason text CHECK (reason IN ('kept_by_law', 'rights_of_others', 'state_secret', 'inquiry', 'unfounded')),
  answer text CHECK (length(answer) BETWEEN 1 AND 2000),
  version int NOT NULL DEFAULT 1 CHECK (version >= 1),
  CHECK ((state IN ('done', 'refused')) = (answered_at IS NOT NULL)),
  CHECK ((state = 'received') = (replied_at IS NULL)),
  CHECK ((state = 'refused') = (reason IS NOT NULL))
);
-- One open request of a kind: whoever asks again waits for the answer to the first.
CREATE UNIQUE INDEX request_open ON privacy.request (citizen_id, kind) WHERE state IN ('received', 'accepted');
CREATE INDEX request_citizen ON privacy.request (citizen_id, asked_at DESC, id DESC);
CREATE INDEX request_asked ON privacy.request (asked_at DESC, id DESC);

-- The register of processing: what is processed why, on which ground, how long, who gets it, what goes abroad.
CREATE TABLE privacy.processing (
  code text COLLATE "C" PRIMARY KEY CHECK (code ~ '^[a-z][a-z_]{2,40}$'),
  purpose_vi text NOT NULL,
  purpose_en text NOT NULL,
  basis text NOT NULL,
  data text NOT NULL,
  retention text NOT NULL,
  recipients text NOT NULL,
  transfer text
);
INSERT INTO privacy.processing (code, purpose_vi, purpose_en, basis, data, retention, recipients, transfer) VALUES
  ('account', 'Tài khoản và xác minh số điện thoại', 'Accounts and proof of the phone number', 'the person''s own wish; public task',
   'identity at Keycloak, keyed digest of the number', 'until the account is deleted, 30 days after it was asked for', 'none', NULL),
  ('report', 'Tiếp nhận và xử lý phản ánh', 'Receiving and handling reports', 'public task (Decision 6372)',
   'text, place, files, category', 'kept as the city''s papers; without the person once the account is deleted', 'handling and supporting units; the channel that handed it in', NULL),
  ('contact', 'Liên hệ người phản ánh', 'Reaching who reported', 'the person''s own wish',
   'name, number, e-mail; sealed', 'until the person takes it away', 'a handler of the handling unit, one at a time, noted', NULL),
  ('push', 'Thông báo đẩy', 'Push notifications', 'consent',
   'device token, an opaque id', 'until sign-out or a dead token', 'Firebase Cloud Messaging', 'abroad: token and opaque id, no content'),
  ('message', 'Tin nhắn SMS và thư điện tử', 'SMS and e-mail', 'the person''s own wish',
   'number or address, text of the message', 'the text until it is sent or too old; its record 30 days', 'the SMS gateway, the mail server', NULL),
  ('audit', 'Nhật ký an toàn', 'The security log', 'law on cyber-information security, level 4',
   'pseudonym, action, network, time', 'at least 12 months; the pseudonym''s key until the account is deleted', 'the city''s security monitoring', NULL),
  ('ledger', 'Sổ truy cập', 'The access ledger', 'public task; the person''s right to know',
   'which role of which unit opened a report, on which day, why', 'with the report', 'the person', NULL),
  ('privacy', 'Đồng ý và yêu cầu của chủ thể dữ liệu', 'Consents and requests of data subjects', 'Law 91/2025/QH15',
   'what was agreed to and when; kind, dates and words of requests', 'records are kept as proof; words until the account is deleted', 'the data-protection officer', NULL);

ALTER TABLE privacy.consent_text ENABLE ROW LEVEL SECURITY;
ALTER TABLE privacy.consent_text FORCE ROW LEVEL SECURITY;
ALTER TABLE privacy.consent ENABLE ROW LEVEL SECURITY;
ALTER TABLE privacy.consent FORCE ROW LEVEL SECURITY;
ALTER TABLE privacy.clock ENABLE ROW LEVEL SECURITY;
ALTER TABLE privacy.clock FORCE ROW LEVEL SECURITY;
ALTER TABLE privacy.request ENABLE ROW LEVEL SECURITY;
ALTER TABLE privacy.request FORCE ROW LEVEL SECURITY;
ALTER TABLE privacy.processing ENABLE ROW LEVEL SECURITY;
ALTER TABLE privacy.processing FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON privacy.consent_text TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON privacy.consent TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON privacy.clock TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON privacy.request TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON privacy.processing TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY seen ON privacy.consent_text FOR SELECT TO backend_app USING (true);
CREATE POLICY seen ON privacy.clock FOR SELECT TO backend_app, backend_city USING (true);
CREATE POLICY own ON privacy.consent TO backend_app
  USING (citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid))
  WITH CHECK (citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid));
CREATE POLICY own_seen ON privacy.request FOR SELECT TO backend_app
  USING (citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid));
CREATE POLICY own_asked ON privacy.request FOR INSERT TO backend_app
  WITH CHECK (citizen_id = (SELECT nullif(current_setting('ioc.citizen', true), '')::uuid));
CREATE POLICY officer_seen ON privacy.request FOR SELECT TO backend_app, backend_city
  USING ((SELECT tenancy.protects_data()));
CREATE POLICY officer_answers ON privacy.request FOR UPDATE TO backend_app, backend_city
  USING ((SELECT tenancy.protects_data())) WITH CHECK ((SELECT tenancy.protects_data()));
CREATE POLICY officer_seen ON privacy.processing FOR SELECT TO backend_app, backend_city
  USING ((SELECT tenancy.protects_data()));

-- Who leaves: what was written goes, what is open has nobody to answer. That it was asked stays.
CREATE FUNCTION privacy.forget() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  UPDATE privacy.request r SET details = NULL, answer = NULL,
    replied_at = coalesce(r.replied_at, clock_timestamp()),
    answered_at = coalesce(r.answered_at, clock_timestamp()),
    state = CASE WHEN r.state = 'refused' THEN r.state ELSE 'done' END, version = r.version + 1
  WHERE r.citizen_id = NEW.id;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION privacy.forget FROM PUBLIC;
CREATE TRIGGER privacy_left AFTER UPDATE OF issuer ON citizens.citizen
  FOR EACH ROW WHEN (NEW.issuer = 'urn:ioc:deleted') EXECUTE FUNCTION privacy.forget();

GRANT USAGE ON SCHEMA privacy TO backend_app, backend_city;
GRANT SELECT ON privacy.consent_text TO backend_app;
GRANT SELECT, INSERT ON privacy.consent TO backend_app;
GRANT SELECT ON privacy.clock, privacy.processing TO backend_app, backend_city;
GRANT SELECT ON privacy.request TO backend_app, backend_city;
GRANT INSERT (id, citizen_id, kind, details, asked_at, reply_due_at, due_at) ON privacy.request TO backend_app;
GRANT UPDATE (state, due_at, extended, replied_at, answered_at, reason, answer, version) ON privacy.request
  TO backend_app, backend_city;
