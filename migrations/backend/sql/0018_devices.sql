-- Sessions (phiên) and devices (thiết bị): what a person sees of the own ones. A device is a key's thumbprint.

-- Keys that let nobody in any more for this person, for ever. Nobody reads or deletes them but identity.admit().
CREATE TABLE identity.blocked_key (
    iss        text COLLATE "C" NOT NULL,
    sub        text COLLATE "C" NOT NULL,
    jkt        text COLLATE "C" NOT NULL,
    blocked_at timestamptz      NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT blocked_key_pkey PRIMARY KEY (iss, sub, jkt)
);
GRANT INSERT (iss, sub, jkt) ON identity.blocked_key TO backend_app, backend_city;

-- An end of a person's sessions may leave one alone (`except_sid`), or be of one key alone (`jkt`): one row,
-- however many sessions there are, known to us or not.
ALTER TABLE identity.session_end
    ADD COLUMN except_sid text COLLATE "C",
    ADD COLUMN jkt        text COLLATE "C",
    ADD CONSTRAINT session_end_narrowed
      CHECK ((except_sid IS NULL AND jkt IS NULL) OR (sid IS NULL AND sub IS NOT NULL));
GRANT INSERT (except_sid, jkt) ON identity.session_end TO backend_app;
GRANT INSERT (event_id, iss, sid, sub, ended_at, cause, except_sid, jkt) ON identity.session_end TO backend_city;
GRANT SELECT (except_sid, jkt) ON identity.session_end TO backend_feed;

CREATE SCHEMA devices;
REVOKE ALL ON SCHEMA devices FROM PUBLIC;
GRANT USAGE ON SCHEMA devices TO backend_app, backend_city, backend_worker;

-- `person` is the citizen's or the official's id, as in ioc.subject. Moments of use are coarse: at most one
-- writing a session in 15 minutes. Where: the kind of network, and no more.
CREATE TABLE devices.device (
    id           uuid PRIMARY KEY,
    person       uuid             NOT NULL,
    iss          text COLLATE "C" NOT NULL,
    sub          text COLLATE "C" NOT NULL,
    jkt          text COLLATE "C" NOT NULL,
    name         text             NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    app          text             NOT NULL CHECK (length(app) BETWEEN 1 AND 128),
    version      text             CHECK (length(version) <= 20),
    platform     text             CHECK (length(platform) <= 60),
    first_use_at timestamptz      NOT NULL,
    last_use_at  timestamptz      NOT NULL,
    network      text             NOT NULL CHECK (network IN ('city', 'internet', 'unknown')),
    lost_at      timestamptz,
    CONSTRAINT device_key UNIQUE (iss, sub, jkt)
);
CREATE INDEX device_of_person ON devices.device (person, first_use_at DESC, id DESC);

-- `sid` is Keycloak's and never shown. One browser session may serve two keys: then it is two rows.
CREATE TABLE devices.session (
    id           uuid PRIMARY KEY,
    device_id    uuid             NOT NULL REFERENCES devices.device ON DELETE RESTRICT,
    person       uuid             NOT NULL,
    iss          text COLLATE "C" NOT NULL,
    sid          text COLLATE "C" NOT NULL,
    sub          text COLLATE "C" NOT NULL,
    jkt          text COLLATE "C" NOT NULL,
    acr          text             NOT NULL CHECK (acr IN ('aal1', 'aal2', 'aal3')),
    started_at   timestamptz      NOT NULL,
    first_use_at timestamptz      NOT NULL,
    last_use_at  timestamptz      NOT NULL,
    network      text             NOT NULL CHECK (network IN ('city', 'internet', 'unknown')),
    ended_at     timestamptz,
    CONSTRAINT session_key UNIQUE (iss, sid, jkt)
);
CREATE INDEX session_of_person ON devices.session (person, first_use_at DESC, id DESC) WHERE ended_at IS NULL;
CREATE INDEX session_of_subject ON devices.session (iss, sub) WHERE ended_at IS NULL;
CREATE INDEX session_of_device ON devices.session (device_id);
CREATE INDEX session_first_use ON devices.session (first_use_at);

ALTER TABLE devices.device ENABLE ROW LEVEL SECURITY;
ALTER TABLE devices.device FORCE ROW LEVEL SECURITY;
ALTER TABLE devices.session ENABLE ROW LEVEL SECURITY;
ALTER TABLE devices.session FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON devices.device TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON devices.session TO backend_owner USING (true) WITH CHECK (true);
CREATE POLICY own ON devices.device TO backend_app, backend_city
  USING (person = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid))
  WITH CHECK (person = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid));
CREATE POLICY own ON devices.session TO backend_app, backend_city
  USING (person = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid))
  WITH CHECK (person = (SELECT nullif(current_setting('ioc.subject', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE (name, app, version, platform, last_use_at, network, lost_at)
  ON devices.device TO backend_app, backend_city;
GRANT SELECT, INSERT, UPDATE (acr, last_use_at, network) ON devices.session TO backend_app, backend_city;

-- A session that was used a quarter of an hour after the last note. False: there is no note of it yet.
CREATE FUNCTION devices.touch(
    p_iss text, p_sid text, p_jkt text, p_acr text, p_network text, p_version text, p_platform text
) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
    v_device uuid;
BEGIN
    UPDATE devices.session s SET last_use_at = clock_timestamp(), acr = p_acr, network = p_network
    WHERE s.iss = p_iss AND s.sid = p_sid AND s.jkt = p_jkt
    RETURNING s.device_id INTO v_device;
    UPDATE devices.device d
    SET last_use_at = clock_timestamp(), network = p_network,
        version = coalesce(p_version, d.version), platform = coalesce(p_platform, d.platform)
    WHERE d.id = v_device;
    RETURN FOUND;
END
$$;

-- What ended is no longer listed, whoever told of the end. One person's rows; the end of a whole realm is looked
-- up when a list is made, by realm_end().
CREATE FUNCTION devices.end_rows() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
    IF NEW.sid IS NOT NULL THEN
        UPDATE devices.session s SET ended_at = NEW.ended_at
        WHERE s.iss = NEW.iss AND s.sid = NEW.sid AND s.ended_at IS NULL;
    ELSIF NEW.sub IS NOT NULL THEN
        UPDATE devices.session s SET ended_at = NEW.ended_at
        WHERE s.iss = NEW.iss AND s.sub = NEW.sub AND s.ended_at IS NULL AND s.started_at <= NEW.ended_at
          AND s.sid IS DISTINCT FROM NEW.except_sid AND (NEW.jkt IS NULL OR s.jkt = NEW.jkt);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER session_rows AFTER INSERT ON identity.session_end
    FOR EACH ROW EXECUTE FUNCTION devices.end_rows();

-- When all sessions of a realm were ended last; -infinity when they were not.
CREATE FUNCTION devices.realm_end(p_iss text) RETURNS timestamptz
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$
    SELECT coalesce(max(e.ended_at), '-infinity') FROM identity.session_end e
    WHERE e.iss = p_iss AND e.sub IS NULL AND e.sid IS NULL
$$;

-- Sessions after 30 days; devices that were not used for a year, unless they are lost.
CREATE FUNCTION devices.sweep() RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = ''
AS $$
    DELETE FROM devices.session s WHERE s.first_use_at < clock_timestamp() - interval '30 days';
    DELETE FROM devices.device d
    WHERE d.lost_at IS NULL AND d.last_use_at < clock_timestamp() - interval '1 year'
      AND NOT EXISTS (SELECT FROM devices.session s WHERE s.device_id = d.id);
$$;

-- A person who leaves takes sessions and devices along; blocked keys stay.
CREATE FUNCTION devices.forget_person(p_person uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = ''
AS $$
    DELETE FROM devices.session s WHERE s.person = p_person;
    DELETE FROM devices.device d WHERE d.person = p_person;
$$;

-- As in 0002, and: 'blocked' when the key is blocked for this person; 'due' when the use of the session on this
-- key is to be noted, which is at most once in 15 minutes.
CREATE OR REPLACE FUNCTION identity.admit(
    p_iss text, p_sub text, p_sid text, p_auth_time timestamptz, p_jkt text, p_jti text, p_iat timestamptz
) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
    v_started timestamptz;
    v_first   timestamptz;
BEGIN
    -- IS NOT TRUE, not >=: an unknown beginning lets nothing in.
    IF (p_iat >= identity.proofs_since()) IS NOT TRUE THEN
        RETURN 'too_old';
    END IF;
    INSERT INTO identity.proof_replay (jkt, jti) VALUES (p_jkt, p_jti) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN 'replayed';
    END IF;
    IF EXISTS (SELECT FROM identity.blocked_key b WHERE b.iss = p_iss AND b.sub = p_sub AND b.jkt = p_jkt) THEN
        RETURN 'blocked';
    END IF;
    SELECT s.started_at INTO v_first FROM identity.session_seen s WHERE s.iss = p_iss AND s.sid = p_sid;
    v_started := least(v_first, p_auth_time);
    IF EXISTS (SELECT FROM identity.session_end e WHERE e.iss = p_iss AND e.sid = p_sid)
       OR EXISTS (SELECT FROM identity.session_end e
                  WHERE e.iss = p_iss AND e.sub = p_sub AND e.sid IS NULL AND e.ended_at >= v_started
                    AND e.except_sid IS DISTINCT FROM p_sid AND (e.jkt IS NULL OR e.jkt = p_jkt))
       OR EXISTS (SELECT FROM identity.session_end e
                  WHERE e.iss = p_iss AND e.sub IS NULL AND e.sid IS NULL AND e.ended_at >= v_started)
    THEN
        RETURN 'ended';
    END IF;
    IF v_first IS NULL THEN
        RETURN 'unseen';
    END IF;
    IF EXISTS (SELECT FROM devices.session s
               WHERE s.iss = p_iss AND s.sid = p_sid AND s.jkt = p_jkt
                 AND s.last_use_at > clock_timestamp() - interval '15 minutes') THEN
        RETURN 'known';
    END IF;
    RETURN 'due';
END
$$;

REVOKE ALL ON FUNCTION devices.touch(text, text, text, text, text, text, text), devices.end_rows(),
    devices.realm_end(text), devices.sweep(), devices.forget_person(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION devices.touch(text, text, text, text, text, text, text) TO backend_app;
GRANT EXECUTE ON FUNCTION devices.realm_end(text) TO backend_app, backend_city;
GRANT EXECUTE ON FUNCTION devices.sweep() TO backend_worker;
GRANT EXECUTE ON FUNCTION devices.forget_person(uuid) TO backend_app, backend_worker;
