-- The vault's own second factor: a TOTP (RFC 6238) of a person on a device, shown on another device than that.
-- Who may do what: the vault reads the factor of the device whose call this transaction is, raises its step, counts
-- failures and notes what was presented. A factor is made by a function alone: whose code counts is the ceremony's word.
CREATE SCHEMA second_factor;
REVOKE ALL ON SCHEMA second_factor FROM PUBLIC;
GRANT USAGE ON SCHEMA second_factor TO vault_app;

-- `sealed` opens under a name that holds id, sub and jkt, so a row under another person or device opens nothing.
-- `last_step` is the newest 30 s step (Unix time / 30) whose code was taken: no code at or before it is taken again.
CREATE TABLE second_factor.factor (
    id        uuid        PRIMARY KEY,
    sub       text        NOT NULL CHECK (octet_length(sub) BETWEEN 1 AND 255),
    jkt       text        NOT NULL CHECK (jkt ~ '^[A-Za-z0-9_-]{43}$'),
    sealed    bytea       NOT NULL CHECK (octet_length(sealed) BETWEEN 1 AND 1024),
    last_step bigint      NOT NULL DEFAULT 0 CHECK (last_step >= 0),
    issued_at timestamptz NOT NULL,
    UNIQUE (sub, jkt)
);

-- Also for who has no factor: the same is done then, so that nobody who watches the time learns it.
CREATE TABLE second_factor.attempt (
    sub          text        NOT NULL CHECK (octet_length(sub) BETWEEN 1 AND 255),
    jkt          text        NOT NULL CHECK (jkt ~ '^[A-Za-z0-9_-]{43}$'),
    failures     integer     NOT NULL DEFAULT 0 CHECK (failures >= 0),
    tried_at     timestamptz NOT NULL,
    locked_until timestamptz,
    PRIMARY KEY (sub, jkt)
);
CREATE INDEX attempt_tried ON second_factor.attempt (tried_at);

-- What a code was presented for. It goes with its factor: a code of a replaced one counts for nothing.
CREATE TABLE second_factor.presented (
    factor  uuid        NOT NULL REFERENCES second_factor.factor ON DELETE CASCADE,
    step    bigint      NOT NULL CHECK (step > 0),
    sid     text        NOT NULL CHECK (octet_length(sid) BETWEEN 1 AND 255),
    class   smallint    NOT NULL CHECK (class BETWEEN 2 AND 3),
    at      timestamptz NOT NULL,
    PRIMARY KEY (factor, step)
);
CREATE INDEX presented_at ON second_factor.presented (at);

ALTER TABLE second_factor.factor ENABLE ROW LEVEL SECURITY;
ALTER TABLE second_factor.factor FORCE ROW LEVEL SECURITY;
ALTER TABLE second_factor.attempt ENABLE ROW LEVEL SECURITY;
ALTER TABLE second_factor.attempt FORCE ROW LEVEL SECURITY;
ALTER TABLE second_factor.presented ENABLE ROW LEVEL SECURITY;
ALTER TABLE second_factor.presented FORCE ROW LEVEL SECURITY;

CREATE POLICY own_device_looks ON second_factor.factor FOR SELECT TO vault_app
    USING (jkt = nullif(current_setting('ioc.device', true), ''));
CREATE POLICY own_device_rises ON second_factor.factor FOR UPDATE TO vault_app
    USING (jkt = nullif(current_setting('ioc.device', true), ''));
CREATE POLICY own_device ON second_factor.attempt FOR ALL TO vault_app
    USING (jkt = nullif(current_setting('ioc.device', true), ''));
-- The factor is looked up under its own policy, so this is of the device's own factors too.
CREATE POLICY own_factor_looks ON second_factor.presented FOR SELECT TO vault_app
    USING (factor IN (SELECT f.id FROM second_factor.factor f));
CREATE POLICY own_factor_notes ON second_factor.presented FOR INSERT TO vault_app
    WITH CHECK (factor IN (SELECT f.id FROM second_factor.factor f));
-- Forced, so the functions below need policies too.
CREATE POLICY issues ON second_factor.factor FOR ALL TO vault_owner USING (true);
CREATE POLICY settles ON second_factor.attempt FOR ALL TO vault_owner USING (true);
CREATE POLICY sweeps ON second_factor.presented FOR ALL TO vault_owner USING (at < now() - interval '1 hour');

GRANT SELECT (id, sub, jkt, sealed, last_step), UPDATE (last_step) ON second_factor.factor TO vault_app;
GRANT SELECT, INSERT (sub, jkt, tried_at), UPDATE (failures, tried_at, locked_until)
    ON second_factor.attempt TO vault_app;
GRANT SELECT, INSERT ON second_factor.presented TO vault_app;

-- A step never falls, whatever the vault's code does.
CREATE FUNCTION second_factor.step_rises() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF NEW.last_step <= OLD.last_step THEN
        RAISE EXCEPTION 'a step only rises' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER step_rises BEFORE UPDATE ON second_factor.factor
    FOR EACH ROW EXECUTE FUNCTION second_factor.step_rises();

-- A new factor takes the place of the one before, with what was presented by it and what failed.
CREATE FUNCTION second_factor.issue(new_id uuid, person text, device text, sealed_secret bytea, moment timestamptz)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    DELETE FROM second_factor.attempt a WHERE a.sub = person AND a.jkt = device;
    DELETE FROM second_factor.factor f WHERE f.sub = person AND f.jkt = device;
    INSERT INTO second_factor.factor (id, sub, jkt, sealed, issued_at)
    VALUES (new_id, person, device, sealed_secret, moment);
$$;

-- What was presented counts for 15 minutes at most. Failures of who has a factor stay until a code is right.
CREATE FUNCTION second_factor.sweep() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    WITH shown AS (DELETE FROM second_factor.presented p WHERE p.at < now() - interval '1 hour' RETURNING 1),
    tried AS (
        DELETE FROM second_factor.attempt a
        WHERE a.tried_at < now() - interval '1 day'
            AND NOT EXISTS (SELECT FROM second_factor.factor f WHERE (f.sub, f.jkt) = (a.sub, a.jkt))
        RETURNING 1)
    SELECT (SELECT count(*) FROM shown) + (SELECT count(*) FROM tried)
$$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA second_factor FROM PUBLIC;
GRANT EXECUTE ON FUNCTION second_factor.issue(uuid, text, text, bytea, timestamptz), second_factor.sweep() TO vault_app;
