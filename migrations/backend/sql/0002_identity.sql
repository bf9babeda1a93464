-- Identity: what must be remembered to let a session in once more, and never again once it has ended.
-- Who may do what: app calls admit() and notes first uses and logouts that Keycloak tells it; the directory notes
-- ends of sessions and keeps its cursors; nobody reads or deletes ends, so none can be hidden.
CREATE SCHEMA identity;
REVOKE ALL ON SCHEMA identity FROM PUBLIC;
GRANT USAGE ON SCHEMA identity TO backend_app, backend_city, backend_worker, backend_directory;

-- Proofs seen (RFC 9449, 11.1). UNLOGGED: emptied by a crash, and with it `proof_epoch`, so that whoever comes
-- next writes a new `since` and older proofs, which may have been used, are refused.
CREATE UNLOGGED TABLE identity.proof_replay (
    jkt     text COLLATE "C" NOT NULL,
    jti     text COLLATE "C" NOT NULL,
    seen_at timestamptz      NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT proof_replay_pkey PRIMARY KEY (jkt, jti)
);
CREATE INDEX proof_replay_seen_at ON identity.proof_replay (seen_at);

CREATE UNLOGGED TABLE identity.proof_epoch (
    only_row boolean     NOT NULL DEFAULT true,
    since    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT proof_epoch_pkey PRIMARY KEY (only_row),
    CONSTRAINT proof_epoch_one_row CHECK (only_row)
);

-- The first use of a session, in the transaction of its audit event. `started_at` is the sign-in that was first
-- seen: a later step-up moves a token's auth_time, but not the session's beginning.
CREATE TABLE identity.session_seen (
    iss        text COLLATE "C" NOT NULL,
    sid        text COLLATE "C" NOT NULL,
    sub        text COLLATE "C" NOT NULL,
    started_at timestamptz      NOT NULL,
    seen_at    timestamptz      NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT session_seen_pkey PRIMARY KEY (iss, sid)
);
GRANT INSERT (iss, sid, sub, started_at) ON identity.session_seen TO backend_app, backend_city;

-- Ends of sessions. sid: that session. sub alone: all of a person's sessions begun until `ended_at`.
-- Neither: all of the realm's. `event_id` is the source's own, so that reading twice notes once.
CREATE TABLE identity.session_end (
    event_id    text COLLATE "C" NOT NULL,
    iss         text COLLATE "C" NOT NULL,
    sid         text COLLATE "C",
    sub         text COLLATE "C",
    ended_at    timestamptz      NOT NULL,
    cause       text             NOT NULL,
    recorded_at timestamptz      NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT session_end_pkey PRIMARY KEY (event_id)
);
CREATE INDEX session_end_sid ON identity.session_end (iss, sid) WHERE sid IS NOT NULL;
CREATE INDEX session_end_sub ON identity.session_end (iss, sub, ended_at) WHERE sid IS NULL AND sub IS NOT NULL;
CREATE INDEX session_end_all ON identity.session_end (iss, ended_at) WHERE sid IS NULL AND sub IS NULL;
GRANT INSERT (event_id, iss, sid, sub, ended_at, cause) ON identity.session_end TO backend_app, backend_directory;

-- How far the directory has read each realm's user and admin events.
CREATE TABLE identity.event_cursor (
    iss    text COLLATE "C" NOT NULL,
    kind   text             NOT NULL,
    newest timestamptz      NOT NULL,
    CONSTRAINT event_cursor_pkey PRIMARY KEY (iss, kind),
    CONSTRAINT event_cursor_kind CHECK (kind IN ('user', 'admin'))
);
GRANT SELECT, INSERT, UPDATE (newest) ON identity.event_cursor TO backend_directory;

-- The beginning of what proof_replay remembers; written by whoever finds none.
CREATE FUNCTION identity.proofs_since() RETURNS timestamptz
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
    v_since timestamptz;
BEGIN
    SELECT e.since INTO v_since FROM identity.proof_epoch e;
    IF v_since IS NULL THEN
        INSERT INTO identity.proof_epoch DEFAULT VALUES ON CONFLICT DO NOTHING;
        SELECT e.since INTO v_since FROM identity.proof_epoch e;
    END IF;
    RETURN v_since;
END
$$;

-- One round trip of a request: is the proof new, and does the session live? Answers 'known' or 'unseen' (let in,
-- the latter when no first use is noted), 'too_old', 'replayed' or 'ended'.
CREATE FUNCTION identity.admit(
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
    SELECT s.started_at INTO v_first FROM identity.session_seen s WHERE s.iss = p_iss AND s.sid = p_sid;
    v_started := least(v_first, p_auth_time);
    IF EXISTS (SELECT FROM identity.session_end e WHERE e.iss = p_iss AND e.sid = p_sid)
       OR EXISTS (SELECT FROM identity.session_end e
                  WHERE e.iss = p_iss AND e.sub = p_sub AND e.sid IS NULL AND e.ended_at >= v_started)
       OR EXISTS (SELECT FROM identity.session_end e
                  WHERE e.iss = p_iss AND e.sub IS NULL AND e.sid IS NULL AND e.ended_at >= v_started)
    THEN
        RETURN 'ended';
    END IF;
    RETURN CASE WHEN v_first IS NULL THEN 'unseen' ELSE 'known' END;
END
$$;

-- Forgets what can't matter any more: proofs after 150 s, sessions and their ends after two days (a session
-- lives 10 h at most).
CREATE FUNCTION identity.sweep() RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = ''
AS $$
    DELETE FROM identity.proof_replay WHERE seen_at < clock_timestamp() - interval '150 seconds';
    DELETE FROM identity.session_seen WHERE seen_at < clock_timestamp() - interval '2 days';
    DELETE FROM identity.session_end WHERE recorded_at < clock_timestamp() - interval '2 days';
$$;

REVOKE ALL ON FUNCTION identity.proofs_since(), identity.sweep(),
    identity.admit(text, text, text, timestamptz, text, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION identity.admit(text, text, text, timestamptz, text, text, timestamptz) TO backend_app;
GRANT EXECUTE ON FUNCTION identity.proofs_since(), identity.sweep() TO backend_app;
